"""Queries inside of a query, cut out of it: what WITH names, and what stands in FROM in brackets.

Each is run on its own first, so that the types of its columns are known where others read them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot import exp

from laktory_dagster.errors import LaktoryDagsterError

PART = "laktory_part_"
"""How the tables of such queries are called."""

Run = Callable[[exp.Query], str]
"""Runs a query and returns the name of the table that holds its rows."""


def cut_out_parts(tree: exp.Query, run: Run) -> exp.Query:
    """Return the query with such parts replaced by tables, in place.

    A part that cannot be run alone stays where it is.
    """
    _cut_out_with(tree, run)
    for select in _selects(tree):
        for place in (select.args.get("from_"), *(select.args.get("joins") or ())):
            part = place.this if place is not None else None
            if isinstance(part, exp.Subquery) and _is_simple(part):
                _replace(part, part.alias, run)
    return tree


def _cut_out_with(tree: exp.Query, run: Run) -> None:
    with_ = tree.args.get("with_")
    if with_ is None or with_.args.get("recursive"):
        return
    for cte in list(with_.expressions):
        columns = cte.args["alias"].columns
        if columns or not isinstance(cte.this, exp.Query):
            return
        name = _name_of(cte.this, run)
        if name is None:
            return
        cte.pop()
        for table in list(tree.find_all(exp.Table)):
            if _means(table, cte.alias):
                alias = table.alias or table.name
                table.replace(_table(name, alias, table))
    tree.set("with_", None)


def _means(table: exp.Table, name: str) -> bool:
    """Return whether a table is the one that WITH named so, and no WITH between names another."""
    if table.args.get("db") or table.name.lower() != name.lower():
        return False
    parent = table.parent
    while parent is not None:
        with_ = parent.args.get("with_")
        if with_ is not None and any(c.alias.lower() == name.lower() for c in with_.expressions):
            return False
        parent = parent.parent
    return True


def _selects(tree: exp.Expr) -> Sequence[exp.Expr]:
    if isinstance(tree, exp.SetOperation):
        return [*_selects(tree.this), *_selects(tree.expression)]
    if isinstance(tree, exp.Subquery):
        return _selects(tree.this)
    return [tree] if isinstance(tree, exp.Select) else []


def _is_simple(part: exp.Subquery) -> bool:
    alias = part.args.get("alias")
    return (
        isinstance(part.this, exp.Query)
        and not (alias is not None and alias.columns)
        and not any(
            part.args.get(key) for key in ("pivots", "sample", "joins", "laterals", "with_")
        )
    )


def _replace(part: exp.Subquery, alias: str, run: Run) -> None:
    name = _name_of(part.this, run)
    if name is not None:
        part.replace(_table(name, alias or name, part))


def _table(name: str, alias: str, place: exp.Expr) -> exp.Table:
    named = exp.TableAlias(this=exp.to_identifier(alias, quoted=True))
    kept = {k: v for k, v in place.args.items() if k in ("joins", "laterals", "sample", "pivots")}
    return exp.Table(this=exp.to_identifier(name, quoted=True), alias=named, **kept)


def _name_of(query: exp.Query, run: Run) -> str | None:
    try:
        return run(query.copy())
    except LaktoryDagsterError:
        return None
