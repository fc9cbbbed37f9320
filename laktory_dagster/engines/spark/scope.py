"""What a step knows while its expressions are made: the frame, the dialect, the present time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812 - the name that everybody uses
from pyspark.sql import types as st

from laktory_dagster.engines.columns import quoted


@dataclass(frozen=True)
class Scope:
    """A frame with the SQL dialect of its node and the logical time (UTC) of the run."""

    frame: Any
    dialect: str
    moment: datetime

    @property
    def schema(self) -> st.StructType:
        """Return the columns of the frame."""
        schema: st.StructType = self.frame.schema
        return schema

    @property
    def names(self) -> list[str]:
        """Return the names of the columns."""
        return list(self.frame.columns)

    def now(self) -> Column:
        """Return the present time: one constant, the logical time of the run."""
        return F.lit(self.moment).cast("timestamp")

    def with_frame(self, frame: Any) -> Scope:
        """Return the same for another frame."""
        return Scope(frame, self.dialect, self.moment)


def column(name: str) -> Column:
    """Return the column of exactly this name, whatever characters it has."""
    return F.col(quoted(name))
