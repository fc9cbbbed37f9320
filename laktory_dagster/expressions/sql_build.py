"""Pieces of SQL trees, and how it is said that Polars SQL cannot express something."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlglot import exp

WITH_COLUMN = "compute it with `pl.` in `with_column.expr`"


Rewrite = Callable[[exp.Expr], "exp.Expr | None"]


@dataclass(frozen=True)
class Unexpressed:
    """Something that Polars SQL cannot say, and what to write instead."""

    what: str
    hint: str = WITH_COLUMN

    def __str__(self) -> str:
        """Return both as one sentence."""
        return f"Polars SQL cannot express {self.what}; {self.hint}"


class UnexpressedError(Exception):
    """Leaves a rewrite that cannot be; `found` says why."""

    def __init__(self, what: str, hint: str = WITH_COLUMN) -> None:
        super().__init__(what)
        self.found = Unexpressed(what, hint)


def call(name: str, *arguments: exp.Expr | str | int) -> exp.Anonymous:
    """Return a call of a Polars function; `str` arguments become text literals."""
    values = [_value(argument) for argument in arguments]
    return exp.Anonymous(this=name, expressions=values)


def _value(value: exp.Expr | str | int) -> exp.Expr:
    if isinstance(value, str):
        return exp.Literal.string(value)
    return exp.Literal.number(value) if isinstance(value, int) else value


def cast(value: exp.Expr, kind: str) -> exp.Expr:
    """Return the value cast to a type in DuckDB's spelling."""
    return exp.Cast(this=value, to=exp.DataType.build(kind, dialect="duckdb"))


def grouped(value: exp.Expr) -> exp.Expr:
    """Return the value in parentheses unless it is a single term."""
    single = (exp.Column, exp.Literal, exp.Func, exp.Paren, exp.Boolean, exp.Null)
    if isinstance(value, single) and not isinstance(value, exp.Connector | exp.Binary):
        return value
    return exp.Paren(this=value)


def literal_text(value: object) -> str | None:
    """Return the text of a literal string, else None."""
    return str(value.this) if isinstance(value, exp.Literal) and value.is_string else None


def literal_int(value: object) -> int | None:
    """Return the number of a literal integer with its sign, else None."""
    if isinstance(value, exp.Neg):
        inner = literal_int(value.this)
        return None if inner is None else -inner
    if isinstance(value, exp.Literal) and not value.is_string and str(value.this).isdigit():
        return int(value.this)
    return None


def not_null(value: exp.Expr) -> exp.Expr:
    """Return `NOT value IS NULL`."""
    return exp.Not(this=exp.Is(this=grouped(value), expression=exp.Null()))


def interval(amount: int, unit: str) -> exp.Interval:
    """Return `INTERVAL 'amount unit'`."""
    return exp.Interval(this=exp.Literal.string(str(amount)), unit=exp.Var(this=unit))


def renamed(name: str) -> Rewrite:
    """Return the rewrite that keeps all arguments and calls another function."""

    def rewrite(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Anonymous):
            return call(name, *node.expressions)
        more = [node.expression] if node.args.get("expression") is not None else []
        return call(name, node.this, *more, *node.expressions)

    return rewrite


def refused(what: str, hint: str = WITH_COLUMN) -> Rewrite:
    """Return the rewrite that says why there is none."""

    def rewrite(node: exp.Expr) -> exp.Expr | None:
        raise UnexpressedError(what, hint)

    return rewrite
