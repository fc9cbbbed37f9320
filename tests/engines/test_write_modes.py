"""Every mode with every format: what is stored, who wrote it, and what a repetition does."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from laktory_dagster.engines.base import Engine
from laktory_dagster.errors import TargetExistsError, UnsupportedError, WriteError
from tests.engines.frames import collected, never
from tests.engines.writing import Desk

FIRST = pl.DataFrame({"symbol": ["A", "B"], "close": [1.5, 2.5]})
SECOND = pl.DataFrame({"symbol": ["C"], "close": [3.5]})
FIRST_ROWS = [("A", 1.5), ("B", 2.5)]
SECOND_ROWS = [("C", 3.5)]

FILES = ["PARQUET", "CSV", "JSON", "JSONL", "NDJSON", "IPC", "AVRO", "EXCEL"]
NAMES = {"DELTA": "table", **{form: f"file.{form.lower()}" for form in FILES}}
ALL = [("DELTA", "table")]
ALL += [(form, f"one.{form.lower()}") for form in FILES]
ALL += [(form, "folder") for form in FILES]
FOLDERS = [place for place in ALL if place[1] in ("folder", "table")]


@pytest.fixture
def desk(engine: Engine, tmp_path: Path) -> Desk:
    return Desk(engine, tmp_path)


@pytest.mark.parametrize(("form", "name"), ALL)
def test_overwrite_replaces_what_was_stored(desk: Desk, form: str, name: str) -> None:
    target = desk.target(name, form)
    first = desk.put(FIRST, target, run="r1")
    assert desk.rows(target) == FIRST_ROWS
    assert first.rows == 2
    second = desk.put(SECOND, target, run="r2")
    assert desk.rows(target) == SECOND_ROWS
    assert collected(second.published).rows() == SECOND_ROWS
    assert not second.skipped


@pytest.mark.parametrize(("form", "name"), FOLDERS)
def test_append_adds_once_per_run(desk: Desk, form: str, name: str) -> None:
    target = desk.target(name, form, "APPEND")
    desk.put(FIRST, target, run="r1")
    added = desk.put(SECOND, target, run="r2")
    assert desk.rows(target) == FIRST_ROWS + SECOND_ROWS
    assert collected(added.published).rows() == SECOND_ROWS
    again = desk.put(SECOND, target, run="r2")
    assert again.skipped
    assert desk.rows(target) == FIRST_ROWS + SECOND_ROWS
    desk.put(SECOND, target, run="r3")
    assert desk.rows(target) == FIRST_ROWS + SECOND_ROWS + SECOND_ROWS


@pytest.mark.parametrize("form", FILES)
def test_append_to_one_file_is_refused_before_the_work(desk: Desk, form: str) -> None:
    with pytest.raises(UnsupportedError, match="cannot be appended to") as caught:
        desk.stage(never(desk.engine), desk.target(f"one.{form.lower()}", form, "APPEND"))
    assert "folder" in str(caught.value)


@pytest.mark.parametrize(("form", "name"), ALL)
def test_error_mode_writes_once(desk: Desk, form: str, name: str) -> None:
    target = desk.target(name, form, "ERROR")
    desk.put(FIRST, target, run="r1")
    with pytest.raises(TargetExistsError, match="exists and its mode is ERROR"):
        desk.stage(never(desk.engine), target, stamp=None)
    assert desk.rows(target) == FIRST_ROWS


@pytest.mark.parametrize(("form", "name"), ALL)
def test_error_mode_recognises_its_own_write(desk: Desk, form: str, name: str) -> None:
    target = desk.target(name, form, "ERROR")
    desk.put(FIRST, target, run="r1")
    assert desk.put(FIRST, target, run="r1").skipped


@pytest.mark.parametrize(("form", "name"), ALL)
def test_ignore_leaves_what_is_there(desk: Desk, form: str, name: str) -> None:
    target = desk.target(name, form, "IGNORE")
    assert not desk.put(FIRST, target, run="r1").skipped
    assert desk.put(SECOND, target, run="r2").skipped
    assert desk.rows(target) == FIRST_ROWS


@pytest.mark.parametrize(("form", "name"), [place for place in ALL if place[0] != "DELTA"])
def test_merge_needs_delta(desk: Desk, form: str, name: str) -> None:
    target = desk.target(name, form, "MERGE", primary_keys=("symbol",))
    with pytest.raises(UnsupportedError, match="MERGE needs a DELTA table"):
        desk.stage(never(desk.engine), target)


@pytest.mark.parametrize("mode", ["COMPLETE", "UPDATE"])
def test_modes_of_streams_are_refused(desk: Desk, mode: str) -> None:
    with pytest.raises(UnsupportedError, match="streams"):
        desk.stage(never(desk.engine), desk.target("t", "DELTA", mode))


@pytest.mark.parametrize(("form", "name"), ALL)
def test_the_receipt_says_who_wrote(desk: Desk, form: str, name: str) -> None:
    target = desk.target(name, form)
    desk.put(FIRST, target, run="r1")
    token = "r1/prices/sink_0/-"
    found = desk.engine.find_receipt(target.place, form, token)
    assert found is not None
    assert (found.run_id, found.node, found.rows_out) == ("r1-try", "prices", 2)
    state = desk.engine.inspect(target.place, form)
    assert state is not None
    assert state.receipt == found
    assert [column.name for column in state.columns] == ["symbol", "close"]
    assert desk.engine.find_receipt(target.place, form, "r2/prices/sink_0/-") is None


@pytest.mark.parametrize(("form", "name"), ALL)
def test_nothing_is_there_before_the_first_write(desk: Desk, form: str, name: str) -> None:
    target = desk.target(name, form)
    assert desk.engine.inspect(target.place, form) is None
    assert desk.engine.find_receipt(target.place, form, "r1/prices/sink_0/-") is None
    desk.engine.purge(target.place, form)


@pytest.mark.parametrize(("form", "name"), ALL)
def test_abort_leaves_no_file(desk: Desk, form: str, name: str) -> None:
    desk.stage(FIRST, desk.target(name, form)).abort()
    assert desk.files() == []


@pytest.mark.parametrize(("form", "name"), ALL)
def test_abort_keeps_the_old_version(desk: Desk, form: str, name: str) -> None:
    target = desk.target(name, form)
    desk.put(FIRST, target, run="r1")
    before = desk.files()
    desk.stage(SECOND, target).abort()
    assert desk.files() == before
    assert desk.rows(target) == FIRST_ROWS


@pytest.mark.parametrize(("form", "name"), ALL)
def test_purge_removes_data_and_receipts(desk: Desk, form: str, name: str) -> None:
    target = desk.target(name, form)
    desk.put(FIRST, target, run="r1")
    desk.engine.purge(target.place, form)
    assert desk.engine.inspect(target.place, form) is None
    assert desk.files() == []
    desk.put(SECOND, target, run="r1")
    assert desk.rows(target) == SECOND_ROWS


@pytest.mark.parametrize(("form", "name"), ALL)
def test_only_the_data_stays_beside_the_receipt(desk: Desk, form: str, name: str) -> None:
    target = desk.target(name, form)
    for run in ("r1", "r2", "r3"):
        desk.put(FIRST, target, run=run)
    left = [file for file in desk.files() if "/staged/" in file or "pending" in file]
    assert left == []
    # Spark keeps a hidden checksum beside each file that it writes.
    named = [file for file in desk.files() if not Path(file).name.startswith(".")]
    visible = [file for file in named if "laktory/" not in file]
    assert len(visible) == (3 if form == "DELTA" else 1)


@pytest.mark.parametrize(("form", "name"), ALL)
def test_other_code_in_the_same_run_replaces(desk: Desk, form: str, name: str) -> None:
    target = desk.target(name, form)
    desk.put(FIRST, target, run="r1", code="before the fix")
    assert not desk.put(SECOND, target, run="r1", code="after the fix").skipped
    assert desk.rows(target) == SECOND_ROWS


@pytest.mark.parametrize(("form", "name"), FOLDERS)
def test_an_append_is_made_once_however_many_runs_come_between(
    desk: Desk, form: str, name: str
) -> None:
    target = desk.target(name, form, "APPEND")
    desk.put(FIRST, target, run="r1")
    desk.put(SECOND, target, run="r2")
    assert desk.put(FIRST, target, run="r1").skipped
    assert desk.rows(target) == FIRST_ROWS + SECOND_ROWS


@pytest.mark.parametrize(("form", "name"), FOLDERS)
def test_partitions_have_receipts_of_their_own(desk: Desk, form: str, name: str) -> None:
    target = desk.target(name, form, "APPEND")
    odd = "2025-11-02-01:00/-0500"
    desk.put(FIRST, target, run="r1", partition="2024-05-01")
    desk.put(SECOND, target, run="r1", partition=odd)
    for partition in ("2024-05-01", odd):
        found = desk.engine.find_receipt(target.place, form, f"r1/prices/sink_0/{partition}")
        assert found is not None
        assert found.partition == partition
    assert desk.put(SECOND, target, run="r1", partition=odd).skipped
    assert len(desk.rows(target)) == 3


def test_folders_remember_foreign_files_on_append(desk: Desk) -> None:
    target = desk.target("folder", "PARQUET", "APPEND")
    (desk.folder / "folder").mkdir()
    FIRST.write_parquet(desk.folder / "folder/by_hand.parquet")
    desk.put(SECOND, target)
    assert desk.rows(target) == FIRST_ROWS + SECOND_ROWS


def test_hive_folders_of_a_parquet_folder(desk: Desk) -> None:
    frame = pl.DataFrame({"day": ["a/b", "c", None], "close": [1, 2, 3]})
    target = desk.target("folder", "PARQUET", partition_by=("day",))
    desk.put(frame, target, run="r1")
    found = pl.read_parquet(desk.folder / "folder/**/*.parquet", hive_partitioning=True)
    assert sorted(found.select("close", "day").rows()) == [(1, "a/b"), (2, "c"), (3, None)]
    desk.put(frame.head(1), target, run="r2")
    visible = [file for file in desk.files("folder") if not file.startswith("_")]
    assert len(visible) == 1
    assert visible[0].startswith("day=a%2Fb/part-")


def test_partitions_of_one_file_are_refused(desk: Desk) -> None:
    with pytest.raises(UnsupportedError, match="cannot be partitioned"):
        desk.stage(
            never(desk.engine), desk.target("one.parquet", "PARQUET", partition_by=("symbol",))
        )


@pytest.mark.parametrize(
    ("form", "options", "text"),
    [
        ("CSV", {"separator": ";", "header": False}, "A;1.5\nB;2.5\n"),
        ("CSV", {"sep": "|", "null_value": "-"}, "symbol|close\nA|1.5\nB|2.5\n"),
        ("JSON", {}, '{"symbol":"A","close":1.5}\n{"symbol":"B","close":2.5}\n'),
    ],
)
def test_options_of_the_writer(desk: Desk, form: str, options: dict, text: str) -> None:
    desk.put(FIRST, desk.target("one.txt", form, options=options))
    assert (desk.folder / "one.txt").read_text() == text


@pytest.mark.parametrize("form", ["DELTA", *FILES])
def test_an_unknown_option_is_refused_with_a_suggestion(desk: Desk, form: str) -> None:
    name = NAMES[form]
    with pytest.raises(UnsupportedError, match="no option `compresion`"):
        desk.stage(never(desk.engine), desk.target(name, form, options={"compresion": "gzip"}))


def test_the_suggestion_names_the_option(desk: Desk) -> None:
    with pytest.raises(UnsupportedError, match="did you mean `separator`"):
        desk.stage(never(desk.engine), desk.target("x.csv", "CSV", options={"seperator": ";"}))


def test_an_unknown_format_is_refused(desk: Desk) -> None:
    with pytest.raises(UnsupportedError, match="does not write PICKLE"):
        desk.stage(never(desk.engine), desk.target("t", "PICKLE"))


def test_csv_refuses_nested_columns_before_the_work(desk: Desk) -> None:
    frame = pl.LazyFrame({"a": [[1, 2]]})
    with pytest.raises(WriteError, match="CSV cannot hold the column `a`"):
        desk.stage(frame, desk.target("x.csv", "CSV"))


@pytest.mark.parametrize(("form", "name"), ALL)
def test_on_empty_write_stores_no_rows(desk: Desk, form: str, name: str) -> None:
    target = desk.target(name, form)
    desk.put(FIRST, target, run="r1")
    emptied = desk.put(FIRST.clear(), target, run="r2")
    assert emptied.rows == 0
    assert collected(emptied.published).height == 0
    state = desk.engine.inspect(target.place, form)
    assert state is not None
    assert state.receipt is not None
    assert state.receipt.root_run_id == "r2"


@pytest.mark.parametrize(("form", "name"), ALL)
def test_on_empty_skip_keeps_the_rows(desk: Desk, form: str, name: str) -> None:
    target = desk.target(name, form, on_empty="skip")
    desk.put(FIRST, target, run="r1")
    assert desk.put(FIRST.clear(), target, run="r2").skipped
    assert desk.rows(target) == FIRST_ROWS
    state = desk.engine.inspect(target.place, form)
    assert state is not None
    assert state.receipt is not None
    assert state.receipt.root_run_id == "r1"
    assert desk.engine.find_receipt(target.place, form, "r2/prices/sink_0/-") is not None


@pytest.mark.parametrize(("form", "name"), ALL)
def test_on_empty_fail_publishes_nothing(desk: Desk, form: str, name: str) -> None:
    target = desk.target(name, form, on_empty="fail")
    desk.put(FIRST, target, run="r1")
    with pytest.raises(WriteError, match="no rows to write"):
        desk.put(FIRST.clear(), target, run="r2")
    assert desk.rows(target) == FIRST_ROWS
    assert not [file for file in desk.files() if "/staged/" in file]


def test_several_targets_of_one_pass(desk: Desk) -> None:
    targets = [
        desk.target("copy.csv", "CSV", key="sink_1", role="other"),
        desk.target("other", "DELTA", key="sink_2", role="other"),
        desk.target("table", "DELTA"),
        desk.target("again.parquet", "PARQUET", key="sink_3", role="other"),
    ]
    _, commits = desk.write(FIRST, *targets)
    assert [commit.rows for commit in commits] == [2, 2, 2, 2]
    for target in targets:
        assert desk.rows(target) == FIRST_ROWS


def test_a_custom_writer_gets_the_rows_once(desk: Desk) -> None:
    seen: list[list[tuple]] = []
    target = desk.target("log", custom_writer=lambda frame: seen.append(collected(frame).rows()))
    assert desk.put(FIRST, target, run="r1").rows == 2
    assert desk.put(FIRST, target, run="r1").skipped
    assert seen == [FIRST_ROWS]


def test_a_failing_custom_writer_is_named(desk: Desk) -> None:
    def refuse(frame: pl.LazyFrame) -> None:
        raise ValueError("no connection")

    with pytest.raises(WriteError, match="no connection"):
        desk.put(FIRST, desk.target("log", custom_writer=refuse))


def test_samples_are_kept_beside_the_receipt(desk: Desk) -> None:
    from tests.engines.writing import rule

    target = desk.target("table")
    staged = desk.stage(FIRST, target, rules=[rule("small", "close < 2", "FAIL")])
    staged.save_samples(target, staged.summary.samples)
    staged.abort()
    found = desk.engine.failures(target.place, "DELTA")
    assert [json.loads(json.dumps(row)) for row in found] == [
        {"symbol": "B", "close": 2.5, "_failed_rules": ["small"]}
    ]
