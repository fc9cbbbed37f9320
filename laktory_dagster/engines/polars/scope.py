"""What an expression is compiled for: a frame's columns, where they are known, and a moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from laktory_dagster.engines.polars.casts import cast_to, cast_unknown


@dataclass(frozen=True)
class Scope:
    """The run's logical time (UTC) and the columns of the frame; None when they are not known."""

    moment: datetime
    schema: pl.Schema | None = None

    @classmethod
    def of(cls, moment: datetime | None, schema: pl.Schema | None = None) -> Scope:
        """Return the scope; without a moment the present one counts."""
        return cls(moment or datetime.now(UTC), schema)

    def type_of(self, value: pl.Expr) -> pl.DataType | None:
        """Return the type of an expression, None when it cannot be known."""
        if self.schema is None:
            return None
        columns = dict(self.schema)
        if not value.meta.has_multiple_outputs():
            # It reads few of what may be a thousand columns, which take their time.
            names = value.meta.root_names()
            columns = {name: columns[name] for name in names if name in columns}
        try:
            named = pl.LazyFrame(schema=columns).select(value.alias("value"))
            return named.collect_schema()["value"]
        except pl.exceptions.PolarsError:
            return None

    def cast(self, value: pl.Expr, target: pl.DataType) -> pl.Expr:
        """Return the value as another type; what does not fit is null."""
        source = self.type_of(value)
        return cast_unknown(value, target) if source is None else cast_to(value, source, target)

    def now(self) -> pl.Expr:
        """Return the moment as a constant, in microseconds and UTC."""
        moment = self.moment if self.moment.tzinfo else self.moment.replace(tzinfo=UTC)
        return pl.lit(moment.astimezone(UTC)).cast(pl.Datetime("us", "UTC"))
