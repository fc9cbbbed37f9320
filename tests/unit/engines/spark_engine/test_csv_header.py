"""The header of a CSV file as it stands there, in the words of Spark's options."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from laktory_dagster.engines.spark.csv_header import distinct, header_of


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("id,v\n1,a\n", {}, ["id", "v"]),
        ("id,v", {}, ["id", "v"]),
        ("id,v\r\n1,a\r\n", {}, ["id", "v"]),
        ("\n\nid,v\n", {}, ["id", "v"]),
        ('"a, b","say ""hi""","two\nlines"\n1,2,3\n', {}, ["a, b", 'say "hi"', "two\nlines"]),
        ("id;v\n", {"sep": ";"}, ["id", "v"]),
        ("id\tv w\n", {"sep": "\t"}, ["id", "v w"]),
        ("'a;b';c\n", {"sep": ";", "quote": "'"}, ["a;b", "c"]),
        ("# made by hand\nid,v\n", {"comment": "#"}, ["id", "v"]),
        ("# made by hand\n", {}, ["# made by hand"]),
        ("id,,v\n", {}, ["id", "_c1", "v"]),
        ("id,id,v,id\n", {}, ["id", "id_duplicated_0", "v", "id_duplicated_1"]),
        ("id,ID\n", {}, ["id", "ID_duplicated_0"]),
        ("\ufeffid,v\n", {}, ["id", "v"]),
        ("größe,名\n", {}, ["größe", "名"]),
        ("id,v\n", {"nullValue": "-", "dateFormat": "yyyy", "header": True}, ["id", "v"]),
    ],
)  # fmt: skip
def test_the_names_in_the_first_line(
    tmp_path: Path, text: str, options: dict[str, Any], expected: list[str]
) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(text.encode())
    assert header_of(str(path), options) == expected


@pytest.mark.parametrize("option", ["encoding", "charset"])
def test_the_names_in_another_encoding(tmp_path: Path, option: str) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes("größe,id\n".encode("latin-1"))
    assert header_of(str(path), {option: "ISO-8859-1"}) == ["größe", "id"]


def test_the_names_in_a_file_that_is_packed(tmp_path: Path) -> None:
    path = tmp_path / "x.csv.gz"
    path.write_bytes(gzip.compress(b"id,v\n1,a\n"))
    assert header_of(str(path), {}) == ["id", "v"]


def test_a_file_without_a_line_has_no_names(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("\n")
    assert header_of(str(path), {}) == []


@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        ("x.csv", b"a|b", {"lineSep": "|"}),
        ("x.csv", b"a\\,b,c\n", {"escape": "\\"}),
        ("x.csv", b"a||b\n", {"sep": "||"}),
        ("x.csv", b"a,b\n", {"quote": ""}),
        ("x.csv", b"a,b\n", {"encoding": "no such encoding"}),
        ("x.csv.bz2", b"BZh9", {}),
        ("x.csv.gz", b"no gzip", {}),
    ],
)
def test_what_only_spark_can_tell_is_left_to_it(
    tmp_path: Path, name: str, content: bytes, options: dict[str, Any]
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert header_of(str(path), options) is None


@pytest.mark.parametrize("path", ["s3://bucket/x.csv", "/no/such/file.csv"])
def test_a_file_that_is_out_of_reach_is_left_to_spark(path: str) -> None:
    assert header_of(path, {}) is None


@given(
    some.lists(some.sampled_from(["a", "A", "b", "a_duplicated_0", "A_duplicated_1"]), max_size=8)
)
@settings(max_examples=100, deadline=None)
def test_no_two_names_are_one_to_spark_and_first_ones_stay(names: list[str]) -> None:
    found = distinct(names)
    assert len({name.lower() for name in found}) == len(names)
    assert all(new.startswith(old) for new, old in zip(found, names, strict=True))
    assert found[:1] == names[:1]
    assert len({n.lower() for n in names}) < len(names) or found == names
