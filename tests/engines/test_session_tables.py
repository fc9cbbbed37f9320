"""Tables by name in the catalog of the Spark session: one setting, and everything goes on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import duckdb
import polars as pl
import pytest
from deltalake import DeltaTable

from laktory_dagster import models
from laktory_dagster.engines.base import Place
from laktory_dagster.engines.registry import open_engine
from laktory_dagster.errors import DeclarationError, RunFailedError, UnsupportedError
from laktory_dagster.settings import SparkSettings
from tests.engines.writing import Desk
from tests.sessions import QUICK, SPARK_KINDS, shared_session

ROWS = [{"id": 1, "v": "a", "at": 1}, {"id": 2, "v": "b", "at": 1}, {"id": 3, "v": None, "at": 1}]


@pytest.fixture(params=SPARK_KINDS)
def spark(request: pytest.FixtureRequest) -> Any:
    return shared_session(request.param)


@pytest.fixture
def schema(spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Give a schema of the session's catalog whose tables lie in a folder of the test."""
    monkeypatch.setenv("LAKTORY_DAGSTER_SPARK_TABLES", "session")
    name = f"s{uuid.uuid4().hex[:12]}"
    spark.sql(f"CREATE SCHEMA {name} LOCATION 'file:{tmp_path}/catalog'")
    yield name
    spark.sql(f"DROP SCHEMA {name} CASCADE")


def execute(folder: Path, *nodes: dict[str, Any], **options: Any) -> Any:
    pipeline = models.Pipeline(
        name="p", warehouse=str(folder / "lake"), dataframe_type="SPARK", nodes=list(nodes)
    )
    with pipeline:
        return pipeline.execute(**options)


def stored(spark: Any, name: str) -> DeltaTable:
    """Return the table as another library reads its folder."""
    location = spark.sql(f"DESCRIBE DETAIL {name}").first()["location"]
    return DeltaTable(unquote(location.removeprefix("file:")))


def rows(spark: Any, name: str, columns: str = "*") -> list[tuple[Any, ...]]:
    files = stored(spark, name).file_uris()
    return duckdb.read_parquet(files).select(columns).order("ALL").fetchall()


def node(table: str, given: list[dict[str, Any]], **sink: Any) -> dict[str, Any]:
    return {
        "name": "n",
        "source": {"data": given},
        "sink": {"table_name": table, **sink},
    }


def test_rows_go_to_the_catalog_and_come_from_it(spark: Any, schema: str, tmp_path: Path) -> None:
    for _ in range(2):
        execute(tmp_path, node(f"{schema}.t", ROWS, mode="APPEND"))
    result = execute(
        tmp_path,
        {
            "name": "m",
            "source": {"table_name": "t", "schema_name": schema, "filter": "v is not null"},
            "sink": {"table_name": "m", "schema_name": schema},
        },
    )
    assert rows(spark, f"{schema}.t", "id, v") == sorted([(1, "a"), (2, "b"), (3, None)] * 2)
    assert rows(spark, f"{schema}.m", "id, v") == [(1, "a"), (1, "a"), (2, "b"), (2, "b")]
    written = result["m"].targets[0]
    assert (written.table_name, written.uri) == (f"{schema}.m", f"{schema}.m")
    # What lies in the warehouse are receipts.
    assert not list((tmp_path / "lake").rglob("*.parquet"))
    assert (tmp_path / f"lake/main/{schema}/m/_laktory/receipts/-.json").is_file()


def test_nodes_read_each_other_through_the_catalog(spark: Any, schema: str, tmp_path: Path) -> None:
    bronze = {**node(f"{schema}.brz", ROWS), "name": "brz"}
    silver = {
        "name": "slv",
        "source": {"node_name": "brz"},
        "expectations": [{"name": "v", "expression": "v is not null", "action": "QUARANTINE"}],
        "sink": {"table_name": f"{schema}.slv"},
    }
    execute(tmp_path, bronze, silver)
    assert rows(spark, f"{schema}.slv", "id") == [(1,), (2,)]
    assert rows(spark, f"{schema}.slv_quarantine", "id") == [(3,)]
    # A run of the second node alone reads what the first one stored.
    execute(tmp_path, bronze, silver, selects=["slv"])
    assert stored(spark, f"{schema}.slv").version() == 1


def test_a_merge_keeps_the_latest_and_its_history(spark: Any, schema: str, tmp_path: Path) -> None:
    change = [{"id": 2, "v": "c", "at": 2}, {"id": 4, "v": "d", "at": 2}]
    for name, kind in (("one", 1), ("two", 2)):
        merge = {"primary_keys": ["id"], "order_by": "at", "scd_type": kind}
        for batch in (ROWS, change, change):
            sink = {"mode": "MERGE", "merge_cdc_options": merge}
            execute(tmp_path, node(f"{schema}.{name}", batch, **sink))
    assert rows(spark, f"{schema}.one", "id, v") == [(1, "a"), (2, "c"), (3, None), (4, "d")]
    assert rows(spark, f"{schema}.two", "id, v, __end_at IS NULL") == [
        (1, "a", True), (2, "b", False), (2, "c", True), (3, None, True), (4, "d", True),
    ]  # fmt: skip


def test_a_full_refresh_replaces_the_rows(spark: Any, schema: str, tmp_path: Path) -> None:
    execute(tmp_path, node(f"{schema}.t", ROWS, mode="APPEND"))
    execute(tmp_path, node(f"{schema}.t", ROWS[:1], mode="APPEND"), full_refresh=True)
    assert rows(spark, f"{schema}.t", "id") == [(1,)]


