"""Every kind of source with every option of sources, through YAML, beside what DuckDB gives."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pytest

from laktory_dagster import models
from laktory_dagster.engines.base import Engine
from laktory_dagster.errors import LaktoryDagsterError
from tests.engines.frames import collected

DATA = {
    "id": [1, 2, 3, 4, 5, 5],
    "shop": ["a", "b", "a", None, "c", "c"],
    "price": [1.0, 2.5, None, 4.0, 5.5, 5.5],
    "who": [{"name": f"n{n}", "age": n} for n in (1, 2, 3, 4, 5, 5)],
}
FLAT = ("id", "shop", "price")
READER = "import polars as pl\n\n\ndef rows():\n    return pl.read_parquet('{path}')\n"


def write_parquet(folder: Path) -> str:
    pl.DataFrame(DATA).write_parquet(folder / "rows.parquet")
    return "{path: rows.parquet, format: PARQUET}"


def write_ipc(folder: Path) -> str:
    pl.DataFrame(DATA).write_ipc(folder / "rows.arrow")
    return "{path: rows.arrow, format: IPC}"


def write_avro(folder: Path) -> str:
    pl.DataFrame(DATA).write_avro(folder / "rows.avro")
    return "{path: rows.avro, format: AVRO}"


def write_delta(folder: Path) -> str:
    pl.DataFrame(DATA).write_delta(folder / "rows")
    return "{path: rows, format: DELTA}"


def write_json(folder: Path) -> str:
    (folder / "rows.json").write_text(json.dumps(pl.DataFrame(DATA).to_dicts()))
    return "{path: rows.json}"


def write_lines(folder: Path) -> str:
    (folder / "rows").mkdir()
    frame = pl.DataFrame(DATA)
    frame.head(4).write_ndjson(folder / "rows" / "1.jsonl")
    frame.tail(2).write_ndjson(folder / "rows" / "2.jsonl")
    return "{path: rows, format: JSONL}"


def write_table(folder: Path) -> str:
    pl.DataFrame(DATA).write_delta(folder / "warehouse" / "main" / "sales" / "rows")
    return "{schema_name: sales, table_name: rows}"


def write_full_name(folder: Path) -> str:
    write_table(folder)
    return "{table_name: main.sales.rows}"


def write_inline(_: Path) -> str:
    return "{data: " + json.dumps(DATA) + "}"


def write_inline_rows(_: Path) -> str:
    return "{data: " + json.dumps(pl.DataFrame(DATA).to_dicts()) + "}"


def write_mock(_: Path) -> str:
    return "{path: nothing_there, mock_df: " + json.dumps(DATA) + "}"


def write_custom(folder: Path) -> str:
    write_parquet(folder)
    (folder / "reading.py").write_text(READER.format(path=folder / "rows.parquet"))
    return "{custom_reader: reading.rows}"


NESTED: list[Callable[[Path], str]] = [
    write_parquet, write_ipc, write_avro, write_delta, write_json, write_lines, write_table,
    write_full_name, write_inline, write_inline_rows, write_mock, write_custom,
]  # fmt: skip

LACKED = {write_ipc: "IPC", write_avro: "AVRO"}
NESTED_CASES = [
    pytest.param(
        write,
        id=write.__name__[6:],
        marks=[pytest.mark.lacks("spark", f"does not read {LACKED[write]}")]
        if write in LACKED
        else [],
    )
    for write in NESTED
]

OPTIONS: dict[str, tuple[str, str]] = {
    "nothing": ("", "SELECT * FROM t"),
    "filter": ("filter: price > 2", "SELECT * FROM t WHERE price > 2"),
    "filter by an expression": (
        "filter: \"nw.col('shop') == 'a'\"",
        "SELECT * FROM t WHERE shop = 'a'",
    ),
    "a list of columns": ("selects: [shop, id]", "SELECT shop, id FROM t"),
    "a field": ("selects: [id, who.name]", "SELECT id, who.name AS name FROM t"),
    "new names": (
        "selects: {id: number, who.age: age}",
        "SELECT id AS number, who.age AS age FROM t",
    ),
    "computed": (
        "selects: [id, price * 2 AS double]",
        "SELECT id, price * 2 AS double FROM t",
    ),
    "renames": ("renames: {shop: store}", "SELECT id, shop AS store, price, who FROM t"),
    "drops": ("drops: [who, nowhere]", "SELECT id, shop, price FROM t"),
    "whole rows once": ("drop_duplicates: true", "SELECT DISTINCT * FROM t"),
    "keys once": (
        "{selects: [shop], drop_duplicates: [shop]}",
        "SELECT DISTINCT shop FROM t",
    ),
    "limit": ("{selects: [id], limit: 0}", "SELECT id FROM t LIMIT 0"),
    "all of the rows": ("{sample: {fraction: 1.0}}", "SELECT * FROM t"),
    "none of the rows": ("{sample: {fraction: 0.0}}", "SELECT * FROM t WHERE false"),
    "in order": (
        (
            "{filter: price > 2, selects: {shop: s, price: p}, renames: {p: cost}, drops: [x], "
            "drop_duplicates: true, limit: 10}"
        ),
        "SELECT DISTINCT shop AS s, price AS cost FROM t WHERE price > 2",
    ),
    "for streams": (
        "{watermark: {column: id, threshold: 1 hour}, broadcast: true}",
        "SELECT * FROM t",
    ),
}


def run(folder: Path, engine: Engine, source: str, option: str, more: str = "") -> pl.DataFrame:
    option = option.strip().removeprefix("{").removesuffix("}") if option[:1] == "{" else option
    merged = source if not option else source.removesuffix("}") + ", " + option + "}"
    file = folder / "pipeline.yaml"
    file.write_text(
        f"name: p\ndataframe_type: {engine.name.upper()}\n"
        f"nodes: [{{name: n, source: {merged}, {more}}}]\n"
    )
    with file.open() as opened:
        pipeline = models.Pipeline.model_validate_yaml(opened)
    frame: pl.DataFrame = collected(pipeline.nodes_dict["n"].execute())
    return frame


def by_duckdb(query: str) -> tuple[list[str], list[str]]:
    with duckdb.connect() as connection:
        connection.register("t", pl.DataFrame(DATA).to_arrow())
        found = connection.sql(query)
        return list(found.columns), sorted(map(repr, found.fetchall()))


@pytest.mark.parametrize("kind", [pl.DataFrame, pa.Table])
def test_a_frame_is_handed_over_in_memory_as_it_is_asked_for(engine: Engine, kind: type) -> None:
    frame = engine.from_native([{"a": 1}, {"a": 2}])

    found = engine.to_native(frame, kind)

    assert type(found) is kind
    assert sorted(found["a"].to_list() if kind is pl.DataFrame else found["a"].to_pylist()) == [
        1,
        2,
    ]
    assert engine.to_native(frame, object) is frame


@pytest.mark.parametrize("option", list(OPTIONS))
@pytest.mark.parametrize("write", NESTED_CASES)
def test_every_option_of_every_source(
    engine: Engine, tmp_path: Path, write: Callable[[Path], str], option: str
) -> None:
    text, query = OPTIONS[option]
    found = run(tmp_path, engine, write(tmp_path), text)
    assert (found.columns, sorted(map(repr, found.rows()))) == by_duckdb(query)


@pytest.mark.parametrize("option", ["filter", "a list of columns", "keys once", "limit"])
@pytest.mark.parametrize("form", ["CSV", "EXCEL"])
def test_flat_formats(engine: Engine, tmp_path: Path, form: str, option: str) -> None:
    frame = pl.DataFrame(DATA).select(FLAT)
    if form == "CSV":
        frame.write_csv(tmp_path / "rows.csv")
    else:
        frame.write_excel(tmp_path / "rows.xlsx")
    path = "rows.csv" if form == "CSV" else "rows.xlsx"
    text, query = OPTIONS[option]
    found = run(tmp_path, engine, f"{{path: {path}, format: {form}}}", text)
    wanted = by_duckdb(query.replace("*", "id, shop, price"))
    assert (found.columns, sorted(map(repr, found.rows()))) == wanted


@pytest.mark.parametrize("write", NESTED_CASES)
def test_a_sample_is_a_share_and_repeatable(
    engine: Engine, tmp_path: Path, write: Callable[[Path], str]
) -> None:
    first = run(tmp_path, engine, source := write(tmp_path), "sample: {fraction: 0.5, seed: 3}")
    again = run(tmp_path, engine, source, "sample: {fraction: 0.5, seed: 3}")
    assert first.rows() == again.rows()
    everything = {repr(row) for row in pl.DataFrame(DATA).rows()}
    assert {repr(row) for row in first.rows()} <= everything


def test_a_sample_of_many_rows_is_near_its_share(engine: Engine, tmp_path: Path) -> None:
    pl.DataFrame({"n": range(20_000)}).write_parquet(tmp_path / "many.parquet")
    source = "{path: many.parquet, format: PARQUET}"
    found = run(tmp_path, engine, source, "sample: {fraction: 0.25, seed: 1}")
    other = run(tmp_path, engine, source, "sample: {fraction: 0.25, seed: 2}")
    assert 4_600 < found.height < 5_400
    assert found.rows() != other.rows()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("filter: prize > 2", "prize"),
        ("selects: [shop, idd]", "idd"),
        ("renames: {idd: x}", "idd"),
        ("drop_duplicates: [shopp]", "shopp"),
    ],
)
def test_a_column_that_is_not_there_is_named_with_those_that_are(
    engine: Engine, tmp_path: Path, option: str, message: str
) -> None:
    with pytest.raises(LaktoryDagsterError) as caught:
        run(tmp_path, engine, write_parquet(tmp_path), option)
    text = str(caught.value)
    assert f"`{message}`" in text
    assert "price" in text


def test_several_named_sources(engine: Engine, tmp_path: Path) -> None:
    write_parquet(tmp_path)
    pl.DataFrame({"shop": ["a", "b"], "city": ["Bern", "Graz"]}).write_csv(tmp_path / "shops.csv")
    (tmp_path / "pipeline.yaml").write_text(
        f"""
