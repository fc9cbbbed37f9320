"""What the rules of a node mean on every engine: where a row goes, what is counted, what is said.

An engine makes the columns; their names, and how their sums are read, are here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from laktory_dagster.engines.base import ColumnType, StageSummary, Target
from laktory_dagster.errors import TransformError
from laktory_dagster.expressions.suggest import hint_for
from laktory_dagster.models import Expectation

FAILED_RULES = "_failed_rules"
RUN_ID = "_run_id"
PARTITION = "_partition"
ADDED_TO_QUARANTINE = (FAILED_RULES, RUN_ID, PARTITION)
MAX_SAMPLES = 1_000

GOOD = "__laktory_good"
QUARANTINED = "__laktory_quarantined"
REJECTED = "__laktory_rejected"
WARNED = "__laktory_warned"
ROWS = "__laktory_rows"

Condition = TypeVar("Condition")


def flag(index: int) -> str:
    """Return the name of the column that says whether a ROW rule fails."""
    return f"__laktory_rule_{index}"


def aggregate(index: int) -> str:
    """Return the name of the column that says whether an AGGREGATE rule holds."""
    return f"__laktory_aggregate_{index}"


@dataclass(frozen=True)
class RowRule(Generic[Condition]):
    """A rule of single rows, with the condition under which a row fails it."""

    name: str
    action: str
    failed: Condition


@dataclass(frozen=True)
class Counts:
    """Rows of a pass; `failures` by ROW rule, `aggregates` by AGGREGATE rule."""

    rows_in: int
    rows_out: int
    rows_quarantined: int
    failures: Mapping[str, int]
    aggregates: Mapping[str, bool]

    @classmethod
    def of_rows(cls, rows: int) -> Counts:
        """Return the counts of rows that no rule looked at."""
        return cls(rows, rows, 0, {}, {})

    def summary(
        self,
        columns: tuple[ColumnType, ...],
        samples: Sequence[Sequence[Mapping[str, Any]]],
        preview: Sequence[Mapping[str, Any]],
    ) -> StageSummary:
        """Return what a pass gave, with failing rows of each kind and the first good rows."""
        return StageSummary(
            rows_in=self.rows_in,
            rows_out=self.rows_out,
            rows_dropped=self.rows_in - self.rows_out - self.rows_quarantined,
            rows_quarantined=self.rows_quarantined,
            failures=self.failures,
            aggregates=self.aggregates,
            columns=columns,
            samples=tuple(_merged(samples)) if samples else (),
            preview=tuple(preview),
        )


class RuleBook(Generic[Condition]):
    """The rules of a node. FAIL rules never route rows: their node stops as a whole."""

    def __init__(self, columns: Sequence[str]) -> None:
        """Begin without rules, for a frame of these columns."""
        self.columns = list(columns)
        self.rows: list[RowRule[Condition]] = []
        self.aggregates: list[tuple[str, Condition]] = []

    @property
    def is_empty(self) -> bool:
        """Return whether there is nothing to check."""
        return not self.rows and not self.aggregates

    @property
    def checks_rows(self) -> bool:
        """Return whether any rule speaks of single rows."""
        return bool(self.rows)

    @property
    def sets_rows_aside(self) -> bool:
        """Return whether a rule can keep rows from the targets."""
        return any(rule.action in ("DROP", "QUARANTINE") for rule in self.rows)

    def flags_of(self, action: str) -> list[str]:
        """Return the flag columns of the rules with an action."""
        return [flag(i) for i, rule in enumerate(self.rows) if rule.action == action]

    def sampled_routes(self) -> list[str]:
        """Return the columns that say which rows to show: rejected ones, then warned ones."""
        actions = {rule.action for rule in self.rows}
        rejected = [REJECTED] if actions - {"WARN"} else []
        return rejected + ([WARNED] if "WARN" in actions else [])

    def counts(self, row: Mapping[str, Any]) -> Counts:
        """Return the counts out of one row of sums, by the names of this module."""
        rows_in = int(row[ROWS])
        return Counts(
            rows_in=rows_in,
            rows_out=int(row[GOOD] or 0) if self.rows else rows_in,
            rows_quarantined=int(row[QUARANTINED] or 0) if self.rows else 0,
            failures={rule.name: int(row[flag(i)] or 0) for i, rule in enumerate(self.rows)},
            aggregates={
                name: bool(row[aggregate(i)]) for i, (name, _) in enumerate(self.aggregates)
            },
        )


def _merged(found: Sequence[Sequence[Mapping[str, Any]]]) -> list[Mapping[str, Any]]:
    """Return at most 1,000 rows, an equal share of each kind where there are more."""
    if sum(map(len, found)) <= MAX_SAMPLES or len(found) == 1:
        return [row for rows in found for row in rows][:MAX_SAMPLES]
    first, second = found
    share = max(MAX_SAMPLES // 2, MAX_SAMPLES - len(second))
    taken = list(first[:share])
    return taken + list(second[: MAX_SAMPLES - len(taken)])


def null_keys(targets: Sequence[Target]) -> tuple[str, ...]:
    """Return the key columns in which a null sets a row aside."""
    keys = [
        key
        for target in targets
        if target.mode == "MERGE" and target.null_keys == "quarantine"
        for key in target.primary_keys or (target.merge.primary_keys if target.merge else ())
    ]
    return tuple(dict.fromkeys(keys))


def missing_in_rule(rule: Expectation, missing: str, columns: Sequence[str]) -> TransformError:
    """Return the error for a rule that names no column."""
    return TransformError(
        f"the expectation `{rule.name}` names the column `{missing}`, which is not there: "
        f"{rule.expression}",
        expected=f"one of {', '.join(columns)}",
        hint=hint_for(missing, columns),
    )


def not_evaluated(rule: Expectation, problem: str) -> TransformError:
    """Return the error for a rule that an engine cannot evaluate."""
    return TransformError(
        f"the expectation `{rule.name}` cannot be evaluated: {rule.expression}: {problem}"
    )


def no_condition(rule: Expectation, kind: object) -> TransformError:
    """Return the error for a rule that gives something else than true or false."""
    return TransformError(
        f"the expectation `{rule.name}` is no condition: `{rule.expression}` gives {kind}",
        expected="an expression that is true or false, as in `close > 0`",
    )
