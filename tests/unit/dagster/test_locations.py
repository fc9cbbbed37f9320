"""What a code location loads: files, folders, models, several, and some that do not load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from laktory_dagster import build_definitions, load_project, models
from laktory_dagster.errors import DeclarationError, InvalidInputError, SettingsError
from tests.unit.dagster.test_runs import BOTH, failure, materialized, run, table, write

GOOD = """
name: {name}
environments: {{dev: {{schema_prefix: dev_}}}}
variables: {{x: 1}}
nodes:
  - {{name: n, source: {{data: [{{x: "${{vars.x}}"}}]}}, sink: {{table_name: {name}}}}}
"""
BROKEN = "name: broken\nnodes:\n  - {name: n, sorce: {path: x}}\n"


def keys(definitions: dg.Definitions) -> set[str]:
    definitions.resolve_implicit_global_asset_job_def()
    return {spec.key.to_user_string() for spec in definitions.resolve_all_asset_specs()}


@pytest.fixture
def under_dev(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_IS_DEV_CLI", "1")
    monkeypatch.delenv("DAGSTER_IS_DEFS_VALIDATION_CLI", raising=False)


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_IS_DEV_CLI", raising=False)


def test_a_file_a_folder_a_plan_and_a_model_load_together(tmp_path: Path) -> None:
    file = write(tmp_path / "1", GOOD.format(name="file"))
    write(tmp_path / "2", GOOD.format(name="folder"))
    planned = write(tmp_path / "3", GOOD.format(name="planned"))
    (plan,) = load_project(planned).plans
    model = models.Pipeline.model_validate(
        {"name": "model", "nodes": [{"name": "n", "source": {"data": [{"x": 1}]}}]}
    )

    definitions = build_definitions([file, str(tmp_path / "2"), plan, model])

    assert keys(definitions) == {"file/n", "folder/n", "planned/n", "model/n"}
    assert {job.name for job in definitions.jobs or ()} == {"file", "folder", "planned", "model"}


@pytest.mark.parametrize("given", ["list", "folder"])
def test_no_pipelines_are_a_location_of_nothing(tmp_path: Path, given: str) -> None:
    definitions = build_definitions([] if given == "list" else tmp_path)

    assert definitions.resolve_all_asset_specs() == []
    assert not definitions.jobs


def test_a_path_that_is_not_there_is_an_error_everywhere(tmp_path: Path, under_dev: None) -> None:
    with pytest.raises(InvalidInputError, match="there is no file or folder"):
        build_definitions(tmp_path / "gone")


def test_the_same_file_twice_is_two_pipelines_of_one_name(tmp_path: Path, elsewhere: None) -> None:
    file = write(tmp_path, GOOD.format(name="p"))

    with pytest.raises(DeclarationError, match="two pipelines are named `p`"):
        build_definitions([file, file])


def test_an_environment_is_asked_for_in_the_call(tmp_path: Path) -> None:
    file = write(tmp_path, GOOD.format(name="p"))

    definitions = build_definitions(file, env="dev")

    assert definitions.resolve_job_def("p").tags["laktory/env"] == "dev"
    (spec,) = definitions.resolve_all_asset_specs()
    assert spec.metadata["dagster/table_name"] == "main.dev_default.p"
    with pytest.raises(SettingsError, match="no environment `prod`"):
        build_definitions(file, env="prod")


@BOTH
def test_variables_of_the_call_win_over_those_of_the_file(tmp_path: Path, steps: str) -> None:
    file = write(tmp_path, GOOD.format(name="p"))

    assert run(build_definitions(file, steps=steps, variables={"x": 7})).success

    assert table(tmp_path, "p")["x"].to_list() == [7]


def test_under_dev_a_broken_pipeline_is_an_asset_and_the_others_load(
    tmp_path: Path, under_dev: None
) -> None:
    write(tmp_path / "a", GOOD.format(name="good"))
    write(tmp_path / "b", BROKEN, "shop.yaml")

    definitions = build_definitions(tmp_path)

    assert keys(definitions) == {"good/n", "ERROR_in_b_shop"}
    assert run(definitions, "good/n").success
    spec = next(s for s in definitions.resolve_all_asset_specs() if "ERROR" in s.key.path[0])
    assert spec.group_name == "errors"
    assert "unknown key `sorce`" in (spec.description or "")
    assert "shop.yaml:3:15" in (spec.description or "")
    broken = run(definitions, "ERROR_in_b_shop")
    assert materialized(broken) == []
    assert "unknown key `sorce`" in failure(broken)


def test_under_dev_broken_pipelines_of_one_name_are_told_apart(
    tmp_path: Path, under_dev: None
) -> None:
    for folder in ("x/b", "y/b", "z-b", "z_b"):
        write(tmp_path / folder, BROKEN, "p.yaml")

    assert keys(build_definitions(tmp_path)) == {
        "ERROR_in_b_p", "ERROR_in_b_p_", "ERROR_in_z_b_p", "ERROR_in_z_b_p_",
    }  # fmt: skip


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe", b"name: [", b"- a", b"name: p\nname: p\n", b"\x00", b"name: p\nnodes: {}"],
)
def test_under_dev_whatever_a_file_holds_the_others_load(
    tmp_path: Path, under_dev: None, content: bytes
) -> None:
    write(tmp_path / "a", GOOD.format(name="good"))
    bad = tmp_path / "bad.yaml"
    bad.write_bytes(content)

    # A file of a folder may be no pipeline at all; one that is named has to be.
    assert "good/n" in keys(build_definitions(tmp_path))
    named = keys(build_definitions([tmp_path / "a", bad]))
    assert len(named) == 2
    assert any(key.startswith("ERROR_in_") and key.endswith("_bad") for key in named)


def test_under_dev_two_of_one_name_leave_one_that_loads(tmp_path: Path, under_dev: None) -> None:
    for folder in ("a", "b"):
        write(tmp_path / folder, GOOD.format(name="same"))

    found = keys(build_definitions(tmp_path))

    assert "same/n" in found
    assert {key for key in found if key.startswith("ERROR")} == {"ERROR_in_b_pipeline"}


def test_elsewhere_a_broken_pipeline_fails_with_everything_that_is_wrong(
    tmp_path: Path, elsewhere: None
) -> None:
    write(tmp_path / "a", GOOD.format(name="good"))
    write(tmp_path / "b", BROKEN)
    write(tmp_path / "c", BROKEN.replace("sorce", "sinc").replace("name: broken", "name: other"))

    with pytest.raises(DeclarationError) as caught:
        build_definitions(tmp_path)

    assert "unknown key `sorce`" in str(caught.value)
    assert "unknown key `sinc`" in str(caught.value)


def test_the_validation_of_dagster_is_elsewhere(
    tmp_path: Path, under_dev: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_IS_DEFS_VALIDATION_CLI", "1")

    with pytest.raises(DeclarationError):
        build_definitions(write(tmp_path, BROKEN))


TWO = """
name: {name}
nodes:
  - name: n
    source: {source}
    expectations: [{{name: pos, expression: x > 0, action: FAIL}}]
    sink: {{schema_name: s, table_name: {name}}}
