"""Delta tables that others made: what they demand of rows is kept, and what they say of themselves.

Constraints, columns that are never null and generated columns are those of Delta's protocol: every
writer holds its rows to them, and a condition that gives null is broken.
"""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable, Field, Schema, write_deltalake
from deltalake.schema import PrimitiveType

from laktory_dagster.engines.base import Engine, Target
from laktory_dagster.engines.registry import open_engine
from laktory_dagster.errors import LaktoryDagsterError, TargetBusyError, WriteError
from laktory_dagster.models import MergeOptions
from tests.engines.writing import Desk, receipt_for, stamp_of

MODES = ("APPEND", "OVERWRITE", "MERGE")


@pytest.fixture
def desk(engine: Engine, tmp_path: Path) -> Desk:
    return Desk(engine, tmp_path)


@pytest.fixture
def polars_desk(tmp_path: Path) -> Desk:
    """For what Delta's own code does on Spark, in words of its own."""
    return Desk(open_engine("polars"), tmp_path)


def prices(*closes: float | None, symbol: str | None = "A") -> pl.DataFrame:
    data = {"symbol": [symbol] * len(closes), "close": closes}
    return pl.DataFrame(data, schema={"symbol": pl.String, "close": pl.Float64})


def constrained(desk: Desk) -> str:
    path = str(desk.folder / "t")
    write_deltalake(path, prices(1.0).to_arrow())
    DeltaTable(path).alter.add_constraint({"positive": "close > 0"})
    return path


def made(desk: Desk, *fields: Field, **more: Any) -> str:
    path = str(desk.folder / "t")
    DeltaTable.create(path, Schema(list(fields)), **more)
    return path


def column(name: str, kind: str = "long", **more: Any) -> Field:
    return Field(name, PrimitiveType(kind), **more)


def target_of(desk: Desk, mode: str, **more: Any) -> Target:
    keys = {"merge": MergeOptions(), "primary_keys": ("symbol",)}
    return desk.target("t", mode=mode, **(keys if mode == "MERGE" else {}), **more)


@pytest.mark.parametrize("mode", MODES)
def test_a_row_that_breaks_a_constraint_is_refused(desk: Desk, mode: str) -> None:
    constrained(desk)
    with pytest.raises(LaktoryDagsterError):
        desk.put(prices(-1.0), target_of(desk, mode))
    assert desk.rows(desk.target("t")) == [("A", 1.0)]


@pytest.mark.parametrize("mode", MODES)
def test_rows_that_keep_a_constraint_are_written(desk: Desk, mode: str) -> None:
    constrained(desk)
    desk.put(prices(2.0), target_of(desk, mode))
    kept = [("A", 1.0)] if mode == "APPEND" else []
    assert desk.rows(desk.target("t")) == [*kept, ("A", 2.0)]


@pytest.mark.parametrize("mode", ["APPEND", "OVERWRITE"])
def test_a_condition_that_gives_null_is_broken(desk: Desk, mode: str) -> None:
    constrained(desk)
    with pytest.raises(LaktoryDagsterError):
        desk.put(prices(None), target_of(desk, mode))
    assert desk.rows(desk.target("t")) == [("A", 1.0)]


def test_the_message_names_constraint_and_condition(polars_desk: Desk) -> None:
    constrained(polars_desk)
    before = polars_desk.files("t")
    with pytest.raises(
        WriteError, match=r"2 rows break the constraint `positive`: close > 0"
    ) as caught:
        polars_desk.put(prices(2.0, -1.0, -3.0), target_of(polars_desk, "APPEND"))
    assert "expectation" in str(caught.value)
    assert polars_desk.files("t") == before


def test_a_condition_that_polars_has_not_names_spark(polars_desk: Desk) -> None:
    path = constrained(polars_desk)
    log = Path(path, "_delta_log/00000000000000000001.json")
    log.write_text(log.read_text().replace("close > 0", "my_own(close) > 0"))
    with pytest.raises(WriteError, match=r"cannot tell .* `positive`") as caught:
        polars_desk.put(prices(2.0), target_of(polars_desk, "APPEND"))
    assert "dataframe_type: SPARK" in str(caught.value)


