"""Values of variables that a call gives: a name that no file speaks of is a mistake in the call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from laktory_dagster import build_definitions, load_project, models
from laktory_dagster.cli.main import program
from laktory_dagster.errors import SettingsError

PIPELINE = """
name: {name}
variables: {{least: 0}}
nodes:
  - name: n
    source: {{data: [{{x: 1}}]}}
    expectations: [{{name: e, expression: "x > ${{vars.least}} + ${{vars.more}}", action: DROP}}]
    sink: {{table_name: {name}}}
"""


def write(folder: Path, name: str = "p", text: str = PIPELINE) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / f"{name}.yaml"
    file.write_text(text.format(name=name))
    return file


def given(path: Path, **variables: Any) -> None:
    load_project(path, variables=variables).raise_for_problems()


@pytest.mark.parametrize("variables", [{"more": 1}, {"more": 1, "least": 2}, {"MORE": 1}])
def test_names_that_are_declared_or_used_are_taken(
    tmp_path: Path, variables: dict[str, Any]
) -> None:
    given(write(tmp_path), **variables)


@pytest.mark.parametrize(
    ("name", "advice"), [("leest", "did you mean `least`?"), ("zz", "write `${vars.zz}`")]
)
def test_another_name_is_refused_with_the_nearest_one(
    tmp_path: Path, name: str, advice: str
) -> None:
    with pytest.raises(SettingsError, match=f"the variable `{name}` is given") as caught:
        given(write(tmp_path), **{name: 1, "more": 1})

    assert advice in str(caught.value)


def test_of_a_folder_one_pipeline_that_uses_it_is_enough(tmp_path: Path) -> None:
    write(tmp_path, "p")
    write(tmp_path, "q", PIPELINE.replace("more", "other"))

    given(tmp_path, more=1, other=2)


def test_a_variable_of_an_environment_is_known(tmp_path: Path) -> None:
    text = PIPELINE + "environments: {{dev: {{variables: {{shade: 1}}}}}}\n"

    given(write(tmp_path, text=text), more=1, shade=3)


def test_a_variable_of_an_included_file_is_known(tmp_path: Path) -> None:
    (tmp_path / "rule.yaml").write_text('{name: e, expression: "x > ${vars.hidden}"}\n')
    text = """
name: {name}
nodes:
  - name: n
    source: {{data: [{{x: 1}}]}}
    expectations: [!use rule.yaml]
    sink: {{table_name: n}}
"""
    given(write(tmp_path, text=text), hidden=1)


def test_a_variable_of_the_path_of_an_include_is_known(tmp_path: Path) -> None:
    (tmp_path / "dev_rule.yaml").write_text("{name: e, expression: x > 0}\n")
    text = """
name: {name}
nodes:
  - name: n
    source: {{data: [{{x: 1}}]}}
    expectations: [!use "${{vars.stage}}_rule.yaml"]
    sink: {{table_name: n}}
"""
    given(write(tmp_path, text=text), stage="dev")


def test_what_is_wrong_with_a_file_is_said_first(tmp_path: Path) -> None:
    file = write(tmp_path, text="name: {name}\nnodes:\n  - {{name: n, sorce: {{}}}}\n")

    project = load_project(file, variables={"zz": 1})

    assert "unknown key `sorce`" in str(project.problems[0].error)


def test_the_call_of_dagster_is_checked_alike(tmp_path: Path) -> None:
    file = write(tmp_path)

    with pytest.raises(SettingsError, match="the variable `moore` is given"):
        build_definitions(file, variables={"moore": 1, "more": 1})


def test_of_several_paths_one_that_uses_it_is_enough(tmp_path: Path) -> None:
    files = [write(tmp_path, "p"), write(tmp_path, "q", PIPELINE.replace("more", "other"))]

    definitions = build_definitions(files, variables={"more": 1, "other": 2})

    assert {spec.key.path[0] for spec in definitions.resolve_all_asset_specs()} == {"p", "q"}


def test_a_model_of_python_takes_the_variables_of_the_call(tmp_path: Path) -> None:
    node = {"name": "n", "source": {"data": [{"x": 1}]}, "sink": {"table_name": "${vars.name}"}}
    model = models.Pipeline.model_validate({"name": "m", "nodes": [node]})

    definitions = build_definitions(model, variables={"name": "chosen"})

    (spec,) = definitions.resolve_all_asset_specs()
    assert spec.metadata["dagster/table_name"] == "main.default.chosen"


@pytest.mark.parametrize("command", ["validate", "plan", "run"])
def test_the_command_line_says_so_with_code_2(tmp_path: Path, command: str) -> None:
    file = write(tmp_path)

    done = CliRunner().invoke(program, [command, str(file), "--var", "mroe=1", "--var", "more=2"])

    assert done.exit_code == 2
    assert "the variable `mroe` is given, and nothing there uses it" in done.stderr
    assert "did you mean `more`?" in done.stderr


def test_what_is_no_file_is_said_to_be_none(tmp_path: Path) -> None:
    done = CliRunner().invoke(program, ["validate", "/dev/null"])

    assert done.exit_code == 2
    assert "/dev/null is no file" in done.stderr
