"""A time limit on a node's step: Dagster has none for a single step."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from laktory_dagster.errors import ExecutionError
from laktory_dagster.execution.outcomes import PreparedNode
from laktory_dagster.execution.results import NodeResult, NodeStatus
from laktory_dagster.execution.runner import Commit
from laktory_dagster.plan.definition import PlanNode

Work = Callable[[Commit], Iterator[NodeResult]]


class TimeLimit:
    """Waits so long for a node and no longer; what comes later is not published.

    A query cannot be stopped from outside: it is left to itself, and its commit is refused.
    """

    def __init__(self, node: PlanNode, seconds: int) -> None:
        """Limit the node's step to these seconds."""
        self._node = node
        self._seconds = seconds
        self._publishing = threading.Lock()
        self._is_published = False
        self._is_over = False

    def run(self, work: Work, commit: Commit) -> Iterator[NodeResult]:
        """Yield the node's result: FAILED if the time was over before it was published.

        Args:
            work: runs the node with the commit that it is given.
            commit: publishes a prepared node.
        """
        found: list[NodeResult] = []
        raised: list[BaseException] = []

        def attempt() -> None:
            try:
                found.extend(work(self._in_time(commit)))
            except BaseException as error:  # noqa: BLE001 - `SystemExit` of a function, for one
                raised.append(error)

        # A daemon: a query that hangs must not keep the process from ending.
        thread = threading.Thread(target=attempt, daemon=True)
        thread.start()
        try:
            thread.join(min(self._seconds, threading.TIMEOUT_MAX))
        finally:
            with self._publishing:
                self._is_over = True
        if self._is_published:
            thread.join()
        if raised:
            raise raised[0]
        yield found[0] if found else self._failed()

    def _in_time(self, commit: Commit) -> Commit:
        def publish(prepared: PreparedNode) -> NodeResult:
            with self._publishing:
                if self._is_over:
                    prepared.staged.abort()
                    raise self._error()
                result = commit(prepared)
                self._is_published = True
                return result

        return publish

    def _failed(self) -> NodeResult:
        error = self._error()
        return NodeResult(
            node=self._node.name,
            status=NodeStatus.FAILED,
            engine=self._node.engine,
            seconds=self._seconds,
            code_version=self._node.code_version,
            error=error,
            message=str(error),
        )

    def _error(self) -> ExecutionError:
        return ExecutionError(
            f"it took longer than {self._seconds} s; nothing was published",
            hint="raise `timeout_seconds` of its `step`, or leave it out",
        )
