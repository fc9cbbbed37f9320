"""Checks of a transformer's steps: functions, arguments, SQL, columns, types."""

from __future__ import annotations

from laktory_dagster.errors import ExpressionError
from laktory_dagster.expressions import catalog
from laktory_dagster.expressions.polars_on_spark import missing_on_spark
from laktory_dagster.expressions.portable import CANONICAL, GROUPED
from laktory_dagster.expressions.python import Expression, parse_argument, parse_data_type
from laktory_dagster.expressions.secret_text import refuse_secrets
from laktory_dagster.expressions.spark_on_polars import missing_functions
from laktory_dagster.expressions.sql import (
    SqlExpression,
    check_for,
    parse_query,
    parse_sql_expression,
)
from laktory_dagster.expressions.suggest import hint_for
from laktory_dagster.models import Column, ColumnsStep, ColumnStep, MethodStep, SqlStep
from laktory_dagster.models.sources import NodeSource, SourceOptions
from laktory_dagster.plan.context import NodeContext
from laktory_dagster.plan.functions import check_function
from laktory_dagster.plan.references import own_sources
from laktory_dagster.plan.source_checks import HINT_OF_TOTALS, check_source
from laktory_dagster.plan.steps import (
    Path,
    PlacedStep,
    placed_arguments,
    placed_steps,
    placeholder_of,
    placeholders_in,
)
from laktory_dagster.plan.type_checks import check_type

_TAKE_SQL = frozenset({"filter", "where", "selectExpr", "select_expr", "expr"})
_GROUPING = frozenset({"group_by", "group_by_dynamic", "rolling", "rollup", "cube", "groupingSets"})
"""Steps that give groups, by their portable names; `having` and Spark's `pivot` keep them."""


def check_steps(context: NodeContext) -> None:
    """Report what is wrong with the steps of a node's transformer."""
    _check_start(context)
    _check_groups(context)
    for placed in placed_steps(context.node.transformer, (*context.path, "transformer")):
        step = placed.step
        if step.dataframe_type is not None and step.dataframe_type.lower() != context.engine:
            context.findings.error(
                f"this step asks for {step.dataframe_type}, its node runs on {context.engine}",
                (*placed.path, "dataframe_type"),
                hint="a node runs on one engine: make the step a node of its own",
            )
        if isinstance(step, MethodStep):
            check_function(placed, context)
            _check_arguments(step, placed, context)
        elif isinstance(step, SqlStep):
            _check_query(step, placed, context)
        elif isinstance(step, ColumnStep):
            _check_column(step.with_column, (*placed.path, "with_column"), context)
        elif isinstance(step, ColumnsStep):
            for index, column in enumerate(step.with_columns):
                _check_column(column, (*placed.path, "with_columns", index), context)


def _check_groups(context: NodeContext) -> None:
    """Report a step after `group_by` that works on rows, and groups that nothing closes."""
    grouped: PlacedStep | None = None
    own = catalog.grouped_methods("spark" if context.engine == "spark" else "polars")
    for placed in placed_steps(context.node.transformer, (*context.path, "transformer")):
        step = placed.step
        name = step.func_name if isinstance(step, MethodStep) else ""
        if grouped is not None and name not in GROUPED and name not in own:
            what = f"`{name}` cannot follow" if name else "a query or a column cannot follow"
            context.findings.error(
                f"{what} `{_name(grouped)}` on {context.engine}: rows are in groups there",
                placed.path,
                hint="add a step such as `agg` between them",
            )
        if CANONICAL.get(name, name) in _GROUPING:
            grouped = placed
        elif name not in ("having", "pivot"):
            grouped = None
    if grouped is not None:
        context.findings.error(
            f"`{_name(grouped)}` leaves rows in groups",
            grouped.path,
            hint="add a step such as `agg` after it",
        )


def _name(placed: PlacedStep) -> str:
    return placed.step.func_name if isinstance(placed.step, MethodStep) else ""


def _check_start(context: NodeContext) -> None:
    """Report a node without a source whose first step is no query that names all that it reads."""
    first = next(placed_steps(context.node.transformer, (*context.path, "transformer")), None)
    if context.node.sources or first is None:
        return
    if not isinstance(first.step, SqlStep):
        context.findings.error(
            "the node has no source, so its first step has no rows to work on",
            first.path,
            hint="declare a `source`, or start with a query over `{nodes.name}`",
        )
    elif any(found.kind == "df" for found in placeholders_in(first.step.sql_expr)):
        context.findings.error(
            "the query reads `{df}`, and the node has no source",
            (*first.path, "sql_expr"),
            hint="declare a `source`, or read `{nodes.name}`",
        )


