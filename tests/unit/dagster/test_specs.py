"""How a node looks in Dagster before any run: key, group, kinds, owners, tags, metadata, versions.

Nothing is executed: expected values are literals that follow from the declared text.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from laktory_dagster import asset_key, build_definitions, node_input
from laktory_dagster.errors import DeclarationError, SettingsError
from tests.unit.dagster.test_runs import write


def specs_of(folder: Path, text: str, **options: Any) -> dict[str, dg.AssetSpec]:
    definitions = build_definitions(write(folder, text), **options)
    # Loading a code location resolves its jobs too: what they refuse must not come up later.
    definitions.resolve_implicit_global_asset_job_def()
    return {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}


def node_spec(folder: Path, *, node: str = "", top: str = "", sink: str = "") -> dg.AssetSpec:
    """Return the spec of the one node of a pipeline, with these keys of it, the pipeline, its sink."""
    text = f"""
name: p
{top}
nodes:
  - name: n
    {node}
    source: {{data: [{{x: 1}}]}}
    sink: {{table_name: t{sink}}}
"""
    return specs_of(folder, text)["p/n"]


FULL = """
name: stock.prices-eu
tags: {domain: markets}
nodes:
  - name: brz.prices
    description: Prices as they came.
    layer: BRONZE
    tags: [ingest]
    source: {data: [{id: 1, x: 1.5}]}
    sink:
      catalog_name: lake
      schema_name: fin
      table_name: brz
      metadata: {owner: "team:markets"}
      schema_definition: {id: bigint, x: double}
