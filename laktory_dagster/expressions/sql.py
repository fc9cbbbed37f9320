"""SQL of a pipeline: one query over named tables, or one scalar expression, for any dialect."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from sqlglot import exp
from sqlglot.errors import SqlglotError

from laktory_dagster.errors import ExpressionError
from laktory_dagster.expressions import dialect as _dialect
from laktory_dagster.expressions.dialect import SPARK_DIALECTS
from laktory_dagster.expressions.polars_sql import to_polars
from laktory_dagster.expressions.python import Expression, parse_argument
from laktory_dagster.expressions.secret_text import refuse_secrets
from laktory_dagster.expressions.spark_scalar import SCALAR, spark_calls
from laktory_dagster.expressions.sql_aliases import spell_out_aliases
from laktory_dagster.expressions.sql_build import Unexpressed
from laktory_dagster.expressions.sql_joins import spell_out_joins
from laktory_dagster.expressions.sql_keys import cast_keys
from laktory_dagster.expressions.sql_moving import Take, move_scalars
from laktory_dagster.expressions.sql_names import result_name
from laktory_dagster.expressions.sql_numbers import KindOf, with_numbers
from laktory_dagster.expressions.sql_rules import check_query_tree
from laktory_dagster.expressions.sql_shape import balance
from laktory_dagster.expressions.sql_spelling import spell_as_tables
from laktory_dagster.expressions.sql_text import (
    MARK,
    MarkedSql,
    mark_placeholders,
    parse_statements,
)

ReferenceKind = Literal["df", "sources", "nodes", "table"]


@dataclass(frozen=True, slots=True)
class Reference:
    """A table that a query reads.

    `kind` is `df`, `sources` or `nodes` for placeholders and `table` for a name in the SQL itself
    (`name` has its one to three parts with dots). `name` is empty for `df`.
    """

    kind: ReferenceKind
    name: str = ""


@dataclass(frozen=True, eq=False)
class Query:
    """A checked query.

    `references` are the tables in the order they appear, each once. `output_names` are the columns
    projected by name at the top (of a union: its first part); `passes_through` says that a `*`
    stands beside them.
    """

    text: str
    dialect: str
    references: tuple[Reference, ...]
    output_names: tuple[str, ...]
    passes_through: bool
    tree: exp.Query = field(repr=False)

    def render(
        self,
        dialect: str,
        names: Mapping[Reference, str],
        columns: Mapping[str, Sequence[str]] | None = None,
        take: Take | None = None,
        kind_of: KindOf | None = None,
    ) -> str:
        """Return the SQL for a dialect, each reference replaced by a quoted name.

        Args:
            dialect: the SQL to write.
            names: for every reference; a table keeps the name by which columns call it.
            columns: the columns of every table by its name in `names`, where they are known; joins
                are then spelled out.
            take: gives the column that a table gets for an expression which means on Spark what
                the dialect cannot say; see `sql_moving`.
            kind_of: says which columns are numbers, where aggregates of them need to be told.

        Raises:
            ExpressionError: The dialect cannot express something in the query.
        """
        missing = [reference for reference in self.references if reference not in names]
        if missing:
            raise ExpressionError(
                f"the query reads `{missing[0].name or 'df'}`, which is not there"
            )
        tree: exp.Expr = self.tree.copy()
        aliases = _aliases(self.references)
        for table in list(tree.find_all(exp.Table)):
            reference = _reference(table)
            if reference is not None:
                _replace_table(table, names[reference], aliases[reference])
        for column in list(tree.find_all(exp.Column)):
            _requalify(column, aliases)
        if dialect != self.dialect:
            tree = _spelled_out(tree, self.dialect, columns, kind_of)
            if take is not None:
                known = columns or dict.fromkeys(names.values())
                tree = move_scalars(tree, take, known)
            if kind_of is not None:
                tree = with_numbers(tree, kind_of)
        return _generate(tree, self.dialect, dialect)


def query_of(tree: exp.Query, dialect: str) -> Query:
    """Return the query of a checked tree, which may be a part of another."""
    references = tuple(dict.fromkeys(_references(tree)))
    names, passes_through = _projection(tree)
    return Query(tree.sql(dialect), dialect, references, names, passes_through, tree)


@dataclass(frozen=True, eq=False)
class SqlExpression:
    """A checked scalar expression.

    `columns` are those it reads (`data` of `data.close`); `output_name` is its alias, or the column
    if it is one. `is_aggregate` says that it needs all rows at once.
    """

    text: str
    dialect: str
    columns: frozenset[str]
    output_name: str | None
    is_aggregate: bool
    tree: exp.Expr = field(repr=False)

    def render(self, dialect: str) -> str:
        """Return the SQL for a dialect.

        Raises:
            ExpressionError: The dialect cannot express something in it.
        """
        return _generate(self.tree.copy(), self.dialect, dialect)


def parse_condition(text: str, dialect: str) -> Expression | SqlExpression:
    """Return the condition of a filter or an expectation: a call such as `nw.col(...)`, else SQL.

    Raises:
        ExpressionError: It is neither, or holds something forbidden.
    """
    return parse_argument(text) or parse_sql_expression(text, dialect)


@lru_cache(maxsize=4096)
def parse_query(text: str, dialect: str) -> Query:
    """Return the query of a text that may name tables as `{df}`, `{sources.x}`, `{nodes.x}`.

    Raises:
        ExpressionError: It is not exactly one query, or holds something forbidden.
    """
    _dialect.check_known(dialect)
    refuse_secrets(text)
    statements = parse_statements(mark_placeholders(text, dialect), dialect)
    if len(statements) != 1:
        raise ExpressionError(
            f"one query is expected, {len(statements)} statements were given",
            expected="one SELECT, WITH or UNION",
            hint="write each as a step of its own",
        )
    tree = balance(statements[0])
    check_query_tree(tree)
    if not isinstance(tree, exp.Select | exp.SetOperation | exp.Subquery):
        raise ExpressionError("this is no query", expected="one SELECT, WITH or UNION")
    if not _first_select(tree).expressions:
        raise ExpressionError("the query selects nothing", expected="columns after SELECT")
    references = tuple(dict.fromkeys(_references(tree)))
    names, passes_through = _projection(tree)
    return Query(text, dialect, references, names, passes_through, tree)


@lru_cache(maxsize=8192)
def parse_sql_expression(text: str, dialect: str) -> SqlExpression:
    """Return the scalar expression of a text: of a filter, an expectation or a column.

    Raises:
        ExpressionError: It is not exactly one expression, or holds something forbidden.
    """
    _dialect.check_known(dialect)
    refuse_secrets(text)
    tree = _single_projection(text, dialect)
    check_query_tree(tree)
    for node in tree.walk():
        if isinstance(node, exp.Query):
            raise ExpressionError(
                "a query inside an expression is not allowed",
                hint="join first in a `sql_expr` step, then name the column",
            )
        if isinstance(node, exp.Star) and not isinstance(node.parent, exp.Count):
            raise ExpressionError("`*` is no value", expected="one expression, such as `a + 1`")
    columns = frozenset(_first_part(column) for column in tree.find_all(exp.Column))
    return SqlExpression(text, dialect, columns - {""}, _own_name(tree), _is_aggregate(tree), tree)


def _single_projection(text: str, dialect: str) -> exp.Expr:
    """Return the one expression of the text, read as the projection of a SELECT."""
    if not text.strip():
        raise ExpressionError("the expression is empty", expected="SQL, such as `close > 0`")
    if mark_placeholders(text, dialect).shifts:
        raise ExpressionError(
            "an expression names columns, not tables",
            hint="write a whole query in `sql_expr` of a step",
        )
    statements = parse_statements(MarkedSql(text), dialect, prefix="SELECT ")
    select = statements[0] if len(statements) == 1 else None
    if not isinstance(select, exp.Select) or any(
        value for key, value in select.args.items() if key != "expressions"
    ):
        raise ExpressionError(
            "one expression is expected, and this goes on after it",
            expected="a single expression, such as `close > 0`",
            hint="write a whole query in `sql_expr` of a step",
        )
    if len(select.expressions) != 1:
        raise ExpressionError(
            f"one expression is expected, {len(select.expressions)} were given",
            hint="combine conditions with AND; give each column an entry of its own",
        )
    tree: exp.Expr = balance(select).expressions[0]
    return tree


def _own_name(tree: exp.Expr) -> str | None:
    named = isinstance(tree, exp.Alias | exp.Column | exp.Dot)
    return result_name(tree) if named else None


def _is_aggregate(tree: exp.Expr) -> bool:
    return any(node.find_ancestor(exp.Window) is None for node in tree.find_all(exp.AggFunc))


def _first_part(column: exp.Column) -> str:
    parts = column.parts
    return str(parts[0].name) if parts else ""


def _references(tree: exp.Expr) -> Iterator[Reference]:
    for table in tree.find_all(exp.Table, bfs=False):
        reference = _reference(table)
        if reference is not None:
            yield reference


def _reference(table: exp.Table) -> Reference | None:
    """Return what a table refers to, None for a name that the query itself defines."""
    if not isinstance(table.this, exp.Identifier) or table.find_ancestor(exp.Hint):
        return None
    name = table.this.name
    if name.startswith(MARK):
        return _placeholder(name)
    if not table.args.get("db") and _is_defined_above(table, name):
        return None
    full = ".".join(part.name for part in table.parts)
    # Early versions of the reference wrote `FROM df`, without braces.
    return Reference("df") if full == "df" else Reference("table", full)


def _placeholder(name: str) -> Reference:
    kind, _, rest = name.removeprefix(MARK).strip().partition(".")
    return Reference(_PLACEHOLDER_KINDS[kind], rest) if rest else Reference("df")


_PLACEHOLDER_KINDS: Mapping[str, Literal["sources", "nodes"]] = {
    "sources": "sources",
    "nodes": "nodes",
}


def _is_defined_above(table: exp.Table, name: str) -> bool:
    """Return whether a WITH that the table can see defines its name."""
    child: exp.Expr = table
    while (parent := child.parent) is not None:
        with_ = parent if isinstance(parent, exp.With) else parent.args.get("with_")
        if isinstance(with_, exp.With) and with_ is not child:
            visible = with_.expressions
            if parent is with_:
                index = next(i for i, cte in enumerate(visible) if cte is child)
                visible = visible[: index + bool(with_.args.get("recursive"))]
            if any(cte.alias.lower() == name.lower() for cte in visible):
                return True
        child = parent
    return False


def _projection(tree: exp.Expr) -> tuple[tuple[str, ...], bool]:
    names: list[str] = []
    passes_through = False
    for item in _first_select(tree).expressions:
        if item.is_star and not isinstance(item, exp.Count | exp.Alias):
            passes_through = True
        else:
            names.append(result_name(item))
    return tuple(names), passes_through


_NAMED = (exp.Alias, exp.Aliases, exp.Column, exp.Explode)


def _first_select(tree: exp.Expr) -> exp.Expr:
    while not isinstance(tree, exp.Select):
        tree = tree.this
    return tree


def _name_results(tree: exp.Expr) -> None:
    """Give every result without a name the one that Spark would, so that engines agree."""
    for item in _first_select(tree).expressions:
        if not item.is_star and not isinstance(item, _NAMED):
            item.replace(exp.alias_(item.copy(), result_name(item), quoted=True))
    for union in tree.find_all(exp.SetOperation):
        # Only the first part gives names, and Polars wants different ones in the others too.
        for place, item in enumerate(_first_select(union.expression).expressions):
            if not item.is_star and not isinstance(item, _NAMED):
                item.replace(exp.alias_(item.copy(), f"laktory_c{place}", quoted=True))


def _spelled_out(
    tree: exp.Expr,
    source: str,
    columns: Mapping[str, Sequence[str]] | None,
    kind_of: KindOf | None,
) -> exp.Expr:
    """Return a query with what dialects leave out in their own ways: names, keys, casts."""
    if columns is None:
        _name_results(tree)
        return tree
    names = {name for found in columns.values() for name in found}
    is_spark = source in SPARK_DIALECTS
    _name_results(tree)
    if is_spark:
        tree = spell_as_tables(tree, names)
    tree = spell_out_joins(tree, columns, source)
    if is_spark:
        tree = spell_out_aliases(tree, names)
    return cast_keys(tree, kind_of) if is_spark and kind_of is not None else tree


def _aliases(references: Iterable[Reference]) -> dict[Reference, str]:
    """Return how columns call each table: by its short name, or the longer one if two share it."""
    aliases: dict[Reference, str] = {}
    for reference in references:
        parts = reference.name.split(".") if reference.kind == "table" else [reference.name or "df"]
        taken = parts[-1] in aliases.values()
        aliases[reference] = f"{reference.kind}.{reference.name}" if taken else parts[-1]
    return aliases


def _replace_table(table: exp.Table, name: str, alias: str) -> None:
    if not table.alias:
        table.set("alias", exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))
    table.set("this", exp.to_identifier(name, quoted=True))
    table.set("db", None)
    table.set("catalog", None)


def _requalify(column: exp.Column, aliases: Mapping[Reference, str]) -> None:
    """Make the placeholder or the long name before a column the alias that its table got."""
    qualifier = [part.name for part in column.parts[:-1]]
    if len(qualifier) == 1 and qualifier[0].startswith(MARK):
        reference = _placeholder(qualifier[0])
        if reference not in aliases:
            raise ExpressionError(
                f"`{{{qualifier[0][1:]}}}` stands before a column, but is no table of the query"
            )
        column.set("table", exp.to_identifier(aliases[reference], quoted=True))
    elif len(qualifier) > 1:
        ending = "." + ".".join(qualifier)
        for reference, alias in aliases.items():
            if reference.kind == "table" and f".{reference.name}".endswith(ending):
                column.set("table", exp.to_identifier(alias, quoted=True))
                column.set("db", None)
                column.set("catalog", None)


def unsupported(sql: str, source: str, target: str) -> list[str]:
    """Return what the target dialect cannot express of a query or an expression, as sentences.

    Empty when all of it can be. Only Polars is looked at function by function.

    Raises:
        ExpressionError: The text is no allowed SQL of the source dialect.
    """
    parse = parse_query if _is_query(sql) else parse_sql_expression
    parsed: Query | SqlExpression = parse(sql, source)
    tree = parsed.tree.copy()
    if target == "polars":
        _, found = to_polars(tree, source)
        if found:
            return [str(problem) for problem in found]
    try:
        _dialect.write(tree, target)
    except SqlglotError as error:
        return [f"{target} cannot express this SQL: {error}"]
    return []


def check_for(parsed: Query | SqlExpression, target: str) -> None:
    """Raise ExpressionError if an engine whose dialect this is cannot run a query or expression.

    Polars runs scalar expressions by what Spark's functions mean, where it has an equal of each.
    """
    if target == parsed.dialect:
        return
    if isinstance(parsed, Query):
        names = {reference: f"t{i}" for i, reference in enumerate(parsed.references)}
        parsed.render(target, names, take=_moved if target == "polars" else None)
    elif target != "polars" or spark_calls(parsed.tree) is None:
        parsed.render(target)


def _moved(_table: str, _calls: exp.Expr, _has_nulls: bool) -> str:
    return "moved"


def _is_query(sql: str) -> bool:
    return re.match(r"[\s(]*(?:select|with|from)\b", sql, re.IGNORECASE) is not None


def _is_moved_elsewhere(problem: Unexpressed) -> bool:
    """Return whether the function alone would run on Polars: it stands beside what does not."""
    name = re.search(r"`(\w+)`", problem.what)
    return name is not None and name.group(1) in SCALAR


def _generate(tree: exp.Expr, source: str, target: str) -> str:
    _dialect.check_known(target)
    try:
        if target == "polars":
            tree, found = to_polars(tree, source)
            if found:
                first = min(found, key=_is_moved_elsewhere)
                raise ExpressionError(f"Polars SQL cannot express {first.what}", hint=first.hint)
        return _dialect.write(tree, target)
    except RecursionError:
        raise ExpressionError(
            "the SQL is nested too deeply", hint="split it over several nodes"
        ) from None
    except SqlglotError as error:
        raise ExpressionError(f"{target} cannot express this SQL: {error}") from None
