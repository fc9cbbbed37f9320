"""Folders of files that grow: which columns they have, what is there, and limits of the system."""

from __future__ import annotations

import json
import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from laktory_dagster.engines.base import Engine, Target
from laktory_dagster.engines.registry import open_engine
from laktory_dagster.errors import SchemaChangedError, WriteError
from tests.engines.frames import collected, never
from tests.engines.writing import Desk, current_files, in_order, read_file

BATCH = pl.DataFrame({"a": [1], "b": [2]})


@pytest.fixture
def desk(engine: Engine, tmp_path: Path) -> Desk:
    return Desk(engine, tmp_path)


@pytest.fixture
def polars_desk(tmp_path: Path) -> Desk:
    return Desk(open_engine("polars"), tmp_path)


def adding(desk: Desk, form: str = "PARQUET", **more: Any) -> Target:
    return desk.target("f", form, "APPEND", **more)


def test_a_folder_keeps_its_columns_when_a_batch_lacks_one(desk: Desk) -> None:
    """`add` lets a column be missing once; it is not forgotten by that."""
    desk.put(BATCH, adding(desk), run="r1")
    desk.put(BATCH.select("a"), adding(desk, schema_evolution="add"), run="r2")
    with pytest.raises(SchemaChangedError, match="- b: int64 is missing"):
        desk.stage(BATCH.select("a"), adding(desk))
    desk.put(BATCH, adding(desk), run="r3")
    assert in_order(desk.rows(adding(desk))) == in_order([(1, 2), (1, None), (1, 2)])


def test_a_column_that_was_missing_once_keeps_its_type(desk: Desk) -> None:
    desk.put(BATCH, adding(desk), run="r1")
    desk.put(BATCH.select("a"), adding(desk, schema_evolution="add"), run="r2")
    other = BATCH.with_columns(b=pl.lit("x"))
    with pytest.raises(SchemaChangedError, match="~ b: stored as int64, now string"):
        desk.stage(other, adding(desk, schema_evolution="add"))
    for file in current_files(desk.folder / "f"):
        assert pl.read_parquet_schema(file)["b"] == pl.Int64


def test_columns_that_come_and_go(polars_desk: Desk) -> None:
    batches = [{"a": [1]}, {"a": [2], "b": ["x"]}, {"c": [0.5], "a": [3]}, {"b": ["y"], "a": [4]}]
    target = adding(polars_desk, schema_evolution="add")
    for number, batch in enumerate(batches):
        commit = polars_desk.put(pl.DataFrame(batch), target, run=f"r{number}")
        assert collected(commit.published).height == 1
    last = read_file(current_files(polars_desk.folder / "f")[-1], "PARQUET")
    assert dict(last.schema) == {"b": pl.String, "a": pl.Int64, "c": pl.Float64}
    files = current_files(polars_desk.folder / "f")
    frames = [read_file(file, "PARQUET") for file in files]
    found = pl.concat(frames, how="diagonal").select("a", "b", "c").sort("a")
    assert found.rows() == [(1, None, None), (2, "x", None), (3, None, 0.5), (4, "y", None)]


def test_missing_columns_of_a_partitioned_folder(polars_desk: Desk) -> None:
    by_a = {"partition_by": ("a",)}
    polars_desk.put(BATCH, adding(polars_desk, **by_a), run="r1")
    lacking = pl.DataFrame({"a": [5], "c": ["x"]})
    polars_desk.put(lacking, adding(polars_desk, schema_evolution="add", **by_a), run="r2")
    [late] = (polars_desk.folder / "f/a=5").glob("*.parquet")
    found = pl.read_parquet(late, hive_partitioning=False)
    assert dict(found.schema) == {"c": pl.String, "b": pl.Int64}
    assert found.rows() == [("x", None)]
    with pytest.raises(SchemaChangedError, match="- c: string is missing"):
        polars_desk.stage(BATCH, adding(polars_desk, **by_a))


@pytest.mark.parametrize("mode", ["ERROR", "IGNORE", "APPEND", "OVERWRITE"])
def test_a_folder_that_nobody_finished_is_not_there(desk: Desk, mode: str) -> None:
    """A killed first write leaves a manifest without files, which hides those it had moved in."""
    home = desk.folder / "f/_laktory"
    home.mkdir(parents=True)
    (home / "manifest.json").write_text(json.dumps({"files": [], "receipts": {}}))
    BATCH.write_parquet(desk.folder / "f/part-0123456789abcdef.parquet")
    target = desk.target("f", "PARQUET", mode)
    assert desk.engine.inspect(target.place, "PARQUET") is None
    assert not desk.put(BATCH, target).skipped
    assert desk.rows(target) == [(1, 2)]


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '"x"', "\0"])
def test_a_damaged_manifest_is_written_anew(polars_desk: Desk, content: str) -> None:
    target = polars_desk.target("f", "PARQUET")
    polars_desk.put(BATCH, target, run="r1")
    (polars_desk.folder / "f/_laktory/manifest.json").write_text(content)
    polars_desk.put(BATCH.with_columns(b=9), target, run="r2")
    assert polars_desk.rows(target) == [(1, 9)]


