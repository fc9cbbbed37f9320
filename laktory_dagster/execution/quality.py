"""Whether rules hold: decided once, from counts, for every engine."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from laktory_dagster.engines.base import StageSummary, TableState
from laktory_dagster.errors import ExpectationFailedError, FailedExpectation, ReadError
from laktory_dagster.execution.results import CheckResult
from laktory_dagster.models import Expectation, Tolerance

MAX_EXAMPLES = 5
WORST_FIRST = ("FAIL", "QUARANTINE", "DROP")


def evaluate(
    rules: Sequence[Expectation], summary: StageSummary, key_columns: Sequence[str] = ()
) -> tuple[CheckResult, ...]:
    """Return one result per rule, in declared order.

    A ROW rule passes when the rows that fail it are within its tolerance (none, without one). An
    AGGREGATE rule passes when its expression is true. FAIL blocks exactly when it does not pass.
    A rule of the sink has no result in a pass that writes nothing.
    """
    return tuple(
        _evaluate(rule, summary, key_columns)
        for rule in rules
        if rule.type == "AGGREGATE" or rule.name in summary.failures
    )


def _evaluate(rule: Expectation, summary: StageSummary, keys: Sequence[str]) -> CheckResult:
    failed_rows: int | None = None
    if rule.type == "AGGREGATE":
        passed = summary.aggregates[rule.name]
    else:
        failed_rows = summary.failures[rule.name]
        passed = _within(rule.tolerance, failed_rows, summary.rows_in)
    return CheckResult(
        name=rule.name,
        expression=rule.expression,
        type=rule.type,
        action=rule.action,
        passed=passed,
        blocking=rule.action == "FAIL" and not passed,
        failed_rows=failed_rows,
        checked_rows=summary.rows_in,
        examples=_examples(rule, summary, keys) if failed_rows else (),
    )


def _within(tolerance: Tolerance | None, failed: int, checked: int) -> bool:
    if tolerance is None or failed == 0:
        return failed == 0
    if tolerance.abs is not None:
        return failed <= tolerance.abs
    # In decimals: 0.29 * 100 is less than 29 in binary.
    return failed <= Decimal(str(tolerance.rel or 0)) * checked


def _examples(
    rule: Expectation, summary: StageSummary, keys: Sequence[str]
) -> tuple[Mapping[str, Any], ...]:
    failing = (row for row in summary.samples if rule.name in row.get("_failed_rules", ()))
    shown = []
    for row in failing:
        values = {key: row[key] for key in keys if key in row}
        shown.append(values or {k: v for k, v in row.items() if k != "_failed_rules"})
        if len(shown) == MAX_EXAMPLES:
            break
    return tuple(shown)


def rejected_rows(
    samples: Sequence[Mapping[str, Any]], checks: Sequence[CheckResult]
) -> list[Mapping[str, Any]]:
    """Return the failing rows that were kept from the table, each with its `_action`.

    Rows that only a WARN or a tolerated FAIL names are in the table and are left out.
    """
    actions = {
        check.name: check.action
        for check in checks
        if check.action in ("DROP", "QUARANTINE") or check.blocking
    }
    found: list[Mapping[str, Any]] = []
    for row in samples:
        hit = {actions[name] for name in row["_failed_rules"] if name in actions}
        worst = next((action for action in WORST_FIRST if action in hit), None)
        if worst is not None:
            found.append({"_action": worst, **row})
    return found


def rejection(
    node: str,
    checks: Sequence[CheckResult],
    stored: Callable[[], TableState | None] | None,
    file: Path | None = None,
) -> ExpectationFailedError | None:
    """Return the error that keeps a candidate from being published, None when nothing blocks.

    Args:
        node: its name.
        checks: what its rules found.
        stored: looks up what the target holds; it is asked only when something blocks. None for
            a view, which keeps no rows.
        file: the pipeline's, for the command that shows the rejected rows.
    """
    blocking = [check for check in checks if check.blocking]
    if not blocking:
        return None
    shown = "; ".join(_describe(check) for check in blocking)
    standing = "" if stored is None else f"; {_standing(stored)}"
    error = ExpectationFailedError(
        f"node `{node}`: {shown}; candidate rejected{standing}",
        [
            FailedExpectation(check.name, check.failed_rows, check.checked_rows, check.expression)
            for check in blocking
        ],
        hint=_where_to_look(node, blocking, is_view=stored is None, file=file),
    )
    error.node = node
    error.checks = tuple(checks)
    return error


def _where_to_look(
    node: str, blocking: Sequence[CheckResult], *, is_view: bool, file: Path | None
) -> str | None:
    """Return the command that shows the rows, None for rules of all rows together."""
    path = "PATH" if file is None else shlex.quote(str(file))
    if all(check.failed_rows is None for check in blocking):
        return None
    if is_view:
        return f"`laktory-dagster preview {path} {node}` shows its first rows and what they fail"
    return f"`laktory-dagster failures {path} {node}` shows rejected rows with their rules"


def _describe(check: CheckResult) -> str:
    if check.failed_rows is None:
        return f"expectation `{check.name}` does not hold: {check.expression}"
    return (
        f"expectation `{check.name}` failed on {check.failed_rows:,} of "
        f"{check.checked_rows:,} rows: {check.expression}"
    )


def _standing(look_up: Callable[[], TableState | None]) -> str:
    try:
        stored = look_up()
    except ReadError as error:
        return f"what is stored stays as it was ({error.message})"
    if stored is None:
        return "nothing is stored yet"
    version = "as it was" if stored.version is None else f"at version {stored.version}"
    run = f" of run {stored.receipt.run_id}" if stored.receipt else ""
    return f"table stays {version}{run}"
