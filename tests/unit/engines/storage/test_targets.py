"""What a target says of itself before an engine writes it: which writer, which columns, which merge."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from laktory_dagster.engines.base import Place, RunStamp, Target
from laktory_dagster.engines.storage.history import HistoryTarget
from laktory_dagster.engines.storage.merging import MergeTarget
from laktory_dagster.engines.storage.tables import TableTarget
from laktory_dagster.engines.storage.target import way_of, without_state
from laktory_dagster.errors import UnsupportedError, WriteError
from laktory_dagster.models import MergeOptions

STAMP = RunStamp("try-1", "run-1", "out", "code-1", datetime(2024, 5, 1, tzinfo=UTC))


def target(folder: Path, name: str = "t", form: str = "DELTA", **more: Any) -> Target:
    more = {"mode": "OVERWRITE", **more}
    return Target("sink_0", "primary", Place(str(folder / name)), form, **more)


@pytest.mark.parametrize(
    ("name", "form", "mode", "merge", "way"),
    [
        ("t", "DELTA", "OVERWRITE", None, "delta"),
        ("t", "DELTA", "APPEND", None, "delta"),
        ("t", "DELTA", "MERGE", None, "merge"),
        ("t", "DELTA", "MERGE", MergeOptions(), "merge"),
        ("t", "DELTA", "MERGE", MergeOptions(scd_type=2), "history"),
        ("t", "DELTA", "APPEND", MergeOptions(scd_type=2), "delta"),
        ("t", "PARQUET", "OVERWRITE", None, "folder"),
        ("t.parquet", "PARQUET", "OVERWRITE", None, "file"),
        ("t", "CSV", "MERGE", None, "folder"),
    ],
)
def test_the_way_of_writing_a_target(
    tmp_path: Path, name: str, form: str, mode: str, merge: MergeOptions | None, way: str
) -> None:
    assert way_of(target(tmp_path, name, form, mode=mode, merge=merge)) == way


def test_a_function_of_the_project_comes_before_all_else(tmp_path: Path) -> None:
    assert way_of(target(tmp_path, mode="COMPLETE", custom_writer=print)) == "custom"


@pytest.mark.parametrize("mode", ["COMPLETE", "UPDATE"])
def test_modes_with_state_are_refused_with_what_to_do(tmp_path: Path, mode: str) -> None:
    with pytest.raises(UnsupportedError, match=f"mode {mode} is for streams with state") as raised:
        way_of(target(tmp_path, mode=mode))
    assert "MERGE" in str(raised.value.hint)


def test_a_table_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match=r"the table main\.t is a file, not a folder"):
        way_of(target(tmp_path, "t.parquet", "PARQUET", table_name="main.t"))


@pytest.mark.parametrize(
    ("more", "mode"),
    [
        ({"primary_keys": ("id",)}, "MERGE"),
        ({"merge": MergeOptions(primary_keys=["id"])}, "MERGE"),
        ({"merge": MergeOptions()}, "UPDATE"),
        ({}, "UPDATE"),
    ],
)
def test_an_update_by_key_is_a_merge_where_no_state_is_kept(
    tmp_path: Path, more: dict[str, Any], mode: str
) -> None:
    assert without_state(target(tmp_path, mode="UPDATE", **more)).mode == mode
    assert without_state(target(tmp_path, mode="APPEND", **more)).mode == "APPEND"


class Table(TableTarget):
    """A table with partitions that is replaced or not."""

    stored: tuple[str, ...] = ("day",)
    is_replaced = False

    @property
    def replaces(self) -> bool:
        return self.is_replaced

    def stored_partitions(self) -> tuple[str, ...]:
        return self.stored


@pytest.mark.parametrize(
    ("more", "evolution"),
    [
        ({}, "freeze"),
        ({"options": {"mergeSchema": True}}, "add"),
        ({"options": {"mergeSchema": "true"}}, "add"),
        ({"options": {"merge_schema": "TRUE"}}, "add"),
        ({"options": {"mergeSchema": False}}, "freeze"),
        ({"options": {"schema_mode": "merge"}}, "add"),
        ({"options": {"schema_mode": "overwrite"}}, "freeze"),
        ({"options": {"mergeSchema": True}, "schema_evolution": "widen"}, "widen"),
    ],
)
def test_what_may_change_in_a_table(tmp_path: Path, more: dict[str, Any], evolution: str) -> None:
    assert Table(target(tmp_path, **more), STAMP).evolution == evolution


@pytest.mark.parametrize(
    ("declared", "is_replaced", "expected"),
    [((), False, ("day",)), (("day",), False, ("day",)), ((), True, ()), (("id",), True, ("id",))],
)
def test_an_append_has_the_partitions_of_its_table(
    tmp_path: Path, declared: tuple[str, ...], is_replaced: bool, expected: tuple[str, ...]
) -> None:
    table = Table(target(tmp_path, partition_by=declared), STAMP)
    table.is_replaced = is_replaced
    assert table.partition_by == expected


@pytest.mark.parametrize(
    ("stored", "text"), [(("day",), "by `day`, the sink says `id`"), ((), "by nothing, the sink says `id`")]
)  # fmt: skip
def test_an_append_by_other_partitions_is_refused(
    tmp_path: Path, stored: tuple[str, ...], text: str
) -> None:
    table = Table(target(tmp_path, partition_by=("id",)), STAMP)
    table.stored = stored
    with pytest.raises(WriteError, match=text) as raised:
        _ = table.partition_by
    assert "OVERWRITE" in str(raised.value.hint)


def test_partition_columns_are_some_of_the_columns_and_not_all(tmp_path: Path) -> None:
    table = Table(target(tmp_path), STAMP)
    table.check_partitions(["day", "id"], ["day", "id"])
    with pytest.raises(WriteError, match="partitioned by `day`, which the rows do not have"):
        table.check_partitions(["id"], ["id"])
    with pytest.raises(WriteError, match="every column is a partition column"):
        table.check_partitions(["day"], ["day"])


class Merge(MergeTarget):
    columns: Sequence[str] = ("id", "at", "v", "w")

    def check(self) -> None:
        """Check what needs no engine."""
        with contextlib.suppress(NotImplementedError):
            super().check()


class History(HistoryTarget, Merge):
    """A merge that keeps what was."""


def merging(folder: Path, kind: type[Merge] = Merge, **options: Any) -> Merge:
    keys = options.pop("keys", ("id",))
    merge = MergeOptions(**options)
    return kind(target(folder, mode="MERGE", merge=merge, primary_keys=keys), STAMP)


@pytest.mark.parametrize(
    ("options", "written", "is_partial"),
    [
        ({}, ["id", "at", "v", "w"], False),
        ({"include_columns": ["v"]}, ["id", "v"], True),
        ({"exclude_columns": ["v", "at"]}, ["id", "w"], True),
        ({"exclude_columns": ["id", "v"]}, ["id", "at", "w"], True),
        ({"include_columns": []}, ["id"], True),
    ],
)
def test_a_merge_writes_its_keys_and_what_is_asked_for(
    tmp_path: Path, options: dict[str, Any], written: list[str], is_partial: bool
) -> None:
    merge = merging(tmp_path, **options)
    assert (merge.written, merge.is_partial) == (written, is_partial)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"keys": ()}, "MERGE needs `primary_keys`"),
        ({"keys": ("nope",)}, "the merge names the column `nope`"),
        ({"order_by": "nope"}, "the merge names the column `nope`"),
        ({"include_columns": ["nope"]}, "the merge names the column `nope`"),
        ({"exclude_columns": ["nope"]}, "the merge names the column `nope`"),
    ],
)
def test_a_merge_of_columns_that_are_not_there_is_refused(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(WriteError, match=message):
        merging(tmp_path, **options).check()


@pytest.mark.parametrize(
    ("options", "message"),
    [({}, "needs the column that says when"), ({"order_by": "at", "end_at_column_name": "w"}, "have a column `w`"),
     ({"order_by": "at", "start_at_column_name": "v"}, "have a column `v`")],
)  # fmt: skip
def test_a_history_needs_an_order_and_room_for_its_times(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(WriteError, match=message):
        merging(tmp_path, History, scd_type=2, **options).check()


def test_a_version_is_made_by_neither_keys_nor_time(tmp_path: Path) -> None:
    history = merging(tmp_path, History, scd_type=2, order_by="at", exclude_columns=["w"])
    assert isinstance(history, History)
    assert (history.values, history.start, history.end) == (["v"], "__start_at", "__end_at")


def test_the_keys_of_the_node_come_before_those_of_the_merge(tmp_path: Path) -> None:
    assert merging(tmp_path, primary_keys=["at"]).keys == ["id"]
    assert merging(tmp_path, keys=(), primary_keys=["at"]).keys == ["at"]


def test_the_order_counts_only_where_it_is_stored(tmp_path: Path) -> None:
    merge = merging(tmp_path, order_by="at")
    current = "(target.`at` IS NULL OR source.__laktory_order >= target.`at`)"
    assert merge.is_current(["id", "at"]) == current
    assert merge.is_current(["id"]) == "true"
    assert merging(tmp_path).is_current(["id", "at"]) == "true"


def test_a_null_update_keeps_what_is_stored_unless_the_row_begins_anew(tmp_path: Path) -> None:
    merge = merging(tmp_path, order_by="at", ignore_null_updates=True)
    kept = "coalesce(source.`v`, target.`v`)"
    anew = f"CASE WHEN source.__laktory_anew THEN source.`v` ELSE {kept} END"
    assert merge.new_value("v", ["v"]) == anew
    assert merge.new_value("v", ["w"]) == "source.`v`"
    assert merging(tmp_path).new_value("a`b", ["a`b"]) == "source.`a``b`"


def test_keys_that_cannot_be_merged_are_told_with_examples(tmp_path: Path) -> None:
    error = merging(tmp_path).bad_keys(1234, "rows with a null", [{"id": None}, {"id": 2}], "mend")
    assert "t: 1,234 rows with a null: {'id': None}, {'id': 2}" in str(error)
