"""kill -9 between and inside the batches of a stream: the table is that of an undisturbed run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from laktory_dagster.engines.base import Engine
from laktory_dagster.engines.spark.session import is_connect
from tests.engines.killed_stream import feed_of
from tests.engines.streaming import in_order
from tests.forked import run_forked
from tests.sessions import ENGINES, GIVEN_SERVER, connect_server

# Late rows (an older `at`), rows that come twice, and bad ones.
FILES: tuple[list[dict[str, Any]], ...] = (
    [{"id": 1, "v": "a", "at": 5}, {"id": 2, "v": "bad", "at": 1}, {"id": 3, "v": "c", "at": 1}],
    [{"id": 1, "v": "late", "at": 2}, {"id": 3, "v": "c", "at": 1}, {"id": 4, "v": "bad", "at": 2}],
    [{"id": 3, "v": "new", "at": 9}, {"id": 5, "v": "e", "at": 1}, {"id": 1, "v": "a", "at": 5}],
)
GOOD = [row for rows in FILES for row in rows if row["v"] != "bad"]
BAD = [row for rows in FILES for row in rows if row["v"] == "bad"]

OPEN = "laktory_dagster.engines.storage.checkpoints:Checkpoint.open"
CLOSE = "laktory_dagster.execution.batches:Batch.close"
NOTE = "laktory_dagster.engines.storage.staging:Slot.open"
COMMIT = "laktory_dagster.engines.{engine}.delta:DeltaWriter.commit"
MERGE = "laktory_dagster.engines.{engine}.merge:MergeWriter.commit"
POINTS = [
    ("APPEND", OPEN, "before", 1),
    ("APPEND", OPEN, "after", 1),
    ("APPEND", NOTE, "after", 1),
    ("APPEND", COMMIT, "before", 1),
    ("APPEND", COMMIT, "after", 1),
    ("APPEND", COMMIT, "after", 2),
    ("APPEND", CLOSE, "before", 1),
    ("APPEND", CLOSE, "after", 1),
    ("MERGE", OPEN, "after", 1),
    ("MERGE", MERGE, "before", 1),
    ("MERGE", MERGE, "after", 1),
    ("MERGE", CLOSE, "before", 1),
]
# A session takes long to start: on Spark one death where its own commit is, over Connect the later.
TRIED = {
    "polars": POINTS,
    "spark": [("APPEND", COMMIT, "after", 1), ("MERGE", MERGE, "after", 1)],
    "connect": [("MERGE", MERGE, "after", 1)],
}


def cases() -> Iterator[Any]:
    """Give the points of each engine, with the marks of its session."""
    for engine in ENGINES:
        name, marks = (engine, ()) if isinstance(engine, str) else (engine.values[0], engine.marks)
        for mode, point, when, nth in TRIED[name]:
            where = f"{name}-{mode}-{point.rpartition(':')[2]}-{when}-{nth}"
            yield pytest.param(name, mode, point, when, nth, id=where, marks=marks)


def sequential(mode: str) -> list[dict[str, Any]]:
    """Return the good rows as reading the files one after the other gives them."""
    if mode == "APPEND":
        return in_order(GOOD)
    latest: dict[int, dict[str, Any]] = {}
    for row in GOOD:
        if row["id"] not in latest or row["at"] >= latest[row["id"]]["at"]:
            latest[row["id"]] = row
    return in_order(latest.values())


def run_child(**spec: Any) -> int:
    if spec["engine"] == "polars":
        return run_forked("tests.engines.killed_stream", spec)
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "tests.engines.killed_stream",
        json.dumps(spec),
    ]
    environment = dict(os.environ)
    if spec.get("session") == "connect":
        environment[GIVEN_SERVER] = " ".join(map(str, connect_server()))
    return subprocess.run(
        command, check=False, capture_output=True, timeout=250, env=environment
    ).returncode


@pytest.mark.slow
@pytest.mark.parametrize(
    ("engine", "mode", "point", "when", "nth"), list(cases()), indirect=["engine"]
)
def test_a_killed_stream_ends_as_an_undisturbed_one(
    engine: Engine, tmp_path: Path, mode: str, point: str, when: str, nth: int
) -> None:
    feed = feed_of(engine.name, tmp_path, mode)
    spec = {"engine": engine.name, "folder": str(tmp_path), "mode": mode}
    if engine.name == "spark":
        spec["session"] = "connect" if is_connect(engine.spark) else "spark"
    dying = {**spec, "point": point.format(engine=engine.name), "when": when, "nth": nth}
    for number, rows in enumerate(FILES[:2]):
        feed.drop(f"{number}", *rows)
        if number == 0 or spec.get("session") != "spark":
            assert run_child(**dying) == -signal.SIGKILL
    feed.drop("2", *FILES[2])
    feed.run()
    assert feed.rows() == sequential(mode)
    ours = [{key: row[key] for key in ("id", "v", "at")} for row in feed.rows("aside")]
    assert in_order(ours) == in_order(BAD)
    assert feed.run().rows_out in (0, None)
    assert feed.rows() == sequential(mode)
