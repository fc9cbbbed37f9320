"""Targets on an object store: a real S3-compatible server on loopback."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from laktory_dagster.engines.base import Engine
from laktory_dagster.errors import TargetExistsError, WriteError
from tests.engines.frames import collected
from tests.engines.writing import Desk, rule

pytestmark = pytest.mark.lacks("spark", "no file system for `s3://`")

FRAME = pl.DataFrame({"symbol": ["A", "B"], "close": [1.5, 2.5]})
MORE = pl.DataFrame({"symbol": ["C"], "close": [3.5]})
ROWS, MORE_ROWS = [("A", 1.5), ("B", 2.5)], [("C", 3.5)]
PLACES = [
    ("DELTA", "table"),
    ("PARQUET", "one.parquet"),
    ("CSV", "one.csv"),
    ("JSON", "one.json"),
    ("AVRO", "one.avro"),
    ("PARQUET", "folder"),
    ("CSV", "folder"),
]
FOLDERS = [place for place in PLACES if place[1] in ("table", "folder")]


@pytest.fixture
def desk(engine: Engine, bucket: Any, request: pytest.FixtureRequest, tmp_path: Path) -> Desk:
    root, options, _ = bucket
    return Desk(engine, tmp_path, options, f"{root}/{abs(hash(request.node.nodeid))}")


def objects(desk: Desk, bucket: Any) -> list[str]:
    prefix = desk.root.removeprefix("s3://lakehouse/") + "/"
    found = bucket[2].list_objects_v2(Bucket="lakehouse", Prefix=prefix).get("Contents", [])
    names = (item["Key"].removeprefix(prefix) for item in found)
    return sorted(name for name in names if "_delta_log" not in name)


def stored(desk: Desk, name: str, form: str) -> list[tuple[Any, ...]]:
    """Return what Polars finds by its own means."""
    url, options = f"{desk.root}/{name}", desk.storage_options
    if form == "DELTA":
        frame = pl.read_delta(url, storage_options=options)
    elif "." not in name:
        scan = pl.scan_parquet if form == "PARQUET" else pl.scan_csv
        frame = scan(f"{url}/part-*", storage_options=options).collect()
    elif form == "JSON":
        frame = pl.scan_ndjson(url, storage_options=options).collect()
    elif form == "CSV":
        frame = pl.scan_csv(url, storage_options=options).collect()
    else:
        frame = pl.scan_parquet(url, storage_options=options).collect()
    return sorted(frame.rows())


@pytest.mark.parametrize(("form", "name"), PLACES)
def test_overwrite(desk: Desk, bucket: Any, form: str, name: str) -> None:
    target = desk.target(name, form)
    desk.put(FRAME, target, run="r1")
    second = desk.put(MORE, target, run="r2")
    assert collected(second.published).rows() == MORE_ROWS
    if form != "AVRO":
        assert stored(desk, name, form) == MORE_ROWS
    state = desk.engine.inspect(target.place, form)
    assert state is not None
    assert state.receipt is not None
    assert state.receipt.root_run_id == "r2"
    found = desk.engine.find_receipt(target.place, form, "r2/prices/sink_0/-")
    assert found == state.receipt
    assert not [name for name in objects(desk, bucket) if "/staged/" in name]


@pytest.mark.parametrize(("form", "name"), FOLDERS)
def test_append_once_per_run(desk: Desk, form: str, name: str) -> None:
    target = desk.target(name, form, "APPEND")
    desk.put(FRAME, target, run="r1")
    desk.put(MORE, target, run="r2")
    assert desk.put(MORE, target, run="r2").skipped
    assert stored(desk, name, form) == ROWS + MORE_ROWS


def test_merge(desk: Desk) -> None:
    target = desk.target("table", "DELTA", "MERGE", primary_keys=("symbol",))
    desk.put(FRAME, target, run="r1")
    desk.put(MORE.with_columns(symbol=pl.lit("A")), target, run="r2")
    assert stored(desk, "table", "DELTA") == [("A", 3.5), ("B", 2.5)]


@pytest.mark.parametrize("form", ["DELTA", "PARQUET"])
def test_partitions(desk: Desk, form: str) -> None:
    target = desk.target("parts", form, partition_by=("symbol",))
    desk.put(FRAME, target, run="r1")
    desk.put(FRAME, target, run="r2")
    url, options = f"{desk.root}/parts", desk.storage_options
    scan = (
        pl.scan_delta(url, storage_options=options)
        if form == "DELTA"
        else pl.scan_parquet(f"{url}/symbol=*/*", storage_options=options, hive_partitioning=True)
    )
    assert sorted(scan.select("symbol", "close").collect().rows()) == ROWS


def test_quarantine_and_samples(desk: Desk) -> None:
    rules = [rule("low", "close < 2", "QUARANTINE")]
    target, aside = desk.target("table"), desk.aside("quarantine")
    summary, _ = desk.write(FRAME, aside, target, rules=rules)
    staged = desk.stage(FRAME, target, rules=rules)
    staged.save_samples(target, staged.summary.samples)
    staged.abort()
    assert summary.rows_quarantined == 1
    assert stored(desk, "quarantine", "DELTA")[0][:2] == ("B", 2.5)
    assert desk.engine.failures(target.place, "DELTA")[0]["_failed_rules"] == ["low"]


@pytest.mark.parametrize(("form", "name"), PLACES)
def test_abort_and_purge_leave_nothing(desk: Desk, bucket: Any, form: str, name: str) -> None:
    target = desk.target(name, form)
    desk.stage(FRAME, target).abort()
    assert objects(desk, bucket) == []
    desk.put(FRAME, target)
    desk.engine.purge(target.place, form)
    assert objects(desk, bucket) == []
    assert desk.engine.inspect(target.place, form) is None


@pytest.mark.parametrize(("form", "name"), PLACES)
def test_error_mode(desk: Desk, form: str, name: str) -> None:
    target = desk.target(name, form, "ERROR")
    desk.put(FRAME, target, run="r1")
    assert desk.put(FRAME, target, run="r1").skipped
    with pytest.raises(TargetExistsError):
        desk.stage(FRAME, target)


@pytest.mark.lacks("spark", "specified bucket does not exist")
def test_a_missing_bucket_is_named_without_its_keys(desk: Desk) -> None:
    lost = Desk(desk.engine, desk.folder, desk.storage_options, "s3://nowhere")
    with pytest.raises(WriteError, match=r"s3://nowhere/one\.parquet") as caught:
        lost.put(FRAME, lost.target("one.parquet", "PARQUET"))
    assert "aws_secret" not in str(caught.value)