"""


def test_a_node_with_everything_declared(tmp_path: Path) -> None:
    (spec,) = specs_of(tmp_path, FULL).values()

    assert spec.key == dg.AssetKey(["stock.prices-eu", "brz.prices"])
    assert spec.group_name == "stock_prices_eu"
    assert spec.description == "Prices as they came."
    assert spec.kinds == {"polars", "bronze", "deltalake"}
    assert list(spec.owners) == ["team:markets"]
    assert {k: v for k, v in spec.tags.items() if "kind" not in k} == {
        "ingest": "",
        "domain": "markets",
    }
    assert spec.skippable
    assert spec.metadata["dagster/table_name"] == "lake.fin.brz"
    assert spec.metadata["dagster/storage_kind"] == "deltalake"
    columns = [
        (column.name, column.type) for column in spec.metadata["dagster/column_schema"].columns
    ]
    assert columns == [("id", "bigint"), ("x", "double")]
    assert spec.metadata["dagster/io_manager_key"] == "laktory"


def test_the_code_reference_is_the_line_of_the_node(tmp_path: Path) -> None:
    (spec,) = specs_of(tmp_path, FULL).values()

    (reference,) = spec.metadata["dagster/code_references"].code_references
    # The text starts with an empty line; the node's name stands on the fifth.
    assert (reference.file_path, reference.line_number) == (str(tmp_path / "pipeline.yaml"), 5)


@pytest.mark.parametrize(
    ("node", "kinds"),
    [
        ("sink: {table_name: t}", {"polars", "deltalake"}),
        ("layer: SILVER, sink: {table_name: t}", {"polars", "silver", "deltalake"}),
        ("layer: GOLD, sink: {path: o.parquet, format: PARQUET}", {"polars", "gold", "parquet"}),
        ("sink: {path: o.csv, format: CSV}", {"polars", "csv"}),
        ("sink: {path: o.jsonl, format: JSONL}", {"polars", "json"}),
        ("sink: {table_name: t, format: PARQUET}", {"polars", "parquet"}),
        ("layer: GOLD", {"polars", "gold", "view"}),
        ("sink: {pipeline_view_name: v}", {"polars", "view"}),
        (
            "sinks: [{table_name: q, is_quarantine: true}, {path: o.csv, format: CSV}]",
            {"polars", "csv"},
        ),
        ("dataframe_type: SPARK, sink: {table_name: t}", {"spark", "deltalake"}),
    ],
)
def test_kinds_are_the_engine_the_layer_and_the_storage(
    tmp_path: Path, node: str, kinds: set[str]
) -> None:
    text = (
        f"name: p\nnodes:\n  - {{name: n, source: {{path: in.parquet, format: PARQUET}}, {node}}}\n"
    )

    assert specs_of(tmp_path, text)["p/n"].kinds == kinds


@pytest.mark.parametrize(
    ("owner", "owners"),
    [
        ("ada@example.com", ["ada@example.com"]),
        ("team:markets", ["team:markets"]),
        ("team:data science", ["team:data science"]),
        ("account_admins", []),
        ("team:", []),
        ("ada@host", []),
        ("ada l@example.com", []),
        ("@", []),
    ],
)
def test_an_owner_that_dagster_does_not_know_as_one_is_left_out(
    tmp_path: Path, owner: str, owners: list[str]
) -> None:
    assert list(node_spec(tmp_path, sink=f", metadata: {{owner: '{owner}'}}").owners) == owners


@pytest.mark.parametrize(
    ("node", "top", "tags"),
    [
        ("tags: [a, b]", "", {"a": "", "b": ""}),
        ("tags: [a-b.c]", "", {"a-b.c": ""}),
        ("tags: ['cost center!']", "", {"cost_center_": ""}),
        ("tags: ['']", "", {}),
        ("", "tags: {team: 'data & ai'}", {"team": "data___ai"}),
        ("", "tags: {acme/team: x, 'a/b/c': y}", {"acme/team": "x", "a_b/c": "y"}),
        ("", f"tags: {{{'k' * 70}: {'v' * 70}}}", {"k" * 63: "v" * 63}),
        ("tags: [team]", "tags: {team: x}", {"team": "x"}),
    ],
)
def test_tags_are_kept_as_far_as_dagster_takes_them(
    tmp_path: Path, node: str, top: str, tags: dict[str, str]
) -> None:
    found = node_spec(tmp_path, node=node, top=top).tags

    assert {name: value for name, value in found.items() if "kind" not in name} == tags


@pytest.mark.parametrize(
    "name", ["config", "context", "class", "input", "default", "a.b-c", "_x", "p" * 128]
)
def test_any_name_of_a_pipeline_and_a_node_loads(tmp_path: Path, name: str) -> None:
    text = f"name: {name}\nnodes:\n  - {{name: {name}, source: {{data: [{{x: 1}}]}}}}\n"

    (spec,) = specs_of(tmp_path, text).values()

    assert spec.key == dg.AssetKey([name, name])


@pytest.mark.parametrize("steps", ["node", "fused"])
@pytest.mark.parametrize("name", ["all", "sources", "All"])
def test_nodes_may_have_the_names_of_the_ops_that_stand_for_several(
    tmp_path: Path, steps: str, name: str
) -> None:
    text = f"""
name: p
nodes:
  - {{name: {name}, step: own, source: {{path: in.parquet, format: PARQUET}}, sink: {{table_name: a}}}}
  - {{name: b, source: {{node_name: {name}}}, sink: {{table_name: b}}}}
"""
    assert set(specs_of(tmp_path, text, steps=steps)) == {f"p/{name}", "p/b", "files/in_parquet"}


def test_ops_of_pipelines_that_read_alike_do_not_clash(tmp_path: Path) -> None:
    for folder, name, node in (("one", "a", "b__c"), ("two", "a__b", "c")):
        text = f"name: {name}\nnodes:\n  - {{name: {node}, source: {{data: [{{x: 1}}]}}}}\n"
        write(tmp_path / folder, text)

    definitions = build_definitions(tmp_path)

    job = definitions.resolve_implicit_global_asset_job_def()
    assert {key.to_user_string() for key in job.asset_layer.executable_asset_keys} == {
        "a/b__c",
        "a__b/c",
    }


BASE = {
    "top": "",
    "node": "layer: SILVER\n    primary_key: x",
    "source": "data: [{x: 1}]",
    "rule": "x > 0",
    "sink": "table_name: t",
    "other": "y",
}
VERSIONED = """
name: p
{top}
nodes:
  - name: n
    {node}
    source: {{{source}}}
    expectations: [{{name: r, expression: "{rule}", action: DROP}}]
    sink: {{{sink}}}
  - {{name: below, source: {{node_name: n}}, sink: {{table_name: {other}}}}}
