"""A session that is given: what decides the meaning of a pipeline counts in a run, and only there."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from laktory_dagster.engines.registry import engine_of, open_engine
from laktory_dagster.engines.spark.session import MEANING, local_configuration, open_session
from laktory_dagster.errors import TransformError
from laktory_dagster.settings import SparkSettings
from tests.engines.transforming import chained, rows, step
from tests.engines.writing import Desk
from tests.sessions import SPARK_KINDS, shared_session

FOREIGN = {
    "spark.sql.ansi.enabled": "true",
    "spark.sql.session.timeZone": "Asia/Tokyo",
    "spark.sql.legacy.timeParserPolicy": "EXCEPTION",
}


@pytest.fixture(params=SPARK_KINDS)
def spark(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A session with settings of its own, as a notebook has."""
    session = shared_session(request.param)
    before = {key: session.conf.get(key, None) for key in MEANING}
    for key, value in FOREIGN.items():
        session.conf.set(key, value)
    yield session
    for key, value in before.items():
        if value is None:
            session.conf.unset(key)
        else:
            session.conf.set(key, value)


def test_settings_are_changed_for_a_run_and_put_back(spark: Any) -> None:
    engine = open_engine("spark", spark=spark)
    found = rows(
        engine, {"v": ["x"]}, step("selectExpr", "CAST(v AS INT) AS n", "current_timezone() AS z")
    )
    assert found == [(None, "UTC")]
    during = {key: spark.conf.get(key) for key in MEANING}
    engine.close()
    assert during == MEANING
    assert {key: spark.conf.get(key) for key in FOREIGN} == FOREIGN


def test_a_run_that_fails_puts_them_back_too(spark: Any) -> None:
    engine = open_engine("spark", spark=spark)
    with pytest.raises(TransformError):
        chained(engine, {"v": ["x"]}, step("select", "nope"))
    engine.close()
    assert {key: spark.conf.get(key) for key in FOREIGN} == FOREIGN


def test_a_given_session_stays_open_and_serves_the_next_run(spark: Any) -> None:
    for _ in range(2):
        engine = open_engine("spark", spark=spark)
        assert rows(engine, {"n": [1]}) == [(1,)]
        engine.close()
        engine.close()
    assert spark.range(3).count() == 3


def test_a_resource_is_asked_for_its_session_when_it_is_needed(spark: Any) -> None:
    class Resource:
        asked = 0

        @property
        def spark_session(self) -> Any:
            self.asked += 1
            return spark

    resource = Resource()
    engine = open_engine("spark", spark=resource)
    assert resource.asked == 0
    assert rows(engine, {"n": [1]}) == [(1,)]
    engine.close()
    assert resource.asked == 1


def test_an_engine_that_was_never_used_starts_no_session() -> None:
    open_engine("spark", settings=SparkSettings(remote="sc://127.0.0.1:1")).close()


def test_a_merge_leaves_no_note_in_the_session(spark: Any, tmp_path: Path) -> None:
    """Every commit of the session would carry it, also those of others."""
    engine = open_engine("spark", spark=spark)
    desk = Desk(engine, tmp_path)
    data = {"id": [1], "v": ["a"]}
    desk.put(data, desk.target("t"))
    more = {"id": [1], "v": ["b"], "w": [1]}
    target = desk.target("t", mode="MERGE", primary_keys=("id",), schema_evolution="add")
    desk.put(more, target, run="run-2")
    engine.close()
    for key in ("commitInfo.userMetadata", "schema.autoMerge.enabled"):
        assert spark.conf.get(f"spark.databricks.delta.{key}", None) in (None, "false")


def test_the_frame_says_whose_it_is(spark: Any) -> None:
    assert engine_of(spark.range(1)) == "spark"
    assert engine_of([1]) is None


@pytest.mark.spark
@pytest.mark.xdist_group("spark")
def test_errors_are_told_in_a_line_and_not_in_stacks(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """PySpark prints Java's stack for each wrong column, a page for a typing error."""
    session = open_session(shared_session(), SparkSettings(cache=tmp_path))
    capfd.readouterr()
    for name in ("DataFrameQueryContextLogger", "SQLQueryContextLogger"):
        assert logging.getLogger(name).level == logging.CRITICAL
    engine = open_engine("spark", spark=session.spark)
    with pytest.raises(TransformError):
        chained(engine, {"v": ["x"]}, step("sort", "nope"))
    assert "at org.apache.spark" not in "".join(capfd.readouterr())
    engine.close()


def test_a_local_session_keeps_its_files_in_the_cache(tmp_path: Path) -> None:
    found = local_configuration(SparkSettings(cache=tmp_path))
    assert found["spark.sql.warehouse.dir"] == str(tmp_path / "spark-warehouse")
    assert str(tmp_path / "derby") in found["spark.driver.extraJavaOptions"]
    assert "spark.sql.catalogImplementation" not in found
    assert int(found["spark.driver.memory"].removesuffix("m")) >= 1024
