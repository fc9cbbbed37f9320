"""Edges, order, cycles, engines: the shape of a plan."""

from __future__ import annotations

from pathlib import Path

import pytest

from laktory_dagster import models
from laktory_dagster.errors import DeclarationError
from laktory_dagster.plan.builder import build_plan
from laktory_dagster.plan.definition import EdgeKind
from laktory_dagster.settings import Settings
from tests.unit.plan.declaring import node_with, plan_from, problems_of

EVERY_REFERENCE = """
    name: p
    nodes:
      - name: all
        sources:
          - {node_name: a}
          - {path: x.json, name: x}
        depends_on: [d]
        transformer:
          nodes:
            - func_name: join
              func_args: [{node_name: b, selects: [id]}]
              func_kwargs: {on: id}
            - nodes:
                - sql_expr: SELECT df.id FROM {df} df JOIN {nodes.c} c ON df.id = c.id
                - func_name: union
                  func_args: ["{nodes.e}"]
            - func_name: join
              func_kwargs: {other: {node_name: b}, on: id, how: left}
      - {name: d, source: {path: d.json}}
      - {name: c, source: {path: c.json}}
      - {name: b, source: {path: b.json}}
      - {name: a, source: {path: a.json}}
      - {name: e, source: {path: e.json}}
"""


def test_edges_come_from_every_kind_of_reference() -> None:
    plan = plan_from(EVERY_REFERENCE)
    assert {(edge.upstream, edge.downstream, edge.kind) for edge in plan.edges} == {
        ("a", "all", EdgeKind.SOURCE),
        ("b", "all", EdgeKind.ARGUMENT),
        ("c", "all", EdgeKind.SQL),
        ("e", "all", EdgeKind.SQL),
        ("d", "all", EdgeKind.ORDER),
    }
    node = plan.nodes["all"]
    assert node.upstream == ("a", "b", "c", "e")
    assert node.after == ("d",)


def test_order_follows_edges_and_else_the_declaration() -> None:
    assert list(plan_from(EVERY_REFERENCE).nodes) == ["d", "c", "b", "a", "e", "all"]


def test_consumers_are_those_that_read_rows() -> None:
    consumers = plan_from(EVERY_REFERENCE).consumers()
    assert consumers["a"] == ("all",)
    assert consumers["d"] == ()


def test_a_node_read_twice_is_one_upstream() -> None:
    plan = plan_from("""
        name: p
        nodes:
          - {name: a, source: {path: a.json}}
          - name: b
            sources: [{node_name: a}, {node_name: a, name: again}]
            depends_on: a
    """)
    assert plan.nodes["b"].upstream == ("a",)
    assert plan.nodes["b"].after == ()


def test_a_name_with_dots_and_dashes_in_sql() -> None:
    plan = plan_from("""
        name: p
        nodes:
          - {name: a.b-c, source: {path: a.json}}
          - name: b
            source: {path: b.json}
            transformer: {nodes: [{sql_expr: "SELECT * FROM {nodes.a.b-c}"}]}
    """)
    assert plan.nodes["b"].upstream == ("a.b-c",)


def test_a_placeholder_in_a_text_of_sql_or_a_forced_literal_is_no_edge() -> None:
    plan = plan_from("""
        name: p
        nodes:
          - name: b
            source: {path: b.json}
            transformer:
              nodes:
                - func_name: fillna
                  func_args: [{value: "{nodes.zzz}"}]
    """)
    assert plan.edges == ()


def test_a_dangling_reference_says_what_was_meant() -> None:
    (problem,) = problems_of("""
        name: p
        nodes:
          - {name: brz_prices, source: {path: a.json}}
          - {name: slv, source: {node_name: brz_price}}
    """)
    assert problem.message == "there is no node `brz_price`"
    assert problem.hint == "did you mean `brz_prices`?"
    assert problem.path == ("nodes", 1, "sources", 0, "node_name")
    assert (problem.location.line, problem.location.column) == (5, 37)


