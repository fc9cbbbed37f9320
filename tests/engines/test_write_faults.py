"""Disks that are full, places that cannot be written, leftovers, readers and writers at once."""

from __future__ import annotations

import errno
import io
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable

from laktory_dagster.engines.base import Engine
from laktory_dagster.engines.spark import delta as spark_delta
from laktory_dagster.engines.spark.session import is_connect
from laktory_dagster.engines.storage import staging, store
from laktory_dagster.errors import LaktoryDagsterError, TargetBusyError, WriteError
from tests.engines.frames import never
from tests.engines.writing import Desk, receipt_for, stamp_of

FRAME = pl.DataFrame({"a": [1, 2]})
PLACES = [("DELTA", "table"), ("PARQUET", "one.parquet"), ("PARQUET", "folder"), ("CSV", "x.csv")]


@pytest.fixture
def desk(engine: Engine, tmp_path: Path) -> Desk:
    return Desk(engine, tmp_path)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mount, check=False, capture_output=True).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("needs the right to mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize(("form", "name"), PLACES)
def test_a_full_disk_keeps_the_old_rows(
    engine: Engine, small_disk: Path, form: str, name: str
) -> None:
    desk = Desk(engine, small_disk)
    target = desk.target(name, form)
    desk.put(FRAME, target, run="r1")
    big = pl.select(a=pl.int_range(300_000).hash(seed=7).cast(pl.Int64, strict=False))
    with pytest.raises(LaktoryDagsterError, match="no space left"):
        desk.put(big, target, run="r2")
    assert desk.rows(target) == [(1,), (2,)]
    assert not [file for file in desk.files() if "/staged/" in file]
    if engine.name == "spark" and form == "DELTA":
        return  # Delta's half-written file holds the space until a VACUUM; no reader sees it.
    if engine.name == "spark":
        # Java holds the failed file open, and with it its space, until it collects garbage.
        if is_connect(engine.spark):
            return
        engine.spark._jvm.System.gc()
    desk.put(FRAME.head(1), target, run="r3")
    assert desk.rows(target) == [(1,)]


@pytest.mark.parametrize(("form", "name"), PLACES)
def test_no_space_at_the_commit(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, form: str, name: str
) -> None:
    target = desk.target(name, form)
    desk.put(FRAME, target, run="r1")
    stamp = stamp_of("r2")
    staged = desk.stage(FRAME.head(1), target, stamp=stamp)

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(store.LocalStore, "publish", refuse)
        patched.setattr(DeltaTable, "create_write_transaction", lambda *_, **__: refuse())
        patched.setattr(spark_delta.DeltaWriter, "_write", refuse)
        with pytest.raises(WriteError, match="no space left on the disk"):
            staged.commit(target, receipt_for(stamp, target, staged.summary))
    staged.abort()
    assert desk.rows(target) == [(1,), (2,)]
    assert not [file for file in desk.files() if "/staged/" in file]


@pytest.mark.parametrize(("form", "name"), PLACES)
def test_a_place_without_permission_is_known_before_the_work(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, form: str, name: str
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(WriteError, match="no permission to write") as caught:
        desk.stage(never(desk.engine), desk.target(name, form))
    assert name in str(caught.value)


@pytest.mark.parametrize(("form", "name"), [("DELTA", "x/table"), ("PARQUET", "x/one.parquet")])
def test_a_folder_that_is_a_file(desk: Desk, form: str, name: str) -> None:
    (desk.folder / "x").write_text("not a folder")
    with pytest.raises(WriteError, match="is a file, not a folder"):
        desk.stage(never(desk.engine), desk.target(name, form))


def _note(desk: Desk, home: str, token: str, **more: object) -> None:
    """Leave what a process leaves that died while it staged."""
    content = {
        "token": token,
        "run_id": "x",
        "node": "prices",
        "pid": 2**22 + 1,
        "host": socket.gethostname(),
        "started": time.time(),
        **more,
    }
    folder = desk.folder / home / "staged"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "0123456789abcdef.json").write_text(json.dumps(content))


@pytest.mark.parametrize(("age", "kept"), [(10, True), (25 * 3600, False)])
def test_a_half_written_note_goes_after_a_day(desk: Desk, age: int, kept: bool) -> None:
    target = desk.target("table", "DELTA")
    desk.put(FRAME, target, run="r1")
    half = desk.folder / "table" / "_laktory" / "staged" / ".0123456789abcdef.tmp"
    half.parent.mkdir(parents=True, exist_ok=True)
    half.write_text('{"token"')
    os.utime(half, (time.time() - age,) * 2)
    desk.put(FRAME, target, run="r2")
    assert half.exists() is kept
    assert desk.rows(target) == [(1,), (2,)]


MINE = "run-1/prices/sink_0/-"
OTHER = "run-9/prices/sink_0/-"


@pytest.mark.parametrize(
    ("token", "more", "swept"),
    [
        (MINE, {}, True),
        (MINE, {"host": "elsewhere"}, True),
        (MINE, {"pid": os.getppid()}, False),
        (OTHER, {}, True),
        (OTHER, {"host": "elsewhere"}, False),
        (OTHER, {"pid": os.getppid()}, False),
        (OTHER, {"started": time.time() - 90_000}, True),
        (OTHER, {"pid": os.getppid(), "started": time.time() - 90_000}, True),
        (OTHER, {"pid": os.getpid()}, True),
    ],
)
@pytest.mark.parametrize(("form", "name"), PLACES)
def test_leftovers_of_dead_runs_are_swept(
    desk: Desk, form: str, name: str, token: str, more: dict, swept: bool
) -> None:
    home = f"{name}/_laktory" if "." not in name else f".laktory/{name}"
    _note(desk, home, token, **more)
    left = {
        "DELTA": f"{name}/part-0123456789abcdef.parquet",
        "PARQUET": f"{home}/staged/0123456789abcdef.parquet",
        "CSV": f"{home}/staged/0123456789abcdef.csv",
    }[form]
    (desk.folder / left).write_bytes(b"half written")
    stranger = desk.folder / "stranger.parquet"
    stranger.write_bytes(b"not ours")
    desk.put(FRAME, desk.target(name, form))
    assert (desk.folder / left).exists() is not swept
    assert stranger.exists()
    assert desk.rows(desk.target(name, form)) == [(1,), (2,)]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "x"}'])
