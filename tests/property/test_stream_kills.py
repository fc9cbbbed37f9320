"""Whatever of a stream is killed when, every row arrives once in each of its tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import polars as pl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from laktory_dagster.errors import RunFailedError
from tests.engines.streaming import Feed
from tests.engines.writing import current_files
from tests.property.test_kill_retry import killed_at

STORAGE = "laktory_dagster.engines.storage"
POINTS = {
    "offset": [f"{STORAGE}.checkpoints.Checkpoint.open"],
    "note": [f"{STORAGE}.staging.Slot.open"],
    "pass": ["laktory_dagster.engines.polars.write._collect"],
    "table": [
        "deltalake.DeltaTable.create_write_transaction",
        "laktory_dagster.engines.polars.delta_log.create_table_with_add_actions",
    ],
    "folder": [f"{STORAGE}.store.LocalStore.publish"],
    "receipt of the table": ["laktory_dagster.engines.polars.delta.write_receipt"],
    "receipt of the folder": [f"{STORAGE}.publishing.write_receipt"],
    "close": ["laktory_dagster.execution.batches.Batch.close"],
    "refresh": [f"{STORAGE}.checkpoints.Checkpoint.adopt_refresh"],
}
DEATHS = st.lists(st.tuples(st.sampled_from(sorted(POINTS)), st.booleans()), max_size=3)
RUNS = st.lists(
    st.tuples(st.lists(st.integers(0, 9), max_size=3), DEATHS, st.booleans()),
    min_size=1,
    max_size=4,
)


@contextmanager
def dying(point: str, after: bool) -> Iterator[None]:
    """Die at a point; the dying process does not take its batch back either."""
    abandoned = mock.patch("laktory_dagster.execution.batches.Batch.abandon")
    with abandoned, killed_at(POINTS[point], after):
        yield


def feed_of(folder: Path, kind: str) -> Feed:
    table: dict[str, Any] = {"table_name": "out"}
    if kind == "merge":
        table |= {"mode": "MERGE", "merge_cdc_options": {"primary_keys": ["id"]}}
    files = {"path": str(folder / "files"), "format": "PARQUET"}
    sinks = {
        "table": [table],
        "merge": [table],
        "table and files": [table, files],
        "files and table": [files, table],
    }[kind]
    rule = {"name": "even", "expr": "v % 2 = 0", "action": "QUARANTINE"}
    return Feed("polars", folder, node={"sinks": sinks, "expectations": [rule]})


def stored(folder: Path, kind: str) -> list[list[tuple[int, int]]]:
    """Return the rows of all tables of good rows, and those that are set aside."""
    lake = folder / "lake/main/default"
    places = [] if kind == "files and table" else [lake / "out_quarantine"]
    found = [rows_of(pl.read_delta(str(place))) for place in (lake / "out", *places)]
    if "files" in kind:
        found.append(rows_of(pl.read_parquet(current_files(folder / "files"))))
    return found


def rows_of(frame: pl.DataFrame) -> list[tuple[int, int]]:
    return sorted(frame.select("id", "v").rows())


def revived(feed: Feed) -> None:
    """Run what the dead ones left; where a refresh died twice, as its message says."""
    try:
        feed.run()
    except RunFailedError as error:
        if "--full-refresh" not in str(error):
            raise
        feed.run(full_refresh=True)


@pytest.mark.parametrize("kind", ["table", "merge", "table and files", "files and table"])
@given(runs=RUNS)
@settings(max_examples=4, deadline=None, phases=[Phase.generate])
def test_every_row_of_a_killed_stream_arrives_once(
    tmp_path_factory: pytest.TempPathFactory, kind: str, runs: list[Any]
) -> None:
    folder = tmp_path_factory.mktemp("stream")
    feed = feed_of(folder, kind)
    rows: list[tuple[int, int]] = []
    for number, (values, deaths, refresh) in enumerate(runs):
        new = [(100 * number + place, value) for place, value in enumerate(values)]
        if new:
            feed.drop(f"{number}", *({"id": key, "v": value} for key, value in new))
        rows += new
        for point, after in deaths:
            with dying(point, after):
                feed.run(full_refresh=refresh and bool(rows))
        if not rows:
            continue
        revived(feed)
        good = [row for row in rows if row[1] % 2 == 0]
        aside = [row for row in rows if row[1] % 2]
        tables = stored(folder, kind)
        assert tables[0] == good
        assert tables[-1] == (aside if kind in ("table", "merge") else good)
        assert feed.run().rows_in == 0
