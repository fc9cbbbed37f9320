"""Runs through Dagster: tables, metadata, checks, failures, retries, in both step modes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from laktory_dagster.engines.polars import write
from laktory_dagster.errors import WriteError
from tests.integration.projects import run_job, table, write_project

STEPS = pytest.mark.parametrize("steps", ["node", "fused"])


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    (tmp_path / "home").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "home")) as found:
        yield found


def key(node: str) -> dg.AssetKey:
    return dg.AssetKey(["prices", node])


def metadata(instance: dg.DagsterInstance, node: str) -> dict[str, Any]:
    event = instance.get_latest_materialization_event(key(node))
    assert event is not None
    assert event.asset_materialization is not None
    return {name: item.value for name, item in event.asset_materialization.metadata.items()}


@STEPS
def test_a_run_stores_tables_and_says_what_it_stored(
    tmp_path: Path, instance: dg.DagsterInstance, steps: str
) -> None:
    file = write_project(tmp_path)

    result = run_job(file, instance, steps=steps)

    assert result.success
    silver = table(tmp_path, "slv")
    assert sorted(silver["id"]) == [1, 4]
    assert table(tmp_path, "slv_quarantine")["_failed_rules"].to_list() == [["price > 0"]]
    assert table(tmp_path, "counts")["n"].to_list() == [5]
    assert dict(table(tmp_path, "sums").rows()) == {"A": 10.0, "B": 7.5}
    found = metadata(instance, "slv")
    assert (found["rows_in"], found["rows_out"]) == (4, 2)
    assert (found["rows_dropped"], found["rows_quarantined"]) == (1, 1)
    assert found["dagster/row_count"] == 2
    assert found["dagster/table_name"] == "main.fin.slv"
    assert found["dagster/uri"] == str(tmp_path / "warehouse" / "main" / "fin" / "slv")
    assert found["table_version"] == 0
    columns = {column.name: column.type for column in found["dagster/column_schema"].columns}
    assert columns["price_eur"] == "float64"
    assert columns["_silver_at"] == "timestamp[us, UTC]"


@STEPS
def test_every_expectation_is_a_check_with_counts(
    tmp_path: Path, instance: dg.DagsterInstance, steps: str
) -> None:
    result = run_job(write_project(tmp_path), instance, steps=steps)

    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    assert set(checks) == {"price_is_there", "price___0", "few_rows", "symbol_is_A"}
    there = checks["price_is_there"]
    assert not there.passed
    assert there.severity is dg.AssetCheckSeverity.WARN
    assert there.metadata["failed_rows"].value == 1
    assert checks["few_rows"].passed
    assert checks["few_rows"].severity is dg.AssetCheckSeverity.ERROR
    assert checks["symbol_is_A"].metadata["failed_rows"].value == 2


@STEPS
def test_a_failing_rule_blocks_its_node_and_its_descendants_only(
    tmp_path: Path, instance: dg.DagsterInstance, steps: str
) -> None:
    file = write_project(tmp_path)
    assert run_job(file, instance, steps=steps).success
    before = table(tmp_path, "slv")
    file.write_text(file.read_text().replace("count(*) < 100", "count(*) < 2"))

    result = run_job(file, instance, steps=steps)

    assert not result.success
    materialized = {e.asset_key for e in result.get_asset_materialization_events()}
    assert materialized == {key("brz"), key("counts")}
    failed = [c for c in result.get_asset_check_evaluations() if c.check_name == "few_rows"]
    assert [check.passed for check in failed] == [False]
    assert table(tmp_path, "slv").equals(before)


@STEPS
def test_a_lost_commit_leaves_independent_siblings_alone(
    tmp_path: Path,
    instance: dg.DagsterInstance,
    steps: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = write_project(tmp_path)
    commit = write.PolarsStaged.commit

    def lost(self: Any, target: Any, receipt: Any) -> Any:
        if receipt.node == "slv":
            raise WriteError("the disk is gone")
        return commit(self, target, receipt)

    with monkeypatch.context() as patched:
        patched.setattr(write.PolarsStaged, "commit", lost)
        result = run_job(file, instance, steps=steps)

    assert not result.success
    materialized = {e.asset_key for e in result.get_asset_materialization_events()}
    assert materialized == {key("brz"), key("counts")}
    errors = [e for e in instance.all_logs(result.run_id) if e.level == 40 and "slv" in e.message]
    assert any("the disk is gone" in error.message for error in errors)


@STEPS
def test_running_again_gives_the_same_tables(
    tmp_path: Path, instance: dg.DagsterInstance, steps: str
) -> None:
    file = write_project(tmp_path)
    run_job(file, instance, steps=steps)
    first = table(tmp_path, "slv").drop("_silver_at", "_bronze_at").sort("id")
    run_job(file, instance, steps=steps)

    assert table(tmp_path, "slv").drop("_silver_at", "_bronze_at").sort("id").equals(first)
    assert metadata(instance, "slv")["table_version"] == 1


@STEPS
def test_a_subset_reads_what_is_stored(
    tmp_path: Path, instance: dg.DagsterInstance, steps: str
) -> None:
    file = write_project(tmp_path)
    run_job(file, instance, steps=steps)

    result = run_job(file, instance, ["sums"], steps=steps)

    assert result.success
    assert [e.asset_key for e in result.get_asset_materialization_events()] == [key("sums")]


@STEPS
def test_retries_from_failure_repeat_nothing_that_is_finished(
    tmp_path: Path,
    instance: dg.DagsterInstance,
    steps: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text_mode = "mode: APPEND, schema_name: fin, table_name: counts"
    file = write_project(tmp_path)
    file.write_text(file.read_text().replace("schema_name: fin, table_name: counts", text_mode))
    commit = write.PolarsStaged.commit

    def lost(self: Any, target: Any, receipt: Any) -> Any:
        if receipt.node == "slv":
            raise WriteError("the disk is gone")
        return commit(self, target, receipt)

    from laktory_dagster import build_definitions

    job = build_definitions(file, steps=steps).resolve_job_def("prices")
    with monkeypatch.context() as patched:
        patched.setattr(write.PolarsStaged, "commit", lost)
        first = job.execute_in_process(instance=instance, raise_on_error=False)
    assert not first.success
    options = dg.ReexecutionOptions.from_failure(first.run_id, instance)
    again = dg.execute_job(
        _recon(file, steps),
        instance=instance,
        reexecution_options=options,
    )

    assert again.success
    assert table(tmp_path, "counts")["n"].to_list() == [5]
    assert sorted(table(tmp_path, "slv")["id"]) == [1, 4]
    assert dict(table(tmp_path, "sums").rows()) == {"A": 10.0, "B": 7.5}


def _recon(file: Path, steps: str) -> Any:
    return dg.build_reconstructable_job(
        "tests.integration.reconstructed", "reconstruct", (str(file), steps), {}
    )


@STEPS
def test_unchanged_inputs_keep_the_data_version(
    tmp_path: Path, instance: dg.DagsterInstance, steps: str
) -> None:
    file = write_project(tmp_path)

    def versions() -> dict[str, str | None]:
        run_job(file, instance, steps=steps)
        found = {}
        for node in ("brz", "slv", "sums"):
            event = instance.get_latest_materialization_event(key(node))
            assert event is not None
            assert event.asset_materialization is not None
            tags = event.asset_materialization.tags or {}
            found[node] = tags.get("dagster/data_version")
        return found

    first, second = versions(), versions()
    pl.DataFrame([{"id": 9, "symbol": "C", "price": 1.0}]).write_parquet(
        tmp_path / "data" / "more.parquet"
    )
    third = versions()

    assert first == second
    assert all(first[node] != third[node] for node in first)


@STEPS
def test_checks_run_alone_without_storing_anything(
    tmp_path: Path, instance: dg.DagsterInstance, steps: str
) -> None:
    file = write_project(tmp_path)
    run_job(file, instance, steps=steps)
    from laktory_dagster import build_definitions

    definitions = build_definitions(file, steps=steps)
    job = dg.define_asset_job("only_checks", dg.AssetSelection.checks_for_assets(key("slv")))
    both = dg.Definitions.merge(definitions, dg.Definitions(jobs=[job]))

    result = both.resolve_job_def("only_checks").execute_in_process(instance=instance)

    assert len(result.get_asset_check_evaluations()) == 4
    assert result.get_asset_materialization_events() == []
    assert pl_version(tmp_path, "slv") == 0


def pl_version(folder: Path, name: str) -> int:
    """Return the version of a table of the project."""
    from deltalake import DeltaTable

    return DeltaTable(str(folder / "warehouse" / "main" / "fin" / name)).version()