def test_a_broken_note_is_swept(desk: Desk, content: str) -> None:
    folder = desk.folder / "table/_laktory/staged"
    folder.mkdir(parents=True)
    (folder / "0123456789abcdef.json").write_text(content)
    desk.put(FRAME, desk.target("table"))
    assert desk.files("table/_laktory/staged") == []


def test_committed_files_are_never_swept(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    target = desk.target("table", mode="APPEND")
    with monkeypatch.context() as patched:
        patched.setattr(staging.Slot, "close", lambda *_, **__: None)
        desk.put(FRAME, target, run="run-1")
    staging._alive.clear()
    assert len(desk.files("table/_laktory/staged")) == 1
    desk.put(FRAME, target, run="run-1")
    assert desk.files("table/_laktory/staged") == []
    assert desk.rows(target) == [(1,), (2,)]


@pytest.mark.parametrize(("form", "name"), PLACES)
def test_staged_files_that_vanished_publish_nothing(desk: Desk, form: str, name: str) -> None:
    if (form, desk.engine.name) == ("DELTA", "spark"):
        return  # Delta on Spark stages nothing before its commit.
    target = desk.target(name, form)
    desk.put(FRAME, target, run="r1")
    before = set(desk.files())
    stamp = stamp_of("r2")
    staged = desk.stage(FRAME.head(1), target, stamp=stamp)
    for file in set(desk.files()) - before:
        (desk.folder / file).unlink()
    with pytest.raises((TargetBusyError, WriteError)):
        staged.commit(target, receipt_for(stamp, target, staged.summary))
    staged.abort()
    assert desk.rows(target) == [(1,), (2,)]


@pytest.mark.parametrize("form", ["PARQUET", "CSV"])
def test_appends_to_a_folder_at_once_all_arrive(desk: Desk, form: str) -> None:
    target = desk.target("folder", form, "APPEND")
    ready = threading.Barrier(5)
    errors: list[BaseException] = []

    def append(number: int) -> None:
        stamp = stamp_of(f"r{number}", partition=str(number))
        staged = desk.stage(pl.DataFrame({"a": [number]}), target, stamp=stamp)
        ready.wait()
        try:
            staged.commit(target, receipt_for(stamp, target, staged.summary))
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=append, args=(i,)) for i in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert desk.rows(target) == [(i,) for i in range(5)]


HOLDER = """
import sys
from laktory_dagster.engines.storage.store import LocalStore

with LocalStore(sys.argv[1]).locked("_laktory/lock"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_held_folder_is_busy(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "LOCK_SECONDS", 0.05)
    (desk.folder / "folder").mkdir()
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            HOLDER,
            str(desk.folder / "folder"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    target = desk.target("folder", "PARQUET", "APPEND")
    with pytest.raises(TargetBusyError, match="another run holds"):
        desk.put(FRAME, target)
    holder.kill()
    holder.wait()
    holder.stdout.close()
    desk.put(FRAME, target, run="r2")
    assert desk.rows(target) == [(1,), (2,)]


def test_readers_see_old_or_new_while_a_file_is_replaced(desk: Desk) -> None:
    target = desk.target("one.parquet", "PARQUET")
    desk.put(pl.DataFrame({"a": [0] * 100}), target, run="first")
    stop = threading.Event()
    seen: set[tuple[int, int]] = set()

    def read() -> None:
        while not stop.is_set():
            # Read at once: Polars opens a file twice, and would see two versions of it.
            content = io.BytesIO((desk.folder / "one.parquet").read_bytes())
            values = pl.read_parquet(content)["a"]
            seen.add((values.n_unique(), len(values)))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(20):
        desk.put(pl.DataFrame({"a": [number] * 100}), target, run=f"r{number}")
    stop.set()
    reader.join()
    assert seen == {(1, 100)}


def test_overwriting_the_source_itself(desk: Desk) -> None:
    for form, name in (("PARQUET", "one.parquet"), ("DELTA", "table")):
        target = desk.target(name, form)
        first = desk.put(FRAME, target, run="r1")
        over = "a > 1" if desk.engine.name == "spark" else pl.col("a") > 1
        desk.put(first.published.filter(over), target, run="r2")
        assert desk.rows(target) == [(2,)]
