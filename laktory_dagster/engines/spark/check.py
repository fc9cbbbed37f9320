"""Rules as columns of the same pass: which rows fail, where each row goes, how many there are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql import types as st

from laktory_dagster.engines.base import RunStamp
from laktory_dagster.engines.rules import (
    ADDED_TO_QUARANTINE,
    FAILED_RULES,
    GOOD,
    MAX_SAMPLES,
    PARTITION,
    QUARANTINED,
    REJECTED,
    ROWS,
    RUN_ID,
    WARNED,
    RowRule,
    RuleBook,
    aggregate,
    flag,
    missing_in_rule,
    no_condition,
    not_evaluated,
)
from laktory_dagster.engines.spark.expressions import compile_condition
from laktory_dagster.engines.spark.problems import SPARK_ERRORS, plain_text, unknown_column
from laktory_dagster.engines.spark.schemas import portable
from laktory_dagster.engines.spark.scope import Scope, column
from laktory_dagster.errors import ExpressionError, TransformError
from laktory_dagster.models import Expectation
from laktory_dagster.models.expectation import NULL_KEY


class RuleSet(RuleBook[Column]):
    """The rules of a node, compiled to columns of Spark."""

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
        super().__init__(frame.columns)
        scope = Scope(frame, dialect, moment)
        for rule in rules:
            condition = _compile(rule, scope)
            if rule.type == "AGGREGATE":
                self.aggregates.append((rule.name, _for_all(condition, frame)))
            else:
                failed = ~F.coalesce(condition, F.lit(False))
                self.rows.append(RowRule(rule.name, rule.action, failed))
        if null_keys:
            nulls = [column(key).isNull() for key in null_keys]
            self.rows.append(RowRule(NULL_KEY, "QUARANTINE", reduce(or_, nulls)))

    def flagged(self, frame: Any) -> Any:
        """Return the frame with a column per rule and the columns that route each row."""
        if not self.rows:
            return frame
        flags = {flag(i): rule.failed for i, rule in enumerate(self.rows)}
        frame = frame.withColumns(flags)
        quarantined = self._any_of("QUARANTINE")
        rejected = quarantined | self._any_of("DROP")
        return frame.withColumns(
            {
                QUARANTINED: quarantined,
                GOOD: ~rejected,
                REJECTED: rejected | self._any_of("FAIL"),
                WARNED: self._any_of("WARN") & ~rejected & ~self._any_of("FAIL"),
            }
        )

    def _any_of(self, action: str) -> Column:
        flags = [F.col(name) for name in self.flags_of(action)]
        return reduce(or_, flags) if flags else F.lit(False)

    def good(self, flagged: Any) -> Any:
        """Return the rows that go to the targets."""
        if not self.rows:
            return flagged
        kept = flagged.filter(F.col(GOOD)) if self.sets_rows_aside else flagged
        return kept.select(*map(column, self.columns))

    def quarantined(self, flagged: Any, stamp: RunStamp) -> Any:
        """Return the rows set aside, with their rules, run and partition."""
        names = self._failed_rules() if self.rows else F.array().cast("array<string>")
        aside = flagged.filter(F.col(QUARANTINED) if self.rows else F.lit(False))
        own = [n for n in self.columns if n not in ADDED_TO_QUARANTINE]
        return aside.select(
            *map(column, own),
            names.alias(FAILED_RULES),
            F.lit(stamp.run_id).alias(RUN_ID),
            F.lit(stamp.partition).cast("string").alias(PARTITION),
        )

    def _failed_rules(self) -> Column:
        named = [F.when(F.col(flag(i)), F.lit(rule.name)) for i, rule in enumerate(self.rows)]
        return F.array_compact(F.array(*named))

    def sample_frames(self, flagged: Any) -> list[Any]:
        """Return the first failing rows: rejected ones, then those that only warn."""
        names = self._failed_rules().alias(FAILED_RULES)
        shown = [column(name) for name in self.columns if name != FAILED_RULES]
        return [
            flagged.filter(F.col(route)).limit(MAX_SAMPLES).select(*shown, names)
            for route in self.sampled_routes()
        ]

    def counting(self) -> list[Column]:
        """Return the aggregates of one row with all counts, in a fixed order of names."""
        counts = [F.count(F.lit(1)).alias(ROWS)]
        if self.rows:
            counts += [F.count_if(F.col(flag(i))).alias(flag(i)) for i in range(len(self.rows))]
            counts += [F.count_if(F.col(GOOD)).alias(GOOD)]
            counts += [F.count_if(F.col(QUARANTINED)).alias(QUARANTINED)]
        return counts + [
            expression.alias(aggregate(i)) for i, (_, expression) in enumerate(self.aggregates)
        ]


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
        raise no_condition(rule, portable(kind))
    return condition.cast("boolean")


def _explained(rule: Expectation, error: BaseException, scope: Scope) -> TransformError:
    missing = unknown_column(error)
    if missing is None:
        return not_evaluated(rule, plain_text(error))
    return missing_in_rule(rule, missing, scope.names)