def test_files_of_others_stay_and_are_no_data_after_an_overwrite(polars_desk: Desk) -> None:
    folder = polars_desk.folder / "f"
    folder.mkdir()
    BATCH.write_parquet(folder / "theirs.parquet")
    (folder / "_SUCCESS").write_text("")
    target = polars_desk.target("f", "PARQUET")
    polars_desk.put(BATCH.with_columns(b=9), target)
    assert polars_desk.rows(target) == [(1, 9)]
    assert (folder / "theirs.parquet").exists()


@pytest.mark.parametrize("mode", ["ERROR", "IGNORE"])
def test_files_of_others_are_there(desk: Desk, mode: str) -> None:
    folder = desk.folder / "f"
    folder.mkdir()
    BATCH.write_parquet(folder / "theirs.parquet")
    target = desk.target("f", "PARQUET", mode)
    if mode == "ERROR":
        with pytest.raises(WriteError, match="exists and its mode is ERROR"):
            desk.stage(never(desk.engine), target)
    else:
        assert desk.put(BATCH, target).skipped
    assert not (folder / "_laktory/manifest.json").exists()


@pytest.mark.parametrize("mode", ["ERROR", "IGNORE"])
def test_a_folder_of_hidden_files_is_empty(polars_desk: Desk, mode: str) -> None:
    folder = polars_desk.folder / "f"
    (folder / "_spark_metadata").mkdir(parents=True)
    (folder / "_spark_metadata/0").write_text("v1")
    (folder / ".part.crc").write_text("")
    target = polars_desk.target("f", "PARQUET", mode)
    assert not polars_desk.put(BATCH, target).skipped
    assert polars_desk.rows(target) == [(1, 2)]


PLACES = [("DELTA", "t"), ("PARQUET", "one.parquet"), ("CSV", "one.csv"), ("PARQUET", "f")]
BIG = pl.select(a=pl.int_range(300_000).hash(seed=7).cast(pl.Int64, strict=False), b=1)


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file may grow beyond 50,000 bytes: a write that would fails, as on a full quota."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(("form", "name"), PLACES)
@pytest.mark.parametrize("mode", ["OVERWRITE", "APPEND"])
def test_a_file_that_may_not_grow_keeps_the_old_rows(
    polars_desk: Desk, small_files: None, form: str, name: str, mode: str
) -> None:
    if mode == "APPEND" and name.startswith("one"):
        mode = "OVERWRITE"
    target = polars_desk.target(name, form, mode)
    polars_desk.put(BATCH, target, run="r1")
    before = polars_desk.files()
    with pytest.raises(WriteError, match="larger than the system allows") as caught:
        polars_desk.put(BIG, target, run="r2")
    assert name in str(caught.value)
    assert polars_desk.rows(target) == [(1, 2)]
    assert polars_desk.files() == before
    polars_desk.put(BATCH, target, run="r3")
    assert len(polars_desk.rows(target)) == (2 if mode == "APPEND" else 1)


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A disk that takes no writes any more, and has what was written before."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if os.name != "posix" or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small disk")
    desk = Desk(open_engine("polars"), folder)
    for form, name in PLACES:
        desk.put(BATCH, desk.target(name, form), run="r1")
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize(("form", "name"), [*PLACES, ("DELTA", "new"), ("CSV", "new/x.csv")])
def test_a_read_only_disk_is_known_before_the_work(
    engine: Engine, read_only: Path, form: str, name: str
) -> None:
    desk = Desk(engine, read_only)
    with pytest.raises(WriteError, match="no permission to write") as caught:
        desk.stage(never(engine), desk.target(name, form))
    assert str(read_only) in str(caught.value)


@pytest.mark.parametrize(("form", "name"), PLACES)
def test_what_a_read_only_disk_holds_is_read_and_inspected(
    read_only: Path, form: str, name: str
) -> None:
    desk = Desk(open_engine("polars"), read_only)
    target = desk.target(name, form)
    assert desk.rows(target) == [(1, 2)]
    state = desk.engine.inspect(target.place, form)
    assert state is not None
    assert state.receipt is not None
    assert desk.engine.find_receipt(target.place, form, state.receipt.token) == state.receipt