def test_a_constraint_that_came_while_the_batch_was_staged_counts(polars_desk: Desk) -> None:
    path = str(polars_desk.folder / "t")
    write_deltalake(path, prices(1.0).to_arrow())
    target, stamp = target_of(polars_desk, "APPEND"), stamp_of("r1")
    staged = polars_desk.stage(prices(-1.0), target, stamp=stamp)
    DeltaTable(path).alter.add_constraint({"positive": "close > 0"})
    with pytest.raises(WriteError, match="constraint `positive`"):
        staged.commit(target, receipt_for(stamp, target, staged.summary))
    assert polars_desk.rows(target) == [("A", 1.0)]


def test_constraints_of_partitioned_tables(polars_desk: Desk) -> None:
    path = str(polars_desk.folder / "t")
    write_deltalake(path, prices(1.0).to_arrow(), partition_by=["symbol"])
    DeltaTable(path).alter.add_constraint({"known": "symbol <> 'B' AND close > 0"})
    target = target_of(polars_desk, "APPEND")
    with pytest.raises(WriteError, match="1 rows break the constraint `known`"):
        polars_desk.put(prices(2.0, symbol="B"), target)
    polars_desk.put(prices(2.0, symbol="C"), target)
    assert polars_desk.rows(target) == [("A", 1.0), ("C", 2.0)]


def test_a_full_refresh_of_a_merge_keeps_the_constraints(desk: Desk) -> None:
    path = constrained(desk)
    target = target_of(desk, "MERGE", replace_stored=True)
    with pytest.raises(LaktoryDagsterError):
        desk.put(prices(-1.0), target, run="r1")
    desk.put(prices(3.0), target, run="r2")
    assert desk.rows(target) == [("A", 3.0)]
    assert DeltaTable(path).metadata().configuration["delta.constraints.positive"] == "close > 0"


@pytest.mark.parametrize("mode", ["APPEND", "MERGE"])
def test_a_column_that_is_never_null_takes_no_null(desk: Desk, mode: str) -> None:
    made(desk, column("symbol", "string"), column("close", "double", nullable=False))
    with pytest.raises(LaktoryDagsterError):
        desk.put(prices(None), target_of(desk, mode))
    assert desk.rows(desk.target("t")) == []
    desk.put(prices(1.0), target_of(desk, mode), run="r2")
    assert desk.rows(desk.target("t")) == [("A", 1.0)]


def test_a_column_that_is_never_null_cannot_be_missing(desk: Desk) -> None:
    made(desk, column("symbol", "string"), column("close", "double", nullable=False))
    target = desk.target("t", mode="APPEND", schema_evolution="add")
    with pytest.raises(LaktoryDagsterError):
        desk.put(prices(1.0).select("symbol"), target)
    assert desk.rows(target) == []


def test_an_overwrite_may_allow_null(polars_desk: Desk) -> None:
    """What a table's columns are goes with them: OVERWRITE may replace the schema."""
    made(polars_desk, column("symbol", "string"), column("close", "double", nullable=False))
    polars_desk.put(prices(None), target_of(polars_desk, "OVERWRITE"))
    assert polars_desk.rows(polars_desk.target("t")) == [("A", None)]


@pytest.mark.parametrize(("total", "is_right"), [(4, True), (5, False), (None, False)])
def test_a_generated_column_holds_what_it_is_generated_from(
    polars_desk: Desk, total: int | None, is_right: bool
) -> None:
    made(
        polars_desk,
        column("n"),
        column("twice", metadata={"delta.generationExpression": "n * 2"}),
    )
    frame = pl.DataFrame({"n": [2], "twice": [total]}, schema={"n": pl.Int64, "twice": pl.Int64})
    target = polars_desk.target("t", mode="APPEND")
    if is_right:
        polars_desk.put(frame, target)
    else:
        with pytest.raises(WriteError, match="column `twice`, which is generated"):
            polars_desk.put(frame, target)
    assert polars_desk.rows(target) == ([(2, 4)] if is_right else [])


