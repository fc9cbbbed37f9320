"""SQL steps, run lazily over the frames that they name."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import polars as pl
from sqlglot import exp

from laktory_dagster.engines.polars.scope import Scope
from laktory_dagster.engines.polars.spark_calls import compile_calls
from laktory_dagster.engines.polars.sql_casts import move_text_casts
from laktory_dagster.engines.polars.sql_values import kind_of_values
from laktory_dagster.errors import ExpressionError, TransformError
from laktory_dagster.expressions.dialect import SPARK_DIALECTS
from laktory_dagster.expressions.present import with_moment
from laktory_dagster.expressions.sql import Query, Reference, parse_query, query_of
from laktory_dagster.expressions.sql_moving import MOVED
from laktory_dagster.expressions.sql_numbers import Kind
from laktory_dagster.expressions.sql_parts import PART, cut_out_parts
from laktory_dagster.expressions.suggest import hint_for


def run_query(
    frame: pl.LazyFrame, text: str, dialect: str, frames: Mapping[str, pl.LazyFrame], scope: Scope
) -> pl.LazyFrame:
    """Return the result of a query, lazily.

    Args:
        frame: what `{df}` names.
        text: the query.
        dialect: the SQL it is written in.
        frames: what `{sources.x}` and `{nodes.x}` name, by `sources.x` and `nodes.x`.
        scope: holds the present time.

    Raises:
        TransformError: it names a frame that is not there.
        ExpressionError: it is no query, or Polars cannot express it.
    """
    query = with_moment(parse_query(text, dialect), scope.moment)
    return _run(query, frame, dict(frames), scope)


def _run(
    query: Query, frame: pl.LazyFrame, frames: dict[str, pl.LazyFrame], scope: Scope
) -> pl.LazyFrame:
    if query.dialect in SPARK_DIALECTS:
        query = _without_parts(query, frame, frames, scope)
    tables = {reference: _frame_of(reference, frame, frames) for reference in query.references}
    names = {reference: f"t{index}" for index, reference in enumerate(tables)}
    by_name = {names[reference]: table for reference, table in tables.items()}
    moved = MovedScalars(by_name, scope)
    columns = {name: schema.names() for name, schema in moved.schemas.items()}
    take = moved.take if query.dialect != "polars" else None
    text = query.render("polars", names, columns, take, moved.kind_of)
    rendered, named = move_text_casts(text, moved.tables())
    try:
        result = pl.SQLContext(frames=named).execute(rendered, eager=False)
    except pl.exceptions.SQLSyntaxError as error:
        raise ExpressionError(f"Polars cannot run this SQL: {error}") from error
    known = {name for names in columns.values() for name in names} | set(query.output_names)
    _refuse_duplicates(result.collect_schema().names(), known)
    return result


def _without_parts(
    query: Query, frame: pl.LazyFrame, frames: dict[str, pl.LazyFrame], scope: Scope
) -> Query:
    """Return the query with the queries in it as tables, which are added to `frames`."""

    def run(part: exp.Query) -> str:
        try:
            result = _run(query_of(part, query.dialect), frame, frames, scope)
        except pl.exceptions.PolarsError as error:
            raise ExpressionError(str(error)) from error
        name = f"{PART}{len(frames)}"
        frames[f"table.{name}"] = result
        return name

    return query_of(cut_out_parts(query.tree.copy(), run), query.dialect)


def _refuse_duplicates(names: Sequence[str], known: Collection[str]) -> None:
    """Raise TransformError for a name that Polars made up, `n:1`, where a query gives `n` twice."""
    for name in names:
        plain, mark, number = name.rpartition(":")
        if mark and number.isdigit() and name not in known and plain in names:
            raise TransformError(
                f"the query gives the column `{plain}` twice",
                hint="name the columns, one of them anew, in place of `*`",
            )


class MovedScalars:
    """The columns that tables of a query get for expressions which Polars SQL reads otherwise."""

    def __init__(self, tables: Mapping[str, pl.LazyFrame], scope: Scope) -> None:
        """Look at the columns of the tables."""
        self.schemas = {name: frame.collect_schema() for name, frame in tables.items()}
        self._tables = dict(tables)
        self._moment = scope.moment
        self._values: dict[tuple[str, str], tuple[str, pl.Expr | None]] = {}
        self._columns: dict[str, dict[str, pl.Expr]] = {}

    def take(self, table: str, calls: exp.Expr, has_nulls: bool) -> str | None:
        """Return the column of a table that holds an expression; None for Polars SQL to read it."""
        key = (table, calls.sql(dialect="spark"))
        if key not in self._values:
            computed = compile_calls(calls, Scope(self._moment, self.schemas[table]))
            self._values[key] = (f"{MOVED}{len(self._values)}", computed)
        name, value = self._values[key]
        if value is None or (has_nulls and not self._is_null_for_nulls(table, value)):
            return None
        self._columns.setdefault(table, {})[name] = value.alias(name)
        return name

    def _is_null_for_nulls(self, table: str, value: pl.Expr) -> bool:
        nulls = pl.DataFrame(schema=self.schemas[table]).clear(1)
        try:
            return nulls.select(value).item() is None
        except pl.exceptions.PolarsError:
            return False

    def kind_of(self, table: str, path: tuple[str, ...]) -> Kind | None:
        """Return what a column of a table holds."""
        schema = self.schemas.get(table)
        if schema is None:
            return None
        value = self._columns.get(table, {}).get(path[0], pl.col(path[0]))
        for name in path[1:]:
            value = value.struct.field(name)
        return kind_of_values(Scope(self._moment, schema).type_of(value))

    def tables(self) -> dict[str, pl.LazyFrame]:
        """Return the tables with these columns."""
        added = {n: self._tables[n].with_columns(**more) for n, more in self._columns.items()}
        return {**self._tables, **added}


def _frame_of(
    reference: Reference, frame: pl.LazyFrame, frames: Mapping[str, pl.LazyFrame]
) -> pl.LazyFrame:
    if reference.kind == "df":
        return frame
    key = f"{reference.kind}.{reference.name}"
    if key in frames:
        return frames[key]
    if reference.kind == "table":
        raise TransformError(
            f"the query reads the table `{reference.name}`, which is not there",
            expected="{df}, {sources.name} or {nodes.name}",
            hint="declare the table as a source of the node, and name it `{sources.name}`",
        )
    raise TransformError(
        f"the query reads `{{{key}}}`, which is not there", hint=hint_for(key, frames)
    )
