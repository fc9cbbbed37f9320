"""The plans that this process has built definitions from, by pipeline name."""

from __future__ import annotations

from laktory_dagster.plan.definition import Plan

_PLANS: dict[str, Plan] = {}


def remember(plan: Plan) -> None:
    """Make a plan known to IO managers, which Dagster gives nothing but keys and metadata."""
    _PLANS[plan.name] = plan


def find_plan(pipeline: str) -> Plan | None:
    """Return the plan of a pipeline, None if it is not loaded."""
    return _PLANS.get(pipeline)
