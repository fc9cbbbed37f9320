"""Text to plan: variables, parameters, environments, Python models, positions."""

from __future__ import annotations

import io
from pathlib import Path
from textwrap import dedent

import pytest

from laktory_dagster import models
from laktory_dagster.errors import DeclarationError, SettingsError
from laktory_dagster.plan.locations import warehouse_root
from laktory_dagster.project import load_plan, plan_of
from laktory_dagster.project.positions import node_location
from laktory_dagster.settings import Settings

TEXT = """\
name: p
variables: {folder: events, limit: 3}
parameters: {currency: {default: EUR}}
environments:
  dev: {variables: {folder: dev_events}, warehouse: dev_w, catalog: dev, schema_prefix: d_}
nodes:
  - name: n
    source: {path: "./${vars.folder}/x.json", limit: "${vars.limit}", filter: "c = '${params.currency}'"}
    sink: {table_name: t}
"""


def load(text: str = TEXT, **options: object):
    return load_plan(text, settings=options.pop("settings", Settings()), **options)  # type: ignore[arg-type]


def source_of(plan) -> models.FileSource:  # noqa: ANN001
    return plan.nodes["n"].declared.source


def test_variables_take_the_files_values() -> None:
    source = source_of(load())
    assert (source.path, source.limit, source.filter) == ("./events/x.json", 3, "c = 'EUR'")


def test_given_variables_come_before_the_environments_and_these_before_the_files() -> None:
    assert source_of(load(env="dev")).path == "./dev_events/x.json"
    given = load(env="dev", variables={"folder": "mine"})
    assert source_of(given).path == "./mine/x.json"
    assert source_of(given).limit == 3


