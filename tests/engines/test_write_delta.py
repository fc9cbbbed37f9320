"""Delta tables: types, schemas that change, partitions, history, concurrent writers."""

from __future__ import annotations

import datetime as dt
import json
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable

from laktory_dagster.engines.base import Engine
from laktory_dagster.errors import (
    LaktoryDagsterError,
    SchemaChangedError,
    TargetBusyError,
    WriteError,
)
from tests.engines.frames import collected
from tests.engines.writing import Desk, receipt_for, rule, stamp_of

UTC_NOON = dt.datetime(2024, 5, 1, 12, 0, 0, 123456, tzinfo=dt.UTC)


@pytest.fixture
def desk(engine: Engine, tmp_path: Path) -> Desk:
    return Desk(engine, tmp_path)


def types_of(desk: Desk, name: str) -> dict[str, Any]:
    schema = json.loads(DeltaTable(str(desk.folder / name)).schema().to_json())
    return {field["name"]: field["type"] for field in schema["fields"]}


@pytest.mark.parametrize(
    ("series", "stored", "value"),
    [
        (pl.Series([1], dtype=pl.Int8), "byte", 1),
        (pl.Series([1], dtype=pl.Int32), "integer", 1),
        (pl.Series([200], dtype=pl.UInt8), "short", 200),
        (pl.Series([60_000], dtype=pl.UInt16), "integer", 60_000),
        (pl.Series([4_000_000_000], dtype=pl.UInt32), "long", 4_000_000_000),
        (pl.Series([5], dtype=pl.UInt64), "long", 5),
        (pl.Series([0.1], dtype=pl.Float64), "double", 0.1),
        (pl.Series(["a"], dtype=pl.Categorical), "string", "a"),
        (pl.Series(["a"], dtype=pl.Enum(["a"])), "string", "a"),
        (pl.Series([None], dtype=pl.Null), "string", None),
        (pl.Series([True]), "boolean", True),
        (pl.Series([b"x"]), "binary", b"x"),
        (pl.Series([dt.date(2024, 5, 1)]), "date", dt.date(2024, 5, 1)),
        (pl.Series([Decimal("1.50")], dtype=pl.Decimal(10, 2)), "decimal(10,2)", Decimal("1.50")),
        (pl.Series([UTC_NOON], dtype=pl.Datetime("us", "UTC")), "timestamp", UTC_NOON),
        (pl.Series([UTC_NOON], dtype=pl.Datetime("ns", "UTC")), "timestamp", UTC_NOON),
        (
            pl.Series([UTC_NOON]).dt.convert_time_zone("America/New_York"),
            "timestamp",
            UTC_NOON,
        ),
        (
            pl.Series([UTC_NOON.replace(tzinfo=None)], dtype=pl.Datetime("ms")),
            "timestamp_ntz",
            UTC_NOON.replace(tzinfo=None, microsecond=123000),
        ),
    ],
    ids=lambda value: str(value.dtype) if isinstance(value, pl.Series) else "",
)
def test_types_are_kept_or_widened(desk: Desk, series: pl.Series, stored: str, value: Any) -> None:
    target = desk.target("t")
    desk.put(pl.DataFrame({"x": series, "k": [1]}), target)
    assert types_of(desk, "t")["x"] == stored
    assert desk.rows(target) == [(value, 1)]


def test_nested_types(desk: Desk) -> None:
    frame = pl.DataFrame(
        {
            "list": [[1, 2]],
            "struct": [{"u": 7, "when": UTC_NOON}],
            "both": [[{"c": "a"}]],
        },
        schema_overrides={
            "list": pl.List(pl.UInt8),
            "struct": pl.Struct({"u": pl.UInt16, "when": pl.Datetime("ns", "UTC")}),
            "both": pl.List(pl.Struct({"c": pl.Categorical})),
        },
    )
    target = desk.target("t")
    desk.put(frame, target)
    assert desk.rows(target) == [([1, 2], {"u": 7, "when": UTC_NOON}, [{"c": "a"}])]


def test_a_number_too_large_fails_and_stores_nothing(desk: Desk) -> None:
    frame = pl.DataFrame({"x": [2**63]}, schema={"x": pl.UInt64})
    with pytest.raises(LaktoryDagsterError, match="column `x` has values beyond int64"):
        desk.put(frame, desk.target("t"))
    assert desk.files() == []


