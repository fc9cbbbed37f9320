"""Rules are decided from counts alone, once for every engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laktory_dagster import models
from laktory_dagster.engines.base import ColumnType, Receipt, StageSummary, TableState
from laktory_dagster.errors import RunFailedError
from laktory_dagster.execution.quality import MAX_EXAMPLES, evaluate, rejection
from laktory_dagster.execution.results import in_own_words
from laktory_dagster.models import Expectation


def summary(failed: int = 0, rows: int = 100, **parts: Any) -> StageSummary:
    return StageSummary(
        rows_in=rows,
        rows_out=rows,
        rows_dropped=0,
        rows_quarantined=0,
        failures={"r": failed},
        aggregates={"r": failed == 0},
        columns=(ColumnType("x", "int64"),),
        **parts,
    )


def rule(**parts: Any) -> Expectation:
    return Expectation.model_validate({"name": "r", "expression": "x > 1", **parts})


@pytest.mark.parametrize(
    ("tolerance", "failed", "passed"),
    [
        (None, 0, True),
        (None, 1, False),
        ({"abs": 3}, 3, True),
        ({"abs": 3}, 4, False),
        ({"rel": 0.05}, 5, True),
        ({"rel": 0.05}, 6, False),
        ({"rel": 0.0}, 1, False),
        ({"abs": 0}, 0, True),
    ],
)
@pytest.mark.parametrize("action", ["WARN", "DROP", "QUARANTINE", "FAIL"])
def test_tolerance_decides_what_passes(
    tolerance: dict[str, float] | None, failed: int, passed: bool, action: str
) -> None:
    (check,) = evaluate([rule(tolerance=tolerance, action=action)], summary(failed))

    assert check.passed is passed
    assert check.blocking is (action == "FAIL" and not passed)


@given(st.integers(0, 50), st.integers(0, 1000), st.floats(0, 1))
def test_relative_tolerance_is_a_share_of_the_rows_seen(failed: int, more: int, rel: float) -> None:
    rows = failed + more
    (check,) = evaluate([rule(tolerance={"rel": rel})], summary(failed, rows))

    assert check.passed is (failed == 0 or failed / rows <= rel)


@pytest.mark.parametrize(("holds", "action"), [(True, "FAIL"), (False, "WARN"), (False, "FAIL")])
def test_aggregate_rules_hold_or_not(holds: bool, action: str) -> None:
    (check,) = evaluate([rule(type="AGGREGATE", action=action)], summary(0 if holds else 1))

    assert check.passed is holds
    assert check.failed_rows is None
    assert check.blocking is (action == "FAIL" and not holds)


def test_no_rows_pass_every_row_rule() -> None:
    (check,) = evaluate([rule(action="FAIL", tolerance={"rel": 0.1})], summary(0, 0))

    assert check.passed


def test_examples_show_keys_of_failing_rows_only() -> None:
    rows = tuple(
        {"id": i, "x": -i, "_failed_rules": ["r" if i % 2 else "other"]} for i in range(40)
    )
    (by_key,) = evaluate([rule()], summary(20, samples=rows), ["id"])
    (whole,) = evaluate([rule()], summary(20, samples=rows))

    assert by_key.examples == tuple({"id": i} for i in range(1, 2 * MAX_EXAMPLES, 2))
    assert whole.examples[0] == {"id": 1, "x": -1}


def receipt(run: str) -> Receipt:
    return Receipt(
        token="t", run_id=run, root_run_id=run, node="n", code_version="c", data_version="d",
        logical_time="", written_at="", rows_in=0, rows_out=0, rows_dropped=0, rows_quarantined=0,
        columns=(),
    )  # fmt: skip


def test_a_rejection_says_what_failed_and_what_stays() -> None:
    checks = evaluate([rule(action="FAIL")], summary(3))
    stored = TableState(version=7, columns=(), receipt=receipt("run-1"), count=lambda: None)

    error = rejection("prices", checks, lambda: stored)

    assert error is not None
    assert error.node == "prices"
    assert "3 of 100 rows" in error.message
    assert "candidate rejected; table stays at version 7 of run run-1" in error.message
    assert [failure.name for failure in error.failures] == ["r"]
    assert error.checks == checks


def test_nothing_is_rejected_when_nothing_blocks() -> None:
    checks = evaluate([rule(action="WARN")], summary(3))

    assert rejection("prices", checks, lambda: None) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("node `slv`: 2 of 3 rows; candidate rejected", "2 of 3 rows; candidate rejected"),
        ("node `slv` reads node `brz`, which is not there", "reads node `brz`, which is not there"),
        ("the reader `m.f` of node `slv` failed: x", "the reader `m.f` failed: x"),
        ("node `view`: 2 of 3 rows", "node `view`: 2 of 3 rows"),
        ("node `slv2`: 2 of 3 rows", "node `slv2`: 2 of 3 rows"),
    ],
)
def test_an_error_beside_the_name_of_its_node_does_not_name_it_again(text: str, said: str) -> None:
    assert in_own_words("slv", text) == said


def test_the_failure_of_a_node_says_its_name_once(tmp_path: Path) -> None:
    text = (
        "name: p\nnodes:\n  - name: slv\n    source: {data: [{a: 1}]}\n"
        "    expectations: [{name: r, expression: a > 1, action: FAIL}]\n"
        "    sink: {path: ./x.parquet, format: PARQUET}\n"
    )
    (tmp_path / "p.yaml").write_text(text)
    with (tmp_path / "p.yaml").open() as opened:
        pipeline = models.Pipeline.model_validate_yaml(opened)

    with pytest.raises(RunFailedError) as caught:
        pipeline.execute()

    first = str(caught.value).splitlines()[0]
    assert first.startswith("slv: expectation `r` failed on 1 of 1 rows")
    assert first.count("slv") == 1
    assert caught.value.result.nodes["slv"].message.startswith("expectation `r`")
