"""Casts of texts to times and booleans in a query, done as everywhere else.

Polars SQL guesses one format for a whole column and fails on others. Where such a cast reads a text
column of one of the query's tables, the table gets a column with the value, and the query reads that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import polars as pl
from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import Scope as QueryScope
from sqlglot.optimizer.scope import traverse_scope

from laktory_dagster.engines.polars.casts import cast_to
from laktory_dagster.engines.polars.sql_values import cast_target
from laktory_dagster.expressions.dialect import write

_PREFIX = "__laktory_cast_"

Tables = dict[str, pl.LazyFrame]


@dataclass
class _Added:
    """The columns that the tables get, by table and by what they hold."""

    schemas: dict[str, pl.Schema]
    columns: dict[str, dict[str, pl.Expr]] = field(default_factory=dict)
    names: dict[tuple[str, tuple[str, ...], str], str] = field(default_factory=dict)

    def column(self, table: str, path: tuple[str, ...], target: pl.DataType) -> str | None:
        """Return the column of a table that holds a text as `target`; None if it is no text."""
        kind: pl.DataType | None = self.schemas[table].get(path[0])
        value = pl.col(path[0])
        for part in path[1:]:
            fields = kind.fields if isinstance(kind, pl.Struct) else []
            found = next((f.dtype for f in fields if f.name == part), None)
            kind = found if isinstance(found, pl.DataType) else found() if found else None
            value = value.struct.field(part)
        if kind != pl.String:
            return None
        key = (table, path, str(target))
        if key not in self.names:
            self.names[key] = f"{_PREFIX}{len(self.names)}"
            typed = cast_to(value, pl.String(), target)
            self.columns.setdefault(table, {})[self.names[key]] = typed
        return self.names[key]


def move_text_casts(sql: str, tables: Tables) -> tuple[str, Tables]:
    """Return the query and its tables, casts of text columns moved into the tables.

    Args:
        sql: a query in Polars' SQL.
        tables: the frames that it names.
    """
    try:
        tree = parse_one(sql, dialect="polars")
        if write(tree, "polars") != sql or not any(map(_is_time_cast, tree.find_all(exp.Cast))):
            return sql, tables
        scopes = traverse_scope(tree)
    except SqlglotError:
        return sql, tables
    added = _Added({name: frame.collect_schema() for name, frame in tables.items()})
    for scope in scopes:
        _move_in(scope, added)
    for scope in scopes:
        _leave_out(scope, added)
    more = {name: tables[name].with_columns(**columns) for name, columns in added.columns.items()}
    return write(tree, "polars"), {**tables, **more}


def _is_time_cast(node: exp.Expr) -> bool:
    return cast_target(node) is not None


def _move_in(scope: QueryScope, added: _Added) -> None:
    for node in list(_casts_in(scope)):
        target = cast_target(node)
        found = _source_of(node.this, scope, added)
        if found is None or target is None:
            continue
        alias, table, path = found
        column = added.column(table, path, target)
        if column is not None:
            value = exp.column(column, table=alias, quoted=True)
            parent = node.parent
            is_item = isinstance(parent, exp.Select) and node.arg_key == "expressions"
            node.replace(exp.alias_(value, path[-1], quoted=True) if is_item else value)


def _casts_in(scope: QueryScope) -> Iterator[exp.Cast]:
    for node in scope.walk():
        if isinstance(node, exp.Cast) and isinstance(node.this, exp.Column | exp.Dot):
            yield node


def _source_of(
    node: exp.Expr, scope: QueryScope, added: _Added
) -> tuple[str, str, tuple[str, ...]] | None:
    """Return alias, table and path of the column that a cast reads, if it is one of a table."""
    if not isinstance(node, exp.Column):
        return None
    parts = tuple(part.name for part in node.parts)
    tables = {
        alias: source.name
        for alias, source in scope.sources.items()
        if isinstance(source, exp.Table) and source.name in added.schemas
    }
    if len(parts) > 1 and parts[0] in scope.sources:
        table = tables.get(parts[0])
        return (parts[0], table, parts[1:]) if table else None
    if len(tables) != len(scope.sources):
        # A name without a table may be a column of a subquery, whose columns are not known here.
        return None
    holding = [alias for alias, table in tables.items() if parts[0] in added.schemas[table]]
    return (holding[0], tables[holding[0]], parts) if len(holding) == 1 else None


def _leave_out(scope: QueryScope, added: _Added) -> None:
    """Keep the new columns out of `*`."""
    select = scope.expression
    if not isinstance(select, exp.Select):
        return
    for star in [s for item in select.expressions for s in _stars(item)]:
        alias = star.parent.table if isinstance(star.parent, exp.Column) else ""
        names = [
            name
            for source_alias, source in scope.sources.items()
            if isinstance(source, exp.Table) and alias in ("", source_alias)
            for name in added.columns.get(source.name, {})
        ]
        if names:
            kept = list(star.args.get("except_") or [])
            hidden = [exp.to_identifier(name, quoted=True) for name in dict.fromkeys(names)]
            star.set("except_", [*kept, *hidden])


def _stars(item: exp.Expr) -> list[exp.Star]:
    if isinstance(item, exp.Star):
        return [item]
    return [item.this] if isinstance(item, exp.Column) and isinstance(item.this, exp.Star) else []
