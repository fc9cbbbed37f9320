"""Streams of files on Polars: files that come late, change, go, are links, or have other columns."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from laktory_dagster.errors import RunFailedError
from tests.engines.reading import put
from tests.engines.streaming import Feed

A, B, C = ({"id": 1, "v": "a"}, {"id": 2, "v": "b"}, {"id": 3, "v": "c"})


@pytest.fixture
def feed(tmp_path: Path) -> Feed:
    return Feed("polars", tmp_path)


def refusal(feed: Feed) -> str:
    with pytest.raises(RunFailedError) as caught:
        feed.run()
    return str(caught.value.result["out"].error)


def test_a_file_that_comes_late_with_an_older_time_and_an_earlier_name_is_new(feed: Feed) -> None:
    feed.drop("5", A)
    feed.run()
    feed.drop("1", B)
    os.utime(feed.landing / "1.jsonl", ns=(1, 1))

    assert feed.run().rows_out == 1
    assert feed.rows() == [A, B]


def test_a_file_rewritten_in_its_size_is_a_changed_one(feed: Feed) -> None:
    feed.drop("1", A)
    feed.run()
    feed.drop("1", {**A, "v": "b"})

    assert "1.jsonl changed after a batch had read it" in refusal(feed)
    assert feed.rows() == [A]


def test_a_file_that_is_put_back_as_it_was_is_not_read_again(feed: Feed) -> None:
    feed.drop("1", A)
    feed.run()
    shutil.copy2(feed.landing / "1.jsonl", feed.folder / "kept")
    (feed.landing / "1.jsonl").unlink()
    feed.run()
    shutil.copy2(feed.folder / "kept", feed.landing / "1.jsonl")

    assert feed.run().rows_out in (0, None)
    assert feed.rows() == [A]


def test_one_file_under_two_names_is_two(feed: Feed) -> None:
    feed.drop("1", A)
    feed.run()
    os.link(feed.landing / "1.jsonl", feed.landing / "2.jsonl")
    feed.run()

    assert feed.rows() == [A, A]


def test_a_link_is_new_once_there_is_a_file_behind_it(feed: Feed) -> None:
    feed.drop("1", A)
    (feed.landing / "2.jsonl").symlink_to(feed.folder / "later.jsonl")
    feed.run()
    (feed.folder / "later.jsonl").write_text('{"id": 2, "v": "b"}\n')

    assert feed.run().rows_out == 1
    assert feed.rows() == [A, B]


def test_hidden_files_are_new_when_they_get_their_name(feed: Feed) -> None:
    feed.drop("1", A)
    (feed.landing / "_2.jsonl").write_text('{"id": 2, "v": "b"}\n')
    feed.run()
    (feed.landing / "_2.jsonl").rename(feed.landing / "2.jsonl")
    feed.run()

    assert feed.rows() == [A, B]


@pytest.mark.parametrize("path", ["landing", "landing/*/*.csv", "landing/day=*/*.csv"])
def test_folders_are_columns_of_every_batch(feed: Feed, path: str) -> None:
    feed.source = {"path": f"{feed.folder}/{path}", "format": "CSV"}
    put(feed.landing, {"day=2024-01-01/a.csv": "id\n1\n"})
    feed.run()
    put(feed.landing, {"day=2024-01-02/a.csv": "id\n2\n"})
    feed.run()

    assert [(row["id"], str(row["day"])) for row in feed.rows()] == [
        (1, "2024-01-01"),
        (2, "2024-01-02"),
    ]


def test_a_file_of_a_header_alone_is_a_batch_without_rows(feed: Feed) -> None:
    feed.source = {"format": "CSV"}
    put(feed.landing, {"1.csv": "id,v\n1,a\n"})
    feed.run()
    put(feed.landing, {"2.csv": "id,v\n"})
    assert feed.run().rows_out == 0
    put(feed.landing, {"3.csv": "id,v\n2,b\n"})
    feed.run()

    assert feed.rows() == [A, B]


def test_a_column_without_values_has_the_type_that_it_had(feed: Feed) -> None:
    feed.source = {"format": "CSV"}
    put(feed.landing, {"1.csv": "id,n\n1,5\n"})
    feed.run()
    put(feed.landing, {"2.csv": "id,n\n2,\n"})
    feed.run()

    assert feed.rows() == [{"id": 1, "n": 5}, {"id": 2, "n": None}]


@pytest.mark.parametrize("content", ["\n \n", "PK\x03\x04 no", '{"id": 1, "v"'])
def test_a_damaged_file_waits_until_it_is_mended(feed: Feed, content: str) -> None:
    feed.source = {"bad_files": "quarantine"}
    feed.drop("1", A)
    put(feed.landing, {"2.jsonl": content})
    assert [Path(name).name for name in feed.run().bad_files] == ["2.jsonl"]
    feed.drop("3", C)
    feed.run()
    feed.drop("2", B)
    feed.run()

    assert feed.rows() == [A, B, C]


def test_a_damaged_file_stops_the_stream_where_it_may_not_be_set_aside(feed: Feed) -> None:
    feed.drop("1", A)
    feed.run()
    put(feed.landing, {"2.jsonl": "\n"})
    feed.drop("3", C)
    assert "2.jsonl: the file is blank" in refusal(feed)
    feed.drop("2", B)
    feed.run()

    assert feed.rows() == [A, B, C]


def test_declared_columns_are_those_of_every_batch(feed: Feed) -> None:
    feed.source = {"schema": "id TINYINT, price DECIMAL(5,2)"}
    feed.drop("1", {"id": "1", "price": 1.5})
    feed.run()
    feed.drop("2", {"id": 300, "other": 1})
    feed.run()

    found = [
        (row["id"], None if row["price"] is None else str(row["price"])) for row in feed.rows()
    ]
    assert sorted(found, key=str) == [(1, "1.50"), (None, None)]


def test_the_folder_may_go_and_come_back(feed: Feed) -> None:
    share = feed.folder / "share"
    feed.source = {"path": str(share), "format": "CSV"}
    put(share, {"1.csv": "id,v\n1,a\n"})
    feed.run()
    shutil.rmtree(share)
    assert "there is nothing at" in refusal(feed)
    put(share, {"2.csv": "id,v\n2,b\n"})
    feed.run()

    assert feed.rows() == [A, B]