@pytest.mark.parametrize(
    ("node", "path"),
    [
        ("depends_on: [zz]", ("nodes", 0, "depends_on", 0)),
        (
            'transformer: {nodes: [{sql_expr: "SELECT * FROM {nodes.zz}"}]}',
            ("nodes", 0, "transformer", "nodes", 0, "sql_expr"),
        ),
        (
            "transformer: {nodes: [{func_name: union, func_args: [{node_name: zz}]}]}",
            ("nodes", 0, "transformer", "nodes", 0, "func_args", 0, "node_name"),
        ),
        (
            'transformer: {nodes: [{func_name: union, func_args: ["{nodes.zz}"]}]}',
            ("nodes", 0, "transformer", "nodes", 0, "func_args", 0),
        ),
    ],
)
def test_every_dangling_reference_is_found_at_its_place(node: str, path: tuple) -> None:
    key, _, value = node.partition(": ")
    (problem,) = problems_of(node_with(**{key: value}))
    assert problem.message == "there is no node `zz`"
    assert problem.path == path


@pytest.mark.parametrize(
    "key", ["source: {node_name: n}", "depends_on: n", "sources: [{path: a}, {node_name: n}]"]
)
def test_a_self_reference_is_an_error(key: str) -> None:
    name, _, value = key.partition(": ")
    (problem,) = problems_of(node_with(**{name: value}))
    assert "itself" in problem.message
    assert problem.hint == "to use its stored rows, name its table or path as the source"


def test_a_cycle_is_shown_as_a_path_in_the_direction_of_the_data() -> None:
    (problem,) = problems_of("""
        name: p
        nodes:
          - {name: free, source: {path: a.json}}
          - {name: a, source: {node_name: c}}
          - {name: b, source: {node_name: a}}
          - {name: c, source: {node_name: b}}
          - {name: below, source: {node_name: c}}
    """)
    assert problem.message == "nodes need each other: a -> b -> c -> a"
    assert problem.location.line == 5


def test_each_cycle_is_reported_once() -> None:
    found = problems_of("""
        name: p
        nodes:
          - {name: a, source: {node_name: b}}
          - {name: b, source: {node_name: a}}
          - {name: c, source: {path: c}, depends_on: d}
          - {name: d, source: {node_name: c}}
    """)
    assert [problem.message for problem in found] == [
        "nodes need each other: a -> b -> a",
        "nodes need each other: c -> d -> c",
    ]


def test_a_node_that_stores_only_rejected_rows_is_no_source() -> None:
    (problem,) = problems_of("""
        name: p
        nodes:
          - name: a
            source: {path: a.json}
            sinks: [{path: bad, is_quarantine: true}]
            expectations: [{name: r, expression: x > 0, action: QUARANTINE}]
          - {name: b, source: {node_name: a}}
    """)
    assert problem.message == "node `b` reads node `a`, which stores only rejected rows"


def test_all_problems_of_all_nodes_come_at_once_in_the_order_of_the_text() -> None:
    found = problems_of("""
        name: p
        nodes:
          - {name: a, source: {node_name: zz}}
          - {name: b, source: {node_name: b}}
          - name: c
            source: {path: c.json}
            transformer: {nodes: [{func_name: slect}, {sql_expr: SELEC}]}
            sink: {path: c, mode: MERGE}
    """)
    assert [problem.location.line for problem in found] == [4, 5, 8, 8, 9]


