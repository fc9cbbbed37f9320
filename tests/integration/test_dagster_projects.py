"""Code locations: users' own assets, several pipelines, broken files, `dg` projects, large graphs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

import laktory_dagster
from laktory_dagster import build_definitions, node_input
from laktory_dagster.dagster.launch import LaunchOptions, start_run
from laktory_dagster.dagster.stand_ins import with_stand_ins
from laktory_dagster.errors import DeclarationError
from laktory_dagster.project import load_plan
from tests.integration.projects import table, write_project

BIN = Path(sys.executable).parent
ROOT = Path(laktory_dagster.__file__).parents[1]


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    (tmp_path / "home").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "home")) as found:
        yield found


def test_a_users_asset_reads_a_node_and_stores_a_frame(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKTORY_DAGSTER_WAREHOUSE", str(tmp_path / "warehouse"))

    @dg.asset(key=["mart", "top"], io_manager_key="laktory", ins={"rows": node_input("prices.slv")})
    def top(rows: pl.LazyFrame) -> pl.LazyFrame:
        return rows.select("id", "price_eur").sort("price_eur", descending=True).head(1)

    pipelines = build_definitions(write_project(tmp_path))
    both = dg.Definitions.merge(pipelines, dg.Definitions(assets=[top]))
    job = both.resolve_implicit_global_asset_job_def()

    result = job.execute_in_process(instance=instance)

    assert result.success
    stored = pl.read_delta(str(tmp_path / "warehouse" / "main" / "mart" / "top"))
    assert stored.rows() == [(1, 20.0)]
    event = instance.get_latest_materialization_event(dg.AssetKey(["mart", "top"]))
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.metadata["dagster/row_count"].value == 1


@pytest.mark.parametrize("steps", ["node", "fused"])
def test_a_users_asset_stands_in_the_middle_of_nodes(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, steps: str
) -> None:
    monkeypatch.setenv("LAKTORY_DAGSTER_WAREHOUSE", str(tmp_path / "warehouse"))
    text = """\
name: middle
{extra}
nodes:
  - name: first
    source: {{path: ./data, format: PARQUET}}
    sink: {{schema_name: fin, table_name: first}}
  - name: last
    source: {{asset: mine/doubled}}
    sink: {{schema_name: fin, table_name: last}}
"""

    @dg.asset(
        key=["mine", "doubled"], io_manager_key="laktory", ins={"rows": node_input("middle.first")}
    )
    def doubled(rows: pl.LazyFrame) -> pl.LazyFrame:
        return rows.filter(pl.col("price") > 0).with_columns(pl.col("price") * 2)

    pipelines = build_definitions(write_project(tmp_path, text=text), steps=steps)
    both = dg.Definitions.merge(pipelines, dg.Definitions(assets=[doubled]))

    result = both.resolve_implicit_global_asset_job_def().execute_in_process(instance=instance)

    assert result.success
    assert sorted(table(tmp_path, "last")["price"]) == [15.0, 15.0, 20.0]


@pytest.mark.parametrize("kind", [pl.DataFrame, pl.DataFrame | None, pl.LazyFrame])
def test_an_input_of_a_users_asset_is_the_frame_that_it_is_annotated_with(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, kind: type
) -> None:
    monkeypatch.setenv("LAKTORY_DAGSTER_WAREHOUSE", str(tmp_path / "warehouse"))
    seen: list[type] = []

    def stored(rows: Any) -> Any:
        seen.append(type(rows))
        return rows

    def shown(rows: Any) -> None:
        seen.append(type(rows))

    stored.__annotations__["rows"] = shown.__annotations__["rows"] = kind
    ins = {"rows": node_input("prices.brz")}
    first = dg.asset(key=["mart", "stored"], io_manager_key="laktory", ins=ins)(stored)
    second = dg.asset(ins={"rows": dg.AssetIn(key=["mart", "stored"])})(shown)
    pipelines = build_definitions(write_project(tmp_path))
    both = dg.Definitions.merge(pipelines, dg.Definitions(assets=[first, second]))

    job = both.resolve_implicit_global_asset_job_def()
    keys = [dg.AssetKey(["prices", "brz"]), first.key, second.key]
    assert job.execute_in_process(instance=instance, asset_selection=keys).success

    assert seen == [pl.LazyFrame if kind is pl.LazyFrame else pl.DataFrame] * 2


TAKER = """\
name: taker
{extra}
nodes:
  - name: first
    source: {{asset: mine}}
    expectations: [{{name: positive, expression: n > 0, action: WARN}}]
    sink: {{table_name: first}}
  - {{name: second, source: {{node_name: first}}, sink: {{table_name: second}}}}
