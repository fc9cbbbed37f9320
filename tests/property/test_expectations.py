"""Whatever rules a node has, every row is counted once and lies where its worst failure sends it."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laktory_dagster import models
from laktory_dagster.errors import RunFailedError

NUMBERS = st.one_of(st.none(), st.integers(-3, 3))
ROWS = st.lists(st.fixed_dictionaries({"x": NUMBERS, "y": NUMBERS}), max_size=12)
WORST_FIRST = ("FAIL", "QUARANTINE", "DROP", "WARN")


def less(row: dict[str, Any]) -> bool | None:
    return None if row["x"] is None or row["y"] is None else row["x"] < row["y"]


def positive(row: dict[str, Any]) -> bool | None:
    return None if row["x"] is None else row["x"] > 0


def small_or_known(row: dict[str, Any]) -> bool | None:
    """SQL's OR: true beside null is true, false beside null is null."""
    first = None if row["y"] is None else row["y"] < 2
    if first or row["x"] is not None:
        return True
    return first


# Each condition as SQL and, by hand, in three-valued logic.
CONDITIONS: dict[str, Any] = {
    "x < y": less,
    "x > 0": positive,
    "NOT (x > 0)": lambda row: None if positive(row) is None else not positive(row),
    "x IS NULL": lambda row: row["x"] is None,
    "y < 2 OR x IS NOT NULL": small_or_known,
    "x = x": lambda row: None if row["x"] is None else True,
    "x <=> y": lambda row: row["x"] == row["y"],
    "x IN (1, 2)": lambda row: None if row["x"] is None else row["x"] in (1, 2),
    "coalesce(y, -1) >= 0": lambda row: row["y"] is not None and row["y"] >= 0,
    "true": lambda _: True,
}
TOLERANCES = st.one_of(
    st.none(),
    st.builds(lambda n: {"abs": n}, st.integers(0, 4)),
    st.builds(lambda n: {"rel": n / 100}, st.integers(0, 100)),
)
RULES = st.lists(
    st.tuples(st.sampled_from(sorted(CONDITIONS)), st.sampled_from(WORST_FIRST), TOLERANCES),
    max_size=5,
)


def breaks(row: dict[str, Any], condition: str) -> bool:
    return CONDITIONS[condition](row) is not True


def is_tolerated(tolerance: dict[str, Any] | None, failed: int, rows: int) -> bool:
    if tolerance is None:
        return failed == 0
    if "abs" in tolerance:
        return failed <= tolerance["abs"]
    # In whole hundredths, so that no rounding decides.
    return failed * 100 <= round(tolerance["rel"] * 100) * rows


def routed(row: dict[str, Any], rules: list[Any]) -> str:
    """Return where a row goes: a FAIL that blocks nothing leaves it where the others send it."""
    hit = {action for condition, action, _ in rules if breaks(row, condition)}
    return next((action for action in ("QUARANTINE", "DROP") if action in hit), "out")


def rule(number: int, condition: str, action: str, tolerance: Any) -> dict[str, Any]:
    found = {"name": f"r{number}", "expression": condition, "action": action}
    return {**found, "tolerance": tolerance} if tolerance else found


@pytest.mark.parametrize("sink", ["table", "view"])
@given(rows=ROWS, rules=RULES, written=st.booleans())
@settings(max_examples=15, deadline=None)
def test_in_is_out_and_dropped_and_quarantined(
    tmp_path_factory: pytest.TempPathFactory, sink: str, rows: Any, rules: Any, written: bool
) -> None:
    folder = tmp_path_factory.mktemp("rules")
    given_rows = [{"id": number, **row} for number, row in enumerate(rows)]
    schema = {"id": pl.Int64, "x": pl.Int64, "y": pl.Int64}
    pipeline = models.Pipeline(
        name="p",
        warehouse=str(folder),
        nodes=[
            {
                "name": "a",
                "source": {"df": pl.DataFrame(given_rows, schema=schema)},
                "expectations": [rule(i, *found) for i, found in enumerate(rules)],
                "sinks": [{"table_name": "a"}] if sink == "table" else [],
            }
        ],
    )
    counts = [sum(breaks(row, condition) for row in rows) for condition, _, _ in rules]
    passing = [
        is_tolerated(tolerance, count, len(rows))
        for (_, _, tolerance), count in zip(rules, counts, strict=True)
    ]
    blocked = any(
        not passes and action == "FAIL"
        for (_, action, _), passes in zip(rules, passing, strict=True)
    )

    try:
        result = pipeline.execute(write_sinks=written)["a"]
    except RunFailedError as error:
        result = error.result["a"]

    assert (result.status.value == "failed") is blocked
    assert [check.failed_rows for check in result.checks] == counts
    assert [check.passed for check in result.checks] == passing
    if blocked:
        assert not list(folder.glob("main/default/*/_delta_log"))
        return
    places = [routed(row, rules) for row in rows]
    wanted = {
        place: [row["id"] for row, at in zip(given_rows, places, strict=True) if at == place]
        for place in ("out", "DROP", "QUARANTINE")
    }
    if sink == "table" or rules:
        assert result.rows_in == len(rows)
        assert result.rows_out == len(wanted["out"])
        assert result.rows_dropped == len(wanted["DROP"])
        assert result.rows_quarantined == len(wanted["QUARANTINE"])
    node = pipeline.nodes_dict["a"]
    assert sorted(node.output_df.collect()["id"]) == wanted["out"]
    if any(action == "QUARANTINE" for _, action, _ in rules):
        aside = node.quarantine_df.collect()
        assert sorted(aside["id"]) == wanted["QUARANTINE"]
        for row in aside.to_dicts():
            own = {f"r{i}" for i, found in enumerate(rules) if breaks(row, found[0])}
            assert set(row["_failed_rules"]) == own
    pipeline.close()
