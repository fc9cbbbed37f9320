"""Users' own assets beside nodes: how their frames are stored, again and by whom they are read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run_iterator

from laktory_dagster import build_definitions, node_input
from tests.unit.dagster.test_runs import failure, materialized, metadata, run, write

PIPELINE = """
name: own
nodes:
  - {name: first, source: {path: in.parquet, format: PARQUET}, sink: {table_name: first}}
  - name: look
    source: {node_name: first}
    expectations: [{name: small, expression: x < 100, action: DROP}]
"""
MART = ["mart", "top"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAKTORY_DAGSTER_WAREHOUSE", str(tmp_path / "warehouse"))
    return tmp_path


def give(folder: Path, *values: int) -> None:
    pl.DataFrame({"x": values}).write_parquet(folder / "in.parquet")


def stored(folder: Path, name: str = "mart/top") -> list[int]:
    return sorted(pl.read_delta(str(folder / "warehouse/main" / name))["x"].to_list())


def taker(reads: str = "own.first", **options: Any) -> dg.AssetsDefinition:
    """Return an asset of a user that stores the rows of a node."""

    def take(rows: Any) -> Any:
        return rows

    ins = {"rows": node_input(reads)}
    return dg.asset(key=MART, io_manager_key="laktory", ins=ins, **options)(take)


def both(folder: Path, *assets: Any, text: str = PIPELINE, **options: Any) -> dg.Definitions:
    pipelines = build_definitions(write(folder, text), **options)
    return dg.Definitions.merge(pipelines, dg.Definitions(assets=list(assets)))


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (None, [3]),
        ("OVERWRITE", [3]),
        ("append", [1, 2, 3]),
        ("ignore", [1, 2]),
    ],
)
def test_the_mode_of_a_users_asset_says_what_a_second_run_does(
    folder: Path, mode: str | None, expected: list[int]
) -> None:
    asset = taker(metadata={"laktory/mode": mode} if mode else {})
    definitions = both(folder, asset)
    give(folder, 1, 2)
    assert run(definitions, "own/first", "mart/top").success
    give(folder, 3)

    result = run(definitions, "own/first", "mart/top")

    assert result.success
    assert stored(folder) == expected
    assert metadata(result, "mart/top")["dagster/row_count"] == len(expected)


def test_the_mode_error_refuses_a_table_that_is_there(folder: Path) -> None:
    definitions = both(folder, taker(metadata={"laktory/mode": "ERROR"}))
    give(folder, 1)
    assert run(definitions, "own/first", "mart/top").success

    result = run(definitions, "mart/top")

    assert not result.success
    assert "mart.top" in failure(result)
    assert stored(folder) == [1]


def test_a_mode_that_is_none_is_named_with_those_that_are(folder: Path) -> None:
    give(folder, 1)

    result = run(both(folder, taker(metadata={"laktory/mode": "MERGE"})), "own/first", "mart/top")

    assert materialized(result) == ["own/first"]
    assert "`laktory/mode` is `MERGE`" in failure(result)
    assert "OVERWRITE, APPEND, IGNORE, ERROR" in failure(result)


def test_the_table_of_a_users_asset_can_be_named(folder: Path) -> None:
    give(folder, 4)
    definitions = both(folder, taker(metadata={"laktory/table": "lake.gold.best"}))

    result = run(definitions, "own/first", "mart/top")

    frame = pl.read_delta(str(folder / "warehouse/lake/gold/best"))
    assert frame["x"].to_list() == [4]
    assert metadata(result, "mart/top")["dagster/table_name"] == "lake.gold.best"


def test_the_table_is_named_after_the_last_two_parts_of_the_key(folder: Path) -> None:
    give(folder, 4)

    @dg.asset(key=["team", "mart", "deep"], io_manager_key="laktory")
    def deep() -> pl.DataFrame:
        return pl.DataFrame({"x": [7]})

    @dg.asset(key=["single"], io_manager_key="laktory")
    def single() -> pl.DataFrame:
        return pl.DataFrame({"x": [8]})

    assert run(both(folder, deep, single), "team/mart/deep", "single").success
    assert stored(folder, "mart/deep") == [7]
    assert stored(folder, "default/single") == [8]


def test_a_named_table_is_read_where_it_was_stored(folder: Path) -> None:
    give(folder, 4)
    seen: list[list[int]] = []

    @dg.asset(ins={"rows": dg.AssetIn(key=MART)})
    def reader(rows: pl.DataFrame) -> None:
        seen.append(rows["x"].to_list())

    definitions = both(folder, taker(metadata={"laktory/table": "gold.best"}), reader)

    assert run(definitions, "own/first", "mart/top", "reader").success
    # In a run of its own Dagster does not have the writer's output at hand.
    assert run(definitions, "reader").success
    assert seen == [[4], [4]]


def test_a_users_asset_with_partitions_is_refused_and_told_why(folder: Path) -> None:
    @dg.asset(
        key=MART,
        io_manager_key="laktory",
        partitions_def=dg.StaticPartitionsDefinition(["a", "b"]),
    )
    def parts() -> pl.DataFrame:
        return pl.DataFrame({"x": [1]})

    give(folder, 1)
    job = both(folder, parts).resolve_implicit_global_asset_job_def()

    result = job.execute_in_process(
        partition_key="a",
        asset_selection=[dg.AssetKey(MART)],
        raise_on_error=False,
        instance=dg.DagsterInstance.ephemeral(),
    )

    assert "`mart/top` has partitions, which are not stored yet" in failure(result)
    assert not (folder / "warehouse").exists()


def test_an_asset_that_gives_nothing_stores_nothing(folder: Path) -> None:
    @dg.asset(key=MART, io_manager_key="laktory")
    def nothing() -> None: ...

    result = run(both(folder, nothing), "mart/top")

    assert materialized(result) == ["mart/top"]
    assert not (folder / "warehouse").exists()


def test_a_view_is_computed_for_a_users_asset_with_its_rules(folder: Path) -> None:
    give(folder, 1, 100, 2)

    assert run(both(folder, taker("own.look")), "own/first", "own/look", "mart/top").success

    assert stored(folder) == [1, 2]


def test_a_users_asset_reads_what_is_stored_without_running_the_node(folder: Path) -> None:
    give(folder, 1)
    definitions = both(folder, taker())
    assert run(definitions, "own/first").success
    give(folder, 2)

    result = run(definitions, "mart/top")

    assert materialized(result) == ["mart/top"]
    assert stored(folder) == [1]


def test_a_users_asset_reads_the_warehouse_that_the_call_names(folder: Path) -> None:
    give(folder, 5)
    elsewhere = folder / "elsewhere"
    definitions = both(folder, taker(), warehouse=str(elsewhere))

    assert run(definitions, "own/first", "mart/top").success

    assert pl.read_delta(str(elsewhere / "main/mart/top"))["x"].to_list() == [5]
    assert not (folder / "warehouse").exists()


class Again:
    """Runs of one job as the UI makes them, with parents."""

    def __init__(self, definitions: dg.Definitions, instance: dg.DagsterInstance) -> None:
        self.job = definitions.resolve_implicit_global_asset_job_def()
        self.instance = instance

    def run(self, parent: dg.DagsterRun | None = None) -> dg.DagsterRun:
        root = (parent.root_run_id or parent.run_id) if parent else None
        run = self.instance.create_run_for_job(
            self.job, parent_run_id=parent.run_id if parent else None, root_run_id=root
        )
        for _ in execute_run_iterator(InMemoryJob(self.job), run, self.instance):
            pass
        found = self.instance.get_run_by_id(run.run_id)
        assert found is not None
        assert found.status is dg.DagsterRunStatus.SUCCESS
        return found

    def said(self) -> dict[str, Any]:
        event = self.instance.get_latest_materialization_event(dg.AssetKey(MART))
        assert event is not None
        assert event.asset_materialization is not None
        return {name: item.value for name, item in event.asset_materialization.metadata.items()}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


def test_a_users_append_is_made_once_by_a_run_and_its_reexecutions(
    folder: Path, instance: dg.DagsterInstance
) -> None:
    again = Again(both(folder, taker(metadata={"laktory/mode": "APPEND"})), instance)
    give(folder, 1, 2)
    first = again.run()
    assert "laktory/message" not in again.said()

    second = again.run(first)

    assert stored(folder) == [1, 2]
    assert "nothing was added to main.mart.top" in again.said()["laktory/message"]
    again.run(second)
    assert stored(folder) == [1, 2]
    # A new run appends again, as a node does.
    again.run()
    assert stored(folder) == [1, 1, 2, 2]


def test_a_users_overwrite_is_made_again_by_a_reexecution(
    folder: Path, instance: dg.DagsterInstance
) -> None:
    again = Again(both(folder, taker()), instance)
    give(folder, 1, 2)
    first = again.run()
    give(folder, 3)

    again.run(first)

    assert stored(folder) == [3]
    assert again.said()["dagster/row_count"] == 1
