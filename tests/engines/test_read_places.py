"""Where files lie: links, names, patterns, folders of values, and files that cannot be read."""

from __future__ import annotations

import io
import os
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from laktory_dagster import models
from laktory_dagster.errors import ReadError
from tests.engines.frames import collected
from tests.engines.reading import frame_of, put, rows_at, set_aside
from tests.engines.test_read_files import WRITERS, write

Bucket = tuple[str, dict[str, str], Any]
FORMATS = pytest.mark.parametrize("form", list(WRITERS))


@FORMATS
@pytest.mark.parametrize("name", ["ü ö", "日本", "a%20b", "a#b&c", "it's", "a\nb", "x;y", "$HOME"])
def test_a_name_is_taken_as_it_is(tmp_path: Path, form: str, name: str) -> None:
    write(form, [{"id": 1}], tmp_path / name / f"{name}.{WRITERS[form][0]}")

    assert rows_at(tmp_path, form) == [{"id": 1}]
    assert rows_at(tmp_path / name / f"{name}.{WRITERS[form][0]}", form) == [{"id": 1}]


@FORMATS
def test_links_are_the_files_that_they_name(tmp_path: Path, form: str) -> None:
    extension = WRITERS[form][0]
    write(form, [{"id": 1}], tmp_path / "away" / "in" / f"a.{extension}")
    write(form, [{"id": 2}], tmp_path / "away" / f"b.{extension}")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "k=7").symlink_to(tmp_path / "away" / "in")
    (tmp_path / "here" / "k=7" / "back").symlink_to(tmp_path / "here")
    (tmp_path / "here" / f"c.{extension}").symlink_to(tmp_path / "away" / f"b.{extension}")

    found = rows_at(tmp_path / "here", form)

    assert sorted(found, key=str) == [{"id": 1, "k": 7}, {"id": 2, "k": None}]


def test_a_link_to_nothing_fails_or_is_set_aside(tmp_path: Path) -> None:
    put(tmp_path, {"a.csv": "id\n1\n"})
    (tmp_path / "b.csv").symlink_to(tmp_path / "gone")

    with pytest.raises(ReadError, match=r"b.csv: the file cannot be read: No such file"):
        frame_of(tmp_path, "CSV")
    assert set_aside(tmp_path, "CSV") == ([{"id": 1}], ["b.csv"])


def test_a_name_that_is_no_unicode_fails_or_is_set_aside(tmp_path: Path) -> None:
    put(tmp_path, {"a.csv": "id\n1\n"})
    with open(os.fsencode(tmp_path) + b"/\xe9.csv", "wb") as file:  # noqa: PTH123 - bytes
        file.write(b"id\n2\n")

    with pytest.raises(ReadError, match="the name of the file is not Unicode") as caught:
        frame_of(tmp_path, "CSV")
    assert str(caught.value).isascii()
    assert set_aside(tmp_path, "CSV")[0] == [{"id": 1}]


FOREIGN: dict[str, bytes] = {
    "a workbook": b"PK\x03\x04\x14\0",
    "a PDF": b"%PDF-1.7\n%\xe2\xe3\n",
    "an image": b"\x89PNG\r\n\x1a\n\0",
    "white space": b"\n  \r\n",
    "a mark alone": b"\xef\xbb\xbf",
    "a page": b"<!doctype html><html>",
}


@pytest.mark.parametrize("form", ["CSV", "JSON", "JSONL"])
@pytest.mark.parametrize("name", list(FOREIGN))
def test_what_is_no_rows_of_text_fails_or_is_set_aside(
    tmp_path: Path, form: str, name: str
) -> None:
    """As text a workbook was one strange row, and white space an error without a name."""
    write(form, [{"id": 1}], tmp_path / "good")
    (tmp_path / "bad").write_bytes(FOREIGN[name])

    with pytest.raises(ReadError, match=f"{tmp_path}/bad: "):
        frame_of(tmp_path, form)
    assert set_aside(tmp_path, form) == ([{"id": 1}], ["bad"])


