"""Merges with keys of odd values, on nested and partitioned tables, in batches that repeat themselves."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from laktory_dagster.engines.base import Engine
from laktory_dagster.errors import LaktoryDagsterError, MergeKeyError, SchemaChangedError
from laktory_dagster.models import MergeOptions
from tests.engines.writing import Desk


@pytest.fixture
def desk(engine: Engine, tmp_path: Path) -> Desk:
    return Desk(engine, tmp_path)


def merge(desk: Desk, rows: Any, run: str, keys: tuple[str, ...] = ("id",), **options: Any) -> Any:
    more = {
        name: options.pop(name)
        for name in ("schema_evolution", "partition_by", "mode")
        if name in options
    }
    target = desk.target(
        "t", **{"mode": "MERGE", "primary_keys": keys, "merge": MergeOptions(**options), **more}
    )
    return desk.put(rows, target, run=run)


def stored(desk: Desk) -> list[tuple[Any, ...]]:
    return desk.rows(desk.target("t"))


def test_keys_of_odd_values_are_the_same_keys_the_next_time(desk: Desk) -> None:
    """Texts that differ in capitals or blanks are others; zero is one key whatever its sign."""
    keys = pl.DataFrame(
        {
            "f": [math.nan, math.inf, -0.0, 5e-324, 1.0],
            "i": [2**63 - 1, -(2**63), 0, 1, 2],
            "s": ["", "ü 'x'", " a", "a ", "A"],
            "b": [b"", b"\x00", b"\xff", b"a", b"A"],
            "t": [True, False, True, False, True],
        }
    )
    merge(desk, keys.with_columns(n=pl.lit(0)), "run-1", tuple(keys.columns))
    turned = keys.with_columns(f=pl.col("f") + 0.0, n=pl.lit(1))
    merge(desk, turned, "run-2", tuple(keys.columns))
    assert [row[-1] for row in stored(desk)] == [1] * 5
    others = turned.with_columns(s=pl.Series(["x", "Ü 'X'", "a", "a", "a"]))
    merge(desk, others, "run-3", tuple(keys.columns))
    assert len(stored(desk)) == 10


def test_a_key_of_two_columns_needs_both(desk: Desk) -> None:
    keys = ("b", "a")
    merge(desk, pl.DataFrame({"a": [1, 1, 2], "b": ["x", "y", "x"], "n": [0, 0, 0]}), "run-1", keys)
    merge(desk, pl.DataFrame({"a": [1, 2], "b": ["y", "y"], "n": [1, 1]}), "run-2", keys)
    assert stored(desk) == [(1, "x", 0), (1, "y", 1), (2, "x", 0), (2, "y", 1)]


def test_a_key_that_is_null_in_part_is_a_key_where_null_equals_null(desk: Desk) -> None:
    rows = pl.DataFrame({"a": [1, None], "b": [None, "x"], "n": [0, 0]})
    merge(desk, rows, "run-1", ("a", "b"), null_equals_null=True)
    again = rows.with_columns(n=pl.lit(1, pl.Int64))
    merge(desk, again, "run-2", ("a", "b"), null_equals_null=True)
    assert sorted(stored(desk), key=str) == sorted(again.rows(), key=str)


def test_equal_rows_of_one_batch_are_one(desk: Desk) -> None:
    rows = pl.DataFrame({"id": [1, 1, 1], "v": ["a", "a", "a"], "x": [None, None, None]})
    merge(desk, rows.with_columns(x=pl.lit(None, pl.Float64)), "run-1")
    assert stored(desk) == [(1, "a", None)]


def test_rows_that_differ_in_null_only_differ(desk: Desk) -> None:
    rows = pl.DataFrame({"id": [1, 1], "v": ["a", None]})
    with pytest.raises(MergeKeyError, match=r"merge keys with several rows that differ: .*1"):
        merge(desk, rows, "run-1")


def test_many_bad_keys_are_counted_and_a_few_are_shown(desk: Desk) -> None:
    rows = pl.DataFrame({"id": [number // 2 for number in range(40)], "v": range(40)})
    with pytest.raises(MergeKeyError, match="20 merge keys with several rows") as raised:
        merge(desk, rows, "run-1")
    assert str(raised.value).count("'id':") == 5


def test_the_latest_of_equal_times_is_the_same_in_any_order_of_rows(desk: Desk) -> None:
    rows = pl.DataFrame({"id": [1, 1, 1], "at": [7, 7, 7], "v": ["b", "a", "c"]})
    for number, batch in enumerate(
        [rows, rows.reverse(), rows.sample(fraction=1.0, shuffle=True, seed=4)]
    ):
        merge(desk, batch, f"run-{number}", order_by="at")
        assert stored(desk) == [(1, 7, "a")]


@pytest.mark.parametrize(
    ("condition", "left"),
    [
        (r"v = 'it\'s'", [(2, "b", 1)]),
        ("coalesce(n, 0) = 1", []),
        ("F.col('v') == 'b'", [(1, "it's", 1)]),
    ],
)
def test_deletes_by_any_condition(desk: Desk, condition: str, left: list[tuple[Any, ...]]) -> None:
    rows = pl.DataFrame({"id": [1, 2], "v": ["it's", "b"], "n": [1, 1]})
    merge(desk, rows, "run-1")
    merge(desk, rows, "run-2", delete_where=condition)
    assert stored(desk) == left


def test_a_delete_of_a_key_that_is_not_there_adds_nothing(desk: Desk) -> None:
    merge(desk, pl.DataFrame({"id": [1], "v": ["a"]}), "run-1")
    merge(desk, pl.DataFrame({"id": [9], "v": ["gone"]}), "run-2", delete_where="v = 'gone'")
    assert stored(desk) == [(1, "a")]


def test_a_first_batch_of_deletes_only_makes_an_empty_table(desk: Desk) -> None:
    merge(desk, pl.DataFrame({"id": [1], "v": ["gone"]}), "run-1", delete_where="v = 'gone'")
    assert stored(desk) == []
    merge(desk, pl.DataFrame({"id": [1], "v": ["a"]}), "run-2", delete_where="v = 'gone'")
    assert stored(desk) == [(1, "a")]


def test_a_row_moves_to_another_partition(desk: Desk) -> None:
    day = {"partition_by": ("day",)}
    merge(desk, pl.DataFrame({"id": [1, 2], "day": ["mon", "mon"]}), "run-1", **day)
    merge(desk, pl.DataFrame({"id": [1], "day": ["tue"]}), "run-2", **day)
    assert stored(desk) == [(1, "tue"), (2, "mon")]


def test_added_columns_come_while_others_stay(desk: Desk) -> None:
    merge(desk, pl.DataFrame({"id": [1, 2], "v": ["a", "b"]}), "run-1")
    more = pl.DataFrame(
        {"id": [2, 3], "w": [[1.5], None]}, schema_overrides={"w": pl.List(pl.Float64)}
    )
    merge(desk, more, "run-2", schema_evolution="add")
    assert stored(desk) == [(1, "a", None), (2, "b", [1.5]), (3, None, None)]


def test_a_column_of_another_kind_is_refused_and_nothing_changes(desk: Desk) -> None:
    merge(desk, pl.DataFrame({"id": [1], "v": ["a"]}), "run-1")
    with pytest.raises(SchemaChangedError, match="~ v: stored as string, now list<int64>"):
        merge(desk, pl.DataFrame({"id": [1], "v": [[1]]}), "run-2", schema_evolution="widen")
    assert stored(desk) == [(1, "a")]


def test_a_merge_into_files_is_refused(desk: Desk) -> None:
    target = desk.target("t", "PARQUET", mode="MERGE", primary_keys=("id",))
    with pytest.raises(LaktoryDagsterError, match="MERGE needs a DELTA table"):
        desk.put(pl.DataFrame({"id": [1]}), target)


def test_an_update_by_key_is_a_merge(desk: Desk) -> None:
    for number in range(2):
        merge(desk, pl.DataFrame({"id": [1], "n": [number]}), f"run-{number}", mode="UPDATE")
    assert stored(desk) == [(1, 1)]
