"""Partitioned targets: values that are hard to spell, and tables that are partitioned meanwhile."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable

from laktory_dagster.engines.base import Engine, ReadRequest, Target, Written
from laktory_dagster.engines.registry import open_engine
from laktory_dagster.errors import LaktoryDagsterError, TargetBusyError, WriteError
from laktory_dagster.models import MergeOptions
from laktory_dagster.models.sources import FileSource
from tests.engines.frames import collected
from tests.engines.writing import Desk, in_order, receipt_for, stamp_of

NULL = "__HIVE_DEFAULT_PARTITION__"
"""How the folder of null is called, in Hive, Spark and Delta."""


@pytest.fixture
def desk(engine: Engine, tmp_path: Path) -> Desk:
    return Desk(engine, tmp_path)


@pytest.fixture
def polars_desk(tmp_path: Path) -> Desk:
    return Desk(open_engine("polars"), tmp_path)


def keyed(keys: list[Any], dtype: pl.DataType | type[pl.DataType] | None = None) -> pl.DataFrame:
    return pl.DataFrame({"key": pl.Series(keys, dtype=dtype), "n": range(len(keys))})


def read_back(desk: Desk, target: Target) -> list[tuple[Any, ...]]:
    """Return what a node that follows reads: the columns as the receipt tells them."""
    state = desk.engine.inspect(target.place, target.format)
    assert state is not None
    assert state.receipt is not None
    source = FileSource(path=target.place.uri, format=target.format)
    written = Written({}, state.receipt.columns)
    request = ReadRequest(
        source, "spark", place=target.place, format=target.format, written=written
    )
    rows = collected(desk.engine.read(request).frame).select("key", "n")
    return in_order(rows.rows())


@pytest.mark.parametrize("name", ["x y", "größe", "p%q", "a+b", "q?"])
def test_a_delta_table_in_folders_of_a_column_of_any_name(polars_desk: Desk, name: str) -> None:
    target = polars_desk.target("t", partition_by=(name,))
    polars_desk.put(keyed(["a b", "ü/1"]).rename({"key": name}), target)
    found = pl.scan_delta(target.place.uri).select(name, "n").collect()
    assert sorted(found.rows()) == [("a b", 0), ("ü/1", 1)]


@pytest.mark.parametrize("form", ["DELTA", "PARQUET", "CSV", "JSON"])
def test_the_spelling_of_null_is_no_partition_value(polars_desk: Desk, form: str) -> None:
    """Readers of folders take it for null: Polars does so in Delta tables too."""
    target = polars_desk.target("t", form, partition_by=("key",))
    polars_desk.put(keyed(["x"]), target, run="r1")
    with pytest.raises(WriteError, match=f"text `{NULL}` cannot be a partition value"):
        polars_desk.put(keyed([None, NULL]), target, run="r2")
    assert read_back(polars_desk, target) == [("x", 0)]
    assert not [name for name in polars_desk.files("t") if "/staged/" in name]


HARD = ["a/b", "../..", "=", "a=b", "%2F", "100%", " ", "a b ", "ü 😀", "'", '"', "\\", "#?&", None]


@pytest.mark.parametrize("form", ["PARQUET", "CSV", "JSON"])
def test_hard_names_in_a_folder_of_files_come_back(desk: Desk, form: str) -> None:
    target = desk.target("t", form, partition_by=("key",))
    frame = keyed(HARD)
    commit = desk.put(frame, target)
    assert in_order(collected(commit.published).select("key", "n").rows()) == in_order(frame.rows())
    assert read_back(desk, target) == in_order(frame.rows())
    assert [path.name for path in desk.folder.iterdir()] == ["t"]


@pytest.mark.parametrize("form", ["PARQUET", "CSV", "JSON"])
def test_text_that_looks_like_a_number_stays_text(desk: Desk, form: str) -> None:
    target = desk.target("t", form, partition_by=("key",))
    frame = keyed(["007", "1.0", "2024-05-01", "true", "1e3", "NaN", "null", None])
    desk.put(frame, target)
    assert read_back(desk, target) == in_order(frame.rows())


@pytest.mark.parametrize(
    ("keys", "dtype"),
    [
        ([1, -(2**62), None], pl.Int64),
        ([dt.date(1, 1, 1), dt.date(9999, 12, 31), None], pl.Date),
        ([True, False, None], pl.Boolean),
        ([Decimal("0.0000000000"), Decimal("-1.5"), None], pl.Decimal(38, 10)),
        ([dt.datetime(1969, 12, 31, 23, 59, 59, 1, dt.UTC), None], pl.Datetime("us", "UTC")),
        ([dt.datetime(2024, 5, 1, 12, 0, 0, 1), None], pl.Datetime("us")),  # noqa: DTZ001
    ],
)
def test_values_of_delta_partitions_come_back(
    desk: Desk, keys: list[Any], dtype: pl.DataType
) -> None:
    frame = keyed(keys, dtype)
    desk.put(frame, desk.target("t", partition_by=("key",)))
    found = pl.read_delta(str(desk.folder / "t")).select("key", "n")
    assert found.schema["key"] == dtype
    assert in_order(found.rows()) == in_order(frame.rows())


def test_floats_as_partitions_keep_nan_and_infinity(polars_desk: Desk) -> None:
    inf = float("inf")
    polars_desk.put(keyed([inf, -inf, float("nan"), 1e-7, 1e300, None]), _by_key(polars_desk))
    found = dict(pl.read_delta(str(polars_desk.folder / "t")).select("n", "key").rows())
    nan = found.pop(2)
    assert nan != nan
    assert found == {0: inf, 1: -inf, 3: 1e-7, 4: 1e300, 5: None}


@pytest.mark.parametrize("form", ["DELTA", "PARQUET"])
def test_bytes_cannot_be_partitions(polars_desk: Desk, form: str) -> None:
    """Neither the log nor the name of a folder can hold them so that readers find them."""
    target = polars_desk.target("t", form, partition_by=("key",))
    with pytest.raises(WriteError, match="bytes cannot be partition values"):
        polars_desk.put(keyed([b"ab"], pl.Binary), target)
    assert polars_desk.engine.inspect(target.place, form) is None


@pytest.mark.parametrize(
    ("staged_by", "made_by"), [((), ("key",)), (("key",), ()), (("key",), ("n",))]
)
def test_an_append_does_not_lie_otherwise_than_a_table_that_came_meanwhile(
    desk: Desk, staged_by: tuple[str, ...], made_by: tuple[str, ...]
) -> None:
    """Files of another layout would be read with null for the partition columns."""
    target = desk.target("t", mode="APPEND", partition_by=staged_by)
    stamp = stamp_of("r1")
    frame = keyed(["a", "b"]).with_columns(v=pl.lit(1))
    staged = desk.stage(frame, target, stamp=stamp)
    desk.put(frame.head(1), desk.target("t", partition_by=made_by), run="r2")
    try:
        staged.commit(target, receipt_for(stamp, target, staged.summary))
    except LaktoryDagsterError:
        expected = [("a", 0, 1)]
    else:
        expected = [("a", 0, 1), ("a", 0, 1), ("b", 1, 1)]
    found = pl.read_delta(str(desk.folder / "t")).select("key", "n", "v")
    assert in_order(found.rows()) == expected


def test_after_that_the_append_is_told_to_run_again(polars_desk: Desk) -> None:
    target, stamp = polars_desk.target("t", mode="APPEND"), stamp_of("r1")
    polars_desk.put(keyed(["z"]), target, run="r0")
    staged = polars_desk.stage(keyed(["a"]), target, stamp=stamp)
    polars_desk.put(keyed(["b"]), _by_key(polars_desk), run="r2")
    with pytest.raises(TargetBusyError, match="another run changed"):
        staged.commit(target, receipt_for(stamp, target, staged.summary))
    staged.abort()
    polars_desk.put(keyed(["a"]), target, run="r1")
    assert in_order(pl.read_delta(target.place.uri).select("key", "n").rows()) == [
        ("a", 0),
        ("b", 0),
    ]


@pytest.mark.parametrize("form", ["DELTA", "PARQUET", "CSV", "JSON"])
def test_no_rows_make_no_partition_and_rows_may_follow(polars_desk: Desk, form: str) -> None:
    none = keyed([], pl.String)
    target = polars_desk.target("t", form, partition_by=("key",))
    assert collected(polars_desk.put(none, target, run="r1").published).height == 0
    assert polars_desk.engine.inspect(target.place, form) is not None
    later = polars_desk.target("t", form, "APPEND", partition_by=("key",))
    polars_desk.put(keyed(["a"]), later, run="r2")
    assert read_back(polars_desk, target) == [("a", 0)]


@pytest.mark.parametrize("mode", ["ERROR", "IGNORE"])
def test_a_partitioned_folder_without_rows_is_there(polars_desk: Desk, mode: str) -> None:
    """Somebody wrote it, and what was written is nothing."""
    target = polars_desk.target("t", "PARQUET", partition_by=("key",))
    polars_desk.put(keyed([], pl.String), target, run="r1")
    again = polars_desk.target("t", "PARQUET", mode, partition_by=("key",))
    if mode == "ERROR":
        with pytest.raises(WriteError, match="exists and its mode is ERROR"):
            polars_desk.put(keyed(["a"]), again, run="r2")
    else:
        assert polars_desk.put(keyed(["a"]), again, run="r2").skipped


@pytest.mark.parametrize("options", [{"exclude_columns": ["key"]}, {"include_columns": ["v"]}])
def test_a_merge_cannot_leave_out_what_it_partitions_by(
    polars_desk: Desk, options: dict[str, Any]
) -> None:
    merge = MergeOptions(**options)
    target = polars_desk.target(
        "t", mode="MERGE", merge=merge, primary_keys=("n",), partition_by=("key",)
    )
    frame = keyed(["a"]).with_columns(v=pl.lit(1))
    with pytest.raises(WriteError, match="partitioned by `key`, which the merge leaves out"):
        polars_desk.stage(frame, target)


def test_a_merge_moves_rows_between_partitions(desk: Desk) -> None:
    target = desk.target("t", mode="MERGE", primary_keys=("n",), partition_by=("key",))
    desk.put(keyed(["a", None, "b"]), target, run="r1")
    desk.put(keyed([None, "ü/=", "b"]), target, run="r2")
    found = pl.read_delta(str(desk.folder / "t")).select("key", "n")
    assert in_order(found.rows()) == in_order([(None, 0), ("ü/=", 1), ("b", 2)])


def test_the_log_names_files_as_uris(polars_desk: Desk) -> None:
    """Delta's log holds encoded paths; values stand in it as they are."""
    polars_desk.put(keyed(["a b", "%"]), _by_key(polars_desk))
    log = (polars_desk.folder / "t/_delta_log/00000000000000000000.json").read_text()
    adds = [json.loads(line)["add"] for line in log.splitlines() if '"add"' in line]
    assert {add["partitionValues"]["key"] for add in adds} == {"a b", "%"}
    assert all("%25" in add["path"] for add in adds)
    assert len(DeltaTable(str(polars_desk.folder / "t")).to_pyarrow_table()) == 2


def _by_key(desk: Desk) -> Target:
    return desk.target("t", partition_by=("key",))