"""


@BOTH
@pytest.mark.parametrize(("value", "done"), [(1, ["first/n", "second/n"]), (-1, [])])
def test_a_blocked_node_stops_the_pipelines_that_read_it(
    tmp_path: Path, steps: str, value: int, done: list[str]
) -> None:
    rows = f"{{data: [{{x: {value}}}]}}"
    write(tmp_path / "1", TWO.format(name="first", source=rows))
    write(tmp_path / "2", TWO.format(name="second", source="{schema_name: s, table_name: first}"))
    definitions = build_definitions(tmp_path, steps=steps, warehouse=str(tmp_path / "lake"))

    result = run(definitions)

    assert materialized(result) == done
    assert result.success == bool(done)


@BOTH
def test_a_job_runs_the_nodes_of_its_own_pipeline_alone(tmp_path: Path, steps: str) -> None:
    write(tmp_path / "1", TWO.format(name="first", source="{data: [{x: 1}]}"))
    write(tmp_path / "2", TWO.format(name="second", source="{schema_name: s, table_name: first}"))
    definitions = build_definitions(tmp_path, steps=steps, warehouse=str(tmp_path / "lake"))

    first = definitions.resolve_job_def("first").execute_in_process()
    second = definitions.resolve_job_def("second").execute_in_process()

    assert materialized(first) == ["first/n"]
    assert materialized(second) == ["second/n"]


@pytest.mark.parametrize(
    ("enabled", "status"),
    [("", "RUNNING"), (", enabled: false", "STOPPED"), (", enabled: true", "RUNNING")],
)
def test_a_schedule_starts_where_the_file_says_so(
    tmp_path: Path, enabled: str, status: str
) -> None:
    text = GOOD.format(name="p") + f'schedule: {{cron: "30 5 * * mon"{enabled}}}\n'

    (schedule,) = build_definitions(write(tmp_path, text)).schedules or ()

    found: Any = schedule
    assert (found.cron_schedule, found.default_status.name) == ("30 5 * * mon", status)
    assert found.job_name == "p"
