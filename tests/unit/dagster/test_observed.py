"""Jobs that observe external data beside the nodes that read them, and what is stale then."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContextForTest

from laktory_dagster import build_definitions
from tests.unit.dagster.test_runs import BOTH, failure, materialized, run, write

TEXT = """
name: p
nodes:
  - {name: apart, source: {data: [{x: 1}]}, sink: {table_name: apart}}
  - {name: reader, source: {path: in.json, format: JSON}, sink: {table_name: reader}}
  - {name: below, source: {node_name: reader}, sink: {table_name: below}}
"""
SOURCE = "files/in_json"


def statuses(definitions: dg.Definitions, instance: dg.DagsterInstance) -> list[str]:
    """Return how fresh Dagster takes the nodes for, in the order of the text."""
    graph = definitions.resolve_asset_graph()
    resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
    keys = [dg.AssetKey(["p", name]) for name in ("apart", "reader", "below")]
    return [resolver.get_status(key).value for key in keys]


@BOTH
def test_a_source_that_cannot_be_read_fails_what_reads_it_and_nothing_else(
    tmp_path: Path, steps: str
) -> None:
    result = run(build_definitions(write(tmp_path, TEXT), steps=steps))

    assert not result.success
    assert materialized(result) == ["p/apart"]
    assert "reader: there is nothing at" in failure(result)


@BOTH
def test_what_is_read_and_observed_in_one_run_is_fresh(tmp_path: Path, steps: str) -> None:
    definitions = build_definitions(write(tmp_path, TEXT), steps=steps)
    instance = dg.DagsterInstance.ephemeral()
    (tmp_path / "in.json").write_text('{"x": 1}\n')

    result = run(definitions, instance=instance)

    assert materialized(result) == ["p/apart", "p/reader", "p/below"]
    assert statuses(definitions, instance) == ["FRESH"] * 3


@BOTH
def test_a_source_that_is_away_makes_its_reader_stale_until_it_is_back(
    tmp_path: Path, steps: str
) -> None:
    definitions = build_definitions(write(tmp_path, TEXT), steps=steps)
    instance = dg.DagsterInstance.ephemeral()
    file = tmp_path / "in.json"
    file.write_text('{"x": 1}\n')
    assert run(definitions, instance=instance).success

    file.rename(tmp_path / "away")
    assert run(definitions, SOURCE, instance=instance).success
    assert statuses(definitions, instance) == ["FRESH", "STALE", "FRESH"]

    (tmp_path / "away").rename(file)
    assert run(definitions, SOURCE, instance=instance).success
    assert statuses(definitions, instance) == ["FRESH"] * 3


@BOTH
def test_a_change_of_a_source_makes_stale_what_reads_it(tmp_path: Path, steps: str) -> None:
    definitions = build_definitions(write(tmp_path, TEXT), steps=steps)
    instance = dg.DagsterInstance.ephemeral()
    (tmp_path / "in.json").write_text('{"x": 1}\n')
    assert run(definitions, instance=instance).success

    (tmp_path / "in.json").write_text('{"x": 1}\n{"x": 2}\n')
    assert run(definitions, SOURCE, instance=instance).success

    assert statuses(definitions, instance) == ["FRESH", "STALE", "FRESH"]
    assert run(definitions, "p/reader", "p/below", instance=instance).success
    assert statuses(definitions, instance) == ["FRESH"] * 3
