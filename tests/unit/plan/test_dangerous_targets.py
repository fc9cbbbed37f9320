"""Targets that would swallow the project, and other declarations of sinks and names that cannot be meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from laktory_dagster.errors import DeclarationError
from laktory_dagster.plan.definition import Plan
from laktory_dagster.project import load_plan
from laktory_dagster.settings import Settings
from tests.unit.plan.declaring import node_with, plan_from, problems_of, with_step


def planned_in(folder: Path, sink: str) -> Plan:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "pipeline.yaml"
    file.write_text(node_with(sink=sink))
    return load_plan(file, settings=Settings())


@pytest.mark.parametrize("form", ["DELTA", "PARQUET", "CSV"])
@pytest.mark.parametrize("path", [".", "./", "..", "../..", "out/..", "/", "file:///"])
def test_a_folder_that_holds_the_pipeline_file(tmp_path: Path, path: str, form: str) -> None:
    """What a target replaces or cleans would be the project."""
    with pytest.raises(DeclarationError) as caught:
        planned_in(tmp_path / "a" / "b", f"{{path: '{path}', format: {form}}}")
    (found,) = caught.value.diagnostics
    assert (
        found.message == "rows would be stored around the pipeline file and all that lies beside it"
    )
    assert found.path == ("nodes", 0, "sinks", 0, "path")


def test_the_home_folder_around_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(DeclarationError, match="rows would be stored around the pipeline file"):
        planned_in(tmp_path / "project", "{path: '~'}")
    assert planned_in(tmp_path / "project", "{path: ~/out}").nodes


def test_a_link_to_the_folder_of_the_project(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "project", target_is_directory=True)
    with pytest.raises(DeclarationError, match="rows would be stored around the pipeline file"):
        planned_in(tmp_path / "project", "{path: ../link}")


def test_a_text_without_a_file_lies_in_the_working_directory() -> None:
    (found,) = problems_of(node_with(sink="{path: .}"))
    assert found.message.startswith("rows would be stored around")


@pytest.mark.parametrize(
    "path", ["out", "./out", "../out", "../b2", "s3://bucket", "..a", "/tmp/o"]
)
def test_folders_beside_the_pipeline_file(tmp_path: Path, path: str) -> None:
    assert planned_in(tmp_path / "a" / "b", f"{{path: '{path}'}}").nodes


def test_readers_of_a_node_read_one_sink() -> None:
    sinks = "[{path: a, is_primary: true}, {path: b}, {path: c, is_primary: true}]"
    (found,) = plan_from(node_with(sinks=sinks)).warnings
    assert found.message == "two sinks of the node are primary: the first one is read"
    assert found.path == ("nodes", 0, "sinks", 2, "is_primary")
    other = sinks.replace("c, is_primary: true", "c, is_primary: false")
    assert not plan_from(node_with(sinks=other)).warnings


def test_readers_of_a_node_read_no_quarantine() -> None:
    rule = "[{name: r, expression: a > 0, action: QUARANTINE}]"
    sinks = "[{path: a}, {path: b, is_quarantine: true, is_primary: true}]"
    (found,) = plan_from(node_with(sinks=sinks, expectations=rule)).warnings
    assert found.message == "a quarantine is not what the readers of the node read"
    assert found.path == ("nodes", 0, "sinks", 1, "is_primary")


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ("selects: ['']", "selects"),
        ("selects: [a, ' ']", "selects"),
        ("selects: {a: ''}", "selects"),
        ("renames: {a: ''}", "renames"),
        ("renames: {a: b, c: ' '}", "renames"),
    ],
)
def test_a_column_of_a_source_without_a_name(options: str, key: str) -> None:
    (found,) = problems_of(node_with(source=f"{{path: a.json, {options}}}"))
    assert found.message == "a column would have no name"
    assert found.path == ("nodes", 0, "sources", 0, key)


@pytest.mark.parametrize(
    "step", ["{with_column: {name: '', sql_expr: a}}", "{with_columns: [{name: ' ', sql_expr: a}]}"]
)
def test_a_column_of_a_step_without_a_name(step: str) -> None:
    (found,) = problems_of(with_step(step))
    assert found.message == "the column has no name"
    assert found.path[-1] == "name"


@pytest.mark.parametrize("name", ["t ", " t", "s .t", "s. t", "-t", "t."])
def test_a_table_whose_name_ends_in_a_blank(name: str) -> None:
    """On disk it would be another folder than the one without it, and nobody would see why."""
    (found,) = problems_of(node_with(sink=f"{{table_name: '{name}'}}"))
    assert found.message.startswith(f"`{name}` is no table name")


@pytest.mark.parametrize("name", ["my table", "a-b", "a-", "1", "_", "s.my table.t1"])
def test_names_of_tables(name: str) -> None:
    assert plan_from(node_with(sink=f"{{table_name: '{name}'}}")).nodes
