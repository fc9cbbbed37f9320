"""What a source does with its rows, in the one order of every engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import polars as pl

from laktory_dagster.engines.polars.dedupe import dedupe
from laktory_dagster.engines.polars.expressions import compile_condition, compile_sql
from laktory_dagster.errors import ReadError
from laktory_dagster.expressions.suggest import hint_for
from laktory_dagster.models.sources import Dedupe, DedupeOptions, Sample, SourceOptions

_ROW = "__laktory_row"


def apply_options(
    frame: pl.LazyFrame, source: SourceOptions, dialect: str, moment: datetime | None = None
) -> pl.LazyFrame:
    """Return the frame after the options, in the order in which the model lists them.

    `watermark` and `broadcast` change nothing on one machine.

    Raises:
        ReadError: a column is not there.
    """
    if source.filter is not None:
        frame = _filter(frame, source.filter, dialect, moment)
    if source.selects is not None:
        frame = _select(frame, source.selects, dialect, moment)
    if source.renames:
        _require(frame, source.renames, "renames")
        frame = frame.rename(source.renames)
    if source.drops:
        frame = frame.drop(source.drops, strict=False)
    if source.drop_duplicates:
        frame = _dedupe(frame, source.drop_duplicates)
    if source.sample is not None:
        frame = _sample(frame, source.sample)
    if source.limit is not None:
        frame = frame.head(source.limit)
    return frame


def _filter(frame: pl.LazyFrame, text: str, dialect: str, moment: datetime | None) -> pl.LazyFrame:
    schema = frame.collect_schema()
    condition = compile_condition(text, dialect, moment, schema)
    _require(frame, condition.meta.root_names(), "filter")
    return frame.filter(condition)


def _require(frame: pl.LazyFrame, names: Sequence[str] | Mapping[str, str], what: str) -> None:
    have = frame.collect_schema().names()
    missing = next((name for name in names if name not in have), None)
    if missing is not None:
        raise ReadError(
            f"`{what}` names the column `{missing}`, which the source does not have",
            expected=f"one of {', '.join(have)}",
            hint=hint_for(missing, have),
        )


def _select(
    frame: pl.LazyFrame,
    selects: Sequence[str] | Mapping[str, str],
    dialect: str,
    moment: datetime | None,
) -> pl.LazyFrame:
    columns = [_column(frame, name, dialect, moment) for name in selects]
    if isinstance(selects, Mapping):
        columns = [c.alias(new) for c, new in zip(columns, selects.values(), strict=True)]
    # A bare `select` of constants gives one row, however many the source has.
    named = {column.meta.output_name(): column for column in columns if _is_constant(column)}
    if not named or len(named) < len(columns):
        return frame.select(columns)
    rows = frame.select(pl.int_range(pl.len()).alias(_ROW))
    return rows.with_columns(**named).drop(_ROW)


def _is_constant(column: pl.Expr) -> bool:
    meta = column.meta
    return not (meta.has_multiple_outputs() or meta.root_names() or "len()" in str(column))


def _column(frame: pl.LazyFrame, name: str, dialect: str, moment: datetime | None) -> pl.Expr:
    """Return a column, a field of a struct (`a.b`), or an SQL expression with its alias."""
    schema = frame.collect_schema()
    if name in schema:
        return pl.col(name)
    if name == "*":
        return pl.all()
    head, *fields = name.split(".")
    if fields and head in schema and all(field.isidentifier() for field in fields):
        return _nested(name, schema[head])
    if name.replace("_", "a").replace("-", "a").isalnum():
        _require(frame, [name], "selects")
    return compile_sql(name, dialect, moment)


def _nested(name: str, kind: pl.DataType) -> pl.Expr:
    """Return a field of a struct. Raises ReadError where it is not there."""
    head, *fields = name.split(".")
    column = pl.col(head)
    for field in fields:
        have = pl.Schema(kind.to_schema() if isinstance(kind, pl.Struct) else {})
        if field not in have:
            raise ReadError(
                f"`selects` names the field `{name}`, and there is no `{field}`",
                expected=f"one of {', '.join(have)}" if have else "a column with fields",
                hint=hint_for(field, list(have)),
            )
        column, kind = column.struct.field(field), have[field]
    return column.alias(fields[-1])


def _dedupe(frame: pl.LazyFrame, wanted: Dedupe) -> pl.LazyFrame:
    if isinstance(wanted, DedupeOptions):
        subset, keep = wanted.subset, wanted.keep
    else:
        subset, keep = (() if wanted is True else tuple(wanted)), "first"  # type: ignore[arg-type]
    if subset:
        _require(frame, subset, "drop_duplicates")
    return dedupe(frame, subset, None, keep)


def _sample(frame: pl.LazyFrame, sample: Sample) -> pl.LazyFrame:
    """Keep a share of the rows by a hash of their number, so that a seed repeats the choice."""
    keep = pl.col(_ROW).hash(sample.seed or 0) / float(2**64) < sample.fraction
    return frame.with_row_index(_ROW).filter(keep).drop(_ROW)
