"""Expectations: every row goes to exactly one place, and every rule is counted in the one pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from laktory_dagster.engines.base import Engine
from laktory_dagster.errors import ExpressionError, LaktoryDagsterError, TransformError
from tests.engines.frames import collected, failing
from tests.engines.writing import Desk, rule

FRAME = pl.DataFrame({"x": [1, 2, None, 4], "s": ["a", "b", "c", None]})


@pytest.fixture
def desk(engine: Engine, tmp_path: Path) -> Desk:
    return Desk(engine, tmp_path)


@pytest.mark.parametrize(
    ("action", "kept", "dropped", "aside"),
    [("WARN", 4, 0, 0), ("DROP", 1, 3, 0), ("QUARANTINE", 1, 0, 3), ("FAIL", 4, 0, 0)],
)
def test_where_failing_rows_go(
    desk: Desk, action: str, kept: int, dropped: int, aside: int
) -> None:
    table, quarantine = desk.target("t"), desk.aside("q")
    summary, _ = desk.write(FRAME, quarantine, table, rules=[rule("small", "x < 2", action)])
    assert summary.failures == {"small": 3}
    counts = (summary.rows_out, summary.rows_dropped, summary.rows_quarantined)
    assert counts == (kept, dropped, aside)
    assert summary.rows_in == 4
    assert len(desk.rows(table)) == kept
    assert len(desk.rows(quarantine)) == aside


def test_the_worst_action_decides(desk: Desk) -> None:
    frame = pl.DataFrame({"x": [1, 2, 3, 4]})
    table, quarantine = desk.target("t"), desk.aside("q")
    rules = [
        rule("not two", "x <> 2", "DROP"),
        rule("not two or three", "x not in (2, 3)", "QUARANTINE"),
        rule("below four", "x < 4", "DROP"),
        rule("below three", "x < 3", "WARN"),
    ]
    summary, _ = desk.write(frame, quarantine, table, rules=rules)
    assert desk.rows(table) == [(1,)]
    assert desk.rows(quarantine) == [
        (2, ["not two", "not two or three"], "run-1-try", None),
        (3, ["not two or three", "below three"], "run-1-try", None),
    ]
    assert summary.rows_dropped == 1
    assert summary.failures == {
        "not two": 1,
        "not two or three": 2,
        "below four": 1,
        "below three": 2,
    }


def test_two_quarantine_rules_lose_no_row(desk: Desk) -> None:
    frame = pl.DataFrame({"x1": [1, 2, 3]})
    rules = [rule("a", "x1 < 3", "QUARANTINE"), rule("b", "x1 >= 2", "QUARANTINE")]
    table, quarantine = desk.target("t"), desk.aside("q")
    desk.write(frame, quarantine, table, rules=rules, partition="2024-05-01")
    assert desk.rows(table) == [(2,)]
    assert desk.rows(quarantine) == [
        (1, ["b"], "run-1-try", "2024-05-01"),
        (3, ["a"], "run-1-try", "2024-05-01"),
    ]


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ("count(*) > 3", True),
        ("count(*) > 4", False),
        ("max(x) = 4", True),
        ("sum(x) > 7", False),
        ("avg(x) > 2 and min(x) = 1", True),
        ("max(x) > null", False),
        ("count(distinct s) = 3", True),
        ("pl.col('x').max() <= 4", True),
        ("pl.len() == 4", True),
    ],
)
def test_aggregates_see_all_rows(desk: Desk, expression: str, holds: bool) -> None:
    rules = [rule("whole", expression, type="AGGREGATE"), rule("x", "x > 1", "DROP")]
    summary, _ = desk.write(FRAME, desk.target("t"), rules=rules)
    assert summary.aggregates == {"whole": holds}
    assert summary.rows_in == 4


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None])
def test_odd_numbers_have_one_meaning(desk: Desk, value: float | None) -> None:
    frame = pl.DataFrame({"x": [1.0, value]}, schema={"x": pl.Float64})
    summary, _ = desk.write(frame, desk.target("t"), rules=[rule("low", "x < 5", "DROP")])
    assert summary.rows_out == 1


def test_empty_frames_pass_row_rules(desk: Desk) -> None:
    rules = [rule("x", "x > 1", "QUARANTINE"), rule("n", "count(*) > 0", type="AGGREGATE")]
    summary, _ = desk.write(FRAME.clear(), desk.aside("q"), desk.target("t"), rules=rules)
    assert summary.failures == {"x": 0}
    assert summary.aggregates == {"n": False}
    assert summary.rows_in == summary.rows_out == 0


def test_a_view_is_counted_and_stores_nothing(desk: Desk) -> None:
    rules = [rule("x", "x > 1", "QUARANTINE"), rule("s", "s is not null", "DROP")]
    staged = desk.stage(FRAME, rules=rules)
    assert staged.summary.rows_out == 1
    assert staged.summary.rows_quarantined == 2
    good, aside = staged.frames()
    assert collected(good).rows() == [(2, "b")]
    assert sorted(row[1] for row in collected(aside).rows()) == ["a", "c"]
    assert desk.files() == []


def test_without_rules_a_view_counts_its_rows(desk: Desk) -> None:
    assert desk.stage(FRAME).summary.rows_in == 4


def test_samples_say_which_rules_failed(desk: Desk) -> None:
    rules = [rule("x", "x > 1", "QUARANTINE"), rule("s", "s <> 'b'")]
    summary, _ = desk.write(FRAME, desk.aside("q"), desk.target("t"), rules=rules)
    assert sorted(summary.samples, key=str) == [
        {"x": 1, "s": "a", "_failed_rules": ["x"]},
        {"x": 2, "s": "b", "_failed_rules": ["s"]},
        {"x": 4, "s": None, "_failed_rules": ["s"]},
        {"x": None, "s": "c", "_failed_rules": ["x"]},
    ]


def test_samples_are_capped_and_show_every_kind(desk: Desk) -> None:
    frame = pl.DataFrame({"x": range(5_000)})
    rules = [rule("even", "x % 2 = 0", "DROP"), rule("high", "x > 4_990")]
    rules = [rules[0], rule("high", "x > 4990")]
    summary, _ = desk.write(frame, desk.target("t"), rules=rules)
    assert len(summary.samples) == 1_000
    kinds = {tuple(row["_failed_rules"]) for row in summary.samples}
    assert kinds == {("even", "high"), ("high",)} or ("high",) in kinds
    assert summary.failures == {"even": 2_500, "high": 4_991}


def test_samples_can_be_off(desk: Desk) -> None:
    summary, _ = desk.write(FRAME, desk.target("t"), rules=[rule("x", "x > 1")], keep_samples=False)
    assert summary.samples == ()
    assert summary.preview == ()
    assert summary.failures == {"x": 2}


@pytest.mark.parametrize("form", ["DELTA", "PARQUET", "CSV", "JSON"])
def test_the_preview_shows_good_rows(desk: Desk, form: str) -> None:
    frame = pl.DataFrame({"x": range(100)})
    target = desk.target(f"t{form}.x" if form != "DELTA" else "t", form)
    summary, _ = desk.write(frame, target, rules=[rule("x", "x >= 50", "DROP")], sample_rows=3)
    assert [row["x"] for row in summary.preview] == [50, 51, 52]


@pytest.mark.parametrize("rules", [0, 1, 3])
@pytest.mark.parametrize("targets", [0, 1, 3])
def test_the_source_is_read_once(desk: Desk, rules: int, targets: int) -> None:
    passes = 0

    def count(frame: pl.DataFrame) -> pl.DataFrame:
        nonlocal passes
        passes += 1
        return frame

    frame = FRAME.lazy().map_batches(count, schema=FRAME.schema)
    actions = ["QUARANTINE", "WARN", "DROP"]
    declared = [rule(f"r{i}", "x > 1", actions[i]) for i in range(rules)]
    places = [desk.target("a"), desk.target("b.csv", "CSV", key="b"), desk.target("c", key="c")]
    quarantine = [desk.aside("q")] if targets and rules else []
    desk.write(frame, *quarantine, *places[:targets], rules=declared)
    assert passes == 1


def test_a_missing_column_is_named(desk: Desk) -> None:
    frame = pl.DataFrame({"close": [1.0], "symbol": ["A"]})
    with pytest.raises(TransformError, match="`clos`") as caught:
        desk.stage(frame, desk.target("t"), rules=[rule("positive", "clos > 0")])
    text = str(caught.value)
    assert "positive" in text
    assert "did you mean `close`" in text
    assert "close, symbol" in text
    assert desk.files() == []


def test_a_rule_that_is_no_condition_is_refused(desk: Desk) -> None:
    with pytest.raises(TransformError, match="no condition"):
        desk.stage(FRAME, rules=[rule("odd", "x + 1")])


@pytest.mark.parametrize("text", ["__import__('os').system('x')", "select 1; drop table t", "x >"])
def test_hostile_rules_are_refused(desk: Desk, text: str) -> None:
    with pytest.raises((ExpressionError, TransformError)):
        desk.stage(FRAME, rules=[rule("bad", text)])


def test_columns_of_the_quarantine_do_not_collide(desk: Desk) -> None:
    frame = pl.DataFrame({"x": [1, 2], "_failed_rules": ["mine", "mine"], "_run_id": [7, 8]})
    table, quarantine = desk.target("t"), desk.aside("q")
    desk.write(frame, quarantine, table, rules=[rule("x", "x > 1", "QUARANTINE")])
    assert desk.rows(quarantine) == [(1, ["x"], "run-1-try", None)]
    assert desk.rows(table) == [(2, "mine", 8)]


def test_hostile_rule_names_are_only_names(desk: Desk) -> None:
    name = "a'; drop table t; -- \"`{}"
    table, quarantine = desk.target("t"), desk.aside("q")
    summary, _ = desk.write(FRAME, quarantine, table, rules=[rule(name, "x > 1", "QUARANTINE")])
    assert summary.failures == {name: 2}
    assert desk.rows(quarantine)[0][2] == [name]


def test_a_row_that_fails_the_pass_leaves_nothing(desk: Desk) -> None:
    frame = failing(desk.engine)
    with pytest.raises(LaktoryDagsterError):
        desk.stage(frame, desk.target("t"), desk.aside("q"), rules=[rule("s", "s > 0", "DROP")])
    assert desk.files() == []


CONDITIONS = ["x > 1", "x is not null", "s = 'a'", "x + y < 3", "y <> 0 or s is null", "x <= y"]
CELLS = st.one_of(st.none(), st.integers(-3, 3))
ROWS = st.lists(st.tuples(CELLS, CELLS, st.sampled_from([None, "a", "b"])), min_size=0, max_size=20)
RULES = st.lists(
    st.tuples(st.sampled_from(CONDITIONS), st.sampled_from(["WARN", "DROP", "QUARANTINE", "FAIL"])),
    max_size=4,
)


@given(rows=ROWS, rules=RULES)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_counts_are_those_of_another_engine(
    engine: Engine, rows: list[tuple[Any, ...]], rules: list[tuple[str, str]]
) -> None:
    schema = {"x": pl.Int64, "y": pl.Int64, "s": pl.String}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    desk = Desk(engine, Path("unused"))
    declared = [rule(f"r{i}", text, action) for i, (text, action) in enumerate(rules)]
    summary = desk.stage(frame, rules=declared).summary
    expected = _by_duckdb(frame, rules)
    assert summary.rows_in == len(rows)
    assert summary.rows_out + summary.rows_dropped + summary.rows_quarantined == len(rows)
    assert list(summary.failures.values()) == expected[:-2]
    assert (summary.rows_dropped, summary.rows_quarantined) == tuple(expected[-2:])


def _by_duckdb(frame: pl.DataFrame, rules: list[tuple[str, str]]) -> list[int]:
    def fails(text: str) -> str:
        return f"not coalesce({text}, false)"

    def any_of(action: str) -> str:
        found = [f"({fails(text)})" for text, of in rules if of == action]
        return " or ".join(found) or "false"

    counts = [f"count(*) filter ({fails(text)})" for text, _ in rules]
    quarantined = any_of("QUARANTINE")
    counts.append(f"count(*) filter (({any_of('DROP')}) and not ({quarantined}))")
    counts.append(f"count(*) filter ({quarantined})")
    connection = duckdb.connect()
    connection.register("frame", frame.to_arrow())
    found = connection.execute(f"select {', '.join(counts)} from frame").fetchone()
    assert found is not None
    return list(found)
