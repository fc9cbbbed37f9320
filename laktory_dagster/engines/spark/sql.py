"""SQL steps, run lazily over the frames that they name; no view outlives its query."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyspark.sql import functions as F  # noqa: N812

from laktory_dagster.engines.spark.scope import Scope
from laktory_dagster.errors import TransformError
from laktory_dagster.expressions.lenient import lenient
from laktory_dagster.expressions.present import with_moment
from laktory_dagster.expressions.sql import Reference, parse_query
from laktory_dagster.expressions.suggest import hint_for


def run_query(text: str, frames: Mapping[str, Any], scope: Scope) -> Any:
    """Return the result of a query, lazily.

    Args:
        text: the query.
        frames: what `{sources.x}` and `{nodes.x}` name, by `sources.x` and `nodes.x`.
        scope: holds what `{df}` names, the dialect and the present time.

    Raises:
        TransformError: it names a frame that is not there.
        ExpressionError: it is no query, or Spark cannot express it.
    """
    query = with_moment(parse_query(text, scope.dialect), scope.moment)
    tables = {reference: _frame_of(reference, frames, scope) for reference in query.references}
    names = {reference: f"laktory_t{index}" for index, reference in enumerate(tables)}
    columns = {names[reference]: table.columns for reference, table in tables.items()}
    rendered = lenient(query).render("spark", names, columns)
    # Spark replaces `{name}` by the frame of this name, without a view that others could see.
    escaped = rendered.replace("{", "{{").replace("}", "}}")
    for name in names.values():
        escaped = escaped.replace(f"`{name}`", "{" + name + "}")
    # Spark makes a view of a frame for as long as this takes, and dropping it lets go of the rows
    # that are kept of the same plan: one that differs by a filter of nothing leaves them.
    given = {names[reference]: table.filter(F.lit(True)) for reference, table in tables.items()}
    return scope.frame.sparkSession.sql(escaped, **given)


def _frame_of(reference: Reference, frames: Mapping[str, Any], scope: Scope) -> Any:
    if reference.kind == "df":
        return scope.frame
    if reference.kind == "table":
        raise TransformError(
            f"the query reads the table `{reference.name}`, which is not there",
            expected="{df}, {sources.name} or {nodes.name}",
            hint="declare the table as a source of the node, and name it `{sources.name}`",
        )
    name = f"{reference.kind}.{reference.name}"
    if name not in frames:
        raise TransformError(
            f"the query reads `{{{name}}}`, which is not there", hint=hint_for(name, frames)
        )
    return frames[name]
