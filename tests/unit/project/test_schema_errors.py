"""Mistakes in the keys and values of a YAML file: one plain message for each, at its place."""

from __future__ import annotations

from textwrap import dedent

import pytest

from laktory_dagster import models
from laktory_dagster.errors import DeclarationError, Diagnostic
from laktory_dagster.project import load_plan
from laktory_dagster.settings import Settings


def found_in(text: str) -> list[Diagnostic]:
    with pytest.raises(DeclarationError) as raised:
        load_plan(dedent(text), settings=Settings())
    return list(raised.value.diagnostics)


def node(line: str) -> str:
    """Return a pipeline whose node has one more line, the fifth."""
    return f"name: p\nnodes:\n  - name: n\n    source: {{path: a.json}}\n    {line}\n"


SOURCE = "sources: [{path: a, %s}]"
# line 5 of the file, column, message, expected, hint
MISTAKES = [
    ("layr: GOLD", 5, "unknown key `layr`", None, "did you mean `layer`?"),
    ("zzzzzz: 1", 5, "unknown key `zzzzzz`", None, None),
    ("layer: SILVR", 12, "`layer` cannot be `SILVR`", "one of BRONZE, SILVER, GOLD", "`SILVER`"),
    ("layer: 3", 12, "`layer` cannot be `3`", "one of BRONZE, SILVER, GOLD", None),
    ("add_layer_columns: yes", 24, "cannot be `yes`", "true or false", "write `true`"),
    ("add_layer_columns: off", 24, "cannot be `off`", "true or false", "write `false`"),
    ("add_layer_columns: 1", 24, "cannot be `1`", "true or false", None),
    ("description: 2024", 18, "`description` cannot be `2024`", "a text", 'quotes around it: `"2024"`'),
    ("description: [a]", 18, "`description` cannot be a list", "a text", None),
    ("primary_key: 3", 18, "`primary_key` cannot be `3`", "a text", "quotes"),
    ("primary_keys: {a: b}", 19, "`primary_keys` cannot be a mapping", "a list", None),
    ("drop_duplicates: 3", 22, "cannot be `3`", "true or false or a list or a mapping", None),
    ("drop_duplicates: [a, 1]", 26, "`drop_duplicates[1]` cannot be `1`", "a text", "quotes"),
    ("drop_duplicates: {subst: a}", 23, "unknown key `subst`", None, "did you mean `subset`?"),
    ("drop_duplicates: {keep: last}", 29, "`keep` cannot be `last`", "one of first, any", None),
    ("samples: maybe", 14, "`samples` cannot be `maybe`", "true or false or on or off", None),
    ("step: {retries: -1}", 21, "`retries` cannot be `-1`", "at least 0", None),
    ("step: {retries: '2'}", 21, "`retries` cannot be `2`", "a whole number", "without quotes: `2`"),
    ("step: theirs", 11, "`step` cannot be `theirs`", "a mapping", None),
    ("transformer: [a]", 18, "`transformer` cannot be a list", "a mapping", None),
    ("transformer: {nods: []}", 19, "unknown key `nods`", None, "did you mean `nodes`?"),
    ("transformer: {nodes: [{fnc: x}]}", 27, "a step needs one of `func_name`", None, None),
    (
        "transformer: {nodes: [{func_name: x, args: [1]}]}",
        42,
        "unknown key `args`",
        None,
        "did you mean `func_args`?",
    ),
    (
        "transformer: {nodes: [{nodes: [{sql_expr: 1}]}]}",
        47,
        "`sql_expr` cannot be `1`",
        "a text",
        None,
    ),
    (
        "transformer: {nodes: [{with_column: {name: a}}]}",
        41,
        "a column needs `expr` or `sql_expr`",
        None,
        None,
    ),
    (
        "transformer: {nodes: [{func_name: x, func_args: [{path: a, frmat: CSV}]}]}",
        64,
        "unknown key `frmat`",
        None,
        "did you mean `format`?",
    ),
    ("expectations: [{name: a, expresion: b}]", 30, "unknown key `expresion`", None, "expression"),
    ("expectations: [{name: a, expr: b, action: DORP}]", 47, "`action` cannot be `DORP`", None, "DROP"),
    ("expectations: [{name: '', expr: b}]", 27, "`name` cannot be ``", "at least 1 characters", None),
    (
        "expectations: [{name: a, expr: b, type: AGGREGATE, action: DROP}]",
        20,
        "an AGGREGATE rule has no rows to DROP; use WARN or FAIL",
        None,
        None,
    ),
    ("expectations: [{name: a, expr: b, tolerance: {}}]", 50, "either `abs` or `rel`", None, None),
    ("sink: {pth: out}", 11, "a sink needs one of `path`", None, "`pth`: did you mean `path`?"),
    ("sink: {path: out, mode: REPLACE}", 29, "`mode` cannot be `REPLACE`", None, None),
    ("sink: {path: out, schema: 3}", 31, "`schema` cannot be `3`", "a mapping or a list or a text", None),
    ("sink: {table_name: a.b.c.d}", 24, "is no table name", None, None),
    (f"sink: {{table_name: a.{'n' * 241}}}", 24, "is no table name", None, None),
    ("sink: {table_name: '../x'}", 24, "is no table name", None, None),
    ("comment: a\n    description: b", 5, "`description` is another name of", None, "remove one"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "column", "message", "expected", "hint"), MISTAKES)
