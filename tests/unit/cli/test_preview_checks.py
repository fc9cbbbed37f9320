"""`preview` says which rules the shown rows fail, and leaves out what they take away."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from laktory_dagster.cli.main import program

PIPELINE = """
name: shop
nodes:
  - name: sales
    source: {data: {id: [1, 2, 3, 4], price: [5, -1, null, 8]}}
    expectations:
      - {name: known, expr: price IS NOT NULL, action: DROP}
      - {name: positive, expr: price > 0, action: QUARANTINE}
      - {name: cheap, expr: price < 6}
    sink: {table_name: sales}
"""


def test_rules_are_applied_and_named(tmp_path: Path) -> None:
    file = tmp_path / "pipeline.yaml"
    file.write_text(PIPELINE)
    done = CliRunner().invoke(program, ["preview", str(file), "sales", "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert [row["id"] for row in found["rows"]] == [1, 4]
    failed = {check["name"]: check["failed_rows"] for check in found["checks"]}
    # A rule that gives null fails: the row without a price fails all three.
    assert failed == {"known": 1, "positive": 2, "cheap": 2}
    text = CliRunner().invoke(program, ["preview", str(file), "sales"]).stdout
    assert "QUARANTINE `positive` fails on 2 of these rows" in text
    assert not (tmp_path / "warehouse").exists()


def test_a_step_shows_its_frame_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "pipeline.yaml"
    file.write_text(PIPELINE)
    done = CliRunner().invoke(program, ["preview", str(file), "sales", "--step", "0", "--json"])
    found = json.loads(done.stdout)
    assert [row["id"] for row in found["rows"]] == [1, 2, 3, 4]
    assert found["checks"] == []
