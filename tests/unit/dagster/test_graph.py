"""Edges of the asset graph: inside of a pipeline, between pipelines, to data nobody writes.

Expected parents are read off the declared texts by hand; where the order of a run matters, the
stored rows prove it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from laktory_dagster import build_definitions
from tests.unit.dagster.test_runs import BOTH, materialized, run, table, write

Parents = dict[str, set[str]]


def parents(definitions: dg.Definitions) -> Parents:
    """Return every asset with the assets that it depends on."""
    graph = definitions.resolve_asset_graph()
    return {
        key.to_user_string(): {parent.to_user_string() for parent in graph.get(key).parent_keys}
        for key in graph.get_all_asset_keys()
    }


def loaded(folder: Path, text: str, **options: Any) -> dg.Definitions:
    return build_definitions(write(folder, text), **options)


EDGES = """
name: p
nodes:
  - {name: a, source: {data: [{x: 1}]}, sink: {table_name: a}}
  - {name: b, source: {data: [{x: 1}]}, sink: {table_name: b}}
  - {name: by_source, source: {node_name: a}}
  - {name: by_sources, sources: [{name: l, node_name: a}, {name: r, node_name: b}],
     transformer: {nodes: [{sql_expr: "SELECT l.x FROM {sources.l} l JOIN {sources.r} r USING (x)"}]}}
  - {name: by_sql, transformer: {nodes: [{sql_expr: "SELECT * FROM {nodes.b}"}]}}
  - {name: by_argument, source: {node_name: a},
     transformer: {nodes: [{func_name: join, func_kwargs: {other: {node_name: b}, on: [x]}}]}}
  - {name: by_order, source: {data: [{x: 1}]}, depends_on: [a, by_sql]}
  - {name: twice, source: {node_name: a}, depends_on: [a]}
"""


@BOTH
def test_every_way_to_name_a_node_is_an_edge(tmp_path: Path, steps: str) -> None:
    assert parents(loaded(tmp_path, EDGES, steps=steps)) == {
        "p/a": set(),
        "p/b": set(),
        "p/by_source": {"p/a"},
        "p/by_sources": {"p/a", "p/b"},
        "p/by_sql": {"p/b"},
        "p/by_argument": {"p/a", "p/b"},
        "p/by_order": {"p/a", "p/by_sql"},
        "p/twice": {"p/a"},
    }


OUTSIDE = """
name: p
nodes:
  - {name: file, source: {path: ./in/rows.parquet, format: PARQUET}}
  - {name: again, source: {path: in/rows.parquet, format: PARQUET, filter: x > 1}}
  - {name: glob, source: {path: "in/2024-*.csv", format: CSV}}
  - {name: table, source: {table_name: raw.events}}
  - {name: full, source: {catalog_name: main, schema_name: raw, table_name: events}}
  - {name: argument, source: {table_name: raw.events},
     transformer: {nodes: [{func_name: join, func_kwargs: {other: {path: dim.json}, on: [x]}}]}}
  - {name: memory, source: {data: [{x: 1}]}}
"""


def test_data_that_nobody_writes_are_external_assets_each_once(tmp_path: Path) -> None:
    definitions = loaded(tmp_path, OUTSIDE)

    assert parents(definitions) == {
        "p/file": {"files/in_rows_parquet"},
        "p/again": {"files/in_rows_parquet"},
        "p/glob": {"files/in_2024_csv"},
        "p/table": {"main/raw/events"},
        "p/full": {"main/raw/events"},
        "p/argument": {"main/raw/events", "files/dim_json"},
        "p/memory": set(),
        "files/in_rows_parquet": set(),
        "files/in_2024_csv": set(),
        "files/dim_json": set(),
        "main/raw/events": set(),
    }
    specs = {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}
    file, events = specs["files/in_rows_parquet"], specs["main/raw/events"]
    assert (file.kinds, file.group_name) == ({"parquet"}, "p")
    assert file.metadata["dagster/uri"] == str(tmp_path / "in/rows.parquet")
    assert (events.kinds, events.metadata["dagster/table_name"]) == ({"table"}, "main.raw.events")
    graph = definitions.resolve_asset_graph()
    external = graph.get(dg.AssetKey(["files", "dim_json"]))
    assert (external.is_observable, external.is_materializable) == (True, False)


def test_other_data_never_share_a_key_however_alike_their_paths(tmp_path: Path) -> None:
    paths = ["in/a-b.parquet", "in/a.b.parquet", "in/a_b.parquet"]
    for number, path in enumerate(paths):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        pl.DataFrame({"x": [1] * (number + 1)}).write_parquet(tmp_path / path)
    lines = [
        f"  - {{name: n{i}, source: {{path: {path}, format: PARQUET}}, sink: {{table_name: t{i}}}}}"
        for i, path in enumerate(paths)
    ]
    definitions = loaded(tmp_path, "name: p\nnodes:\n" + "\n".join(lines) + "\n")

    found = parents(definitions)
    sources = [found[f"p/n{i}"] for i in range(3)]
    assert [len(keys) for keys in sources] == [1, 1, 1]
    assert len(set.union(*sources)) == 3
    observed = run(definitions, *set.union(*sources))
    kinds = [e.event_type_value for e in observed.all_events]
    assert kinds.count("ASSET_OBSERVATION") == 3


WRITER = """
name: writer
{extra}
nodes:
  - name: w
    source: {{data: [{{x: 1}}, {{x: -1}}]}}
    expectations: [{{name: positive, expression: x > 0, action: QUARANTINE}}]
    sinks: [{{schema_name: fin, table_name: t}}, {{path: {out}/w.csv, format: CSV}}]
