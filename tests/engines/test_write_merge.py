"""MERGE: which change wins, what is deleted, and that a replay changes nothing."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from laktory_dagster.engines.base import Engine, Target
from laktory_dagster.errors import (
    MergeKeyError,
    SchemaChangedError,
    WriteError,
)
from laktory_dagster.models import MergeOptions
from tests.engines.frames import collected
from tests.engines.writing import Desk, in_order, receipt_for, stamp_of


@pytest.fixture
def desk(engine: Engine, tmp_path: Path) -> Desk:
    return Desk(engine, tmp_path)


def merging(desk: Desk, name: str = "t", **options: Any) -> Target:
    target_options = {
        key: options.pop(key)
        for key in ("null_keys", "schema_evolution", "partition_by", "replace_stored", "on_empty")
        if key in options
    }
    merge = MergeOptions(primary_keys=options.pop("primary_keys", ["id"]), **options)
    keys = tuple(merge.primary_keys)
    return desk.target(name, mode="MERGE", merge=merge, primary_keys=keys, **target_options)


def rows_of(*rows: tuple[Any, ...], columns: str = "id v at") -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=columns.split(), orient="row")


def test_upsert(desk: Desk) -> None:
    target = merging(desk)
    first = desk.put(rows_of((1, "a", 1), (2, "b", 1)), target, run="r1")
    assert collected(first.published).height == 2
    second = desk.put(rows_of((2, "B", 2), (3, "c", 2)), target, run="r2")
    assert desk.rows(target) == [(1, "a", 1), (2, "B", 2), (3, "c", 2)]
    assert sorted(collected(second.published).rows()) == [(2, "B", 2), (3, "c", 2)]
    assert second.rows == 2


def test_a_replay_changes_nothing(desk: Desk) -> None:
    target = merging(desk)
    batch = rows_of((1, "a", 1), (2, None, None))
    for run in ("r1", "r2", "r3"):
        desk.put(batch, target, run=run)
    assert desk.rows(target) == [(1, "a", 1), (2, None, None)]
    # Delta on Spark rewrites the files of the rows that it compares.
    assert DeltaTable(str(desk.folder / "t")).version() == (2 if desk.engine.name == "spark" else 0)


def test_the_same_run_merges_once(desk: Desk) -> None:
    target = merging(desk)
    desk.put(rows_of((1, "a", 1)), target, run="r1")
    desk.put(rows_of((1, "b", 2)), target, run="r2")
    assert desk.put(rows_of((1, "z", 9)), target, run="r2").skipped
    assert desk.rows(target) == [(1, "b", 2)]


def test_the_latest_of_each_key_wins(desk: Desk) -> None:
    target = merging(desk, order_by="at")
    desk.put(rows_of((1, "old", 1), (1, "new", 3), (1, "middle", 2)), target, run="r1")
    assert desk.rows(target) == [(1, "new", 3)]
    desk.put(rows_of((1, "late", 2), (2, "x", 5), (2, "y", 6)), target, run="r2")
    assert desk.rows(target) == [(1, "new", 3), (2, "y", 6)]
    desk.put(rows_of((1, "equal", 3)), target, run="r3")
    assert desk.rows(target) == [(1, "equal", 3), (2, "y", 6)]


def test_an_order_column_that_is_not_stored_orders_the_batch(desk: Desk) -> None:
    target = merging(desk, order_by="at", exclude_columns=["at"])
    desk.put(rows_of((1, "a", 1), (1, "b", 2)), target, run="r1")
    desk.put(rows_of((1, "c", 0)), target, run="r2")
    assert desk.rows(target) == [(1, "c")]


@pytest.mark.parametrize(
    ("batch", "left"),
    [
        (rows_of((1, "gone", 2)), [(2, "b", 1)]),
        (rows_of((9, "gone", 2)), [(1, "a", 1), (2, "b", 1)]),
        (rows_of((1, "gone", 0)), [(1, "a", 1), (2, "b", 1)]),
        (rows_of((1, "gone", 2), (1, "back", 3)), [(1, "back", 3), (2, "b", 1)]),
        (rows_of((1, "x", 2), (1, "gone", 3)), [(2, "b", 1)]),
        (rows_of((1, None, 2)), [(1, None, 2), (2, "b", 1)]),
    ],
)
def test_deletes(desk: Desk, batch: pl.DataFrame, left: list) -> None:
    target = merging(desk, order_by="at", delete_where="v = 'gone'")
    desk.put(rows_of((1, "a", 1), (2, "b", 1), (3, "gone", 1)), target, run="r1")
    batch = batch.with_columns(pl.col("v").cast(pl.String))
    desk.put(batch, target, run="r2")
    assert desk.rows(target) == left
    desk.put(batch, target, run="r3")
    assert desk.rows(target) == left


def test_deletes_by_a_column_that_is_not_stored(desk: Desk) -> None:
    target = merging(desk, delete_where="v = 'D'", exclude_columns=["v"])
    desk.put(rows_of((1, "I", 1), (2, "I", 1)), target, run="r1")
    desk.put(rows_of((1, "D", 2)), target, run="r2")
    assert desk.rows(target) == [(2, 1)]


def test_included_columns_only(desk: Desk) -> None:
    desk.put(rows_of((1, "a", 1)), merging(desk), run="r1")
    target = merging(desk, include_columns=["v"])
    desk.put(rows_of((1, "b", 9), (2, "c", 9)), target, run="r2")
    assert desk.rows(target) == [(1, "b", 1), (2, "c", None)]


def test_ignored_null_updates(desk: Desk) -> None:
    target = merging(desk, ignore_null_updates=True)
    desk.put(rows_of((1, "a", 1)), target, run="r1")
    desk.put(rows_of((1, None, 2), (2, None, 2)), target, run="r2")
    assert desk.rows(target) == [(1, "a", 2), (2, None, 2)]


def test_null_updates_otherwise_store_null(desk: Desk) -> None:
    target = merging(desk)
    desk.put(rows_of((1, "a", 1)), target, run="r1")
    desk.put(rows_of((1, None, 2)), target, run="r2")
    assert desk.rows(target) == [(1, None, 2)]


def test_null_keys_are_refused(desk: Desk) -> None:
    target = merging(desk)
    with pytest.raises(MergeKeyError, match="1 rows with a null in the merge key") as caught:
        desk.put(rows_of((None, "a", 1), (2, "b", 1)), target)
    assert "null_keys: quarantine" in str(caught.value)
    assert desk.files() == []


def test_null_keys_can_be_set_aside(desk: Desk) -> None:
    target = merging(desk, null_keys="quarantine")
    summary, _ = desk.write(rows_of((None, "a", 1), (2, "b", 1)), desk.aside("q"), target)
    assert desk.rows(target) == [(2, "b", 1)]
    assert desk.rows(desk.aside("q")) == [(None, "a", 1, ["null_key"], "run-1-try", None)]
    counts = (summary.rows_in, summary.rows_out, summary.rows_quarantined)
    assert counts == (2, 1, 1)


def test_null_can_be_a_key(desk: Desk) -> None:
    target = merging(desk, primary_keys=["id", "v"], null_equals_null=True)
    desk.put(rows_of((None, "a", 1), (2, None, 1)), target, run="r1")
    desk.put(rows_of((None, "a", 2), (2, None, 2), (None, None, 2)), target, run="r2")
    assert desk.rows(target) == [(2, None, 2), (None, "a", 2), (None, None, 2)]


def test_odd_keys_do_not_grow(desk: Desk) -> None:
    frame = pl.DataFrame({"id": [float("nan"), float("inf"), 0.5], "v": [1, 2, 3]})
    target = merging(desk)
    for run in ("r1", "r2", "r3"):
        desk.put(frame, target, run=run)
    assert len(desk.rows(target)) == 3


def test_rows_of_one_key_that_differ_need_an_order(desk: Desk) -> None:
    target = merging(desk)
    with pytest.raises(MergeKeyError, match="1 merge keys with several rows that differ") as caught:
        desk.put(rows_of((1, "a", 1), (1, "b", 1), (2, "c", 1)), target)
    assert "{'id': 1}" in str(caught.value)
    assert "order_by" in str(caught.value)
    desk.put(rows_of((1, "a", 1), (1, "a", 1)), target, run="r2")
    assert desk.rows(target) == [(1, "a", 1)]


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"scd_type": 2}, WriteError, "when a change was made"),
        ({"primary_keys": []}, WriteError, "needs `primary_keys`"),
        ({"primary_keys": ["nope"]}, WriteError, "column `nope`"),
        ({"order_by": "when"}, WriteError, "column `when`"),
        ({"exclude_columns": ["what"]}, WriteError, "column `what`"),
    ],
)
def test_what_cannot_be_merged(
    desk: Desk, options: dict, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        desk.stage(rows_of((1, "a", 1)), merging(desk, **options))


def test_the_schema_is_frozen(desk: Desk) -> None:
    desk.put(rows_of((1, "a", 1)), merging(desk), run="r1")
    with pytest.raises(SchemaChangedError, match="~ at: stored as int64, now float64"):
        desk.stage(rows_of((1, "a", 1.5)), merging(desk))
    with pytest.raises(SchemaChangedError, match=r"\+ more"):
        desk.stage(rows_of((1, "a", 1, 1), columns="id v at more"), merging(desk))
    with pytest.raises(SchemaChangedError, match="- at"):
        desk.stage(rows_of((1, "a"), columns="id v"), merging(desk))


def test_columns_can_be_added(desk: Desk) -> None:
    target = merging(desk, schema_evolution="add")
    desk.put(rows_of((1, "a", 1), (2, "b", 1)), target, run="r1")
    desk.put(rows_of((2, "B", 2, True), columns="id v at more"), target, run="r2")
    assert desk.rows(target) == [(1, "a", 1, None), (2, "B", 2, True)]


def test_partitioned_tables(desk: Desk) -> None:
    target = merging(desk, partition_by=("v",))
    desk.put(rows_of((1, "a", 1), (2, "b", 1)), target, run="r1")
    desk.put(rows_of((1, "a", 2), (2, "c", 2)), target, run="r2")
    stored = pl.read_delta(str(desk.folder / "t")).select("id", "v", "at")
    assert sorted(stored.rows()) == [(1, "a", 2), (2, "c", 2)]


def test_the_stored_rows_can_be_replaced(desk: Desk) -> None:
    desk.put(rows_of((1, "a", 1), (2, "b", 1)), merging(desk), run="r1")
    desk.put(rows_of((3, "c", 1)), merging(desk, replace_stored=True), run="r2")
    assert desk.rows(merging(desk)) == [(3, "c", 1)]
    assert DeltaTable(str(desk.folder / "t")).version() == 1


SPACED = pytest.param("a b", marks=pytest.mark.lacks("spark", "no column name with ' '"))


@pytest.mark.parametrize("name", [SPACED, "select", "Größe", "x`y", "a.b"])
def test_hostile_column_names(desk: Desk, name: str) -> None:
    target = merging(desk, primary_keys=[name], order_by="at")
    frame = pl.DataFrame({name: [1, 2], "v'": ["a", "b"], "at": [1, 1]})
    desk.put(frame, target, run="r1")
    desk.put(frame.with_columns(pl.lit("z").alias("v'"), at=pl.lit(2)), target, run="r2")
    assert pl.read_delta(str(desk.folder / "t"))["v'"].to_list() == ["z", "z"]


def test_an_empty_batch_keeps_the_version(desk: Desk) -> None:
    target = merging(desk)
    desk.put(rows_of((1, "a", 1)), target, run="r1")
    assert desk.put(rows_of((1, "a", 1)).clear(), target, run="r2").skipped
    assert desk.rows(target) == [(1, "a", 1)]


def test_staged_batches_are_swept_by_the_next_run(desk: Desk) -> None:
    target = merging(desk)
    for number in range(4):
        desk.put(rows_of((number, "a", 1)), target, run=f"r{number}")
    staged = [file for file in desk.files("t") if file.endswith(".parquet") and "staged" in file]
    assert len(staged) == (0 if desk.engine.name == "spark" else 1)


def test_merges_at_once_into_many_tables_each_leave_their_own_receipt(desk: Desk) -> None:
    targets = [merging(desk, f"t{number}", order_by="at") for number in range(4)]
    for target in targets:
        desk.put(rows_of((1, "old", 1)), target, run="first")
    ready, failed = threading.Barrier(len(targets)), []

    def merge(number: int, target: Target) -> None:
        stamp = stamp_of(f"r{number}")
        staged = desk.stage(rows_of((1, f"v{number}", 2)), target, stamp=stamp)
        ready.wait()
        try:
            staged.commit(target, receipt_for(stamp, target, staged.summary))
        except BaseException as error:  # noqa: BLE001
            failed.append(error)

    threads = [threading.Thread(target=merge, args=pair) for pair in enumerate(targets)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    for number, target in enumerate(targets):
        assert desk.rows(target) == [(1, f"v{number}", 2)]
        token = stamp_of(f"r{number}").token(target)
        log = desk.folder / f"t{number}" / "_delta_log"
        assert token in (log / f"{1:020}.json").read_text()


# Many keys in few batches: keys do not meet, and a commit costs the same for one as for many.
CHANGES = st.lists(
    st.lists(
        st.tuples(st.integers(0, 15), st.sampled_from(["a", "b", "D"]), st.integers(0, 9)),
        min_size=15,
        max_size=50,
        unique_by=lambda change: (change[0], change[2]),
    ),
    min_size=1,
    max_size=3,
)


@given(batches=CHANGES)
@settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_merges_are_those_of_a_dictionary(
    engine: Engine, tmp_path_factory: pytest.TempPathFactory, batches: list[list[tuple]]
) -> None:
    desk = Desk(engine, tmp_path_factory.mktemp("merge"))
    target = merging(desk, order_by="at", delete_where="v = 'D'")
    expected: dict[int, tuple[str, int]] = {}
    for number, batch in enumerate(batches):
        latest = {key: (v, at) for key, v, at in sorted(batch, key=lambda change: change[2])}
        for key, (v, at) in latest.items():
            if key in expected and expected[key][1] > at:
                continue
            if v == "D":
                expected.pop(key, None)
            else:
                expected[key] = (v, at)
        for _ in range(2):
            desk.put(rows_of(*batch), target, run=f"r{number}")
    assert desk.rows(target) == in_order((key, *value) for key, value in expected.items())