def test_a_mistake_in_a_node(
    line: str, column: int, message: str, expected: str | None, hint: str | None
) -> None:
    found = found_in(node(line))
    assert len(found) == 1, [item.message for item in found]
    (problem,) = found
    assert message in problem.message
    assert (problem.location.line, problem.location.column) == (5 + line.count("\n"), column)
    assert problem.snippet.splitlines()[1].endswith("^")
    if expected is not None:
        assert problem.expected == expected
    if hint is not None:
        assert hint in problem.hint


@pytest.mark.parametrize(
    ("source", "message", "hint"),
    [
        ("{frmat: CSV, path: a}", "unknown key `frmat`", "did you mean `format`?"),
        ("{pth: a}", "a source needs one of `path`", "`pth`: did you mean `path`?"),
        ("a.json", "a source needs one of `path`", None),
        ("{path: a, format: csv}", "`format` cannot be `csv`", "did you mean `CSV`?"),
        ("{path: a, limit: -1}", "`limit` cannot be `-1`", None),
        ("{path: a, limit: 1.5}", "`limit` cannot be `1.5`", None),
        ("{path: a, sample: {fraction: 2}}", "`fraction` cannot be `2`", None),
        ("{path: a, selects: []}", "`selects` keeps no column; leave it out", None),
        ("{path: a, selects: [1]}", "`selects[0]` cannot be `1`", None),
        ("{path: a, selects: {a: 1}}", "`a` cannot be `1`", None),
        ("{path: a, renames: [a]}", "`renames` cannot be a list", None),
        ("{path: a, has_header: no}", "`has_header` cannot be `no`", "write `false`"),
        ("{path: a, watermark: {column: t}}", "the key `threshold` is missing", None),
        ("{node_name: '../x'}", "is no name", None),
        ("{node_name: 3}", "`node_name` cannot be `3`", None),
        ("{data: 3}", "`data` cannot be `3`", None),
        ("{data: [3]}", "`data[0]` cannot be `3`", None),
        ("null", "a node needs a `source`", None),
    ],
)
def test_a_mistake_in_a_source(source: str, message: str, hint: str | None) -> None:
    (problem,) = found_in(f"name: p\nnodes:\n  - name: n\n    source: {source}\n")
    assert message in problem.message
    assert problem.location.line in (3, 4)
    if hint is not None:
        assert problem.hint == hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nodes: []", "the key `name` is missing"),
        ("name: 3\nnodes: []", "`name` cannot be `3`"),
        ("name: 'a b'\nnodes: []", "`a b` is no name"),
        ("name: p\nnodes: 3", "`nodes` cannot be `3`"),
        ("name: p\nnodes: [3]", "`nodes[0]` cannot be `3`"),
        ("name: p\nnodes: {a: b}", "`nodes` cannot be a mapping"),
        ("name: p\nnodes: []\ncompat: 0.4", "`compat` cannot be `0.4`"),
        ("name: p\nnodes: []\norchestrator: CRON", "`orchestrator` cannot be `CRON`"),
        ("name: p\nnodes: []\norchestrator: {type: CRON}", "`orchestrator.type` must be"),
        ("name: p\nnodes: []\nschedule: {}", "the key `cron` is missing"),
        ("name: p\nnodes: []\nudfs: [{module_name: a}]", "the key `function_name` is missing"),
        ("name: p\nnodes: []\nvariables: [a]", "`variables` cannot be a list"),
        ("name: p\nnodes: []\nenvironments: {dev: {wharehouse: x}}", "unknown key `wharehouse`"),
        ("name: p\nnodes: []\ndlt: {traget: x}", "unknown key `traget`"),
    ],
)
def test_a_mistake_in_the_pipeline(text: str, message: str) -> None:
    (problem,) = found_in(text)
    assert message in problem.message
    assert problem.location is not None


