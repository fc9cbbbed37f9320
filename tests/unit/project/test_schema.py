"""The JSON Schema of a pipeline file agrees with what the models accept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from laktory_dagster.config.reader import read_document
from laktory_dagster.project import load_project
from laktory_dagster.project.schema import json_schema

SCHEMA = json_schema()
CHECK = jsonschema.Draft202012Validator(SCHEMA)
ROOT = Path(__file__).parents[3]

SEED = {
    "name": "stock_prices",
    "nodes": [
        {
            "name": "brz_stock_prices",
            "layer": "BRONZE",
            "source": {"path": "./events/stock_prices"},
            "sink": {"schema_name": "finance", "table_name": "brz_stock_prices"},
            "transformer": {"nodes": []},
        },
        {
            "name": "slv_stock_prices",
            "layer": "SILVER",
            "source": {"node_name": "brz_stock_prices"},
            "sink": {"schema_name": "finance", "table_name": "brz_stock_prices"},
            "transformer": {
                "nodes": [
                    {"func_name": "select", "func_args": ["timestamp", "symbol"]},
                    {"func_name": "drop_duplicates", "func_kwargs": {"subset": ["symbol"]}},
                ]
            },
        },
    ],
}
ORCHESTRATED = [
    {
        **SEED,
        "orchestrator": "DLT",
        "dlt": {
            "catalog": "dev",
            "target": "finance",
            "configuration": {"pipeline_name": "dlt-stock-prices"},
            "clusters": [{"name": "default", "autoscale": {"min_workers": 1, "max_workers": 2}}],
            "libraries": [{"notebook": {"path": "/.laktory/dlt/dlt_laktory_pl.py"}}],
        },
    }
]


def node(**parts: Any) -> dict[str, Any]:
    declared = {"name": "n", "source": {"path": "a.json"}, **parts}
    return {"name": "p", "nodes": [{k: v for k, v in declared.items() if v is not None}]}


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "://" not in SCHEMA["$id"]
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA
    assert json_schema() == SCHEMA


@pytest.mark.parametrize(
    "declared",
    [
        SEED,
        ORCHESTRATED,
        {"name": "p", "nodes": []},
        node(comment="c", time_column="t", dataframe_backend="PYSPARK"),
        node(source=None, sources=[{"node_name": "a"}, {"table_name": "b", "name": "b"}]),
        node(
            sinks=[{"path": "x", "writer_kwargs": {}}, {"table_name": "q", "is_quarantine": True}]
        ),
        node(primary_key="a"),
        node(primary_keys=["a"]),
        node(primary_keys="a"),
        node(drop_duplicates=True),
        node(drop_duplicates="a"),
        node(drop_duplicates=["a"]),
        node(drop_duplicates={"subset": ["a"], "keep": "any"}),
        node(step="own"),
        node(step={"retries": 2}),
        node(layer="${vars.layer}", add_layer_columns="${vars.flag}"),
        node(transformer="${include.chain.yaml}"),
        node(transformer={"nodes": [{"expr": "SELECT 1"}, {"nodes": [{"func_name": "distinct"}]}]}),
        node(transformer={"nodes": [{"with_column": {"name": "a", "type": None, "expr": "b"}}]}),
        node(expectations=[{"name": "r", "expr": "a > 0", "action": "ALLOW"}]),
        node(expectations=[{"name": "r", "expression": "a > 0", "tolerance": {"rel": 0.1}}]),
        node(source={"custom_reader": "pkg.read"}),
        node(source={"data": [{"a": 1}], "limit": "${vars.limit}"}),
        {"name": "p", "nodes": [], "orchestrator": {"type": "LAKEFLOW_JOB", "name": "x"}},
        {"name": "p", "nodes": [], "orchestrator": "LAKEFLOW_JOB"},
        {"name": "p", "nodes": [], "dataframe_backend": "PYSPARK", "imports": "a"},
    ],
)
def test_it_accepts_what_the_models_accept(declared: Any) -> None:
    assert [error.message for error in CHECK.iter_errors(declared)] == []


@pytest.mark.parametrize(
    "declared",
    [
        {"nodes": []},
        {"name": "p", "nodez": []},
        node(layr="GOLD"),
        node(layer="SILVR"),
        node(add_layer_columns="yes"),
        node(source={"frmat": "CSV", "path": "a"}),
        node(source={"path": "a", "format": "csv"}),
        node(sink={"path": "x", "mode": "REPLACE"}),
        node(transformer={"nodes": [{"fnc": "x"}]}),
        node(expectations=[{"name": "r", "expr": "a", "action": "DORP"}]),
        node(step="theirs"),
        [],
        3,
    ],
)
def test_it_refuses_what_the_models_refuse(declared: Any) -> None:
    assert list(CHECK.iter_errors(declared))


def test_every_key_of_both_eras_is_offered_with_its_description() -> None:
    offered = SCHEMA["$defs"]["PipelineNode"]["properties"]
    for key in ("source", "sources", "sink", "sinks", "primary_key", "comment", "time_column"):
        assert offered[key]["description"], key
    for name, definition in SCHEMA["$defs"].items():
        for key, schema in definition["properties"].items():
            assert schema.get("description"), f"{name}.{key}"


def test_no_closed_object_is_open() -> None:
    for name, definition in SCHEMA["$defs"].items():
        assert definition["additionalProperties"] is False, name


@pytest.mark.parametrize("file", sorted(ROOT.glob("examples/*/*.yaml")), ids=lambda path: path.name)
def test_the_examples_keep_to_it(file: Path) -> None:
    data = read_document(file).data
    if isinstance(data, dict) and "nodes" in data:
        assert [error.message for error in CHECK.iter_errors(data)] == []


def test_a_node_without_a_name_is_valid_in_editors_too(tmp_path: Path) -> None:
    file = tmp_path / "pipeline.yaml"
    file.write_text("name: p\nnodes: [{source: {data: [{a: 1}]}, sink: {path: out.parquet}}]\n")
    node = {"source": {"data": [{"a": 1}]}, "sink": {"path": "out.parquet"}}
    CHECK.validate({"name": "p", "nodes": [node]})
    assert load_project(file).plans[0].nodes
