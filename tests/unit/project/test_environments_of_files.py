"""Environments of a file: what they may say, whose values win, and where a mistake stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from laktory_dagster.errors import SettingsError
from laktory_dagster.plan import locations
from laktory_dagster.plan.definition import Plan
from laktory_dagster.project import load_plan
from laktory_dagster.settings import Settings
from tests.unit.plan.declaring import plan_from
from tests.unit.project.marked import check_carets, found_in, places_of, unmarked

NODES = "nodes:\n  - {name: n, source: {path: a.json}, sink: {table_name: t}}\n"


def only(text: str, **options: Any) -> Any:
    clean, marks = unmarked(text)
    (found,) = found_in(clean, **options)
    assert places_of([found]) == marks
    check_carets([found], clean)
    return found


def table_of(plan: Plan) -> str:
    """Return catalog, schema and name of the only table of a plan."""
    return locations.table_name(plan, plan.nodes["n"].declared.sink)


@pytest.mark.parametrize("env", [None, "dev"])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("catalog", "a.b.."),
        ("catalog", "a/b"),
        ("catalog", "''"),
        ("catalog", "1a"),
        ("schema_prefix", "../x"),
        ("schema_prefix", "a.b"),
        ("schema_prefix", "'a b'"),
        ("schema_prefix", "'1_'"),
        ("schema_prefix", "a:"),
    ],
)
def test_what_cannot_be_part_of_the_name_of_a_table(key: str, value: str, env: str | None) -> None:
    """Of a table that names schema and catalog itself it would be an error as well."""
    quoted = value if value[0] == "'" else f"'{value}'"
    found = only(f"name: p\nenvironments: {{dev: {{{key}: ⟦{quoted}}}}}\n{NODES}", env=env)
    assert found.path == ("environments", "dev", key)
    assert found.message.startswith(f"`{quoted[1:-1]}` ")


@pytest.mark.parametrize(("key", "value"), [("catalog", "a/b"), ("schema_prefix", "../")])
def test_nor_once_its_variable_is_filled_in(key: str, value: str) -> None:
    text = f"name: p\nenvironments: {{dev: {{{key}: ⟦'${{vars.who}}'}}}}\n{NODES}"
    found = only(text, env="dev", variables={"who": value})
    assert found.message.startswith(f"`{value}` ")
    plan = plan_from(text.replace("⟦", ""), env="dev", variables={"who": "ann"})
    assert table_of(plan) == {"catalog": "ann.default.t", "schema_prefix": "main.anndefault.t"}[key]


@pytest.mark.parametrize(
    ("overlay", "table"),
    [
        ("{}", "main.default.t"),
        ("{catalog: dev}", "dev.default.t"),
        ("{schema_prefix: dev_}", "main.dev_default.t"),
        ("{schema_prefix: ''}", "main.default.t"),
        ("{catalog: dev, schema_prefix: _x-}", "dev._x-default.t"),
        ("{schema_prefix: '${vars.who}_', variables: {who: ann}}", "main.ann_default.t"),
    ],
)
def test_names_of_an_environment(overlay: str, table: str) -> None:
    plan = plan_from(f"name: p\nenvironments: {{dev: {overlay}}}\n{NODES}", env="dev")
    assert table_of(plan) == table


@pytest.mark.parametrize(
    ("given", "env", "shown"),
    [
        ({}, None, "file"),
        ({}, "dev", "env"),
        ({}, "prod", "file"),
        ({"who": "line"}, "dev", "line"),
        ({"who": "line"}, None, "line"),
        ({"WHO": "line"}, "dev", "line"),
        ({"Who": "line", "who": "exact"}, "dev", "exact"),
    ],
)
def test_whose_value_of_a_variable_counts(
    given: dict[str, str], env: str | None, shown: str
) -> None:
    """The command line's, then the environment's, then the file's, in any letter case."""
    text = (
        "name: p\nvariables: {who: file}\nenvironments: {dev: {variables: {who: env}}, prod: {}}\n"
        "nodes:\n  - {name: n, source: {path: a.json}, description: 'by ${vars.who}'}\n"
    )
    plan = plan_from(text, env=env, variables=given)
    assert plan.nodes["n"].declared.description == f"by {shown}"