name: several
dataframe_type: {engine.name.upper()}
nodes:
  - name: n
    sources:
      - {{name: sales, path: rows.parquet, format: PARQUET, filter: price IS NOT NULL}}
      - {{name: shops, path: shops.csv, format: CSV, selects: {{shop: s, city: city}}}}
    transformer:
      nodes:
        - sql_expr: >
            SELECT city, SUM(price) AS total FROM {{sources.sales}}
            JOIN {{sources.shops}} ON {{sources.sales}}.shop = {{sources.shops}}.s GROUP BY city
        - {{func_name: filter, func_args: ["total > 1"]}}
"""
    )
    with (tmp_path / "pipeline.yaml").open() as opened:
        pipeline = models.Pipeline.model_validate_yaml(opened)
    frame = collected(pipeline.nodes_dict["n"].execute())
    assert sorted(frame.rows()) == [("Graz", 2.5)]


HOSTILE_CSV: dict[str, tuple[bytes, str, list[tuple[Any, ...]]]] = {
    "byte order mark": (b"\xef\xbb\xbfa,b\n1,x\n", "", [(1, "x")]),
    "quoted newline": (b'a,b\n1,"x\ny"\n2,z\n', "", [(1, "x\ny"), (2, "z")]),
    "quoted separator": (b'a,b\n1,"x,""y"""\n', "", [(1, 'x,"y"')]),
    "windows line ends": (b"a,b\r\n1,x\r\n", "", [(1, "x")]),
    "no last line end": (b"a,b\n1,x", "", [(1, "x")]),
    "header only": (b"a,b\n", "", []),
    "semicolons": (b"a;b\n1;x\n", "read_options: {separator: ';'}", [(1, "x")]),
    "no header": (b"1,x\n2,y\n", "has_header: false", [(1, "x"), (2, "y")]),
    "empty values": (b"a,b\n,x\n2,\n", "", [(None, "x"), (2, None)]),
    "a late text": (
        b"a,b\n" + b"1,x\n" * 3_000 + b"zz,x\n",
        "infer_schema: false",
        [*[("1", "x")] * 3_000, ("zz", "x")],
    ),
}


