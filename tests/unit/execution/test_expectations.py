"""What becomes of rows that break rules: counted, left out, set aside or refused, and told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

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
