"""The `laktory.` functions of frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl

from laktory_dagster.engines.polars.expressions import compile_column, compile_sql
from laktory_dagster.engines.polars.native import from_native
from laktory_dagster.errors import TransformError

Frame = pl.LazyFrame


def _names(values: Any) -> list[str]:
    if values is None:
        return []
    return [values] if isinstance(values, str) else list(values)


def groupby_and_agg(
    frame: Frame,
    groupby_columns: Sequence[Any] | str = (),
    agg_expressions: Sequence[Mapping[str, Any]] = (),
    groupby_window: Any = None,
    *,
    dialect: str,
) -> Frame:
    """Return one row per group: the group's columns, then the named aggregates in their order."""
    if groupby_window is not None:
        raise TransformError("`groupby_window` is for streams", hint="group by a truncated time")
    keys = [k if isinstance(k, pl.Expr) else pl.col(k) for k in _keys(groupby_columns)]
    found = [_aggregate(item, dialect) for item in agg_expressions]
    if not keys:
        return frame.select(found)
    return frame.group_by(keys).agg(found)


def _keys(values: Any) -> list[Any]:
    return [values] if isinstance(values, (str, pl.Expr)) else list(values or ())


def _aggregate(item: Mapping[str, Any], dialect: str) -> pl.Expr:
    given = item.get("sql_expr") or item.get("expr")
    if given is None or "name" not in item:
        raise TransformError("an aggregate needs `name` and `expr`")
    if isinstance(given, str):
        given = (compile_sql if item.get("sql_expr") else compile_column)(given, dialect)
    if not isinstance(given, pl.Expr):
        raise TransformError(f"the aggregate `{item['name']}` is no expression")
    return given.alias(item["name"])


def smart_join(
    frame: Frame,
    other: Any,
    how: str = "left",
    on: Any = None,
    left_on: Any = None,
    other_on: Any = None,
    coalesce: bool = False,  # noqa: FBT001, FBT002
    *,
    dialect: str,  # noqa: ARG001 - all functions take it
    **streaming: Any,
) -> Frame:
    """Return the join with the first of `other`'s rows per key, so that no row is multiplied.

    Columns: the left ones in place, then those of `other`. `coalesce` fills a left column from the
    one of the same name in `other` where it is null.
    """
    if any(value is not None for value in streaming.values()):
        raise TransformError(f"`{next(iter(streaming))}` of smart_join is for streams on Spark")
    left_keys = _names(on or left_on)
    other_keys = _names(on or other_on or left_on)
    if not left_keys:
        raise TransformError("smart_join needs `on`, or `left_on` and `other_on`")
    right = from_native(other).unique(other_keys, keep="any")
    mine, theirs = frame.collect_schema().names(), right.collect_schema().names()
    shared = [name for name in theirs if name in mine and name not in other_keys]
    if not coalesce:
        right = right.drop(shared)
        shared = []
    joined = frame.join(
        right,
        left_on=left_keys,
        right_on=other_keys,
        how=how,
        suffix="__other",
        coalesce=True,  # type: ignore[arg-type]
    )
    if shared:
        filled = [pl.coalesce(pl.col(name), pl.col(f"{name}__other")) for name in shared]
        joined = joined.with_columns(filled).drop(f"{name}__other" for name in shared)
    return joined


def window_filter(
    frame: Frame,
    partition_by: Any,
    order_by: Any = None,
    drop_row_index: bool = True,  # noqa: FBT001, FBT002
    row_index_name: str = "_row_index",
    rows_to_keep: int = 1,
    *,
    dialect: str,
) -> Frame:
    """Return the first rows of each group in an order; `row_index_name` counts them from 1."""
    keys, descending = _order(order_by, dialect)
    ordered = (
        frame.sort(keys, descending=descending, nulls_last=True, maintain_order=True)
        if keys
        else frame
    )  # noqa: E501
    numbered = ordered.with_columns(
        pl.int_range(1, pl.len() + 1).over(_names(partition_by)).alias(row_index_name)
    )
    kept = numbered.filter(pl.col(row_index_name) <= rows_to_keep)
    return kept.drop(row_index_name) if drop_row_index else kept


