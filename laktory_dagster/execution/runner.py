"""Runs the nodes of a plan in order: what fails stops its descendants and nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from laktory_dagster.errors import CancelledError
from laktory_dagster.execution.context import RunOptions
from laktory_dagster.execution.outcomes import PreparedNode
from laktory_dagster.execution.results import NodeResult, NodeStatus, RunResult, in_own_words
from laktory_dagster.execution.session import RunSession
from laktory_dagster.plan.definition import Plan

Commit = Callable[[PreparedNode], NodeResult]


def iterate(
    session: RunSession,
    selected: Sequence[str],
    *,
    commit: Commit | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    parallel: int = 1,
) -> Iterator[NodeResult]:
    """Yield the result of each selected node as it ends, upstreams first.

    A failed node yields FAILED with its error; its descendants among the selected yield SKIPPED, as
    do a node that has nothing to read yet and those below it; all others run. After `cancelled()` turns true nothing starts, and what has not started yields
    CANCELLED.

    Args:
        session: the run's session.
        selected: names in plan order.
        commit: publishes a prepared node in place of `session.commit`.
        cancelled: asked before each node starts.
        parallel: nodes at a time.
    """
    if parallel > 1:
        yield from _iterate_parallel(session, selected, commit, cancelled, parallel)
        return
    stopped: dict[str, str] = {}
    for name in selected:
        result = _blocked(session.plan, name, stopped)
        if result is None:
            result = _attempt(session, name, commit, cancelled)
        _note_stop(result, stopped)
        yield result


def _note_stop(result: NodeResult, stopped: dict[str, str]) -> None:
    """Note why what is below a node does not run."""
    if result.status in (NodeStatus.FAILED, NodeStatus.CANCELLED):
        stopped[result.node] = f"upstream `{result.node}` did not finish"
    elif result.status is NodeStatus.SKIPPED:
        stopped[result.node] = result.message


def _blocked(plan: Plan, name: str, stopped: dict[str, str]) -> NodeResult | None:
    node = plan.nodes[name]
    cause = next((up for up in (*node.upstream, *node.after) if up in stopped), None)
    if cause is None:
        return None
    return NodeResult(
        node=name,
        status=NodeStatus.SKIPPED,
        engine=node.engine,
        code_version=node.code_version,
        message=stopped[cause],
    )


def _attempt(
    session: RunSession, name: str, commit: Commit | None, cancelled: Callable[[], bool]
) -> NodeResult:
    node = session.plan.nodes[name]
    started = time.monotonic()
    if cancelled():
        return _ended(
            node.name, node.engine, NodeStatus.CANCELLED, started, "the run was cancelled"
        )
    try:
        return session.run_node(name, commit)
    except CancelledError as error:
        return _ended(node.name, node.engine, NodeStatus.CANCELLED, started, str(error))
    except Exception as error:  # noqa: BLE001 - a node's failure must not stop its siblings
        return NodeResult(
            node=name,
            status=NodeStatus.FAILED,
            engine=node.engine,
            seconds=time.monotonic() - started,
            code_version=node.code_version,
            checks=getattr(error, "checks", ()),
            error=error,
            message=in_own_words(name, str(error)),
        )


def _ended(name: str, engine: str, status: NodeStatus, started: float, message: str) -> NodeResult:
    seconds = time.monotonic() - started
    return NodeResult(node=name, status=status, engine=engine, seconds=seconds, message=message)


def _iterate_parallel(
    session: RunSession,
    selected: Sequence[str],
    commit: Commit | None,
    cancelled: Callable[[], bool],
    parallel: int,
) -> Iterator[NodeResult]:
    waiting = dict.fromkeys(selected)
    running: dict[Future[NodeResult], str] = {}
    stopped: dict[str, str] = {}
    unfinished = set(selected)
    with ThreadPoolExecutor(parallel, thread_name_prefix="laktory-node") as pool:
        while waiting or running:
            for name in _ready(session.plan, waiting, unfinished):
                blocked = _blocked(session.plan, name, stopped)
                if blocked is not None:
                    waiting.pop(name)
                    unfinished.discard(name)
                    _note_stop(blocked, stopped)
                    yield blocked
                elif len(running) < parallel:
                    waiting.pop(name)
                    running[pool.submit(_attempt, session, name, commit, cancelled)] = name
            if not running:
                continue
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                unfinished.discard(running.pop(future))
                result = future.result()
                _note_stop(result, stopped)
                yield result


def _ready(plan: Plan, waiting: dict[str, None], unfinished: set[str]) -> list[str]:
    return [
        name
        for name in waiting
        if not unfinished.intersection((*plan.nodes[name].upstream, *plan.nodes[name].after))
    ]


def run_plan(
    plan: Plan,
    options: RunOptions,
    selected: Sequence[str] | None = None,
    on_result: Callable[[NodeResult], None] | None = None,
    session: RunSession | None = None,
) -> RunResult:
    """Run nodes of a plan in this process and return every node's result.

    The frames in the result need the session: give one to use them afterwards. Never raises for a
    node's failure; ask `RunResult.succeeded`.
    """
    started = time.monotonic()
    own = session is None
    session = session or RunSession(plan, options)
    results: dict[str, NodeResult] = {}
    try:
        names = tuple(plan.nodes) if selected is None else selected
        parallel = plan.pipeline.max_parallel_nodes or 1
        for result in iterate(session, names, parallel=parallel):
            results[result.node] = result
            if on_result is not None:
                on_result(result)
    finally:
        if own:
            session.close()
    ordered = {name: results[name] for name in names}
    return RunResult(options.run_id, plan.name, ordered, time.monotonic() - started)
