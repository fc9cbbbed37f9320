"""Scalar expressions of a query, moved into the tables that they read.

A query runs as text, and Polars SQL reads functions and casts its own way. What reads columns of
one table alone is computed there, by its meaning on Spark, and the query reads the result.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import Scope, traverse_scope

from laktory_dagster.expressions.dialect import write
from laktory_dagster.expressions.spark_scalar import spark_calls
from laktory_dagster.expressions.sql_names import result_name

MOVED = "__laktory_moved_"
"""How the columns that tables get are called."""

Take = Callable[[str, exp.Expr, bool], str | None]
"""Gives the column that a table gets for an expression of its columns; None if there is none.

The last argument says that an outer join puts nulls in place of the table's rows afterwards: then
only what is null for nulls may move.
"""

_VALUES = (
    exp.Add, exp.AtTimeZone, exp.Between, exp.Bracket, exp.Div, exp.Dot, exp.DPipe, exp.EQ,
    exp.FromTimeZone, exp.Func, exp.GT, exp.GTE, exp.ILike, exp.In, exp.IntDiv, exp.LT, exp.LTE, exp.Like, exp.Mod, exp.Mul,
    exp.NEQ, exp.Neg, exp.NullSafeEQ, exp.Sub,
)  # fmt: skip
_NO_VALUES = (exp.Connector, exp.AggFunc, exp.Window, exp.Explode, exp.Query)
_APART = (exp.Query, exp.Lateral, exp.Unnest, exp.Values)
"""Nodes whose inside is no row of the query's tables, or that of another query."""


def move_scalars(
    tree: exp.Expr, take: Take, tables: Mapping[str, Collection[str] | None]
) -> exp.Expr:
    """Return the query with such expressions replaced by columns of its tables, in place.

    Args:
        tree: the query, its tables named as in `tables`.
        take: asked for every expression that may move.
        tables: the columns of each table, None where they are not known.
    """
    try:
        scopes = traverse_scope(tree)
    except SqlglotError:
        return tree
    moved: dict[str, list[str]] = {}
    selects = [scope for scope in scopes if isinstance(scope.expression, exp.Select)]
    movers = [_Mover(scope, take, tables, moved) for scope in selects]
    for mover in movers:
        mover.move()
    for mover in movers:
        mover.leave_out()
    return tree


