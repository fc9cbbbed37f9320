"""The log of a Delta table, read as files: versions, receipts in commits, files that were added."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from laktory_dagster.engines.storage.changes import added_files
from laktory_dagster.engines.storage.commits import (
    RECEIPT_KEY,
    FileLog,
    commit_of,
    find_token,
    receipt_in,
)
from laktory_dagster.engines.storage.store import LocalStore
from laktory_dagster.errors import SourceChangedError

TOLD: dict[str, Any] = {
    "run_id": "run-1",
    "root_run_id": "run-1",
    "node": "out",
    "code_version": "c",
    "data_version": "d",
    "logical_time": "2024-05-01T12:00:00+00:00",
    "written_at": "2024-05-01T12:00:01+00:00",
    "rows_in": 2,
    "rows_out": 2,
    "rows_dropped": 0,
    "rows_quarantined": 0,
    "columns": [{"name": "a", "type": "int64"}],
}


def noted(token: str, **more: Any) -> dict[str, Any]:
    """Return what delta-rs leaves in a commit of ours."""
    return {"commitInfo": {RECEIPT_KEY: json.dumps({**TOLD, "token": token, **more})}}


def added(name: str, *, changes: bool = True) -> dict[str, Any]:
    return {"add": {"path": name, "dataChange": changes}}


def removed(name: str, *, changes: bool = True) -> dict[str, Any]:
    return {"remove": {"path": name, "dataChange": changes}}


class Table:
    """A table's folder whose commits are written by hand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = FileLog(LocalStore(str(folder)))
        (folder / "_delta_log").mkdir()

    def commit(self, version: int, *actions: dict[str, Any]) -> None:
        text = "\n".join(json.dumps(action) for action in actions)
        (self.folder / f"_delta_log/{version:020d}.json").write_text(text + "\n")
        for action in actions:
            if "add" in action:
                name = action["add"]["path"].replace("%20", " ")
                (self.folder / name).write_text("rows")

    def new(self, after: int, to: int) -> list[str]:
        return added_files(self.log, LocalStore(str(self.folder)), after, to, "the table")


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(tmp_path)


def test_a_folder_without_a_log_has_no_version(tmp_path: Path) -> None:
    log = FileLog(LocalStore(str(tmp_path / "nothing")))
    assert (log.latest(), log.versions(), log.info(0)) == (None, [], {})


def test_versions_are_those_of_commits_and_the_newest_may_be_a_checkpoint(table: Table) -> None:
    for version in (0, 9, 10):
        table.commit(version, added(f"{version}.parquet"))
    log = table.folder / "_delta_log"
    (log / f"{12:020d}.checkpoint.0000000001.0000000002.parquet").write_text("")
    (log / "_last_checkpoint").write_text("{}")
    (log / f"{99:020d}.json.tmp").write_text("")
    (log / f"{99:020d}.crc").write_text("")
    assert table.log.versions() == [10, 9, 0]
    assert table.log.latest() == 12


def test_a_receipt_is_that_of_its_version(table: Table) -> None:
    table.commit(0, noted("r1/out/sink_0/-"), added("a"))
    table.commit(1, {"commitInfo": {"operation": "OPTIMIZE"}})
    table.commit(2, noted("r2/out/sink_0/-", rows_in=5))
    found = find_token(table.log, "r1/out/sink_0/-")
    assert found is not None
    assert (found.token, found.table_version) == ("r1/out/sink_0/-", 0)
    assert find_token(table.log, "r3/out/sink_0/-") is None
    assert commit_of(table.log, "r1/out/sink_0/-", above=0) is None
    newest = commit_of(table.log, "r2/out/sink_0/-", above=0)
    assert newest is not None
    assert newest[0] == 2


def test_a_receipt_of_spark_is_in_the_metadata_of_users() -> None:
    note = json.dumps({RECEIPT_KEY: json.dumps({**TOLD, "token": "t"})})
    found = receipt_in({"userMetadata": note}, 4)
    assert found is not None
    assert (found.token, found.table_version, found.rows_in) == ("t", 4, 2)


def test_rows_that_were_counted_while_they_were_written_are_in_the_metrics() -> None:
    info = noted("t", rows_in=0, rows_out=0)["commitInfo"]
    found = receipt_in({**info, "operationMetrics": {"numOutputRows": "7"}}, 0)
    assert found is not None
    assert (found.rows_in, found.rows_out) == (7, 7)
    counted = noted("t", rows_in=9, rows_out=8)["commitInfo"]
    kept = receipt_in({**counted, "operationMetrics": {"numOutputRows": "7"}}, 0)
    assert kept is not None
    assert (kept.rows_in, kept.rows_out) == (9, 8)


@pytest.mark.parametrize(
    "info",
    [
        {},
        {RECEIPT_KEY: ""},
        {RECEIPT_KEY: "{"},
        {RECEIPT_KEY: "{}"},
        {RECEIPT_KEY: "[1]"},
        {RECEIPT_KEY: '{"token": "t"}'},
        {"userMetadata": "by hand"},
        {"userMetadata": "[]"},
        {"userMetadata": "null"},
        {"userMetadata": "{}"},
        {"userMetadata": json.dumps({RECEIPT_KEY: "x"})},
    ],
)
def test_what_others_say_of_their_commits_is_no_receipt(info: dict[str, Any]) -> None:
    assert receipt_in(info, 0) is None


def test_new_files_are_those_of_the_versions_after(table: Table) -> None:
    table.commit(0, added("a"))
    table.commit(1, added("b"), added("c d".replace(" ", "%20")))
    table.commit(2, {"commitInfo": {"operation": "SET TBLPROPERTIES"}})
    table.commit(3, added("e"))
    assert table.new(-1, 0) == ["a"]
    assert table.new(0, 3) == ["b", "c d", "e"]
    assert table.new(3, 3) == []


def test_files_that_were_only_rewritten_have_no_new_rows(table: Table) -> None:
    table.commit(0, added("a"))
    table.commit(1, removed("a", changes=False), added("b", changes=False))
    assert table.new(0, 1) == []


def test_rows_that_were_taken_away_are_named_with_who_did_it(table: Table) -> None:
    table.commit(0, added("a"))
    table.commit(1, noted("r9/out/sink_0/-", run_id="run-9"), removed("a"), added("b"))
    with pytest.raises(SourceChangedError, match=r"in version 1 \(a commit by run run-9\)") as one:
        table.new(0, 1)
    assert "--full-refresh" in str(one.value)
    table.commit(1, {"commitInfo": {"operation": "DELETE"}}, removed("a"))
    with pytest.raises(SourceChangedError, match=r"in version 1 \(DELETE\)"):
        table.new(0, 1)


def test_a_version_that_left_the_log_is_named(table: Table) -> None:
    table.commit(0, added("a"))
    table.commit(2, added("c"))
    with pytest.raises(SourceChangedError, match=r"no longer has version 1, .* up to version 0"):
        table.new(0, 2)


def test_a_file_that_is_gone_is_named(table: Table) -> None:
    table.commit(0, added("a"))
    table.commit(1, added("b"))
    (table.folder / "b").unlink()
    with pytest.raises(SourceChangedError, match="b was added after version 0 and is gone"):
        table.new(0, 1)
