"""An instance of Dagster that does not open is wrong input, told in one message."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from laktory_dagster.cli.main import program

PIPELINE = "name: p\nnodes:\n  - {name: n, source: {data: [{x: 1}]}, sink: {table_name: n}}\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "p.yaml").write_text(PIPELINE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    return home


def call(*words: str) -> Result:
    return CliRunner().invoke(program, [*words])


def break_with(home: Path, what: str) -> None:
    if what == "database":
        (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
        (home / "history").mkdir()
        (home / "history/runs.db").write_text("garbage" * 1_000)
    else:
        (home / "dagster.yaml").write_text(what)


BROKEN = [
    ("nonsense: {x: 1}\n", 'unexpected config entry "nonsense"'),
    ("a: [\n", "while parsing a flow node"),
    ("storage: {sqlite: {base_dir: 3}}\n", "Dagster's instance in"),
    ("database", "file is not a database"),
]


@pytest.mark.parametrize(("what", "said"), BROKEN)
@pytest.mark.parametrize("words", [("run", "p.yaml"), ("run", "--retry", "abc")])
def test_what_is_wrong_with_it_is_said_to_people(
    home: Path, what: str, said: str, words: tuple[str, ...]
) -> None:
    break_with(home, what)

    done = call(*words)

    assert done.exit_code == 2
    assert said in done.stderr
    assert str(home) in done.stderr
    assert "set DAGSTER_HOME to another one" in done.stderr
    assert "Traceback" not in done.stderr
    assert max(map(len, done.stderr.splitlines())) < 400


@pytest.mark.parametrize(("what", "said"), BROKEN)
def test_it_is_one_document_for_programs(home: Path, what: str, said: str) -> None:
    break_with(home, what)

    done = call("run", "p.yaml", "--json")

    assert done.exit_code == 2
    document = json.loads(done.stdout)
    assert document["error"] == "SettingsError"
    assert said in document["message"]


def test_nothing_has_run(home: Path) -> None:
    break_with(home, "a: [\n")

    call("run", "p.yaml")

    assert not (home.parent / "warehouse").exists()


@pytest.mark.parametrize("command", ["validate p.yaml", "plan p.yaml", "preview p.yaml n"])
def test_commands_that_run_nothing_do_not_ask_for_it(home: Path, command: str) -> None:
    break_with(home, "a: [\n")

    done = call(*command.split())

    assert done.exit_code == 0, done.output
