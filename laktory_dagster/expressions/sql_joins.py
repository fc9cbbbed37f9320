"""Joins whose columns engines name differently, spelled out when the tables' columns are known.

`USING (k)` gives `k` once, from whichever side has it, and `*` beside a join gives every column
under its own name. Polars gives the key of both sides, and makes names up where two are equal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify_columns import qualify_columns
from sqlglot.schema import MappingSchema

from laktory_dagster.errors import ExpressionError


def spell_out_joins(tree: exp.Expr, columns: Mapping[str, Sequence[str]], dialect: str) -> exp.Expr:
    """Return the query with USING as ON with merged keys, and `*` beside a join as columns.

    Args:
        tree: the query; it is changed.
        columns: the columns of every table, by the name that the query gives it.
        dialect: what the query is written in.

    Raises:
        ExpressionError: two columns of the result have one name, or keys merge over several joins.
    """
    if not any(_is_unclear(select) for select in tree.find_all(exp.Select)):
        return tree
    _refuse_chains(tree)
    _name_subqueries(tree)
    schema = MappingSchema(
        {table: dict.fromkeys(names, "unknown") for table, names in columns.items()},
        normalize=False,
        dialect=dialect,
    )
    try:
        found: exp.Expr = qualify_columns(
            tree.copy(), schema, expand_alias_refs=False, allow_partial_qualification=True
        )
    except SqlglotError:
        return tree
    _refuse_duplicates(found)
    return found


def _is_unclear(select: exp.Select) -> bool:
    joins = select.args.get("joins") or ()
    has_star = any(item.is_star and not isinstance(item, exp.Count) for item in select.expressions)
    return any(join.args.get("using") for join in joins) or (bool(joins) and has_star)


def _name_subqueries(tree: exp.Expr) -> None:
    """Name what stands in FROM without a name, since its columns get it in front of them."""
    for number, subquery in enumerate(tree.find_all(exp.Subquery)):
        if not subquery.alias and isinstance(subquery.parent, exp.From | exp.Join):
            name = exp.to_identifier(f"laktory_q{number}", quoted=True)
            subquery.set("alias", exp.TableAlias(this=name))


def _refuse_chains(tree: exp.Expr) -> None:
    for select in tree.find_all(exp.Select):
        joins = [join for join in select.args.get("joins") or () if join.args.get("using")]
        if len(joins) > 1 and any(join.side in ("FULL", "RIGHT") for join in joins):
            raise ExpressionError(
                "a FULL or RIGHT JOIN ... USING stands beside another USING",
                hint="join two tables in a subquery, and the third with its result",
            )


def _refuse_duplicates(tree: exp.Expr) -> None:
    while not isinstance(tree, exp.Select):
        tree = tree.this
    names: set[str] = set()
    for item in tree.expressions:
        name = item.alias_or_name
        if name in names and not item.is_star:
            text = item.unalias().sql()
            raise ExpressionError(
                f"the query gives the column `{name}` twice",
                hint=f"name the columns, one of them anew: `{text} AS other_{name}`",
            )
        names.add(name)