def _order(order_by: Any, dialect: str) -> tuple[list[pl.Expr], list[bool]]:
    keys, descending = [], []
    items = [order_by] if isinstance(order_by, (str, Mapping)) else list(order_by or ())
    for item in items:
        if isinstance(item, Mapping):
            text = item.get("sql_expression") or item.get("sql_expr") or item["expr"]
            keys.append(text if isinstance(text, pl.Expr) else compile_column(text, dialect))
            descending.append(bool(item.get("desc", False)))
        else:
            keys.append(item if isinstance(item, pl.Expr) else pl.col(item))
            descending.append(False)
    return keys, descending


def union(frame: Frame, other: Any, *, dialect: str) -> Frame:  # noqa: ARG001
    """Return the rows of both, columns matched by name, missing ones null."""
    return pl.concat([frame, from_native(other)], how="diagonal_relaxed")


def with_row_index(
    frame: Frame,
    name: str = "index",
    order_by: Any = None,
    partition_by: Any = None,
    offset: int = 0,
    *,
    dialect: str,
) -> Frame:
    """Return the frame with a column that counts its rows, within groups where they are named."""
    keys, descending = _order(order_by, dialect)
    ordered = frame.sort(keys, descending=descending, maintain_order=True) if keys else frame
    number = pl.int_range(offset, pl.len() + offset)
    groups = _names(partition_by)
    return ordered.with_columns((number.over(groups) if groups else number).alias(name))


def has_column(frame: Frame, col: str, *, dialect: str) -> Frame:  # noqa: ARG001
    """Return the frame if it has a column, which may be a field (`a.b`, `a[*].b`).

    Raises:
        TransformError: it has not.
    """
    if col not in _flat(frame.collect_schema()):
        raise TransformError(f"there is no column `{col}`")
    return frame


def _flat(schema: Mapping[str, Any], prefix: str = "") -> list[str]:
    names: list[str] = []
    for name, dtype in schema.items():
        names.append(f"{prefix}{name}")
        inner, mark = dtype, ""
        while isinstance(inner, pl.List):
            inner, mark = inner.inner, f"{mark}[*]"
        if isinstance(inner, pl.Struct):
            fields = {field.name: field.dtype for field in inner.fields}
            names += _flat(fields, f"{prefix}{name}{mark}.")
    return names


def schema_flat(frame: Frame, *, dialect: str) -> Frame:  # noqa: ARG001
    """Return the names of all columns and fields as rows of one column, `column`."""
    return pl.LazyFrame({"column": _flat(frame.collect_schema())})


def signature(frame: Frame, *, dialect: str) -> Frame:  # noqa: ARG001
    """Return the names and types of the columns as rows."""
    schema = frame.collect_schema()
    types = [str(dtype) for dtype in schema.values()]
    return pl.LazyFrame({"column": schema.names(), "type": types})


def _unchanged(frame: Frame, *_: Any, dialect: str, **__: Any) -> Frame:  # noqa: ARG001
    """Return the frame: these functions show rows or mark streams."""
    return frame


FRAME_FUNCTIONS: Mapping[str, Callable[..., Frame]] = {
    "laktory.groupby_and_agg": groupby_and_agg,
    "laktory.smart_join": smart_join,
    "laktory.window_filter": window_filter,
    "laktory.union": union,
    "laktory.with_row_index": with_row_index,
    "laktory.has_column": has_column,
    "laktory.schema_flat": schema_flat,
    "laktory.signature": signature,
    "laktory.display": _unchanged,
    "laktory.show_string": _unchanged,
    "laktory.watermark": _unchanged,
}
"""The functions by the name that `func_name` uses."""
