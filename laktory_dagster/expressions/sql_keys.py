"""Keys of joins that two tables hold as different types, compared as Spark compares them."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import Scope, traverse_scope

from laktory_dagster.expressions.sql_numbers import Kind, KindOf

_TARGETS: Mapping[frozenset[str], str] = {
    frozenset({"text", "integer"}): "BIGINT",
    frozenset({"text", "float"}): "DOUBLE",
    frozenset({"text", "decimal"}): "DOUBLE",
    frozenset({"text", "date"}): "DATE",
    frozenset({"text", "timestamp"}): "TIMESTAMP",
    frozenset({"text", "timestamp_ntz"}): "TIMESTAMP_NTZ",
    frozenset({"text", "boolean"}): "BOOLEAN",
    frozenset({"integer", "float"}): "DOUBLE",
    frozenset({"decimal", "float"}): "DOUBLE",
    frozenset({"decimal", "integer"}): "DECIMAL(38, 15)",
    frozenset({"date", "timestamp"}): "TIMESTAMP",
    frozenset({"date", "timestamp_ntz"}): "TIMESTAMP_NTZ",
    frozenset({"timestamp", "timestamp_ntz"}): "TIMESTAMP",
}
"""Two kinds to the type in which values of them are compared."""


def cast_keys(tree: exp.Expr, kind_of: KindOf) -> exp.Expr:
    """Return the query with columns of two tables that are compared cast to one type, in place."""
    try:
        scopes = traverse_scope(tree)
    except SqlglotError:
        return tree
    for scope in scopes:
        for node in scope.find_all(exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE):
            _cast_sides(node, scope, kind_of)
    return tree


def _cast_sides(node: exp.Expr, scope: Scope, kind_of: KindOf) -> None:
    sides = [node.this, node.expression]
    if not all(isinstance(side, exp.Column) and len(side.parts) == 2 for side in sides):
        return
    if sides[0].table == sides[1].table:
        return
    kinds = [_kind(side, scope, kind_of) for side in sides]
    target = _TARGETS.get(frozenset(kind for kind in kinds if kind is not None))
    if target is None or None in kinds:
        return
    for side in sides:
        kind = exp.DataType.build(target, dialect="spark")
        side.replace(exp.Cast(this=side.copy(), to=kind))


def _kind(column: exp.Column, scope: Scope, kind_of: KindOf) -> Kind | None:
    source = scope.sources.get(column.table)
    return kind_of(source.name, (column.name,)) if isinstance(source, exp.Table) else None
