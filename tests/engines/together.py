"""Many expressions over the same rows, computed in one query of an engine.

A query costs Spark the same for one column as for hundreds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from laktory_dagster.engines.base import Engine
from laktory_dagster.errors import LaktoryDagsterError
from tests.engines.comparing import plain, plain_rows
from tests.engines.transforming import chained, step, types

Row = dict[str, Any]


def rows_together(engine: Engine, frames: Mapping[Any, Any]) -> dict[Any, list[Any]]:
    """Return the rows of several lazy frames, plain and sorted, by one query where a query is dear."""
    if engine.name != "spark":
        return {
            name: plain_rows([row.values() for row in engine.head(frame, 999)], ordered=False)
            for name, frame in frames.items()
        }
    from tests.engines.spark_rows import rows_of

    found = rows_of({str(number): frame for number, frame in enumerate(frames.values())})
    return {
        name: plain_rows(found[str(number)], ordered=False) for number, name in enumerate(frames)
    }


class Together:
    """The rows with a column `result` for each of these expressions.

    Cases are tuples that begin with an expression; one with marks, which an engine may refuse, is
    computed alone. With a column to group by they are aggregates, in a row for each group.
    """

    def __init__(self, data: Any, cases: Sequence[Any], by: str | None = None) -> None:
        """Compute nothing yet."""
        self._data = data
        self._by = by
        expressions = [case[0] for case in cases if type(case) is tuple]
        self._names = {text: f"result_{number}" for number, text in enumerate(expressions)}
        self._rows: dict[str, list[Row] | None] = {}

    def rows(self, engine: Engine, expression: str) -> list[Row]:
        """Return the rows with the values of one of the expressions, in the engine's order."""
        kind = f"{engine.name} {type(getattr(engine, 'spark', None)).__module__}"
        if expression in self._names and kind not in self._rows:
            self._rows[kind] = self._all(engine)
        found = self._rows.get(kind)
        if expression not in self._names or found is None:
            return self._computed(engine, {expression: "result"})
        return [self._of(row, self._names[expression]) for row in found]

    def check(self, engine: Engine, expression: str, expected: Sequence[Any]) -> None:
        """Assert the values of an expression and their Python types, in the order of `id`."""
        rows = sorted(self.rows(engine, expression), key=lambda row: row["id"])
        found = [row["result"] for row in rows]
        assert plain(found) == plain(expected)
        assert [type(value) for value in found] == [type(value) for value in expected]

    def check_types(self, engine: Engine, kinds: Mapping[str, str]) -> None:
        """Assert the portable types of expressions, whatever their values are."""
        names = {text: f"result_{number}" for number, text in enumerate(kinds)}
        found = types(engine, self._data, step("with_columns", **{n: t for t, n in names.items()}))
        assert {text: found[name] for text, name in names.items()} == kinds

    def _all(self, engine: Engine) -> list[Row] | None:
        """Return the rows with all values, None where one of the expressions fails."""
        try:
            return self._computed(engine, self._names)
        except LaktoryDagsterError:
            return None

    def _computed(self, engine: Engine, names: dict[str, str]) -> list[Row]:
        if self._by is None:
            steps = [step("with_columns", **{name: text for text, name in names.items()})]
        else:
            aggregates = [f"{text}.alias('{name}')" for text, name in names.items()]
            steps = [step("groupBy", self._by), step("agg", *aggregates)]
        frame = chained(engine, self._data, *steps)
        return [dict(row) for row in engine.head(frame, 10_000)]

    def _of(self, row: Row, name: str) -> Row:
        given = {key: value for key, value in row.items() if key not in self._names.values()}
        return {**given, "result": row[name]}
