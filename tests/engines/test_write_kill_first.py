"""kill -9 in a first write, and in writes that change the table: a rerun of the run makes it right.

Of a first write nothing was there before: the modes that ask for it, ERROR and IGNORE, must not take
what a killed attempt left for a table.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable

from laktory_dagster.engines.registry import open_engine
from laktory_dagster.errors import TargetExistsError
from tests.engines.killed_writer import as_declared
from tests.engines.writing import Desk, in_order
from tests.forked import run_forked

POLARS = "laktory_dagster.engines.polars"
STORAGE = "laktory_dagster.engines.storage"
ROWS = [["A", 1.5], ["B", 2.5], ["B", 3.5]]

COLLECTED = (f"{POLARS}.write:_collect", "after", 1)
CREATE = f"{POLARS}.delta_log:create_table_with_add_actions"
DELTA = [
    COLLECTED,
    (CREATE, "before", 1),
    (CREATE, "after", 1),
    (f"{POLARS}.delta:write_receipt", "before", 1),
]
MERGE = [
    COLLECTED,
    (CREATE, "before", 1),
    (CREATE, "after", 1),
    (f"{POLARS}.merge:write_receipt", "before", 1),
]
FILE = [
    COLLECTED,
    (f"{POLARS}.files:write_pending", "after", 1),
    (f"{STORAGE}.store:LocalStore.publish", "after", 1),
    (f"{POLARS}.files:settle_pending", "after", 1),
]
FOLDER = [
    COLLECTED,
    (f"{STORAGE}.publishing:_write", "after", 1),
    (f"{STORAGE}.store:LocalStore.publish", "after", 1),
    (f"{POLARS}.folders:FolderWriter._move_in", "after", 1),
    (f"{STORAGE}.publishing:_write", "after", 2),
    (f"{STORAGE}.publishing:write_receipt", "after", 1),
]
BY_SYMBOL = {"partition_by": ["symbol"]}
BY_CLOSE = {"merge": {"primary_keys": ["symbol"], "order_by": "close"}}
HISTORY = {"merge": {"primary_keys": ["symbol"], "order_by": "close", "scd_type": 2}}
FIRST: dict[str, tuple[list[tuple[str, str, int]], str, str, str, dict[str, Any]]] = {
    "table ERROR": (DELTA, "DELTA", "t", "ERROR", {}),
    "table IGNORE": (DELTA, "DELTA", "t", "IGNORE", {}),
    "parts APPEND": (DELTA, "DELTA", "t", "APPEND", BY_SYMBOL),
    "merge": (MERGE, "DELTA", "t", "MERGE", BY_CLOSE),
    "history": (MERGE, "DELTA", "t", "MERGE", HISTORY),
    "file ERROR": (FILE, "PARQUET", "one.parquet", "ERROR", {}),
    "file IGNORE": (FILE, "PARQUET", "one.parquet", "IGNORE", {}),
    "folder ERROR": (FOLDER, "PARQUET", "f", "ERROR", {}),
    "folder IGNORE": (FOLDER, "PARQUET", "f", "IGNORE", {}),
    "folder parts IGNORE": (FOLDER, "CSV", "f", "IGNORE", BY_SYMBOL),
    "folder parts ERROR": (FOLDER, "JSON", "f", "ERROR", BY_SYMBOL),
}


def killed_in(desk: Desk, spec: dict[str, Any], where: tuple[str, str, int]) -> None:
    """Run the write in a process of its own that dies at a point."""
    point, when, nth = where
    spec = {**spec, "folder": str(desk.folder), "point": point, "when": when, "nth": nth}
    assert run_forked("tests.engines.killed_writer", spec) == -signal.SIGKILL


def frame_of(spec: dict[str, Any]) -> pl.DataFrame:
    columns = spec.get("columns", ["symbol", "close"])
    return pl.DataFrame(spec["rows"], schema=columns, orient="row")


def firsts() -> Iterator[Any]:
    for kind, (points, *_) in FIRST.items():
        for where in points:
            name = f"{kind}-{where[0].rpartition(':')[2]}-{where[1]}-{where[2]}"
            yield pytest.param(kind, where, id=name)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "where"), [*firsts()])
def test_a_first_write_that_was_killed_is_made_by_the_rerun(
    tmp_path: Path, kind: str, where: tuple[str, str, int]
) -> None:
    _, form, name, mode, more = FIRST[kind]
    desk = Desk(open_engine("polars"), tmp_path)
    spec = {"name": name, "format": form, "mode": mode, "rows": ROWS, "run": "r1", "more": more}
    killed_in(desk, spec, where)
    target = desk.target(name, form, mode, **as_declared(more))
    state = desk.engine.inspect(target.place, form)
    half = None if state is None else state.receipt
    desk.put(frame_of(spec), target, run="r1")
    assert rows_of(desk, target.place.uri, form) == expected_of(kind)
    receipt = desk.engine.find_receipt(target.place, form, "r1/prices/sink_0/-")
    assert receipt is not None
    # What readers saw before the rerun was nothing or all of it.
    assert half is None or half.token == receipt.token
    left = [file for file in desk.files() if file.endswith((".tmp", "pending.json"))]
    assert left == []
    if mode == "ERROR":
        with pytest.raises(TargetExistsError):
            desk.put(frame_of(spec), target, run="r2")
    if mode == "IGNORE":
        assert desk.put(frame_of(spec), target, run="r2").skipped


def expected_of(kind: str) -> list[tuple[Any, ...]]:
    if kind == "merge":
        return [("A", 1.5), ("B", 3.5)]
    if kind == "history":
        # The order of the changes is no value: the second one of B changes nothing.
        return [("A", 1.5, None), ("B", 2.5, None)]
    return [("A", 1.5), ("B", 2.5), ("B", 3.5)]


def rows_of(desk: Desk, uri: str, form: str) -> list[tuple[Any, ...]]:
    """Return the visible rows: symbol and close, of a history also the end."""
    if form == "DELTA":
        found = pl.read_delta(uri)
        ends = ["__end_at"] if "__end_at" in found.columns else []
        return in_order(found.select("symbol", "close", *ends).rows())
    if form == "PARQUET":
        return desk.rows(desk.target(Path(uri).name, form))
    files = [path for path in Path(uri).glob("symbol=*/*") if path.is_file()]
    read = pl.read_csv if form == "CSV" else pl.read_ndjson
    return in_order(
        (path.parent.name.removeprefix("symbol="), close)
        for path in files
        for close in read(path)["close"]
    )


WRITE = "deltalake:DeltaTable.create_write_transaction"
ADD_COLUMNS = "deltalake.table:TableAlterer.add_columns"
ADD_FEATURE = "deltalake.table:TableAlterer.add_feature"
MERGED = "deltalake.table:TableMerger.execute"
LATER: dict[str, tuple[list[tuple[str, str, int]], str, list[str], list[list[Any]], dict[str, Any]]]
LATER = {
    "partitions anew": (
        [(CREATE, "before", 1), (CREATE, "after", 1)],
        "OVERWRITE",
        ["symbol", "close"],
        [["C", 9.5]],
        BY_SYMBOL,
    ),
    "a column more": (
        [(ADD_COLUMNS, "after", 1), (WRITE, "before", 1), (WRITE, "after", 1)],
        "APPEND",
        ["symbol", "close", "n"],
        [["C", 9.5, 1]],
        {"schema_evolution": "add"},
    ),
    "history": (
        [(MERGED, "before", 1), (MERGED, "after", 1)],
        "MERGE",
        ["symbol", "close"],
        [["A", 9.5]],
        BY_CLOSE,
    ),
}


def laters() -> Iterator[Any]:
    for kind, (points, *_) in LATER.items():
        for where in points:
            name = f"{kind}-{where[0].rpartition(':')[2]}-{where[1]}"
            yield pytest.param(kind, where, id=name)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "where"), [*laters()])
def test_a_write_that_changes_the_table_may_be_killed(
    tmp_path: Path, kind: str, where: tuple[str, str, int]
) -> None:
    _, mode, columns, rows, more = LATER[kind]
    desk = Desk(open_engine("polars"), tmp_path)
    old = [["A", 1.5], ["B", 2.5]]
    desk.put(frame_of({"rows": old}), desk.target("t"), run="r1")
    before = rows_of(desk, str(desk.folder / "t"), "DELTA")
    spec = {
        "name": "t",
        "format": "DELTA",
        "mode": mode,
        "rows": rows,
        "columns": columns,
        "run": "r2",
        "more": more,
    }
    after = {
        "OVERWRITE": [("C", 9.5)],
        "APPEND": [*before, ("C", 9.5)],
        "MERGE": [("A", 9.5), ("B", 2.5)],
    }[mode]
    killed_in(desk, spec, where)
    assert rows_of(desk, str(desk.folder / "t"), "DELTA") in (before, after)
    target = desk.target("t", mode=mode, **as_declared(more))
    for _ in range(2):
        desk.put(frame_of(spec), target, run="r2")
        assert rows_of(desk, str(desk.folder / "t"), "DELTA") == after


@pytest.mark.slow
def test_a_table_that_was_killed_while_it_got_a_feature_is_as_it_was(tmp_path: Path) -> None:
    """The feature for times without a zone is a commit of its own, before that of the rows."""
    desk = Desk(open_engine("polars"), tmp_path)
    target = desk.target("t")
    desk.put(frame_of({"rows": [["A", 1.5]]}), target, run="r1")
    spec = {
        "name": "t",
        "format": "DELTA",
        "mode": "OVERWRITE",
        "rows": [["C", "2024-05-01T12:00:00"]],
        "naive": "close",
        "run": "r2",
    }
    killed_in(desk, spec, (ADD_FEATURE, "after", 1))
    assert rows_of(desk, str(desk.folder / "t"), "DELTA") == [("A", 1.5)]
    desk.put(frame_of({"rows": [["A", 2.5]]}), target, run="r3")
    assert rows_of(desk, str(desk.folder / "t"), "DELTA") == [("A", 2.5)]
    assert DeltaTable(str(desk.folder / "t")).version() == 2
