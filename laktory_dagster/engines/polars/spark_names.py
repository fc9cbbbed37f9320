"""How Spark reads a column's name, and how it names and orders results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl


@dataclass(frozen=True)
class Ordering:
    """A column to sort by, as `asc()` and `desc()` give it."""

    column: pl.Expr
    descending: bool = False
    nulls_last: bool = False


def spark_column(name: str) -> pl.Expr:
    """Return the column of a name in Spark's spelling: `a.b` is a field, `` `a.b` `` a column."""
    if name == "*":
        return pl.all()
    parts = _name_parts(name)
    column = pl.col(parts[0])
    for part in parts[1:]:
        column = column.struct.field(part)
    return column


def _name_parts(name: str) -> list[str]:
    parts, current, is_quoted = [], "", False
    for sign in name:
        if sign == "`":
            is_quoted = not is_quoted
        elif sign == "." and not is_quoted:
            parts.append(current)
            current = ""
        else:
            current += sign
    parts.append(current)
    return parts if all(parts) else [name]


def as_column(value: Any) -> Any:
    """Return what stands where Spark wants a column: a text names one, other values are constant."""
    if isinstance(value, str):
        return spark_column(value)
    if isinstance(value, pl.Expr | Ordering):
        return value
    return pl.lit(value)


def plain(value: Any) -> Any:
    """Return the value of a constant, for what Polars wants as a plain argument."""
    if isinstance(value, pl.Expr) and value.meta.is_literal(allow_aliasing=True):
        return pl.select(value).item()
    return value


def named(pattern: str, result: Any, *values: Any) -> Any:
    """Return a result under the name that a pattern gives it: `{}` for each argument, `{rest}`."""
    names = names_of(values)
    if names is None or not isinstance(result, pl.Expr):
        return result
    return result.alias(pattern.format(*names, rest=", ".join(names[1:])))


def names_of(values: Sequence[Any]) -> list[str] | None:
    """Return how the arguments of a call are named in Spark; None where one has no name."""
    flat = [v for value in values for v in (value if isinstance(value, list | tuple) else [value])]
    names = [name for value in flat if (name := _argument_name(value)) is not None]
    return names if len(names) == len(flat) else None


def is_constant(value: pl.Expr) -> bool:
    """Return whether an expression reads nothing of the rows."""
    inputs = value.meta.pop()
    return all(map(is_constant, inputs)) if inputs else value.meta.is_literal()


def _argument_name(value: Any) -> str | None:
    if isinstance(value, Ordering):
        return None
    if isinstance(value, pl.Expr):
        if value.meta.is_literal(allow_aliasing=False):
            return _literal_name(value)
        return value.meta.output_name(raise_if_undetermined=False)
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int | float) else None


def _literal_name(value: pl.Expr) -> str:
    found = pl.select(value).item()
    return "NULL" if found is None else str(found)
