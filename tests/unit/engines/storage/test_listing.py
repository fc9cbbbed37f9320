"""Which files a path means, which columns their folders give, and what is wrong with them."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from laktory_dagster.engines.base import Place
from laktory_dagster.engines.storage.listing import (
    EMPTY,
    is_data,
    list_files,
    matches,
    partition_of,
    problem_of,
    remote_base,
    version_of,
)
from laktory_dagster.errors import ReadError


def names(folder: Path, path: str) -> list[str]:
    listing = list_files(Place(str(folder / path) if path else str(folder)))
    return [os.path.relpath(file.path, folder) for file in listing.files]


def touch(folder: Path, *files: str) -> None:
    for name in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")


TREE = (
    "a.csv",
    "b.csv",
    "in/a.csv",
    "in/deep/c.csv",
    "k=1/d.csv",
    "k=2/d.csv",
    "_x/e.csv",
    ".f.csv",
)
PATTERNS = {
    "": {"a.csv", "b.csv", "in/a.csv", "in/deep/c.csv", "k=1/d.csv", "k=2/d.csv"},
    "*.csv": {"a.csv", "b.csv"},
    "[ab].csv": {"a.csv", "b.csv"},
    "?.csv": {"a.csv", "b.csv"},
    "[!a].csv": {"b.csv"},
    "in/*": {"in/a.csv"},
    "in/**": {"in/a.csv", "in/deep/c.csv"},
    "**/a.csv": {"a.csv", "in/a.csv"},
    "**/*.csv": {"a.csv", "b.csv", "in/a.csv", "in/deep/c.csv", "k=1/d.csv", "k=2/d.csv"},
    "*/*.csv": {"in/a.csv", "k=1/d.csv", "k=2/d.csv"},
    "k=*/d.csv": {"k=1/d.csv", "k=2/d.csv"},
    "in/deep": {"in/deep/c.csv"},
}


@pytest.mark.parametrize("path", list(PATTERNS))
def test_a_path_means_the_files_of_a_folder_or_of_a_pattern(tmp_path: Path, path: str) -> None:
    touch(tmp_path, *TREE)

    assert set(names(tmp_path, path)) == PATTERNS[path]
    assert names(tmp_path, path) == sorted(PATTERNS[path])


@pytest.mark.parametrize("path", [path for path in PATTERNS if path not in ("", "in/deep")])
def test_names_on_an_object_store_match_as_on_a_disk(path: str) -> None:
    """There is no folder on an object store, and `*` ends at `/` all the same."""
    visible = [name for name in TREE if is_data(name)]

    found = {name for name in visible if matches(name.split("/"), path.split("/"))}

    assert found == PATTERNS[path]


PART = some.text("ab", min_size=1, max_size=2)


@given(some.lists(PART, min_size=1, max_size=4))
@settings(max_examples=40, deadline=None)
def test_two_stars_stand_for_any_folders(parts: list[str]) -> None:
    assert matches(parts, ["**"])
    assert matches(parts, ["**", parts[-1]])
    assert matches(parts, [parts[0], "**"])
    assert matches(parts, ["*"] * len(parts))
    assert not matches(parts, ["*"] * (len(parts) + 1))
    assert not matches([*parts, "c"], ["*"] * len(parts))


@pytest.mark.parametrize(
    ("relative", "columns"),
    [
        ("/a.csv", ()),
        ("/k=1/a.csv", (("k", "1"),)),
        ("/k=1/in/m=x/a.csv", (("k", "1"), ("m", "x"))),
        ("/k=/a.csv", (("k", ""),)),
        ("/k=a=b/a.csv", (("k", "a=b"),)),
        ("/k=a%2Fb%20c/a.csv", (("k", "a/b c"),)),
        ("/k=__HIVE_DEFAULT_PARTITION__/a.csv", (("k", None),)),
        ("/=1/a.csv", ()),
        ("/in/k=1.csv", ()),
    ],
)
def test_values_of_folders(relative: str, columns: tuple[tuple[str, str | None], ...]) -> None:
    assert partition_of(relative) == columns


@pytest.mark.parametrize("path", ["", "*/*.csv", "k=*/*.csv", "**/*.csv", "k=[12]/d.csv"])
def test_folders_give_columns_however_a_pattern_finds_them(tmp_path: Path, path: str) -> None:
    """Also where the pattern starts inside of the folder's name."""
    touch(tmp_path, "k=1/d.csv", "k=2/d.csv")

    listing = list_files(Place(str(tmp_path / path) if path else str(tmp_path)))

    assert [file.partition for file in listing.files] == [(("k", "1"),), (("k", "2"),)]


