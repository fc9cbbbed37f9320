"""All mistakes of a text come at once, and each cause once: nothing hides, nothing follows.

Places are marked in the texts; the messages are written by hand.
"""

from __future__ import annotations

import pytest

from laktory_dagster import models
from laktory_dagster.project import load_plan
from laktory_dagster.settings import Settings
from tests.unit.project.marked import found_in, places_of, unmarked

# What is proved, the text, the whole messages in the order of the text.
TEXTS: list[tuple[str, str, list[str]]] = [
    (
        "a key under two names hides nothing at the root",
        "name: p\ncomment: a\n⟦description: b\n⟦bogus: 1\nnodes:\n  - {name: a, source: {path: x}, ⟦layr: x}\n",
        ["`description` is another name of `comment`, which is given too", "unknown key `bogus`", "unknown key `layr`"],
    ),
    (
        "a key under three names",
        "name: p\nnodes: [{name: a, source: {path: x, reader_kwargs: {}, ⟦read_options: {}, ⟦reader_options: {}, limit: ⟦-1}}]\n",
        [
            "`read_options` is another name of `reader_kwargs`, which is given too",
            "`reader_options` is another name of `reader_kwargs`, which is given too",
            "`limit` cannot be `-1`",
        ],
    ),
    (
        "a list beside its single form",
        "name: p\nnodes:\n  - {name: a, source: {path: x}, ⟦sources: [{path: y}], layer: ⟦x}\n",
        ["`sources` is another name of `source`, which is given too", "`layer` cannot be `x`"],
    ),
    (
        "two names in nodes and in the pipeline",
        "name: p\nvariables: {}\ndlt: {target: a, ⟦schema: b}\nnodes:\n  - {name: a, source: {path: x}, primary_key: a, ⟦primary_keys: [b]}\n  - {name: b, source: {path: x, header: true, ⟦has_header: true}}\n",
        [
            "`schema` is another name of `target`, which is given too",
            "`primary_keys` is another name of `primary_key`, which is given too",
            "`has_header` is another name of `header`, which is given too",
        ],
    ),
    (
        "two kinds of source",
        "name: p\nnodes: [{name: a, source: {path: x, ⟦table_name: t, ⟦node_name: n}}]\n",
        ["`table_name` cannot stand beside `path`", "`node_name` cannot stand beside `path`"],
    ),
    (
        "two kinds of source, the first one last",
        "name: p\nnodes: [{name: a, source: {⟦asset: a, data: [], ⟦custom_reader: a.b}}]\n",
        ["`asset` cannot stand beside `data`", "`custom_reader` cannot stand beside `data`"],
    ),
    (
        "two kinds of sink",
        "name: p\nnodes: [{name: a, source: {path: x}, sink: {⟦pipeline_view_name: v, table_name: t}}]\n",
        ["`pipeline_view_name` cannot stand beside `table_name`"],
    ),
    (
        "two kinds of step",
        "name: p\nnodes: [{name: a, source: {path: x}, transformer: {nodes: [{func_name: f, ⟦sql_expr: q}, {expr: q, ⟦with_column: {}}, {with_column: {name: a, expr: b}, ⟦nodes: []}]}}]\n",
        [
            "`sql_expr` cannot stand beside `func_name`",
            "`with_column` cannot stand beside `expr`",
            "`nodes` cannot stand beside `with_column`",
        ],
    ),
    (
        "a kind beside the kind of a chain",
        "name: p\nnodes: [{name: a, source: {path: x}, transformer: {nodes: [], ⟦func_name: f}}]\n",
        ["`func_name` cannot stand beside `nodes`"],
    ),
    (
        "a broken node does not hide what planning finds in others",
        "name: p\nnodes:\n  - {name: a, source: {path: x}, ⟦layr: x}\n  - {name: b, source: {node_name: ⟦zz}}\n  - {name: c, source: {node_name: a}, transformer: {nodes: [{func_name: ⟦slect}]}}\n  - {name: d, source: {node_name: c}, sink: {path: o, mode: ⟦MERGE}}\n",
        [
            "unknown key `layr`",
            "there is no node `zz`",
            "there is no function `slect` on polars",
            "MERGE needs the columns that identify a row",
        ],
    ),
    (
        "readers of a broken node are right, and so is what it writes itself",
        "name: p\nnodes:\n  - {name: a, ⟦sorce: {path: x}, sink: {path: o}}\n  - {name: b, source: {node_name: a}, sink: {path: o}}\n",
        ["unknown key `sorce`"],
    ),
    (
        "two nodes of one name, one of them read",
        "name: p\nnodes:\n  - {name: a, source: {path: x}}\n  - {name: ⟦a, source: {path: y}}\n  - {name: b, source: {node_name: a}, depends_on: ⟦c}\n",
        ["two nodes are named `a` (the other one is nodes[0])", "there is no node `c`"],
    ),
    (
        "a mistake of the pipeline is told alone: what it does to nodes is not known",
        "name: p\n⟦udf: [{module_name: m, function_name: double}]\nnodes:\n  - {name: a, source: {path: x}, transformer: {nodes: [{func_name: double}]}}\n",
        ["unknown key `udf`"],
    ),
    (
        "a misspelt key that was needed is one mistake",
        "name: p\nnodes:\n  - name: a\n    source: {path: x}\n    expectations: [{name: r, ⟦expresion: a > 1}]\n",
        ["unknown key `expresion`"],
    ),
    (
        "a misspelt key of a parameter has no followers",
        "name: p\nparameters: {a: {⟦defalt: in}}\nnodes: [{name: n, source: {path: '${params.a}'}}]\n",
        ["unknown key `defalt`"],
    ),
    (
        "what stands once and is merged three times is one mistake",
        "name: p\nnodes:\n  - &a {name: a, source: {path: x, ⟦frmat: y}, expectations: [{name: r, expr: b, action: ⟦DORP}]}\n  - {<<: *a, name: b}\n  - {<<: *a, name: c}\n",
        ["unknown key `frmat`", "`action` cannot be `DORP`"],
    ),
    (
        "what planning finds in an alias is one mistake",
        "name: p\nnodes:\n  - {name: a, source: {path: x}, transformer: &t {nodes: [{func_name: ⟦slect}, {sql_expr: ⟦SELEC}]}}\n  - {name: b, source: {path: x}, transformer: *t}\n",
        ["there is no function `slect` on polars", "`SELEC` is not allowed: a step may only query"],
    ),
    (
        "equal mistakes at two places are two",
        "name: p\nnodes:\n  - {name: a, source: {path: x}, ⟦layr: x}\n  - {name: b, source: {path: x}, ⟦layr: x}\n",
        ["unknown key `layr`", "unknown key `layr`"],
    ),
    (
        "variables without value and wrong keys",
        "name: ⟦${vars.n}\nnodes:\n  - {name: a, source: {path: '⟦${vars.q}'}, ⟦layr: 1}\n".replace("'⟦$", "⟦'$"),
        ["`${vars.n}` has no value", "`${vars.q}` has no value", "unknown key `layr`"],
    ),
    (
        "a query of a view is one mistake",
        "name: p\nnodes: [{name: v, sink: {table_name: t, table_type: VIEW, view_definition: ⟦3}}]\n",
        ["`view_definition` cannot be `3`"],
    ),
    (
        "a wrong orchestrator hides nothing",
        "name: p\norchestrator: {type: ⟦CRON}\n⟦bogus: 1\nnodes: [{name: a, source: {path: x}, layer: ⟦x}]\n",
        [
            "`orchestrator.type` must be LAKEFLOW_JOB, LAKEFLOW_DECLARATIVE_PIPELINE, SPARK_DECLARATIVE_PIPELINE or AIRFLOW; schedules and runs are Dagster's work here",
            "unknown key `bogus`",
            "`layer` cannot be `x`",
        ],
    ),
    (
        "each knot of references once, and the rest too",
        "name: p\nnodes:\n  - ⟦{name: a, source: {node_name: b}}\n  - {name: b, source: {node_name: a}}\n  - {name: c, source: {path: x, filter: ⟦'a >'}}\n  - ⟦{name: d, source: {node_name: e}}\n  - {name: e, source: {path: x}, depends_on: [d]}\n",
        [
            "nodes need each other: a -> b -> a",
            "the SQL cannot be read near `>`: something is missing (character 3)",
            "nodes need each other: d -> e -> d",
        ],
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "messages"), [row[1:] for row in TEXTS], ids=[r[0] for r in TEXTS]
)
def test_all_mistakes_and_no_followers(text: str, messages: list[str]) -> None:
    clean, places = unmarked(text)

    found = found_in(clean)

    assert [item.message for item in found] == messages
    assert places_of(found) == places


