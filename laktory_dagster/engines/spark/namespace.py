"""The frame functions of the `laktory.` namespace."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pyspark.sql import Column, Window
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql import types as st

from laktory_dagster.engines.namespace import (
    THEIRS,
    aggregate_parts,
    join_keys,
    listed,
    refuse_conditions,
)
from laktory_dagster.engines.spark.dedupe import dedupe
from laktory_dagster.engines.spark.expressions import compile_condition, is_column
from laktory_dagster.engines.spark.portable import as_column, join_kind, require_columns
from laktory_dagster.engines.spark.problems import missing_column
from laktory_dagster.engines.spark.schemas import portable
from laktory_dagster.engines.spark.scope import Scope, column
from laktory_dagster.errors import TransformError


def _column(value: Any, scope: Scope) -> Column:
    """Return a column: an expression, the name of a column, or SQL."""
    if isinstance(value, str) and value not in scope.names:
        return compile_condition(value, scope)
    return as_column(value, scope.names)


def groupby_and_agg(
    frame: Any,
    scope: Scope,
    groupby_columns: Any = None,
    agg_expressions: Any = None,
    groupby_window: Any = None,
) -> Any:
    """Return a row for each group with the aggregates under their names.

    Args:
        frame: the rows.
        scope: what the step knows.
        groupby_columns: names or expressions of the keys; without any all rows are one group.
        agg_expressions: an expression, `{name, expr}` or `{name, sql_expr}` for each aggregate; one
            without `name` goes by the name that its expression has.
        groupby_window: `{time_column_name, window_duration, slide_duration}` of a time window.

    Raises:
        TransformError: an aggregate has no expression.
    """
    keys = [_column(key, scope) for key in listed(groupby_columns)]
    if groupby_window is not None:
        keys = [_window(groupby_window), *keys]
    aggregates = [_aggregate(item, scope) for item in listed(agg_expressions)]
    if not aggregates:
        return frame.select(*keys).distinct()
    return frame.groupBy(*keys).agg(*aggregates)


def _window(window: Any) -> Column:
    if not isinstance(window, Mapping):
        raise TransformError(
            "`groupby_window` is not text",
            expected="{time_column_name: at, window_duration: 1 hour}",
        )
    slide = window.get("slide_duration")
    times = [window["window_duration"], *([slide] if slide else [])]
    found: Column = F.window(column(window["time_column_name"]), *times)
    return found


def _aggregate(item: Any, scope: Scope) -> Column:
    value, name = aggregate_parts(item)
    found = _column(value, scope)
    return found if name is None else found.alias(name)


def smart_join(
    frame: Any,
    scope: Scope,
    other: Any,
    how: str = "left",
    on: Any = None,
    left_on: Any = None,
    other_on: Any = None,
    coalesce: bool = False,
    on_expression: Any = None,
    left_watermark: Any = None,
    other_watermark: Any = None,
    time_constraint_interval_lower: Any = None,
    time_constraint_interval_upper: Any = None,
) -> Any:
    """Return the frame with columns of another one, whose rows with the same key count once.

    Columns of the left frame keep their places, those of the other follow. A left row never comes
    twice. With `coalesce` a column that both have is the left value, else the other's; without it
    the other's is named with `_right`.

    Raises:
        TransformError: a key is not there, or a condition is given that only streams take.
    """
    refuse_conditions(on_expression, time_constraint_interval_lower, time_constraint_interval_upper)
    left_keys, other_keys = join_keys(on, left_on, other_on)
    require_columns(frame, left_keys)
    require_columns(other, other_keys)
    right = dedupe(other, other_keys, None, "first")
    # A column of the other that is called like a key here makes room for it.
    taken = [name for name in right.columns if name in left_keys and name not in other_keys]
    renamed = right.withColumnsRenamed({name: f"{name}{THEIRS}" for name in taken})
    renamed = renamed.withColumnsRenamed(dict(zip(other_keys, left_keys, strict=True)))
    kind = join_kind(how)
    if kind in ("leftsemi", "leftanti"):
        kept = frame.join(renamed, on=left_keys, how=kind)
        return kept.select(*[column(name) for name in scope.names])
    twins = [name for name in renamed.columns if name in frame.columns and name not in left_keys]
    renamed = renamed.withColumnsRenamed({name: f"{name}{THEIRS}" for name in twins})
    joined = frame.join(renamed, on=left_keys, how=kind)
    return _arranged(joined, scope.names, [*taken, *twins] if coalesce else [])


def _arranged(joined: Any, left: Sequence[str], merged: Sequence[str]) -> Any:
    """Return the columns of the left frame first, coalesced with the other's where that is asked."""
    columns = [
        F.coalesce(column(name), column(f"{name}{THEIRS}")).alias(name)
        if name in merged
        else column(name)
        for name in left
    ]
    gone = {f"{name}{THEIRS}" for name in merged}
    others = [column(n) for n in joined.columns if n not in left and n not in gone]
    return joined.select(*columns, *others)