def test_a_folder_that_the_path_names_gives_no_column(tmp_path: Path) -> None:
    touch(tmp_path, "k=1/d.csv")

    for path in ("k=1", "k=1/d.csv", "k=1/*.csv"):
        (file,) = list_files(Place(str(tmp_path / path))).files
        assert file.partition == ()


def test_a_link_to_a_file_and_to_a_folder_is_followed(tmp_path: Path) -> None:
    touch(tmp_path, "away/a.csv", "away/in/b.csv", "here/c.csv")
    (tmp_path / "here" / "k=1").symlink_to(tmp_path / "away" / "in")
    (tmp_path / "here" / "d.csv").symlink_to(tmp_path / "away" / "a.csv")

    assert names(tmp_path / "here", "") == ["c.csv", "d.csv", "k=1/b.csv"]


def test_a_link_that_leads_back_is_not_followed(tmp_path: Path) -> None:
    """Its files would come forty times, as deep as links may go."""
    touch(tmp_path, "in/deep/a.csv")
    (tmp_path / "in" / "deep" / "back").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "self").symlink_to(tmp_path / "in")
    touch(tmp_path, "away/b.csv")
    (tmp_path / "in" / "other").symlink_to(tmp_path / "away")
    (tmp_path / "away" / "back").symlink_to(tmp_path / "in")

    assert names(tmp_path, "in") == ["in/deep/a.csv", "in/other/b.csv"]


def test_a_link_to_itself_is_a_damaged_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").symlink_to(tmp_path / "a.csv")

    (file,) = list_files(Place(str(tmp_path))).files

    assert "Too many levels of symbolic links" in str(file.problem)


def test_a_link_to_nothing_is_a_damaged_file(tmp_path: Path) -> None:
    touch(tmp_path, "a.csv")
    (tmp_path / "b.csv").symlink_to(tmp_path / "gone.csv")

    found = {Path(f.path).name: f.problem for f in list_files(Place(str(tmp_path))).files}

    assert found == {"a.csv": None, "b.csv": "the file cannot be read: No such file or directory"}


def test_a_pattern_of_folders_says_how_to_name_their_files(tmp_path: Path) -> None:
    touch(tmp_path, "k=1/a.csv")

    with pytest.raises(ReadError, match="no data files") as caught:
        names(tmp_path, "k=*")

    assert f"`{tmp_path}/k=*/*`" in str(caught.value.hint)


@pytest.mark.parametrize("path", ["gone", "gone.csv", "gone/a.csv", "a.csv/"])
def test_nothing_at_a_path_is_an_error(tmp_path: Path, path: str) -> None:
    touch(tmp_path, "a.csv")

    with pytest.raises(ReadError, match="there is nothing at"):
        list_files(Place(f"{tmp_path}/{path}"))


def test_the_version_of_a_folder_tells_each_change(tmp_path: Path) -> None:
    touch(tmp_path, "a.csv", "b.csv")

    def version() -> str:
        return list_files(Place(str(tmp_path))).version.version

    seen = [version(), version()]
    os.utime(tmp_path / "a.csv", ns=(1, 1))
    seen.append(version())
    (tmp_path / "b.csv").rename(tmp_path / "c.csv")
    seen.append(version())
    (tmp_path / "c.csv").unlink()
    seen.append(version())
    (tmp_path / "_hidden").write_text("x")

    assert seen[0] == seen[1]
    assert len(set(seen)) == 4
    assert version() == seen[-1]


def test_names_and_versions_do_not_run_into_each_other() -> None:
    assert version_of("k", {"a": "1", "b": "2"}) != version_of("k", {"a": "1\nb", "2": ""})
    assert version_of("k", {"ab": "c"}) != version_of("k", {"a": "bc"})


