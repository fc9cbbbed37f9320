"""Folders whose names have marks of patterns, of SQL and of URLs are places as any others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from laktory_dagster.engines.base import Engine
from laktory_dagster.engines.registry import open_engine
from laktory_dagster.models import MergeOptions
from tests.engines.writing import Desk
from tests.sessions import SPARK_KINDS, shared_session

NAMES = ["a{b} q?x st*r {}", "tick`t it's hash#x a=b ü+,;"]
OF_SPARK = "[b] back\\s"  # delta-rs and Polars have other names for such a folder
FIRST = pl.DataFrame({"id": [1, 2], "v": ["a", "b"]})
SECOND = pl.DataFrame({"id": [2, 3], "v": ["B", "c"]})


@pytest.fixture
def desk(engine: Engine, tmp_path: Path) -> Desk:
    return Desk(engine, tmp_path)


def merged(desk: Desk, name: str, **more: Any) -> Any:
    return desk.target(name, mode="MERGE", primary_keys=("id",), **more)


@pytest.fixture(params=SPARK_KINDS)
def spark_desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    engine = open_engine("spark", spark=shared_session(request.param))
    yield Desk(engine, tmp_path)
    engine.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_table_there_is_written_shown_and_merged(desk: Desk, name: str) -> None:
    """Spark took marks for a pattern, and braces for the place of a frame in the statement."""
    summary, _ = desk.write(FIRST, desk.target(name))
    assert list(summary.preview) == FIRST.to_dicts()
    commit = desk.put(SECOND, merged(desk, name), run="run-2")
    assert commit.rows == 2
    assert desk.rows(desk.target(name)) == [(1, "a"), (2, "B"), (3, "c")]


def test_a_table_with_brackets_or_strokes_in_its_name(spark_desk: Desk) -> None:
    target = spark_desk.target(OF_SPARK, partition_by=("v",))
    summary, _ = spark_desk.write(FIRST, target)
    assert sorted(summary.preview, key=str) == FIRST.to_dicts()
    commit = spark_desk.put(SECOND, merged(spark_desk, OF_SPARK), run="run-2")
    assert commit.version == 1


def test_a_table_there_keeps_its_history(desk: Desk) -> None:
    target = merged(desk, NAMES[0], merge=MergeOptions(scd_type=2, order_by="at"))
    desk.put(pl.DataFrame({"id": [1], "v": ["a"], "at": [1]}), target)
    desk.put(pl.DataFrame({"id": [1], "v": ["b"], "at": [2]}), target, run="run-2")
    assert [row[:2] + row[3:] for row in desk.rows(target)] == [(1, "a", 1, 2), (1, "b", 2, None)]


@pytest.mark.parametrize("kind", ["PARQUET", "CSV", "JSON"])
def test_data_in_folders_there_are_written_and_shown(desk: Desk, kind: str) -> None:
    target = desk.target(NAMES[0], kind, partition_by=("v",))
    summary, (commit,) = desk.write(FIRST, target)
    assert sorted(summary.preview, key=str) == FIRST.to_dicts()
    assert sorted(desk.engine.head(commit.published, 9), key=str) == FIRST.to_dicts()
