"""SQL steps: one query over lazy frames, rendered in Polars' dialect and run lazily."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from laktory_dagster.engines.base import Frame
from laktory_dagster.errors import TransformError
from laktory_dagster.expressions.sql import Reference, parse_query
from laktory_dagster.expressions.suggest import hint_for


def run_query(text: str, dialect: str, frame: Frame, frames: Mapping[str, Frame]) -> pl.LazyFrame:
    """Return the query's rows lazily.

    Args:
        text: the query, with `{df}`, `{sources.x}`, `{nodes.x}` as tables.
        dialect: the dialect it is written in.
        frame: what `{df}` is.
        frames: `sources.x`, `nodes.x` and tables by their name.

    Raises:
        ExpressionError: it is no allowed query, or Polars cannot express it.
        TransformError: it names a table or a column that is not there.
    """
    query = parse_query(text, dialect)
    tables: dict[str, pl.LazyFrame] = {}
    names: dict[Reference, str] = {}
    for index, reference in enumerate(query.references):
        names[reference] = f"t{index}"
        tables[f"t{index}"] = _table(reference, frame, frames)
    rendered = query.render("polars", names)
    try:
        found = pl.SQLContext(frames=tables).execute(rendered, eager=False)
        found.collect_schema()
    except pl.exceptions.PolarsError as error:
        columns = list(dict.fromkeys(c for t in tables.values() for c in t.collect_schema()))
        message = str(error).splitlines()[0]
        missing = message.strip("\"'`").split(" ")[-1].strip("\"'`")
        hint = hint_for(missing, columns) or f"the columns are {', '.join(columns[:40])}"
        raise TransformError(f"the query does not run: {message}", hint=hint) from error
    return found


def _table(reference: Reference, frame: Frame, frames: Mapping[str, Frame]) -> pl.LazyFrame:
    if reference.kind == "df":
        found = frame
    else:
        key = f"{reference.kind}.{reference.name}"
        if key not in frames:
            raise TransformError(
                f"the query reads `{key}`, which is not there", hint=hint_for(key, frames)
            )
        found = frames[key]
    return found.lazy() if isinstance(found, pl.DataFrame) else found
