"""Runs on Spark through Dagster say the same as runs on Polars, in one session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from laktory_dagster import SparkResource
from laktory_dagster.engines.spark import engine as spark_engine
from tests.integration.projects import run_job, table, write_project
from tests.sessions import shared_session

pytestmark = [pytest.mark.spark, pytest.mark.xdist_group("spark")]

TIMES = ("seconds", "run_id")


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    (tmp_path / "home").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "home")) as found:
        yield found


def said(instance: dg.DagsterInstance, node: str) -> dict[str, Any]:
    event = instance.get_latest_materialization_event(dg.AssetKey(["prices", node]))
    assert event is not None
    assert event.asset_materialization is not None
    return {name: item.value for name, item in event.asset_materialization.metadata.items()}


@pytest.mark.parametrize("resource", [None, SparkResource()])
def test_a_run_on_spark_says_what_a_run_on_polars_says(
    tmp_path: Path,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    resource: SparkResource | None,
) -> None:
    shared_session()
    opened: list[object] = []
    original = spark_engine.open_session
    monkeypatch.setattr(
        spark_engine,
        "open_session",
        lambda given, *more: opened.append(given) or original(given, *more),
    )
    found = {}
    for engine in ("polars", "spark"):
        folder = tmp_path / engine
        folder.mkdir()
        monkeypatch.setenv("LAKTORY_DAGSTER_ENGINE", engine)
        result = run_job(write_project(folder), instance, spark=resource)
        assert result.success
        checks = {
            check.check_name: (check.passed, check.metadata["failed_rows"].value)
            for check in result.get_asset_check_evaluations()
            if "failed_rows" in check.metadata
        }
        found[engine] = (said(instance, "slv"), checks)
        assert dict(table(folder, "sums").rows()) == {"A": 10.0, "B": 7.5}
    polars, spark = found["polars"], found["spark"]
    assert polars[1] == spark[1]
    assert polars[1]
    assert set(polars[0]) == set(spark[0])
    for name in ("rows_in", "rows_out", "rows_dropped", "rows_quarantined", "table_version"):
        assert polars[0][name] == spark[0][name]
    assert polars[0]["dagster/column_schema"] == spark[0]["dagster/column_schema"]
    # With a resource its engine opens the one session, which that of the run then takes.
    assert len([given for given in opened if given is None]) == 1
