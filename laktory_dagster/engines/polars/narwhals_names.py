"""The few names of narwhals that Polars spells in another way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import polars as pl


def _horizontal(function: Callable[..., pl.Expr], filling: bool) -> Callable[..., pl.Expr]:
    """Return the function; with `ignore_nulls` a null does not count."""

    def horizontal(*exprs: Any, ignore_nulls: bool) -> pl.Expr:
        found = [e for expr in exprs for e in (expr if isinstance(expr, list | tuple) else [expr])]
        if not ignore_nulls:
            return function(*found)
        columns = [pl.col(e) if isinstance(e, str) else e for e in found]
        return function(*[column.fill_null(value=filling) for column in columns])

    return horizontal


def _ordered(function: str) -> Callable[..., pl.Expr]:
    def value_at_end(value: pl.Expr, order_by: Any = None, ignore_nulls: bool = False) -> pl.Expr:
        ordered = value if order_by is None else value.sort_by(order_by)
        if function == "first":
            return ordered.first(ignore_nulls=ignore_nulls)
        return ordered.last(ignore_nulls=ignore_nulls)

    return value_at_end


def _any_value(value: pl.Expr, *, ignore_nulls: bool = False) -> pl.Expr:
    return value.first(ignore_nulls=ignore_nulls)


def _mode(value: pl.Expr, *, keep: str = "all") -> pl.Expr:
    return value.mode().first() if keep == "any" else value.mode()


FUNCTIONS: Mapping[str, Callable[..., pl.Expr]] = {
    "all_horizontal": _horizontal(pl.all_horizontal, filling=True),
    "any_horizontal": _horizontal(pl.any_horizontal, filling=False),
    "exclude": pl.exclude,
    "max": pl.max,
    "min": pl.min,
    "sum": pl.sum,
}
METHODS: Mapping[str, Callable[..., pl.Expr]] = {
    "str.head": lambda value, n=5: value.str.head(n),
    "str.tail": lambda value, n=5: value.str.tail(n),
    "any_value": _any_value,
    "first": _ordered("first"),
    "last": _ordered("last"),
    "mode": _mode,
}
