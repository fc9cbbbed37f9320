"""A value in the wrong form: the message says which form it must have, and how to write it."""

from __future__ import annotations

import pytest

from laktory_dagster.errors import Diagnostic
from tests.unit.plan.declaring import plan_from
from tests.unit.project.marked import check_carets, found_in, places_of, unmarked

HEAD = "name: p\nnodes:\n  - name: n\n"
STEPS = "    source: {path: a.json}\n    transformer:\n"


def only(text: str) -> Diagnostic:
    """Return the one mistake of a text, which stands at its mark and shows its line."""
    clean, marks = unmarked(text)
    (found,) = found_in(clean)
    assert places_of([found]) == marks
    check_carets([found], clean)
    return found


@pytest.mark.parametrize(
    ("keys", "message", "hint"),
    [
        ("as_stream: ⟦'true'", "`as_stream` cannot be `true`", "write it without quotes: `true`"),
        (
            "as_stream: ⟦'False'",
            "`as_stream` cannot be `False`",
            "write it without quotes: `false`",
        ),
        (
            "as_stream: ⟦' TRUE '",
            "`as_stream` cannot be ` TRUE `",
            "write it without quotes: `true`",
        ),
        ("as_stream: ⟦yes", "`as_stream` cannot be `yes`", "write `true`"),
        ("as_stream: ⟦Off", "`as_stream` cannot be `Off`", "write `false`"),
        ("as_stream: ⟦n", "`as_stream` cannot be `n`", "write `false`"),
        ("as_stream: ⟦maybe", "`as_stream` cannot be `maybe`", None),
        ("as_stream: ⟦1", "`as_stream` cannot be `1`", None),
        ("limit: ⟦'12'", "`limit` cannot be `12`", "write it without quotes: `12`"),
        ("limit: ⟦010", "`limit` cannot be `010`", "write `10`"),
        ("limit: ⟦000", "`limit` cannot be `000`", "write `0`"),
        ("limit: ⟦1_000", "`limit` cannot be `1_000`", "write it without quotes: `1000`"),
        ("limit: ⟦1e3", "`limit` cannot be `1000.0`", None),
        ("limit: ⟦ten", "`limit` cannot be `ten`", None),
        ("limit: ⟦'²'", "`limit` cannot be `²`", None),
    ],
)
def test_a_flag_or_a_number_in_another_form(keys: str, message: str, hint: str | None) -> None:
    found = only(f"{HEAD}    source: {{path: a, {keys}}}\n")
    assert (found.message, found.hint) == (message, hint)


@pytest.mark.parametrize(
    ("key", "given", "hint"),
    [
        ("source", "⟦a.json", "write `{path: a.json}`"),
        ("source", "⟦[{path: a}]", "several stand under `sources`"),
        ("sources", "⟦{path: a}", "a single one stands under `source`"),
        ("sources", "[{path: b}, ⟦a.json]", "write `{path: a.json}`"),
        ("sink", "⟦out", "write `{path: out}`"),
        ("sink", "⟦[{path: out}]", "several stand under `sinks`"),
        ("sinks", "⟦{path: out}", "a single one stands under `sink`"),
    ],
)
def test_one_and_several_parts_have_their_keys(key: str, given: str, hint: str) -> None:
    source = "" if "source" in key else "    source: {path: a}\n"
    assert only(f"{HEAD}{source}    {key}: {given}\n").hint == hint


@pytest.mark.parametrize("hint", ["`sources`", "`source`"])
def test_the_advice_can_be_followed(hint: str) -> None:
    value = "[{path: a}]" if hint == "`sources`" else "{path: a}"
    plan_from(f"{HEAD}    {hint.strip('`')}: {value}\n")


@pytest.mark.parametrize(
    "steps",
    [
        "      ⟦- func_name: distinct\n",
        "      - ⟦{func_name: distinct}\n",
        "      ⟦func_name: distinct\n",
        "      ⟦sql_expr: SELECT 1\n",
        "      ⟦with_column: {name: a, expr: b}\n",
    ],
)
def test_steps_stand_under_nodes(steps: str) -> None:
    marked = steps.replace("- ⟦{", "⟦- {")
    found = only(f"{HEAD}{STEPS}{marked}")
    assert found.hint == "the steps stand under `nodes`: `transformer: {nodes: [...]}`"