def test_an_environment_sets_places(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(TEXT, encoding="utf-8")
    plan = load_plan(file, env="dev", settings=Settings(warehouse="/machine"))
    assert (plan.environment, plan.catalog, plan.schema_prefix) == ("dev", "dev", "d_")
    assert warehouse_root(plan) == str(tmp_path / "dev_w")
    assert warehouse_root(load_plan(file, settings=Settings(warehouse="/machine"))) == "/machine"
    assert warehouse_root(load_plan(file, settings=Settings())) == str(tmp_path / "warehouse")


def test_an_unknown_environment() -> None:
    with pytest.raises(SettingsError) as raised:
        load(env="def")
    assert raised.value.hint == "did you mean `dev`?"


def test_the_machines_environment_counts_where_the_file_knows_it() -> None:
    assert load(settings=Settings(env="dev")).environment == "dev"
    assert load(settings=Settings(env="prod")).environment is None


def test_an_undefined_variable_is_an_error_at_its_place() -> None:
    with pytest.raises(DeclarationError) as raised:
        load(TEXT.replace("vars.limit", "vars.limt"))
    (problem,) = raised.value.diagnostics
    assert problem.hint == "did you mean `${vars.limit}`?"
    assert problem.location.line == 8
    assert problem.snippet


def test_parameters_of_a_run() -> None:
    assert source_of(load(params={"currency": "USD"})).filter == "c = 'USD'"
    with pytest.raises(DeclarationError) as raised:
        load(params={"curency": "USD"})
    assert raised.value.diagnostics[0].hint == "did you mean `currency`?"


def test_a_loaded_pipeline_takes_other_parameters_later() -> None:
    pipeline = models.Pipeline.model_validate_yaml(TEXT)
    assert source_of(plan_of(pipeline, settings=Settings())).filter == "c = 'EUR'"
    changed = plan_of(pipeline, params={"currency": "USD"}, settings=Settings())
    assert source_of(changed).filter == "c = 'USD'"
    assert pipeline.nodes[0].source.filter == "c = 'EUR'"


def test_a_changed_variable_keeps_place_and_environment(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(TEXT, encoding="utf-8")
    plan = load_plan(file, env="dev", settings=Settings())
    again = plan_of(plan.pipeline, variables={"folder": "z"}, settings=Settings())
    assert (again.file, again.folder) == (file, tmp_path)
    assert (again.environment, again.schema_prefix) == ("dev", "d_")
    assert source_of(again).path == "./z/x.json"
    assert node_location(again, "n").line == 7


def test_variables_of_a_pipeline_made_in_python() -> None:
    nodes = [{"name": "n", "source": {"path": "${vars.folder}/x.json"}}]
    pipeline = models.Pipeline(name="p", variables={"folder": "a"}, nodes=nodes)
    assert source_of(plan_of(pipeline, settings=Settings())).path == "a/x.json"
    given = plan_of(pipeline, variables={"folder": "b"}, settings=Settings())
    assert source_of(given).path == "b/x.json"
    assert pipeline.nodes[0].source.path == "${vars.folder}/x.json"


def test_variables_beside_a_frame_in_memory() -> None:
    import polars as pl

    frame = pl.DataFrame({"a": [1]})
    nodes = [{"name": "n", "source": {"df": frame, "filter": "a > ${vars.least}"}}]
    pipeline = models.Pipeline(name="p", variables={"least": 0}, nodes=nodes)
    source = plan_of(pipeline, settings=Settings()).nodes["n"].declared.source
    assert source.df is frame
    assert source.filter == "a > 0"


def test_secrets_stay_references() -> None:
    text = TEXT.replace('limit: "${vars.limit}"', "storage_options: {key: '${secrets.s.k}'}")
    assert source_of(load(text)).storage_options == {"key": "${secrets.s.k}"}


def test_text_open_file_and_path_give_the_same_plan(tmp_path: Path, monkeypatch) -> None:  # noqa: ANN001
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "p.yaml"
    file.write_text(TEXT, encoding="utf-8")
    with file.open(encoding="utf-8") as opened:
        from_open = load_plan(opened, settings=Settings())
    from_path = load_plan(file, settings=Settings())
    from_text = load(TEXT)
    from_memory = load_plan(io.StringIO(TEXT), settings=Settings())
    assert from_open.file == from_path.file == file
    assert from_text.file is None
    assert from_text.folder == tmp_path
    hashes = {plan.plan_hash for plan in (from_open, from_path, from_text, from_memory)}
    assert len(hashes) == 1


def test_a_list_of_one_pipeline() -> None:
    assert load("- name: p\n  nodes: [{name: n, source: {path: a.json}}]\n").name == "p"
    with pytest.raises(DeclarationError) as raised:
        load("- name: p\n  nodes: [{name: n, sorce: {path: a.json}}]\n")
    assert raised.value.diagnostics[0].location.line == 2


def test_several_pipelines_in_a_text_are_too_many_for_one_plan() -> None:
    with pytest.raises(DeclarationError, match="the text declares 2 pipelines"):
        load("- {name: a, nodes: []}\n- {name: b, nodes: []}\n")


def test_malformed_yaml_keeps_its_place() -> None:
    with pytest.raises(DeclarationError) as raised:
        load("name: p\nnodes:\n\t- a\n")
    assert raised.value.diagnostics[0].location.line == 3


@pytest.mark.parametrize(("name", "line"), [("brz", 3), ("slv", 7), ("missing", None)])
def test_where_a_node_is_declared(name: str, line: int | None) -> None:
    plan = load(
        dedent("""\
        name: p
        nodes:
          - name: brz
            source:
              path: a.json

          - name: slv
            source: {node_name: brz}
        """)
    )
    location = node_location(plan, name)
    assert (location.line if location else None) == line


def test_a_pipeline_of_python_has_no_lines() -> None:
    pipeline = models.Pipeline(name="p", nodes=[{"name": "n", "source": {"path": "a.json"}}])
    assert node_location(plan_of(pipeline, settings=Settings()), "n") is None


def test_positions_lead_into_an_included_file(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(
        "name: p\nnodes:\n  - ${include.node.yaml}\n", encoding="utf-8"
    )
    (tmp_path / "node.yaml").write_text("name: n\n\nsorce: {path: a}\n", encoding="utf-8")
    with pytest.raises(DeclarationError) as raised:
        load_plan(tmp_path / "p.yaml", settings=Settings())
    problem = next(item for item in raised.value.diagnostics if "sorce" in item.message)
    assert problem.location.file.endswith("node.yaml")
    assert problem.location.line == 3


def test_an_include_may_come_from_the_project_and_not_from_outside(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    folder = tmp_path / "pipelines"
    folder.mkdir()
    (tmp_path / "node.yaml").write_text("name: n\nsource: {path: a}\n", encoding="utf-8")
    file = folder / "p.yaml"
    file.write_text("name: p\nnodes:\n  - ${include.../node.yaml}\n", encoding="utf-8")
    assert list(load_plan(file, settings=Settings()).nodes) == ["n"]
    (tmp_path / "pyproject.toml").unlink()
    with pytest.raises(DeclarationError, match="project root"):
        load_plan(file, settings=Settings())


def test_a_round_trip_through_yaml_gives_the_same_plan() -> None:
    plan = load()
    again = load(plan.pipeline.model_dump_yaml())
    assert again.plan_hash == plan.plan_hash
    assert models.Pipeline.model_validate_json(plan.pipeline.model_dump_json()) == plan.pipeline


@pytest.mark.parametrize(
    "entry", ["3", "[a]", "{variables: [a]}", "{dataframe_type: 3}", "{warehouse: [x]}", "{x: y}"]
)
def test_a_broken_environment_is_an_error_at_its_place(entry: str) -> None:
    text = f"name: p\nenvironments:\n  dev: {entry}\nnodes: []\n"
    with pytest.raises(DeclarationError) as raised:
        load(text, env="dev")
    assert [item.location.line for item in raised.value.diagnostics] == [3]


def test_an_undefined_variable_does_not_hide_other_mistakes() -> None:
    text = TEXT.replace("vars.limit", "vars.limt").replace("sink:", "snk:")
    with pytest.raises(DeclarationError) as raised:
        load(text)
    messages = [item.message for item in raised.value.diagnostics]
    assert messages == ["`${vars.limt}` has no value", "unknown key `snk`"]


def test_an_environment_may_use_variables() -> None:
    text = "name: p\nenvironments: {dev: {warehouse: '/w/${vars.who}'}}\nnodes: []\n"
    assert warehouse_root(load(text, env="dev", variables={"who": "me"})) == "/w/me"
    with pytest.raises(DeclarationError) as raised:
        load(text, env="dev")
    (problem,) = raised.value.diagnostics
    assert problem.path == ("environments", "dev", "warehouse")
    assert problem.location.line == 2


def test_a_variable_of_an_environment_must_be_a_text() -> None:
    text = "name: p\nenvironments: {dev: {catalog: '${vars.n}'}}\nvariables: {n: 3}\nnodes: []\n"
    with pytest.raises(DeclarationError) as raised:
        load(text, env="dev")
    (problem,) = raised.value.diagnostics
    assert (problem.message, problem.expected) == ("`catalog` cannot be `3`", "a text")
