"""Bounds and counts in the log of a Delta table: readers that skip files by them lose no row.

The answers of Polars, and of Arrow by the data set of delta-rs, are compared with those of a filter
on the rows in memory. Spark writes statistics of its own.
"""

from __future__ import annotations

import datetime as dt
import json
import operator
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from laktory_dagster.engines.registry import open_engine
from tests.engines.writing import Desk

Compare = Callable[[Any, Any], Any]
COMPARISONS: tuple[Compare, ...] = (operator.eq, operator.ge, operator.le, operator.gt, operator.lt)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(open_engine("polars"), tmp_path)


def stored(desk: Desk, name: str, *batches: pl.Series) -> DeltaTable:
    """Return a table with a file for each batch of its column `x`."""
    target = desk.target(name, mode="APPEND")
    for number, batch in enumerate(batches):
        desk.put(pl.DataFrame({"x": batch}), target, run=f"r{number}")
    return DeltaTable(str(desk.folder / name))


def statistics(table: DeltaTable) -> list[dict[str, Any]]:
    """Return what the log says of each file, in the order of commits."""
    logs = sorted(Path(table.table_uri.removeprefix("file://"), "_delta_log").glob("*.json"))
    lines = [json.loads(line) for log in logs for line in log.read_text().splitlines()]
    return [json.loads(line["add"]["stats"]) for line in lines if "add" in line]


def lost(table: DeltaTable, values: pl.Series, *, arrow: bool = True) -> list[tuple[Any, ...]]:
    """Return the comparisons for which a reader gives another number of rows than memory does."""
    data, scan = table.to_pyarrow_dataset(), pl.scan_delta(table)
    kind = data.schema.field("x").type
    wrong = []
    for value in values.drop_nulls().unique().to_list():
        for compare in COMPARISONS:
            wanted = int(compare(values, pl.Series([value], dtype=values.dtype)).sum())
            by_polars = scan.filter(compare(pl.col("x"), pl.lit(value, dtype=values.dtype)))
            found = [by_polars.collect().height]
            if arrow:
                condition = compare(pc.field("x"), pa.scalar(value, type=kind))
                found.append(data.to_table(filter=condition).num_rows)
            wrong += [(value, compare.__name__, wanted, found)] if set(found) != {wanted} else []
    return wrong


UTC = dt.UTC
EDGES = {
    "integers": pl.Series([-(2**63), 2**63 - 1, 0, None, 1, 2**53 + 1]),
    "small integers": pl.Series([-128, 127, None, 0], dtype=pl.Int8),
    "dates": pl.Series([dt.date(1, 1, 1), dt.date(9999, 12, 31), None, dt.date(1582, 10, 5)]),
    "times": pl.Series(
        [
            dt.datetime(1, 1, 1, tzinfo=UTC),
            dt.datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC),
            dt.datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC),
            None,
        ],
        dtype=pl.Datetime("us", "UTC"),
    ),
    "naive times": pl.Series(
        [
            dt.datetime(1, 1, 1),  # noqa: DTZ001
            dt.datetime(1969, 12, 31, 23, 59, 59, 999_999),  # noqa: DTZ001
            None,
        ]
    ),
    "texts": pl.Series(["", "\0", "a" * 32, "a" * 33, "a" * 200, None, "Z", '"', "\\", "\n", "😀"]),
    "long letters": pl.Series(["é" * 33, "é" * 32, "ê", "😀" * 40, "😀" * 16, "日本" * 50]),
    "booleans": pl.Series([True, False, None, True]),
    "decimals": pl.Series(
        [Decimal("0.1"), Decimal("-99999999.25"), None, Decimal(0), Decimal("10000000.5")],
        dtype=pl.Decimal(38, 10),
    ),
    "great decimals": pl.Series(
        [Decimal(10) ** 22, Decimal(2) ** 90, -(Decimal(10) ** 37), None], dtype=pl.Decimal(38, 0)
    ),
}


@pytest.mark.parametrize("kind", EDGES)
def test_no_row_is_lost_at_the_edges(desk: Desk, kind: str) -> None:
    values = EDGES[kind]
    table = stored(desk, "each", *(values[i : i + 1] for i in range(len(values))))
    assert lost(table, values) == []
    assert lost(stored(desk, "one", values), values) == []


@pytest.mark.parametrize("kind", ["texts", "long letters", "decimals"])
def test_no_row_is_lost_after_a_checkpoint(desk: Desk, kind: str) -> None:
    values = EDGES[kind]
    table = stored(desk, "t", *(values[i : i + 1] for i in range(len(values))))
    table.create_checkpoint()
    assert lost(DeltaTable(table.table_uri), values) == []


TEXT = st.text(st.sampled_from("aé日😀z\0"), max_size=70)


@given(batches=st.lists(st.lists(st.none() | TEXT, min_size=1, max_size=4), min_size=2, max_size=3))
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_text_is_lost(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[str | None]]
) -> None:
    desk = Desk(open_engine("polars"), tmp_path_factory.mktemp("text"))
    series = [pl.Series(batch, dtype=pl.String) for batch in batches]
    assert lost(stored(desk, "t", *series), pl.concat(series)) == []