@pytest.mark.parametrize(
    ("value", "advice"),
    [(dt.timedelta(seconds=1), "total_microseconds"), (dt.time(12), "as text")],
)
def test_types_without_a_place_are_refused_with_advice(desk: Desk, value: Any, advice: str) -> None:
    if desk.engine.name == "spark" and isinstance(value, dt.time):
        desk.put(pl.DataFrame({"x": [value]}), desk.target("t"))
        assert desk.rows(desk.target("t")) == [("12:00:00.000000000",)]
        return
    with pytest.raises(WriteError, match="no type for the column `x`") as caught:
        desk.stage(pl.DataFrame({"x": [value]}), desk.target("t"))
    assert advice in str(caught.value)


STORED = pl.DataFrame({"a": [1], "b": ["x"]})


def frame_of(**columns: Any) -> pl.DataFrame:
    return pl.DataFrame({name: [value] for name, value in columns.items()})


@pytest.mark.parametrize(
    ("batch", "difference"),
    [
        (frame_of(a=1, b="y", c=2.0), "+ c"),
        (frame_of(a=1), "- b"),
        (frame_of(a=1.5, b="y"), "~ a: stored as int64, now float64"),
        (frame_of(a="1", b="y"), "~ a: stored as int64, now string"),
        (frame_of(a=1, b=2), "~ b: stored as string, now int64"),
        (frame_of(A=1, b="y"), "+ A"),
    ],
)
def test_freeze_refuses_a_change_before_the_work(
    desk: Desk, batch: pl.DataFrame, difference: str
) -> None:
    target = desk.target("t", mode="APPEND")
    desk.put(STORED, target, run="r1")
    with pytest.raises(SchemaChangedError) as caught:
        desk.stage(batch, target)
    assert difference in str(caught.value)
    assert desk.rows(target) == [(1, "x")]


@pytest.mark.parametrize(
    ("batch", "hints"),
    [
        (frame_of(a=1.5, b="y"), True),
        (frame_of(a="1", b="y"), False),
        (frame_of(a=1.5, b=2), False),
    ],
)
def test_the_way_to_wider_types_is_told_where_there_is_one(
    desk: Desk, batch: pl.DataFrame, hints: bool
) -> None:
    target = desk.target("t", mode="APPEND")
    desk.put(STORED, target, run="r1")
    with pytest.raises(SchemaChangedError) as caught:
        desk.stage(batch, target)
    assert ("`schema_evolution: widen`" in str(caught.value.hint)) is hints
    assert "cast the column" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("dtype", "stored"), [(pl.Int8, "long"), (pl.Int32, "long"), (pl.UInt32, "long")]
)
def test_narrower_numbers_fit(desk: Desk, dtype: pl.DataType, stored: str) -> None:
    target = desk.target("t", mode="APPEND")
    desk.put(STORED, target, run="r1")
    batch = frame_of(a=7, b="y").with_columns(pl.col("a").cast(dtype))
    desk.put(batch, target, run="r2")
    assert desk.rows(target) == [(1, "x"), (7, "y")]
    assert types_of(desk, "t")["a"] == stored


def test_a_column_without_type_takes_the_stored_one(desk: Desk) -> None:
    target = desk.target("t", mode="APPEND")
    desk.put(STORED, target, run="r1")
    desk.put(pl.DataFrame({"a": [None], "b": ["y"]}), target, run="r2")
    assert desk.rows(target) == [(1, "x"), (None, "y")]
    assert types_of(desk, "t")["a"] == "long"


def test_the_order_of_columns_does_not_matter(desk: Desk) -> None:
    target = desk.target("t", mode="APPEND")
    desk.put(STORED, target, run="r1")
    desk.put(frame_of(b="y", a=2), target, run="r2")
    assert desk.rows(target) == [(1, "x"), (2, "y")]


def test_add_takes_new_and_missing_columns(desk: Desk) -> None:
    target = desk.target("t", mode="APPEND", schema_evolution="add")
    desk.put(STORED, target, run="r1")
    added = desk.put(frame_of(a=2, c=2.5), target, run="r2")
    assert desk.rows(target) == [(1, "x", None), (2, None, 2.5)]
    assert collected(added.published).to_dicts() == [{"a": 2, "c": 2.5}]
    with pytest.raises(SchemaChangedError, match="~ a"):
        desk.stage(frame_of(a=1.5, b="y"), target)