def test_a_stream_reads_and_writes_tables_of_the_catalog(
    spark: Any, schema: str, tmp_path: Path
) -> None:
    stream = {
        "name": "s",
        "source": {"table_name": f"{schema}.t", "as_stream": True},
        "sink": {"table_name": f"{schema}.s"},
    }
    found = []
    for batch in (ROWS, ROWS[:2]):
        execute(tmp_path, node(f"{schema}.t", batch, mode="APPEND"))
        found.append(execute(tmp_path, stream)["s"].rows_in)
    assert found == [3, 2]
    assert rows(spark, f"{schema}.s") == rows(spark, f"{schema}.t")


def test_the_log_of_the_table_proves_a_commit_whose_receipt_is_lost(
    spark: Any, schema: str, tmp_path: Path
) -> None:
    desk = Desk(open_engine("spark", spark=spark), tmp_path)
    place = Place(str(tmp_path / "lake/t"), table=f"{schema}.t")
    target = replace(desk.target("t", mode="APPEND"), place=place)
    desk.put(pl.DataFrame(ROWS), target)
    shutil.rmtree(tmp_path / "lake")
    again = desk.put(pl.DataFrame(ROWS), target)
    assert again.skipped
    assert stored(spark, f"{schema}.t").version() == 0
    desk.engine.purge(place, "DELTA")
    assert desk.engine.inspect(place, "DELTA") is None
    assert not spark.catalog.tableExists(f"{schema}.t")


def test_any_table_and_view_of_the_catalog_can_be_read(
    spark: Any, schema: str, tmp_path: Path
) -> None:
    spark.range(3).write.format("parquet").saveAsTable(f"{schema}.files")
    spark.sql(f"CREATE VIEW {schema}.seen AS SELECT id + 10 AS id FROM {schema}.files")
    for source, expected in (("files", [0, 1, 2]), ("seen", [10, 11, 12])):
        reads = {
            "name": "n",
            "source": {"table_name": f"{schema}.{source}"},
            "sink": {"table_name": f"{schema}.from_{source}"},
        }
        execute(tmp_path, reads)
        assert rows(spark, f"{schema}.from_{source}") == [(i,) for i in expected]


def test_a_name_that_is_no_delta_table_is_not_written_over(
    spark: Any, schema: str, tmp_path: Path
) -> None:
    spark.range(3).write.format("parquet").saveAsTable(f"{schema}.files")
    with pytest.raises(
        RunFailedError, match=f"{schema}.files of the session's catalog is no Delta"
    ):
        execute(tmp_path, node(f"{schema}.files", ROWS))
    assert spark.table(f"{schema}.files").count() == 3


def test_a_name_that_is_not_there_is_named(spark: Any, schema: str, tmp_path: Path) -> None:
    reads = {"name": "n", "source": {"table_name": f"{schema}.nope"}, "sink": {"path": "x"}}
    with pytest.raises(RunFailedError, match=f"no table {schema}.nope in the session's catalog"):
        execute(tmp_path, reads)


def test_a_new_schema_is_made(spark: Any, schema: str, tmp_path: Path) -> None:
    new = f"{schema}_new"
    try:
        execute(tmp_path, node(f"{new}.t", ROWS))
        assert rows(spark, f"{new}.t", "id") == [(1,), (2,), (3,)]
    finally:
        spark.sql(f"DROP SCHEMA {new} CASCADE")


def test_polars_is_told_that_it_cannot_reach_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKTORY_DAGSTER_SPARK_TABLES", "session")
    pipeline = models.Pipeline(name="p", nodes=[{**node("t", ROWS), "dataframe_type": "POLARS"}])
    with pytest.raises(DeclarationError, match="this node runs on polars"):
        pipeline.execute(write_sinks=False)
    with pytest.raises(UnsupportedError, match="out of reach of Polars"):
        open_engine("polars").inspect(Place(str(tmp_path), table="a.b"), "DELTA")


def test_a_table_of_the_catalog_is_delta(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKTORY_DAGSTER_SPARK_TABLES", "session")
    declared = {**node("t", ROWS, format="PARQUET"), "dataframe_type": "SPARK"}
    with pytest.raises(DeclarationError, match="is DELTA, not PARQUET"):
        models.Pipeline(name="p", nodes=[declared]).execute()


@pytest.mark.slow
@pytest.mark.spark
@pytest.mark.xdist_group("spark")
def test_a_session_of_ones_own_keeps_its_tables(tmp_path: Path) -> None:
    """Each run is a process of its own, with Hive's catalog in a database beside it."""
    (tmp_path / "rows.json").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    (tmp_path / "p.yaml").write_text(
        "name: p\ndataframe_type: SPARK\nnodes:\n- name: n\n"
        "  source: {path: rows.json, format: JSONL}\n"
        "  sink: {table_name: t, schema_name: sales, mode: APPEND}\n"
    )
    cache = tmp_path / "cache"
    cache.mkdir()
    # The jars of the machine's cache, and nothing else of it.
    (cache / "ivy").symlink_to(SparkSettings.from_environment().cache / "ivy")
    environment = {
        "LAKTORY_DAGSTER_SPARK_TABLES": "session",
        "LAKTORY_DAGSTER_SPARK_CACHE": str(cache),
        "LAKTORY_DAGSTER_SPARK_CONF": ";".join(f"{key}={value}" for key, value in QUICK.items()),
    }
    program = "from laktory_dagster import models; import sys; models.Pipeline.model_validate_yaml(open(sys.argv[1])).execute()"
    for _ in range(2):
        subprocess.run(
            [sys.executable, "-c", program, "p.yaml"],
            cwd=tmp_path,
            env={**os.environ, **environment},
            check=True,
        )
    table = DeltaTable(str(cache / "spark-warehouse/sales.db/t"))
    assert sorted(table.to_pyarrow_table()["id"].to_pylist()) == [1, 1, 2, 2, 3, 3]
