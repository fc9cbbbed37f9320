"""Users' own checks, multi-assets and selections over the assets of nodes.

What a selection gives is worked out by hand from the edges: n -> v -> w, and n -> big, small.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from laktory_dagster import asset_key, build_definitions, node_input
from tests.unit.dagster.test_runs import BOTH, failure, materialized, metadata, run, write

PIPELINE = """
name: own
tags: {team: sales}
nodes:
  - name: n
    tags: [daily]
    layer: BRONZE
    add_layer_columns: false
    source: {data: [{x: 1}, {x: 2}, {x: 3}]}
    sink: {table_name: n, metadata: {owner: "team:data"}}
  - name: v
    source: {node_name: n}
    expectations: [{name: small, expression: x < 3, action: DROP}]
  - {name: w, source: {node_name: v}, sink: {path: w.parquet, format: PARQUET}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAKTORY_DAGSTER_WAREHOUSE", str(tmp_path / "warehouse"))
    return tmp_path


def together(
    folder: Path,
    assets: Sequence[Any] = (),
    checks: Sequence[Any] = (),
    **options: Any,
) -> dg.Definitions:
    pipelines = build_definitions(write(folder, PIPELINE), **options)
    return dg.Definitions.merge(
        pipelines, dg.Definitions(assets=list(assets), asset_checks=list(checks))
    )


def stored(folder: Path, name: str) -> list[int]:
    return sorted(pl.read_delta(str(folder / "warehouse/main" / name))["x"].to_list())


def evaluations(result: dg.ExecuteInProcessResult) -> dict[str, tuple[bool, Any]]:
    found = result.get_asset_check_evaluations()
    return {
        f"{check.asset_key.to_user_string()}:{check.check_name}": (
            check.passed,
            check.metadata["rows"].value if "rows" in check.metadata else None,
        )
        for check in found
    }


@dg.asset_check(asset=asset_key("own.n"))
def of_a_table(n: pl.DataFrame) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=n.height == 3, metadata={"rows": n.height})


@dg.asset_check(asset=asset_key("own.v"))
def of_a_view(v: pl.LazyFrame) -> dg.AssetCheckResult:
    rows = v.collect().height
    return dg.AssetCheckResult(passed=rows == 3, metadata={"rows": rows})


@dg.asset_check(asset=asset_key("own.n"), blocking=True)
def that_blocks(n: pl.LazyFrame) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.ERROR)


@BOTH
def test_a_users_check_gets_what_the_node_stores(folder: Path, steps: str) -> None:
    result = run(together(folder, checks=[of_a_table, of_a_view], steps=steps))

    assert result.success
    # The view drops one of three rows.
    assert evaluations(result) == {
        "own/n:of_a_table": (True, 3),
        "own/v:of_a_view": (False, 2),
        "own/v:small": (False, None),
    }


def test_a_users_check_runs_alone_on_what_an_earlier_run_stored(folder: Path) -> None:
    definitions = together(folder, checks=[of_a_table])
    assert run(definitions).success
    graph = definitions.resolve_asset_graph()
    keys = {key for key in graph.asset_check_keys if key.name == "of_a_table"}

    job = dg.define_asset_job("only", dg.AssetSelection.checks(*keys))
    merged = dg.Definitions.merge(definitions, dg.Definitions(jobs=[job]))
    result = merged.resolve_job_def("only").execute_in_process()

    assert evaluations(result) == {"own/n:of_a_table": (True, 3)}
    assert materialized(result) == []


def test_a_users_check_before_the_first_run_says_what_to_run(folder: Path) -> None:
    definitions = together(folder, checks=[of_a_table])
    job = dg.define_asset_job("only", dg.AssetSelection.checks(of_a_table))
    merged = dg.Definitions.merge(definitions, dg.Definitions(jobs=[job]))

    result = merged.resolve_job_def("only").execute_in_process(raise_on_error=False)

    assert not result.success
    assert "`n`" in failure(result)


def test_a_users_blocking_check_stops_the_nodes_below(folder: Path) -> None:
    result = run(together(folder, checks=[that_blocks]))

    assert not result.success
    assert materialized(result) == ["own/n"]


def halves() -> dg.AssetsDefinition:
    outs = {
        "big": dg.AssetOut(key=["m", "big"], io_manager_key="laktory", is_required=False),
        "small": dg.AssetOut(
            key=["m", "small"],
            io_manager_key="laktory",
            is_required=False,
            metadata={"laktory/mode": "APPEND"},
        ),
    }

    @dg.multi_asset(outs=outs, ins={"rows": node_input("own.n")}, can_subset=True)
    def halves(context: dg.AssetExecutionContext, rows: pl.LazyFrame) -> Iterator[dg.Output[Any]]:
        parts = {"big": pl.col("x") > 1, "small": pl.col("x") <= 1}
        for name in sorted(context.op_execution_context.selected_output_names):
            yield dg.Output(rows.filter(parts[name]), name, metadata={"mine": name})

    return halves


