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
    _order_all(node)
    _join_by_exists(node)
    _group_with(node.args.get("group"))
    return None


def _order_all(node: exp.Expr) -> None:
    """Put SORT BY and CLUSTER BY, which order each part of the rows, as an order of all of them."""
    for key in ("sort", "cluster"):
        found = node.args.get(key)
        if found is not None and not node.args.get("order"):
            node.set("order", exp.Order(expressions=found.expressions))
        node.set(key, None)
    node.set("distribute", None)


def _join_by_exists(node: exp.Expr) -> None:
    """Put SEMI and ANTI joins by more than equal columns as EXISTS: Polars has none such."""
    joins = node.args.get("joins") or []
    if len(joins) != 1 or joins[0].kind not in ("SEMI", "ANTI") or joins[0].args.get("on") is None:
        return
    condition = joins[0].args["on"]
    if (
        all(_is_key(part) for part in condition.flatten())
        if isinstance(condition, exp.And)
        else _is_key(condition)
    ):
        return
    one = exp.Select(
        expressions=[exp.alias_(exp.Literal.number(1), "one")],
        from_=exp.From(this=joins[0].this.copy()),
        where=exp.Where(this=condition.copy()),
    )
    found: exp.Expr = exp.Exists(this=one)
    if joins[0].kind == "ANTI":
        found = exp.Not(this=found)
    where = node.args.get("where")
    node.set("where", exp.Where(this=exp.and_(where.this.copy(), found) if where else found))
    node.set("joins", None)


def _is_key(node: exp.Expr) -> bool:
    sides = (node.this, node.expression) if isinstance(node, exp.EQ) else ()
    return len({side.table for side in sides if isinstance(side, exp.Column)}) == 2


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