def window_filter(
    frame: Any,
    scope: Scope,
    partition_by: Any,
    order_by: Any = None,
    drop_row_index: bool = True,
    row_index_name: str = "_row_index",
    rows_to_keep: int = 1,
) -> Any:
    """Return the first rows of each group in an order; their numbers stay if asked for.

    Numbers start at 0, or at 1 where `order_by` is in the older schema's form, as they do there.
    Ties are broken by the remaining columns, so that the same rows are kept every time.
    """
    start = int(order_by is None or any(isinstance(o, Mapping) for o in listed(order_by)))
    numbered = with_row_index(frame, scope, row_index_name, order_by, partition_by, offset=start)
    kept = numbered.filter(column(row_index_name) < rows_to_keep + start)
    return kept.drop(row_index_name) if drop_row_index else kept


def with_row_index(
    frame: Any,
    scope: Scope,
    name: str = "index",
    order_by: Any = None,
    partition_by: Any = None,
    offset: int = 0,
) -> Any:
    """Return the frame with a last column that numbers rows from `offset`, in each group if named.

    With an order rows are numbered in it, and by the remaining columns where they are equal.
    """
    groups = [_column(key, scope) for key in listed(partition_by)]
    orders = [_order(item, scope) for item in listed(order_by)]
    ties = [column(c).asc_nulls_last() for c in scope.names] if orders else []
    if not orders:
        orders = [F.monotonically_increasing_id()]
    window = Window.partitionBy(*(groups or [F.lit(0)])).orderBy(*orders, *ties)
    number = F.row_number().over(window) + F.lit(offset - 1)
    return frame.withColumn(name, number.cast("long"))


def _order(item: Any, scope: Scope) -> Column:
    """Return one item of an order: a column, or `{sql_expression, desc}`."""
    if is_column(item):
        found: Column = item
        return found
    descending = False
    if isinstance(item, Mapping):
        descending = bool(item.get("desc", False))
        item = next(
            (item[key] for key in ("sql_expression", "sql_expr", "expr") if key in item), None
        )
        if item is None:
            raise TransformError(
                "an item of `order_by` names no column", expected="{sql_expression: a, desc: true}"
            )
    made = _column(item, scope)
    return made.desc() if descending else made.asc()


def union(frame: Any, scope: Scope, other: Any) -> Any:
    """Return the rows of both frames, columns by name; a column that one has not is null there."""
    return frame.unionByName(other, allowMissingColumns=True)


def has_column(frame: Any, scope: Scope, col: str) -> Any:
    """Return the frame as it is, if it has a column or a field (`a.b`, `a[*].b`).

    Raises:
        TransformError: it has not.
    """
    names = flat_names(scope.schema)
    if col.replace("`", "") not in names:
        raise missing_column(col, names)
    return frame


def flat_names(schema: st.StructType) -> list[str]:
    """Return the names of all columns and fields: `a`, `a.b`, `c[*].d` inside of lists."""
    names: list[str] = []
    for field in schema.fields:
        names.append(field.name)
        inner, path = field.dataType, field.name
        while isinstance(inner, st.ArrayType):
            inner, path = inner.elementType, f"{path}[*]"
        if isinstance(inner, st.StructType):
            names += [f"{path}.{name}" for name in flat_names(inner)]
    return names


def schema_flat(frame: Any, scope: Scope) -> Any:
    """Return the names of all columns and fields as rows of one column, `column`."""
    rows = [(name,) for name in flat_names(scope.schema)]
    return frame.sparkSession.createDataFrame(rows, "column string")


def signature(frame: Any, scope: Scope) -> Any:
    """Return the columns as rows of `column` and `type`, in portable spelling."""
    rows = [(field.name, portable(field.dataType)) for field in scope.schema.fields]
    return frame.sparkSession.createDataFrame(rows, "column string, type string")


def unchanged(frame: Any, scope: Scope, *_: Any, **__: Any) -> Any:
    """Return the frame as it is: the function prints, or is about the state of streams."""
    return frame


FRAME_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "laktory.display": unchanged,
    "laktory.groupby_and_agg": groupby_and_agg,
    "laktory.has_column": has_column,
    "laktory.schema_flat": schema_flat,
    "laktory.show_string": unchanged,
    "laktory.signature": signature,
    "laktory.smart_join": smart_join,
    "laktory.union": union,
    "laktory.watermark": unchanged,
    "laktory.window_filter": window_filter,
    "laktory.with_row_index": with_row_index,
}
"""The functions by the name that `func_name` uses."""
