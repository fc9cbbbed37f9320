"""CSV as the world writes it: other encodings and line ends, files without values, options."""

from __future__ import annotations

import gzip
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from laktory_dagster.errors import LaktoryDagsterError, ReadError, SettingsError
from tests.engines.reading import frame_of, put, rows_at, set_aside


class TestColumnsWithoutValues:
    """A file that has no value of a column says nothing of its type."""

    @pytest.mark.parametrize("names", [("1", "2"), ("2", "1")])
    def test_a_file_of_a_header_alone_fits_any_other(
        self, tmp_path: Path, names: tuple[str, str]
    ) -> None:
        header, row = "id,price,ok,name\n", "1,2.5,true,x\n"
        put(tmp_path, {f"{names[0]}.csv": header, f"{names[1]}.csv": header + row})

        frame = frame_of(tmp_path, "CSV")

        assert frame.rows() == [(1, 2.5, True, "x")]
        assert frame.dtypes == [pl.Int64, pl.Float64, pl.Boolean, pl.String]

    def test_a_column_of_nulls_fits_numbers(self, tmp_path: Path) -> None:
        put(tmp_path, {"1.csv": "id,n\n1,\n2,\n", "2.csv": "id,n\n3,7\n"})

        assert frame_of(tmp_path, "CSV").rows() == [(1, None), (2, None), (3, 7)]

    def test_dates_that_are_found_fit_a_file_without_any(self, tmp_path: Path) -> None:
        put(tmp_path, {"1.csv": "id,day\n1,\n", "2.csv": "id,day\n2,2024-02-29\n"})

        found = frame_of(tmp_path, "CSV", read_options={"try_parse_dates": True})

        assert found.rows() == [(1, None), (2, date(2024, 2, 29))]

    def test_headers_alone_are_text(self, tmp_path: Path) -> None:
        put(tmp_path, {"1.csv": "id\n", "2.csv": "id\n"})

        frame = frame_of(tmp_path, "CSV")

        assert (frame.height, frame.schema) == (0, {"id": pl.String()})

    @pytest.mark.parametrize("value", ["x", '""'], ids=["a text", "the empty text"])
    def test_one_text_among_nulls_is_a_difference(self, tmp_path: Path, value: str) -> None:
        put(tmp_path, {"1.csv": f"id,n\n1,\n2,{value}\n", "2.csv": "id,n\n3,7\n"})

        with pytest.raises(ReadError, match=r"`n` is string in .*1.csv and int64 in .*2.csv"):
            frame_of(tmp_path, "CSV")

    def test_a_text_behind_the_rows_that_types_are_found_in_is_a_difference(
        self, tmp_path: Path
    ) -> None:
        late = "id,n\n" + "1,\n" * 1_200 + "2,x\n"
        put(tmp_path, {"1.csv": late, "2.csv": "id,n\n3,7\n"})

        with pytest.raises(ReadError, match="`n` is string"):
            frame_of(tmp_path, "CSV")

    def test_in_folders_and_with_other_columns(self, tmp_path: Path) -> None:
        put(tmp_path, {"k=1/a.csv": "id,n\n1,\n", "k=2/a.csv": "id,m\n2,8\n"})

        found = rows_at(tmp_path, "CSV", schema_evolution="add")

        assert found == [
            {"id": 1, "n": None, "m": None, "k": 1},
            {"id": 2, "n": None, "m": 8, "k": 2},
        ]

    def test_a_sheet_of_a_header_alone(self, tmp_path: Path) -> None:
        rows = pl.DataFrame({"id": [1], "price": [2.5], "day": [date(2024, 1, 1)]})
        rows.clear().write_excel(tmp_path / "1.xlsx")
        rows.write_excel(tmp_path / "2.xlsx")

        assert frame_of(tmp_path, "EXCEL").rows() == rows.rows()


