"""Casts in SQL for Spark: what does not fit a number is null, on every engine.

Spark's plain cast wraps an integer that is too large, and gives 0 for what is no number.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from sqlglot import exp

from laktory_dagster.expressions.sql import Query, SqlExpression

Sql = TypeVar("Sql", Query, SqlExpression)


def lenient(query: Sql) -> Sql:
    """Return a checked query or expression whose casts to numbers give null for what does not fit."""
    if not any(map(_is_strict, query.tree.find_all(exp.Cast))):
        return query
    tree: Any = query.tree.transform(_tried)
    return replace(query, tree=tree)


def _is_strict(node: exp.Expr) -> bool:
    to_number = isinstance(node, exp.Cast) and node.to.is_type(*exp.DataType.NUMERIC_TYPES)
    return to_number and not node.args.get("safe")


def _tried(node: exp.Expr) -> exp.Expr:
    if not _is_strict(node):
        return node
    return exp.TryCast(this=node.this, to=node.args["to"], safe=True)