"""


def _with_taker(tmp_path: Path, rows: Any) -> dg.JobDefinition:
    @dg.asset
    def mine() -> Any:
        return rows

    pipelines = build_definitions(write_project(tmp_path, text=TAKER))
    both = dg.Definitions.merge(pipelines, dg.Definitions(assets=[mine]))
    return both.resolve_implicit_global_asset_job_def()


def test_new_rows_of_a_users_asset_are_a_new_version_of_the_nodes_below_it(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    mine, first = dg.AssetKey("mine"), dg.AssetKey(["taker", "first"])
    versions = []
    for n, keys in ((1, [mine, first]), (1, [first]), (2, [mine, first])):
        job = _with_taker(tmp_path, pl.DataFrame({"n": [n]}))
        assert job.execute_in_process(instance=instance, asset_selection=keys).success
        event = instance.get_latest_materialization_event(first)
        assert event is not None
        assert event.asset_materialization is not None
        versions.append((event.asset_materialization.tags or {})["dagster/data_version"])

    assert versions[0] == versions[1]
    assert versions[1] != versions[2]


def test_the_checks_of_a_node_that_reads_a_users_asset_run_alone(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    job = _with_taker(tmp_path, pl.DataFrame({"n": [1, -1]}))
    job.execute_in_process(instance=instance, asset_selection=[dg.AssetKey("mine")])

    check = dg.AssetCheckKey(dg.AssetKey(["taker", "first"]), "positive")
    result = job.get_subset(
        asset_selection=set(), asset_check_selection={check}
    ).execute_in_process(instance=instance)

    (evaluation,) = result.get_asset_check_evaluations()
    assert evaluation.metadata["failed_rows"].value == 1


def test_a_users_asset_that_is_no_frame_is_named(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    job = _with_taker(tmp_path, "text")
    result = job.execute_in_process(instance=instance, raise_on_error=False)

    (failure,) = (e for e in result.all_events if e.is_step_failure)
    assert failure.step_failure_data.error is not None
    assert "the asset `mine`: str is no frame" in failure.step_failure_data.error.message


def test_edges_cross_pipelines_by_the_table_they_share(tmp_path: Path) -> None:
    warehouse = f"warehouse: {tmp_path / 'shared'}"
    write_project(tmp_path / "one", extra=warehouse)
    other = """\
name: reader
{extra}
nodes:
  - name: copy
    source: {{schema_name: fin, table_name: slv}}
    sink: {{schema_name: fin, table_name: copy}}
