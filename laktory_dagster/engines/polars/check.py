"""Rules as columns of the same pass: which rows fail, where each row goes, how many there are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from functools import reduce
from operator import or_

import polars as pl

from laktory_dagster.engines.base import RunStamp
from laktory_dagster.engines.polars.expressions import compile_condition
from laktory_dagster.engines.polars.problems import plain_text
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
from laktory_dagster.errors import ExpressionError, TransformError
from laktory_dagster.models import Expectation
from laktory_dagster.models.expectation import NULL_KEY


class RuleSet(RuleBook[pl.Expr]):
    """The rules of a node, compiled to columns of Polars."""

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
        super().__init__(schema.names())
        self._no_rows = pl.LazyFrame(schema=schema)
        self._compiled: list[tuple[Expectation, pl.Expr]] = []
        for rule in rules:
            condition = _compile(rule, dialect, schema, moment)
            self._compiled.append((rule, condition))
            if rule.type == "AGGREGATE":
                holds = condition.all(ignore_nulls=False).fill_null(value=False)
                self.aggregates.append((rule.name, holds))
            else:
                failed = ~condition.fill_null(value=False)
                self.rows.append(RowRule(rule.name, rule.action, failed))
        if null_keys:
            any_null = pl.any_horizontal(pl.col(key).is_null() for key in null_keys)
            self.rows.append(RowRule(NULL_KEY, "QUARANTINE", any_null))

    def unfit(self) -> TransformError | None:
        """Return the error for the first rule that does not fit the types of the columns, if any.

        Polars tells some types apart only while it computes, and then does not say for which rule.
        """
        for rule, condition in self._compiled:
            try:
                self._no_rows.select(condition).collect()
            except pl.exceptions.PolarsError as error:
                return not_evaluated(rule, plain_text(error))
        return None

    def flagged(self, frame: pl.LazyFrame) -> pl.LazyFrame:
        """Return the frame with a column per rule and the columns that route each row."""
        if not self.rows:
            return frame
        flags = [rule.failed.alias(flag(i)) for i, rule in enumerate(self.rows)]
        quarantined = self._any_of("QUARANTINE")
        rejected = quarantined | self._any_of("DROP")
        return frame.with_columns(flags).with_columns(
            quarantined.alias(QUARANTINED),
            (~rejected).alias(GOOD),
            (rejected | self._any_of("FAIL")).alias(REJECTED),
            (self._any_of("WARN") & ~rejected & ~self._any_of("FAIL")).alias(WARNED),
        )

    def _any_of(self, action: str) -> pl.Expr:
        flags = [pl.col(name) for name in self.flags_of(action)]
        return reduce(or_, flags) if flags else pl.lit(value=False)

    def good(self, flagged: pl.LazyFrame) -> pl.LazyFrame:
        """Return the rows that go to the targets."""
        if not self.sets_rows_aside:
            return flagged.select(self.columns) if self.rows else flagged
        return flagged.filter(pl.col(GOOD)).select(self.columns)

    def quarantined(self, flagged: pl.LazyFrame, stamp: RunStamp) -> pl.LazyFrame:
        """Return the rows set aside, with their rules, run and partition."""
        names = self._failed_rules() if self.rows else pl.lit([], dtype=pl.List(pl.String))
        aside = flagged.filter(pl.col(QUARANTINED)) if self.rows else flagged.clear()
        return aside.select(
            *(name for name in self.columns if name not in ADDED_TO_QUARANTINE),
            names.alias(FAILED_RULES),
            pl.lit(stamp.run_id, dtype=pl.String).alias(RUN_ID),
            pl.lit(stamp.partition, dtype=pl.String).alias(PARTITION),
        )

    def _failed_rules(self) -> pl.Expr:
        named = [
            pl.when(pl.col(flag(i))).then(pl.lit(rule.name)) for i, rule in enumerate(self.rows)
        ]
        return pl.concat_list(named).list.drop_nulls()

    def sample_frames(self, flagged: pl.LazyFrame) -> list[pl.LazyFrame]:
        """Return the first failing rows: rejected ones, then those that only warn."""
        names = self._failed_rules().alias(FAILED_RULES)
        shown = [name for name in self.columns if name != FAILED_RULES]
        return [
            flagged.filter(pl.col(route)).head(MAX_SAMPLES).select(*shown, names)
            for route in self.sampled_routes()
        ]

    def count_frame(self, flagged: pl.LazyFrame) -> pl.LazyFrame:
        """Return one row with all counts and aggregates."""
        counts = [pl.len().alias(ROWS)]
        if self.rows:
            counts += [pl.col(flag(i)).sum() for i in range(len(self.rows))]
            counts += [pl.col(GOOD).sum(), pl.col(QUARANTINED).sum()]
        holds = [
            expression.alias(aggregate(i)) for i, (_, expression) in enumerate(self.aggregates)
        ]
        return flagged.select(*counts, *holds)


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
        raise missing_in_rule(rule, _missing_column(error), schema.names()) from error
    except pl.exceptions.PolarsError as error:
        raise not_evaluated(rule, plain_text(error)) from error
    if kind not in (pl.Boolean, pl.Null):
        raise no_condition(rule, kind)
    return condition.cast(pl.Boolean)


def _missing_column(error: Exception) -> str:
    found = re.search(r'column "([^"]*)"', str(error))
    return found.group(1) if found else str(error).partition("\n")[0]
