"""JSON as the world writes it: one meaning for lines, arrays and documents; nothing is lost."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from laktory_dagster.engines.base import Engine
from laktory_dagster.errors import LaktoryDagsterError, ReadError
from tests.engines.reading import frame_of, put, rows_at, set_aside
from tests.engines.test_read_files import read

Row = dict[str, Any]
FORMS = pytest.mark.parametrize("form", ["JSONL", "JSON lines", "JSON array", "JSON zipped"])


def write_json(folder: Path, form: str, *rows: Row) -> tuple[Path, str]:
    """Write rows in one form, and return the path with the name of the format."""
    text = (
        json.dumps(list(rows)) if "array" in form else "".join(f"{json.dumps(r)}\n" for r in rows)
    )
    zipped = "zipped" in form
    path = folder / ("x.json.gz" if zipped else "x.json")
    path.write_bytes(gzip.compress(text.encode()) if zipped else text.encode())
    return path, form.split(maxsplit=1)[0]


MOMENT = datetime(2024, 1, 1, 8, tzinfo=UTC)
DECLARED: list[tuple[str, Any, Any]] = [
    ("tinyint", 7, 7),
    ("tinyint", 300, None),
    ("smallint", -32768, -32768),
    ("int", "7", 7),
    ("int", 2**31, None),
    ("int", "x", None),
    ("int", True, None),
    ("int", 1.5, None),
    ("bigint", 2**63 - 1, 2**63 - 1),
    ("double", 1, 1.0),
    ("double", "1.5", 1.5),
    ("double", "x", None),
    ("float", 0.5, 0.5),
    ("decimal(5,2)", 1.25, Decimal("1.25")),
    ("decimal(5,2)", "1.10", Decimal("1.10")),
    ("decimal(5,2)", 12345.6, None),
    ("boolean", True, True),
    ("boolean", "false", False),
    ("boolean", "perhaps", None),
    ("string", "007", "007"),
    ("string", 7, "7"),
    ("string", True, "true"),
    ("date", "2024-02-29", date(2024, 2, 29)),
    ("date", "2023-02-29", None),
    ("date", "2024-02-29T10:00:00Z", date(2024, 2, 29)),
    ("timestamp", "2024-01-01T10:00:00+02:00", MOMENT),
    ("timestamp", "2024-01-01 08:00:00", MOMENT),
    ("timestamp", "2024-01-01T08:00:00Z", MOMENT),
    ("timestamp", "soon", None),
    ("timestamp_ntz", "2024-01-01T08:00:00", MOMENT.replace(tzinfo=None)),
    ("time", "12:30:00", time(12, 30)),
    ("array<int>", [1, 2], [1, 2]),
    ("array<double>", [1, 2.5], [1.0, 2.5]),
    ("array<date>", ["2024-01-01", None], [date(2024, 1, 1), None]),
    ("array<tinyint>", [1, 300], [1, None]),
    ("array<int>", 5, None),
    ("struct<x: int, y: string>", {"x": "1", "z": 2}, {"x": 1, "y": None}),
    ("struct<x: decimal(5,2)>", {"x": 1.5}, {"x": Decimal("1.50")}),
    ("struct<x: time>", {"x": "12:30:00"}, {"x": time(12, 30)}),
    ("struct<x: int>", 5, None),
    ("int", [1], None),
    ("int", {"x": 1}, None),
]


@FORMS
@pytest.mark.parametrize(("kind", "value", "wanted"), DECLARED, ids=lambda value: str(value)[:25])
def test_a_declared_type_means_the_same_in_every_form(
    tmp_path: Path, form: str, kind: str, value: Any, wanted: Any
) -> None:
    """Lines of small integers and of times ended Polars itself; texts of numbers became null."""
    path, name = write_json(tmp_path, form, {"a": value, "k": 1}, {"a": None, "k": 2}, {"k": 3})

    found = frame_of(path, name, schema={"a": kind, "k": "int"})

    assert found.rows() == [(wanted, 1), (None, 2), (None, 3)]


@FORMS
@pytest.mark.parametrize("value", [{"b": "1", "c": [1, None]}, [1, 2], [{"x": 1}], {}])
def test_a_nested_value_declared_as_text_is_json(tmp_path: Path, form: str, value: Any) -> None:
    path, name = write_json(tmp_path, form, {"a": value}, {"a": None}, {"b": 1})

    first, *rest = frame_of(path, name, schema="a STRING")["a"].to_list()

    assert json.loads(first) == value
    assert rest == [None, None]


@pytest.mark.parametrize("form", ["JSON", "JSONL"])
def test_declared_numbers_and_times_on_every_engine(
    engine: Engine, tmp_path: Path, form: str
) -> None:
    row = {"n": "7", "small": 300, "price": 1.25, "at": "2024-01-01T10:00:00+02:00", "day": "x"}
    path, _ = write_json(tmp_path, "JSON lines", row)
    schema = "n INT, small TINYINT, price DECIMAL(5,2), at TIMESTAMP, day DATE"

    found = list(engine.head(read(engine, path, form, schema=schema).frame, 9))

    wanted = {"n": 7, "small": None, "price": Decimal("1.25"), "at": MOMENT, "day": None}
    assert found == [wanted]


class TestLateColumns:
    """Columns and types that only later lines show."""

    EARLY = '{"id": 1}\n' * 1_500

    @pytest.mark.parametrize("form", ["JSON", "JSONL"])
    @pytest.mark.parametrize(
        ("line", "wanted"),
        [
            ('{"id": 2, "z": 5}', {"id": 2, "z": 5}),
            ('{"id": 2.5}', {"id": 2.5}),
            ('{"id": "x"}', {"id": "x"}),
            ('{"id": 2, "z": {"deep": [1]}}', {"id": 2, "z": {"deep": [1]}}),
        ],
    )
    def test_the_last_line_counts(self, tmp_path: Path, form: str, line: str, wanted: Row) -> None:
        put(tmp_path, {"x.json": f"{self.EARLY}{line}\n"})

        found = frame_of(tmp_path, form)

        assert (found.height, found.row(-1, named=True)) == (1_501, wanted)

    def test_in_a_zipped_file(self, tmp_path: Path) -> None:
        put(tmp_path, {"x.jsonl.gz": gzip.compress(f'{self.EARLY}{{"z": 5}}\n'.encode())})

        assert frame_of(tmp_path, "JSONL").row(-1) == (None, 5)

    def test_behind_a_byte_order_mark(self, tmp_path: Path) -> None:
        put(tmp_path, {"x.jsonl": b"\xef\xbb\xbf" + f'{self.EARLY}{{"z": 5}}\n'.encode()})

        assert frame_of(tmp_path, "JSONL").row(-1) == (None, 5)

    def test_at_the_end_of_a_large_file(self, tmp_path: Path) -> None:
        """Of more than 16 MB only the first and the last lines are looked at."""
        put(tmp_path, {"x.jsonl": '{"id": 1}\n' * 1_700_000 + '{"id": 2, "z": 5}\n'})

        found = frame_of(tmp_path, "JSONL", filter="z IS NOT NULL")

        assert found.to_dicts() == [{"id": 2, "z": 5}]

    def test_in_one_file_of_several(self, tmp_path: Path) -> None:
        put(tmp_path, {"1": self.EARLY, "2": f'{self.EARLY}{{"id": 2, "z": 5}}\n', "3": self.EARLY})

        found = frame_of(tmp_path, "JSONL")

        assert (found.height, found["z"].drop_nulls().to_list()) == (4_501, [5])

    def test_a_length_that_is_asked_for_counts(self, tmp_path: Path) -> None:
        put(tmp_path, {"x.jsonl": '{"id": 1}\n{"id": 2, "z": 5}\n'})

        found = rows_at(tmp_path, "JSONL", read_options={"infer_schema_length": 1})

        assert found == [{"id": 1}, {"id": 2}]


DRIFT: list[tuple[str, str, list[Row]]] = [
    (
        '{"a": {"b": 1}}',
        '{"a": {"c": 2}}',
        [{"a": {"b": 1, "c": None}}, {"a": {"b": None, "c": 2}}],
    ),
    ('{"a": []}', '{"a": [1.5]}', [{"a": []}, {"a": [1.5]}]),
    ('{"a": null}', '{"a": "x"}', [{"a": None}, {"a": "x"}]),
    ('{"a": 1}', '{"b": 2}', [{"a": 1, "b": None}, {"a": None, "b": 2}]),
    ('{"a": [{"x": 1}]}', '{"a": [{"x": 2.5}]}', [{"a": [{"x": 1.0}]}, {"a": [{"x": 2.5}]}]),
]


@pytest.mark.parametrize("form", ["JSON", "JSONL"])
@pytest.mark.parametrize("wrapped", [False, True], ids=["lines", "array beside lines"])
@pytest.mark.parametrize(("one", "other", "wanted"), DRIFT)
def test_files_of_other_shapes_are_one_table(
    tmp_path: Path, form: str, wrapped: bool, one: str, other: str, wanted: list[Row]
) -> None:
    if wrapped and form == "JSON":
        other = f"[{other}]"
    put(tmp_path, {"1.json": one, "2.json": other})

    found = rows_at(tmp_path, form)

    assert sorted(found, key=str) == sorted(wanted, key=str)


@pytest.mark.parametrize("form", ["JSON", "JSONL"])
@pytest.mark.parametrize(
    ("one", "other"), [("2", '"x"'), ("[1]", "1"), ('{"b": 1}', "1"), ("true", "1")]
)
def test_values_without_a_common_type_name_both_files(
    tmp_path: Path, form: str, one: str, other: str
) -> None:
    put(tmp_path, {"1.json": f'{{"a": {one}}}\n', "2.json": f'{{"a": {other}}}\n'})

    with pytest.raises(ReadError, match=r"the column `a` is .*1\.json and .*2\.json"):
        frame_of(tmp_path, form)


VALUES: list[tuple[str, Any]] = [
    ('"日本 é 😀"', "日本 é 😀"),
    (r'"\u65e5\ud83d\ude00"', "日😀"),
    (r'"x\ny\"z\\"', 'x\ny"z\\'),
    ("-0.5e2", -50.0),
    ("9223372036854775807", 2**63 - 1),
    ("[[1], []]", [[1], []]),
    ('{"": 1, "a b": 2}', {"": 1, "a b": 2}),
    ('"2024-01-01"', "2024-01-01"),
    ("null", None),
]


@pytest.mark.parametrize("form", ["JSONL", "JSON"])
@pytest.mark.parametrize(("text", "value"), VALUES)
def test_a_value_comes_as_it_is(tmp_path: Path, form: str, text: str, value: Any) -> None:
    put(tmp_path, {"x.json": f'{{"a": {text}, "ü": 1}}\r\n'})

    assert rows_at(tmp_path, form) == [{"a": value, "ü": 1}]


BROKEN = {
    "a line that is none": '{"a": 1}\n{bad}\n{"a": 2}\n',
    "a number": '{"a": 1}\n5\n{"a": 2}\n',
    "two in a line": '{"a": 1}{"a": 2}\n',
    "lists": "[1, 2]\n[3]\n",
    "not a number": '{"a": NaN}\n',
}


@pytest.mark.parametrize("name", list(BROKEN))
def test_lines_that_are_no_documents_fail_or_are_set_aside(tmp_path: Path, name: str) -> None:
    put(tmp_path, {"bad.jsonl": BROKEN[name], "good.jsonl": '{"a": 3}\n'})

    with pytest.raises((LaktoryDagsterError, pl.exceptions.ComputeError)):
        frame_of(tmp_path, "JSONL")

    assert set_aside(tmp_path, "JSONL") == ([{"a": 3}], ["bad.jsonl"])


def test_types_of_lines_can_be_overruled(tmp_path: Path) -> None:
    put(tmp_path, {"x.jsonl": '{"a": 1, "b": 2}\n'})

    found = rows_at(tmp_path, "JSONL", read_options={"schema_overrides": {"a": "string"}})

    assert found == [{"a": "1", "b": 2}]


def test_folders_are_columns_of_declared_json_too(tmp_path: Path) -> None:
    put(tmp_path, {"k=1/x.json": '{"id": "7"}\n', "k=2/x.json": '[{"id": 8}]'})

    found = rows_at(tmp_path, "JSON", schema="id INT, k STRING")

    assert found == [{"id": 7, "k": "1"}, {"id": 8, "k": "2"}]