PROBLEMS: list[tuple[str, bytes, str | None]] = [
    ("x.csv", b"a\n1\n", None),
    ("x.csv", b"", EMPTY),
    ("x.csv", b"\n \r\n\t", "the file is blank (it holds white space only)"),
    ("x.csv", b"\xef\xbb\xbf\n", "the file is blank (it holds white space only)"),
    ("x.csv", b" " * 300 + b"a\n1\n", None),
    ("x.csv", b"PAR1,PAR2\n1,2\n", None),
    ("x.csv", b"PAR1\x15\x04", "the file is Parquet"),
    ("x.csv", b"Obj\x01\x04", "the file is Avro"),
    ("x.csv", b"ARROW1\0\0", "the file is Arrow"),
    ("x.csv", b"PK\x03\x04", "the file is a ZIP archive or a workbook"),
    ("x.csv", b"%PDF-1.7\n", "the file is a PDF"),
    ("x.csv", b"\x89PNG\r\n", "the file is an image"),
    ("x.csv", b"\xff\xfea\0", "the file is UTF-16"),
    ("x.csv", b"\xff\xfe\0\0a\0\0\0", "the file is UTF-32"),
    ("x.csv", b"\xef\xbb\xbf <!DOCTYPE HTML>", "the file is a page of HTML"),
    ("x.csv", b"<?xml version='1.0'?>", "the file is XML"),
    ("x.json", b'{"a": 1}\n', None),
    ("x.json", b'{"a": 1}\n{"a', "the JSON is cut off (its last line is not complete)"),
    ("x.JSONL", b'[{"a": 1}] \n\n', None),
    ("x.parquet", b"a,b\n", "the file is no Parquet (it does not start with its mark)"),
    ("x.parquet", b"PAR1....", "the Parquet file is cut off (its footer is missing)"),
    ("x.parquet", b"PAR1....PAR1", None),
    ("x.csv.gz", b"a\n1\n", "the file is no gzip"),
    ("x.csv.gz", gzip.compress(b"a\n1\n", mtime=0), None),
    ("x.csv.gz", gzip.compress(b"", mtime=0), EMPTY),
    ("x.csv.gz", gzip.compress(b"\n", mtime=0), "the file is blank (it holds white space only)"),
    ("x.csv.gz", gzip.compress(b"PK\x03\x04", mtime=0), "the file is a ZIP archive or a workbook"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "problem"), PROBLEMS, ids=lambda v: repr(v)[:30])
def test_what_a_file_is_by_its_bytes(
    tmp_path: Path, name: str, content: bytes, problem: str | None
) -> None:
    (tmp_path / name).write_bytes(content)

    assert problem_of(str(tmp_path / name)) == problem


def test_a_zipped_file_that_is_cut_off_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "x.csv.gz").write_bytes(gzip.compress(b"a\n" * 10_000, mtime=0)[:-9])

    assert "the gzip file is damaged" in str(problem_of(str(tmp_path / "x.csv.gz")))


def test_a_name_that_is_no_unicode_is_a_problem_of_that_file(tmp_path: Path) -> None:
    touch(tmp_path, "a.csv")
    path = os.fsencode(tmp_path) + b"/\xe9.csv"
    with open(path, "wb") as file:  # noqa: PTH123 - a path of bytes
        file.write(b"id\n1\n")

    found = [file.problem for file in list_files(Place(str(tmp_path))).files]

    assert found == [None, "the name of the file is not Unicode"]


@pytest.mark.parametrize(
    ("uri", "base"),
    [
        ("s3://b/in/", "s3://b/in"),
        ("s3://b/in/*.csv", "s3://b/in"),
        ("s3://b/in/k=*/x.csv", "s3://b/in"),
        ("s3://b/i[12]/x.csv", "s3://b"),
        ("s3://b/in/day?/*.csv", "s3://b/in"),
    ],
)
def test_names_of_an_object_store_start_before_the_first_mark(uri: str, base: str) -> None:
    assert remote_base(uri) == base
