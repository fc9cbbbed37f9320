"""The frame functions of the `laktory.` namespace."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl
from sqlglot import exp

from laktory_dagster.engines.namespace import (
    THEIRS,
    aggregate_parts,
    join_keys,
    listed,
    refuse_conditions,
)
from laktory_dagster.engines.polars.dedupe import dedupe
from laktory_dagster.engines.polars.groups import sql_column
from laktory_dagster.engines.polars.portable_joins import (
    join_by_keys,
    join_kind,
    require_columns,
)
from laktory_dagster.engines.polars.problems import missing_column
from laktory_dagster.engines.polars.schemas import portable
from laktory_dagster.engines.polars.spark_names import Ordering, as_column
from laktory_dagster.engines.polars.steps import StepScope
from laktory_dagster.errors import TransformError
from laktory_dagster.expressions.sql import parse_sql_expression


def _column(value: Any, scope: StepScope) -> pl.Expr:
    """Return a column: an expression, the name of a column, or SQL."""
    if isinstance(value, pl.Expr):
        return value
    if isinstance(value, str) and value not in scope.schema:
        return sql_column(value, scope)
    column: pl.Expr = pl.col(value) if isinstance(value, str) else as_column(value)
    return column


def groupby_and_agg(
    frame: pl.LazyFrame,
    scope: StepScope,
    groupby_columns: Any = None,
    agg_expressions: Any = None,
    groupby_window: Any = None,
) -> pl.LazyFrame:
    """Return a row for each group with the aggregates under their names.

    Args:
        frame: the rows.
        scope: what the step knows.
        groupby_columns: names or expressions of the keys; without any all rows are one group.
        agg_expressions: an expression, `{name, expr}` or `{name, sql_expr}` for each aggregate; one
            without `name` goes by the name that its expression has.
        groupby_window: only Spark's streams have it.

    Raises:
        TransformError: an aggregate has no expression, or a window is asked for.
    """
    if groupby_window is not None:
        raise TransformError(
            "`groupby_window` runs on Spark only",
            hint='group by `pl.col("time").dt.truncate("1h")` instead',
        )
    keys = [_column(key, scope) for key in listed(groupby_columns)]
    aggregates = [_aggregate(item, scope) for item in listed(agg_expressions)]
    return frame.group_by(keys).agg(aggregates) if keys else frame.select(aggregates)


def _aggregate(item: Any, scope: StepScope) -> pl.Expr:
    value, name = aggregate_parts(item)
    if isinstance(value, str) and (value in scope.schema or _is_plain(value, scope.dialect)):
        raise TransformError(
            f"`{value}` is no aggregate: a group has several rows",
            expected=f"one value for all rows, such as `max({value})` or `first({value})`",
        )
    found = _column(value, scope)
    return found if name is None else found.alias(name)


def _is_plain(text: str, dialect: str) -> bool:
    """Return whether SQL reads columns, and calls nothing that could make one value of many."""
    expression = parse_sql_expression(text, dialect)
    return bool(expression.columns) and expression.tree.find(exp.Func) is None


def smart_join(
    frame: pl.LazyFrame,
    scope: StepScope,
    other: pl.LazyFrame,
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
) -> pl.LazyFrame:
    """Return the frame with columns of another one, whose rows with the same key count once.

    Columns of the left frame keep their places, those of the other follow. A left row never comes
    twice. With `coalesce` a column that both have is the left value, else the other's; without it
    the other's is named with `_right`. Watermarks are for streams and change nothing here.

    Raises:
        TransformError: a key is not there, or a condition is given that only streams take.
    """
    refuse_conditions(on_expression, time_constraint_interval_lower, time_constraint_interval_upper)
    left_keys, other_keys = join_keys(on, left_on, other_on)
    require_columns(frame, left_keys)
    require_columns(other, other_keys)
    kind = join_kind(how)
    right = dedupe(other, other_keys, None, "first")
    if kind == "right":
        # A column of the other that is called like a key here makes room for it.
        taken = [
            n for n in right.collect_schema().names() if n in left_keys and n not in other_keys
        ]
        right = right.rename({name: f"{name}{THEIRS}" for name in taken})
        right = right.rename(dict(zip(other_keys, left_keys, strict=True)))
        other_keys = left_keys
    joined = join_by_keys(frame, right, left_keys, other_keys, kind, THEIRS)
    return _arranged(joined, scope.schema.names(), coalesce=coalesce)


def _arranged(joined: pl.LazyFrame, left: Sequence[str], *, coalesce: bool) -> pl.LazyFrame:
    """Return the columns of the left frame first, coalesced with the other's where that is asked."""
    names = joined.collect_schema().names()
    columns: list[pl.Expr] = []
    merged: set[str] = set()
    for name in left:
        twin = f"{name}{THEIRS}"
        if coalesce and twin in names and twin not in left:
            columns.append(pl.coalesce(name, twin))
            merged.add(twin)
        else:
            columns.append(pl.col(name))
    others = [pl.col(name) for name in names if name not in left and name not in merged]
    return joined.select(*columns, *others)