"""


def code_versions(folder: Path, **parts: str) -> dict[str, str | None]:
    specs = specs_of(folder, VERSIONED.format(**{**BASE, **parts}))
    return {name: specs[f"p/{name}"].code_version for name in ("n", "below")}


@pytest.mark.parametrize(
    "parts",
    [
        {"top": "description: d\ntags: {a: b}"},
        {"top": "schedule: {cron: '* * * * *'}"},
        {"top": "steps: fused\nmax_parallel_nodes: 2\nsamples: off"},
        {"node": BASE["node"] + "\n    step: {retries: 3}\n    tags: [a]"},
        {"node": BASE["node"] + "\n    description: d"},
        {"sink": "table_name: t, metadata: {owner: 'team:x', comment: c}"},
        {"top": "# a comment"},
    ],
)
def test_what_changes_no_row_keeps_the_code_version(tmp_path: Path, parts: dict[str, str]) -> None:
    assert code_versions(tmp_path, **parts) == code_versions(tmp_path)


@pytest.mark.parametrize(
    "parts",
    [
        {"source": "data: [{x: 2}]"},
        {"source": "data: [{x: 1}], filter: x > 1"},
        {"rule": "x > 1"},
        {"node": "layer: GOLD\n    primary_key: x"},
        {"node": BASE["node"] + "\n    drop_duplicates: false"},
        {"sink": "table_name: t, mode: APPEND"},
        {"sink": "table_name: t, schema_definition: {x: int}"},
    ],
)
def test_what_may_change_a_row_changes_the_code_version_of_its_node_alone(
    tmp_path: Path, parts: dict[str, str]
) -> None:
    before, after = code_versions(tmp_path), code_versions(tmp_path, **parts)

    assert after["n"] != before["n"]
    assert after["below"] == before["below"]


def test_another_body_of_a_projects_function_is_another_code_version(tmp_path: Path) -> None:
    text = """
name: p
udfs: [{module_name: bodies, function_name: twice}]
nodes:
  - {name: n, source: {data: [{x: 1}]}, transformer: {nodes: [{func_name: twice}]}}
  - {name: plain, source: {data: [{x: 1}]}}
"""
    versions = []
    for body in ("df", "df.head(1)"):
        (tmp_path / "bodies.py").write_text(f"def twice(df):\n    return {body}\n")
        specs = specs_of(tmp_path, text)
        versions.append((specs["p/n"].code_version, specs["p/plain"].code_version))

    (first, plain), (second, plain_again) = versions
    assert first != second
    assert plain == plain_again


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("prices.slv", ["prices", "slv"]),
        ("prices.slv.v2", ["prices", "slv.v2"]),
        ("my.prices/slv", ["my.prices", "slv"]),
        ("prices/slv.v2", ["prices", "slv.v2"]),
    ],
)
def test_the_helpers_name_the_key_of_a_node(name: str, parts: list[str]) -> None:
    assert asset_key(name) == dg.AssetKey(parts)
    assert node_input(name).key == dg.AssetKey(parts)
    assert node_input(name, metadata={"a": 1}).metadata == {"a": 1}


@pytest.mark.parametrize("name", ["", "prices", "prices.", ".slv", "/slv", "prices/", "a/b/c"])
def test_what_is_no_node_is_refused_by_the_helpers(name: str) -> None:
    with pytest.raises(SettingsError, match=r"is no node\n.*`pipeline\.node`"):
        asset_key(name)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ("x > 0", "x < 0", "the rules `x > 0` and `x < 0` are the same once Dagster folds them"),
        ("same", "same", "two expectations are named `same`"),
    ],
)
def test_rules_that_dagster_would_take_for_one_are_refused(
    tmp_path: Path, first: str, second: str, message: str
) -> None:
    rules = f"expectations: [{{name: {first}, expr: x > 0}}, {{name: {second}, expr: x < 9}}]"

    with pytest.raises(DeclarationError, match=message):
        node_spec(tmp_path, node=rules)