class TestEncodings:
    """`encoding` (Spark's `charset` too) says how a text is written."""

    TEXT = "name,city\ncafé,Zürich\n"
    ROWS = ({"name": "café", "city": "Zürich"},)

    @pytest.mark.parametrize("option", ["encoding", "charset"])
    @pytest.mark.parametrize("name", ["ISO-8859-1", "cp1252", "UTF-16", "utf-8", "UTF-8-SIG"])
    def test_csv(self, tmp_path: Path, name: str, option: str) -> None:
        (tmp_path / "x.csv").write_text(self.TEXT, encoding=name)

        assert rows_at(tmp_path, "CSV", read_options={option: name}) == list(self.ROWS)

    def test_zipped_and_declared(self, tmp_path: Path) -> None:
        (tmp_path / "x.csv.gz").write_bytes(gzip.compress(self.TEXT.encode("latin-1")))
        options = {"read_options": {"encoding": "latin1"}, "schema": "city STRING"}

        assert rows_at(tmp_path, "CSV", **options) == [{"city": "Zürich"}]

    @pytest.mark.parametrize(
        ("form", "text"),
        [("JSON", '[{"a": "ä"}]'), ("JSON", '{"a": "ä"}\n'), ("JSONL", '{"a": "ä"}\n')],
    )
    def test_json(self, tmp_path: Path, form: str, text: str) -> None:
        (tmp_path / "x.json").write_text(text, encoding="latin-1")

        assert rows_at(tmp_path, form, read_options={"encoding": "latin-1"}) == [{"a": "ä"}]

    def test_bytes_of_another_encoding_are_damage_by_name(self, tmp_path: Path) -> None:
        put(tmp_path, {"1.csv": "a\nx\n", "2.csv": self.TEXT})
        options = {"read_options": {"encoding": "ascii"}}

        with pytest.raises(ReadError, match=r"2.csv: the file is not in ascii"):
            frame_of(tmp_path, "CSV", **options)

        assert set_aside(tmp_path, "CSV", **options) == ([{"a": "x"}], ["2.csv"])

    def test_an_encoding_that_there_is_not(self, tmp_path: Path) -> None:
        put(tmp_path, {"x.csv": self.TEXT})

        with pytest.raises(ReadError, match="there is no encoding `latin-99`"):
            frame_of(tmp_path, "CSV", read_options={"encoding": "latin-99"})

    def test_bytes_that_are_no_text_can_be_replaced(self, tmp_path: Path) -> None:
        (tmp_path / "x.csv").write_bytes("a\nl\xe9\n".encode("latin-1"))

        assert rows_at(tmp_path, "CSV", read_options={"encoding": "utf8-lossy"}) == [{"a": "l�"}]


class TestLineEnds:
    """No line end makes rows go away."""

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
    @pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
    def test_each_line_end_is_found(self, tmp_path: Path, end: str, zipped: bool) -> None:
        content = end.join(["a,b", "1,x", "2,y", ""]).encode()
        name = "x.csv.gz" if zipped else "x.csv"
        put(tmp_path, {name: gzip.compress(content) if zipped else content})

        assert frame_of(tmp_path, "CSV").rows() == [(1, "x"), (2, "y")]

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
    @pytest.mark.parametrize("option", ["eol_char", "lineSep"])
    def test_each_line_end_can_be_said(self, tmp_path: Path, end: str, option: str) -> None:
        """Of two signs Polars took the first alone, and read no row."""
        put(tmp_path, {"x.csv": end.join(["a,b", "1,x", "2,y", ""])})

        found = frame_of(tmp_path, "CSV", read_options={option: end})

        assert found.rows() == [(1, "x"), (2, "y")]

    def test_files_of_different_line_ends_in_one_folder(self, tmp_path: Path) -> None:
        put(tmp_path, {"1": "a,b\r1,2\r", "2": "a,b\r\n3,4\r\n", "3": "a,b\n5,6\n"})

        assert frame_of(tmp_path, "CSV").rows() == [(1, 2), (3, 4), (5, 6)]

    @pytest.mark.parametrize("size", [4_094, 4_095, 4_096, 4_097])
    def test_a_line_end_of_two_signs_is_one_wherever_it_lies(
        self, tmp_path: Path, size: int
    ) -> None:
        """The first 4,096 bytes are looked at, and may end between the two."""
        put(tmp_path, {"x.csv": f"{'a' * size}\r\n1\r\n2\r\n"})

        assert frame_of(tmp_path, "CSV").rows() == [(1,), (2,)]

    def test_a_carriage_return_in_quotes_stays(self, tmp_path: Path) -> None:
        put(tmp_path, {"x.csv": 'a,b\n1,"x\ry"\n'})

        assert frame_of(tmp_path, "CSV").rows() == [(1, "x\ry")]


