"""SQL steps, run lazily over the frames that they name."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from laktory_dagster.engines.polars.scope import Scope
from laktory_dagster.engines.polars.sql_casts import move_text_casts
from laktory_dagster.errors import ExpressionError, TransformError
from laktory_dagster.expressions.present import with_moment
from laktory_dagster.expressions.sql import Reference, parse_query
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
    tables = {reference: _frame_of(reference, frame, frames) for reference in query.references}
    names = {reference: f"t{index}" for index, reference in enumerate(tables)}
    by_name = {names[reference]: table for reference, table in tables.items()}
    columns = {name: table.collect_schema().names() for name, table in by_name.items()}
    rendered, named = move_text_casts(query.render("polars", names, columns), by_name)
    try:
        return pl.SQLContext(frames=named).execute(rendered, eager=False)
    except pl.exceptions.SQLSyntaxError as error:
        raise ExpressionError(f"Polars cannot run this SQL: {error}") from error


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
