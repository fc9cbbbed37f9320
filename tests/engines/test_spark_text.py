"""Text files in the words of Spark's readers and writers, and what comes back of stored text."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from laktory_dagster import models
from laktory_dagster.engines.base import Engine, Place, ReadRequest
from laktory_dagster.engines.registry import open_engine
from laktory_dagster.errors import LaktoryDagsterError
from laktory_dagster.models.sources import FileSource
from tests.engines.frames import collected
from tests.sessions import SPARK_KINDS, shared_session

MOMENT = datetime(2024, 5, 1, 10, 30, tzinfo=UTC)


@pytest.fixture(params=SPARK_KINDS)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    found = open_engine("spark", spark=shared_session(request.param))
    yield found
    found.close()


def read(engine: Engine, path: Path, form: str, **options: Any) -> tuple[list[str], list[Any]]:
    source = FileSource.model_validate({"path": str(path), "format": form, **options})
    request = ReadRequest(source, "spark", place=Place(str(path)), format=form)
    frame = engine.read(request).frame
    rows = [tuple(row.values()) for row in engine.head(frame, 100)]
    return [f"{column.name} {column.type}" for column in engine.columns(frame)], rows


TIMES = "id,day,at,local\n1,31/12/2023,01.05.2024 10:30,2024|05|01 10\n2,2023-12-31,,x\n"
# fmt: off
CSV: dict[str, tuple[str, dict[str, Any], list[str], list[tuple[Any, ...]]]] = {
    "formats of times": (
        TIMES,
        {"schema_definition": {"id": "int", "day": "date", "at": "timestamp", "local": "timestamp_ntz"},
         "read_options": {"dateFormat": "dd/MM/yyyy", "timestampFormat": "dd.MM.yyyy HH:mm",
                          "timestampNTZFormat": "yyyy|MM|dd HH"}},
        ["id int32", "day date", "at timestamp[us, UTC]", "local timestamp[us]"],
        [(1, date(2023, 12, 31), MOMENT, MOMENT.replace(minute=0, tzinfo=None)), (2, None, None, None)],
    ),
    "a format of days alone": (
        "d,e\n05/2024,2024-05-02\n",
        {"schema_definition": {"d": "date", "e": "string"}, "read_options": {"dateFormat": "MM/yyyy"}},
        ["d date", "e string"], [(date(2024, 5, 1), "2024-05-02")],
    ),
    "no header, said as a text": (
        "1,x\n2,y\n", {"read_options": {"header": "false"}},
        ["column_0 int64", "column_1 string"], [(1, "x"), (2, "y")],
    ),
    "no header, said as a boolean": (
        "1,x\n", {"read_options": {"header": False}}, ["column_0 int64", "column_1 string"], [(1, "x")],
    ),
    "no header and a declaration": (
        "1,x\n", {"read_options": {"header": "False"}, "schema_definition": "n INT, s STRING"},
        ["n int32", "s string"], [(1, "x")],
    ),
    "a header, said as a text": (
        "n\n1\n", {"read_options": {"header": "true"}}, ["n int64"], [(1,)],
    ),
    "separator, quotes and nulls": (
        "n;s\n1;'a;b'\n2;NA\n", {"read_options": {"sep": ";", "quote": "'", "nullValue": "NA"}},
        ["n int64", "s string"], [(1, "a;b"), (2, None)],
    ),
    "comments": ("# one\nn\n1\n", {"read_options": {"comment": "#"}}, ["n int64"], [(1,)]),
    "a mark of the byte order": ("\ufeffn\n1\n", {}, ["n int64"], [(1,)]),
    "rows too short and too long": (
        "a,b\n1\n1,2,3\n", {}, ["a int64", "b int64"], [(1, None), (1, 2)],
    ),
    "any name of a column": (
        "a.b,c d,e`f\n1,2,3\n", {"schema_definition": {"e`f": "double", "a.b": "int"}},
        ["e`f float64", "a.b int32"], [(3.0, 1)],
    ),
    "times are text where nothing declares them": (
        "d\n2024-05-01\n", {}, ["d string"], [("2024-05-01",)],
    ),
}
# fmt: on


@pytest.mark.parametrize("name", CSV)
def test_csv_in_the_words_of_spark(engine: Engine, tmp_path: Path, name: str) -> None:
    text, options, columns, rows = CSV[name]
    path = tmp_path / "t.csv"
    path.write_text(text)
    assert read(engine, path, "CSV", **options) == (columns, rows)


# fmt: off
JSON: dict[str, tuple[str, dict[str, Any], list[str], list[tuple[Any, ...]]]] = {
    "formats of times": (
        '{"d": "31/12/2023", "at": "01.05.2024 10:30"}\n{"d": "31.12.2023", "at": null}\n',
        {"schema_definition": {"d": "date", "at": "timestamp"},
         "read_options": {"dateFormat": "dd/MM/yyyy", "timestampFormat": "dd.MM.yyyy HH:mm"}},
        ["d date", "at timestamp[us, UTC]"], [(date(2023, 12, 31), MOMENT), (None, None)],
    ),
    "columns and fields in the order of the file": (
        '{"b": 1, "a": {"z": 1, "y": "t"}, "l": [{"q": 1, "p": 2}]}\n{"c": true, "a": {"x": 1.5}}\n', {},
        ["b int64", "a struct<z: int64, y: string, x: float64>", "l list<struct<q: int64, p: int64>>", "c bool"],
        [(1, {"z": 1, "y": "t", "x": None}, [{"q": 1, "p": 2}], None),
         (None, {"z": None, "y": None, "x": 1.5}, None, True)],
    ),
    "primitives as text": (
        '{"n": 1, "x": [2.5]}\n', {"read_options": {"primitivesAsString": True}},
        ["n string", "x list<string>"], [("1", ["2.5"])],
    ),
    "a declared map": (
        '{"m": {"a": 1, "b": 2}}\n', {"schema_definition": {"m": "map<string, float64>"}},
        ["m map<string, float64>"], [([("a", 1.0), ("b", 2.0)],)],
    ),
    "a declared map in the JSON of a schema": (
        '{"m": {"a": 1}}\n',
        {"schema_definition": {"type": "struct", "fields": [
            {"name": "m", "type": {"type": "map", "keyType": "string", "valueType": "long",
                                   "valueContainsNull": True}, "nullable": True, "metadata": {}}]}},
        ["m map<string, int64>"], [([("a", 1)],)],
    ),
    "values that do not fit": (
        '{"n": "x", "d": "2024-13-01"}\n{"n": 3, "d": "2024-12-01"}\n',
        {"schema_definition": {"n": "int", "d": "date", "none": "string"}},
        ["n int32", "d date", "none string"], [(None, None, None), (3, date(2024, 12, 1), None)],
    ),
}
# fmt: on


@pytest.mark.parametrize("name", JSON)
def test_json_in_the_words_of_spark(engine: Engine, tmp_path: Path, name: str) -> None:
    text, options, columns, rows = JSON[name]
    path = tmp_path / "t.jsonl"
    path.write_text(text)
    assert read(engine, path, "JSONL", **options) == (columns, rows)


def test_a_strict_reader_names_the_record_or_its_file_without_codes(
    engine: Engine, tmp_path: Path
) -> None:
    """A server of Connect tells the outer error only, which names the file."""
    (tmp_path / "t.csv").write_text("a,b\n1,2,3\n")
    with pytest.raises(LaktoryDagsterError) as raised:
        read(engine, tmp_path / "t.csv", "CSV", read_options={"mode": "FAILFAST"})
    text = str(raised.value)
    assert "Malformed" in text or f"{tmp_path}/t.csv" in text
    assert "SQLSTATE" not in text
    assert "[MALFORMED" not in text


PLAIN = pl.DataFrame(
    {
        "code": ["007", 'a;"b"', "", None],
        "n": [1, 2, 3, None],
        "price": [Decimal("1.50"), None, Decimal("-2.00"), Decimal("0.00")],
        "ratio": [1.5, None, 0.25, 1e300],
        "day": [date(2024, 2, 29), None, date(1999, 12, 31), date(2024, 1, 1)],
        "at": [datetime(2024, 1, 1, 5, 0, 7), None, None, None],  # noqa: DTZ001
        "zoned": [MOMENT, None, None, None],
        "ok": [True, False, None, None],
    },
    schema_overrides={
        "price": pl.Decimal(9, 2), "zoned": pl.Datetime("us", "UTC"), "at": pl.Datetime("us"),
    },
)  # fmt: skip
NESTED = pl.DataFrame(
    {
        "ratios": [[1.5, None], None],
        "part": [{"a b": 1.5, "ok": True, "at": datetime(2024, 1, 1)}, None],  # noqa: DTZ001
        "days": [[date(2024, 1, 1)], None],
        "parts": [[{"x": MOMENT, "n": 1}], []],
        "small": [[1], []],
    },
    schema_overrides={
        "parts": pl.List(pl.Struct({"x": pl.Datetime("us", "UTC"), "n": pl.Int16})),
        "small": pl.List(pl.Int8),
        "part": pl.Struct({"a b": pl.Float32, "ok": pl.Boolean, "at": pl.Datetime("us")}),
    },
)


def handed_over(frame: pl.DataFrame, sink: dict[str, Any]) -> pl.DataFrame:
    """Return what a node reads of another one that stored the rows as text."""
    nodes = [
        {"name": "first", "source": {"df": frame}, "sink": sink},
        {"name": "second", "source": {"node_name": "first"}},
    ]
    declared = {"name": "p", "dataframe_type": "SPARK", "nodes": nodes}
    with models.Pipeline.model_validate(declared) as pipeline:
        pipeline.execute()
        return collected(pipeline.nodes_dict["second"].output_df)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"sep": ";", "nullValue": "NA"},
        {"delimiter": "|", "quote": "'", "header": False},
        {"dateFormat": "dd/MM/yyyy", "timestampFormat": "dd.MM.yyyy HH:mm:ss",
         "timestampNTZFormat": "yyyy/MM/dd HH-mm-ss"},
        {"encoding": "UTF-8", "lineSep": "\r\n", "compression": "gzip"},
    ],
    ids=str,
)  # fmt: skip
def test_csv_of_a_node_comes_back_as_it_was(
    engine: Engine, tmp_path: Path, options: dict[str, Any]
) -> None:
    sink = {"path": f"{tmp_path}/t/", "format": "CSV", "write_options": options}
    assert_frame_equal(handed_over(PLAIN, sink), PLAIN, check_row_order=False)


@pytest.mark.parametrize(
    ("frame", "options"),
    [
        (PLAIN, {}),
        (NESTED, {}),
        (PLAIN, {"dateFormat": "dd/MM/yyyy", "timestampFormat": "dd.MM.yyyy HH:mm:ss"}),
    ],
    ids=["plain", "nested", "formats"],
)
def test_json_of_a_node_comes_back_as_it_was(
    engine: Engine, tmp_path: Path, frame: pl.DataFrame, options: dict[str, Any]
) -> None:
    sink = {"path": f"{tmp_path}/t/", "format": "JSON", "write_options": options}
    assert_frame_equal(handed_over(frame, sink), frame, check_row_order=False)
