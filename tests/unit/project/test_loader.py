"""Folders of pipeline files."""

from __future__ import annotations

from pathlib import Path

import pytest

from laktory_dagster.errors import DeclarationError, InvalidInputError, SettingsError
from laktory_dagster.project import Project, load_project
from laktory_dagster.settings import Settings

NODE = "  - {name: n, source: {path: a.json}, sink: {path: %s}}\n"


def pipeline(name: str, sink: str | None = None) -> str:
    return f"name: {name}\nnodes:\n{NODE % (sink or f'out_{name}')}"


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path = path.with_name(f"{path.name}.yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def load(path: Path, **options: str) -> Project:
    return load_project(path, settings=Settings(), **options)  # type: ignore[arg-type]


def names(project: Project) -> list[str]:
    return [plan.name for plan in project.plans]


def test_a_file(tmp_path: Path) -> None:
    write(tmp_path, a=pipeline("a"), b=pipeline("b"))
    assert names(load(tmp_path / "a.yaml")) == ["a"]


def test_a_folder_gives_its_pipelines_in_the_order_of_the_files(tmp_path: Path) -> None:
    write(tmp_path, z=pipeline("first"), a__b=pipeline("deep"), a__a=pipeline("other"))
    (tmp_path / "x.yml").write_text(pipeline("yml"), encoding="utf-8")
    project = load(tmp_path)
    assert names(project) == ["yml", "first", "other", "deep"]
    assert project.plan("deep").file == tmp_path / "a" / "b.yaml"
    project.raise_for_problems()


def test_what_declares_no_pipeline_is_left_alone(tmp_path: Path) -> None:
    write(
        tmp_path,
        p=pipeline("p"),
        values="a: 1\n",
        broken="a: [1\n",
        stack="resources: {pipelines: {}}\n",
        warehouse__x=pipeline("hidden"),
        node_modules__x=pipeline("hidden"),
    )
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "x.yaml").write_text(pipeline("hidden"), encoding="utf-8")
    (tmp_path / "notes.txt").write_text("nodes: x", encoding="utf-8")
    project = load(tmp_path)
    assert names(project) == ["p"]
    assert project.problems == ()


def test_a_file_that_another_one_includes_is_no_pipeline(tmp_path: Path) -> None:
    chain = "nodes:\n  - {func_name: distinct}\n"
    text = pipeline("p").replace("sink:", "transformer: '${include.chain.yaml}', sink:")
    write(tmp_path, chain=chain, p=text)
    project = load(tmp_path)
    assert names(project) == ["p"]
    assert project.problems == ()


def test_a_broken_pipeline_does_not_take_the_others_down(tmp_path: Path) -> None:
    write(
        tmp_path,
        a=pipeline("a"),
        b="name: b\nnodes:\n  - {name: n, sorce: {path: a}}\n",
        c="name: c\nnodes:\n  - {name: n, source: {node_name: m}}\n",
        d="name: d\nnodes: [\n",
    )
    project = load(tmp_path)
    assert names(project) == ["a"]
    assert [problem.path.name for problem in project.problems] == ["b.yaml", "c.yaml", "d.yaml"]
    for problem in project.problems:
        assert all(item.location.file == str(problem.path) for item in problem.error.diagnostics)
    with pytest.raises(DeclarationError) as raised:
        project.raise_for_problems()
    assert len(raised.value.diagnostics) == sum(
        len(problem.error.diagnostics) for problem in project.problems
    )


def test_several_pipelines_in_a_file(tmp_path: Path) -> None:
    text = (
        "- {name: a, nodes: []}\n- {name: b, nods: []}\n"
        "- {name: c, nodes: [{name: n, source: {path: x}}]}\n"
    )
    write(tmp_path, p=text)
    project = load(tmp_path)
    assert names(project) == ["a", "c"]
    ((problem,),) = [item.error.diagnostics for item in project.problems]
    assert problem.location.line == 2


def test_two_pipelines_of_one_name(tmp_path: Path) -> None:
    write(tmp_path, a=pipeline("prices", "x"), b=pipeline("Prices", "y"))
    project = load(tmp_path)
    assert names(project) == ["prices"]
    ((problem,),) = [item.error.diagnostics for item in project.problems]
    assert problem.message.startswith("two pipelines are named `Prices`; the other one stands in")
    assert problem.location.file.endswith("b.yaml")
    assert problem.snippet


def test_two_pipelines_that_write_one_target(tmp_path: Path) -> None:
    write(tmp_path, a=pipeline("a", "../lake/x"), sub__b=pipeline("b", "../../lake/x"))
    project = load(tmp_path)
    assert names(project) == ["a"]
    ((problem,),) = [item.error.diagnostics for item in project.problems]
    assert "as node `n` of the pipeline `a` does" in problem.message
    assert problem.path == ("nodes", 0, "sinks", 0)


def test_tables_of_two_warehouses_are_two(tmp_path: Path) -> None:
    text = "name: {}\nnodes: [{{name: n, source: {{path: a}}, sink: {{table_name: t}}}}]\n"
    write(tmp_path, one__a=text.format("a"), two__b=text.format("b"))
    assert names(load(tmp_path)) == ["a", "b"]
    write(tmp_path, one__c=text.format("c"))
    assert names(load(tmp_path)) == ["a", "b"]


def test_shared_targets_of_two_pipelines(tmp_path: Path) -> None:
    sink = "x, mode: APPEND, shared: true"
    write(tmp_path, a=pipeline("a", sink), b=pipeline("b", sink))
    assert names(load(tmp_path)) == ["a", "b"]


def test_environment_and_variables_reach_every_file(tmp_path: Path) -> None:
    text = "environments: {dev: {schema_prefix: d_}}\nvariables: {out: y}\n"
    write(tmp_path, a=text + pipeline("a", "'${vars.out}'"))
    project = load_project(tmp_path, env="dev", variables={"out": "z"}, settings=Settings())
    (plan,) = project.plans
    assert plan.schema_prefix == "d_"
    assert plan.nodes["n"].declared.sink.path == "z"
    with pytest.raises(SettingsError, match="no environment `prod`"):
        load(tmp_path, env="prod")


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="there is no file or folder"):
        load(tmp_path / "missing.yaml")


def test_an_empty_folder(tmp_path: Path) -> None:
    assert load(tmp_path) == Project(())


def test_a_file_that_cannot_be_decoded(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"name: p\nnodes:\n  - {name: \xff}\n")
    ((problem,),) = [item.error.diagnostics for item in load(tmp_path).problems]
    assert problem.location.line == 3
