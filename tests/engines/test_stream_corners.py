"""Streams whose files change their shape, whose runs break off, and whose changes come late."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from laktory_dagster.engines.base import Engine
from laktory_dagster.errors import RunFailedError
from tests.engines.streaming import Feed, in_order

A, B, C = ({"id": 1, "v": "a"}, {"id": 2, "v": "b"}, {"id": 3, "v": "c"})


@pytest.fixture
def feed(engine: Engine, tmp_path: Path) -> Feed:
    return Feed(engine.name, tmp_path)


def merging(**options: Any) -> dict[str, Any]:
    options = {"primary_keys": ["id"], **options}
    return {"table_name": "out", "mode": "MERGE", "merge_cdc_options": options}


def put(feed: Feed, name: str, text: str) -> None:
    (feed.landing / name).write_text(text)


def said(feed: Feed) -> str:
    with pytest.raises(RunFailedError) as caught:
        feed.run()
    return "\n".join(str(node.error) for node in caught.value.result.nodes.values() if node.error)


def test_an_update_by_key_is_a_merge(feed: Feed) -> None:
    """Spark refused what the documentation promises."""
    feed.sink = {"table_name": "out", "mode": "UPDATE"}
    feed.node = {"primary_keys": ["id"]}
    feed.drop("1", A, B)
    feed.run()
    feed.drop("2", {**B, "v": "new"}, C)
    feed.run()
    assert feed.rows() == in_order([A, {**B, "v": "new"}, C])


@pytest.mark.parametrize("schema", [None, "id INT, v STRING"], ids=["found", "declared"])
def test_a_file_of_a_later_batch_may_have_its_columns_in_another_order(
    feed: Feed, schema: str | None
) -> None:
    feed.source = {"format": "CSV", **({} if schema is None else {"schema": schema})}
    put(feed, "1.csv", "id,v\n1,a\n")
    feed.run()
    put(feed, "2.csv", "v,id\nb,2\n")
    put(feed, "3.csv", "id,v\n3,c\n")
    feed.run()
    assert feed.rows() == [A, B, C]


def test_a_column_that_comes_later_is_added_where_it_may(feed: Feed) -> None:
    feed.source = {"schema_evolution": "add"}
    feed.sink = {"table_name": "out", "schema_evolution": "add"}
    for number, row in enumerate([A, {**B, "w": 1}, C]):
        feed.drop(str(number), row)
        feed.run()
    assert feed.rows() == in_order([{**A, "w": None}, {**B, "w": 1}, {**C, "w": None}])


def test_a_batch_that_reached_one_of_two_tables_reaches_the_other_alone(feed: Feed) -> None:
    """What came meanwhile belongs to the next batch: no row is twice in either table."""
    second = feed.folder / "second"
    feed.node = {"sinks": [{"table_name": "out"}, {"path": str(second), "format": "DELTA"}]}
    feed.drop("1", A)
    feed.run()
    shutil.move(second, feed.folder / "away")
    second.write_text("in the way")
    feed.drop("2", B)
    assert "second" in said(feed)
    second.unlink()
    shutil.move(feed.folder / "away", second)
    feed.drop("3", C)
    while feed.run().rows_in:
        pass
    assert feed.rows() == [A, B, C]
    rows = DeltaTable(str(second)).to_pyarrow_table().to_pylist()
    assert in_order(rows) == [A, B, C]


def test_late_changes_and_deletes_come_in_any_order(feed: Feed) -> None:
    feed.sink = merging(order_by="at", delete_where="v = 'gone'")
    for number, rows in enumerate(
        [
            [{**A, "at": 5}, {**B, "at": 1}],
            [{**A, "v": "early", "at": 3}, {**B, "v": "gone", "at": 2}],
            [{**A, "v": "gone", "at": 4}, {**C, "at": 9}, {**C, "v": "gone", "at": 8}],
        ]
    ):
        feed.drop(str(number), *rows)
        feed.run()
    assert feed.rows() == in_order([{**A, "at": 5}, {**C, "at": 9}])


def test_rows_without_a_key_leave_a_merge_for_a_table_of_their_own(feed: Feed) -> None:
    feed.sink = {**merging(), "null_keys": "quarantine"}
    feed.drop("1", A, {"id": None, "v": "x"})
    first = feed.run()
    feed.drop("2", {"id": None, "v": "y"}, B)
    feed.run()
    assert (first.rows_in, first.rows_out, first.rows_quarantined) == (2, 1, 1)
    assert feed.rows() == [A, B]
    aside = feed.rows("out_quarantine")
    assert [row["v"] for row in in_order(aside)] == ["x", "y"]


def test_rows_of_one_key_that_differ_stop_the_batch_and_a_mended_file_goes_on(feed: Feed) -> None:
    feed.sink = merging()
    feed.drop("1", A)
    feed.run()
    feed.drop("2", B, {**B, "v": "other"})
    assert "merge keys with several rows that differ" in said(feed)
    assert feed.rows() == [A]
    feed.drop("2", B, B)
    feed.run()
    assert feed.rows() == [A, B]