def _check_arguments(step: MethodStep, placed: PlacedStep, context: NodeContext) -> None:
    for argument in placed_arguments(step, placed.path):
        if isinstance(argument.value, str):
            # Other named arguments of `filter` are values that columns must have.
            positional = "func_args" in argument.path or argument.path[-1] == "condition"
            takes_sql = step.func_name in _TAKE_SQL - context.common.functions
            if takes_sql and positional and placeholder_of(argument.value) is None:
                _check_condition(step, argument.value, argument.path, context)
            else:
                _check_text(argument.value, argument.path, context, takes_sql=takes_sql)
        elif isinstance(argument.value, SourceOptions):
            check_source(argument.value, argument.path, context)


def _check_condition(step: MethodStep, text: str, path: Path, context: NodeContext) -> None:
    """Report what is wrong with a condition in SQL, or with a projection that is no star."""
    filters = CANONICAL.get(step.func_name, step.func_name) == "filter"
    if not filters and text.strip().endswith("*"):
        return
    expression = check_expression(text, path, context)
    if filters and isinstance(expression, SqlExpression) and expression.is_aggregate:
        context.findings.error("the filter speaks of all rows at once", path, hint=HINT_OF_TOTALS)


def _check_text(text: str, path: Path, context: NodeContext, *, takes_sql: bool) -> None:
    placeholder = placeholder_of(text)
    if placeholder is not None:
        if placeholder.kind == "sources":
            check_source_name(placeholder.name, path, context)
        return
    try:
        if takes_sql:
            refuse_secrets(text)
        expression = parse_argument(text)
        if expression is None:
            parse_data_type(text)
    except ExpressionError as error:
        context.findings.wrong_text(error, path)
        return
    if expression is not None:
        check_roots(expression, path, context)


def check_roots(expression: Expression, path: Path, context: NodeContext) -> None:
    """Report an expression in the language of another engine."""
    for name in missing_functions(expression) if context.engine == "polars" else ():
        context.findings.error(
            f"`F.{name}` has no equal on polars",
            path,
            hint="write it with `pl.`, or as SQL in `sql_expr`",
        )
    for name in missing_on_spark(expression) if context.engine == "spark" else ():
        context.findings.error(
            f"`{name}` has no equal on spark", path, hint="write it with `F.`, or as SQL"
        )


def check_source_name(name: str, path: Path, context: NodeContext) -> None:
    """Report `{sources.name}` where the node has no source of that name."""
    names = own_sources(context)
    if name in names:
        return
    upstream = [s.node_name for s in context.node.sources if isinstance(s, NodeSource)]
    if name in upstream:
        hint: str | None = f"write `{{nodes.{name}}}`, or give that source `name: {name}`"
    else:
        hint = hint_for(name, names) or f"give one of the node's sources `name: {name}`"
    context.findings.error(f"the node has no source named `{name}`", path, hint=hint)


def _check_query(step: SqlStep, placed: PlacedStep, context: NodeContext) -> None:
    path = (*placed.path, "sql_expr")
    try:
        query = parse_query(step.sql_expr, context.dialect)
        check_for(query, context.engine_dialect)
    except ExpressionError as error:
        context.findings.wrong_text(error, path)
        return
    for reference in query.references:
        if reference.kind == "sources":
            check_source_name(reference.name, path, context)
        elif reference.kind == "table":
            context.findings.error(
                f"the query reads `{reference.name}`, which is none of the node's frames",
                path,
                expected="`{df}`, `{sources.name}` or `{nodes.name}`",
                hint=_table_hint(reference.name, context),
            )


def _table_hint(name: str, context: NodeContext) -> str:
    if name in context.common.positions:
        return f"write `{{nodes.{name}}}`"
    if name in own_sources(context):
        return f"write `{{sources.{name}}}`"
    return "declare the table under `sources` with a `name`, and write `{sources.name}`"


def _check_column(column: Column, path: Path, context: NodeContext) -> None:
    if not column.name.strip():
        context.findings.error("the column has no name", (*path, "name"))
    if column.type is not None:
        check_type(column.type, (*path, "type"), context)
    if column.sql_expr is not None:
        check_sql(column.sql_expr, (*path, "sql_expr"), context)
    elif column.expr is not None:
        check_expression(column.expr, (*path, "expr"), context)


def check_expression(
    text: str, path: Path, context: NodeContext
) -> Expression | SqlExpression | None:
    """Report what is wrong with a text that is a call or SQL; return it parsed, or None."""
    try:
        expression = parse_argument(text)
    except ExpressionError as error:
        context.findings.wrong_text(error, path)
        return None
    if expression is None:
        return check_sql(text, path, context)
    check_roots(expression, path, context)
    return expression


def check_sql(text: str, path: Path, context: NodeContext) -> SqlExpression | None:
    """Report what is wrong with a scalar SQL expression; return it parsed, or None."""
    try:
        expression = parse_sql_expression(text, context.dialect)
        check_for(expression, context.engine_dialect)
    except ExpressionError as error:
        context.findings.wrong_text(error, path)
        return None
    return expression