def test_two_names_of_one_place_may_differ_by_case() -> None:
    text = (
        "name: p\nvariables: {a: small, A: large}\n"
        "nodes:\n  - {name: n, source: {path: a.json}, description: '${vars.a} ${vars.A}'}\n"
    )
    described = [
        plan_from(text, variables=given).nodes["n"].declared.description
        for given in ({}, {"a": "1"}, {"A": "2"}, {"a": "1", "A": "2"})
    ]
    assert described == ["small large", "1 large", "small 2", "1 2"]


def test_a_variable_in_another_case_counts_for_includes_and_environments(tmp_path: Path) -> None:
    (tmp_path / "line.yaml").write_text("{name: n, source: {path: a.json}, sink: {table_name: t}}")
    file = tmp_path / "p.yaml"
    file.write_text(
        "name: p\nvariables: {who: file}\nenvironments: {dev: {catalog: '${vars.who}'}}\n"
        "nodes: [!use '${vars.who}.yaml']\n"
    )
    plan = load_plan(file, env="dev", variables={"WHO": "line"}, settings=Settings())
    assert table_of(plan) == "line.default.t"


def test_a_variable_of_the_file_may_use_one_of_the_environment() -> None:
    text = (
        "name: p\nvariables: {root: 'data-${vars.who}', who: nobody}\n"
        "environments: {dev: {variables: {who: ann}}}\n"
        "nodes:\n  - {name: n, source: {path: '${vars.root}/a.json'}}\n"
    )
    assert plan_from(text, env="dev").nodes["n"].declared.source.path == "data-ann/a.json"
    assert plan_from(text).nodes["n"].declared.source.path == "data-nobody/a.json"


def test_an_environment_chooses_the_engine_and_not_how_texts_are_read() -> None:
    text = f"name: p\nenvironments: {{dev: {{dataframe_backend: PYSPARK}}}}\n{NODES}"
    chosen, plain = plan_from(text, env="dev").nodes["n"], plan_from(text).nodes["n"]
    assert (chosen.engine, plain.engine) == ("spark", "polars")
    assert chosen.dialect == plain.dialect == "spark"


def test_an_environment_of_the_machine_may_be_unknown_to_a_file() -> None:
    text = f"name: p\nenvironments: {{dev: {{catalog: dev}}}}\n{NODES}"
    assert table_of(plan_from(text, Settings(env="dev"))) == "dev.default.t"
    assert table_of(plan_from(text, Settings(env="prod"))) == "main.default.t"
    with pytest.raises(SettingsError, match="declares no environment `prod`"):
        plan_from(text, Settings(env="dev"), env="prod")


def test_a_misspelt_environment_is_told_which_is_meant() -> None:
    with pytest.raises(SettingsError) as caught:
        plan_from(f"name: p\nenvironments: {{staging: {{}}}}\n{NODES}", env="stagign")
    assert (caught.value.expected, caught.value.hint) == (
        "one of staging",
        "did you mean `staging`?",
    )


@pytest.mark.parametrize(
    ("reference", "hint"),
    [
        ("${VARS.x}", "write it in small letters: `${vars.x}`"),
        ("${Vars.x}", "write it in small letters: `${vars.x}`"),
        ("${Var.x}", "write it in small letters: `${var.x}`"),
        ("${PARAMS.x}", "write it in small letters: `${params.x}`"),
        ("${Secrets.s.k}", "write it in small letters: `${secrets.x}`"),
        ("${env.x}", "use `${vars.x}` and set the variable LAKTORY_DAGSTER_VAR_X"),
        ("${variables.x}", "write `${vars.x}`"),
        ("${secret.s.k}", "write `${secrets.scope.key}`"),
    ],
)
def test_a_reference_of_another_spelling_is_no_text(reference: str, hint: str) -> None:
    text = (
        f"name: p\nvariables: {{x: 1}}\nnodes:\n  - {{name: n, source: {{path: ⟦'{reference}'}}}}\n"
    )
    found = only(text)
    assert found.message == f"`{reference}` is not known here"
    assert found.hint == hint


@pytest.mark.parametrize(
    "text", ["${x}", "${ }", "$vars.x", "{vars.x}", "${HOME}", "vars.x", "$${x}"]
)
def test_what_is_no_reference_stays(text: str) -> None:
    quoted = f"name: p\nnodes:\n  - {{name: n, source: {{path: a}}, description: '{text}'}}\n"
    assert plan_from(quoted).nodes["n"].declared.description == text
