"""The plan as text and as a graph, against what was written by hand."""

from __future__ import annotations

from textwrap import dedent

from laktory_dagster.plan.explain import explain_json, explain_mermaid, explain_text
from laktory_dagster.plan.selection import select
from tests.unit.plan.declaring import plan_from

PLAN = plan_from("""
    name: prices
    nodes:
      - name: gold
        layer: GOLD
        source: {node_name: silver}
        depends_on: [lookup]
        transformer:
          nodes:
            - sql_expr: |
                SELECT symbol, max(close) AS top
                FROM {df}
                GROUP BY symbol
      - name: silver
        layer: SILVER
        primary_key: symbol
        timestamp_key: at
        source: {node_name: bronze}
        transformer:
          nodes:
            - with_column: {name: symbol, sql_expr: data.symbol}
            - with_columns:
                - {name: close, type: double, sql_expr: data.close}
                - {name: at, type: timestamp, sql_expr: data.at}
            - func_name: join
              func_kwargs: {other: {node_name: lookup}, on: symbol}
        expectations:
          - {name: has a price, expression: close > 0, action: QUARANTINE}
        sinks:
          - {schema_name: finance, table_name: silver, mode: MERGE}
          - {path: out/bad.csv, format: CSV, is_quarantine: true}
      - name: bronze
        layer: BRONZE
        source: {path: ./events}
        sink: {schema_name: finance, table_name: bronze}
      - name: lookup
        source: {path: lookup.csv, format: CSV}
""")

TEXT = """\
pipeline prices: 4 nodes
1. bronze (polars, BRONZE)
     reads  JSON ./events
     does   stamp _bronze_at
     writes table main.finance.bronze (DELTA, OVERWRITE)
2. lookup (polars)
     reads  CSV lookup.csv
     view   stored nowhere, computed for each consumer
3. silver (polars, SILVER)
     reads  node bronze
     reads  node lookup
     does   column symbol
     does   columns close, at
     does   join
     does   time column _tstamp from at
     does   drop source columns that the steps did not produce
     does   drop duplicates on symbol
     does   stamp _silver_at
     checks has a price: close > 0 (QUARANTINE)
     writes table main.finance.silver (DELTA, MERGE)
     writes file out/bad.csv (CSV, OVERWRITE, quarantine)
4. gold (polars, GOLD)
     reads  node silver
     after  lookup
     does   SQL SELECT symbol, max(close) AS top FROM {df} GROUP BY symbol
     does   stamp _gold_at
     view   stored nowhere, computed for each consumer
"""

MERMAID = """\
graph LR
    n0["bronze"]
    n1(["lookup"])
    n2["silver"]
    n3(["gold"])
    n0 --> n2
    n1 --> n2
    n2 --> n3
    n1 -.-> n3
"""


def test_text() -> None:
    assert explain_text(PLAN) == TEXT


def test_mermaid() -> None:
    assert explain_mermaid(PLAN) == MERMAID


def test_a_selection_shows_its_nodes_and_the_edges_between_them() -> None:
    chosen = select(PLAN, "*silver")
    assert explain_text(PLAN, chosen).splitlines()[0] == "pipeline prices: 3 of 4 nodes"
    assert "gold" not in explain_text(PLAN, chosen)
    assert explain_mermaid(PLAN, chosen) == dedent("""\
        graph LR
            n0["bronze"]
            n1(["lookup"])
            n2["silver"]
            n0 --> n2
            n1 --> n2
    """)


def test_json() -> None:
    data = explain_json(PLAN)
    assert data["pipeline"] == "prices"
    assert [node["name"] for node in data["nodes"]] == ["bronze", "lookup", "silver", "gold"]
    assert data["nodes"][2]["upstream"] == ["bronze", "lookup"]
    assert data["nodes"][3]["after"] == ["lookup"]
    assert data["nodes"][2]["checks"] == ["has a price"]


def test_names_cannot_break_the_graph() -> None:
    plan = plan_from("name: p\nnodes: [{name: end.node-1, source: {path: a.json}}]")
    assert explain_mermaid(plan) == 'graph LR\n    n0(["end.node-1"])\n'
