"""Runs on Spark through Dagster say the same as runs on Polars, in one session."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from deltalake import DeltaTable

from laktory_dagster import SparkResource
from laktory_dagster.engines.spark import engine as spark_engine
from tests.integration.projects import PRICES, run_job, table, write_project
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


def written_by(folder: Path, name: str) -> str:
    """Return the library that the table's log names."""
    history = DeltaTable(str(folder / "warehouse/main/fin" / name)).history()
    said = history[0].get("engineInfo") or history[0]["clientVersion"]
    return str(re.split("[/.:]", said)[0])


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Return a list that gets what every session that is opened was given."""
    shared_session()
    found: list[object] = []
    original = spark_engine.open_session
    monkeypatch.setattr(
        spark_engine,
        "open_session",
        lambda given, *more: found.append(given) or original(given, *more),
    )
    return found


@pytest.mark.parametrize("resource", [None, SparkResource()])
def test_a_run_on_spark_says_what_a_run_on_polars_says(
    tmp_path: Path,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    opened: list[object],
    resource: SparkResource | None,
) -> None:
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


@pytest.mark.parametrize("resource", [None, SparkResource()])
def test_a_mixed_pipeline_is_one_run_with_one_session(
    tmp_path: Path,
    instance: dg.DagsterInstance,
    opened: list[object],
    resource: SparkResource | None,
) -> None:
    text = PRICES
    for name, engine in (
        ("brz", "SPARK"),
        ("slv", "POLARS"),
        ("sums", "SPARK"),
        ("counts", "SPARK"),
    ):
        text = text.replace(f"name: {name}\n", f"name: {name}\n    dataframe_type: {engine}\n", 1)
    result = run_job(write_project(tmp_path, text=text), instance, spark=resource)
    assert result.success
    assert {name: written_by(tmp_path, name) for name in ("brz", "slv", "sums", "counts")} == {
        "brz": "Apache-Spark",
        "slv": "delta-rs",
        "sums": "Apache-Spark",
        "counts": "Apache-Spark",
    }
    assert dict(table(tmp_path, "sums").rows()) == {"A": 10.0, "B": 7.5}
    assert table(tmp_path, "counts").rows() == [(5,)]
    assert len([given for given in opened if given is None]) == 1