def test_each_output_of_a_multi_asset_is_a_table(folder: Path) -> None:
    result = run(together(folder, [halves()]))

    assert result.success
    assert (stored(folder, "m/big"), stored(folder, "m/small")) == ([2, 3], [1])
    for name, rows in (("big", 2), ("small", 1)):
        found = metadata(result, f"m/{name}")
        assert found["mine"] == name
        assert found["dagster/row_count"] == rows
        assert found["dagster/table_name"] == f"main.m.{name}"


def test_a_subset_of_a_multi_asset_stores_that_alone(folder: Path) -> None:
    definitions = together(folder, [halves()])
    assert run(definitions, "own/n", "m/small").success

    again = run(definitions, "m/small")

    assert materialized(again) == ["m/small"]
    assert stored(folder, "m/small") == [1, 1]
    assert metadata(again, "m/small")["rows_out"] == 1
    assert metadata(again, "m/small")["dagster/row_count"] == 2
    assert not (folder / "warehouse/main/m/big").exists()


@BOTH
def test_a_node_reads_one_output_of_a_multi_asset(folder: Path, steps: str) -> None:
    text = """
name: below
nodes:
  - {name: r, source: {asset: m/big}, sink: {schema_name: s, table_name: r}}
"""
    below = build_definitions(write(folder / "below", text), steps=steps)
    definitions = dg.Definitions.merge(together(folder, [halves()]), below)

    result = run(definitions)

    assert result.success
    assert materialized(result).index("m/big") < materialized(result).index("below/r")
    assert stored(folder, "s/r") == [2, 3]


def test_metadata_that_a_user_gives_beside_the_frame_stay(folder: Path) -> None:
    @dg.asset(key=["m", "one"], io_manager_key="laktory")
    def one() -> Any:
        value = pl.DataFrame({"x": [1, 2]})
        return dg.MaterializeResult(
            value=value, metadata={"mine": 5}, data_version=dg.DataVersion("v7"), tags={"a": "b"}
        )

    result = run(together(folder, [one]), "m/one")

    assert result.success
    found = metadata(result, "m/one")
    assert (found["mine"], found["rows_out"], found["dagster/row_count"]) == (5, 2, 2)
    (event,) = result.get_asset_materialization_events()
    assert event.materialization.tags is not None
    assert event.materialization.tags["dagster/data_version"] == "v7"


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ('group:"own"', {"own/n", "own/v", "own/w"}),
        ('key:"own/n"+', {"own/n", "own/v", "own/w", "m/big", "m/small"}),
        ('key:"own/n"+1', {"own/n", "own/v", "m/big", "m/small"}),
        ('+key:"own/w"', {"own/n", "own/v", "own/w"}),
        ('key:"own/*" and not key:"own/n"', {"own/v", "own/w"}),
        ("kind:view", {"own/v"}),
        ("kind:deltalake", {"own/n"}),
        ("kind:parquet", {"own/w"}),
        ("kind:bronze", {"own/n"}),
        ("kind:polars", {"own/n", "own/v", "own/w"}),
        ("tag:daily", {"own/n"}),
        ("tag:team=sales", {"own/n", "own/v", "own/w"}),
        ('owner:"team:data"', {"own/n"}),
        ('roots(group:"own")', {"own/n"}),
        ('sinks(group:"own")', {"own/w"}),
    ],
)
def test_assets_are_selected_by_what_the_file_says_of_them(
    folder: Path, selection: str, expected: set[str]
) -> None:
    definitions = together(folder, [halves()])

    keys = dg.AssetSelection.from_string(selection).resolve(definitions.resolve_asset_graph())

    assert {key.to_user_string() for key in keys} == expected


@BOTH
def test_a_job_of_a_selection_runs_its_nodes_and_no_other(folder: Path, steps: str) -> None:
    job = dg.define_asset_job("some", selection='group:own and not key:"own/w"')
    definitions = dg.Definitions.merge(
        together(folder, [halves()], steps=steps), dg.Definitions(jobs=[job])
    )

    result = definitions.resolve_job_def("some").execute_in_process()

    assert materialized(result) == ["own/n", "own/v"]
    assert not (folder / "w.parquet").exists()
