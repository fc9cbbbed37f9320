"""Delta tables that others wrote, read on Polars: their history, features, places and damage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable, write_deltalake

from laktory_dagster import models
from laktory_dagster.errors import LaktoryDagsterError, ReadError, RunFailedError
from tests.engines.reading import frame_of, rows_at

ROWS = pa.table({"id": [1, 2, 3, 4], "k": ["a", "b", "a", None]})


def ids(path: Path, **options: Any) -> list[int]:
    return sorted(frame_of(path, "DELTA", **options)["id"].to_list())


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    """Versions: 0 has four rows, 1 lost one, 2 has a changed one, 3 got one, 4 has only one."""
    path = tmp_path / "t"
    write_deltalake(path, ROWS)
    DeltaTable(path).delete("id = 2")
    DeltaTable(path).update(updates={"id": "id + 10"}, predicate="id = 4")
    write_deltalake(path, pa.table({"id": [5], "k": ["c"]}), mode="append")
    write_deltalake(path, pa.table({"id": [9], "k": ["z"]}), mode="overwrite")
    return path


HISTORY = {0: [1, 2, 3, 4], 1: [1, 3, 4], 2: [1, 3, 14], 3: [1, 3, 5, 14], 4: [9]}


@pytest.mark.parametrize("version", list(HISTORY))
def test_each_version_is_as_it_was(changed: Path, version: int) -> None:
    assert ids(changed, read_options={"versionAsOf": version}) == HISTORY[version]


def test_a_version_after_a_checkpoint_and_a_compaction(changed: Path) -> None:
    DeltaTable(changed).create_checkpoint()
    write_deltalake(changed, pa.table({"id": [10], "k": ["y"]}), mode="append")
    DeltaTable(changed).optimize.compact()

    assert ids(changed) == [9, 10]
    assert ids(changed, read_options={"versionAsOf": 3}) == HISTORY[3]


@pytest.mark.parametrize("version", [5, 99])
def test_a_version_that_there_is_not_is_named(changed: Path, version: int) -> None:
    with pytest.raises(ReadError, match=str(changed)) as caught:
        ids(changed, read_options={"versionAsOf": version})
    assert str(version) in str(caught.value)


def test_options_apply_to_the_version(changed: Path) -> None:
    found = rows_at(
        changed, "DELTA", read_options={"versionAsOf": 0}, filter="k = 'a'", selects={"id": "n"}
    )
    assert sorted(row["n"] for row in found) == [1, 3]


@pytest.mark.parametrize("partitioned", [False, True])
def test_rows_that_a_deletion_vector_leaves_out(tmp_path: Path, partitioned: bool) -> None:
    """A mark beside the file says which of its rows are gone, the file holds them still."""
    path = tmp_path / "a b"
    write_deltalake(
        path,
        ROWS,
        configuration={"delta.enableDeletionVectors": "true"},
        partition_by=["k"] if partitioned else None,
    )
    DeltaTable(path).delete("id = 1")

    assert ids(path) == [2, 3, 4]
    assert ids(path, filter="k = 'a'") == [3]
    assert frame_of(path, "DELTA", selects=["count(*) AS n"]).item() == 3


def log_of(folder: Path, *actions: dict[str, Any]) -> None:
    log = folder / "_delta_log"
    log.mkdir(parents=True)
    text = "".join(f"{json.dumps(action)}\n" for action in actions)
    (log / f"{0:020}.json").write_text(text)


def field(name: str, physical: str, number: int, kind: str) -> dict[str, Any]:
    metadata = {"delta.columnMapping.id": number, "delta.columnMapping.physicalName": physical}
    return {"name": name, "type": kind, "nullable": True, "metadata": metadata}


def test_columns_that_have_other_names_in_the_files_are_refused(tmp_path: Path) -> None:
    """As Databricks writes them for renamed columns; read by their names they would all be null."""
    fields = [field("new name", "col-1", 1, "long"), field("k", "col-2", 2, "string")]
    schema = {"type": "struct", "fields": fields}
    tmp_path.joinpath("t").mkdir()
    data = pa.table({"col-1": [1, 2], "col-2": ["a", "b"]})
    marked = [
        data.schema.field(i).with_metadata({"PARQUET:field_id": str(i + 1)}) for i in range(2)
    ]
    pq.write_table(data.cast(pa.schema(marked)), tmp_path / "t" / "x.parquet")
    size = (tmp_path / "t" / "x.parquet").stat().st_size
    add = {"path": "x.parquet", "partitionValues": {}, "size": size, "modificationTime": 1}
    metadata = {
        "id": "00000000-0000-0000-0000-000000000000",
        "format": {"provider": "parquet", "options": {}},
        "schemaString": json.dumps(schema),
        "partitionColumns": [],
        "configuration": {
            "delta.columnMapping.mode": "name",
            "delta.columnMapping.maxColumnId": "2",
        },
    }
    log_of(
        tmp_path / "t",
        {"protocol": {"minReaderVersion": 2, "minWriterVersion": 5}},
        {"metaData": metadata},
        {"add": {**add, "dataChange": True}},
    )

    with pytest.raises(ReadError, match="column mapping") as caught:
        frame_of(tmp_path / "t", "DELTA")
    assert "dataframe_type: SPARK" in str(caught.value.hint)


@pytest.mark.parametrize("name", ["a b", "ü", "l[1]", "l*", "k=1", "a#b", "{x}"])
def test_a_table_in_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    pl.DataFrame({"id": [1], "p": ["x y"]}).write_delta(tmp_path / "t")
    (tmp_path / "t").rename(tmp_path / name)

    assert ids(tmp_path / name) == [1]


@pytest.mark.parametrize("name", ["lake[1]", "lake*", "a b", "ü"])
@pytest.mark.parametrize(
    "sink",
    [
        {"mode": "OVERWRITE"},
        {"mode": "APPEND"},
        {"mode": "APPEND", "write_options": {"partition_by": ["k"]}},
        {"mode": "MERGE", "merge_cdc_options": {"primary_keys": ["id"]}},
    ],
    ids=["overwrite", "append", "append by folders", "merge"],
)
def test_a_warehouse_of_any_name_is_written_and_read(
    tmp_path: Path, name: str, sink: dict[str, Any]
) -> None:
    """Its marks stand for no other folder: as a pattern `lake*` is `lake2` as well."""
    adds = sink["mode"] != "OVERWRITE"
    for number in (1, 2):
        source = {"node_name": "first", **({"as_stream": True} if sink["mode"] == "APPEND" else {})}
        with models.Pipeline(
            name="p",
            warehouse=str(tmp_path / name),
            nodes=[
                {
                    "name": "first",
                    "source": {"data": [{"id": number, "k": "x"}]},
                    "sinks": [{"table_name": "first", **sink}],
                },
                {"name": "then", "source": source, "sinks": [{"table_name": "then"}]},
            ],
        ) as pipeline:
            pipeline.execute()

    assert ids(tmp_path / name / "main/default/then") == ([1, 2] if adds else [2])


def test_values_of_partitions_have_the_types_of_their_columns(tmp_path: Path) -> None:
    table = duckdb.sql(
        "SELECT 1 AS id, DATE '2024-01-02' AS d, 1.50::DECIMAL(9,2) AS m, TRUE AS b, "
        "'a/b c=d%' AS s, NULL::INTEGER AS n, TIMESTAMPTZ '2024-01-01 05:00:00+00' AS t"
    ).to_arrow_table()
    write_deltalake(tmp_path / "t", table, partition_by=["d", "m", "b", "s", "n", "t"])

    found = frame_of(tmp_path / "t", "DELTA")

    wanted = DeltaTable(tmp_path / "t").to_pyarrow_table().to_pylist()
    assert found.select(sorted(found.columns)).rows() == [
        tuple(value for _, value in sorted(row.items())) for row in wanted
    ]
    assert found["s"].to_list() == ["a/b c=d%"]


def test_a_column_that_was_added_is_null_in_rows_from_before(tmp_path: Path) -> None:
    write_deltalake(tmp_path / "t", pa.table({"id": [1]}))
    added = pa.table({"id": [2], "new": [{"x": 1}]})
    write_deltalake(tmp_path / "t", added, mode="append", schema_mode="merge")

    found = rows_at(tmp_path / "t", "DELTA")

    assert sorted(found, key=str) == [{"id": 1, "new": None}, {"id": 2, "new": {"x": 1}}]


def cut(path: Path) -> None:
    for file in path.glob("*.parquet"):
        file.write_bytes(file.read_bytes()[:20])


def lose(path: Path) -> None:
    for file in path.glob("*.parquet"):
        file.unlink()


def spoil(path: Path) -> None:
    (path / "_delta_log" / f"{0:020}.json").write_text("{bad")


@pytest.mark.parametrize("damage", [cut, lose, spoil])
def test_a_damaged_table_fails_its_node_by_name_and_no_other(tmp_path: Path, damage: Any) -> None:
    """Of a file that is cut off Polars' own code gave up, and the whole run with it."""
    write_deltalake(tmp_path / "t", ROWS)
    damage(tmp_path / "t")
    nodes = [
        {"name": "bad", "source": {"path": str(tmp_path / "t"), "format": "DELTA"}},
        {"name": "good", "source": {"data": [{"id": 1}]}},
    ]
    for node in nodes:
        node["sinks"] = [{"table_name": node["name"]}]
    with models.Pipeline(name="p", warehouse=str(tmp_path / "w"), nodes=nodes) as pipeline:
        with pytest.raises(RunFailedError) as caught:
            pipeline.execute()
        results = caught.value.result.nodes

    assert isinstance(results["bad"].error, LaktoryDagsterError)
    assert str(tmp_path / "t") in str(results["bad"].error)
    assert results["good"].error is None
    assert ids(tmp_path / "w/main/default/good") == [1]


@pytest.mark.parametrize("name", ["gone", "files", "empty"])
def test_what_is_no_table_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a.csv").write_text("id\n1\n")

    with pytest.raises(ReadError, match=f"there is no Delta table at {tmp_path}/{name}"):
        frame_of(tmp_path / name, "DELTA")
