"""Small projects that the integration tests run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from laktory_dagster import build_definitions

ROWS = [
    {"id": 1, "symbol": "A", "price": 10.0},
    {"id": 2, "symbol": "A", "price": -1.0},
    {"id": 3, "symbol": "B", "price": None},
    {"id": 4, "symbol": "B", "price": 7.5},
    {"id": 4, "symbol": "B", "price": 7.5},
]

PRICES = """\
name: prices
{extra}
nodes:
  - name: brz
    layer: BRONZE
    description: As it came.
    tags: [ingest]
    source: {{path: ./data, format: PARQUET}}
    sink: {{schema_name: fin, table_name: brz}}
  - name: slv
    layer: SILVER
    primary_key: id
    drop_source_columns: false
    source: {{node_name: brz}}
    transformer:
      nodes:
        - with_column: {{name: price_eur, type: double, sql_expr: price * 2}}
    expectations:
      - {{name: price is there, expression: price IS NOT NULL, action: DROP}}
      - {{name: price > 0, expression: price > 0 OR price IS NULL, action: QUARANTINE}}
      - {{name: few rows, expression: count(*) < 100, type: AGGREGATE, action: FAIL}}
      - {{name: symbol is A, expression: symbol = 'A', action: WARN}}
    sink: {{schema_name: fin, table_name: slv}}
  - name: sums
    source: {{node_name: slv}}
    transformer:
      nodes:
        - sql_expr: SELECT symbol, SUM(price) AS total FROM {{df}} GROUP BY symbol
    sink: {{schema_name: fin, table_name: sums}}
  - name: counts
    source: {{node_name: brz}}
    transformer:
      nodes:
        - sql_expr: SELECT COUNT(*) AS n FROM {{df}}
    sink: {{schema_name: fin, table_name: counts}}
"""


def write_project(folder: Path, extra: str = "", text: str = PRICES) -> Path:
    """Write the rows and the pipeline; return the pipeline file."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    pl.DataFrame(ROWS).write_parquet(folder / "data" / "rows.parquet")
    file = folder / "pipeline.yaml"
    file.write_text(text.format(extra=extra))
    return file


def table(folder: Path, name: str) -> pl.DataFrame:
    """Return a table of the project's warehouse."""
    return pl.read_delta(str(folder / "warehouse" / "main" / "fin" / name))


def run_job(
    file: Path,
    instance: dg.DagsterInstance,
    selection: Sequence[str] | None = None,
    **options: Any,
) -> dg.ExecuteInProcessResult:
    """Run a pipeline's job in this process, or some of its nodes."""
    definitions = build_definitions(file, **options)
    job = definitions.resolve_job_def("prices")
    keys = [dg.AssetKey(["prices", name]) for name in selection] if selection else None
    return job.execute_in_process(instance=instance, asset_selection=keys, raise_on_error=False)
