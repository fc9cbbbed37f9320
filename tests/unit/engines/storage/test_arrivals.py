"""Which files of a stream are new, which ones are read again, and what is refused."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from laktory_dagster.engines.base import InputVersion, Place, StreamRead
from laktory_dagster.engines.storage.arrivals import Found, choose, find_files, listing_of
from laktory_dagster.errors import ReadError, SourceChangedError


def there(files: Mapping[str, str], *, managed: bool = False) -> Found:
    return Found("/in", dict(files), InputVersion("/in", "1"), managed)


def new(files: Mapping[str, str], since: Mapping[str, Any] | None, **more: Any) -> dict[str, str]:
    read = StreamRead(since=since, offset=more.pop("offset", None))
    return choose(there(files, **more), read, "the feed")


def test_at_first_all_files_are_new() -> None:
    assert new({"a": "1", "b": "2"}, None) == {"a": "1", "b": "2"}


def test_what_was_read_is_not_new_whatever_its_time_and_place() -> None:
    """A file that comes late, with a time before that of others, is as new as any."""
    assert new({"a": "9-100", "z": "9-50"}, {"files": {"a": "9-100"}}) == {"z": "9-50"}


def test_a_file_that_is_gone_is_no_concern() -> None:
    assert new({"b": "2"}, {"files": {"a": "1"}}) == {"b": "2"}


def test_a_file_of_a_table_that_is_gone_is_one() -> None:
    with pytest.raises(SourceChangedError, match="the feed was replaced") as caught:
        new({"b": "2"}, {"files": {"a": "1"}}, managed=True)
    assert "/in/a" in str(caught.value)


@pytest.mark.parametrize(("gone", "said"), [(["a"], "/in/a changed"), (["a", "b"], "and 1 more")])
def test_a_file_that_changed_is_refused_by_name(gone: list[str], said: str) -> None:
    with pytest.raises(SourceChangedError, match=said) as caught:
        new(dict.fromkeys(gone, "7"), {"files": dict.fromkeys(gone, "1")})
    assert "--full-refresh" in str(caught.value)


def test_a_damaged_file_is_new_when_it_has_changed() -> None:
    since = {"files": {"a": "1"}, "bad": {"b": "2"}}
    assert new({"a": "1", "b": "2"}, since) == {}
    assert new({"a": "1", "b": "3"}, since) == {"b": "3"}


class TestAgain:
    """A batch that was broken off reads what it read before, and nothing else."""

    OFFSET: Mapping[str, Any] = {"files": {"a": "1"}, "bad": {"x": "4"}}

    def test_what_came_since_waits(self) -> None:
        files = {"a": "1", "b": "2", "x": "4"}
        assert new(files, None, offset=self.OFFSET) == {"a": "1"}

    @pytest.mark.parametrize("name", ["a", "x"])
    def test_a_file_that_is_gone_is_refused(self, name: str) -> None:
        files = {"a": "1", "x": "4"}
        del files[name]
        with pytest.raises(SourceChangedError, match=f"broken off read files .*/in/{name}"):
            new(files, None, offset=self.OFFSET)

    @pytest.mark.parametrize("name", ["a", "x"])
    def test_a_file_that_changed_is_refused(self, name: str) -> None:
        with pytest.raises(SourceChangedError, match=f"/in/{name} changed"):
            new({"a": "1", "x": "4", name: "9"}, None, offset=self.OFFSET)


NAMES = some.sampled_from(["a", "b", "c", "d", "e"])


@given(some.lists(some.sets(NAMES), max_size=5), some.sets(NAMES))
@settings(max_examples=50, deadline=None)
def test_however_files_come_each_is_read_once(arrivals: list[set[str]], bad: set[str]) -> None:
    files: dict[str, str] = {}
    since: dict[str, Any] = {"files": {}, "bad": {}}
    seen: list[str] = []
    for arrived in arrivals:
        files |= dict.fromkeys(arrived, "1")
        chosen = new(files, since)
        seen += sorted(set(chosen) - bad)
        since["files"] |= {name: v for name, v in chosen.items() if name not in bad}
        since["bad"] |= {name: v for name, v in chosen.items() if name in bad}

    assert sorted(seen) == sorted(set(files) - bad)


def touch(folder: Path, *files: str) -> None:
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("a\n1\n")


def found(path: str) -> Found:
    return find_files(Place(path))


@pytest.mark.parametrize("path", ["in", "in/*/*.csv", "in/k=*/*.csv", "in/**/*.csv", "in/k=[12]/*"])
def test_files_are_known_by_their_names_below_the_folder(tmp_path: Path, path: str) -> None:
    touch(tmp_path, "in/k=1/a.csv", "in/k=2/a.csv", "in/k=2/_a.csv")

    files = found(f"{tmp_path}/{path}")

    assert (files.base, sorted(files.versions)) == (
        f"{tmp_path}/in",
        ["k=1/a.csv", "k=2/a.csv"],
    )
    assert [f.partition for f in listing_of(files, sorted(files.versions)).files] == [
        (("k", "1"),),
        (("k", "2"),),
    ]


def test_one_file_is_known_by_its_name(tmp_path: Path) -> None:
    touch(tmp_path, "in/a.csv")

    files = found(f"file://{tmp_path}/in/a.csv")

    assert list(files.versions) == ["a.csv"]
    assert [file.path for file in listing_of(files, ["a.csv"]).files] == [f"{tmp_path}/in/a.csv"]


@pytest.mark.parametrize("path", ["", "*.csv"])
def test_a_folder_may_be_empty_and_must_be_there(tmp_path: Path, path: str) -> None:
    assert found(f"{tmp_path}/{path}").versions == {}
    with pytest.raises(ReadError, match="there is nothing at"):
        found(f"{tmp_path}/gone")


def test_a_version_tells_size_and_time(tmp_path: Path) -> None:
    touch(tmp_path, "a.csv")
    os.utime(tmp_path / "a.csv", ns=(7, 7))

    assert found(str(tmp_path)).versions == {"a.csv": "4-7"}


def test_a_link_to_nothing_is_no_file_yet(tmp_path: Path) -> None:
    touch(tmp_path, "a.csv")
    (tmp_path / "b.csv").symlink_to(tmp_path / "later.csv")
    assert list(found(str(tmp_path)).versions) == ["a.csv"]
    touch(tmp_path, "later.csv")
    assert list(found(str(tmp_path)).versions) == ["a.csv", "b.csv", "later.csv"]


def test_a_listing_names_what_is_wrong_with_a_file(tmp_path: Path) -> None:
    touch(tmp_path, "a.csv")
    (tmp_path / "b.csv").write_text("")

    files = listing_of(found(str(tmp_path)), ["a.csv", "b.csv"]).files

    assert [file.problem for file in files] == [None, "the file is empty (zero bytes)"]