"""
    write_project(tmp_path / "two", extra=warehouse, text=other)

    graph = build_definitions(tmp_path).resolve_asset_graph()

    parents = graph.get(dg.AssetKey(["reader", "copy"])).parent_keys
    assert parents == {dg.AssetKey(["prices", "slv"])}


def test_external_files_are_observable_and_make_downstream_stale(
    tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    file = write_project(tmp_path)
    definitions = build_definitions(file)
    external = dg.AssetKey(["files", "data"])
    graph = definitions.resolve_asset_graph()
    assert graph.get(dg.AssetKey(["prices", "brz"])).parent_keys == {external}

    job = definitions.resolve_implicit_global_asset_job_def()
    versions = []
    for _ in range(2):
        job.execute_in_process(instance=instance, asset_selection=[external])
        (record,) = instance.fetch_observations(external, limit=1).records
        assert record.asset_observation is not None
        versions.append(record.asset_observation.tags["dagster/data_version"])
        pl.DataFrame([{"id": 9, "symbol": "C", "price": 1.0}]).write_parquet(
            tmp_path / "data" / "more.parquet"
        )

    assert versions[0] != versions[1]


def test_a_broken_pipeline_fails_the_location_but_not_under_dev(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_project(tmp_path / "good")
    broken = tmp_path / "bad" / "broken.yaml"
    broken.parent.mkdir()
    broken.write_text("name: broken\nnodes:\n  - name: a\n    sorce: {path: x}\n")

    with pytest.raises(DeclarationError, match=r"broken\.yaml:4:5"):
        build_definitions(tmp_path)

    monkeypatch.setenv("DAGSTER_IS_DEV_CLI", "1")
    keys = build_definitions(tmp_path).resolve_asset_graph().get_all_asset_keys()
    assert dg.AssetKey(["prices", "slv"]) in keys
    placeholder = dg.AssetKey(["ERROR_in_bad_broken"])
    assert placeholder in keys
    specs = build_definitions(tmp_path).resolve_all_asset_specs()
    spec = next(spec for spec in specs if spec.key == placeholder)
    assert (spec.group_name, spec.kinds) == ("errors", {"yaml", "error"})
    text = spec.description or ""
    assert text.startswith("ERROR: ")
    assert "did you mean `source`" in text


def run_cli(*words: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the environment."""
    return subprocess.run(
        [str(BIN / words[0]), *words[1:]],
        cwd=cwd,
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


@pytest.mark.slow
def test_definitions_validate(tmp_path: Path) -> None:
    write_project(tmp_path)
    words = ("dagster", "definitions", "validate", "-f", str(ROOT / "definitions.py"))

    good = run_cli(*words, cwd=tmp_path, LAKTORY_DAGSTER_PIPELINES=str(tmp_path))
    (tmp_path / "pipeline.yaml").write_text("name: x\nnodes: 3\n")
    bad = run_cli(*words, cwd=tmp_path, LAKTORY_DAGSTER_PIPELINES=str(tmp_path))

    assert good.returncode == 0, good.stderr
    assert bad.returncode != 0
    assert "pipeline.yaml:2:8" in bad.stderr + bad.stdout


@pytest.mark.slow
def test_a_dg_project_lists_scaffolds_and_checks_the_component(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "proj"\nversion = "0.1"\nrequires-python = ">=3.11"\n'
        '[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "proj"\n'
    )
    (tmp_path / "proj" / "defs").mkdir(parents=True)
    (tmp_path / "proj" / "__init__.py").touch()
    (tmp_path / "proj" / "definitions.py").write_text(
        "from pathlib import Path\nfrom dagster import definitions, load_from_defs_folder\n"
        "@definitions\ndef defs():\n"
        "    return load_from_defs_folder(path_within_project=Path(__file__).parent)\n"
    )
    name = "laktory_dagster.LaktoryPipelineComponent"

    listed = run_cli("dg", "list", "components", "--json", cwd=tmp_path)
    assert name in listed.stdout, listed.stderr
    made = run_cli("dg", "scaffold", "defs", name, "prices", cwd=tmp_path)
    assert made.returncode == 0, made.stderr + made.stdout
    defs = tmp_path / "proj" / "defs" / "prices" / "defs.yaml"
    defs.write_text(defs.read_text() + '  translation:\n    group_name: "of_{{ node.name }}"\n')

    checked = run_cli("dg", "check", "yaml", cwd=tmp_path)
    assert checked.returncode == 0, checked.stderr + checked.stdout
    found = run_cli("dg", "list", "defs", "--json", cwd=tmp_path)
    assert "of_slv_prices" in found.stdout, found.stderr + found.stdout


@pytest.mark.parametrize("count", [301])
def test_a_large_pipeline_becomes_one_step(tmp_path: Path, count: int) -> None:
    nodes = "".join(
        f"  - name: n{i}\n    source: {{path: data, format: PARQUET}}\n"
        f"    sink: {{table_name: n{i}}}\n"
        for i in range(count)
    )
    (tmp_path / "p.yaml").write_text(f"name: many\nnodes:\n{nodes}")

    definitions = build_definitions(tmp_path / "p.yaml")

    ops = {
        asset.op.name
        for asset in definitions.assets or []
        if isinstance(asset, dg.AssetsDefinition) and asset.is_executable
    }
    assert "many__all" in ops
    assert len(definitions.resolve_asset_graph().get_all_asset_keys()) == count + 1


@pytest.mark.parametrize("steps", ["node", "fused"])
def test_a_node_that_reads_an_asset_that_is_not_there_fails_alone(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, steps: str
) -> None:
    monkeypatch.setenv("LAKTORY_DAGSTER_WAREHOUSE", str(tmp_path / "warehouse"))
    other = "  - {{name: other, source: {{data: [{{n: 1}}]}}, sink: {{table_name: other}}}}\n"
    file = write_project(tmp_path, text=TAKER + other)

    definitions = with_stand_ins(build_definitions(file, steps=steps))
    result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance, raise_on_error=False
    )

    made = {event.asset_key.path[-1] for event in result.get_asset_materialization_events()}
    # A fused step is one step: Dagster skips all of it where one of its inputs is not there.
    assert made == ({"other"} if steps == "node" else set())
    failed = [e for e in result.all_events if e.is_step_failure and e.step_failure_data.error]
    told = str(failed[0].step_failure_data.user_failure_data or failed[0].step_failure_data.error)
    assert "the asset `mine` is not in this code location" in told


def test_no_asset_stands_in_where_all_are_there(tmp_path: Path) -> None:
    definitions = build_definitions(write_project(tmp_path))
    assert with_stand_ins(definitions) is definitions


def test_the_command_line_runs_the_other_nodes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKTORY_DAGSTER_WAREHOUSE", str(tmp_path / "warehouse"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    other = "  - {{name: other, source: {{data: [{{n: 1}}]}}, sink: {{table_name: other}}}}\n"
    plan = load_plan(write_project(tmp_path, text=TAKER + other))

    report = start_run(plan, LaunchOptions(), lambda _: None)

    status = {node.node: node.status for node in report.nodes}
    assert status["other"] == "done"
    assert status["first"] == "failed"
    (message,) = [node.message for node in report.nodes if node.node == "first"]
    assert message.startswith("the asset `mine` is not in this code location")
