"""What a step knows: the columns before it, the SQL dialect, the run's logical time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from laktory_dagster.engines.polars.scope import Scope


@dataclass(frozen=True)
class StepScope:
    """The dialect of a step's SQL texts, the logical time, and the columns of its frame."""

    dialect: str
    moment: datetime
    schema: pl.Schema

    def scope(self) -> Scope:
        """Return what expressions are compiled for."""
        return Scope(self.moment, self.schema)