def test_an_invariant_of_a_column_is_kept(polars_desk: Desk) -> None:
    rule = json.dumps({"expression": {"expression": "n > 3"}})
    made(polars_desk, column("n", metadata={"delta.invariants": rule}))
    target = polars_desk.target("t", mode="APPEND")
    with pytest.raises(WriteError, match="invariant of the column `n`: n > 3"):
        polars_desk.put(pl.DataFrame({"n": [4, 3]}), target)
    polars_desk.put(pl.DataFrame({"n": [4]}), target)
    assert polars_desk.rows(target) == [(4,)]


@pytest.mark.parametrize("mode", ["OVERWRITE", "MERGE"])
def test_an_append_only_table_says_so(polars_desk: Desk, mode: str) -> None:
    path = str(polars_desk.folder / "t")
    write_deltalake(path, prices(1.0).to_arrow(), configuration={"delta.appendOnly": "true"})
    with pytest.raises(WriteError, match="is append-only") as caught:
        polars_desk.put(prices(2.0), target_of(polars_desk, mode))
    assert not isinstance(caught.value, TargetBusyError)
    polars_desk.put(prices(2.0), target_of(polars_desk, "APPEND"), run="r2")
    assert polars_desk.rows(target_of(polars_desk, "APPEND")) == [("A", 1.0), ("A", 2.0)]


def test_an_append_only_table_is_not_partitioned_anew(polars_desk: Desk) -> None:
    path = str(polars_desk.folder / "t")
    write_deltalake(path, prices(1.0).to_arrow(), configuration={"delta.appendOnly": "true"})
    with pytest.raises(WriteError, match="append-only"):
        polars_desk.put(prices(2.0), target_of(polars_desk, "OVERWRITE", partition_by=("symbol",)))
    assert polars_desk.rows(target_of(polars_desk, "APPEND")) == [("A", 1.0)]


@pytest.mark.parametrize("partition_by", [(), ("symbol",)])
def test_an_overwrite_keeps_name_and_properties(desk: Desk, partition_by: tuple[str, ...]) -> None:
    kept = {"delta.logRetentionDuration": "interval 7 days"}
    path = made(
        desk,
        column("symbol", "string"),
        column("close", "double"),
        name="closing",
        description="prices of the day",
        configuration=kept,
    )
    desk.put(prices(1.0), target_of(desk, "OVERWRITE", partition_by=partition_by))
    told = DeltaTable(path).metadata()
    assert told.partition_columns == list(partition_by)
    assert (told.name, told.description) == ("closing", "prices of the day")
    assert kept.items() <= told.configuration.items()


def test_an_append_keeps_what_is_said_of_columns(desk: Desk) -> None:
    comment = {"comment": "at the end of the day"}
    path = made(desk, column("symbol", "string"), column("close", "double", metadata=comment))
    desk.put(prices(1.0), target_of(desk, "APPEND"))
    [_, close] = DeltaTable(path).schema().fields
    assert close.metadata == comment


NAIVE = dt.datetime(2024, 5, 1, 12)  # noqa: DTZ001


@pytest.mark.parametrize("kind", ["plain", "list", "struct"])
@pytest.mark.parametrize("partition_by", [(), ("n",)])
def test_a_table_may_get_times_without_a_zone_later(
    desk: Desk, kind: str, partition_by: tuple[str, ...]
) -> None:
    """Readers of the old protocol must not meet them: the table gets the feature `timestampNtz`."""
    desk.put(pl.DataFrame({"n": [1], "at": [1]}), desk.target("t"), run="r1")
    value: Any = {"plain": NAIVE, "list": [NAIVE], "struct": {"moment": NAIVE}}[kind]
    target = desk.target("t", partition_by=partition_by)
    desk.put(pl.DataFrame({"n": [1], "at": [value]}), target, run="r2")
    found = pl.read_delta(str(desk.folder / "t")).select("n", "at")
    assert found.rows() == [(1, value)]
    protocol = DeltaTable(str(desk.folder / "t")).protocol()
    assert "timestampNtz" in (protocol.reader_features or [])
    assert "timestampNtz" in (protocol.writer_features or [])