NUMBERS = st.decimals(
    min_value=Decimal(-(10**8)), max_value=Decimal(10**8), allow_nan=False, places=4
)


@given(batches=st.lists(st.lists(NUMBERS, min_size=1, max_size=4), min_size=2, max_size=3))
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_decimal_is_lost(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[Decimal]]
) -> None:
    desk = Desk(open_engine("polars"), tmp_path_factory.mktemp("decimal"))
    series = [pl.Series(batch, dtype=pl.Decimal(20, 4)) for batch in batches]
    assert lost(stored(desk, "t", *series), pl.concat(series)) == []


def test_nan_is_not_lost(desk: Desk) -> None:
    """Parquet's bounds leave NaN out, which is greater than all: floats have no bounds.

    delta-rs hands a missing bound to Arrow as one that no value meets, so only Polars is asked.
    """
    nan = float("nan")
    values = pl.Series([nan, 1.0, None, float("inf"), -0.0, 0.0])
    table = stored(desk, "t", *(values[i : i + 1] for i in range(len(values))))
    assert lost(table, values, arrow=False) == []
    assert all("x" not in told["minValues"] for told in statistics(table))


def test_long_texts_are_cut_off_as_spark_cuts_them(desk: Desk) -> None:
    [told] = statistics(stored(desk, "t", pl.Series(["b" * 40, "a" * 50])))
    assert told["minValues"]["x"] == "a" * 32
    assert told["maxValues"]["x"].startswith("b" * 32)
    assert told["maxValues"]["x"] > "b" * 40
    [whole] = statistics(stored(desk, "whole", pl.Series(["b" * 32])))
    assert whole["maxValues"]["x"] == "b" * 32


@pytest.mark.parametrize(
    ("value", "scale", "bound"),
    [
        ("0.1", 10, 0.1),
        ("12.50", 2, 12.5),
        ("-7.00", 2, -7),
        ("10000000000000000000000", 0, 10**22),
        ("12345678901234567890.5", 10, None),
        ("0.0000000001", 10, None),
    ],
)
def test_bounds_of_decimals_have_their_digits(
    desk: Desk, value: str, scale: int, bound: float | None
) -> None:
    """A bound that JSON's number cannot spell without rounding or exponent is left out."""
    series = pl.Series([Decimal(value)], dtype=pl.Decimal(38, scale))
    [told] = statistics(stored(desk, "t", series))
    assert told["minValues"].get("x") == bound
    assert told["maxValues"].get("x") == bound


def test_counts_of_rows_and_nulls(desk: Desk) -> None:
    frame = pl.DataFrame(
        {
            "n": [1, None, None],
            "s": ["a", None, "b"],
            "l": [[1], None, []],
            "f": [None, None, None],
        },
        schema_overrides={"f": pl.Float64},
    )
    desk.put(frame, desk.target("t"))
    [told] = statistics(DeltaTable(str(desk.folder / "t")))
    assert told["numRecords"] == 3
    assert told["nullCount"] == {"n": 2, "s": 1, "f": 3}
    assert set(told["minValues"]) == {"n", "s"}


def test_fields_of_nested_columns_have_no_counts_of_their_own(desk: Desk) -> None:
    frame = pl.DataFrame({"x": [1], "s": [{"x": 9, "t": {"x": 8}}], "l": [[{"x": 7}]]})
    desk.put(frame, desk.target("t"))
    [told] = statistics(DeltaTable(str(desk.folder / "t")))
    assert (told["minValues"], told["maxValues"], told["nullCount"]) == (
        {"x": 1},
        {"x": 1},
        {"x": 0},
    )


def test_an_empty_table_has_counts_and_no_bounds(desk: Desk) -> None:
    desk.put(pl.DataFrame({"x": []}, schema={"x": pl.Int64}), desk.target("t"))
    told = statistics(DeltaTable(str(desk.folder / "t")))
    assert [(file["numRecords"], file["minValues"]) for file in told] == [(0, {})]


def test_row_groups_are_bounded_together(desk: Desk) -> None:
    values = pl.Series([5, 1, None, None, 9, -3], dtype=pl.Int64)
    desk.put(pl.DataFrame({"x": values}), desk.target("t", options={"row_group_size": 2}))
    table = DeltaTable(str(desk.folder / "t"))
    [told] = statistics(table)
    assert (told["minValues"]["x"], told["maxValues"]["x"], told["nullCount"]["x"]) == (-3, 9, 2)
    assert lost(table, values) == []


def test_a_merge_finds_its_rows_in_files_with_bounds(desk: Desk) -> None:
    """delta-rs skips files by the bounds of the merge's keys."""
    keys = ["é" * 40, "z" * 33, "😀" * 20, ""]
    target = desk.target("t", mode="MERGE", primary_keys=("key",))
    for number, key in enumerate(keys):
        desk.put(pl.DataFrame({"key": [key], "n": [number]}), target, run=f"r{number}")
    desk.put(pl.DataFrame({"key": keys, "n": [10, 11, 12, 13]}), target, run="again")
    expected = dict(zip(keys, [10, 11, 12, 13], strict=True))
    assert dict(desk.rows(target)) == expected
    assert len(desk.rows(target)) == len(keys)
