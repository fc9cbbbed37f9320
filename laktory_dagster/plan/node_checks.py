"""Checks of a whole node, and of the pipeline's own options."""

from __future__ import annotations

import re
from typing import NamedTuple

from laktory_dagster.errors import ExpressionError
from laktory_dagster.expressions.sql import SqlExpression, parse_query
from laktory_dagster.models import Expectation
from laktory_dagster.models.names import normalised
from laktory_dagster.plan.column_checks import check_columns, check_named_columns
from laktory_dagster.plan.columns import ColumnFlow
from laktory_dagster.plan.context import NodeContext, PlanContext
from laktory_dagster.plan.functions import is_importable
from laktory_dagster.plan.layers import LAKTORY_04, TIME_COLUMN, layer_steps, stamp_of
from laktory_dagster.plan.schedule import cron_problem, is_time_zone
from laktory_dagster.plan.sink_checks import check_sinks
from laktory_dagster.plan.source_checks import check_sources
from laktory_dagster.plan.step_checks import check_expression, check_sql, check_steps
from laktory_dagster.plan.steps import Path
from laktory_dagster.plan.stream_checks import check_streams
from laktory_dagster.settings import Settings

_PRIORITY = "dagster/priority"
_WHOLE = re.compile(r"\s*[+-]?[0-9]+\s*")


def check_pipeline(common: PlanContext, settings: Settings) -> None:
    """Report what is wrong with the options of the pipeline itself."""
    pipeline, findings = common.pipeline, common.findings
    if pipeline.sql_dialect is not None:
        try:
            parse_query("SELECT 1", pipeline.sql_dialect.lower())
        except ExpressionError as error:
            findings.wrong_text(error, ("sql_dialect",))
    if pipeline.orchestrator == "AIRFLOW":
        findings.warn(
            "Dagster runs this pipeline; what is said to Airflow is not used", ("orchestrator",)
        )
    schedule = pipeline.schedule
    if schedule is not None:
        problem = cron_problem(schedule.cron)
        if problem is not None:
            findings.error(
                problem,
                ("schedule", "cron"),
                expected="five fields: minute, hour, day of month, month, day of week",
            )
        if not is_time_zone(schedule.timezone):
            findings.error(
                f"there is no time zone `{schedule.timezone}`",
                ("schedule", "timezone"),
                expected="a name such as UTC or Europe/Berlin",
            )
    for index, module in enumerate(pipeline.imports):
        if not all(part.isidentifier() for part in module.split(".")):
            findings.error(f"`{module}` is no name of a module", ("imports", index))
        elif not is_importable(module, common.plan.folder, settings):
            findings.warn(
                f"the module `{module}` is not imported: it is neither in the project nor allowed",
                ("imports", index),
                hint="name it in LAKTORY_DAGSTER_ALLOW_MODULES if steps need its functions",
            )


def check_node(context: NodeContext, flow: ColumnFlow) -> None:
    """Report what is wrong with a node that can be known without data.

    Args:
        context: the node and where problems go.
        flow: what its transformer does to the columns.
    """
    check_sources(context)
    check_steps(context)
    check_sinks(context)
    check_streams(context)
    _check_own_step(context)
    _check_expectations(context, flow)
    _check_keys(context, flow)


def _check_own_step(context: NodeContext) -> None:
    own = context.node.step
    priority = own.tags.get(_PRIORITY) if own is not None else None
    if priority is not None and not _WHOLE.fullmatch(priority):
        context.findings.error(
            f"`{_PRIORITY}` is `{priority}`",
            (*context.path, "step", "tags", _PRIORITY),
            expected="a whole number, such as `1`",
        )


class _Known(NamedTuple):
    """The columns after the transformer, with the time column, and with the layer's stamp."""

    given: tuple[str, ...]
    timed: tuple[str, ...]
    stored: tuple[str, ...]


def _known_columns(context: NodeContext, flow: ColumnFlow) -> _Known | None:
    """Return the columns around the layer steps, where they are known."""
    node = context.node
    if flow.exact is None or flow.is_grouped or context.common.pipeline.compat == LAKTORY_04:
        return None
    time = (TIME_COLUMN,) if node.layer == "SILVER" and node.timestamp_key else ()
    stamp = (stamp_of(node.layer),) if node.layer and node.add_layer_columns else ()
    timed = (*flow.exact, *time)
    return _Known(flow.exact, timed, (*timed, *stamp))


def _check_expectations(context: NodeContext, flow: ColumnFlow) -> None:
    known = _known_columns(context, flow)
    seen: dict[str, str] = {}
    for index, rule in enumerate(context.node.expectations):
        other = seen.setdefault(normalised(rule.name), rule.name)
        if other != rule.name:
            context.findings.error(
                f"the rules `{other}` and `{rule.name}` are the same once Dagster folds them",
                (*context.path, "expectations", index, "name"),
                hint="rename one of them",
            )
        path = (*context.path, "expectations", index, "expression")
        expression = check_expression(rule.expression, path, context)
        if expression is None:
            continue
        if isinstance(expression, SqlExpression):
            _check_kind(rule, expression, path, context)
        if known is not None and expression.columns is not None:
            check_columns(expression.columns, known.stored, path, context, "the rule reads")


def _check_kind(
    rule: Expectation, expression: SqlExpression, path: Path, context: NodeContext
) -> None:
    if rule.type == "ROW" and expression.is_aggregate:
        context.findings.error(
            f"the rule `{rule.name}` speaks of all rows at once",
            path,
            hint="write `type: AGGREGATE` beside it",
        )
    elif rule.type == "AGGREGATE" and not expression.is_aggregate:
        context.findings.error(
            f"the rule `{rule.name}` gives a value for every row",
            path,
            expected="one value for all rows, such as `count(*) > 0`",
            hint="leave `type: AGGREGATE` out, or use an aggregate",
        )


def _check_keys(context: NodeContext, flow: ColumnFlow) -> None:
    """Report keys that are not among the node's columns, or that its layer would drop."""
    node, path = context.node, context.path
    known = _known_columns(context, flow)
    if known is not None:
        dedupe = layer_steps(node, context.dialect, None, flow).dedupe_subset
        keys = known.timed if dedupe == node.primary_keys else known.stored
        place = (*path, "primary_keys")
        check_columns(set(node.primary_keys), keys, place, context, "the primary key is")
        if dedupe != node.primary_keys:
            place = (*path, "drop_duplicates")
            check_columns(set(dedupe), known.timed, place, context, "`drop_duplicates` reads")
        check_named_columns(known.stored, context)
    _check_dropped_keys(context, flow)
    if node.timestamp_key is not None and node.layer == "SILVER":
        place = (*path, "timestamp_key")
        expression = check_sql(node.timestamp_key, place, context)
        if expression is not None and known is not None:
            columns = expression.columns
            check_columns(columns, known.given, place, context, "`timestamp_key` reads")


def _check_dropped_keys(context: NodeContext, flow: ColumnFlow) -> None:
    node = context.node
    drops = node.drop_source_columns
    if drops is None:
        drops = node.layer == "SILVER"
    if not drops or flow.produced is None or context.common.pipeline.compat == LAKTORY_04:
        return
    lost = [key for key in node.primary_keys if key not in flow.produced]
    if lost and flow.only_source:
        context.findings.error(
            f"the primary key `{lost[0]}` is a source column, which this node drops",
            (*context.path, "primary_keys"),
            hint=f"name `{lost[0]}` in the transformer, or set `drop_source_columns: false`",
        )
