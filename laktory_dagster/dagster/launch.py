"""Runs a pipeline in this process through Dagster's own machinery, and tells how it went.

The run is stored in Dagster's instance, so that the UI shows it with its events, checks and
metadata, and a retry knows what it had finished.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution import compute_logs
from dagster._core.execution.api import execute_run_iterator

from laktory_dagster.dagster.definitions import build_definitions
from laktory_dagster.dagster.home import open_instance, project_root, use_home
from laktory_dagster.dagster.keys import IO_MANAGER, job_name
from laktory_dagster.dagster.origin import job_origin
from laktory_dagster.dagster.report import EventReader, NodeReport, RunReport
from laktory_dagster.dagster.resume import ASSET_RESUME_TAG, resumed_runs
from laktory_dagster.dagster.stand_ins import with_stand_ins
from laktory_dagster.dagster.translator import LaktoryTranslator
from laktory_dagster.engines.registry import open_engine
from laktory_dagster.errors import SettingsError
from laktory_dagster.plan.definition import Plan
from laktory_dagster.plan.locations import warehouse_root
from laktory_dagster.plan.selection import select
from laktory_dagster.project import load_project

__all__ = ["LaunchOptions", "NodeReport", "RunReport", "repeat_runs", "retry_run", "start_run"]

OnNode = Callable[[NodeReport], None]
# Dagster shows no tags that begin so.
FILE_TAG = ".dagster/laktory_file"
OPTIONS_TAG = ".dagster/laktory_options"
RECENT_RUNS = 1_000
_INTERRUPTS = (KeyboardInterrupt, dg.DagsterExecutionInterruptedError)
# The command line prints progress of its own; everything is in the instance's log.
_QUIET = {"console": {"config": {"log_level": "CRITICAL"}}}


@dataclass(frozen=True)
class LaunchOptions:
    """What the command line says of a run, beside the pipeline. `warehouse` is absolute."""

    selection: Sequence[str] | None = None
    warehouse: str | None = None
    full_refresh: bool = False
    environment: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)

    def tags(self) -> dict[str, str]:
        """Return what was given, as tags of the run."""
        given = {name: value for name, value in vars(self).items() if value}
        return {OPTIONS_TAG: json.dumps(given)} if given else {}

    @classmethod
    def of(cls, run: dg.DagsterRun) -> LaunchOptions:
        """Return the options that a run was given."""
        return cls(**json.loads(run.tags.get(OPTIONS_TAG, "{}")))


def start_run(plan: Plan, options: LaunchOptions, on_node: OnNode) -> RunReport:
    """Run the selected nodes of a plan and return how each ended.

    Raises:
        SelectionError: the selection names nothing.
    """
    selected = select(plan, options.selection)
    use_home(plan.file or plan.folder)
    tags = options.tags()
    if plan.file is not None:
        tags[FILE_TAG] = str(plan.file.resolve())
    return _run(plan, options, selected, tags, on_node)


def repeat_runs(
    plan: Plan, options: LaunchOptions, on_node: OnNode, seconds: float
) -> Iterator[RunReport]:
    """Run again and again, and yield how each run ended, until an interrupt between two runs.

    Args:
        plan: the pipeline; changes of its file are not followed.
        options: `full_refresh` is for the first run only.
        on_node: called as each node ends.
        seconds: between the starts of two runs; a run that takes longer is followed at once.
    """
    with suppress(KeyboardInterrupt), _kept_session(plan), _noted_interrupts() as interrupted:
        while True:
            started = time.monotonic()
            yield start_run(plan, options, on_node)
            options = replace(options, full_refresh=False)
            if interrupted(within=max(0.0, started + seconds - time.monotonic())):
                return


@contextmanager
def _noted_interrupts() -> Iterator[Callable[..., bool]]:
    """Yield a function that waits for an interrupt and says whether one has come.

    Between the steps of a run an interrupt is only noted, not raised: Python drops what is raised
    while it collects an object, and the loop would go on.
    """
    woken, note = socket.socketpair()
    note.setblocking(False)

    def interrupted(*, within: float) -> bool:
        woken.settimeout(within)
        with suppress(TimeoutError, BlockingIOError):
            return bool(woken.recv(1))
        return False

    ignored = (signal.SIG_IGN, None)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    handlers = {number: handler for number, handler in handlers.items() if handler not in ignored}
    for number in handlers:
        signal.signal(number, lambda *_: None)
    before = signal.set_wakeup_fd(note.fileno(), warn_on_full_buffer=False)
    try:
        yield interrupted
    finally:
        signal.set_wakeup_fd(before)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        woken.close()
        note.close()


@contextmanager
def _kept_session(plan: Plan) -> Iterator[None]:
    """Hold the Spark session open between runs, where the plan has nodes on Spark."""
    if all(node.engine != "spark" for node in plan.nodes.values()):
        yield
        return
    engine: Any = open_engine("spark")
    try:
        _ = engine.spark
        yield
    finally:
        engine.close()


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
    with open_instance() as instance:
        parent = _find_run(instance, run_id)
        done = set(_stored_in(instance, parent))
    file = parent.tags.get(FILE_TAG)
    if file is None:
        raise SettingsError(
            f"the run {parent.run_id} was not started by this command",
            hint="re-execute it in the UI",
        )
    options = LaunchOptions.of(parent)
    plan = _load(Path(file), options)
    keys = asset_keys(plan, select(plan, options.selection))
    left = tuple(name for key, name in keys.items() if key not in done)
    if not left:
        raise SettingsError(f"the run {parent.run_id} finished all of its nodes")
    tags = {**options.tags(), FILE_TAG: file, ASSET_RESUME_TAG: "true"}
    return _run(plan, options, left, tags, on_node, parent)


def asset_keys(plan: Plan, names: Sequence[str]) -> dict[dg.AssetKey, str]:
    """Return the asset keys of nodes, with their nodes."""
    translator = LaktoryTranslator()
    return {translator.get_asset_key(plan, plan.nodes[name]): name for name in names}


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
        count = "no run begins" if not found else f"{len(found)} runs begin"
        raise SettingsError(
            f"{count} with `{run_id}` in the instance {instance.root_directory}",
            hint="the last lines of `laktory-dagster run` name its id",
        )
    return found[0]


def _stored_in(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Iterator[dg.AssetKey]:
    """Yield the assets that a run stored, or a run that it resumed."""
    kind = dg.DagsterEventType.ASSET_MATERIALIZATION
    for current in (run, *resumed_runs(instance, run)):
        for entry in instance.all_logs(current.run_id, of_type=kind):
            if entry.dagster_event is not None and entry.dagster_event.asset_key is not None:
                yield entry.dagster_event.asset_key


def _run(
    plan: Plan,
    options: LaunchOptions,
    selected: Sequence[str],
    tags: Mapping[str, str],
    on_node: OnNode,
    parent: dg.DagsterRun | None = None,
) -> RunReport:
    started = time.monotonic()
    warnings.simplefilter("ignore", dg.BetaWarning)
    definitions = with_stand_ins(build_definitions(plan, warehouse=options.warehouse))
    job = definitions.resolve_job_def(job_name(plan.name))
    keys = asset_keys(plan, selected)
    reader = EventReader(plan, keys)
    with open_instance() as instance:
        run = instance.create_run_for_job(
            job,
            run_config=_run_config(options),
            tags={**job.tags, **tags},
            asset_selection=set(keys),
            parent_run_id=parent.run_id if parent else None,
            root_run_id=(parent.root_run_id or parent.run_id) if parent else None,
            remote_job_origin=job_origin(job.name, options.environment, options.variables),
        )
        _execute(instance, job, run, reader, on_node)
        ended = instance.get_run_by_id(run.run_id) or run
        home = Path(instance.root_directory)
    return RunReport(
        run_id=run.run_id,
        pipeline=plan.name,
        nodes=reader.reports(),
        succeeded=ended.status is dg.DagsterRunStatus.SUCCESS,
        cancelled=reader.interrupted,
        seconds=time.monotonic() - started,
        file=plan.file,
        project_root=project_root(plan.file or plan.folder),
        home=home,
        warehouse=warehouse_root(plan, options.warehouse),
        errors=tuple(reader.other_errors),
    )


def _run_config(options: LaunchOptions) -> dict[str, Any]:
    given = {"warehouse": options.warehouse, "full_refresh": options.full_refresh or None}
    config = {name: value for name, value in given.items() if value is not None}
    return {"loggers": _QUIET, "resources": {IO_MANAGER: {"config": config}}}


def _execute(
    instance: dg.DagsterInstance,
    job: dg.JobDefinition,
    run: dg.DagsterRun,
    reader: EventReader,
    on_node: OnNode,
) -> None:
    told = False
    with _helpers_left_alone(), _interrupts_kept():
        for event in execute_run_iterator(InMemoryJob(job), run, instance):
            node = reader.read(event)
            if node is not None:
                on_node(node)
            if reader.interrupted and not told:
                # The run then ends as cancelled; else Dagster takes it for a crash.
                instance.report_run_canceling(run)
                told = True
    stored = instance.get_run_by_id(run.run_id)
    if reader.interrupted and stored and stored.status is not dg.DagsterRunStatus.CANCELED:
        # It came between two steps, which Dagster tells last.
        instance.report_run_canceled(run, "The run was interrupted between two steps.")
    for entry in instance.all_logs(run.run_id):
        node = reader.read_log(entry)
        if node is not None:
            on_node(node)


@contextmanager
def _interrupts_kept() -> Iterator[None]:
    """Let an interrupt come again that was raised while Python collected an object.

    Python only prints such an exception, and the run would go on after Ctrl-C.
    """
    before = sys.unraisablehook

    def again(unraisable: sys.UnraisableHookArgs) -> None:
        if isinstance(unraisable.exc_value, _INTERRUPTS):
            threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
        else:
            before(unraisable)

    sys.unraisablehook = again
    try:
        yield
    finally:
        sys.unraisablehook = before


@contextmanager
def _helpers_left_alone() -> Iterator[None]:
    """Keep Ctrl-C from the processes that Dagster starts to copy what a step prints.

    A terminal interrupts them too, and they would answer with tracebacks. A process inherits which
    signals are blocked; Dagster ends these with SIGTERM.
    """
    starts = compute_logs.execute_posix_tail

    @contextmanager
    def started(path: str, stream: Any) -> Iterator[Any]:
        with ExitStack() as stack:
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            try:
                processes = stack.enter_context(starts(path, stream))
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
            yield processes

    compute_logs.execute_posix_tail = started
    try:
        yield
    finally:
        compute_logs.execute_posix_tail = starts