class _Mover:
    """Moves the expressions of one SELECT."""

    def __init__(
        self,
        scope: Scope,
        take: Take,
        tables: Mapping[str, Collection[str] | None],
        moved: dict[str, list[str]],
    ) -> None:
        self._moved = moved
        self._select = scope.expression
        self._take = take
        self._columns = {
            alias: (source.name, tables[source.name])
            for alias, source in scope.sources.items()
            if isinstance(source, exp.Table) and source.name in tables
        }
        self._is_whole = len(self._columns) == len(scope.sources)
        self._groups: set[str] | None = None
        self._is_plain = not any(
            scope.expression.args.get(part) for part in ("group", "having")
        ) and not any(
            node.find_ancestor(exp.Window) is None for node in scope.find_all(exp.AggFunc)
        )
        self._joins = _JoinOrder(scope.expression)
        self._first = self._joins.first
        self._place = self._joins.end

    def move(self) -> None:
        """Move what may, what rows are grouped by first: the rest has to agree with it."""
        args = self._select.args
        for place, join in enumerate(args.get("joins") or (), start=1):
            self._place = place
            self._descend(join)
        self._place = self._joins.end
        self._descend(args.get("where"))
        group = args.get("group")
        if group is not None:
            self._groups = set()
            for item in list(group.expressions):
                self._move_group(item)
        rest = [args.get(part) for part in ("having", "qualify", "order")]
        for part in (*self._select.expressions, *rest):
            self._descend(part, grouped=group is not None)

    def _move_group(self, item: exp.Expr) -> None:
        text = write(item, "spark")
        if self._replace(item) and self._groups is not None:
            self._groups.add(text)

    def _descend(self, node: exp.Expr | None, *, grouped: bool = False) -> None:
        if node is None or isinstance(node, _APART):
            return
        inside = grouped and not isinstance(node, exp.AggFunc | exp.Filter)
        may_move = isinstance(node, _VALUES) and not isinstance(node, _NO_VALUES)
        # A branch of a CASE is no value of its own.
        may_move &= not (isinstance(node, exp.If) and isinstance(node.parent, exp.Case))
        if may_move and (not grouped or self._is_group(node)) and self._replace(node):
            return
        for child in list(node.iter_expressions()):
            self._descend(child, grouped=inside)

    def _is_group(self, node: exp.Expr) -> bool:
        return bool(self._groups) and write(node, "spark") in (self._groups or ())

    def _replace(self, node: exp.Expr) -> bool:
        """Replace an expression by a column that its one table gets."""
        alias = self._alias_of(node)
        calls = None if alias is None else spark_calls(_unqualified(node, str(alias)))
        if alias is None or calls is None:
            return False
        has_nulls = self._joins.adds_nulls(str(alias), self._place)
        name = self._take(self._columns[alias][0], calls, has_nulls)
        if name is None:
            return False
        column = exp.column(name, table=alias, quoted=True)
        is_result = node.parent is self._select and node.arg_key == "expressions"
        node.replace(exp.alias_(column, result_name(node), quoted=True) if is_result else column)
        added = self._moved.setdefault(self._columns[alias][0], [])
        if name not in added:
            added.append(name)
        return True

    def leave_out(self) -> None:
        """Keep the columns that tables got, in any part of the query, out of every `*`."""
        for star in [s for item in self._select.expressions for s in _stars(item)]:
            alias = star.parent.table if isinstance(star.parent, exp.Column) else ""
            tables = {t for a, (t, _) in self._columns.items() if alias in ("", a)}
            hidden = [name for table in sorted(tables) for name in self._moved.get(table, ())]
            if hidden:
                kept = list(star.args.get("except_") or [])
                named = [exp.to_identifier(name, quoted=True) for name in hidden]
                star.set("except_", [*kept, *named])

    def _alias_of(self, node: exp.Expr) -> str | None:
        """Return the one table whose columns an expression reads; None if it is not just one."""
        found = {self._table_of(column) for column in node.find_all(exp.Column)}
        if not found and self._is_plain and not self._joins.adds_nulls(self._first, self._place):
            return self._first if self._first in self._columns else None
        return found.pop() if len(found) == 1 else None

    def _table_of(self, column: exp.Column) -> str | None:
        parts = [part.name for part in column.parts]
        if len(parts) > 1 and parts[0] in self._columns:
            return parts[0]
        if not self._is_whole:
            # The name may be one of a subquery, whose columns are not known here.
            return None
        if len(self._columns) == 1:
            alias, (_, known) = next(iter(self._columns.items()))
            return alias if known is None or parts[0] in known else None
        holding = [a for a, (_, known) in self._columns.items() if known and parts[0] in known]
        return holding[0] if len(holding) == 1 else None


class _JoinOrder:
    """The tables of a SELECT in the order in which they are joined."""

    def __init__(self, select: exp.Expr) -> None:
        joins: list[exp.Join] = select.args.get("joins") or []
        source = select.args.get("from_")
        self.first = "" if source is None else str(source.this.alias_or_name)
        self._names = [self.first, *(str(join.this.alias_or_name) for join in joins)]
        self._sides = ["", *(join.side for join in joins)]
        self.end = len(self._names)

    def adds_nulls(self, name: str, place: int) -> bool:
        """Return whether a table may have rows of nulls before the join at a place (from 1)."""
        own = self._names.index(name) if name in self._names else 0
        later = self._sides[own + 1 : place]
        return (own < place and self._sides[own] in ("LEFT", "FULL")) or any(
            side in ("RIGHT", "FULL") for side in later
        )


def _unqualified(node: exp.Expr, alias: str) -> exp.Expr:
    """Return a copy in which columns stand without their table."""
    copied = node.copy()
    for column in _columns(copied):
        parts = column.parts
        if len(parts) > 1 and parts[0].name == alias:
            names = ("this", "table", "db", "catalog")
            rest = {n: part.copy() for n, part in zip(names, reversed(parts[1:]), strict=False)}
            plain = exp.Column(**rest)
            if column is copied:
                return plain
            column.replace(plain)
    return copied


def _columns(node: exp.Expr) -> Iterator[exp.Column]:
    yield from list(node.find_all(exp.Column))


def _stars(item: exp.Expr) -> list[exp.Star]:
    if isinstance(item, exp.Star):
        return [item]
    return [item.this] if isinstance(item, exp.Column) and isinstance(item.this, exp.Star) else []
