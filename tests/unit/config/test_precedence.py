"""Who decides: the command line, the environment, the file, the machine. And what is never shown.

Each table runs through every combination of who says something; the expected answer is the first
in the documented order, found by a plain loop.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from laktory_dagster import models
from laktory_dagster.cli.main import program
from laktory_dagster.errors import DeclarationError, SettingsError
from laktory_dagster.plan.locations import warehouse_root
from laktory_dagster.project import load_plan
from laktory_dagster.settings import Settings


def combinations(levels: Sequence[str]) -> list[tuple[str, ...]]:
    """Return every choice of levels, in their order."""
    return [
        chosen for size in range(len(levels) + 1) for chosen in itertools.combinations(levels, size)
    ]


def first_of(order: Sequence[str], chosen: Sequence[str], otherwise: str) -> str:
    """Return the first level in the documented order that is among the chosen."""
    for level in order:
        if level in chosen:
            return level
    return otherwise


def call(*arguments: object, env: dict[str, str] | None = None) -> Result:
    runner = CliRunner(
        env=dict.fromkeys(("LAKTORY_DAGSTER_ENV", "LAKTORY_DAGSTER_VAR_X"), None) | (env or {})
    )
    return runner.invoke(program, [str(argument) for argument in arguments])


VARIABLES = ("given", "environment", "file", "process")


@pytest.mark.parametrize("chosen", combinations(VARIABLES), ids="+".join)
def test_a_variable_is_given_else_the_environments_else_the_files_else_the_processs(
    tmp_path: Path, chosen: tuple[str, ...]
) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(
        ("variables: {x: file}\n" if "file" in chosen else "")
        + f"name: p\nenvironments: {{dev: {{{'variables: {x: environment}' if 'environment' in chosen else ''}}}}}\n"
        "nodes: [{name: n, source: {path: 'in/${vars.x}', format: PARQUET}}]\n"
    )
    variable = {"LAKTORY_DAGSTER_VAR_X": "process"} if "process" in chosen else {}
    given = ["--var", "x=given"] if "given" in chosen else []

    result = call("plan", file, "--env", "dev", *given, env=variable)

    value = first_of(VARIABLES, chosen, "")
    assert result.exit_code == (0 if value else 2)
    assert (
        f"reads  PARQUET in/{value}\n" if value else "`${vars.x}` has no value"
    ) in result.output


@pytest.mark.parametrize("chosen", combinations(("given", "environment", "file")), ids="+".join)
def test_variables_that_use_each_other_see_the_winning_ones(chosen: tuple[str, ...]) -> None:
    text = (
        "name: p\nvariables: {folder: '<${vars.x}>', x: file}\n"
        f"environments: {{dev: {{warehouse: 'w/${{vars.folder}}', {'variables: {x: environment}' if 'environment' in chosen else ''}}}}}\n"
        "nodes: [{name: n, source: {path: '${vars.folder}/x'}}]\n"
    )
    variables = {"x": "given"} if "given" in chosen else {}
    value = first_of(("given", "environment"), chosen, "file")

    plan = load_plan(text, env="dev", variables=variables, settings=Settings())

    assert plan.nodes["n"].declared.source.path == f"<{value}>/x"
    assert warehouse_root(plan) == f"{plan.folder}/w/<{value}>"


@pytest.mark.parametrize("chosen", combinations(("given", "default")), ids="+".join)
def test_a_parameter_is_given_else_its_default(chosen: tuple[str, ...]) -> None:
    default = "default: default" if "default" in chosen else ""
    text = f"name: p\nparameters: {{x: {{{default}}}}}\nnodes: [{{name: n, source: {{data: [{{a: 1}}], renames: {{a: '${{params.x}}'}}}}}}]\n"
    pipeline = models.Pipeline.model_validate_yaml(text)
    value = first_of(("given", "default"), chosen, "")
    options: Any = {"params": {"x": "given"}} if "given" in chosen else {}
    if not value:
        with pytest.raises(DeclarationError, match="the parameter `x` has no value"):
            pipeline.execute(**options)
        return
    plan = load_plan(text, settings=Settings(), **options)
    assert plan.nodes["n"].declared.source.renames == {"a": value}


ENGINES = ("node", "environment", "pipeline", "machine")


@pytest.mark.parametrize("chosen", combinations(ENGINES), ids="+".join)
@pytest.mark.parametrize("winner", ["POLARS", "SPARK"])
def test_the_engine_is_the_nodes_else_the_environments_else_the_pipelines_else_the_machines(
    chosen: tuple[str, ...], winner: str
) -> None:
    """Whoever comes first names one engine, all others the other one."""
    first = first_of(ENGINES, chosen, "")
    loser = {"POLARS": "SPARK", "SPARK": "POLARS"}[winner]
    said = {level: winner if level == first else loser for level in chosen}

    def line(level: str, key: str) -> str:
        return f"{key}: {said[level]}" if level in said else ""

    text = (
        f"name: p\n{line('pipeline', 'dataframe_backend').replace('SPARK', 'PYSPARK')}\n"
        f"environments: {{dev: {{{line('environment', 'dataframe_backend').replace('SPARK', 'PYSPARK')}}}}}\n"
        f"nodes: [{{name: n, source: {{path: a}}, {line('node', 'dataframe_type')}}}]\n"
    )
    machine = said.get("machine")
    settings = Settings(engine=machine.lower() if machine else None)

    plan = load_plan(text, env="dev", settings=settings)

    assert plan.nodes["n"].engine == (winner.lower() if first else "polars")


WAREHOUSES = ("command line", "environment", "machine", "file")


@pytest.mark.parametrize("chosen", combinations(WAREHOUSES), ids="+".join)
def test_the_warehouse_is_the_command_lines_else_the_environments_else_the_files(
    tmp_path: Path, chosen: tuple[str, ...]
) -> None:
    """What the machine's environment variable says counts as the environment's."""
    file = tmp_path / "p.yaml"
    file.write_text(
        f"name: p\n{'warehouse: file' if 'file' in chosen else ''}\n"
        f"environments: {{dev: {{{'warehouse: environment' if 'environment' in chosen else ''}}}}}\nnodes: []\n"
    )
    settings = Settings(warehouse="/machine" if "machine" in chosen else None)
    plan = load_plan(file, env="dev", settings=settings)
    value = first_of(WAREHOUSES, chosen, "warehouse")

    root = warehouse_root(plan, "/line" if "command line" in chosen else None)

    places = {"command line": "/line", "machine": "/machine"}
    assert root == places.get(value, str(tmp_path / value))


@pytest.mark.parametrize(
    ("env", "machine", "chosen"),
    [
        ("dev", None, "dev"),
        ("dev", "prod", "dev"),
        (None, "prod", "prod"),
        (None, "other", None),
        (None, None, None),
    ],
)
def test_the_environment_is_the_named_one_else_the_machines(
    env: str | None, machine: str | None, chosen: str | None
) -> None:
    text = (
        "name: p\nenvironments: {dev: {schema_prefix: d_}, prod: {schema_prefix: p_}}\nnodes: []\n"
    )
    plan = load_plan(text, env=env, settings=Settings(env=machine))
    assert (plan.environment, plan.schema_prefix) == (
        chosen,
        {"dev": "d_", "prod": "p_"}.get(chosen or "", ""),
    )


def test_an_environment_that_is_named_must_be_there() -> None:
    with pytest.raises(SettingsError, match="declares no environment `test`"):
        load_plan("name: p\nnodes: []\n", env="test", settings=Settings(env="dev"))


def test_the_paths_of_includes_see_the_winning_variables(tmp_path: Path) -> None:
    for name in ("file", "environment", "given"):
        (tmp_path / f"{name}.yaml").write_text(f"{{name: from_{name}, source: {{path: x}}}}\n")
    file = tmp_path / "p.yaml"
    file.write_text(
        "name: p\nvariables: {x: file}\nenvironments: {dev: {variables: {x: environment}}}\n"
        "nodes:\n  - !use ${vars.x}.yaml\n"
    )

    def node_of(**options: Any) -> str:
        (name,) = load_plan(file, settings=Settings(), **options).nodes
        return name

    assert node_of() == "from_file"
    assert node_of(env="dev") == "from_environment"
    assert node_of(env="dev", variables={"x": "given"}) == "from_given"


@pytest.mark.parametrize(
    ("text", "limit"),
    [("5", 5), ("0x1F", None), ("5.0", None), ("", None), ("true", None)],
)
def test_a_variable_of_the_command_line_has_the_type_it_is_written_in(
    tmp_path: Path, text: str, limit: int | None
) -> None:
    file = tmp_path / "p.yaml"
    file.write_text("name: p\nnodes: [{name: n, source: {path: x, limit: '${vars.n}'}}]\n")

    result = call("validate", file, "--var", f"n={text}")

    assert result.exit_code == (0 if limit is not None else 2)
    if limit is None:
        assert "Expected: a whole number" in result.stderr


# ------------------------------------------------------------------ secrets

CANARY = 'can"ary\\77'
SECRET = {"LAKTORY_DAGSTER_SECRET_S_K": CANARY}
REFERENCE = "${secrets.s.k}"
SECRETIVE = f"""\
name: p
description: uses {REFERENCE}
variables: {{password: "{REFERENCE}"}}
environments: {{dev: {{variables: {{other: "{REFERENCE}"}}}}}}
nodes:
  - name: n
    description: reads with {REFERENCE}
    source:
      path: "./{REFERENCE}/x.csv"
      format: CSV
      storage_options: {{key: "{REFERENCE}", other: "a-${{vars.password}}-b"}}
      read_options: {{password: "${{vars.password}}"}}
    expectations: [{{name: r, expression: "a <> 'x'"}}]
    sink: {{path: "out/{REFERENCE}.parquet", format: PARQUET, storage_options: {{key: "{REFERENCE}"}}}}
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ("validate", "FILE"),
        ("validate", "FILE", "--json"),
        ("validate", "FILE", "--env", "dev", "--json"),
        ("plan", "FILE"),
        ("plan", "FILE", "--json"),
        ("plan", "FILE", "--mermaid"),
        ("preview", "FILE", "n"),
        ("preview", "FILE", "n", "--json"),
        ("preview", "FILE", "n", "--debug"),
        ("preview", "FILE", "n", "--json", "--debug"),
        ("failures", "FILE", "n"),
        ("failures", "FILE", "n", "--json"),
    ],
    ids=" ".join,
)
def test_no_command_shows_a_secret(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    file = tmp_path / "q.yaml"
    file.write_text(SECRETIVE)

    result = call(*(file if word == "FILE" else word for word in arguments), env=SECRET)

    shown = result.stdout + result.stderr
    assert shown
    assert CANARY not in shown
    assert json.dumps(CANARY)[1:-1] not in shown
    assert repr(CANARY)[1:-1] not in shown
    if arguments[0] == "preview":
        assert "***" in shown
    if "--json" in arguments:
        json.loads(result.stdout)


def test_declarations_hold_references_and_no_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(*next(iter(SECRET.items())))
    plan = load_plan(SECRETIVE, env="dev", settings=Settings())

    for text in (
        plan.pipeline.model_dump_json(),
        plan.pipeline.model_dump_yaml(),
        repr(plan.pipeline),
        repr(plan),
    ):
        assert CANARY not in text
        assert json.dumps(CANARY)[1:-1] not in text
    source = plan.nodes["n"].declared.source
    assert source.storage_options == {"key": REFERENCE, "other": f"a-{REFERENCE}-b"}
    assert source.read_options == {"password": REFERENCE}


def test_the_value_of_a_secret_changes_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = set()
    for value in ("one", "two"):
        monkeypatch.setenv("LAKTORY_DAGSTER_SECRET_S_K", value)
        hashes.add(load_plan(SECRETIVE, settings=Settings()).plan_hash)
    monkeypatch.delenv("LAKTORY_DAGSTER_SECRET_S_K")
    hashes.add(load_plan(SECRETIVE, settings=Settings()).plan_hash)
    assert len(hashes) == 1


def test_a_secret_that_is_not_there_is_named_when_it_is_used(tmp_path: Path) -> None:
    file = tmp_path / "q.yaml"
    file.write_text(SECRETIVE)
    unset: dict[str, Any] = {"LAKTORY_DAGSTER_SECRET_S_K": None}

    assert call("validate", file, env=unset).exit_code == 0
    result = call("preview", file, "n", "--json", env=unset)

    assert result.exit_code == 2
    assert json.loads(result.stdout) == {
        "error": "SettingsError",
        "message": "the secret `s.k` is not there",
        "hint": "set the variable LAKTORY_DAGSTER_SECRET_S_K",
    }


def test_mistakes_beside_secrets_show_references_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(*next(iter(SECRET.items())))
    text = SECRETIVE.replace("format: CSV", f'format: "{REFERENCE}"').replace("sink:", "snk:")
    with pytest.raises(DeclarationError) as caught:
        load_plan(text, settings=Settings())
    assert CANARY not in str(caught.value)
    assert f"`format` cannot be `{REFERENCE}`" in str(caught.value)