DECLARED: dict[str, tuple[str, list[str]]] = {
    "tinyint": ("TINYINT", ["1", "127", "128", "-128", "1.5", "x", ""]),
    "int": ("INTEGER", ["1", "2147483648", "-7", " 5 ", "x"]),
    "bigint": ("BIGINT", ["9223372036854775807", "9223372036854775808", "x"]),
    "double": ("DOUBLE", ["1", "1.5", "1e3", "-0.25", "x"]),
    "date": ("DATE", ["2024-02-29", "2023-02-29", "x", "1999-12-31"]),
    "boolean": ("BOOLEAN", ["true", "false", "TRUE", "x"]),
    "text": ("VARCHAR", ["007", "a b", "1.50"]),
}


@pytest.mark.parametrize("name", list(DECLARED))
def test_declared_types_hold_what_duckdb_can_cast(tmp_path: Path, name: str) -> None:
    """Its `TRY_CAST` is null for what does not fit, too, but rounds `1.5` to an integer."""
    kind, values = DECLARED[name]
    put(tmp_path, {"x.csv": "a,b\n" + "".join(f"{value},z\n" for value in values)})
    wanted = [
        None
        if not value or (value == "1.5" and "INT" in kind)
        else duckdb.execute(f"SELECT TRY_CAST(TRIM(?) AS {kind})", [value]).fetchall()[0][0]
        for value in values
    ]

    found = frame_of(tmp_path, "CSV", schema={"a": name if name != "text" else "string"})

    assert found["a"].to_list() == wanted


def test_a_declared_decimal_is_rounded_half_up(tmp_path: Path) -> None:
    """As Spark's cast does; Polars alone cuts the digits off."""
    put(tmp_path, {"x.csv": "a\n1.005\n-1.005\n1e3\n99999999999\nx\n"})

    found = frame_of(tmp_path, "CSV", schema="a DECIMAL(10,2)")["a"].to_list()

    assert [None if v is None else str(v) for v in found] == [
        "1.01",
        "-1.01",
        "1000.00",
        None,
        None,
    ]


@pytest.mark.parametrize("kind", ["array<int>", "struct<x: int>"])
def test_a_text_is_no_nested_value(tmp_path: Path, kind: str) -> None:
    put(tmp_path, {"x.csv": 'a,b\n1,"[1, 2]"\n'})

    with pytest.raises(
        LaktoryDagsterError, match="the column `b`: string cannot be cast"
    ) as caught:
        frame_of(tmp_path, "CSV", schema={"a": "int", "b": kind})

    assert str(tmp_path) in str(caught.value)
    assert "F.from_json" in str(caught.value)


@pytest.mark.parametrize(
    ("schema", "rows"),
    [
        ("a INT, b STRING", [(1, "x"), (2, "y")]),
        ("a INT", [(1,), (2,)]),
        ("a INT, b STRING, c DATE", [(1, "x", None), (2, "y", None)]),
    ],
)
def test_declared_columns_name_those_of_a_file_without_a_header(
    tmp_path: Path, schema: str, rows: list[tuple[Any, ...]]
) -> None:
    put(tmp_path, {"x.csv": "1,x\n2,y\n"})

    assert frame_of(tmp_path, "CSV", header=False, schema=schema).rows() == rows


def test_declared_columns_are_found_by_name_in_each_file(tmp_path: Path) -> None:
    put(tmp_path, {"1.csv": "a,b\n1,x\n", "2.csv": "b,a\ny,2\n", "3.csv": "c,b\nq,z\n"})

    found = frame_of(tmp_path, "CSV", schema="a INT, b STRING")

    assert found.rows() == [(1, "x"), (2, "y"), (None, "z")]


