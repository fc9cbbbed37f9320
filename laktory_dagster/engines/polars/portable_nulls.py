"""Spark's methods for missing values, on Polars."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl

from laktory_dagster.engines.polars.casts import cast_to
from laktory_dagster.engines.polars.problems import missing_column
from laktory_dagster.engines.polars.steps import StepScope


def _names(subset: Any, schema: pl.Schema) -> list[str]:
    names = [subset] if isinstance(subset, str) else list(subset or schema.names())
    for name in names:
        if name not in schema:
            raise missing_column(name, schema.names())
    return names


def _is_missing(name: str, dtype: pl.DataType) -> pl.Expr:
    """Spark's `dropna` and `fillna` take NaN for missing."""
    column = pl.col(name)
    return column.is_null() | column.is_nan() if dtype.is_float() else column.is_null()


def _dropna(
    frame: pl.LazyFrame,
    scope: StepScope,
    how: str = "any",
    thresh: int | None = None,
    subset: Any = None,
) -> pl.LazyFrame:
    names = _names(subset, scope.schema)
    there = [~_is_missing(name, scope.schema[name]) for name in names]
    if thresh is not None:
        return frame.filter(pl.sum_horizontal(there) >= thresh)
    return frame.filter(pl.any_horizontal(there) if how == "all" else pl.all_horizontal(there))


def _fillna(frame: pl.LazyFrame, scope: StepScope, value: Any, subset: Any = None) -> pl.LazyFrame:
    if isinstance(value, Mapping):
        # What is said of a column is cast to its type; what is said of all skips other types.
        values = {name: value[name] for name in _names(list(value), scope.schema)}
    else:
        names = _names(subset, scope.schema)
        values = {name: value for name in names if _fits(value, scope.schema[name])}
    return frame.with_columns(
        _filled(name, scope.schema[name], item) for name, item in values.items()
    )


def _filled(name: str, dtype: pl.DataType, value: Any) -> pl.Expr:
    constant = cast_to(pl.lit(value), pl.select(pl.lit(value)).to_series().dtype, dtype)
    missing = _is_missing(name, dtype)
    return pl.when(missing).then(constant).otherwise(pl.col(name)).alias(name)


def _fits(value: Any, dtype: pl.DataType) -> bool:
    """Return whether a value is for columns of a type: Spark skips the others."""
    if isinstance(value, bool):
        return dtype == pl.Boolean
    if isinstance(value, int | float):
        return dtype.is_numeric()
    return dtype == pl.String if isinstance(value, str) else True


def _replace(
    frame: pl.LazyFrame,
    scope: StepScope,
    to_replace: Any,
    value: Any = None,
    subset: Any = None,
) -> pl.LazyFrame:
    pairs = _pairs(to_replace, value)
    return frame.with_columns(
        pl.col(name).replace([old for old, _ in fitting], [new for _, new in fitting])
        for name in _names(subset, scope.schema)
        if (fitting := [pair for pair in pairs if _may_be(pair[0], scope.schema[name])])
    )


def _may_be(value: Any, dtype: pl.DataType) -> bool:
    """Return whether a column of a type may hold a value: 1.5 is no whole number."""
    is_broken = isinstance(value, float) and not value.is_integer()
    return _fits(value, dtype) and not (is_broken and dtype.is_integer())


def _pairs(to_replace: Any, value: Any) -> Sequence[tuple[Any, Any]]:
    if isinstance(to_replace, Mapping):
        return list(to_replace.items())
    old = to_replace if isinstance(to_replace, list) else [to_replace]
    new = value if isinstance(value, list) else [value] * len(old)
    return list(zip(old, new, strict=True))


NULLS: Mapping[str, Callable[..., pl.LazyFrame]] = {
    "dropna": _dropna,
    "fillna": _fillna,
    "replace": _replace,
}
