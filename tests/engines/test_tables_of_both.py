"""One Delta table in the hands of both engines: what one writes the other reads, adds to and merges."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from laktory_dagster.engines.base import Place, ReadRequest, Target, Written
from laktory_dagster.engines.registry import open_engine
from laktory_dagster.models import MergeOptions
from laktory_dagster.models.sources import FileSource
from tests.engines.writing import Desk
from tests.sessions import SPARK_KINDS, shared_session

MOMENT = datetime.fromisoformat("2024-05-01T10:20:30.123456")
VALUES: dict[str, tuple[list[Any], pl.DataType]] = {
    "i8": ([-128, 127, None], pl.Int8()),
    "i16": ([-32768, 32767, None], pl.Int16()),
    "i32": ([-(2**31), 2**31 - 1, None], pl.Int32()),
    "i64": ([-(2**63), 2**63 - 1, None], pl.Int64()),
    "f32": ([0.5, -math.inf, None], pl.Float32()),
    "f64": ([1e308, 5e-324, None], pl.Float64()),
    "text": (["", "ü 'x' \\ \n \u2028", None], pl.String()),
    "flag": ([True, False, None], pl.Boolean()),
    "bytes": ([b"", b"\x00\xff", None], pl.Binary()),
    "day": ([date(1, 1, 1), date(9999, 12, 31), None], pl.Date()),
    "at": ([MOMENT.replace(tzinfo=UTC), datetime(1969, 1, 1, tzinfo=UTC), None], pl.Datetime("us", "UTC")),
    "naive": ([MOMENT, datetime.fromisoformat("1900-01-01"), None], pl.Datetime("us")),
    "sum": ([Decimal("-99999.99"), Decimal("0.01"), None], pl.Decimal(7, 2)),
    "list": ([[1, None], [], None], pl.List(pl.Int64())),
    "deep": ([{"a": [{"b": "x"}]}, {"a": None}, None], pl.Struct({"a": pl.List(pl.Struct({"b": pl.String()}))})),
}  # fmt: skip
ROWS = pl.DataFrame(
    {"id": [1, 2, 3], **{name: values for name, (values, _) in VALUES.items()}},
    schema={"id": pl.Int64(), **{name: dtype for name, (_, dtype) in VALUES.items()}},
)
WAYS = [("spark", "polars"), ("polars", "spark")]


@pytest.fixture(params=SPARK_KINDS)
def desks(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, Desk]]:
    """A folder in the hands of Spark and of Polars."""
    engine = open_engine("spark", spark=shared_session(request.param))
    yield {"spark": Desk(engine, tmp_path), "polars": Desk(open_engine("polars"), tmp_path)}
    engine.close()


def merge(desk: Desk, name: str = "t", **options: Any) -> Target:
    merging = MergeOptions(**options)
    return desk.target(name, mode="MERGE", primary_keys=("id",), merge=merging)


def read(desk: Desk, target: Target, **more: Any) -> list[dict[str, Any]]:
    source = FileSource(path=target.place.uri, format=target.format)
    place = Place(target.place.uri)
    request = ReadRequest(source, "spark", place=place, format=target.format, **more)
    found = desk.engine.head(desk.engine.read(request).frame, 100)
    return sorted(({**row} for row in found), key=lambda row: str(row["id"]))


@pytest.mark.parametrize(("one", "other"), WAYS)
def test_every_value_comes_as_it_was_given(desks: dict[str, Desk], one: str, other: str) -> None:
    target = desks[one].target("t")
    desks[one].put(ROWS, target)
    assert read(desks[other], target) == ROWS.to_dicts()
    state = [desks[name].engine.inspect(target.place, "DELTA") for name in (one, other)]
    assert state[0] is not None
    assert state[1] is not None
    assert state[0].columns == state[1].columns
    assert state[0].receipt == state[1].receipt


@pytest.mark.parametrize(("one", "other"), WAYS)
def test_nan_and_infinity_are_numbers_to_both(desks: dict[str, Desk], one: str, other: str) -> None:
    rows = pl.DataFrame({"id": [1, 2, 3], "x": [math.nan, math.inf, -0.0]})
    desks[one].put(rows, desks[one].target("t"))
    found = [row["x"] for row in read(desks[other], desks[other].target("t"))]
    assert math.isnan(found[0])
    assert found[1:] == [math.inf, 0.0]
    assert math.copysign(1, found[2]) == -1


@pytest.mark.parametrize(("one", "other"), WAYS)
def test_every_type_is_appended_and_merged_by_the_other(
    desks: dict[str, Desk], one: str, other: str
) -> None:
    desks[one].put(ROWS, desks[one].target("t"))
    more = ROWS.head(1).with_columns(id=pl.lit(4, pl.Int64))
    desks[other].put(more, desks[other].target("t", mode="APPEND"), run="run-2")
    turned = ROWS.tail(1).with_columns(id=pl.lit(1, pl.Int64))
    desks[other].put(turned, merge(desks[other]), run="run-3")
    first, second, third = ROWS.to_dicts()
    expected = [{**third, "id": 1}, second, third, {**first, "id": 4}]
    for desk in desks.values():
        assert read(desk, desk.target("t")) == expected


@pytest.mark.parametrize(("one", "other"), WAYS)
def test_folders_of_odd_values_are_those_of_both(
    desks: dict[str, Desk], one: str, other: str
) -> None:
    keys = ["a b", "x=y", "50%", "/", "ü", "it's", ":", None]
    rows = pl.DataFrame({"id": list(range(len(keys))), "k": keys})
    desks[one].put(rows, desks[one].target("t", partition_by=("k",)))
    desks[other].put(rows, desks[other].target("t", mode="APPEND"), run="run-2")
    for desk in desks.values():
        found = read(desk, desk.target("t"))
        assert found == [row for row in rows.to_dicts() for _ in range(2)]


@pytest.mark.parametrize(("one", "other"), WAYS)
def test_columns_that_one_adds_are_there_for_the_other(
    desks: dict[str, Desk], one: str, other: str
) -> None:
    desks[one].put(pl.DataFrame({"id": [1]}), desks[one].target("t"))
    added = desks[other].target("t", mode="APPEND", schema_evolution="add")
    desks[other].put(pl.DataFrame({"id": [2], "v": ["b"]}), added, run="run-2")
    desks[one].put(
        pl.DataFrame({"v": ["c"], "id": [3]}), desks[one].target("t", mode="APPEND"), run="run-3"
    )
    expected = [{"id": 1, "v": None}, {"id": 2, "v": "b"}, {"id": 3, "v": "c"}]
    assert read(desks[one], desks[one].target("t")) == expected


@pytest.mark.parametrize(("one", "other"), WAYS)
def test_a_write_of_one_is_known_to_the_other_by_its_token(
    desks: dict[str, Desk], one: str, other: str
) -> None:
    """A run that is taken up on the other engine adds nothing twice."""
    rows = pl.DataFrame({"id": [1]})
    target = desks[one].target("t", mode="APPEND")
    made = desks[one].put(rows, target)
    again = desks[other].put(rows, target)
    assert (made.skipped, again.skipped) == (False, True)
    assert again.version == made.version
    assert read(desks[other], target) == [{"id": 1}]


@pytest.mark.parametrize(("one", "other"), WAYS)
def test_a_history_goes_on_in_the_hands_of_the_other(
    desks: dict[str, Desk], one: str, other: str
) -> None:
    for number, (name, value) in enumerate([(one, "a"), (other, "b"), (one, "b"), (other, "c")]):
        rows = pl.DataFrame({"id": [1], "v": [value], "at": [number]})
        target = merge(desks[name], scd_type=2, order_by="at")
        desks[name].put(rows, target, run=f"run-{number}")
    found = [tuple(row.values()) for row in read(desks[one], desks[one].target("t"))]
    assert sorted(row[1:] for row in found) == [
        ("a", 0, 0, 1),
        ("b", 1, 1, 3),
        ("c", 3, 3, None),
    ]


@pytest.mark.parametrize(("one", "other"), WAYS)
@pytest.mark.parametrize("form", ["CSV", "JSON"])
def test_text_of_one_comes_back_in_its_types_on_the_other(
    desks: dict[str, Desk], one: str, other: str, form: str
) -> None:
    names = ["id", "i8", "f64", "text", "flag", "day", "at", "naive", "sum"]
    rows = ROWS.select(names).head(2).with_columns(text=pl.Series(["a,b", 'say "x"\nü']))
    target = desks[one].target("t", form)
    summary, _ = desks[one].write(rows, target)
    found = read(desks[other], target, written=Written({}, summary.columns))
    assert found == rows.to_dicts()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"date_format": "%d.%m.%Y", "datetime_format": "%d.%m.%Y %H:%M"}, "01.05.2024,01.05.2024 10:20"),
        ({"date_format": "%Y%j", "datetime_format": "%Y-%m-%d at %H:%M:%S"}, "2024122,2024-05-01 at 10:20:00"),
    ],
)  # fmt: skip
def test_formats_of_times_in_polars_words_are_undone_by_spark(
    desks: dict[str, Desk], options: dict[str, str], text: str
) -> None:
    moment = datetime.fromisoformat("2024-05-01T10:20")
    rows = pl.DataFrame({"id": [1], "d": [moment.date()], "t": [moment]})
    target = desks["polars"].target("t.csv", "CSV", options=options)
    summary, _ = desks["polars"].write(rows, target)
    assert Path(target.place.uri).read_text().splitlines()[1] == f"1,{text}"
    found = read(desks["spark"], target, written=Written(options, summary.columns))
    assert found == rows.to_dicts()