@FORMATS
def test_a_file_cut_off_anywhere_is_set_aside_or_whole(tmp_path: Path, form: str) -> None:
    """A file of text that ends inside of its last value cannot be told from a shorter one."""
    rows = [{"id": number, "name": f"name {number}"} for number in range(20)]
    extension = WRITERS[form][0]
    write(form, rows, tmp_path / f"a.{extension}")
    content = (tmp_path / f"a.{extension}").read_bytes()
    write(form, [{"id": 99, "name": "z"}], tmp_path / f"b.{extension}")
    text = form == "CSV"

    for part in (1, 3, 5, 7):
        cut = content[: len(content) * part // 8]
        (tmp_path / f"a.{extension}").write_bytes(cut)
        found, aside = set_aside(tmp_path, form)
        if text:
            assert len(found) >= 1
            continue
        assert (found, aside) == ([{"id": 99, "name": "z"}], [f"a.{extension}"])


def parquet(**columns: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("rule", ["freeze", "add", "widen"])
def test_times_of_other_units_are_one_column(tmp_path: Path, rule: str) -> None:
    """Pandas writes nanoseconds, Spark microseconds; neither changes what the time is."""
    put(
        tmp_path,
        {
            unit: parquet(at=pa.array([1_700_000_000 * scale], pa.timestamp(unit)))
            for unit, scale in (("ms", 10**3), ("us", 10**6), ("ns", 10**9))
        },
    )

    found = frame_of(tmp_path, "PARQUET", schema_evolution=rule)

    assert found["at"].dt.epoch("s").to_list() == [1_700_000_000] * 3


def test_moments_in_two_zones_are_moments_in_utc(tmp_path: Path) -> None:
    zones = ("Asia/Tokyo", "UTC")
    put(
        tmp_path,
        {str(i): parquet(at=pa.array([7], pa.timestamp("us", z))) for i, z in enumerate(zones)},
    )

    found = frame_of(tmp_path, "PARQUET")

    assert found.schema == {"at": pl.Datetime("us", "UTC")}
    assert found["at"].dt.epoch("us").to_list() == [7, 7]


def test_large_unsigned_numbers_are_widened_to_the_largest(tmp_path: Path) -> None:
    put(
        tmp_path,
        {
            "1": parquet(n=pa.array([2**64 - 1], pa.uint64())),
            "2": parquet(n=pa.array([1], pa.uint8())),
        },
    )

    assert frame_of(tmp_path, "PARQUET", schema_evolution="widen").rows() == [(2**64 - 1,), (1,)]


def test_folders_win_over_a_column_of_their_name(tmp_path: Path) -> None:
    """As on Spark; the column stays where the file has it."""
    put(
        tmp_path, {"k=1/x.parquet": parquet(k=[5], id=[1]), "k=2/x.parquet": parquet(k=[6], id=[2])}
    )

    found = frame_of(tmp_path, "PARQUET")

    assert (found.columns, sorted(found.rows())) == (["k", "id"], [(1, 1), (2, 2)])


@pytest.mark.parametrize(
    ("folders", "kind", "values"),
    [
        (["m=01", "m=10"], pl.String, ["01", "10"]),
        (["m=1.5", "m=2"], pl.String, ["1.5", "2"]),
        (["m=true"], pl.String, ["true"]),
        (["m=-7", "m=8"], pl.Int64, [-7, 8]),
        (["m=2024-02-29"], pl.Date, [date(2024, 2, 29)]),
        (["m="], pl.String, [""]),
        (["m=1/m=2"], pl.Int64, [2]),
    ],
)
def test_values_of_folders_are_what_they_look_like(
    tmp_path: Path, folders: list[str], kind: Any, values: list[Any]
) -> None:
    put(tmp_path, {f"{folder}/x.csv": "id\n1\n" for folder in folders})

    found = frame_of(tmp_path, "CSV")["m"]

    assert (found.dtype, sorted(found.to_list())) == (kind, values)


def test_folders_of_different_depth_have_null_for_what_they_lack(tmp_path: Path) -> None:
    put(tmp_path, {"a.csv": "id\n1\n", "k=1/a.csv": "id\n2\n", "k=1/m=x/a.csv": "id\n3\n"})

    found = frame_of(tmp_path, "CSV").sort("id")

    assert found.rows() == [(1, None, None), (2, 1, None), (3, 1, "x")]


@pytest.mark.parametrize(("kind", "value"), [("int", None), ("string", "x"), ("date", None)])
def test_a_folder_of_a_declared_type_that_does_not_fit_is_null(
    tmp_path: Path, kind: str, value: Any
) -> None:
    put(tmp_path, {"m=x/a.csv": "id\n1\n"})

    assert rows_at(tmp_path, "CSV", schema={"m": kind, "id": "int"}) == [{"m": value, "id": 1}]


OBJECTS = ("in/a.csv", "in/k=1/b.csv", "in/k=2/deep/c.csv", "in/_staged/d.csv", "in/k=1/.e.csv")


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("in/*.csv", ["a"]),
        ("in/*", ["a"]),
        ("in/*/*.csv", ["b"]),
        ("in/k=*/*.csv", ["b"]),
        ("in/**/*.csv", ["a", "b", "c"]),
        ("in/k=2/**", ["c"]),
        ("in/k=?/b.csv", ["b"]),
    ],
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_star_ends_at_a_folder_on_an_object_store_as_on_a_disk(
    bucket: Bucket, tmp_path: Path, pattern: str, found: list[str], stream: bool
) -> None:
    root, options, client = bucket
    prefix = f"stars{abs(hash((pattern, stream)))}"
    for name in OBJECTS:
        content = f"name\n{Path(name).stem}\n".encode()
        client.put_object(Bucket="lakehouse", Key=f"{prefix}/{name}", Body=content)
        put(tmp_path, {name: content})

    def names(path: str, more: dict[str, Any], warehouse: str) -> list[str]:
        source = {"path": path, "format": "CSV", "as_stream": stream, **more}
        node = {"name": "n", "source": source, "sinks": [{"table_name": "n"}]}
        with models.Pipeline(name="p", warehouse=str(tmp_path / warehouse), nodes=[node]) as made:
            made.execute()
            return sorted(collected(made.nodes_dict["n"].output_df)["name"].to_list())

    assert names(f"{tmp_path}/{pattern}", {}, "one") == found
    assert names(f"{root}/{prefix}/{pattern}", {"storage_options": options}, "other") == found
