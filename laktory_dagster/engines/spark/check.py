"""Rules as columns of the same pass: which rows fail, where each row goes, how many there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql import types as st

from laktory_dagster.engines.base import RunStamp
from laktory_dagster.engines.spark.expressions import compile_condition
from laktory_dagster.engines.spark.problems import SPARK_ERRORS, plain_text, unknown_column
from laktory_dagster.engines.spark.schemas import portable
from laktory_dagster.engines.spark.scope import Scope, column
from laktory_dagster.errors import ExpressionError, TransformError
from laktory_dagster.expressions.suggest import hint_for
from laktory_dagster.models import Expectation

FAILED_RULES = "_failed_rules"
RUN_ID = "_run_id"
PARTITION = "_partition"
NULL_KEY = "null_key"
MAX_SAMPLES = 1_000

_FLAG = "__laktory_rule_"
_GOOD = "__laktory_good"
_QUARANTINED = "__laktory_quarantined"
_REJECTED = "__laktory_rejected"
_WARNED = "__laktory_warned"
_ROWS = "__laktory_rows"
_AGGREGATE = "__laktory_aggregate_"


@dataclass(frozen=True)
class _RowRule:
    name: str
    action: str
    failed: Column


@dataclass(frozen=True)
class Counts:
    """Rows of a pass; `failures` by ROW rule, `aggregates` by AGGREGATE rule."""

    rows_in: int
    rows_out: int
    rows_quarantined: int
    failures: Mapping[str, int]
    aggregates: Mapping[str, bool]


class RuleSet:
    """The compiled rules of a node. FAIL rules never route rows: their node stops as a whole."""

    def __init__(
        self,
        rules: Sequence[Expectation],
        dialect: str,
        frame: Any,
        null_keys: Sequence[str],
        moment: datetime,
    ) -> None:
        """Compile every rule against the columns there are.

        Args:
            rules: the expectations.
            dialect: SQL dialect of their expressions.
            frame: the frame to check.
            null_keys: key columns in which a null sets the row aside.
            moment: what `current_timestamp` gives (UTC).

        Raises:
            TransformError: a rule names no column or is no condition.
            ExpressionError: a rule is no allowed expression.
        """
        self._columns = frame.columns
        self._rows: list[_RowRule] = []
        self._aggregates: list[tuple[str, Column]] = []
        scope = Scope(frame, dialect, moment)
        for rule in rules:
            condition = _compile(rule, scope)
            if rule.type == "AGGREGATE":
                self._aggregates.append((rule.name, _for_all(condition, frame)))
            else:
                failed = ~F.coalesce(condition, F.lit(False))
                self._rows.append(_RowRule(rule.name, rule.action, failed))
        if null_keys:
            nulls = [column(key).isNull() for key in null_keys]
            self._rows.append(_RowRule(NULL_KEY, "QUARANTINE", reduce(or_, nulls)))

    @property
    def is_empty(self) -> bool:
        """Return whether there is nothing to check."""
        return not self._rows and not self._aggregates

    @property
    def checks_rows(self) -> bool:
        """Return whether any rule speaks of single rows."""
        return bool(self._rows)

    @property
    def sets_rows_aside(self) -> bool:
        """Return whether a rule can keep rows from the targets."""
        return any(rule.action in ("DROP", "QUARANTINE") for rule in self._rows)

    def flagged(self, frame: Any) -> Any:
        """Return the frame with a column per rule and the columns that route each row."""
        if not self._rows:
            return frame
        flags = {f"{_FLAG}{i}": rule.failed for i, rule in enumerate(self._rows)}
        frame = frame.withColumns(flags)
        quarantined = self._any_of("QUARANTINE")
        rejected = quarantined | self._any_of("DROP")
        return frame.withColumns(
            {
                _QUARANTINED: quarantined,
                _GOOD: ~rejected,
                _REJECTED: rejected | self._any_of("FAIL"),
                _WARNED: self._any_of("WARN") & ~rejected & ~self._any_of("FAIL"),
            }
        )

    def _any_of(self, action: str) -> Column:
        flags = [F.col(f"{_FLAG}{i}") for i, rule in enumerate(self._rows) if rule.action == action]
        return reduce(or_, flags) if flags else F.lit(False)

    def good(self, flagged: Any) -> Any:
        """Return the rows that go to the targets."""
        if not self._rows:
            return flagged
        kept = flagged.filter(F.col(_GOOD)) if self.sets_rows_aside else flagged
        return kept.select(*map(column, self._columns))

    def quarantined(self, flagged: Any, stamp: RunStamp) -> Any:
        """Return the rows set aside, with their rules, run and partition."""
        names = self._failed_rules() if self._rows else F.array().cast("array<string>")
        aside = flagged.filter(F.col(_QUARANTINED) if self._rows else F.lit(False))
        own = [n for n in self._columns if n not in (FAILED_RULES, RUN_ID, PARTITION)]
        return aside.select(
            *map(column, own),
            names.alias(FAILED_RULES),
            F.lit(stamp.run_id).alias(RUN_ID),
            F.lit(stamp.partition).cast("string").alias(PARTITION),
        )

    def _failed_rules(self) -> Column:
        named = [
            F.when(F.col(f"{_FLAG}{i}"), F.lit(rule.name)) for i, rule in enumerate(self._rows)
        ]
        return F.array_compact(F.array(*named))

    def sample_frames(self, flagged: Any) -> list[Any]:
        """Return the first failing rows: rejected ones, then those that only warn."""
        names = self._failed_rules().alias(FAILED_RULES)
        kinds = {rule.action for rule in self._rows}
        routes = [_REJECTED] if kinds - {"WARN"} else []
        routes += [_WARNED] if "WARN" in kinds else []
        shown = [column(name) for name in self._columns if name != FAILED_RULES]
        return [
            flagged.filter(F.col(route)).limit(MAX_SAMPLES).select(*shown, names)
            for route in routes
        ]

    def counting(self) -> list[Column]:
        """Return the aggregates of one row with all counts, in a fixed order of names."""
        counts = [F.count(F.lit(1)).alias(_ROWS)]
        if self._rows:
            counts += [
                F.count_if(F.col(f"{_FLAG}{i}")).alias(f"{_FLAG}{i}")
                for i in range(len(self._rows))
            ]
            counts += [F.count_if(F.col(_GOOD)).alias(_GOOD)]
            counts += [F.count_if(F.col(_QUARANTINED)).alias(_QUARANTINED)]
        return counts + [
            expression.alias(f"{_AGGREGATE}{i}")
            for i, (_, expression) in enumerate(self._aggregates)
        ]

    def counts(self, row: Mapping[str, Any]) -> Counts:
        """Return the counts out of the row that the aggregates of `counting` gave."""
        rows_in = int(row[_ROWS])
        failures = {rule.name: int(row[f"{_FLAG}{i}"] or 0) for i, rule in enumerate(self._rows)}
        return Counts(
            rows_in=rows_in,
            rows_out=int(row[_GOOD] or 0) if self._rows else rows_in,
            rows_quarantined=int(row[_QUARANTINED] or 0) if self._rows else 0,
            failures=failures,
            aggregates={
                name: bool(row[f"{_AGGREGATE}{i}"]) for i, (name, _) in enumerate(self._aggregates)
            },
        )


def merged_samples(found: Sequence[Sequence[Mapping[str, Any]]]) -> list[Mapping[str, Any]]:
    """Return at most 1,000 rows, an equal share of each kind where there are more."""
    if sum(map(len, found)) <= MAX_SAMPLES or len(found) == 1:
        return [row for rows in found for row in rows][:MAX_SAMPLES]
    first, second = found
    share = max(MAX_SAMPLES // 2, MAX_SAMPLES - len(second))
    taken = list(first[:share])
    return taken + list(second[: MAX_SAMPLES - len(taken)])


def _for_all(condition: Column, frame: Any) -> Column:
    """Return whether a rule holds for the table: its aggregate, or true in every row."""
    try:
        _ = frame.agg(condition.alias("holds")).schema
    except SPARK_ERRORS:
        return F.coalesce(F.bool_and(F.coalesce(condition, F.lit(False))), F.lit(True))
    return F.coalesce(condition, F.lit(False))


def _compile(rule: Expectation, scope: Scope) -> Column:
    try:
        aggregates = rule.type == "AGGREGATE"
        condition = compile_condition(rule.expression, scope, aggregates=aggregates)
        kind = scope.frame.select(condition.alias("holds")).schema.fields[0].dataType
    except ExpressionError as error:
        error.add_note(f"in the expectation `{rule.name}`")
        raise
    except SPARK_ERRORS as error:
        raise _explained(rule, error, scope) from error
    if not isinstance(kind, st.BooleanType | st.NullType):
        raise TransformError(
            f"the expectation `{rule.name}` is no condition: `{rule.expression}` gives "
            f"{portable(kind)}",
            expected="an expression that is true or false, as in `close > 0`",
        )
    return condition.cast("boolean")


def _explained(rule: Expectation, error: BaseException, scope: Scope) -> TransformError:
    missing = unknown_column(error)
    if missing is None:
        return TransformError(
            f"the expectation `{rule.name}` cannot be evaluated: {rule.expression}: "
            f"{plain_text(error)}"
        )
    return TransformError(
        f"the expectation `{rule.name}` names the column `{missing}`, which is not there: "
        f"{rule.expression}",
        expected=f"one of {', '.join(scope.names)}",
        hint=hint_for(missing, scope.names),
    )