def test_one_name_twice_names_both_places() -> None:
    (problem,) = found_in("""
        name: p
        nodes:
          - {name: a, source: {path: a}}
          - {name: b, source: {path: a}}
          - {name: a, source: {path: a}}
    """)
    assert problem.message == "two nodes are named `a` (the other one is nodes[0])"
    assert (problem.location.line, problem.location.column) == (6, 12)


def test_names_that_dagster_folds_into_one() -> None:
    (problem,) = found_in("""
        name: p
        nodes:
          - {name: A.b, source: {path: a}}
          - {name: a_b, source: {path: a}}
    """)
    assert problem.message.startswith("the names `A.b` and `a_b` are the same once Dagster folds")


def test_two_rules_of_one_name() -> None:
    rules = "expectations: [{name: r, expr: a}, {name: r, expr: b}]"
    (problem,) = found_in(node(rules))
    assert problem.message == "two expectations are named `r`"
    assert problem.location.line == 3


def test_all_mistakes_of_a_file_come_at_once_in_the_order_of_the_text() -> None:
    found = found_in("""
        nam: p
        nodes:
          - name: a
            layer: SILVR
            source: {path: a, frmat: CSV}
          - name: a
            source: {path: b}
            sink: {mode: APPEND}
        parameters: 3
    """)
    assert [(item.location.line, item.message.split(" (")[0]) for item in found] == [
        (2, "unknown key `nam`"),
        (5, "`layer` cannot be `SILVR`"),
        (6, "unknown key `frmat`"),
        (7, "two nodes are named `a`"),
        (9, "a sink needs one of `path`, `table_name`, `pipeline_view_name`"),
        (10, "`parameters` cannot be `3`"),
    ]


def test_no_message_speaks_the_language_of_the_library() -> None:
    lines = [line for line, *_ in MISTAKES]
    texts = "\n".join(item.render() for line in lines for item in found_in(node(line)))
    for word in (
        "pydantic",
        "Input should",
        "Value error",
        "validation",
        "type=",
        "union",
        "<file>",
    ):
        assert word not in texts


def test_of_very_many_mistakes_each_has_its_place() -> None:
    nodes = "\n".join(f"  - {{name: n{i}, layr: x, source: {{path: a}}}}" for i in range(1000))
    found = found_in(f"name: p\nnodes:\n{nodes}\n")
    assert [item.location.line for item in found] == list(range(3, 1003))


def test_other_models_read_yaml_too() -> None:
    with pytest.raises(DeclarationError) as raised:
        models.PipelineNode.model_validate_yaml("name: n\nsource: {path: a}\nlayr: GOLD\n")
    (problem,) = raised.value.diagnostics
    assert (problem.location.line, problem.hint) == (3, "did you mean `layer`?")
    node = models.PipelineNode.model_validate_yaml("name: n\nsource: {path: a}\nlayer: GOLD\n")
    assert node.layer == "GOLD"
