"""Aliases that later items and conditions of the same SELECT read, which Polars SQL does not allow."""

from __future__ import annotations

from collections.abc import Collection

from sqlglot import exp

from laktory_dagster.errors import ExpressionError

MAX_ADDED = 10_000
"""Nodes that may be put in place of aliases: each may hold the one before it twice."""


def spell_out_aliases(tree: exp.Expr, columns: Collection[str]) -> exp.Expr:
    """Return the query with such aliases replaced by what they name, in place.

    A name that some table or some other SELECT of the query has stays a column.

    Args:
        tree: the query.
        columns: the names of all columns of its tables.

    Raises:
        ExpressionError: the query would grow beyond measure.
    """
    selects = list(tree.find_all(exp.Select))
    renamed = {c.name for alias in tree.find_all(exp.TableAlias) for c in alias.columns}
    added = 0
    for select in selects:
        others = {name for other in selects if other is not select for name in other.named_selects}
        named: dict[str, exp.Expr] = {}
        for item in select.expressions:
            for column in list(item.find_all(exp.Column)):
                meant = named.get(column.name) if len(column.parts) == 1 else None
                if meant is None or column.find_ancestor(exp.Select) is not select:
                    continue
                added += sum(1 for _ in meant.walk())
                if added > MAX_ADDED:
                    raise ExpressionError(
                        f"the alias `{column.name}` stands for too long an expression",
                        hint="compute it in a step of its own",
                    )
                column.replace(exp.Paren(this=meant.copy()))
            if isinstance(item, exp.Alias) and item.alias not in {*columns, *others, *renamed}:
                named[item.alias] = item.this
        _spell_out_conditions(select)
    return tree


def _spell_out_conditions(select: exp.Select) -> None:
    """Put in HAVING and QUALIFY, where an alias goes before a column, what the aliases name."""
    named = {item.alias: item.this for item in select.expressions if isinstance(item, exp.Alias)}
    for clause in (select.args.get("having"), select.args.get("qualify")):
        for column in list(clause.find_all(exp.Column)) if clause is not None else ():
            meant = named.get(column.name) if len(column.parts) == 1 else None
            outer = column.find_ancestor(exp.AggFunc, exp.Window, exp.Select)
            if meant is not None and outer is select:
                column.replace(exp.Paren(this=meant.copy()))
