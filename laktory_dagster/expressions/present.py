"""The present time in SQL: the logical time of the run, in every row and at every retry."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlglot import exp

from laktory_dagster.expressions.sql import Query, SqlExpression

Sql = TypeVar("Sql", Query, SqlExpression)
_PRESENT = (exp.CurrentTimestamp, exp.CurrentDate)


def with_moment(query: Sql, moment: datetime) -> Sql:
    """Return a checked query or expression in which the present time is this one."""
    if not any(map(_is_present, query.tree.find_all(*_PRESENT, exp.Anonymous))):
        return query
    tree: Any = query.tree.transform(lambda node: _constant_time(node, moment))
    return replace(query, tree=tree)


def _is_present(node: exp.Expr) -> bool:
    return isinstance(node, _PRESENT) or _is_now(node)


def _is_now(node: exp.Expr) -> bool:
    # Not every dialect of sqlglot knows Spark's other name of `current_timestamp`.
    return isinstance(node, exp.Anonymous) and node.name.lower() == "now" and not node.expressions


def _constant_time(node: exp.Expr, moment: datetime) -> exp.Expr:
    utc = moment.astimezone(UTC)
    if isinstance(node, exp.CurrentTimestamp) or _is_now(node):
        text = exp.Literal.string(utc.strftime("%Y-%m-%dT%H:%M:%S.%f"))
        return exp.Cast(this=text, to=exp.DataType.build("TIMESTAMPTZ", dialect="duckdb"))
    if isinstance(node, exp.CurrentDate):
        text = exp.Literal.string(utc.strftime("%Y-%m-%d"))
        return exp.Cast(this=text, to=exp.DataType.build("DATE"))
    return node
