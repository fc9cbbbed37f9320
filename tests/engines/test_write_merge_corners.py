"""MERGE at its edges: nested values, keys of many types, orders that are null, columns that come late."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from laktory_dagster.engines.base import Engine
from laktory_dagster.errors import MergeKeyError, SchemaChangedError
from tests.engines.test_write_merge import merging, rows_of
from tests.engines.writing import Desk, in_order, receipt_for, stamp_of


@pytest.fixture
def desk(engine: Engine, tmp_path: Path) -> Desk:
    return Desk(engine, tmp_path)


DAY = dt.date(2024, 5, 1)
NOON = dt.datetime(2024, 5, 1, 12, tzinfo=dt.UTC)
KEYS: list[tuple[str, Any, list[Any]]] = [
    ("text", pl.String, ["", " ", "a", "A", "ä", "😀", "a'b", "a`b", "x" * 100]),
    ("integer", pl.Int64, [0, -(2**63), 2**63 - 1, 2**53 + 1, 2**53]),
    ("small", pl.Int8, [-128, 0, 127]),
    ("date", pl.Date, [DAY, dt.date(1, 1, 1), dt.date(9999, 12, 31)]),
    ("time", pl.Datetime("us", "UTC"), [NOON, NOON + dt.timedelta(microseconds=1)]),
    ("decimal", pl.Decimal(20, 4), [Decimal("0.1"), Decimal("0.1001"), Decimal(-1)]),
    ("boolean", pl.Boolean, [True, False]),
    ("bytes", pl.Binary, [b"", b"\0", b"\xff"]),
]


@pytest.mark.parametrize(("kind", "dtype", "keys"), KEYS, ids=[kind for kind, *_ in KEYS])
def test_keys_of_every_type_find_their_rows(
    desk: Desk, kind: str, dtype: Any, keys: list[Any]
) -> None:
    target = merging(desk)
    for run, shift in (("r1", 0), ("r2", 100)):
        batch = pl.DataFrame({"id": pl.Series(keys, dtype=dtype), "v": range(len(keys))})
        desk.put(batch.with_columns(pl.col("v") + shift), target, run=run)
    assert desk.rows(target) == in_order((key, 100 + n) for n, key in enumerate(keys))


def test_nested_values_are_compared_as_a_whole(desk: Desk) -> None:
    target = merging(desk)
    first = {"id": [1, 2, 3], "l": [[1], [2], None], "s": [{"x": 1}, {"x": 2}, {"x": None}]}
    later = {"id": [1, 2, 3], "l": [[1], [2, 3], [None]], "s": [{"x": 5}, {"x": 2}, {"x": None}]}
    desk.put(pl.DataFrame(first), target, run="r1")
    desk.put(pl.DataFrame(later), target, run="r2")
    found = pl.read_delta(str(desk.folder / "t")).sort("id").to_dict(as_series=False)
    assert found == later


def test_nested_values_make_versions_of_a_history(desk: Desk) -> None:
    target = merging(desk, scd_type=2, order_by="at")
    frame = {"id": [1, 2], "l": [[1], [2]], "at": [1, 1]}
    desk.put(pl.DataFrame(frame), target, run="r1")
    desk.put(pl.DataFrame({"id": [1, 2], "l": [[1], [2, 3]], "at": [2, 2]}), target, run="r2")
    found = pl.read_delta(str(desk.folder / "t")).select("id", "l", "__start_at", "__end_at")
    assert in_order(found.rows()) == in_order(
        [(1, [1], 1, None), (2, [2], 1, 2), (2, [2, 3], 2, None)]
    )


def test_a_change_without_its_order_is_older_than_all(desk: Desk) -> None:
    target = merging(desk, order_by="at")
    desk.put(rows_of((1, "a", None), (2, "b", 1)), target, run="r1")
    desk.put(rows_of((1, "A", 1), (2, "B", None)), target, run="r2")
    assert desk.rows(target) == [(1, "A", 1), (2, "b", 1)]
    desk.put(rows_of((3, "x", None), (3, "y", 0)), target, run="r3")
    assert desk.rows(target)[-1] == (3, "y", 0)


def test_changes_of_one_moment_replace_each_other_by_run(desk: Desk) -> None:
    """A change that is not older than the stored row counts."""
    target = merging(desk, order_by="at")
    for run, value in (("r1", "a"), ("r2", "b"), ("r3", "a")):
        desk.put(rows_of((1, value, 5)), target, run=run)
    assert desk.rows(target) == [(1, "a", 5)]


def test_a_table_of_keys_alone_only_grows(desk: Desk) -> None:
    target = merging(desk, primary_keys=["id", "v"])
    desk.put(rows_of((1, "a"), columns="id v"), target, run="r1")
    desk.put(rows_of((1, "a"), (2, "b"), (2, "b"), columns="id v"), target, run="r2")
    assert desk.rows(target) == [(1, "a"), (2, "b")]


def test_a_key_that_is_deleted_and_comes_back_in_one_batch(desk: Desk) -> None:
    target = merging(desk, order_by="at", delete_where="v = 'D'")
    desk.put(rows_of((1, "a", 1), (2, "b", 1)), target, run="r1")
    desk.put(rows_of((1, "D", 2), (1, "c", 3), (2, "c", 2), (2, "D", 3)), target, run="r2")
    assert desk.rows(target) == [(1, "c", 3)]


def test_a_delete_that_is_older_than_the_row_is_ignored(desk: Desk) -> None:
    target = merging(desk, order_by="at", delete_where="v = 'D'")
    desk.put(rows_of((1, "a", 5)), target, run="r1")
    desk.put(rows_of((1, "D", 4), (7, "D", 4)), target, run="r2")
    assert desk.rows(target) == [(1, "a", 5)]


def test_a_condition_of_deletes_that_is_null_deletes_nothing(desk: Desk) -> None:
    target = merging(desk, delete_where="v = 'D'")
    desk.put(rows_of((1, "a", 1)), target, run="r1")
    desk.put(rows_of((1, None, 2), (2, None, 1)), target, run="r2")
    assert desk.rows(target) == [(1, None, 2), (2, None, 1)]


def test_a_batch_of_deletes_makes_an_empty_table(desk: Desk) -> None:
    target = merging(desk, delete_where="v = 'D'")
    desk.put(rows_of((1, "D", 1)), target, run="r1")
    assert desk.rows(target) == []
    desk.put(rows_of((1, "a", 1)), target, run="r2")
    assert desk.rows(target) == [(1, "a", 1)]


def test_a_new_column_comes_with_deletes_and_rows(desk: Desk) -> None:
    options = {"delete_where": "op = 'D'", "exclude_columns": ["op"], "schema_evolution": "add"}
    target = merging(desk, **options)
    desk.put(rows_of((1, "a", "I"), (2, "b", "I"), columns="id v op"), target, run="r1")
    later = [(1, "A", "I", "n1"), (2, None, "D", None), (3, "c", "I", "n3")]
    desk.put(rows_of(*later, columns="id v op n"), target, run="r2")
    assert desk.rows(target) == [(1, "A", "n1"), (3, "c", "n3")]


def test_a_column_that_is_missing_stays_as_it_was(desk: Desk) -> None:
    target = merging(desk, schema_evolution="add")
    desk.put(rows_of((1, "a", 1)), target, run="r1")
    desk.put(rows_of((1, 2), (5, 9), columns="id at"), target, run="r2")
    assert desk.rows(target) == [(1, "a", 2), (5, None, 9)]


def test_null_updates_with_a_new_column(desk: Desk) -> None:
    target = merging(desk, schema_evolution="add", ignore_null_updates=True)
    desk.put(rows_of((1, "a", 1)), target, run="r1")
    desk.put(rows_of((1, None, 2, "n"), columns="id v at n"), target, run="r2")
    assert desk.rows(target) == [(1, "a", 2, "n")]


def test_narrower_numbers_are_merged_in_the_stored_type(desk: Desk) -> None:
    target = merging(desk)
    desk.put(pl.DataFrame({"id": [1, 2], "v": [1, 2]}), target, run="r1")
    narrow = pl.DataFrame({"id": [1], "v": [3]}, schema={"id": pl.Int32, "v": pl.Int16})
    desk.put(narrow, target, run="r2")
    assert desk.rows(target) == [(1, 3), (2, 2)]
    assert dict(pl.scan_delta(target.place.uri).collect_schema()) == {"id": pl.Int64, "v": pl.Int64}


@pytest.mark.parametrize("value", [1.5, "x", True])
def test_no_value_is_narrowed_in_a_merge(desk: Desk, value: Any) -> None:
    target = merging(desk)
    desk.put(pl.DataFrame({"id": [1], "v": [1]}), target, run="r1")
    with pytest.raises(SchemaChangedError, match="~ v: stored as int64, now"):
        desk.put(pl.DataFrame({"id": [1], "v": [value]}), target, run="r2")
    assert desk.rows(target) == [(1, 1)]


def test_merges_of_one_table_that_meet_are_one_after_the_other_or_told(desk: Desk) -> None:
    """The second one was staged before the first was committed: it must not undo it."""
    target = merging(desk, order_by="at")
    desk.put(rows_of((1, "a", 1), (2, "a", 1)), target, run="r0")
    stamps = [stamp_of("r1"), stamp_of("r2")]
    batches = [rows_of((1, "b", 3)), rows_of((1, "c", 2), (2, "c", 2))]
    staged = [
        desk.stage(batch, target, stamp=stamp) for batch, stamp in zip(batches, stamps, strict=True)
    ]
    for one, stamp in zip(staged, stamps, strict=True):
        one.commit(target, receipt_for(stamp, target, one.summary))
    assert desk.rows(target) == [(1, "b", 3), (2, "c", 2)]


def test_histories_of_one_table_that_meet_keep_both(desk: Desk) -> None:
    target = merging(desk, scd_type=2, order_by="at")
    desk.put(rows_of((1, "a", 1)), target, run="r0")
    stamps = [stamp_of("r1"), stamp_of("r2")]
    batches = [rows_of((1, "b", 2)), rows_of((1, "c", 3), (2, "x", 1))]
    staged = [
        desk.stage(batch, target, stamp=stamp) for batch, stamp in zip(batches, stamps, strict=True)
    ]
    for one, stamp in zip(staged, stamps, strict=True):
        one.commit(target, receipt_for(stamp, target, one.summary))
    found = pl.read_delta(target.place.uri).select("id", "v", "__start_at", "__end_at")
    assert in_order(found.rows()) == in_order(
        [(1, "a", 1, 2), (1, "b", 2, 3), (1, "c", 3, None), (2, "x", 1, None)]
    )


def test_a_late_delete_does_not_close_a_newer_version(desk: Desk) -> None:
    target = merging(desk, scd_type=2, order_by="at", delete_where="v = 'D'")
    desk.put(rows_of((1, "a", 1), (1, "b", 5)), target, run="r1")
    desk.put(rows_of((1, "D", 3), (1, "late", 4)), target, run="r2")
    found = pl.read_delta(target.place.uri).select("v", "__start_at", "__end_at")
    assert in_order(found.rows()) == [("a", 1, 5), ("b", 5, None)]


def test_a_history_takes_up_after_a_delete(desk: Desk) -> None:
    """What came before the delete stays closed; what is older than the delete is too late."""
    target = merging(desk, scd_type=2, order_by="at", delete_where="v = 'D'")
    desk.put(rows_of((1, "a", 1)), target, run="r1")
    desk.put(rows_of((1, "D", 5)), target, run="r2")
    desk.put(rows_of((1, "late", 4)), target, run="r3")
    desk.put(rows_of((1, "a", 6)), target, run="r4")
    found = pl.read_delta(target.place.uri).select("v", "__start_at", "__end_at")
    assert in_order(found.rows()) == [("a", 1, 5), ("a", 6, None)]


def test_keys_that_are_null_in_part_are_null(desk: Desk) -> None:
    target = merging(desk, primary_keys=["id", "v"])
    with pytest.raises(MergeKeyError, match="2 rows with a null in the merge key"):
        desk.put(rows_of((1, None, 1), (None, "a", 1), (1, "a", 1)), target)
    assert desk.engine.inspect(target.place, "DELTA") is None


@pytest.mark.parametrize("scd_type", [1, 2])
def test_a_run_that_changed_nothing_is_known_by_its_receipt(desk: Desk, scd_type: int) -> None:
    target = merging(desk, order_by="at", scd_type=scd_type)
    desk.put(rows_of((1, "a", 1)), target, run="r1")
    desk.put(rows_of((1, "a", 1)), target, run="r2")
    token = stamp_of("r2").token(target)
    found = desk.engine.find_receipt(target.place, "DELTA", token)
    assert found is not None
    assert (found.rows_in, found.rows_out) == (1, 1)
    assert len(desk.rows(target)) == 1