OPTIONS: list[tuple[str, dict[str, Any], list[dict[str, Any]]]] = [
    ("a,b\n007,1\n", {"schema_overrides": {"a": "String"}}, [{"a": "007", "b": 1}]),
    ("a,b\n007,1\n", {"dtypes": {"a": "pl.Utf8"}}, [{"a": "007", "b": 1}]),
    ("a\n1\n", {"row_count_name": "no"}, [{"no": 0, "a": 1}]),
    ("a\n2024-01-01\n", {"parse_dates": True}, [{"a": date(2024, 1, 1)}]),
    ("#x\na\n1\n", {"comment_char": "#"}, [{"a": 1}]),
    ("title\na\n1\n", {"skip_rows": 1}, [{"a": 1}]),
    ("a\n1\n2\n3\n", {"n_rows": 2}, [{"a": 1}, {"a": 2}]),
    ("a\nNA\n-\n1\n", {"null_values": ["NA", "-"]}, [{"a": None}, {"a": None}, {"a": 1}]),
    ("a,b\n1,2,3\n", {"truncate_ragged_lines": True}, [{"a": 1, "b": 2}]),
    ("a;b\n1,5;2\n", {"separator": ";", "decimal_comma": True}, [{"a": 1.5, "b": 2}]),
    ("x,y\n1,2\n", {"new_columns": ["a", "b"]}, [{"a": 1, "b": 2}]),
    ("a\n'1,2'\n", {"quote_char": "'"}, [{"a": "1,2"}]),
    ('a,b\n1,"x\n', {"quote_char": None}, [{"a": 1, "b": '"x'}]),
]


@pytest.mark.parametrize(("text", "options", "rows"), OPTIONS, ids=lambda value: str(value)[:30])
def test_options_of_polars_own_reader(
    tmp_path: Path, text: str, options: dict[str, Any], rows: list[dict[str, Any]]
) -> None:
    """Those of older versions too; types are texts, since YAML has no others."""
    put(tmp_path, {"x.csv": text})

    assert rows_at(tmp_path, "CSV", read_options=options) == rows


@pytest.mark.parametrize(
    "options",
    [{"separator": "ab"}, {"null_values": 5}, {"skip_rows": "x"}, {"n_rows": -1}, {"mode": "x"}],
    ids=str,
)
def test_an_option_that_does_not_fit_is_one_error(tmp_path: Path, options: dict[str, Any]) -> None:
    put(tmp_path, {"x.csv": "a\n1\n"})

    with pytest.raises(ReadError, match="Polars' reader of CSV") as caught:
        frame_of(tmp_path, "CSV", read_options=options)

    assert "`read_options` are those" in str(caught.value)


def test_an_unknown_type_among_the_options_has_a_suggestion(tmp_path: Path) -> None:
    put(tmp_path, {"x.csv": "a\n1\n"})

    with pytest.raises(SettingsError, match="did you mean `string`"):
        frame_of(tmp_path, "CSV", read_options={"schema_overrides": {"a": "strng"}})


def test_a_row_that_is_too_short_ends_in_nulls(tmp_path: Path) -> None:
    put(tmp_path, {"x.csv": "a,b,c\n1,2,3\n4\n"})

    assert frame_of(tmp_path, "CSV").rows() == [(1, 2, 3), (4, None, None)]


def test_names_of_columns_are_kept_as_they_are(tmp_path: Path) -> None:
    put(tmp_path, {"x.csv": "a, b ,Ä,a b,A\n1,2,3,4,5\n"})

    assert frame_of(tmp_path, "CSV").columns == ["a", " b ", "Ä", "a b", "A"]


def test_a_file_of_very_many_columns(tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(3_000)]
    put(tmp_path, {"x.csv": ",".join(names) + "\n" + ",".join(map(str, range(3_000))) + "\n"})

    found = rows_at(tmp_path, "CSV", selects=["c2999", "c0"], filter="c1500 = 1500")

    assert found == [{"c2999": 2_999, "c0": 0}]
