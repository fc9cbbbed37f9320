"""kill -9 at every point of a write: the old table or the new one, and a rerun makes it right."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from laktory_dagster.engines.base import Engine
from tests.engines.writing import Desk, current_files
from tests.forked import run_forked
from tests.sessions import ENGINES

POLARS = "laktory_dagster.engines.polars"
STORAGE = "laktory_dagster.engines.storage"
OLD = [["A", 1.5], ["B", 2.5]]
NEW = [["B", 9.5], ["C", 3.5]]

STAGING = [
    (f"{STORAGE}.staging:Slot.open", "before"),
    (f"{STORAGE}.staging:Slot.open", "after"),
    (f"{POLARS}.write:_collect", "after"),
]
CLEANING = [(f"{STORAGE}.staging:Slot.close", "before"), (f"{STORAGE}.staging:Slot.close", "after")]
TRANSACTION = "deltalake:DeltaTable.create_write_transaction"
POINTS = {
    "DELTA": [
        *STAGING,
        (TRANSACTION, "before"),
        (TRANSACTION, "after"),
        (f"{POLARS}.delta:write_receipt", "before"),
        (f"{POLARS}.delta:write_receipt", "after"),
        *CLEANING,
    ],
    "MERGE": [
        *STAGING,
        ("deltalake.table:TableMerger.execute", "before"),
        ("deltalake.table:TableMerger.execute", "after"),
        (f"{POLARS}.merge:write_receipt", "before"),
        (f"{POLARS}.merge:write_receipt", "after"),
    ],
    "FILE": [
        *STAGING,
        (f"{POLARS}.files:write_pending", "before"),
        (f"{POLARS}.files:write_pending", "after"),
        (f"{STORAGE}.store:LocalStore.publish", "before"),
        (f"{STORAGE}.store:LocalStore.publish", "after"),
        (f"{POLARS}.files:settle_pending", "after"),
        *CLEANING,
    ],
    "FOLDER": [
        *STAGING,
        (f"{POLARS}.folders:FolderWriter._move_in", "before"),
        (f"{POLARS}.folders:FolderWriter._move_in", "after"),
        (f"{STORAGE}.publishing:_write", "after"),
        (f"{STORAGE}.publishing:write_receipt", "before"),
        (f"{STORAGE}.publishing:write_receipt", "after"),
        *CLEANING,
    ],
}
KINDS = {
    "delta overwrite": ("DELTA", "DELTA", "table", "OVERWRITE"),
    "delta append": ("DELTA", "DELTA", "table", "APPEND"),
    "delta merge": ("MERGE", "DELTA", "table", "MERGE"),
    "parquet file": ("FILE", "PARQUET", "one.parquet", "OVERWRITE"),
    "csv file": ("FILE", "CSV", "one.csv", "OVERWRITE"),
    "parquet folder": ("FOLDER", "PARQUET", "folder", "OVERWRITE"),
    "appended folder": ("FOLDER", "PARQUET", "folder", "APPEND"),
}
TAKEN_OVER = (
    (TRANSACTION, "before"),
    (TRANSACTION, "after"),
    ("deltalake.table:TableMerger.execute", "after"),
    (f"{STORAGE}.store:LocalStore.publish", "before"),
    (f"{STORAGE}.store:LocalStore.publish", "after"),
    (f"{POLARS}.folders:FolderWriter._move_in", "after"),
    (f"{STORAGE}.publishing:_write", "after"),
)
"""Where what a dead writer leaves differs for the Spark that comes after it."""


def cases() -> Iterator[Any]:
    """Give every point of every kind on Polars, and what Spark finds of it once."""
    for engine in ENGINES:
        name = engine if isinstance(engine, str) else engine.values[0]
        marks = () if isinstance(engine, str) else engine.marks
        for kind, (points, *_) in KINDS.items():
            for point, when in POINTS[points]:
                if kind == "csv file" and "publish" not in point:
                    continue
                if name != "polars" and (point, when) not in TAKEN_OVER:
                    continue
                if name == "connect" and not kind.startswith("delta"):
                    continue  # Files are taken over without a word to the session.
                where = f"{name}-{kind}-{point.rpartition(':')[2]}-{when}"
                yield pytest.param(name, kind, point, when, id=where, marks=marks)


def after(mode: str) -> list[tuple[Any, ...]]:
    old, new = [tuple(row) for row in OLD], [tuple(row) for row in NEW]
    if mode == "OVERWRITE":
        return sorted(new)
    if mode == "APPEND":
        return sorted(old + new)
    return sorted({**dict(old), **dict(new)}.items())


def run_child(spec: dict[str, Any]) -> int:
    return run_forked("tests.engines.killed_writer", spec)


@pytest.mark.slow
@pytest.mark.parametrize(("engine", "kind", "point", "when"), [*cases()], indirect=["engine"])
def test_killed_and_run_again(
    engine: Engine, tmp_path: Path, kind: str, point: str, when: str
) -> None:
    _, form, name, mode = KINDS[kind]
    keys = ("symbol",) if mode == "MERGE" else ()
    desk = Desk(engine, tmp_path)
    target = desk.target(name, form, mode, primary_keys=keys)
    old = _frame(OLD)
    desk.put(old, target, run="r1")
    spec = {
        "folder": str(tmp_path),
        "name": name,
        "format": form,
        "mode": mode,
        "primary_keys": list(keys),
        "rows": NEW,
        "run": "r2",
        "point": point,
        "when": when,
    }
    assert run_child(spec) == -signal.SIGKILL
    assert desk.rows(target) in (sorted(tuple(row) for row in OLD), after(mode))
    committed = desk.rows(target) == after(mode) and mode != "MERGE"
    found = engine.find_receipt(target.place, form, "r2/prices/sink_0/-")
    assert found is not None or not committed
    desk.put(_frame(NEW), target, run="r2")
    assert desk.rows(target) == after(mode)
    assert engine.find_receipt(target.place, form, "r2/prices/sink_0/-") is not None
    _nothing_left_over(desk, target.place.uri, form)


def _nothing_left_over(desk: Desk, uri: str, form: str) -> None:
    left = [file for file in desk.files() if file.endswith((".tmp", "pending.json"))]
    left += [file for file in desk.files() if "/staged/" in file]
    kept = [file for file in left if "/staged/" in file and form == "DELTA"]
    # A merge keeps its batch for readers until the process ends.
    assert [file for file in left if file not in kept] == []
    assert len(kept) <= 2
    if (Path(uri) / "_laktory/manifest.json").exists():
        visible = sorted(path.name for path in Path(uri).glob("*.parquet"))
        assert visible == sorted(path.name for path in current_files(Path(uri)))
    if form == "DELTA" and not kept:
        from deltalake import DeltaTable

        named = {action["path"] for action in _added(Path(uri))}
        present = {path.name for path in Path(uri).glob("*.parquet")}
        assert present == named
        assert DeltaTable(uri).version() >= 1


def _added(table: Path) -> list[dict[str, Any]]:
    lines = [
        json.loads(line)
        for log in sorted((table / "_delta_log").glob("*.json"))
        for line in log.read_text().splitlines()
    ]
    return [line["add"] for line in lines if "add" in line]


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_half_committed_node_is_completed(engine: Engine, tmp_path: Path, when: str) -> None:
    """The quarantine is committed, the table is not: the rerun publishes the table only."""
    desk = Desk(engine, tmp_path)
    spec = {
        "folder": str(tmp_path),
        "name": "table",
        "format": "DELTA",
        "mode": "APPEND",
        "rows": [["A", 1.0], ["bad", 2.0]],
        "run": "r1",
        "quarantine": True,
        "point": f"{POLARS}.delta:DeltaWriter.commit",
        "when": when,
        "nth": 2 if when == "before" else 1,
    }
    assert run_child(spec) == -signal.SIGKILL
    assert engine.inspect(desk.target("table").place, "DELTA") is None
    assert len(desk.rows(desk.aside("quarantine"))) == 1
    assert run_child({**spec, "point": None}) == 0
    assert desk.rows(desk.target("table")) == [("A", 1.0)]
    assert [row[:2] for row in desk.rows(desk.aside("quarantine"))] == [("bad", 2.0)]
    assert run_child({**spec, "point": None}) == 0
    assert desk.rows(desk.target("table")) == [("A", 1.0)]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["delta append", "parquet file", "parquet folder"])
def test_killed_before_the_first_write_ever(engine: Engine, tmp_path: Path, kind: str) -> None:
    _, form, name, mode = KINDS[kind]
    desk = Desk(engine, tmp_path)
    target = desk.target(name, form, mode)
    spec = {
        "folder": str(tmp_path),
        "name": name,
        "format": form,
        "mode": mode,
        "rows": NEW,
        "run": "r1",
        "point": f"{POLARS}.write:_collect",
        "when": "after",
    }
    assert run_child(spec) == -signal.SIGKILL
    assert engine.inspect(target.place, form) is None
    desk.put(_frame(NEW), target, run="r1")
    assert desk.rows(target) == sorted(tuple(row) for row in NEW)
    assert not [file for file in desk.files() if "/staged/" in file]


def _frame(rows: list[list[Any]]) -> Any:
    import polars as pl

    return pl.DataFrame(rows, schema=["symbol", "close"], orient="row")
