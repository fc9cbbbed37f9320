"""What becomes of rows that break rules: counted, left out, set aside or refused, and told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from laktory_dagster.errors import DeclarationError
from tests.unit.execution.declared import (
    declared,
    duck,
    failed,
    files,
    give,
    ids,
    stored,
    table,
    values,
)

NODE = """
- name: a
  primary_key: id
  source: {path: in.jsonl, format: JSONL}
  expectations:
EXPECTATIONS
  SINKS
"""


def checked(folder: Path, *rules: str, sinks: str = "sink: {table_name: a}") -> Any:
    lines = "\n".join(f"    - {{{rule}}}" for rule in rules)
    return declared(folder, NODE.replace("EXPECTATIONS", lines).replace("SINKS", sinks))


def test_every_row_is_in_one_place_whatever_rules_it_breaks(tmp_path: Path) -> None:
    rows = [{"id": i, "x": x} for i, x in enumerate([5, -1, None, 9, 100])]
    give(tmp_path, *rows)
    pipeline = checked(
        tmp_path,
        "name: w, expression: x < 50, action: WARN",
        "name: d, expression: x > 0, action: DROP",
        "name: q, expression: x <> 9, action: QUARANTINE",
    )

    result = pipeline.execute()["a"]

    aside = duck(rows, "SELECT id FROM rows WHERE (x <> 9) IS NOT TRUE ORDER BY id")
    dropped = duck(rows, "SELECT id FROM rows WHERE (x <> 9) AND (x > 0) IS NOT TRUE")
    assert stored(tmp_path, "a_quarantine") == [row[0] for row in aside] == [2, 3]
    assert (result.rows_in, result.rows_dropped) == (5, len(dropped))
    assert stored(tmp_path, "a") == [0, 4]


def test_a_quarantined_row_names_all_rules_that_it_breaks_and_the_run(tmp_path: Path) -> None:
    give(tmp_path, {"id": 1, "x": -5})
    pipeline = checked(
        tmp_path,
        "name: w, expression: x > 0, action: WARN",
        "name: fine, expression: x < 0, action: DROP",
        "name: d, expression: x > 1, action: DROP",
        "name: q, expression: x > 2, action: QUARANTINE",
    )

    run = pipeline.execute().run_id

    aside = table(tmp_path, "a_quarantine")
    assert aside is not None
    assert aside.to_dicts() == [
        {"id": 1, "x": -5, "_failed_rules": ["w", "d", "q"], "_run_id": run, "_partition": None}
    ]


def test_every_quarantine_sink_gets_all_that_is_set_aside(tmp_path: Path) -> None:
    give(tmp_path, *ids(1, 2, 3))
    asides = "{table_name: q1, is_quarantine: true}, {path: q2.parquet, format: PARQUET, is_quarantine: true}"
    pipeline = checked(
        tmp_path,
        "name: q, expression: id = 2, action: QUARANTINE",
        sinks=f"sinks: [{{table_name: a}}, {asides}]",
    )

    result = pipeline.execute()["a"]

    assert stored(tmp_path, "q1") == [1, 3]
    assert sorted(pl.read_parquet(tmp_path / "q2.parquet")["id"]) == [1, 3]
    assert stored(tmp_path, "a_quarantine") is None
    assert values(pipeline.nodes_dict["a"].quarantine_df) == [1, 3]
    assert result.rows_quarantined == 2


def test_quarantine_comes_first_and_the_primary_target_last(tmp_path: Path) -> None:
    give(tmp_path, *ids(1))
    sinks = "sinks: [{table_name: a}, {table_name: q, is_quarantine: true}, {table_name: b}]"

    result = checked(
        tmp_path, "name: r, expression: id > 0, action: QUARANTINE", sinks=sinks
    ).execute()["a"]

    assert [target.table_name for target in result.targets] == [
        "main.default.q",
        "main.default.b",
        "main.default.a",
    ]


@pytest.mark.parametrize(
    ("form", "name"), [("PARQUET", "o_quarantine.parquet"), ("CSV", "o_quarantine.json")]
)
def test_the_quarantine_of_a_file_is_beside_it(tmp_path: Path, form: str, name: str) -> None:
    give(tmp_path, *ids(1, 2))

    checked(
        tmp_path,
        "name: r, expression: id > 1, action: QUARANTINE",
        sinks=f"sink: {{path: o.{form.lower()}, format: {form}}}",
    ).execute()

    read = pl.read_parquet if form == "PARQUET" else pl.read_ndjson
    assert read(tmp_path / name)["id"].to_list() == [1]


def test_the_quarantine_of_a_target_that_is_left_alone_is_left_alone(tmp_path: Path) -> None:
    pipeline = checked(
        tmp_path,
        "name: r, expression: id < 10, action: QUARANTINE",
        sinks="sink: {table_name: a, mode: IGNORE}",
    )
    give(tmp_path, *ids(1, 11))
    pipeline.execute()
    give(tmp_path, *ids(2, 12))

    pipeline.execute()

    assert stored(tmp_path, "a") == [1]
    assert stored(tmp_path, "a_quarantine") == [11]


def test_an_overwrite_replaces_the_quarantine_and_an_append_adds_to_it(tmp_path: Path) -> None:
    found = {}
    for mode in ("OVERWRITE", "APPEND"):
        pipeline = checked(
            tmp_path,
            "name: r, expression: id < 10, action: QUARANTINE",
            sinks=f"sink: {{table_name: {mode}, mode: {mode}}}",
        )
        for values_given in ((1, 11), (2, 12)):
            give(tmp_path, *ids(*values_given))
            pipeline.execute()
        found[mode] = stored(tmp_path, f"{mode}_quarantine")

    assert found == {"OVERWRITE": [12], "APPEND": [11, 12]}


@pytest.mark.parametrize("mode", ["OVERWRITE", "APPEND", "MERGE"])
def test_a_rule_that_fails_publishes_nothing_anywhere(tmp_path: Path, mode: str) -> None:
    pipeline = checked(
        tmp_path,
        "name: d, expression: id <> 100, action: DROP",
        "name: q, expression: id <> 50, action: QUARANTINE",
        "name: f, expression: id <> 7, action: FAIL",
        sinks=f"""sinks:
    - {{table_name: a, mode: {mode}}}
    - {{path: o.parquet, format: PARQUET}}
    - {{path: more, format: CSV, mode: APPEND}}""",
    )
    give(tmp_path, *ids(1, 50, 100))
    pipeline.execute()
    before = published(tmp_path)
    give(tmp_path, *ids(2, 7, 50, 100))

    error = failed(pipeline)

    assert "expectation `f` failed on 1 of 4 rows: id <> 7" in str(error)
    assert published(tmp_path) == before


def published(folder: Path) -> dict[str, bytes]:
    """Return the files that readers see: none of what is staged, and no notes on rejected rows."""
    return {
        name: content
        for name, content in files(folder).items()
        if name != "in.jsonl" and "/staged/" not in name and "failures.jsonl" not in name
    }


def test_all_rules_that_block_are_named_at_once(tmp_path: Path) -> None:
    give(tmp_path, *ids(7, 7, 8, 9))

    error = failed(
        checked(
            tmp_path,
            "name: f, expression: id <> 7, action: FAIL",
            "name: few, expression: 'id <> 8', action: FAIL, tolerance: {abs: 1}",
            "name: all, expression: max(id) < 9, type: AGGREGATE, action: FAIL",
            "name: w, expression: id < 0, action: WARN",
        )
    )

    (failure,) = error.failures
    assert [rule.name for rule in failure.error.failures] == ["f", "all"]
    checks = {check.name: check for check in error.result["a"].checks}
    assert {name: check.blocking for name, check in checks.items()} == {
        "f": True,
        "few": False,
        "all": True,
        "w": False,
    }
    assert (checks["few"].passed, checks["few"].failed_rows) == (True, 1)


def test_rejected_rows_are_kept_with_the_worst_that_befell_them(tmp_path: Path) -> None:
    give(tmp_path, *ids(1, 7, 50, 100))
    failed(
        checked(
            tmp_path,
            "name: d, expression: id < 50, action: DROP",
            "name: q, expression: id <> 50, action: QUARANTINE",
            "name: f, expression: id <> 7, action: FAIL",
            "name: w, expression: id <> 1, action: WARN",
        )
    )

    notes = tmp_path / "warehouse/main/default/a/_laktory/failures.jsonl"
    kept = {row["id"]: row for row in map(json.loads, notes.read_text().splitlines())}

    assert {key: row["_action"] for key, row in kept.items()} == {
        7: "FAIL",
        50: "QUARANTINE",
        100: "DROP",
    }
    assert kept[50]["_failed_rules"] == ["d", "q"]


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
        ("id > s", "the expectation `r` cannot be evaluated: id > s: cannot compare"),
        ("s = 1", "the expectation `r` cannot be evaluated: s = 1: cannot compare"),
    ],
)
@pytest.mark.parametrize("action", ["WARN", "QUARANTINE"])
def test_a_rule_that_does_not_fit_the_columns_is_named(
    tmp_path: Path, expression: str, told: str, action: str
) -> None:
    give(tmp_path, {"id": 1, "s": "x"})

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
