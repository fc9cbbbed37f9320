"""What a plan says of every kind of source, step, rule and sink, and what it draws and selects.

Lines, graphs and sets of names are written by hand.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from laktory_dagster.errors import SelectionError
from laktory_dagster.plan.definition import EdgeKind, Plan
from laktory_dagster.plan.explain import explain_json, explain_mermaid, explain_text
from laktory_dagster.plan.selection import select
from tests.unit.plan.declaring import node_with, plan_from, problems_of

UP = "  - {name: up, source: {data: [{id: 1}]}}\n"

# Keys of a node, lines of its explanation.
LINES: list[tuple[str, list[str]]] = [
    ("source: {path: ./in}", ["reads  JSON ./in"]),
    ("source: {path: 's3://b/k/*.csv', format: CSV}", ["reads  CSV s3://b/k/*.csv"]),
    ("source: {path: ./in, format: DELTA, as_stream: true}", ["reads  DELTA ./in as a stream"]),
    ("source: {table_name: t}", ["reads  table main.default.t"]),
    ("source: {table_name: s.t, catalog_name: c}", ["reads  table c.s.t"]),
    ("source: {schema_name: s, table_name: t}", ["reads  table main.s.t"]),
    ("source: {node_name: up}", ["reads  node up"]),
    ("source: {data: [{a: 1}]}", ["reads  inline rows"]),
    ("source: {custom_reader: feeds.read}", ["reads  reader feeds.read"]),
    ("source: {asset: raw/prices}", ["reads  asset raw/prices"]),
    (
        "sources: [{path: a, format: CSV}, {node_name: up}, {table_name: t, name: x}]",
        ["reads  CSV a", "reads  node up", "reads  table main.default.t"],
    ),
    (
        "source: {path: a}, transformer: {nodes: [{func_name: union, func_args: [{node_name: up}]}]}",
        ["reads  JSON a", "reads  node up", "does   union"],
    ),
    (
        "source: {node_name: up}, transformer: {nodes: [{func_name: union, func_args: [{node_name: up}]}]}",
        ["reads  node up", "does   union"],
    ),
    (
        "source: {path: a}, transformer: {nodes: [{func_name: join, func_args: [{path: b.csv, format: CSV}, id]}, {func_name: union, func_kwargs: {other: {table_name: s.t}}}]}",
        ["reads  JSON a", "reads  CSV b.csv", "reads  table main.s.t", "does   join", "does   union"],
    ),
    (
        "source: {path: a}, transformer: {nodes: [{nodes: [{func_name: union, func_args: [{path: a}]}, {func_name: union, func_args: [{data: [{id: 1}]}]}, {func_name: union, func_args: [{data: [{id: 2}]}]}]}]}",
        ["reads  JSON a", "reads  inline rows", "does   union", "does   union", "does   union"],
    ),
    (
        "source: {path: a}, transformer: {nodes: [{sql_expr: 'SELECT *\n   FROM {nodes.up}'}]}",
        ["reads  JSON a", "reads  node up", "does   SQL SELECT * FROM {nodes.up}"],
    ),
    ("source: {path: a}, depends_on: [up]", ["reads  JSON a", "after  up"]),
    ("source: {node_name: up}, depends_on: [up]", ["reads  node up"]),
    (
        "source: {path: a}, transformer: {nodes: [{with_column: {name: x, expr: b}}, {with_columns: [{name: y, expr: b}, {name: z, expr: b}]}]}",
        ["reads  JSON a", "does   column x", "does   columns y, z"],
    ),
    (
        "source: {path: a}, transformer: {nodes: [{nodes: [{func_name: distinct}, {nodes: [{func_name: dropna}]}]}, {func_name: laktory.display}]}",
        ["reads  JSON a", "does   distinct", "does   dropna", "does   laktory.display"],
    ),
    ("source: {path: a}, layer: BRONZE", ["reads  JSON a", "does   stamp _bronze_at"]),
    ("source: {path: a}, layer: BRONZE, add_layer_columns: false", ["reads  JSON a"]),
    (
        "source: {path: a}, layer: SILVER",
        ["reads  JSON a", "does   drop duplicates on all columns", "does   stamp _silver_at"],
    ),
    (
        "source: {path: a}, layer: SILVER, primary_keys: [a, b], timestamp_key: at",
        [
            "reads  JSON a",
            "does   time column _tstamp from at",
            "does   drop duplicates on a, b",
            "does   stamp _silver_at",
        ],
    ),
    (
        "source: {path: a}, layer: SILVER, drop_duplicates: false",
        ["reads  JSON a", "does   stamp _silver_at"],
    ),
    (
        "source: {path: a}, layer: GOLD, drop_duplicates: x",
        ["reads  JSON a", "does   drop duplicates on x", "does   stamp _gold_at"],
    ),
    (
        "source: {path: a}, expectations: [{name: r, expr: a > 0}, {name: 's t', expression: b, action: FAIL}]",
        ["reads  JSON a", "checks r: a > 0 (WARN)", "checks s t: b (FAIL)"],
    ),
]  # fmt: skip
SINKS: list[tuple[str, list[str]]] = [
    ("", ["view   stored nowhere, computed for each consumer"]),
    ("sink: {path: out}", ["writes file out (DELTA, OVERWRITE)"]),
    ("sink: {path: out.csv, format: CSV, mode: IGNORE}", ["writes file out.csv (CSV, IGNORE)"]),
    ("sink: {table_name: t}", ["writes table main.default.t (DELTA, OVERWRITE)"]),
    ("sink: {table_name: c.s.t, format: PARQUET, mode: APPEND}", ["writes table c.s.t (PARQUET, APPEND)"]),
    ("sink: {path: out, mode: ERRORIFEXISTS}", ["writes file out (DELTA, ERROR)"]),
    ("sink: {pipeline_view_name: v}", ["view   stored nowhere, computed for each consumer"]),
    (
        "sinks: [{path: out}, {table_name: bad, is_quarantine: true}]",
        ["writes file out (DELTA, OVERWRITE)", "writes table main.default.bad (DELTA, OVERWRITE, quarantine)"],
    ),
]  # fmt: skip


def explained(keys: str, environment: str = "") -> list[str]:
    """Return the lines of the node `n`, without the indentation."""
    plan = plan_from(f"name: p\n{environment}nodes:\n{UP}  - {{name: n, {keys}}}\n", env=None)
    text = explain_text(plan, ["n"])
    return [line.strip() for line in text.splitlines()[2:]]


@pytest.mark.parametrize(("keys", "lines"), LINES)
def test_what_a_node_reads_does_and_checks(keys: str, lines: list[str]) -> None:
    view = "view   stored nowhere, computed for each consumer"
    assert explained(keys) == [*lines, view]


@pytest.mark.parametrize(("keys", "lines"), SINKS)
def test_what_a_node_writes(keys: str, lines: list[str]) -> None:
    assert explained(f"source: {{path: a}}{', ' if keys else ''}{keys}") == [
        "reads  JSON a",
        *lines,
    ]


def test_a_node_is_read_as_a_stream() -> None:
    stored = "  - {name: stored, source: {node_name: up}, sink: {table_name: t}}\n"
    reads = "  - {name: n, source: {node_name: stored, as_stream: true}, sink: {table_name: u}}\n"
    text = explain_text(plan_from(f"name: p\nnodes:\n{UP}{stored}{reads}", env=None), ["n"])
    assert "     reads  node stored as a stream" in text.splitlines()


def test_a_stream_appends() -> None:
    keys = "source: {path: a, as_stream: true}, sink: {table_name: t}"
    assert explained(keys)[-1] == "writes table main.default.t (DELTA, APPEND)"


def test_an_environment_changes_names_and_engine() -> None:
    text = (
        "name: p\nenvironments: {prod: {catalog: lake, schema_prefix: p_, dataframe_type: SPARK}}\n"
        "nodes: [{name: n, source: {table_name: s.x}, sink: {table_name: c.s.t}, layer: GOLD}]\n"
    )
    assert explain_text(plan_from(text, env="prod")) == (
        "pipeline p: 1 node\n"
        "1. n (spark, GOLD)\n"
        "     reads  table lake.p_s.x\n"
        "     does   stamp _gold_at\n"
        "     writes table c.p_s.t (DELTA, OVERWRITE)\n"
    )


def test_the_json_of_a_node_is_all_of_it() -> None:
    keys = (
        "layer: GOLD, sources: [{path: a, format: CSV}], depends_on: up, "
        "expectations: [{name: r, expr: a > 0}], "
        "sinks: [{path: o}, {table_name: q, is_quarantine: true}]"
    )
    plan = plan_from(f"name: p\nnodes:\n{UP}  - {{name: n, {keys}}}\n")
    (node,) = explain_json(plan, ["n"])["nodes"]
    assert len(node.pop("code_version")) == 32
    assert node == {
        "name": "n",
        "engine": "polars",
        "layer": "GOLD",
        "upstream": [],
        "after": ["up"],
        "sources": ["CSV a"],
        "sinks": [
            "file o (DELTA, OVERWRITE)",
            "table main.default.q (DELTA, OVERWRITE, quarantine)",
        ],
        "checks": ["r"],
    }


# A reference to the node `up`, the kind of its edge, and the arrow that is drawn.
REFERENCES = [
    ("source: {node_name: up}", EdgeKind.SOURCE, "-->"),
    ("sources: [{path: a}, {node_name: up}]", EdgeKind.SOURCE, "-->"),
    ("source: {path: a}, depends_on: up", EdgeKind.ORDER, "-.->"),
]
STEPS = [
    ("{func_name: union, func_args: [{node_name: up}]}", EdgeKind.ARGUMENT),
    ("{func_name: union, func_args: [{nodes.up}]}", EdgeKind.SQL),
    ("{func_name: union, func_args: ['{ nodes.up }']}", EdgeKind.SQL),
    ("{func_name: join, func_kwargs: {other: {node_name: up, selects: [id]}, on: id}}", EdgeKind.ARGUMENT),
    ("{func_name: laktory.smart_join, func_kwargs: {other: '{nodes.up}', on: [id]}}", EdgeKind.SQL),
    ("{func_name: join, func_args: [[[{node_name: up}]], id]}", EdgeKind.ARGUMENT),
    ("{func_name: join, func_args: [{a: {b: {node_name: up}}}, id]}", EdgeKind.ARGUMENT),
    ("{sql_expr: 'SELECT * FROM {nodes.up}'}", EdgeKind.SQL),
    ("{expr: 'SELECT * FROM {df} JOIN {nodes.up} u USING (id)'}", EdgeKind.SQL),
    ("{sql_expr: 'SELECT * FROM {df} WHERE id IN (SELECT id FROM {nodes.up})'}", EdgeKind.SQL),
    ("{sql_expr: 'WITH x AS (SELECT * FROM {nodes.up}) SELECT * FROM x'}", EdgeKind.SQL),
    ("{sql_expr: 'SELECT * FROM {df} UNION ALL SELECT * FROM {nodes.up}'}", EdgeKind.SQL),
    ("{nodes: [{nodes: [{sql_expr: 'SELECT * FROM {nodes.up}'}]}]}", EdgeKind.SQL),
]  # fmt: skip
NO_REFERENCES = [
    "{func_name: fillna, func_args: [{value: '{nodes.up}'}]}",
    "{func_name: fillna, func_args: [{value: {node_name: up}}]}",
    "{func_name: fillna, func_args: ['see {nodes.up}']}",
    "{sql_expr: \"SELECT '{nodes.up}' AS a FROM {df}\"}",
    "{sql_expr: 'SELECT a /* {nodes.up} */ FROM {df} -- {nodes.up}'}",
    "{sql_expr: 'SELECT * FROM {df} up'}",
    "{with_column: {name: up, expr: up}}",
]


def in_plan(keys: str) -> Plan:
    return plan_from(f"name: p\nnodes:\n  - {{name: n, {keys}}}\n{UP}")


@pytest.mark.parametrize(
    ("keys", "kind", "arrow"),
    REFERENCES
    + [(f"source: {{path: a}}, transformer: {{nodes: [{s}]}}", k, "-->") for s, k in STEPS],
)
def test_every_reference_is_an_edge_and_an_arrow(keys: str, kind: EdgeKind, arrow: str) -> None:
    plan = in_plan(keys)

    assert [(e.upstream, e.downstream, e.kind) for e in plan.edges] == [("up", "n", kind)]
    assert list(plan.nodes) == ["up", "n"]
    assert explain_mermaid(plan) == (
        f'graph LR\n    n0(["up"])\n    n1(["n"])\n    n0 {arrow} n1\n'
    )


@pytest.mark.parametrize("step", NO_REFERENCES)
def test_a_text_that_only_looks_like_a_reference_is_none(step: str) -> None:
    assert in_plan(f"source: {{path: a}}, transformer: {{nodes: [{step}]}}").edges == ()


@pytest.mark.parametrize(("step", "_kind"), STEPS)
def test_each_reference_to_no_node_is_told(step: str, _kind: EdgeKind) -> None:
    (found,) = problems_of(node_with(transformer=f"{{nodes: [{step}]}}"))
    assert found.message == "there is no node `up`"
    assert found.location is not None
    assert found.location.line == 5


# A diamond with a tail and a stranger: a -> b, c -> d -> e, with f after d, and g alone.
DIAMOND = plan_from("""
    name: p
    nodes:
      - {name: a, source: {path: x}, layer: BRONZE, tags: [raw, big]}
      - {name: b, source: {node_name: a}, layer: SILVER, tags: big}
      - {name: c, source: {node_name: a}, layer: SILVER}
      - {name: d, sources: [{node_name: b}, {node_name: c}], layer: GOLD}
      - {name: e, source: {node_name: d}, layer: GOLD, tags: [raw]}
      - {name: f, source: {path: y}, depends_on: d, execution_task_name: side}
      - {name: g, source: {path: z}}
