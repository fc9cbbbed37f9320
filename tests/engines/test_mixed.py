"""One pipeline on both engines: what one writes the other reads, in the same types, in one session."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest

from laktory_dagster import models
from laktory_dagster.engines.spark import engine as spark_engine
from tests.sessions import shared_session

NOON = dt.datetime(2024, 5, 1, 12, 30, 15, 123456, tzinfo=dt.UTC).replace(tzinfo=None)
TYPES: dict[str, tuple[pl.DataType | type[pl.DataType], list[object]]] = {
    "byte": (pl.Int8, [1, -128, None]),
    "short": (pl.Int16, [1, -32768, None]),
    "integer": (pl.Int32, [1, -(2**31), None]),
    "long": (pl.Int64, [1, 2**62, None]),
    "float": (pl.Float32, [1.5, float("nan"), None]),
    "double": (pl.Float64, [0.1, float("nan"), float("-inf")]),
    "flag": (pl.Boolean, [True, False, None]),
    "text": (pl.String, ["a", "", None]),
    "bytes": (pl.Binary, [b"\x00\xff", b"", None]),
    "day": (pl.Date, [dt.date(2024, 2, 29), dt.date(1900, 1, 1), None]),
    "moment": (pl.Datetime("us", "UTC"), [NOON.replace(tzinfo=dt.UTC), None, None]),
    "wall_clock": (pl.Datetime("us"), [NOON, NOON.replace(year=1969), None]),
    "price": (pl.Decimal(12, 2), [Decimal("1.50"), Decimal("-9999999999.99"), None]),
    "list": (pl.List(pl.Int64), [[1, None], [], None]),
    "struct": (
        pl.Struct({"a": pl.Int64, "b": pl.Struct({"c": pl.String})}),
        [{"a": 1, "b": {"c": "x"}}, {"a": None, "b": {"c": None}}, None],
    ),
    "structs": (pl.List(pl.Struct({"c": pl.Int32})), [[{"c": 1}, {"c": None}], [], None]),
}

pytestmark = [pytest.mark.spark, pytest.mark.xdist_group("spark")]


def _stored(folder: Path, table: str) -> list[tuple[object, ...]]:
    path = folder / f"lake/main/default/{table}"
    files = ", ".join(f"'{file}'" for file in path.glob("*.parquet"))
    found = duckdb.sql(f"SELECT * FROM read_parquet([{files}]) ORDER BY id")
    return [
        (str(found.types), *found.columns),
        *(tuple(map(repr, row)) for row in found.fetchall()),
    ]


def write_given(folder: Path) -> pl.DataFrame:
    series = {name: pl.Series(values, dtype=kind) for name, (kind, values) in TYPES.items()}
    given = pl.DataFrame({"id": [1, 2, 3], **series})
    given.write_parquet(folder / "given.parquet")
    return given


@pytest.mark.parametrize("write", [True, False])
@pytest.mark.parametrize("engines", [("POLARS", "SPARK"), ("SPARK", "POLARS")])
def test_a_view_of_one_engine_is_read_by_the_other(
    tmp_path: Path, engines: tuple[str, str], write: bool
) -> None:
    shared_session()
    given = write_given(tmp_path)
    source = {"path": str(tmp_path / "given.parquet"), "format": "PARQUET"}
    nodes = [
        {"name": "view", "dataframe_type": engines[0], "source": source},
        {
            "name": "table",
            "dataframe_type": engines[1],
            "source": {"node_name": "view"},
            "sinks": [{"table_name": "table"}],
        },
    ]
    with models.Pipeline(name="p", warehouse=str(tmp_path / "lake"), nodes=nodes) as pipeline:
        result = pipeline.execute(write_sinks=write)
        types = [{c.name: c.type for c in result[name].columns} for name in ("view", "table")]
    assert types[0] == types[1]
    if write:
        stored = pl.read_delta(str(tmp_path / "lake/main/default/table")).sort("id")
        assert stored.equals(given, null_equal=True)


@pytest.mark.parametrize("engines", [("POLARS", "SPARK", "POLARS"), ("SPARK", "POLARS", "SPARK")])
def test_types_are_equal_on_every_way(
    tmp_path: Path, engines: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shared_session()
    opened: list[object] = []
    original = spark_engine.open_session
    monkeypatch.setattr(
        spark_engine, "open_session", lambda *args: opened.append(args) or original(*args)
    )
    given = write_given(tmp_path)
    sources = [
        {"path": str(tmp_path / "given.parquet"), "format": "PARQUET"},
        {"node_name": "first"},
        {"node_name": "second"},
    ]
    names = ("first", "second", "third")
    nodes = [
        {"name": name, "dataframe_type": kind, "source": source, "sinks": [{"table_name": name}]}
        for name, kind, source in zip(names, engines, sources, strict=True)
    ]
    with models.Pipeline(name="p", warehouse=str(tmp_path / "lake"), nodes=nodes) as pipeline:
        result = pipeline.execute()

    assert [result[name].engine for name in names] == [kind.lower() for kind in engines]
    assert len(opened) == 1
    first, second, third = (_stored(tmp_path, name) for name in names)
    assert second == first
    assert third == first
    columns = [{c.name: c.type for c in result[name].columns} for name in names]
    assert columns[0] == columns[1] == columns[2]
    stored = pl.read_delta(str(tmp_path / "lake/main/default/third")).sort("id")
    assert stored.equals(given, null_equal=True)