def test_a_merge_may_add_times_without_a_zone(desk: Desk) -> None:
    target = target_of(desk, "MERGE", schema_evolution="add")
    desk.put(prices(1.0), target, run="r1")
    later = prices(2.0).with_columns(at=pl.lit(NAIVE))
    desk.put(later, target, run="r2")
    assert desk.rows(target) == [("A", 2.0, NAIVE)]


@pytest.mark.parametrize("mode", ["ERROR", "IGNORE", "APPEND", "OVERWRITE", "MERGE"])
def test_an_empty_log_is_no_table(desk: Desk, mode: str) -> None:
    """A writer that was killed before its first commit leaves the folder of the log."""
    (desk.folder / "t/_delta_log").mkdir(parents=True)
    assert desk.engine.inspect(desk.target("t").place, "DELTA") is None
    desk.put(prices(1.0), target_of(desk, mode))
    assert desk.rows(desk.target("t")) == [("A", 1.0)]


@pytest.mark.parametrize("mode", ["IGNORE", "APPEND", "OVERWRITE", "MERGE"])
def test_a_half_written_log_is_no_reason_to_begin_anew(polars_desk: Desk, mode: str) -> None:
    log = polars_desk.folder / "t/_delta_log/00000000000000000000.json"
    log.parent.mkdir(parents=True)
    log.write_text('{"commitInfo":')
    with pytest.raises(WriteError, match="t could not be written"):
        polars_desk.put(prices(1.0), target_of(polars_desk, mode))
    assert log.read_text() == '{"commitInfo":'
    assert not [name for name in polars_desk.files("t") if name.endswith(".parquet")]


def test_a_table_begins_beside_files_that_are_none_of_it(polars_desk: Desk) -> None:
    (polars_desk.folder / "t").mkdir()
    prices(9.0).write_parquet(polars_desk.folder / "t/old.parquet")
    polars_desk.put(prices(1.0), target_of(polars_desk, "APPEND"))
    assert polars_desk.rows(polars_desk.target("t")) == [("A", 1.0)]
    assert (polars_desk.folder / "t/old.parquet").exists()


@pytest.mark.parametrize("form", ["PARQUET", "CSV", "JSON"])
@pytest.mark.parametrize("mode", ["APPEND", "OVERWRITE"])
def test_files_do_not_go_between_those_of_a_delta_table(desk: Desk, form: str, mode: str) -> None:
    """The files of a Delta table are no folder of files: those of old versions are among them."""
    table = desk.target("t")
    desk.put(prices(1.0), table, run="r1")
    desk.put(prices(2.0), table, run="r2")
    with pytest.raises(WriteError, match=rf"is a Delta table, and the sink writes {form} files"):
        desk.put(prices(3.0), desk.target("t", form, mode), run="r3")
    assert desk.rows(table) == [("A", 2.0)]
    assert not (desk.folder / "t/_laktory/manifest.json").exists()


def test_a_table_with_a_checkpoint_knows_what_it_committed(polars_desk: Desk) -> None:
    target = target_of(polars_desk, "APPEND")
    for number in range(3):
        polars_desk.put(prices(float(number)), target, run=f"r{number}")
    DeltaTable(str(polars_desk.folder / "t")).create_checkpoint()
    for log in (polars_desk.folder / "t/_delta_log").glob("0*.json"):
        if not log.name.endswith("2.json"):
            log.unlink()
    for number in range(3):
        assert polars_desk.put(prices(float(number)), target, run=f"r{number}").skipped
    polars_desk.put(prices(7.0), target, run="r7")
    assert [row[1] for row in polars_desk.rows(target)] == [0.0, 1.0, 2.0, 7.0]