def window_filter(
    frame: pl.LazyFrame,
    scope: StepScope,
    partition_by: Any,
    order_by: Any = None,
    drop_row_index: bool = True,
    row_index_name: str = "_row_index",
    rows_to_keep: int = 1,
) -> pl.LazyFrame:
    """Return the first rows of each group in an order; their numbers stay if asked for.

    Numbers start at 0, or at 1 where `order_by` is in the older schema's form, as they do there.
    Ties are broken by the remaining columns, so that the same rows are kept every time.
    """
    start = int(order_by is None or any(isinstance(o, Mapping) for o in listed(order_by)))
    numbered = with_row_index(frame, scope, row_index_name, order_by, partition_by, offset=start)
    kept = numbered.filter(pl.col(row_index_name) < rows_to_keep + start)
    return kept.drop(row_index_name) if drop_row_index else kept


def with_row_index(
    frame: pl.LazyFrame,
    scope: StepScope,
    name: str = "index",
    order_by: Any = None,
    partition_by: Any = None,
    offset: int = 0,
) -> pl.LazyFrame:
    """Return the frame with a last column that numbers rows from `offset`, in each group if named.

    With an order rows are numbered in it, and by the remaining columns where they are equal.
    """
    groups = [_column(key, scope) for key in listed(partition_by)]
    orders = [_order(item, scope) for item in listed(order_by)]
    if orders:
        ties = [Ordering(pl.col(column), nulls_last=True) for column in scope.schema.names()]
        orders += ties
        frame = frame.sort(
            [order.column for order in orders],
            descending=[order.descending for order in orders],
            nulls_last=[order.nulls_last for order in orders],
        )
    number = pl.int_range(offset, pl.len() + offset)
    return frame.with_columns((number.over(groups) if groups else number).alias(name))


def _order(item: Any, scope: StepScope) -> Ordering:
    """Return one item of an order: a column, or `{sql_expression, desc}`; nulls come as on Spark."""
    if isinstance(item, Ordering):
        return item
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
    return Ordering(_column(item, scope), descending, nulls_last=descending)


def union(frame: pl.LazyFrame, scope: StepScope, other: pl.LazyFrame) -> pl.LazyFrame:
    """Return the rows of both frames, columns by name; a column that one has not is null there."""
    return pl.concat([frame, other], how="diagonal_relaxed")


def has_column(frame: pl.LazyFrame, scope: StepScope, col: str) -> pl.LazyFrame:
    """Return the frame as it is, if it has a column or a field (`a.b`, `a[*].b`).

    Raises:
        TransformError: it has not.
    """
    names = flat_names(scope.schema)
    if col.replace("`", "") not in names:
        raise missing_column(col, names)
    return frame


def flat_names(schema: Mapping[str, Any]) -> list[str]:
    """Return the names of all columns and fields: `a`, `a.b`, `c[*].d` inside of lists."""
    names: list[str] = []
    for name, dtype in schema.items():
        names.append(name)
        inner, path = dtype, name
        while isinstance(inner, pl.List | pl.Array):
            inner, path = inner.inner, f"{path}[*]"
        if isinstance(inner, pl.Struct):
            fields = {field.name: field.dtype for field in inner.fields}
            names += [f"{path}.{field}" for field in flat_names(fields)]
    return names


def schema_flat(frame: pl.LazyFrame, scope: StepScope) -> pl.LazyFrame:
    """Return the names of all columns and fields as rows of one column, `column`."""
    return pl.LazyFrame({"column": flat_names(scope.schema)}, schema={"column": pl.String})


def signature(frame: pl.LazyFrame, scope: StepScope) -> pl.LazyFrame:
    """Return the columns as rows of `column` and `type`, in portable spelling."""
    types = [portable(dtype) for dtype in scope.schema.dtypes()]
    rows = {"column": scope.schema.names(), "type": types}
    return pl.LazyFrame(rows, schema={"column": pl.String, "type": pl.String})


def unchanged(frame: pl.LazyFrame, scope: StepScope, *_: Any, **__: Any) -> pl.LazyFrame:
    """Return the frame as it is: the function prints, or is for streams."""
    return frame


FRAME_FUNCTIONS: Mapping[str, Callable[..., pl.LazyFrame]] = {
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
