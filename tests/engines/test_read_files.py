"""Reading files: every format as a file, a folder, a glob and in partitions; drift; damage."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from laktory_dagster import models
from laktory_dagster.engines.base import Engine, Place, ReadRequest, ReadResult
from laktory_dagster.engines.registry import open_engine
from laktory_dagster.errors import LaktoryDagsterError, ReadError
from laktory_dagster.models import FileSource

ROWS = [{"id": 1, "name": "a", "price": 1.5}, {"id": 2, "name": "b", "price": None}]
MORE = [{"id": 3, "name": "c", "price": 3.0}]
Row = dict[str, Any]


def lines(rows: list[Row], path: Path) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


WRITERS: dict[str, tuple[str, Callable[[list[Row], Path], Any]]] = {
    "CSV": ("csv", lambda rows, path: pl.DataFrame(rows).write_csv(path)),
    "JSON": ("json", lambda rows, path: path.write_text(json.dumps(rows))),
    "JSONL": ("jsonl", lines),
    "NDJSON": ("ndjson", lines),
    "PARQUET": ("parquet", lambda rows, path: pl.DataFrame(rows).write_parquet(path)),
    "IPC": ("arrow", lambda rows, path: pl.DataFrame(rows).write_ipc(path)),
    "AVRO": ("avro", lambda rows, path: pl.DataFrame(rows).write_avro(path)),
    "EXCEL": ("xlsx", lambda rows, path: pl.DataFrame(rows).write_excel(path)),
}
FORMATS = pytest.mark.parametrize("form", list(WRITERS))


def write(form: str, rows: list[Row], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    WRITERS[form][1](rows, path)


def read(engine: Engine, path: Path | str, form: str, **options: Any) -> ReadResult:
    source = FileSource.model_validate({"path": str(path), "format": form, **options})
    place = Place(str(path))
    return engine.read(ReadRequest(source, "spark", place=place, format=form))


def rows_of(engine: Engine, result: ReadResult) -> list[Row]:
    rows = [dict(row) for row in engine.head(result.frame, 1_000)]
    return sorted(rows, key=lambda row: (row.get("id") is None, row.get("id")))


@FORMATS
def test_one_file(engine: Engine, tmp_path: Path, form: str) -> None:
    path = tmp_path / f"rows.{WRITERS[form][0]}"
    write(form, ROWS, path)

    result = read(engine, path, form)

    assert result.columns == ("id", "name", "price")
    assert rows_of(engine, result) == ROWS


@FORMATS
def test_a_folder_of_files_and_folders(engine: Engine, tmp_path: Path, form: str) -> None:
    extension = WRITERS[form][0]
    write(form, ROWS, tmp_path / "in" / f"one.{extension}")
    write(form, MORE, tmp_path / "in" / "deep" / f"two.{extension}")
    (tmp_path / "in" / "_SUCCESS").write_text("")
    (tmp_path / "in" / ".hidden").write_text("x")

    assert rows_of(engine, read(engine, tmp_path / "in", form)) == ROWS + MORE


@pytest.mark.parametrize("option", ["versionAsOf", "version"])
def test_a_version_of_a_delta_table(engine: Engine, tmp_path: Path, option: str) -> None:
    for number in (1, 2, 3):
        pl.DataFrame({"id": [number]}).write_delta(tmp_path / "t", mode="append")

    found = {
        version: [
            row["id"] for row in rows_of(engine, read(engine, tmp_path / "t", "DELTA", **more))
        ]
        for version, more in (
            ("now", {}),
            ("first", {"read_options": {option: 0}}),
            ("second", {"read_options": {option: "1"}}),
        )
    }

    assert found == {"now": [1, 2, 3], "first": [1], "second": [1, 2]}


@FORMATS
def test_a_glob(engine: Engine, tmp_path: Path, form: str) -> None:
    extension = WRITERS[form][0]
    write(form, ROWS, tmp_path / f"in_1.{extension}")
    write(form, MORE, tmp_path / f"in_2.{extension}")
    write(form, MORE, tmp_path / f"other.{extension}")

    assert rows_of(engine, read(engine, tmp_path / f"in_*.{extension}", form)) == ROWS + MORE


@FORMATS
def test_partition_folders_become_columns_of_their_type(
    engine: Engine, tmp_path: Path, form: str
) -> None:
    extension = WRITERS[form][0]
    write(form, ROWS, tmp_path / "day=2024-01-01" / "n=1" / f"a.{extension}")
    write(form, MORE, tmp_path / "day=2024-01-02" / "n=2" / f"a.{extension}")

    found = rows_of(engine, read(engine, tmp_path, form))

    first = {"day": date(2024, 1, 1), "n": 1}
    assert found == [
        *({**row, **first} for row in ROWS),
        *({**row, "day": date(2024, 1, 2), "n": 2} for row in MORE),
    ]


@pytest.mark.parametrize(
    ("text", "multiline"),
    [
        ('[{"id": 1},\n {"id": 2}]', False),
        ('{"id": 1}\n{"id": 2}\n', False),
        ('\n\n{"id": 1}\n\n{"id": 2}', False),
        ('[\n{"id": 1},\n{"id": 2}\n]\n', True),
    ],
)
def test_json_is_read_by_its_content(
    engine: Engine, tmp_path: Path, text: str, multiline: bool
) -> None:
    (tmp_path / "x.json").write_text(text)

    result = read(engine, tmp_path / "x.json", "JSON", multiline=multiline)

    assert rows_of(engine, result) == [{"id": 1}, {"id": 2}]


def test_a_json_document_over_several_lines_is_one_row(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{\n  "id": 1,\n  "deep": {"a": [1, 2]}\n}\n')

    result = read(engine, tmp_path / "x.json", "JSON")

    assert rows_of(engine, result) == [{"id": 1, "deep": {"a": [1, 2]}}]


def test_json_files_of_both_kinds_in_one_folder(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"id": 1, "x": 1.5}]')
    (tmp_path / "b.json").write_text('{"id": 2, "x": 2}\n{"id": 3}\n')

    found = rows_of(engine, read(engine, tmp_path, "JSON"))

    assert found == [{"id": 1, "x": 1.5}, {"id": 2, "x": 2.0}, {"id": 3, "x": None}]


@pytest.mark.parametrize("form", ["CSV", "JSONL"])
def test_gzip(engine: Engine, tmp_path: Path, form: str) -> None:
    plain = tmp_path / "plain"
    write(form, ROWS, plain)
    path = tmp_path / f"rows.{WRITERS[form][0]}.gz"
    path.write_bytes(gzip.compress(plain.read_bytes()))

    assert rows_of(engine, read(engine, path, form)) == ROWS


def test_csv_options(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("1;x\n2;y\n")

    result = read(engine, path, "CSV", header=False, read_options={"separator": ";"})

    assert [tuple(row.values()) for row in engine.head(result.frame, 9)] == [(1, "x"), (2, "y")]


@pytest.mark.parametrize("options", [{"header": False}, {"reader_kwargs": {"has_header": False}}])
def test_columns_without_a_header_count_from_one(tmp_path: Path, options: Row) -> None:
    (tmp_path / "x.csv").write_text("1,x\n2,y\n")

    with closing(open_engine("polars")) as engine:
        result = read(engine, tmp_path / "x.csv", "CSV", **options)

        assert result.columns == ("column_1", "column_2")


def test_tuning_of_older_versions_of_polars_is_left_out(tmp_path: Path) -> None:
    tuning = {"rechunk": True, "cache": False, "retries": 3}
    with closing(open_engine("polars")) as engine:
        for form in ("CSV", "JSONL", "PARQUET", "IPC"):
            path = tmp_path / f"rows.{WRITERS[form][0]}"
            write(form, ROWS, path)
            assert rows_of(engine, read(engine, path, form, reader_kwargs=tuning)) == ROWS


def test_options_of_the_auto_loader_are_left_out(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / f"rows.{WRITERS['JSONL'][0]}"
    write("JSONL", ROWS, path)
    options = {"cloudFiles.inferColumnTypes": True}
    assert rows_of(engine, read(engine, path, "JSONL", reader_kwargs=options)) == ROWS


def test_declared_columns_are_exact_and_tolerant(engine: Engine, tmp_path: Path) -> None:
    text = "id,at,ok,extra\n1,2024-01-01T10:00:00Z,true,x\nx,bad,no,y\n"
    (tmp_path / "x.csv").write_text(text)
    schema = {"id": "int", "at": "timestamp", "ok": "boolean", "gone": "string"}

    result = read(engine, tmp_path / "x.csv", "CSV", schema=schema)

    at = datetime(2024, 1, 1, 10, tzinfo=UTC)
    assert list(engine.head(result.frame, 9)) == [
        {"id": 1, "at": at, "ok": True, "gone": None},
        {"id": None, "at": None, "ok": False, "gone": None},
    ]
    assert [column.type for column in engine.columns(result.frame)] == [
        "int32", "timestamp[us, UTC]", "bool", "string",
    ]  # fmt: skip


TAGS = {"name": "List", "inner": "Float64"}
HOME_FIELDS = [{"name": "no", "dtype": "Int16"}, {"name": "tags", "dtype": TAGS}]
HOME = {"name": "struct", "fields": HOME_FIELDS}
COLUMNS = {
    "id": "Int64",
    "at": "Datetime",
    "ok": "bool",
    "tags": {"dtype": TAGS, "nullable": False},
    "at_home": {"dtype": HOME},
}
LISTED = [{"name": n, **(k if isinstance(k, dict) else {"dtype": k})} for n, k in COLUMNS.items()]


@pytest.mark.parametrize(
    "schema",
    [
        {"columns": COLUMNS},
        {"columns": LISTED},
        models.DataFrameSchema(columns=COLUMNS),
        LISTED,
    ],
)
def test_columns_as_the_newer_schema_declares_them(
    engine: Engine, tmp_path: Path, schema: Any
) -> None:
    row = {"id": 1, "at": "2024-01-01T10:00:00", "ok": True, "tags": [1, 2.5], "more": 3}
    lines([{**row, "at_home": {"no": 7, "tags": [1]}}], tmp_path / "x.jsonl")

    result = read(engine, tmp_path / "x.jsonl", "JSONL", schema=schema)

    at = datetime(2024, 1, 1, 10, tzinfo=UTC)
    home = {"no": 7, "tags": [1.0]}
    expected = {"id": 1, "at": at, "ok": True, "tags": [1.0, 2.5], "at_home": home}
    assert list(engine.head(result.frame, 9)) == [expected]
    assert [column.type for column in engine.columns(result.frame)] == [
        "int64", "timestamp[us, UTC]", "bool", "list<float64>",
        "struct<no: int16, tags: list<float64>>",
    ]  # fmt: skip


def test_a_declared_column_needs_a_name() -> None:
    with pytest.raises(ValidationError, match="a column of a schema needs a `name` and a `dtype`"):
        FileSource.model_validate({"path": "x", "schema": {"columns": [{"dtype": "int"}]}})


@pytest.mark.parametrize("form", ["JSON", "JSONL"])
def test_declared_columns_of_json(engine: Engine, tmp_path: Path, form: str) -> None:
    (tmp_path / "x.json").write_text('{"id": 1, "b": 2}\n{"id": "x"}\n')

    result = read(engine, tmp_path / "x.json", form, schema="id INT, c STRING")

    assert list(engine.head(result.frame, 9)) == [{"id": 1, "c": None}, {"id": None, "c": None}]


class TestDrift:
    """Files of one source whose schemas differ."""

    @pytest.mark.parametrize("form", ["CSV", "PARQUET"])
    def test_freeze_refuses_other_columns(self, engine: Engine, tmp_path: Path, form: str) -> None:
        write(form, [{"id": 1, "a": 1}], tmp_path / "1")
        write(form, [{"id": 2, "b": 2}], tmp_path / "2")

        with pytest.raises(ReadError, match=r"2 lacks `a` and adds `b`"):
            read(engine, tmp_path, form)

    @pytest.mark.parametrize("form", ["CSV", "JSONL", "PARQUET"])
    def test_add_fills_missing_columns(self, engine: Engine, tmp_path: Path, form: str) -> None:
        write(form, [{"id": 1, "a": 1}], tmp_path / "1")
        write(form, [{"id": 2, "b": "x"}], tmp_path / "2")

        result = read(engine, tmp_path, form, schema_evolution="add")

        assert rows_of(engine, result) == [
            {"id": 1, "a": 1, "b": None},
            {"id": 2, "a": None, "b": "x"},
        ]

    @pytest.mark.parametrize("order", [("1", "2"), ("2", "1")])
    @pytest.mark.parametrize("form", ["CSV", "PARQUET", "JSONL"])
    def test_widening_does_not_depend_on_the_order_of_files(
        self, engine: Engine, tmp_path: Path, form: str, order: tuple[str, str]
    ) -> None:
        write(form, [{"id": 1, "x": 1}], tmp_path / order[0])
        write(form, [{"id": 2, "x": 2.5}], tmp_path / order[1])

        result = read(engine, tmp_path, form, schema_evolution="widen")

        assert rows_of(engine, result) == [{"id": 1, "x": 1.0}, {"id": 2, "x": 2.5}]

    @pytest.mark.parametrize("form", ["CSV", "PARQUET"])
    def test_other_types_are_refused_with_both_files(
        self, engine: Engine, tmp_path: Path, form: str
    ) -> None:
        write(form, [{"x": 1}], tmp_path / "1")
        write(form, [{"x": "a"}], tmp_path / "2")

        with pytest.raises(ReadError, match=r"`x` is int64 in .*1 and string in .*2"):
            read(engine, tmp_path, form, schema_evolution="widen")


DAMAGE: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "empty": ("CSV", lambda path: path.write_bytes(b"")),
    "empty parquet": ("PARQUET", lambda path: path.write_bytes(b"")),
    "truncated parquet": (
        "PARQUET",
        lambda path: (write("PARQUET", ROWS, path), path.write_bytes(path.read_bytes()[:-20])),
    ),
    "text called parquet": ("PARQUET", lambda path: path.write_text("id,name\n1,a\n")),
    "half a line": ("JSONL", lambda path: path.write_text('{"id": 1}\n{"id": 2, "na')),
    "broken array": ("JSON", lambda path: path.write_text('[{"id": 1}, {"id"')),
    "page of HTML": ("CSV", lambda path: path.write_text(" \n<!DOCTYPE html>\n<html></html>")),
    "bare page of HTML": ("CSV", lambda path: path.write_text("<HTML><body>a,b</body></HTML>")),
    "HTML for JSON": ("JSONL", lambda path: path.write_text("<html>{}")),
    "zipped HTML": (
        "CSV",
        lambda path: path.with_suffix(".csv.gz").write_bytes(gzip.compress(b"<html>a,b")),
    ),
    "UTF-16": ("CSV", lambda path: path.write_text("a,b\n1,2\n", encoding="utf-16")),
    "UTF-32": ("CSV", lambda path: path.write_text("a,b\n1,2\n", encoding="utf-32")),
    "UTF-32 JSON": ("JSON", lambda path: path.write_text('[{"a": 1}]', encoding="utf-32")),
    "bad gzip": ("CSV", lambda path: path.with_suffix(".csv.gz").write_bytes(b"no gzip")),
}


@pytest.mark.parametrize("name", list(DAMAGE))
def test_a_damaged_file_fails_by_its_name(engine: Engine, tmp_path: Path, name: str) -> None:
    form, damage = DAMAGE[name]
    damage(tmp_path / f"bad.{WRITERS[form][0]}")

    with pytest.raises(ReadError, match="bad") as caught:
        read(engine, tmp_path, form)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("name", list(DAMAGE))
def test_a_damaged_file_can_be_set_aside_and_is_named(
    engine: Engine, tmp_path: Path, name: str
) -> None:
    form, damage = DAMAGE[name]
    write(form, ROWS, tmp_path / f"good.{WRITERS[form][0]}")
    damage(tmp_path / f"bad.{WRITERS[form][0]}")

    result = read(engine, tmp_path, form, bad_files="quarantine")

    assert rows_of(engine, result) == ROWS
    (aside,) = result.bad_files
    assert Path(aside).name.startswith("bad")


@pytest.mark.parametrize(
    ("text", "encoding", "said"),
    [
        ("<!doctype HTML><p>404", "utf-8", "the file is a page of HTML"),
        ("<?xml version='1.0'?><Error/>", "utf-8", "the file is XML"),
        ("a,b\n1,2\n", "utf-16", "the file is UTF-16"),
        ("a,b\n1,2\n", "utf-32", "the file is UTF-32"),
    ],
)
def test_a_foreign_file_is_named_for_what_it_is(
    engine: Engine, tmp_path: Path, text: str, encoding: str, said: str
) -> None:
    (tmp_path / "x.csv").write_text(text, encoding=encoding)

    with pytest.raises(ReadError, match=f"x.csv: {said}") as caught:
        read(engine, tmp_path / "x.csv", "CSV")

    assert "a CSV file" in str(caught.value.expected)
    assert "`bad_files: quarantine`" in str(caught.value.hint)


@pytest.mark.parametrize("form", ["AVRO", "IPC", "EXCEL", "PARQUET"])
def test_a_damaged_binary_file_has_the_hint_of_all_formats(tmp_path: Path, form: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"nothing of any format")
    polars = open_engine("polars")

    with pytest.raises(ReadError, match=f"{path}: ") as caught:
        read(polars, path, form)

    assert caught.value.expected == f"{'a' if form == 'PARQUET' else 'an'} {form} file"
    assert "`bad_files: quarantine`" in str(caught.value.hint)


@pytest.mark.parametrize("path", ["gone", "gone/*.csv"])
def test_nothing_there_is_an_error_with_the_whole_path(
    engine: Engine, tmp_path: Path, path: str
) -> None:
    with pytest.raises(ReadError, match=str(tmp_path)):
        read(engine, tmp_path / path, "CSV")


def test_an_empty_folder_is_an_error(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="no data files"):
        read(engine, tmp_path, "CSV")


@pytest.mark.parametrize("form", ["TEXT", "BINARYFILE"])
def test_formats_of_one_engine(engine: Engine, tmp_path: Path, form: str) -> None:
    (tmp_path / "x").write_text("a\nb\n")
    found = list(engine.head(read(engine, tmp_path / "x", form).frame, 9))
    if form == "TEXT":
        assert found == [{"value": "a"}, {"value": "b"}]
    else:
        assert [(row["content"], row["length"]) for row in found] == [(b"a\nb\n", 4)]


@pytest.mark.lacks("polars", "does not read XML")
def test_xml_rows_have_a_tag(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "x.xml").write_text("<all><row><a>1</a></row><row><a>2</a></row></all>")
    options = {"read_options": {"rowTag": "row"}}
    found = read(engine, tmp_path / "x.xml", "XML", **options)
    assert list(engine.head(found.frame, 9)) == [{"a": 1}, {"a": 2}]
    with pytest.raises(LaktoryDagsterError, match="needs the name of the element"):
        read(engine, tmp_path / "x.xml", "XML")


def test_the_version_changes_with_the_files(engine: Engine, tmp_path: Path) -> None:
    write("CSV", ROWS, tmp_path / "1.csv")
    first, again = (read(engine, tmp_path, "CSV").inputs for _ in range(2))
    write("CSV", MORE, tmp_path / "2.csv")

    assert first == again
    assert read(engine, tmp_path, "CSV").inputs != first


def test_a_delta_table_by_version(engine: Engine, tmp_path: Path) -> None:
    pl.DataFrame(ROWS).write_delta(str(tmp_path / "t"))
    pl.DataFrame(MORE).write_delta(str(tmp_path / "t"), mode="append")
    source = FileSource(path="t", format="DELTA")

    def at(version: int | None) -> ReadResult:
        place = Place(str(tmp_path / "t"))
        return engine.read(
            ReadRequest(source, "spark", place=place, format="DELTA", version=version)
        )

    assert rows_of(engine, at(None)) == ROWS + MORE
    assert rows_of(engine, at(0)) == ROWS
    assert (at(0).inputs[0].version, at(None).inputs[0].version) == ("0", "1")


class TestOptions:
    """What a source does with its rows, in one order."""

    def test_all_together(self, engine: Engine, tmp_path: Path) -> None:
        rows = [{"id": i, "k": i % 3, "deep": {"v": i * 10}, "z": "z"} for i in range(10)]
        write("PARQUET", rows, tmp_path / "x.parquet")

        result = read(
            engine, tmp_path / "x.parquet", "PARQUET",
            filter="id > 3 AND deep.v < 90", selects=["k", "deep.v", "z"], renames={"v": "value"},
            drops=["z", "missing"], drop_duplicates=["k"], limit=2,
        )  # fmt: skip

        found = list(engine.head(result.frame, 9))
        assert result.columns == ("k", "value")
        assert len(found) == 2
        # Of 4..8 the least value per k: 4 for 1, 5 for 2, 6 for 0.
        assert {(1, 40), (2, 50), (0, 60)} >= {tuple(row.values()) for row in found}

    def test_a_column_that_is_selected_and_dropped_is_dropped(
        self, engine: Engine, tmp_path: Path
    ) -> None:
        write("CSV", ROWS, tmp_path / "x.csv")

        result = read(engine, tmp_path / "x.csv", "CSV", selects=["id", "name"], drops=["name"])

        assert result.columns == ("id",)

    def test_selects_as_a_mapping_rename(self, engine: Engine, tmp_path: Path) -> None:
        write("CSV", ROWS, tmp_path / "x.csv")

        result = read(engine, tmp_path / "x.csv", "CSV", selects={"id": "key", "name": "text"})

        assert list(engine.head(result.frame, 1)) == [{"key": 1, "text": "a"}]

    @pytest.mark.parametrize(
        "options",
        [{"selects": ["nmae"]}, {"renames": {"nmae": "x"}}, {"drop_duplicates": ["nmae"]}],
    )
    def test_a_missing_column_has_a_suggestion(
        self, engine: Engine, tmp_path: Path, options: dict[str, Any]
    ) -> None:
        write("CSV", ROWS, tmp_path / "x.csv")

        with pytest.raises(ReadError, match="did you mean `name`"):
            read(engine, tmp_path / "x.csv", "CSV", **options)

    def test_a_sample_is_repeatable(self, engine: Engine, tmp_path: Path) -> None:
        write("PARQUET", [{"id": i} for i in range(2_000)], tmp_path / "x.parquet")

        def ids(seed: int) -> list[int]:
            sample = {"fraction": 0.25, "seed": seed}
            result = read(engine, tmp_path / "x.parquet", "PARQUET", sample=sample)
            return [row["id"] for row in rows_of(engine, result)]

        assert ids(1) == ids(1)
        assert ids(1) != ids(2)
        assert 400 < len(ids(1)) < 600


@given(st.permutations(range(12)), st.integers(1, 5))
def test_duplicates_leave_the_same_rows_in_any_order(order: list[int], keys: int) -> None:
    rows = [{"k": i % keys, "v": i, "w": str(i)} for i in order]
    engine = open_engine("polars")
    source = FileSource.model_validate({"path": "x", "drop_duplicates": ["k"]})

    result = engine.read(ReadRequest(source, "spark", frame=engine.from_native(rows)))

    found = {row["k"]: row["v"] for row in engine.head(result.frame, 99)}
    assert found == {k: k for k in range(keys)}
    engine.close()
