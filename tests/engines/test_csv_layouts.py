"""CSV files of one source whose columns stand in other places: each value keeps its column."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from laktory_dagster.engines.base import Engine
from laktory_dagster.errors import ReadError
from tests.engines.test_read_files import read, rows_of

TYPED = {"schema": {"id": "int", "v": "string"}}
TEXT = {"infer_schema": False}


def put(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text)
    return folder


def found(engine: Engine, path: Path, **options: Any) -> list[tuple[Any, ...]]:
    rows = rows_of(engine, read(engine, path, "CSV", **options))
    return sorted((tuple(row.values()) for row in rows), key=str)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [(1, "a"), (2, "b"), (3, "c")]),
        (TYPED, [(1, "a"), (2, "b"), (3, "c")]),
        (TEXT, [("1", "a"), ("2", "b"), ("3", "c")]),
    ],
    ids=["found", "declared", "text"],
)
def test_columns_in_another_order(
    engine: Engine, tmp_path: Path, options: dict[str, Any], expected: list[tuple[Any, ...]]
) -> None:
    """On Spark a declared `id` was read out of the column that stood first."""
    put(tmp_path, a="id,v\n1,a\n", b="v,id\nb,2\n", c="id,v\n3,c\n")
    assert found(engine, tmp_path, **options) == expected


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ("id,x,v\n2,9,b\n", [(1, "a"), (2, "b")]),
        ("x,v,y,id\n9,b,8,2\n", [(1, "a"), (2, "b")]),
        ("id\n2\n", [(1, "a"), (2, None)]),
        ("x\n2\n", [(1, "a"), (None, None)]),
        ("id,v\n", [(1, "a")]),
        ('"v","id"\n"b, c",2\n', [(1, "a"), (2, "b, c")]),
    ],
    ids=["one more", "two more", "one less", "none", "no row", "quoted"],
)
def test_declared_columns_are_found_by_name_in_every_file(
    engine: Engine, tmp_path: Path, second: str, expected: list[tuple[Any, ...]]
) -> None:
    put(tmp_path, a="id,v\n1,a\n", b=second)
    assert found(engine, tmp_path, **TYPED) == sorted(expected, key=str)


def test_packed_files_have_headers_of_their_own(engine: Engine, tmp_path: Path) -> None:
    put(tmp_path, a="id,v\n1,a\n")
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(b"v,id\nb,2\n"))
    assert found(engine, tmp_path, **TYPED) == [(1, "a"), (2, "b")]


@pytest.mark.parametrize("options", [{}, TEXT], ids=["found", "text"])
@pytest.mark.parametrize(
    ("second", "message"),
    [("id\n2\n", "lacks `v`, compared with"), ("id,v,x\n2,b,9\n", "adds `x`, compared with")],
)
def test_files_with_other_columns_are_refused_unless_they_may_have_them(
    engine: Engine, tmp_path: Path, options: dict[str, Any], second: str, message: str
) -> None:
    put(tmp_path, a="id,v\n1,a\n", b=second)
    with pytest.raises(ReadError, match=message):
        read(engine, tmp_path, "CSV", **options)


def test_added_columns_come_with_those_of_folders(engine: Engine, tmp_path: Path) -> None:
    """On Spark the columns that are names of folders went with the first difference."""
    for year, text in (("2023", "id\n1\n"), ("2024", "id,v\n2,b\n")):
        (tmp_path / f"year={year}").mkdir()
        put(tmp_path / f"year={year}", a=text)
    rows = rows_of(engine, read(engine, tmp_path, "CSV", schema_evolution="add"))
    assert rows == [
        {"id": 1, "v": None, "year": 2023},
        {"id": 2, "v": "b", "year": 2024},
    ]


@pytest.mark.parametrize(
    ("header", "names", "infers"),
    [
        ("id,id,v", ["id", "id_duplicated_0", "v"], True),
        ("id,v,id,id", ["id", "v", "id_duplicated_0", "id_duplicated_1"], True),
        ("id,id,v", ["id", "id_duplicated_0", "v"], False),
        ("id,id0,id,v", ["id", "id0", "id_duplicated_0", "v"], False),
    ],
)
def test_twins_in_a_header_have_the_same_names_everywhere(
    engine: Engine, tmp_path: Path, header: str, names: list[str], infers: bool
) -> None:
    """Spark numbers them by place, `id0` and `id1`."""
    values = ",".join(str(place) for place in range(len(names)))
    put(tmp_path, a=f"{header}\n{values}\n")
    (row,) = rows_of(engine, read(engine, tmp_path, "CSV", infer_schema=infers))
    assert {name: int(value) for name, value in row.items()} == {
        name: place for place, name in enumerate(names)
    }


def test_a_declared_column_that_stands_twice_is_the_first(engine: Engine, tmp_path: Path) -> None:
    put(tmp_path, a="id,id,v\n1,2,a\n")
    assert found(engine, tmp_path, **TYPED) == [(1, "a")]


def test_files_without_a_header_go_by_place(engine: Engine, tmp_path: Path) -> None:
    put(tmp_path, a="1,a\n", b="2,b\n")
    assert found(engine, tmp_path, has_header=False, **TYPED) == [(1, "a"), (2, "b")]
    assert found(engine, tmp_path, has_header=False, **TEXT) == [("1", "a"), ("2", "b")]