"""
READER = """
name: reader
{extra}
nodes:
  - {{name: by_table, source: {{table_name: fin.t}}, sink: {{table_name: fin.a}}}}
  - {{name: by_file, source: {{path: {out}/w.csv, format: CSV}}, sink: {{table_name: fin.b}}}}
  - {{name: rejected, source: {{table_name: fin.t_quarantine}}, sink: {{table_name: fin.c}}}}
"""
SHARED = {
    "reader/by_table": {"writer/w"},
    "reader/by_file": {"writer/w"},
    "reader/rejected": {"writer/w"},
    "writer/w": set(),
}


def write_two(root: Path, extra: str = "") -> Path:
    write(root / "one", WRITER.format(extra=extra, out=root / "out"))
    write(root / "two", READER.format(extra=extra, out=root / "out"))
    return root


def test_pipelines_that_share_a_warehouse_are_one_graph(tmp_path: Path) -> None:
    definitions = build_definitions(write_two(tmp_path, f"warehouse: {tmp_path}/lake"))

    assert parents(definitions) == SHARED
    assert materialized(run(definitions))[0] == "writer/w"
    assert pl.read_delta(str(tmp_path / "lake/main/fin/a"))["x"].to_list() == [1]
    assert pl.read_delta(str(tmp_path / "lake/main/fin/c"))["x"].to_list() == [-1]


def test_a_warehouse_that_the_call_names_makes_edges_too(tmp_path: Path) -> None:
    write_two(tmp_path)

    definitions = build_definitions(tmp_path, warehouse=str(tmp_path / "lake"))

    assert parents(definitions) == SHARED
    assert run(definitions).success
    assert pl.read_delta(str(tmp_path / "lake/main/fin/b"))["x"].to_list() == [1]


def test_a_warehouse_that_the_environment_names_makes_edges_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKTORY_DAGSTER_WAREHOUSE", str(tmp_path / "lake"))

    assert parents(build_definitions(write_two(tmp_path))) == SHARED


def test_tables_of_one_name_in_different_warehouses_are_different_data(tmp_path: Path) -> None:
    found = parents(build_definitions(write_two(tmp_path)))

    assert found["reader/by_table"] == {"main/fin/t"}
    assert found["reader/by_file"] == {"writer/w"}
    assert "main/fin/t_quarantine" in found


@BOTH
@pytest.mark.parametrize("by_config", [False, True])
def test_a_look_at_external_data_and_a_run_agree_on_the_warehouse(
    tmp_path: Path, steps: str, by_config: bool
) -> None:
    lake = str(tmp_path / "lake")
    for _ in range(3):
        pl.DataFrame({"x": [1]}).write_delta(f"{lake}/main/fin/t", mode="append")
    text = (
        "name: p\nnodes:\n  - {name: n, source: {table_name: fin.t}, sink: {table_name: fin.u}}\n"
    )
    definitions = loaded(tmp_path, text, steps=steps, warehouse=None if by_config else lake)
    config = {"resources": {"laktory": {"config": {"warehouse": lake}}}} if by_config else None
    instance = dg.DagsterInstance.ephemeral()

    for key in ("main/fin/t", "p/n"):
        assert run(definitions, key, instance=instance, config=config).success

    records = instance.fetch_observations(dg.AssetKey(["main", "fin", "t"]), limit=9).records
    versions = [
        r.asset_observation.tags["dagster/data_version"] for r in records if r.asset_observation
    ]
    # Three commits are the versions 0, 1 and 2 of the table.
    assert versions == ["2", "2"]


@BOTH
@pytest.mark.parametrize("reader_first", [False, True])
def test_a_table_of_the_own_pipeline_read_by_its_name_is_written_first(
    tmp_path: Path, steps: str, reader_first: bool
) -> None:
    lines = [
        "  - {name: w, source: {data: [{x: 1}]}, sink: {table_name: t}}",
        "  - {name: r, source: {table_name: t}, sink: {table_name: u}}",
    ]
    nodes = "\n".join(reversed(lines) if reader_first else lines)
    definitions = loaded(tmp_path, f"name: p\nnodes:\n{nodes}\n", steps=steps)

    result = run(definitions)

    assert parents(definitions) == {"p/w": set(), "p/r": {"p/w"}}
    assert (result.success, materialized(result)) == (True, ["p/w", "p/r"])
    assert table(tmp_path, "u")["x"].to_list() == [1]


LOOP = """
name: p
nodes:
  - {name: a, source: {table_name: state}, transformer: {nodes: [{with_column: {name: x, type: int, sql_expr: x + 1}}]}, sink: {table_name: t}}
  - {name: b, source: {node_name: a}, sink: {table_name: state}}
