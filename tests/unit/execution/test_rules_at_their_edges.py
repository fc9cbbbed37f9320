"""Rules at their edges: tolerance, aggregates, no rows, and rules that do not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from laktory_dagster.errors import DeclarationError
from tests.unit.execution.declared import declared, duck, failed, give, ids, stored
from tests.unit.execution.test_expectations import checked


@pytest.mark.parametrize(
    ("tolerance", "bad", "passes"),
    [
        ("abs: 2", 2, True),
        ("abs: 2", 3, False),
        ("abs: 0", 1, False),
        ("rel: 0.3", 3, True),
        ("rel: 0.29", 3, False),
        ("rel: 1.0", 10, True),
        ("rel: 0", 1, False),
    ],
)
def test_a_tolerance_includes_its_edge(
    tmp_path: Path, tolerance: str, bad: int, passes: bool
) -> None:
    give(tmp_path, *ids(*range(10)))
    pipeline = checked(
        tmp_path, f"name: r, expression: id >= {bad}, action: FAIL, tolerance: {{{tolerance}}}"
    )

    if not passes:
        assert f"failed on {bad} of 10 rows" in str(failed(pipeline))
        assert stored(tmp_path, "a") is None
        return
    assert pipeline.execute()["a"].rows_out == 10
    assert stored(tmp_path, "a") == list(range(10))


@pytest.mark.parametrize(("action", "kept"), [("DROP", [2]), ("QUARANTINE", [2]), ("WARN", [1, 2])])
def test_a_tolerance_that_passes_still_takes_rows_out(
    tmp_path: Path, action: str, kept: list[int]
) -> None:
    give(tmp_path, *ids(1, 2))
    pipeline = checked(
        tmp_path, f"name: r, expression: id > 1, action: {action}, tolerance: {{abs: 1}}"
    )

    (check,) = pipeline.execute()["a"].checks

    assert check.passed
    assert check.failed_rows == 1
    assert stored(tmp_path, "a") == kept


def test_a_rule_on_all_rows_sees_those_that_others_take_out(tmp_path: Path) -> None:
    give(tmp_path, *ids(1, 2, 3))
    pipeline = checked(
        tmp_path,
        "name: d, expression: id = 1, action: DROP",
        "name: q, expression: id < 3, action: QUARANTINE",
        "name: n, expression: count(*) = 3, type: AGGREGATE, action: FAIL",
        "name: s, expression: sum(id) = 6, type: AGGREGATE, action: FAIL",
    )

    assert pipeline.execute()["a"].rows_out == 1


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ("count(*) = 0", True),
        ("count(*) > 0", False),
        ("sum(id) IS NULL", True),
        ("sum(id) >= 0", False),
        ("max(id) < 5", False),
        ("count(DISTINCT id) = 0", True),
    ],
)
def test_of_no_rows_an_aggregate_is_what_sql_says(
    tmp_path: Path, expression: str, holds: bool
) -> None:
    """DuckDB says the same of no rows; a result that is null does not hold."""
    give(tmp_path, *ids(1))
    pipeline = declared(
        tmp_path,
        f"""
        - name: a
          source: {{path: in.jsonl, format: JSONL, filter: id > 5}}
          expectations: [{{name: r, expression: {expression}, type: AGGREGATE, action: WARN}}]
          sink: {{table_name: a}}
        """,
    )

    (check,) = pipeline.execute()["a"].checks

    (oracle,) = duck(ids(1), f"SELECT {expression} FROM rows WHERE id > 5")
    assert check.passed is bool(oracle[0]) is holds
    assert check.checked_rows == 0


def test_nothing_fails_where_there_are_no_rows(tmp_path: Path) -> None:
    give(tmp_path, *ids(1))
    pipeline = declared(
        tmp_path,
        """
        - name: a
          source: {path: in.jsonl, format: JSONL, filter: id > 5}
          expectations:
            - {name: f, expression: id > 100, action: FAIL, tolerance: {rel: 0}}
            - {name: q, expression: id > 100, action: QUARANTINE}
          sink: {table_name: a}
        """,
    )

    result = pipeline.execute()["a"]

    assert (result.rows_in, result.rows_out, result.rows_quarantined) == (0, 0, 0)
    assert all(check.passed and check.failure_rate == 0 for check in result.checks)
    assert stored(tmp_path, "a") == stored(tmp_path, "a_quarantine") == []


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("zz > 1", "the expectation `r` names the column `zz`"),
        ("s", "the expectation `r` is no condition: `s` gives String"),
        ("id > xs", "the expectation `r` cannot be evaluated: id > xs: could not evaluate"),
        ("xs = 1", "the expectation `r` cannot be evaluated: xs = 1: could not evaluate"),
    ],
)
@pytest.mark.parametrize("action", ["WARN", "QUARANTINE"])
def test_a_rule_that_does_not_fit_the_columns_is_named(
    tmp_path: Path, expression: str, told: str, action: str
) -> None:
    give(tmp_path, {"id": 1, "s": "x", "xs": [1]})

    error = failed(
        checked(
            tmp_path,
            "name: good, expression: id > 0, action: WARN",
            f"name: r, expression: {expression}, action: {action}",
        )
    )

    assert told in str(error)
    assert stored(tmp_path, "a") is None


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("expression: count(*) > 1", "speaks of all rows at once"),
        ("expression: id > 1, type: AGGREGATE", "gives a value for every row"),
        ("expression: count(*) > 1, type: AGGREGATE, action: DROP", "AGGREGATE"),
    ],
)
def test_a_rule_of_the_wrong_type_is_known_before_the_run(
    tmp_path: Path, rule: str, told: str
) -> None:
    give(tmp_path, *ids(1))

    with pytest.raises(DeclarationError, match=told):
        checked(tmp_path, f"name: r, {rule}").execute()


def test_rules_see_what_the_layer_adds(tmp_path: Path) -> None:
    give(tmp_path, *ids(1, 1, 2))
    pipeline = declared(
        tmp_path,
        """
        - name: a
          layer: SILVER
          source: {path: in.jsonl, format: JSONL}
          expectations:
            - {name: stamped, expression: _silver_at IS NOT NULL, action: FAIL}
            - {name: deduped, expression: count(*) = 2, type: AGGREGATE, action: FAIL}
          sink: {table_name: a}
        """,
    )

    assert pipeline.execute()["a"].rows_in == 2