def test_a_misspelt_key_of_a_transformer_is_still_one() -> None:
    assert only(f"{HEAD}{STEPS}      ⟦node: []\n").hint == "did you mean `nodes`?"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("expectations", "⟦{name: r, expr: a > 1}"),
        ("tags", "⟦{a: b}"),
    ],
)
def test_a_mapping_in_place_of_a_list(key: str, value: str) -> None:
    found = only(f"{HEAD}    source: {{path: a}}\n    {key}: {value}\n")
    assert found.message == f"`{key}` cannot be a mapping"
    assert found.hint == "put `- ` before each item"


def test_nodes_by_name_are_no_list() -> None:
    found = only("name: p\nnodes:\n  ⟦n: {source: {path: a}}\n")
    assert (found.expected, found.hint) == ("a list", "put `- ` before each item")


@pytest.mark.parametrize(
    "text",
    [
        "options: {depends_on: ['${resources.a}', '${resources.b.id}'], provider: '${resources.p}'}",
        "resource_options: {provider: '${resources.p}'}",
        "dlt: {clusters: [{policy_id: 'x-${resources.policy.id}'}], libraries: [{file: {path: '${resources.f.path}'}}]}",
        "databricks_job: {clusters: [{name: c, node_type_id: '${resources.node.id}'}]}",
        "orchestrator: {type: LAKEFLOW_JOB, tags: {a: '${resources.x.y}'}}",
        "workspacefile: {path: '${resources.f.path}'}",
        "lookup_existing: {id: '${resources.x.id}'}",
        "airflow: {default_args: {owner: '${resources.x.id}'}}",
    ],
)
def test_blocks_of_deployment_may_name_other_resources(text: str) -> None:
    """A pipeline of the reference refers to resources of its stack there; they are kept as written."""
    plan = plan_from(f"name: p\n{text}\nnodes: [{{name: n, source: {{path: a}}}}]\n")
    assert "${resources." in plan.pipeline.model_dump_json()
    again = plan_from(plan.pipeline.model_dump_yaml())
    assert again.pipeline == plan.pipeline


@pytest.mark.parametrize(
    "text",
    [
        "description: ⟦'${resources.a.b}'\nnodes: []\n",
        "tags: {options: ⟦'${resources.a.b}'}\nnodes: []\n",
        "nodes: [{name: options, source: {path: ⟦'${resources.a.b}'}}]\n",
        "nodes: [{name: n, source: {path: a}, sink: {path: o, metadata: {owner: ⟦'${resources.a.b}'}}}]\n",
        "options: {provider: ⟦'${settings.x}'}\nnodes: []\n",
    ],
)
def test_elsewhere_nothing_knows_them(text: str) -> None:
    assert "is not known here" in only(f"name: p\n{text}").message


@pytest.mark.parametrize(
    "text",
    [
        "description: ⟦'${include.${vars.f}.txt}'\nnodes: []\n",
        "nodes: [{name: n, source: {path: a}, transformer: {nodes: [{sql_expr: ⟦'${include.${vars.f}.sql}'}]}}]\n",
        "nodes: [{name: n, source: ⟦'${include.${vars.f}.yaml}'}]\n",
    ],
)
def test_a_variable_in_an_older_include_is_no_text(text: str) -> None:
    """It would be taken as a text that begins with `${include.`; `!use` does take variables."""
    found = only(f"name: p\nvariables: {{f: a}}\n{text}")
    assert "becomes a reference when its variables are filled in" in found.message
    assert "`!use` takes variables in its path" in (found.hint or "")


@pytest.mark.parametrize(
    "keys",
    [
        "    source: {path: a}\n    ⟦variables: {x: 1}\n",
        "    source: {path: a, ⟦variables: {x: 1}}\n",
        "    source: {path: a}\n    sink: {path: b, ⟦variables: {x: 1}}\n",
        "    source: {path: a}\n    transformer: {⟦variables: {x: 1}, nodes: []}\n",
    ],
)
def test_variables_of_a_part_say_where_they_belong(keys: str) -> None:
    """The reference takes them on every model."""
    found = only(f"{HEAD}{keys}")
    assert found.message == "unknown key `variables`"
    assert found.hint == "declare them under `variables:` of the pipeline, for all of its nodes"


def test_a_truth_value_in_place_of_a_text_is_quoted_as_yaml_writes_it() -> None:
    found = only(f"{HEAD}    source: {{path: a}}\n    description: ⟦False\n")
    assert found.hint == 'put quotes around it: `"false"`'