@pytest.mark.parametrize(("text", "messages"), [row[1:] for row in TEXTS if "${" not in row[1]])
def test_reading_a_pipeline_in_python_tells_mistakes_of_shape_too(
    text: str, messages: list[str]
) -> None:
    clean, places = unmarked(text)
    shapes = (
        "unknown key",
        "cannot be `",
        "cannot stand",
        "another name",
        "two nodes",
        "says the same",
        "must be",
    )
    if not any(word in message for message in messages for word in shapes):
        assert models.Pipeline.model_validate_yaml(clean).name == "p"
        return
    found = found_in(clean, lambda source, settings: models.Pipeline.model_validate_yaml(source))
    assert places_of(found) == places
    assert [item.message for item in found] == messages


@pytest.mark.parametrize(
    ("keys", "hint"),
    [
        ("path: x, table_name: t", "each of them says another kind: keep one"),
        ("read_options: {}, reader_kwargs: {}, path: x", "remove one of them"),
    ],
)
def test_conflicts_say_how_to_mend_them(keys: str, hint: str) -> None:
    (found,) = found_in(f"name: p\nnodes: [{{name: n, source: {{{keys}}}}}]\n")
    assert found.hint == hint


# A parameter that only a run gives, at places that need a value of some type.
OPEN_PLACES = [
    "source: {path: '${params.a}'}",
    "source: {path: 'in/${params.a}.csv', format: CSV}",
    "source: {path: x, limit: '${params.a}'}",
    "source: {path: x, filter: '${params.a}'}",
    "source: {path: x, filter: 'id > ${ params.a }'}",
    "source: {path: x, sample: {fraction: '${params.a}'}}",
    "source: {table_name: '${params.a}'}",
    "source: {path: x}, sink: {table_name: '${params.A}', mode: '${params.a}'}",
    "source: {path: x}, sink: {table_name: 't_${params.a}'}",
    "source: {path: x}, drop_duplicates: ['${params.a}'], primary_key: '${params.a}'",
    "source: {path: x}, expectations: [{name: r, expr: '${params.a}', tolerance: {abs: '${params.a}', rel: 0.5}}]",
    "source: {path: x}, transformer: {nodes: [{with_column: {name: b, expr: '${params.a}'}}]}",
    "source: {path: x}, transformer: {nodes: [{func_name: limit, func_args: ['${params.a}']}]}",
    "source: {path: x}, step: {retries: '${params.a}'}",
    "source: {path: x}, layer: '${params.a}', add_layer_columns: '${params.a}'",
]  # fmt: skip


@pytest.mark.parametrize("place", OPEN_PLACES)
def test_a_parameter_without_value_may_stand_wherever_a_value_may(place: str) -> None:
    text = f"name: p\nparameters: {{a: {{}}}}\nnodes: [{{name: n, {place}}}]\n"
    assert list(load_plan(text, settings=Settings()).nodes) == ["n"]


@pytest.mark.parametrize(
    ("declared", "place"),
    [
        ("{default: null}", "source: {path: ⟦'${params.a}'}"),
        ("{default: 3}", "source: {path: ⟦'${params.a}'}"),
        ("{}", "source: {path: x, ⟦frmat: '${params.a}'}"),
        ("{default: x}", "source: {path: x, limit: ⟦'${params.a}'}"),
    ],
)
def test_a_wrong_value_of_a_parameter_stays_a_mistake(declared: str, place: str) -> None:
    text = f"name: p\nparameters: {{a: {declared}}}\nnodes: [{{name: n, {place}}}]\n"
    clean, places = unmarked(text)
    assert places_of(found_in(clean)) == places