def test_merge_schema_of_spark_means_add(desk: Desk) -> None:
    target = desk.target("t", mode="APPEND", options={"mergeSchema": True})
    desk.put(STORED, target, run="r1")
    desk.put(frame_of(a=2, b="y", c=1), target, run="r2")
    assert desk.rows(target) == [(1, "x", None), (2, "y", 1)]


def test_widen_rewrites_the_stored_rows(desk: Desk) -> None:
    target = desk.target("t", mode="APPEND", schema_evolution="widen")
    desk.put(STORED, target, run="r1")
    widened = desk.put(frame_of(a=2.5, b="y", c=True), target, run="r2")
    assert desk.rows(target) == [(1.0, "x", None), (2.5, "y", True)]
    assert types_of(desk, "t")["a"] == "double"
    assert collected(widened.published).rows() == [(2.5, "y", True)]
    assert desk.put(frame_of(a=2.5, b="y", c=True), target, run="r2").skipped
    with pytest.raises(SchemaChangedError, match="~ b"):
        desk.stage(frame_of(a=2.5, b=1), target)


def test_widen_of_a_partitioned_table(desk: Desk) -> None:
    target = desk.target("t", mode="APPEND", schema_evolution="widen", partition_by=("b",))
    desk.put(STORED, target, run="r1")
    desk.put(frame_of(a=2.5, b="y"), target, run="r2")
    assert desk.rows(target) == [(1.0, "x"), (2.5, "y")]


def test_overwrite_may_replace_the_schema(desk: Desk) -> None:
    target = desk.target("t")
    desk.put(STORED, target, run="r1")
    desk.put(frame_of(z=True), target, run="r2")
    assert types_of(desk, "t") == {"z": "boolean"}
    assert pl.read_delta(str(desk.folder / "t"), version=0).rows() == [(1, "x")]


def test_declared_types_of_the_sink(desk: Desk) -> None:
    target = desk.target("t", schema_definition={"a": "double"})
    desk.put(STORED, target)
    assert types_of(desk, "t") == {"a": "double", "b": "string"}
    with pytest.raises(WriteError, match="declares the column `q`"):
        desk.stage(STORED, desk.target("u", schema_definition={"q": "int"}))


HOSTILE = ["a/b", "../..", "a'; drop table t", "x" * 100, "ü 😀", "%2F", None, "=", "C:\\*?"]


def test_partitions_with_hostile_values(desk: Desk) -> None:
    frame = pl.DataFrame({"key": HOSTILE, "n": range(len(HOSTILE))})
    target = desk.target("t", partition_by=("key",))
    desk.put(frame, target)
    stored = pl.read_delta(str(desk.folder / "t")).select("n", "key")
    assert dict(stored.rows()) == dict(enumerate(HOSTILE))
    assert {(row[0], row[1]) for row in desk.rows(target)} == set(
        zip(HOSTILE, range(9), strict=True)
    )
    assert [path.name for path in desk.folder.iterdir()] == ["t"]
    scan = pl.scan_delta(str(desk.folder / "t"))
    for number, key in enumerate(HOSTILE):
        assert scan.filter(pl.col("key").eq_missing(key)).collect()["n"].to_list() == [number]


def test_a_partition_value_too_long_for_a_folder_is_named(desk: Desk) -> None:
    frame = pl.DataFrame({"key": ["y" * 300], "n": [1]})
    with pytest.raises(LaktoryDagsterError, match="too long for the name of a folder"):
        desk.put(frame, desk.target("t", partition_by=("key",)))
    assert desk.files() == []


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([dt.date(2024, 5, 1), None], pl.Date),
        ([UTC_NOON, None], pl.Datetime("us", "UTC")),
        ([True, False], pl.Boolean),
        ([1, -2], pl.Int64),
        ([Decimal("1.50"), Decimal("2.00")], pl.Decimal(10, 2)),
    ],
)
def test_types_of_partition_columns(desk: Desk, values: list, dtype: pl.DataType) -> None:
    frame = pl.DataFrame({"key": pl.Series(values, dtype=dtype), "n": [1, 2]})
    target = desk.target("t", mode="APPEND", partition_by=("key",))
    desk.put(frame, target, run="r1")
    batch = desk.put(frame, target, run="r2")
    assert sorted(collected(batch.published).rows(), key=str) == sorted(frame.rows(), key=str)
    stored = pl.read_delta(str(desk.folder / "t"))
    assert stored.schema["key"] == dtype
    assert sorted(stored.rows(), key=str) == sorted(frame.rows() * 2, key=str)


