"""Rules as columns of the same pass: which rows fail, where each row goes, how many there are."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

import polars as pl

from laktory_dagster.engines.base import RunStamp
from laktory_dagster.engines.polars.expressions import compile_condition
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
    failed: pl.Expr


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
        schema: pl.Schema,
        null_keys: Sequence[str] = (),
        moment: datetime | None = None,
    ) -> None:
        """Compile every rule against the columns there are.

        Args:
            rules: the expectations.
            dialect: SQL dialect of their expressions.
            schema: columns of the frame to check.
            null_keys: key columns in which a null sets the row aside.
            moment: what `current_timestamp` gives (UTC); now by default.

        Raises:
            TransformError: a rule names no column or is no condition.
            ExpressionError: a rule is no allowed expression.
        """
        self._columns = schema.names()
        self._rows: list[_RowRule] = []
        self._aggregates: list[tuple[str, pl.Expr]] = []
        for rule in rules:
            condition = _compile(rule, dialect, schema, moment)
            if rule.type == "AGGREGATE":
                holds = condition.all(ignore_nulls=False).fill_null(value=False)
                self._aggregates.append((rule.name, holds))
            else:
                failed = ~condition.fill_null(value=False)
                self._rows.append(_RowRule(rule.name, rule.action, failed))
        if null_keys:
            any_null = pl.any_horizontal(pl.col(key).is_null() for key in null_keys)
            self._rows.append(_RowRule(NULL_KEY, "QUARANTINE", any_null))

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

    def flagged(self, frame: pl.LazyFrame) -> pl.LazyFrame:
        """Return the frame with a column per rule and the columns that route each row."""
        if not self._rows:
            return frame
        flags = [rule.failed.alias(f"{_FLAG}{i}") for i, rule in enumerate(self._rows)]
        quarantined = self._any_of("QUARANTINE")
        rejected = quarantined | self._any_of("DROP")
        return frame.with_columns(flags).with_columns(
            quarantined.alias(_QUARANTINED),
            (~rejected).alias(_GOOD),
            (rejected | self._any_of("FAIL")).alias(_REJECTED),
            (self._any_of("WARN") & ~rejected & ~self._any_of("FAIL")).alias(_WARNED),
        )

    def _any_of(self, action: str) -> pl.Expr:
        flags = [
            pl.col(f"{_FLAG}{i}") for i, rule in enumerate(self._rows) if rule.action == action
        ]
        return reduce(or_, flags) if flags else pl.lit(value=False)

    def good(self, flagged: pl.LazyFrame) -> pl.LazyFrame:
        """Return the rows that go to the targets."""
        if not self.sets_rows_aside:
            return flagged.select(self._columns) if self._rows else flagged
        return flagged.filter(pl.col(_GOOD)).select(self._columns)

    def quarantined(self, flagged: pl.LazyFrame, stamp: RunStamp) -> pl.LazyFrame:
        """Return the rows set aside, with their rules, run and partition."""
        names = self._failed_rules() if self._rows else pl.lit([], dtype=pl.List(pl.String))
        aside = flagged.filter(pl.col(_QUARANTINED)) if self._rows else flagged.clear()
        return aside.select(
            *(name for name in self._columns if name not in (FAILED_RULES, RUN_ID, PARTITION)),
            names.alias(FAILED_RULES),
            pl.lit(stamp.run_id, dtype=pl.String).alias(RUN_ID),
            pl.lit(stamp.partition, dtype=pl.String).alias(PARTITION),
        )

    def _failed_rules(self) -> pl.Expr:
        named = [
            pl.when(pl.col(f"{_FLAG}{i}")).then(pl.lit(rule.name))
            for i, rule in enumerate(self._rows)
        ]
        return pl.concat_list(named).list.drop_nulls()

    def sample_frames(self, flagged: pl.LazyFrame) -> list[pl.LazyFrame]:
        """Return the first failing rows: rejected ones, then those that only warn."""
        names = self._failed_rules().alias(FAILED_RULES)
        kinds = {rule.action for rule in self._rows}
        routes = [_REJECTED] if kinds - {"WARN"} else []
        routes += [_WARNED] if "WARN" in kinds else []
        shown = [name for name in self._columns if name != FAILED_RULES]
        return [
            flagged.filter(pl.col(route)).head(MAX_SAMPLES).select(*shown, names)
            for route in routes
        ]

    def count_frame(self, flagged: pl.LazyFrame) -> pl.LazyFrame:
        """Return one row with all counts and aggregates."""
        counts = [pl.len().alias(_ROWS)]
        if self._rows:
            counts += [pl.col(f"{_FLAG}{i}").sum() for i in range(len(self._rows))]
            counts += [pl.col(_GOOD).sum(), pl.col(_QUARANTINED).sum()]
        holds = [
            expression.alias(f"{_AGGREGATE}{i}")
            for i, (_, expression) in enumerate(self._aggregates)
        ]
        return flagged.select(*counts, *holds)

    def counts(self, row: Mapping[str, Any]) -> Counts:
        """Return the counts out of the row that `count_frame` gave."""
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


def _compile(
    rule: Expectation, dialect: str, schema: pl.Schema, moment: datetime | None
) -> pl.Expr:
    try:
        condition = compile_condition(rule.expression, dialect, moment, schema)
        empty = pl.LazyFrame(schema=schema).select(condition.alias("holds"))
        kind = empty.collect_schema()["holds"]
    except ExpressionError as error:
        error.add_note(f"in the expectation `{rule.name}`")
        raise
    except pl.exceptions.ColumnNotFoundError as error:
        missing = _missing_column(error)
        raise TransformError(
            f"the expectation `{rule.name}` names the column `{missing}`, which is not there: "
            f"{rule.expression}",
            expected=f"one of {', '.join(schema.names())}",
            hint=hint_for(missing, schema.names()),
        ) from error
    except pl.exceptions.PolarsError as error:
        raise TransformError(
            f"the expectation `{rule.name}` cannot be evaluated: {rule.expression}: {error}"
        ) from error
    if kind not in (pl.Boolean, pl.Null):
        raise TransformError(
            f"the expectation `{rule.name}` is no condition: `{rule.expression}` gives {kind}",
            expected="an expression that is true or false, as in `close > 0`",
        )
    return condition.cast(pl.Boolean)


def _missing_column(error: Exception) -> str:
    found = re.search(r'column "([^"]*)"', str(error))
    return found.group(1) if found else str(error).partition("\n")[0]
