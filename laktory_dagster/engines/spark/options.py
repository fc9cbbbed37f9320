"""What a source does with its rows, in the one order of every engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812

from laktory_dagster.engines.spark.dedupe import dedupe
from laktory_dagster.engines.spark.expressions import compile_condition, compile_sql
from laktory_dagster.engines.spark.scope import Scope, column
from laktory_dagster.errors import ReadError
from laktory_dagster.expressions.python import parse_argument
from laktory_dagster.expressions.sql import parse_sql_expression
from laktory_dagster.expressions.suggest import hint_for
from laktory_dagster.models.sources import Dedupe, DedupeOptions, SourceOptions


def apply_options(
    frame: Any, source: SourceOptions, dialect: str, moment: datetime | None = None
) -> Any:
    """Return the frame after the options, in the order in which the model lists them.

    `watermark` changes nothing: no state is kept between batches.

    Raises:
        ReadError: a column is not there.
    """
    scope = Scope(frame, dialect, moment or datetime.now(UTC))
    if source.filter is not None:
        frame = _filter(frame, source.filter, scope)
    if source.selects is not None:
        frame = _select(frame, source.selects, scope)
    if source.renames:
        _require(frame, source.renames, "renames")
        frame = frame.withColumnsRenamed(dict(source.renames))
    if source.drops:
        frame = frame.drop(*source.drops)
    if source.drop_duplicates:
        frame = _dedupe(frame, source.drop_duplicates)
    if source.sample is not None:
        frame = frame.sample(fraction=source.sample.fraction, seed=source.sample.seed or 0)
    if source.limit is not None:
        frame = frame.limit(source.limit)
    return F.broadcast(frame) if source.broadcast else frame


def _filter(frame: Any, text: str, scope: Scope) -> Any:
    parsed = parse_argument(text) or parse_sql_expression(text, scope.dialect)
    if parsed.columns is not None:
        _require(frame, sorted(parsed.columns), "filter")
    return frame.filter(compile_condition(text, scope))


def _require(frame: Any, names: Sequence[str] | Mapping[str, str], what: str) -> None:
    have = frame.columns
    missing = next((name for name in names if name not in have), None)
    if missing is not None:
        raise ReadError(
            f"`{what}` names the column `{missing}`, which the source does not have",
            expected=f"one of {', '.join(have)}",
            hint=hint_for(missing, have),
        )


def _select(frame: Any, selects: Sequence[str] | Mapping[str, str], scope: Scope) -> Any:
    columns = [_column(frame, name, scope) for name in selects]
    if isinstance(selects, Mapping):
        columns = [c.alias(new) for c, new in zip(columns, selects.values(), strict=True)]
    return frame.select(*columns)


def _column(frame: Any, name: str, scope: Scope) -> Column:
    """Return a column, a field of a struct (`a.b`), or an SQL expression with its alias."""
    have = frame.columns
    if name in have:
        return column(name)
    if name == "*":
        return F.col("*")
    head, *fields = name.split(".")
    if fields and head in have and all(field.isidentifier() for field in fields):
        found = column(head)
        for field in fields:
            found = found.getField(field)
        return found.alias(fields[-1])
    if name.replace("_", "a").replace("-", "a").isalnum():
        _require(frame, [name], "selects")
    return compile_sql(name, scope)


def _dedupe(frame: Any, wanted: Dedupe) -> Any:
    if isinstance(wanted, DedupeOptions):
        subset, keep = wanted.subset, wanted.keep
    else:
        subset, keep = (() if wanted is True else tuple(wanted)), "first"  # type: ignore[arg-type]
    if subset:
        _require(frame, subset, "drop_duplicates")
    return dedupe(frame, subset, None, keep)