"""


@BOTH
def test_what_an_earlier_run_left_is_read_without_a_cycle(tmp_path: Path, steps: str) -> None:
    pl.DataFrame({"x": [1]}).write_delta(str(tmp_path / "warehouse/main/default/state"))
    definitions = loaded(tmp_path, LOOP, steps=steps)

    results = [run(definitions) for _ in range(3)]

    assert parents(definitions) == {"p/a": set(), "p/b": {"p/a"}}
    assert [result.success for result in results] == [True] * 3
    assert table(tmp_path, "state")["x"].to_list() == [4]


@BOTH
def test_two_tables_that_read_each_other_by_name_still_load(tmp_path: Path, steps: str) -> None:
    text = """
name: p
nodes:
  - {name: a, source: {table_name: tb}, sink: {table_name: ta}}
  - {name: b, source: {table_name: ta}, sink: {table_name: tb}}
"""
    # The edge that comes first in the declaration stands.
    assert parents(loaded(tmp_path, text, steps=steps)) == {"p/a": {"p/b"}, "p/b": set()}


def test_a_node_that_reads_its_own_table_does_not_depend_on_itself(tmp_path: Path) -> None:
    text = "name: p\nnodes:\n  - {name: a, source: {table_name: t}, sink: {table_name: t, mode: APPEND}}\n"
    pl.DataFrame({"x": [1]}).write_delta(str(tmp_path / "warehouse/main/default/t"))
    definitions = loaded(tmp_path, text)

    assert run(definitions).success
    assert parents(definitions) == {"p/a": set()}
    assert table(tmp_path, "t")["x"].to_list() == [1, 1]


def test_of_two_writers_of_a_table_readers_depend_on_the_later(tmp_path: Path) -> None:
    text = """
name: p
nodes:
  - {name: a, source: {data: [{x: 1}]}, sink: {table_name: t}}
  - {name: b, source: {node_name: a}, sink: {table_name: t}}
  - {name: c, source: {table_name: t}, sink: {table_name: u}}
"""
    assert parents(loaded(tmp_path, text))["p/c"] == {"p/b"}


def test_external_data_that_cannot_be_read_now_is_no_failure(tmp_path: Path) -> None:
    text = "name: p\nnodes:\n  - {name: n, source: {path: nowhere.parquet, format: PARQUET}}\n"
    instance = dg.DagsterInstance.ephemeral()

    result = run(loaded(tmp_path, text), "files/nowhere_parquet", instance=instance)

    warnings = [e.user_message for e in instance.all_logs(result.run_id) if int(e.level) == 30]
    assert result.success
    assert warnings == ["files/nowhere_parquet cannot be read now"]


def test_an_observation_tells_a_change_of_files_and_only_that(tmp_path: Path) -> None:
    text = "name: p\nnodes:\n  - {name: n, source: {path: in, format: PARQUET}}\n"
    definitions = loaded(tmp_path, text)
    instance = dg.DagsterInstance.ephemeral()
    (tmp_path / "in").mkdir()
    pl.DataFrame({"x": [1]}).write_parquet(tmp_path / "in/a.parquet")

    def version() -> str:
        run(definitions, "files/in", instance=instance)
        (record,) = instance.fetch_observations(dg.AssetKey(["files", "in"]), limit=1).records
        assert record.asset_observation is not None
        return record.asset_observation.tags["dagster/data_version"]

    first, again = version(), version()
    pl.DataFrame({"x": [2]}).write_parquet(tmp_path / "in/b.parquet")
    more = version()
    (tmp_path / "in/b.parquet").unlink()

    assert first == again
    assert more != first
    assert version() == first
