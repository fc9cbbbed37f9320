"""Runs a pipeline in this process through Dagster's own machinery, and tells how it went.

The run is stored in Dagster's instance, so that the UI shows it with its events, checks and
metadata, and a retry knows what it had finished.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run_iterator

from laktory_dagster.dagster.definitions import build_definitions
from laktory_dagster.dagster.home import project_root, use_home
from laktory_dagster.dagster.report import EventReader, NodeReport, RunReport
from laktory_dagster.errors import SettingsError
from laktory_dagster.plan.definition import Plan
from laktory_dagster.plan.selection import select
from laktory_dagster.project import load_project

OnNode = Callable[[NodeReport], None]
FILE_TAG = "laktory/file"
OPTIONS_TAG = "laktory/options"
PARENT_TAG = "dagster/parent_run_id"
ROOT_TAG = "dagster/root_run_id"
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class LaunchOptions:
    """What the command line says of a run, beside the pipeline."""

    selection: Sequence[str] | None = None
    warehouse: str | None = None
    full_refresh: bool = False
    environment: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)


def start_run(plan: Plan, options: LaunchOptions, on_node: OnNode) -> RunReport:
    """Run the selected nodes of a plan and return how each ended.

    Raises:
        SelectionError: the selection names nothing.
    """
    selected = select(plan, options.selection)
    use_home(plan.file or plan.folder)
    tags = {OPTIONS_TAG: json.dumps(vars(options), default=list)}
    if plan.file is not None:
        tags[FILE_TAG] = str(plan.file.resolve())
    return _run(plan, options, selected, tags, on_node)


def retry_run(run_id: str, path: Path, on_node: OnNode) -> RunReport:
    """Run again what an earlier run of the command line did not finish.

    Args:
        run_id: the earlier run, or the start of its id.
        path: a file or folder of the project whose instance holds the run.
        on_node: called as each node ends.

    Raises:
        SettingsError: there is no such run, or nothing of it is left.
    """
    use_home(path)
    with dg.DagsterInstance.get() as instance:
        parent = _find_run(instance, run_id)
        given = json.loads(parent.tags.get(OPTIONS_TAG, "{}"))
        done = _finished_assets(instance, parent)
    file = parent.tags.get(FILE_TAG)
    if file is None:
        raise SettingsError(
            f"the run {parent.run_id} was not started by this command",
            hint="re-execute it in the UI",
        )
    options = LaunchOptions(**given)
    plan = _load(Path(file), options)
    left = tuple(name for name in select(plan, options.selection) if name not in done)
    if not left:
        raise SettingsError(f"the run {parent.run_id} finished all of its nodes")
    root = parent.root_run_id or parent.run_id
    tags = {key: parent.tags[key] for key in (OPTIONS_TAG, FILE_TAG)}
    return _run(plan, options, left, tags, on_node, parent=(parent.run_id, root))


def _load(file: Path, options: LaunchOptions) -> Plan:
    project = load_project(file, env=options.environment, variables=options.variables)
    project.raise_for_problems()
    return project.plans[0]


def _find_run(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRun:
    exact = instance.get_run_by_id(run_id)
    if exact is not None:
        return exact
    recent = instance.get_runs(limit=RECENT_RUNS)
    found = [run for run in recent if run_id and run.run_id.startswith(run_id)]
    if len(found) != 1:
        count = "no run" if not found else f"{len(found)} runs"
        raise SettingsError(
            f"{count} of the instance in {instance.root_directory} begin with `{run_id}`",
            hint="the last lines of `laktory-dagster run` name its id",
        )
    return found[0]


def _run(
    plan: Plan,
    options: LaunchOptions,
    selected: Sequence[str],
    tags: Mapping[str, str],
    on_node: OnNode,
    parent: dg.DagsterRun | None = None,
) -> RunReport:
    started = time.monotonic()
    job = build_definitions(plan).resolve_job_def(job_name(plan))
    keys = {asset_key(f"{plan.name}.{name}"): name for name in selected}
    with dg.DagsterInstance.get() as instance:
        run = instance.create_run_for_job(
            job,
            run_config=_run_config(options),
            tags={**job.tags, **tags},
            asset_selection=set(keys),
            parent_run_id=parent.run_id if parent else None,
            root_run_id=(parent.root_run_id or parent.run_id) if parent else None,
        )
        reader = EventReader(keys, _steps(instance, run.run_id))
        for event in execute_run_iterator(InMemoryJob(job), run, instance):
            if _is_interrupt(event):
                # The run then ends as cancelled; else Dagster takes it for a crash.
                instance.report_run_canceling(run)
            for node in reader.read(event):
                on_node(node)
        for node in reader.note_errors(_logged_errors(instance, run.run_id)):
            on_node(node)
        status = instance.get_run_by_id(run.run_id).status
        home = Path(instance.root_directory)
    return RunReport(
        run_id=run.run_id,
        pipeline=plan.name,
        nodes=reader.reports(status is dg.DagsterRunStatus.CANCELED),
        succeeded=status is dg.DagsterRunStatus.SUCCESS,
        cancelled=status is dg.DagsterRunStatus.CANCELED,
        seconds=time.monotonic() - started,
        file=plan.file,
        project_root=project_root(plan.file or plan.folder),
        home=home,
    )


def _is_interrupt(event: dg.DagsterEvent) -> bool:
    if event.event_type is not dg.DagsterEventType.STEP_FAILURE:
        return False
    error = event.step_failure_data.error
    return error is not None and error.cls_name in INTERRUPTS
