"""Options at their edges, and streams and folders that a command cannot use.

Exit codes: 0 done, 1 a node failed, 2 the input is wrong. With `--json` standard output holds one
document and nothing else, whatever happens.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from laktory_dagster.cli.main import main, program
from tests.instances import put_databases

SHOP = """\
name: shop
variables: {least: 0}
environments:
  dev: {schema_prefix: dev_, variables: {least: 1}}
nodes:
  - name: a
    source: {data: [{x: 1}, {x: 2}]}
    expectations: [{name: e, expression: "x > ${vars.least}", action: DROP}]
    sink: {table_name: a}
  - {name: b, source: {node_name: a}, sink: {path: out/b.csv, format: CSV}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    put_databases(tmp_path / "home")
    (tmp_path / "home/dagster.yaml").write_text("telemetry: {enabled: false}\n")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("LAKTORY_DAGSTER_WAREHOUSE", raising=False)
    (tmp_path / "shop.yaml").write_text(SHOP)
    return tmp_path


def call(*words: str) -> Result:
    return CliRunner().invoke(program, [*words])


def document(*words: str, code: int = 0) -> dict[str, Any]:
    done = call(*words, "--json")
    assert done.exit_code == code, done.output
    assert done.stderr == ""
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("seconds", ["nan", "inf", "1e300", "40000000"])
def test_a_pause_that_has_no_end_is_refused(folder: Path, seconds: str) -> None:
    done = call("run", "shop.yaml", "--every", seconds)

    assert done.exit_code == 2
    assert "at most a year" in done.stderr
    assert not (folder / "warehouse").exists()


@pytest.mark.parametrize("seconds", ["-1", "-inf", "soon"])
def test_a_pause_that_is_none_is_refused(folder: Path, seconds: str) -> None:
    assert call("run", "shop.yaml", "--every", seconds).exit_code == 2


WRONG = [
    ("preview", "shop.yaml", "a", "--rows", "0"),
    ("preview", "shop.yaml", "a", "--rows", "10001"),
    ("preview", "shop.yaml", "a", "--step", "-1"),
    ("preview", "shop.yaml"),
    ("failures", "shop.yaml", "a", "--rows", "1001"),
    ("run", "shop.yaml", "--nothing"),
    ("validate",),
    ("plan", "shop.yaml", "more.yaml"),
    ("no_such_command",),
]


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_a_wrong_call_is_one_document_too(
    folder: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*words, "--json"])

    assert ended.value.code == 2
    shown = capsys.readouterr()
    assert shown.err == ""
    assert set(json.loads(shown.out)) == {"error", "message"}


def test_an_overlay_changes_what_is_planned_previewed_and_run(folder: Path) -> None:
    assert [row["x"] for row in document("preview", "shop.yaml", "a")["rows"]] == [1, 2]
    assert [row["x"] for row in document("preview", "shop.yaml", "a", "--env", "dev")["rows"]] == [
        2
    ]

    ran = document("run", "shop.yaml", "--env", "dev")

    found = {node["node"]: (node["rows_out"], node["targets"]) for node in ran["nodes"]}
    assert found["a"] == (1, ["main.dev_default.a"])
    assert found["b"][0] == 1
    assert (folder / "out/b.csv").read_text() == "x\n2\n"


def test_a_variable_of_the_call_wins_over_the_overlay(folder: Path) -> None:
    found = document("preview", "shop.yaml", "a", "--env", "dev", "--var", "least=0")

    assert [row["x"] for row in found["rows"]] == [1, 2]


@pytest.mark.parametrize("where", ["a", "b"])
def test_a_target_that_cannot_be_written_fails_its_node_with_code_1(
    folder: Path, where: str
) -> None:
    # A file stands where a folder is needed.
    blocked = {"a": folder / "warehouse", "b": folder / "out"}[where]
    blocked.write_text("in the way")

    found = document("run", "shop.yaml", code=1)

    nodes = {node["node"]: node for node in found["nodes"]}
    expected = {"a": ["failed", "skipped"], "b": ["done", "failed"]}[where]
    assert [nodes[name]["status"] for name in ("a", "b")] == expected
    assert "cannot be written" in nodes[where]["message"] or str(blocked) in nodes[where]["message"]
    assert blocked.read_text() == "in the way"


def test_a_home_that_is_a_file_is_wrong_input(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "file").touch()
    monkeypatch.setenv("DAGSTER_HOME", str(folder / "file"))

    assert "cannot be made" in document("run", "shop.yaml", code=2)["message"]


def test_documents_of_commands_that_look_hold_no_line_besides(folder: Path) -> None:
    document("run", "shop.yaml", "--env", "dev")

    assert document("validate", "shop.yaml")["valid"] is True
    assert document("plan", "shop.yaml")["pipeline"] == "shop"
    found = document("failures", "shop.yaml", "a", "--env", "dev")
    assert [(row["x"], row["_action"]) for row in found["rows"]] == [(1, "DROP")]
