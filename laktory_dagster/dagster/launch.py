"""Runs a pipeline in this process through Dagster's own machinery, and tells how it went.

The run is stored in Dagster's instance, so that the UI shows it with its events, checks and
metadata, and a retry knows what it had finished.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
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


def _run(
    plan: Plan,
    options: LaunchOptions,
    selected: Sequence[str],
    tags: Mapping[str, str],
    on_node: OnNode,
    parent: tuple[str, str] | None = None,
) -> RunReport:
    started = time.monotonic()
    definitions = build_definitions(plan)
    job = definitions.resolve_job_def(job_name(plan))
    keys = {asset_key(f"{plan.name}.{name}"): name for name in selected}
    with dg.DagsterInstance.get() as instance:
        run = instance.create_run_for_job(
            job,
            run_config={**_QUIET, "resources": run_resources(options)},
            tags={**job.tags, **tags, **_lineage(parent)},
            asset_selection=set(keys),
            parent_run_id=parent[0] if parent else None,
            root_run_id=parent[1] if parent else None,
        )
        reader = EventReader(instance, run.run_id, keys)
        try:
            for event in execute_run_iterator(InMemoryJob(job), run, instance):
                for node in reader.read(event):
                    on_node(node)
        except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
            interrupted = True
        for node in reader.unfinished():
            on_node(node)
        finished = instance.get_run_by_id(run.run_id) or run
    return RunReport()


def _lineage(parent: tuple[str, str] | None) -> dict[str, str]:
    return {} if parent is None else {PARENT_TAG: parent[0], ROOT_TAG: parent[1]}
