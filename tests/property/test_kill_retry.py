"""Whatever is killed when and retried in which order, the table ends as if nothing had happened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laktory_dagster.engines.base import Engine, Target
from laktory_dagster.engines.registry import open_engine
from laktory_dagster.engines.storage import staging
from tests.engines.writing import Desk

POLARS = "laktory_dagster.engines.polars"
STORAGE = "laktory_dagster.engines.storage"


class Killed(BaseException):
    """The process is gone: nothing of it runs any more."""


POINTS = {
    "nothing": [],
    "note": [f"{STORAGE}.staging.Slot.open"],
    "pass": [f"{POLARS}.write._collect"],
    "commit": [
        "deltalake.DeltaTable.create_write_transaction",
        f"{POLARS}.delta_log.create_table_with_add_actions",
        f"{STORAGE}.store.LocalStore.publish",
    ],
    "receipt": [
        f"{POLARS}.delta.write_receipt",
        f"{STORAGE}.publishing.write_receipt",
        f"{POLARS}.files.settle_pending",
    ],
}


@contextmanager
def killed_at(points: list[str], after: bool) -> Iterator[None]:
    """Die at the first of the points; the dying process cleans nothing up."""
    with mock.patch.object(staging.Slot, "close"):
        patches = [_dying(point, after) for point in points]
        try:
            for patch in patches:
                patch.start()
            yield
        except Killed:
            pass
        finally:
            for patch in patches:
                patch.stop()
            staging._alive.clear()
            staging._kept.clear()


def _dying(point: str, after: bool) -> Any:
    original = _resolve(point)

    def die(*args: Any, **kwargs: Any) -> None:
        if after:
            original(*args, **kwargs)
        raise Killed

    return mock.patch(point, die)


def _resolve(point: str) -> Any:
    import importlib

    parts = point.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:cut]))
        except ImportError:
            continue
        for part in parts[cut:]:
            found = getattr(found, part)
        return found
    raise AssertionError(point)


TARGETS = {
    "delta overwrite": ("table", "DELTA", "OVERWRITE"),
    "delta append": ("table", "DELTA", "APPEND"),
    "parquet file": ("one.parquet", "PARQUET", "OVERWRITE"),
    "csv file": ("one.csv", "CSV", "OVERWRITE"),
    "folder overwrite": ("folder", "PARQUET", "OVERWRITE"),
    "folder append": ("folder", "PARQUET", "APPEND"),
}
ATTEMPTS = st.lists(st.tuples(st.sampled_from(sorted(POINTS)), st.booleans()), max_size=3)
RUNS = st.lists(
    st.tuples(st.lists(st.integers(0, 9), min_size=1, max_size=3), ATTEMPTS),
    min_size=1,
    max_size=3,
)


@pytest.mark.parametrize("kind", TARGETS)
@given(runs=RUNS)
@settings(max_examples=12, deadline=None)
def test_kills_and_retries_end_in_the_same_table(
    tmp_path_factory: pytest.TempPathFactory, kind: str, runs: list[Any]
) -> None:
    engine: Engine = open_engine("polars")
    desk = Desk(engine, tmp_path_factory.mktemp("kill"))
    name, form, mode = TARGETS[kind]
    target = desk.target(name, form, mode)
    expected: list[tuple[int]] = []
    for number, (values, attempts) in enumerate(runs):
        before = sorted(expected)
        rows = [(value,) for value in values]
        expected = [*expected, *rows] if mode == "APPEND" else rows
        for point, after in attempts:
            with killed_at(POINTS[point], after):
                desk.put(pl.DataFrame({"a": values}), target, run=f"r{number}")
            stored = _stored(desk, target)
            assert stored in (before, sorted(expected))
        desk.put(pl.DataFrame({"a": values}), target, run=f"r{number}")
        assert _stored(desk, target) == sorted(expected)
        receipt = engine.find_receipt(target.place, form, f"r{number}/prices/sink_0/-")
        assert receipt is not None
        assert receipt.rows_out == len(values)
    assert [file for file in desk.files() if file.endswith(".tmp")] == []


def _stored(desk: Desk, target: Target) -> list[tuple[int]]:
    if desk.engine.inspect(target.place, target.format) is None:
        return []
    try:
        return desk.rows(target)
    except ValueError:
        return []