def test_repartitioning(desk: Desk) -> None:
    desk.put(STORED, desk.target("t", partition_by=("a",)), run="r1")
    desk.put(STORED, desk.target("t", mode="APPEND"), run="r2")
    with pytest.raises(WriteError, match="partitioned by `a`, the sink says `b`"):
        desk.stage(STORED, desk.target("t", mode="APPEND", partition_by=("b",)))
    again = desk.target("t", partition_by=("b",))
    commit = desk.put(STORED, again, run="r3")
    assert commit.version == 2
    assert DeltaTable(str(desk.folder / "t")).metadata().partition_columns == ["b"]
    assert desk.rows(again) == [(1, "x")]


@pytest.mark.parametrize("columns", [("nope",), ("a", "b")])
def test_partition_columns_that_cannot_be(desk: Desk, columns: tuple[str, ...]) -> None:
    with pytest.raises(WriteError, match="partition"):
        desk.stage(STORED, desk.target("t", partition_by=columns))


def test_statistics_prune_and_leave_nan_alone(desk: Desk) -> None:
    target = desk.target("t", mode="APPEND")
    first = pl.DataFrame(
        {
            "n": [1, 2],
            "f": [1.0, float("nan")],
            "s": ["a", "b" * 50],
            "d": [dt.date(2024, 1, 1), None],
            "t": [UTC_NOON, UTC_NOON],
        }
    )
    desk.put(first, target, run="r1")
    desk.put(first.with_columns(pl.col("n") + 10), target, run="r2")
    log = (desk.folder / "t/_delta_log/00000000000000000000.json").read_text().splitlines()
    [added] = [json.loads(line)["add"] for line in log if "add" in json.loads(line)]
    statistics = json.loads(added["stats"])
    assert statistics["numRecords"] == 2
    least = statistics["minValues"]
    assert (least["n"], least["d"]) == (1, "2024-01-01")
    assert least["t"].removesuffix("Z") in ("2024-05-01T12:00:00.123", "2024-05-01T12:00:00.123456")
    assert statistics["nullCount"] == {"n": 0, "f": 0, "s": 0, "d": 1, "t": 0}
    scan = pl.scan_delta(str(desk.folder / "t"))
    assert scan.filter(pl.col("n") > 10).collect().height == 2
    assert scan.filter(pl.col("f") > 5).collect().height == 2
    assert scan.filter(pl.col("t") == UTC_NOON).collect().height == 4
    assert scan.filter(pl.col("s") == "b" * 50).collect().height == 2


def test_the_history_names_the_run(desk: Desk) -> None:
    desk.put(STORED, desk.target("t"), run="r1")
    [entry] = DeltaTable(str(desk.folder / "t")).history()
    noted = entry if "laktory.receipt" in entry else json.loads(entry["userMetadata"])
    proof = json.loads(noted["laktory.receipt"])
    assert proof["token"] == "r1/prices/sink_0/-"
    # Spark counts the rows of a batch without rules while it writes them.
    counted = proof["rows_out"] or int(entry["operationMetrics"]["numOutputRows"])
    assert counted == 1


def test_a_lost_receipt_is_rebuilt_from_the_log(desk: Desk) -> None:
    target = desk.target("t", mode="APPEND")
    desk.put(STORED, target, run="r1")
    desk.put(STORED, target, run="r2")
    for path in (desk.folder / "t/_laktory/receipts").iterdir():
        path.unlink()
    found = desk.engine.find_receipt(target.place, "DELTA", "r1/prices/sink_0/-")
    assert found is not None
    assert (found.table_version, found.rows_out) == (0, 1)
    assert desk.put(STORED, target, run="r1").skipped
    assert len(desk.rows(target)) == 2


def test_versions_count_and_old_ones_stay(desk: Desk) -> None:
    target = desk.target("t")
    versions = [desk.put(frame_of(a=i), target, run=f"r{i}").version for i in range(3)]
    assert versions == [0, 1, 2]
    state = desk.engine.inspect(target.place, "DELTA")
    assert state is not None
    assert (state.version, state.count()) == (2, 1)


def test_published_is_pinned(desk: Desk) -> None:
    target = desk.target("t")
    first = desk.put(frame_of(a=1), target, run="r1")
    desk.put(frame_of(a=2), target, run="r2")
    assert collected(first.published).rows() == [(1,)]


