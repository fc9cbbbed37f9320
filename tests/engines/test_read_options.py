"""What a source does with its rows, in its one order, on each format beside what DuckDB gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from laktory_dagster.errors import LaktoryDagsterError, ReadError
from tests.engines.reading import frame_of, put

DATA = pa.table(
    {
        "id": list(range(1, 13)),
        "shop": ["a", "b", "a", None, "c", "c", "b", "a", None, "c", "a", "b"],
        "price": [1.0, 2.5, None, 4.0, 5.5, 5.5, 0.0, -1.0, 4.0, 2.5, 1.0, 2.5],
        "day": ["2024-01-01"] * 6 + ["2024-01-02"] * 6,
    }
)


def by_duckdb(folder: Path, name: str, options: str) -> None:
    with duckdb.connect() as connection:
        connection.register("t", DATA)
        connection.execute(f"COPY t TO '{folder}/{name}' ({options})")


def as_folders(folder: Path) -> None:
    with duckdb.connect() as connection:
        connection.register("t", DATA)
        connection.execute(f"COPY t TO '{folder}/in' (FORMAT csv, HEADER, PARTITION_BY (day))")


def as_files(folder: Path) -> None:
    (folder / "in").mkdir()
    for number in range(3):
        pq.write_table(DATA.slice(number * 4, 4), folder / "in" / f"{number}.parquet")


FORMATS: dict[str, tuple[str, Callable[[Path], Any], str]] = {
    "CSV": ("CSV", lambda f: by_duckdb(f, "x.csv", "FORMAT csv, HEADER"), "x.csv"),
    "CSV gzip": ("CSV", lambda f: by_duckdb(f, "x.csv.gz", "FORMAT csv, HEADER"), "x.csv.gz"),
    "CSV folders": ("CSV", as_folders, "in"),
    "JSON lines": ("JSON", lambda f: by_duckdb(f, "x.json", "FORMAT json"), "x.json"),
    "JSON array": ("JSON", lambda f: by_duckdb(f, "x.json", "FORMAT json, ARRAY"), "x.json"),
    "JSONL": ("JSONL", lambda f: by_duckdb(f, "x.jsonl", "FORMAT json"), "x.jsonl"),
    "PARQUET": ("PARQUET", lambda f: by_duckdb(f, "x.parquet", "FORMAT parquet"), "x.parquet"),
    "PARQUET files": ("PARQUET", as_files, "in/*.parquet"),
    "IPC": ("IPC", lambda f: pl.DataFrame(DATA).write_ipc(f / "x.arrow"), "x.arrow"),
    "AVRO": ("AVRO", lambda f: pl.DataFrame(DATA).write_avro(f / "x.avro"), "x.avro"),
    "EXCEL": ("EXCEL", lambda f: pl.DataFrame(DATA).write_excel(f / "x.xlsx"), "x.xlsx"),
    "DELTA": ("DELTA", lambda f: pl.DataFrame(DATA).write_delta(f / "t"), "t"),
}
ALL = "id, shop, price, day"
OPTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, f"SELECT {ALL} FROM t"),
    "a filter of two columns": (
        {"filter": "price >= 2.5 AND shop IN ('a', 'b')"},
        f"SELECT {ALL} FROM t WHERE price >= 2.5 AND shop IN ('a', 'b')",
    ),
    "a filter that nulls do not meet": (
        {"filter": "NOT (shop = 'a')"},
        f"SELECT {ALL} FROM t WHERE NOT (shop = 'a')",
    ),
    "a filter before a new name": (
        {"filter": "id > 9", "renames": {"id": "price_id"}, "drops": ["shop", "day"]},
        "SELECT id AS price_id, price FROM t WHERE id > 9",
    ),
    "a filter of a column that is not selected": (
        {"filter": "price IS NULL", "selects": ["id"]},
        "SELECT id FROM t WHERE price IS NULL",
    ),
    "columns in another order": ({"selects": ["price", "id"]}, "SELECT price, id FROM t"),
    "a column twice": (
        {"selects": ["id", "id AS again"]},
        "SELECT id, id AS again FROM t",
    ),
    "all and one more": (
        {"selects": [*ALL.split(", "), "id * 2 AS double"]},
        f"SELECT {ALL}, id * 2 AS double FROM t",
    ),
    "names that change places": (
        {"selects": {"id": "price", "price": "id"}},
        "SELECT id AS price, price AS id FROM t",
    ),
    "names that change places later": (
        {"renames": {"id": "price", "price": "id"}, "drops": ["day"]},
        "SELECT id AS price, shop, price AS id FROM t",
    ),
    "a drop by its new name": (
        {"renames": {"shop": "store"}, "drops": ["store", "shop"]},
        "SELECT id, price, day FROM t",
    ),
    "rows once": (
        {"selects": ["shop", "price"], "drop_duplicates": True},
        "SELECT DISTINCT shop, price FROM t",
    ),
    "keys once, nulls being equal": (
        {"selects": ["shop"], "drop_duplicates": ["shop"]},
        "SELECT DISTINCT shop FROM t",
    ),
    "the least row of each key": (
        {"selects": ["shop", "id"], "drop_duplicates": ["shop"]},
        "SELECT shop, min(id) AS id FROM t GROUP BY shop",
    ),
    "the least row by a new name": (
        {"renames": {"shop": "s"}, "drops": ["day", "price"], "drop_duplicates": ["s"]},
        "SELECT min(id) AS id, shop AS s FROM t GROUP BY shop",
    ),
    "no row": ({"limit": 0}, f"SELECT {ALL} FROM t LIMIT 0"),
    "more than there are": ({"limit": 99}, f"SELECT {ALL} FROM t"),
    "every row of a sample": ({"sample": {"fraction": 1}}, f"SELECT {ALL} FROM t"),
}


@pytest.mark.parametrize("option", list(OPTIONS))
@pytest.mark.parametrize("form", list(FORMATS))
def test_options_on_each_format(tmp_path: Path, form: str, option: str) -> None:
    kind, write, name = FORMATS[form]
    write(tmp_path)
    given_options, query = OPTIONS[option]

    # Dates of folders, and those that Excel or JSON show as such, are texts to DuckDB's table.
    frame = frame_of(tmp_path / name, kind, **given_options)
    found = frame.with_columns(pl.col(pl.Date).cast(pl.String))

    with duckdb.connect() as connection:
        connection.register("t", DATA)
        wanted = connection.execute(query)
        assert found.columns == [column[0] for column in wanted.description or []]
        assert sorted(map(repr, found.rows())) == sorted(map(repr, wanted.fetchall()))


@pytest.mark.parametrize("form", list(FORMATS))
def test_a_limit_counts_what_is_left(tmp_path: Path, form: str) -> None:
    kind, write, name = FORMATS[form]
    write(tmp_path)

    found = frame_of(tmp_path / name, kind, filter="shop = 'a'", limit=3)

    assert (found.height, found["shop"].to_list()) == (3, ["a"] * 3)


@pytest.mark.parametrize("form", list(FORMATS))
def test_a_sample_takes_of_the_rows_that_are_left(tmp_path: Path, form: str) -> None:
    kind, write, name = FORMATS[form]
    write(tmp_path)
    options = {"filter": "id > 4", "sample": {"fraction": 0.5, "seed": 7}}

    first, again = (frame_of(tmp_path / name, kind, **options)["id"].to_list() for _ in range(2))

    assert sorted(first) == sorted(again)
    assert set(first) <= set(range(5, 13))


ROW = some.fixed_dictionaries(
    {
        "k": some.one_of(some.none(), some.integers(0, 3)),
        "v": some.one_of(some.none(), some.integers(-2, 2)),
    }
)


@given(some.lists(ROW, min_size=1, max_size=12), some.integers(-2, 2), some.integers(0, 6))
@settings(max_examples=25, deadline=None)
def test_the_order_of_options_is_one(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]], least: int, limit: int
) -> None:
    """Filter, select, rename, keys once, limit: as nested queries of DuckDB."""
    path = tmp_path_factory.mktemp("order") / "x.parquet"
    table = pa.Table.from_pylist(rows, schema=pa.schema({"k": pa.int64(), "v": pa.int64()}))
    pq.write_table(table, path)

    found = frame_of(
        path, "PARQUET", filter=f"v >= {least}", selects={"k": "key", "v": "value"},
        renames={"value": "w"}, drop_duplicates=["key"], limit=limit,
    )  # fmt: skip

    with duckdb.connect() as connection:
        connection.register("t", table)
        query = f"SELECT k AS key, min(v) AS w FROM t WHERE v >= {least} GROUP BY k"
        wanted = connection.execute(query).fetchall()
    assert found.height == min(limit, len(wanted))
    assert set(found.rows()) <= set(wanted)


FIELDS = '{"id": 1, "a": {"b": {"c": 5, "d": null}, "e f": 2}, "l": [1, 2], "a.b": 9}\n'


@pytest.mark.parametrize(
    ("selects", "rows"),
    [
        (["a.b.c"], [{"c": 5}]),
        (["a.b"], [{"a.b": 9}]),
        (["id", "a.b.d"], [{"id": 1, "d": None}]),
        ({"a.b.c": "x", "id": "y"}, [{"x": 5, "y": 1}]),
        (["l[0] AS first", "size(l) AS n"], [{"first": 1, "n": 2}]),
        (["id + a.b.c AS sum"], [{"sum": 6}]),
        ({"id * 2": "twice"}, [{"twice": 2}]),
        (["upper('x') AS u", "id"], [{"u": "X", "id": 1}]),
    ],
)
def test_selected_fields(tmp_path: Path, selects: Any, rows: list[dict[str, Any]]) -> None:
    """A column that has the whole name comes before a field of that path."""
    put(tmp_path, {"x.jsonl": FIELDS})

    assert frame_of(tmp_path, "JSONL", selects=selects).to_dicts() == rows


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"filter": "prise > 1"}, "prise"),
        ({"filter": "price >"}, "something is missing"),
        ({"selects": ["prise"]}, "prise"),
        ({"selects": {"prise": "x"}}, "prise"),
        ({"selects": ["id", "price AS id"]}, "id"),
        ({"selects": ["price.x"]}, "price.x"),
        ({"renames": {"prise": "x"}}, "prise"),
        ({"renames": {"price": "id"}}, "id"),
        ({"drop_duplicates": ["prise"]}, "prise"),
        ({"drops": ["price"], "drop_duplicates": ["price"]}, "price"),
        ({"renames": {"price": "p"}, "drop_duplicates": ["price"]}, "price"),
        ({"selects": ["id"], "renames": {"price": "p"}}, "price"),
    ],
    ids=str,
)
def test_options_that_do_not_fit_are_one_error(
    tmp_path: Path, options: dict[str, Any], said: str
) -> None:
    by_duckdb(tmp_path, "x.csv", "FORMAT csv, HEADER")

    with pytest.raises(LaktoryDagsterError, match=said) as caught:
        frame_of(tmp_path / "x.csv", "CSV", **options)

    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("form", ["CSV", "JSON lines", "PARQUET", "DELTA"])
def test_everything_may_be_dropped_but_not_by_a_wrong_name(tmp_path: Path, form: str) -> None:
    kind, write, name = FORMATS[form]
    write(tmp_path)

    found = frame_of(tmp_path / name, kind, drops=["gone", "id", "shop", "price"])

    assert found.columns == ["day"]
    with pytest.raises(ReadError, match="`renames` names the column `gone`"):
        frame_of(tmp_path / name, kind, renames={"gone": "x"})
