"""Which earlier runs a run takes up: what they have finished is not done again."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg

# Dagster's own tags of re-executions from failure; it exports no names for them.
RESUME_TAG = "dagster/is_resume_retry"
ASSET_RESUME_TAG = "dagster/is_asset_resume_retry"


def resumed_runs(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Iterator[dg.DagsterRun]:
    """Yield the runs that a run resumes, the latest first; none for one that does all anew."""
    current = run
    while current.parent_run_id is not None:
        parent = instance.get_run_by_id(current.parent_run_id)
        if parent is None or not _resumes(current, parent):
            return
        yield parent
        current = parent


def _resumes(run: dg.DagsterRun, parent: dg.DagsterRun) -> bool:
    if run.tags.get(RESUME_TAG) == "true":
        return True
    # Re-execution of everything inherits this tag, and the selection with it.
    same = (run.asset_selection, run.asset_check_selection) == (
        parent.asset_selection,
        parent.asset_check_selection,
    )
    return run.tags.get(ASSET_RESUME_TAG) == "true" and not same
