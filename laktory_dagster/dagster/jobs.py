"""One asset job per pipeline, and its schedule."""

from __future__ import annotations

from typing import Any

import dagster as dg

from laktory_dagster.dagster.graph import AssetGraph
from laktory_dagster.dagster.keys import folded, job_name
from laktory_dagster.plan.definition import Plan

PIPELINE_TAG = "laktory/pipeline"
ENVIRONMENT_TAG = "laktory/env"
PLAN_TAG = "laktory/plan_hash"
RETRY_TAG = "dagster/retry_strategy"


def build_job(graph: AssetGraph, plan: Plan) -> Any:
    """Return the job that materializes all nodes of a plan with their checks.

    Re-executing it from the failed asset skips what is finished and runs what was left behind.
    """
    keys = [graph.key(plan, name) for name in plan.nodes]
    return dg.define_asset_job(
        name=job_name(plan.name),
        selection=dg.AssetSelection.assets(*keys),
        description=plan.pipeline.description,
        tags={
            PIPELINE_TAG: plan.name,
            ENVIRONMENT_TAG: plan.environment or "default",
            PLAN_TAG: plan.plan_hash[:16],
            RETRY_TAG: "FROM_ASSET_FAILURE",
        },
    )


def build_schedule(plan: Plan, job: Any) -> dg.ScheduleDefinition | None:
    """Return the schedule that the pipeline declares, None without one."""
    declared = plan.pipeline.schedule
    if declared is None:
        return None
    running, stopped = dg.DefaultScheduleStatus.RUNNING, dg.DefaultScheduleStatus.STOPPED
    return dg.ScheduleDefinition(
        name=f"{folded(plan.name)}_schedule",
        job=job,
        cron_schedule=declared.cron,
        execution_timezone=declared.timezone,
        default_status=running if declared.enabled else stopped,
    )