@pytest.mark.parametrize(
    ("pipeline", "node", "engine", "dialect"),
    [
        ("", "", "polars", "spark"),
        ("dataframe_type: POLARS", "", "polars", "polars"),
        ("dataframe_backend: PYSPARK", "", "spark", "spark"),
        ("dataframe_type: SPARK", "dataframe_type: POLARS", "polars", "polars"),
        ("dataframe_type: POLARS", "dataframe_type: SPARK", "spark", "spark"),
        ("sql_dialect: duckdb", "", "polars", "duckdb"),
        ("{dataframe_type: POLARS, sql_dialect: spark}", "", "polars", "spark"),
    ],
)
def test_engine_and_dialect(pipeline: str, node: str, engine: str, dialect: str) -> None:
    declared = {"name": "p", "nodes": [{"name": "n", "source": {"path": "a.json"}}]}
    for text, into in ((pipeline, declared), (node, declared["nodes"][0])):
        for part in text.strip("{}").split(", ") if text else []:
            key, _, value = part.partition(": ")
            into[key] = value
    plan = build_plan(models.Pipeline.model_validate(declared), settings=Settings())
    assert (plan.nodes["n"].engine, plan.nodes["n"].dialect) == (engine, dialect)


def test_the_engine_of_settings_serves_where_nothing_is_declared() -> None:
    settings = Settings(engine="spark")
    assert plan_from(node_with(), settings).nodes["n"].engine == "spark"
    declared = node_with(dataframe_type="POLARS")
    assert plan_from(declared, settings).nodes["n"].engine == "polars"


def test_the_engine_of_an_environment_replaces_the_pipelines_and_not_its_language() -> None:
    text = "environments: {prod: {dataframe_type: SPARK}}\ndataframe_type: POLARS\n" + node_with()
    node = plan_from(text, env="prod").nodes["n"]
    assert (node.engine, node.dialect) == ("spark", "polars")


def test_an_unknown_dialect_is_an_error() -> None:
    problem = problems_of("sql_dialect: sparck\n" + node_with())[0]
    assert problem.path == ("sql_dialect",)
    assert problem.hint == "did you mean `spark`?"


def test_a_pipeline_without_nodes_has_an_empty_plan() -> None:
    assert dict(plan_from("name: p\nnodes: []\n").nodes) == {}


def test_a_pipeline_of_python_needs_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pipeline = models.Pipeline(name="p", nodes=[{"name": "n", "source": {"data": [{"a": 1}]}}])
    plan = build_plan(pipeline, settings=Settings())
    assert plan.folder == tmp_path
    assert plan.file is None


def test_problems_of_a_pipeline_of_python_have_paths_and_no_places() -> None:
    pipeline = models.Pipeline(name="p", nodes=[{"name": "n", "source": {"node_name": "m"}}])
    with pytest.raises(DeclarationError) as raised:
        build_plan(pipeline, settings=Settings())
    (problem,) = raised.value.diagnostics
    assert problem.location is None
    assert problem.dotted_path() == "nodes[0].sources[0].node_name"


def test_a_chain_of_five_thousand_nodes_plans() -> None:
    nodes = [{"name": "n0", "source": {"path": "a.json"}}]
    nodes += [{"name": f"n{i}", "source": {"node_name": f"n{i - 1}"}} for i in range(1, 5000)]
    plan = build_plan(models.Pipeline(name="p", nodes=nodes[::-1]), settings=Settings())
    assert list(plan.nodes) == [f"n{i}" for i in range(5000)]


def test_a_cycle_of_five_thousand_nodes_is_found() -> None:
    nodes = [{"name": f"n{i}", "source": {"node_name": f"n{(i - 1) % 5000}"}} for i in range(5000)]
    with pytest.raises(DeclarationError, match="nodes need each other: n0 -> n1 -> n2"):
        build_plan(models.Pipeline(name="p", nodes=nodes), settings=Settings())


def test_a_fan_in_of_a_thousand_nodes_plans() -> None:
    nodes = [{"name": f"n{i}", "source": {"path": "a.json"}} for i in range(1000)]
    union = [{"func_name": "union", "func_args": [{"node_name": f"n{i}"}]} for i in range(1, 1000)]
    last = {"name": "z", "source": {"node_name": "n0"}, "transformer": {"nodes": union}}
    plan = build_plan(models.Pipeline(name="p", nodes=[last, *nodes]), settings=Settings())
    assert len(plan.nodes["z"].upstream) == 1000
    assert list(plan.nodes)[-1] == "z"
