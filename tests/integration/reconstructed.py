"""A job that Dagster builds again from its arguments."""

from __future__ import annotations

import dagster as dg

from laktory_dagster import build_definitions


def reconstruct(file: str, steps: str) -> dg.JobDefinition:
    """Return the job of a pipeline file."""
    return build_definitions(file, steps=steps).resolve_job_def("prices")