@pytest.mark.parametrize("name", list(HOSTILE_CSV))
def test_csv_as_it_comes(engine: Engine, tmp_path: Path, name: str) -> None:
    content, option, wanted = HOSTILE_CSV[name]
    (tmp_path / "in.csv").write_bytes(content)
    assert run(tmp_path, engine, "{path: in.csv, format: CSV}", option).rows() == wanted


@pytest.mark.parametrize(
    ("name", "content", "form"),
    [
        ("in.csv", b"", "CSV"),
        ("in.json", b"", "JSON"),
        ("in.jsonl", b'{"a": 1}\n{"a": \n', "JSONL"),
        ("in.json", b'[{"a": 1}, {"a"', "JSON"),
        ("in.parquet", b"", "PARQUET"),
        ("in.parquet", b"PAR1" + b"\0" * 100, "PARQUET"),
        ("in.arrow", b"not arrow", "IPC"),
        ("in.avro", b"Obj\x01 no", "AVRO"),
        ("in.xlsx", b"PK\x03\x04 no", "EXCEL"),
        ("in.csv", "a\nä\n".encode("utf-16"), "CSV"),
    ],
)
def test_what_cannot_be_read_is_one_error_with_the_path(
    engine: Engine, tmp_path: Path, name: str, content: bytes, form: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(LaktoryDagsterError) as caught:
        run(tmp_path, engine, f"{{path: {name}, format: {form}}}", "", "sink: {path: out}")
    text = str(caught.value)
    assert name in text
    assert len(text) < 600, text
    assert [file for file in (tmp_path / "out").rglob("*") if file.is_file()] == []
