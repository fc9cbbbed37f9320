"""Clauses of a query, in terms of Polars SQL."""

from __future__ import annotations

from sqlglot import exp

from laktory_dagster.expressions.sql_build import UnexpressedError, call


def select(node: exp.Expr) -> exp.Expr | None:
    """Put rows of arrays (`explode`, LATERAL VIEW) as UNNEST.

    UNNEST keeps a row for an empty array, which only `explode_outer` does: a condition drops it.
    """
    for item in node.expressions:
        _explode_item(node, item)
    for lateral in node.args.get("laterals") or []:
        _explode_view(node, lateral)
    node.set("laterals", None)
    node.set("hint", None)
    _group_with(node.args.get("group"))
    return None


def _group_with(group: exp.Expr | None) -> None:
    """Put `GROUP BY a, b WITH ROLLUP` as `GROUP BY ROLLUP(a, b)`."""
    for key in ("rollup", "cube"):
        if group is not None and group.args.get(key):
            kind = exp.Rollup if key == "rollup" else exp.Cube
            group.set("expressions", [kind(expressions=group.expressions)])
            group.set(key, None)


def _explode_item(select_: exp.Expr, item: exp.Expr) -> None:
    exploded = item.unalias()
    if not isinstance(exploded, exp.Explode) or isinstance(exploded, exp.Posexplode):
        return
    _drop_empty(select_, exploded)
    unnested = call("UNNEST", exploded.this.copy())
    if isinstance(item, exp.Alias):
        exploded.replace(unnested)
    else:
        item.replace(exp.alias_(unnested, "col", quoted=True))


def _explode_view(select_: exp.Expr, lateral: exp.Expr) -> None:
    """Put a LATERAL VIEW as a subquery that unnests, since CROSS JOIN UNNEST loses the array."""
    exploded, alias, source = lateral.this, lateral.args.get("alias"), select_.args.get("from_")
    if (
        not isinstance(exploded, exp.Explode)
        or isinstance(exploded, exp.Posexplode)
        or select_.args.get("joins")
        or source is None
    ):
        raise UnexpressedError("this LATERAL VIEW", "use `func_name: explode`")
    columns = (alias.args.get("columns") if alias else None) or [exp.to_identifier("col")]
    name = source.this.alias_or_name
    value = exp.alias_(call("UNNEST", exploded.this.copy()), columns[0].copy())
    inner = exp.Select(expressions=[exp.Star(), value], from_=exp.From(this=source.this.copy()))
    if not lateral.args.get("outer"):
        _drop_empty(inner, exploded)
    source.this.replace(inner.subquery(exp.to_identifier(name, quoted=True)))
    _requalify(select_, alias.name if alias else "", name)


def _requalify(select_: exp.Expr, old: str, new: str) -> None:
    for column in select_.find_all(exp.Column):
        if old and column.table == old:
            column.set("table", exp.to_identifier(new, quoted=True))


def _drop_empty(select_: exp.Expr, exploded: exp.Explode) -> None:
    if isinstance(exploded, exp.ExplodeOuter):
        return
    size = call("ARRAY_LENGTH", exploded.this.copy())
    filled = exp.GT(this=size, expression=exp.Literal.number(0))
    where = select_.args.get("where")
    condition = exp.and_(where.this.copy(), filled) if where else filled
    select_.set("where", exp.Where(this=condition))