""")
ABOVE = {"a": "", "b": "a", "c": "a", "d": "abc", "e": "abcd", "f": "abcd", "g": ""}
BELOW = {"a": "bcdef", "b": "def", "c": "def", "d": "ef", "e": "", "f": "", "g": ""}
GROUPS = {
    "raw": "ae", "big": "ab", "tag:raw": "ae", "tag:big": "ab", "BRONZE": "a", "silver": "bc",
    "layer:gold": "de", "layer:SILVER": "bc", "side": "f", **{name: name for name in "abcdefg"},
}  # fmt: skip


def terms() -> Iterator[tuple[str, set[str]]]:
    """Yield every term of the grammar, and the nodes it selects."""
    for name, members in GROUPS.items():
        above = set(members).union(*(ABOVE[member] for member in members))
        below = set(members).union(*(BELOW[member] for member in members))
        yield name, set(members)
        yield f"*{name}", above
        yield f"{name}*", below
        yield f"*{name}*", above | below


TERMS = list(terms())


@pytest.mark.parametrize(("term", "names"), TERMS)
def test_a_term_selects_its_nodes_in_the_order_of_the_plan(term: str, names: set[str]) -> None:
    assert select(DIAMOND, term) == tuple(name for name in "abcdefg" if name in names)


@pytest.mark.parametrize("separator", [",", " ", ", ", "\n", " ,, "])
def test_several_terms_select_what_each_does(separator: str) -> None:
    for (one, first), (other, second) in itertools.islice(
        itertools.combinations(TERMS, 2), 0, None, 97
    ):
        names = tuple(name for name in "abcdefg" if name in first | second)
        assert select(DIAMOND, f"{one}{separator}{other}") == names
        assert select(DIAMOND, [other, one]) == names


@pytest.mark.parametrize(
    ("term", "name", "hint"),
    [
        ("h", "h", None),
        ("*rww*", "rww", "did you mean `raw`?"),
        ("tag:rau", "rau", "did you mean `raw`?"),
        ("tag:a", "a", "did you mean `a`?"),
        ("layer:sliver", "sliver", "did you mean `SILVER`?"),
        ("layer:", "layer:", None),
        ("tag:*", "tag:", None),
        ("**a", "*a", "did you mean `a`?"),
        ("a**", "a*", "did you mean `a`?"),
        ("+a", "+a", "did you mean `a`?"),
        ("a+", "a+", "did you mean `a`?"),
        ("A", "A", "did you mean `a`?"),
        ("a, *zz", "zz", None),
    ],
)
def test_a_term_that_selects_nothing_says_what_there_is(
    term: str, name: str, hint: str | None
) -> None:
    with pytest.raises(SelectionError) as caught:
        select(DIAMOND, term)
    shown = term.rsplit(", ", maxsplit=1)[-1]
    assert caught.value.message == (
        f"`{shown}` selects nothing: the pipeline `p` has no node, tag or layer `{name}`"
    )
    assert caught.value.expected == "one of a, b, c, d, e, f, g, big, raw, BRONZE, GOLD, SILVER"
    assert caught.value.hint == hint


def test_a_selection_draws_only_its_arrows() -> None:
    assert explain_mermaid(DIAMOND, select(DIAMOND, "a, d*")) == (
        'graph LR\n    n0(["a"])\n    n3(["d"])\n    n4(["e"])\n    n5(["f"])\n'
        "    n3 --> n4\n    n3 -.-> n5\n"
    )
    assert explain_text(DIAMOND, select(DIAMOND, "g")).splitlines()[0] == "pipeline p: 1 of 7 nodes"
