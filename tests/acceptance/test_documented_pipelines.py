"""The pipelines of the documentation run as written and give the documented tables."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from laktory_dagster import models

COLUMNS = ["timestamp", "symbol", "open", "close", "high", "low", "volume"]

SEED = """\
name: stock_prices
nodes:
  - name: brz_stock_prices
    layer: BRONZE
    source:
      path: "./events/stock_prices"
    sink:
      schema_name: finance
      table_name: brz_stock_prices
    transformer: 
      nodes: []
  - name: slv_stock_prices
    layer: SILVER
    source:
      node_name: brz_stock_prices
    sink:
      schema_name: finance
      table_name: brz_stock_prices
    transformer:
        nodes:
          - func_name: select
            func_args:
              - timestamp
              - symbol
              - open
              - close
              - high
              - low
              - volume
          - func_name: drop_duplicates
            func_kwargs:
              subset:
                - symbol
                - timestamp
"""  # noqa: W291 - as published

MODERN = """\
name: stock_prices
dataframe_backend: POLARS
nodes:
  - name: brz_stock_prices
    sources:
      - path: ./events/stock_prices
        format: JSONL
    sinks:
      - schema_name: finance
        table_name: brz_stock_prices
        mode: OVERWRITE
  - name: slv_stock_prices
    sources:
      - node_name: brz_stock_prices
    sinks:
      - type: HIVE_METASTORE
        schema_name: finance
        table_name: slv_stock_prices
        mode: OVERWRITE
    transformer:
      nodes:
        - func_name: select
          func_args:
            - nw.col("timestamp")
            - nw.col("symbol")
            - nw.col("open", "close", "high", "low")
            - nw.col("volume")
          dataframe_api: NARWHALS
        - expr: SELECT * FROM {df} WHERE symbol IS NOT NULL
        - func_name: unique
          func_kwargs:
            subset: [symbol, timestamp]
    expectations:
      - name: positive price
        expr: nw.col("open") > 0
        action: DROP
"""


def events() -> list[dict[str, Any]]:
    """Return 85 events of 80 (symbol, timestamp) pairs; the last five repeat the first five."""
    start = datetime(2024, 1, 1)  # noqa: DTZ001 - written without a zone
    rows = [
        {
            "name": "STOCK_PRICE",
            "timestamp": (start + timedelta(hours=hour)).isoformat(),
            "symbol": symbol,
            "open": 100.0 + hour,
            "close": 100.5 + hour,
            "high": 101.0 + hour,
            "low": 99.0 + hour,
            "volume": 1_000 * hour + len(symbol),
        }
        for hour in range(20)
        for symbol in ("AAPL", "GOOGL", "MSFT", "AMZN")
    ]
    return rows + rows[:5]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the events of the documentation, in two files of JSON lines."""
    folder = tmp_path / "events" / "stock_prices"
    folder.mkdir(parents=True)
    rows = events()
    for index, part in enumerate((rows[:40], rows[40:])):
        text = "".join(json.dumps(row) + "\n" for row in part)
        (folder / f"part_{index}.json").write_text(text)
    return tmp_path


def run(project: Path, text: str) -> models.Pipeline:
    file = project / "pipeline.yaml"
    file.write_text(text)
    with file.open() as stream:
        pipeline = models.Pipeline.model_validate_yaml(stream)
    pipeline.execute()
    return pipeline


def table(project: Path, name: str) -> pl.DataFrame:
    return pl.read_delta(str(project / "warehouse" / "main" / "finance" / name))


def expected_rows() -> set[tuple[Any, ...]]:
    return {tuple(row[column] for column in COLUMNS) for row in events()}


def test_the_documented_pipeline_runs_unchanged(project: Path) -> None:
    with run(project, SEED) as pipeline:
        assert pipeline.nodes_dict["slv_stock_prices"].output_df.collect().height == 80

    # Both nodes name one table: the later one wins.
    silver = table(project, "brz_stock_prices")
    assert silver.columns == [*COLUMNS, "_silver_at"]
    assert set(silver.select(COLUMNS).rows()) == expected_rows()
    assert silver.height == 80


def test_two_nodes_that_write_one_table_warn(project: Path) -> None:
    from laktory_dagster.project import load_plan

    (project / "pipeline.yaml").write_text(SEED)
    (warning,) = load_plan(project / "pipeline.yaml").warnings

    assert "brz_stock_prices" in warning.message
    assert "slv_stock_prices" in warning.message
    assert warning.location is not None


def test_the_documented_pipeline_with_a_table_of_its_own_for_silver(project: Path) -> None:
    head, _, tail = SEED.rpartition("table_name: brz_stock_prices")
    run(project, f"{head}table_name: slv_stock_prices{tail}").close()

    bronze, silver = table(project, "brz_stock_prices"), table(project, "slv_stock_prices")
    assert bronze.height == 85
    assert bronze.columns == [*events()[0], "_bronze_at"]
    assert silver.columns == [*COLUMNS, "_silver_at"]
    assert set(silver.select(COLUMNS).rows()) == expected_rows()
    stamp = silver["_silver_at"]
    assert stamp.dtype == pl.Datetime("us", "UTC")
    assert stamp.n_unique() == 1
    assert stamp[0] == bronze["_bronze_at"][0]


def test_compat_runs_the_layer_steps_of_the_reference(project: Path) -> None:
    head, _, tail = SEED.rpartition("table_name: brz_stock_prices")
    text = f"compat: laktory-0.4\n{head}table_name: slv_stock_prices{tail}"
    run(project, text).close()

    silver = table(project, "slv_stock_prices")
    assert silver.columns == ["_silver_at"]
    assert silver.height == 80


def test_the_modern_form_gives_the_same_tables_without_stamps(project: Path) -> None:
    run(project, MODERN).close()

    bronze, silver = table(project, "brz_stock_prices"), table(project, "slv_stock_prices")
    assert bronze.columns == list(events()[0])
    assert bronze.height == 85
    assert silver.columns == COLUMNS
    assert set(silver.rows()) == expected_rows()
    assert silver.height == 80


def test_running_again_changes_nothing_but_the_stamps(project: Path) -> None:
    pipeline = run(project, SEED)
    first = table(project, "brz_stock_prices")
    pipeline.execute()
    pipeline.close()
    second = table(project, "brz_stock_prices")

    assert set(first.select(COLUMNS).rows()) == set(second.select(COLUMNS).rows())
    assert second.height == 80


def test_the_orchestrator_block_of_the_documentation_is_kept(project: Path) -> None:
    block = """\
orchestrator: DLT
dlt:
  catalog: dev
  target: finance
  configuration:
    pipeline_name: dlt-stock-prices
  clusters:
  - name : default
    node_type_id: Standard_DS3_v2
    autoscale:
      min_workers: 1
      max_workers: 2
  libraries:
  - notebook:
      path: /.laktory/dlt/dlt_laktory_pl.py
"""
    pipeline = models.Pipeline.model_validate_yaml(SEED + block)

    assert pipeline.dlt is not None
    assert pipeline.dlt.configuration == {"pipeline_name": "dlt-stock-prices"}
    again = models.Pipeline.model_validate_json(pipeline.model_dump_json())
    assert again == pipeline
    assert models.Pipeline.model_validate_yaml(pipeline.model_dump_yaml()) == pipeline