def test_appending_to_its_own_source(desk: Desk) -> None:
    target = desk.target("t", mode="APPEND")
    desk.put(STORED, target, run="r1")
    desk.put(pl.scan_delta(str(desk.folder / "t")), target, run="r2")
    assert desk.rows(target) == [(1, "x"), (1, "x")]


def test_tables_of_another_tool_are_appended_to(desk: Desk) -> None:
    STORED.write_delta(str(desk.folder / "t"))
    target = desk.target("t", mode="APPEND")
    assert desk.engine.inspect(target.place, "DELTA").receipt is None
    desk.put(STORED, target)
    assert len(desk.rows(target)) == 2


@pytest.mark.parametrize("exists", [False, True])
def test_appends_at_once_all_arrive(desk: Desk, exists: bool) -> None:
    target = desk.target("t", mode="APPEND")
    if exists:
        desk.put(frame_of(a=-1), target, run="first")
    errors: list[BaseException] = []
    ready = threading.Barrier(6)

    def append(number: int) -> None:
        stamp = stamp_of(f"r{number}", partition=str(number))
        staged = desk.stage(frame_of(a=number), target, stamp=stamp)
        ready.wait()
        try:
            staged.commit(target, receipt_for(stamp, target, staged.summary))
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=append, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    expected = ([(-1,)] if exists else []) + [(i,) for i in range(6)]
    assert sorted(desk.rows(target)) == sorted(expected)


def test_an_append_fits_itself_to_a_schema_that_grew_meanwhile(desk: Desk) -> None:
    target = desk.target("t", mode="APPEND")
    desk.put(STORED, target, run="r1")
    stamp = stamp_of("r2")
    staged = desk.stage(STORED, target, stamp=stamp)
    desk.put(frame_of(z=True), desk.target("t"), run="r3")
    with pytest.raises(SchemaChangedError, match="is new"):
        staged.commit(target, receipt_for(stamp, target, staged.summary))
    staged.abort()
    assert desk.rows(target) == [(True,)]


def test_widening_a_table_that_moved_is_refused(desk: Desk) -> None:
    target = desk.target("t", mode="APPEND", schema_evolution="widen")
    desk.put(STORED, target, run="r1")
    stamp = stamp_of("r2")
    staged = desk.stage(frame_of(a=2.5, b="y"), target, stamp=stamp)
    desk.put(STORED, target, run="r3")
    with pytest.raises(TargetBusyError, match="another run changed"):
        staged.commit(target, receipt_for(stamp, target, staged.summary))
    staged.abort()
    assert len(desk.rows(target)) == 2


def test_quarantine_tables_are_ordinary_tables(desk: Desk) -> None:
    rules = [rule("a", "a > 1", "QUARANTINE")]
    aside = desk.aside("q", mode="APPEND")
    desk.write(STORED, aside, desk.target("t"), rules=rules, run="r1")
    desk.write(STORED, aside, desk.target("t"), rules=rules, run="r2")
    rows = pl.read_delta(str(desk.folder / "q"))
    assert rows["_run_id"].sort().to_list() == ["r1-try", "r2-try"]


def test_nothing_to_append_keeps_the_version_and_leaves_a_receipt(desk: Desk) -> None:
    target = desk.target("t", mode="APPEND")
    desk.put(STORED, target, run="r1")
    assert desk.put(STORED.clear(), target, run="r2").skipped
    assert DeltaTable(str(desk.folder / "t")).version() == 0
    assert desk.engine.find_receipt(target.place, "DELTA", "r2/prices/sink_0/-") is not None


@pytest.mark.parametrize("name", ["my lake", "Größe 100%"])
def test_a_folder_may_be_named_as_people_name_folders(
    engine: Engine, tmp_path: Path, name: str
) -> None:
    desk = Desk(engine, tmp_path / name)
    target = desk.target("t", mode="APPEND")
    desk.put(pl.DataFrame({"a": [1]}), target, run="r1")
    desk.put(pl.DataFrame({"a": [2]}), target, run="r2")
    assert desk.rows(target) == [(1,), (2,)]
    merged = desk.target("t", mode="MERGE", primary_keys=("a",))
    desk.put(pl.DataFrame({"a": [2, 3]}), merged, run="r3")
    assert desk.rows(target) == [(1,), (2,), (3,)]
    assert engine.inspect(target.place, "DELTA").count() == 3
