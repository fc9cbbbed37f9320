"""What a run stores and says of it: tables, metadata of materializations, receipts, versions.

Expected rows and counts are worked out by hand from the rows declared in each pipeline; tables are
read back with Polars and delta-rs alone. The helpers on top serve the other files of this folder.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from laktory_dagster import build_definitions

BOTH = pytest.mark.parametrize("steps", ["node", "fused"])


def write(folder: Path, text: str, name: str = "pipeline.yaml") -> Path:
    """Write a pipeline file; return it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder / name


def run(
    definitions: dg.Definitions,
    *selected: str,
    instance: dg.DagsterInstance | None = None,
    config: dict[str, Any] | None = None,
) -> dg.ExecuteInProcessResult:
    """Materialize assets, by default all, in this process; a failure is in the result."""
    return definitions.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance or dg.DagsterInstance.ephemeral(),
        asset_selection=[dg.AssetKey.from_user_string(key) for key in selected] or None,
        run_config=config,
        raise_on_error=False,
    )


def materialized(result: dg.ExecuteInProcessResult) -> list[str]:
    """Return the keys of the assets that a run materialized, in the order of the events."""
    events = result.get_asset_materialization_events()
    return [event.asset_key.to_user_string() for event in events if event.asset_key]


def materialization(result: dg.ExecuteInProcessResult, key: str) -> dg.AssetMaterialization:
    """Return the one materialization of an asset in a run."""
    (found,) = (
        event.materialization
        for event in result.get_asset_materialization_events()
        if event.asset_key == dg.AssetKey.from_user_string(key)
    )
    return found


def metadata(result: dg.ExecuteInProcessResult, key: str) -> dict[str, Any]:
    """Return the metadata of the one materialization of an asset in a run."""
    return {name: item.value for name, item in materialization(result, key).metadata.items()}


def failure(result: dg.ExecuteInProcessResult) -> str:
    """Return what the failed steps of a run say, with the causes of their errors."""
    said: list[str] = []
    for event in result.all_events:
        if event.event_type_value == "STEP_FAILURE":
            told, error = event.step_failure_data.user_failure_data, event.step_failure_data.error
            said.append((told.description if told else None) or "")
            while error is not None:
                said.append(error.message)
                error = error.cause
    return "\n".join(said)


def table(folder: Path, name: str) -> pl.DataFrame:
    """Return a table of the default schema in the warehouse beside a pipeline file."""
    return pl.read_delta(str(folder / "warehouse/main/default" / name))


RULES = """
name: p
nodes:
  - name: n
    primary_key: id
    source:
      data:
        - {id: 1, x: 5}
        - {id: 2, x: -1}
        - {id: 3, x: null}
        - {id: 4, x: 7}
        - {id: 5, x: 100}
    expectations:
      - {name: there, expression: x IS NOT NULL, action: DROP}
      - {name: positive, expression: x > 0 OR x IS NULL, action: QUARANTINE}
      - {name: small, expression: x < 50, action: WARN}
    sinks:
      - {table_name: t, metadata: {comment: c}}
      - {path: out/t.csv, format: CSV}
"""


@BOTH
def test_counts_schema_and_place_of_a_node_with_rejected_rows(tmp_path: Path, steps: str) -> None:
    result = run(build_definitions(write(tmp_path, RULES), steps=steps))

    found = metadata(result, "p/n")
    # Five rows: 3 is dropped (null), 2 is set aside (negative), 1, 4 and 5 stay.
    assert [found[f"rows_{part}"] for part in ("in", "out", "dropped", "quarantined")] == [
        5,
        3,
        1,
        1,
    ]
    assert found["dagster/row_count"] == 3
    assert found["dagster/table_name"] == "main.default.t"
    assert found["dagster/uri"] == f"{tmp_path}/warehouse/main/default/t"
    assert found["dagster/storage_kind"] == "deltalake"
    assert (found["laktory/status"], found["table_version"]) == ("done", 0)
    columns = [(column.name, column.type) for column in found["dagster/column_schema"].columns]
    assert columns == [("id", "int64"), ("x", "int64")]
    assert 0 <= found["duration_seconds"] < 60
    assert found["size_bytes"] > 0
    assert sorted(table(tmp_path, "t")["id"]) == [1, 4, 5]


def test_every_target_is_listed_with_its_rows_in_the_order_of_commits(tmp_path: Path) -> None:
    result = run(build_definitions(write(tmp_path, RULES)))

    found = materialization(result, "p/n").metadata["laktory/targets"]
    assert isinstance(found, dg.TableMetadataValue)
    targets = [record.data for record in found.records]
    assert [(t["role"], t["format"], t["rows"], t["name"]) for t in targets] == [
        ("quarantine", "DELTA", 1, "main.default.t_quarantine"),
        ("other", "CSV", 3, f"{tmp_path}/out/t.csv"),
        ("primary", "DELTA", 3, "main.default.t"),
    ]
    assert targets[1]["uri"] == f"{tmp_path}/out/t.csv"
    # A header and three lines.
    assert len((tmp_path / "out/t.csv").read_text().splitlines()) == 4
    assert table(tmp_path, "t_quarantine")["id"].to_list() == [2]


MODES = """
name: p
nodes:
  - name: n
    primary_key: k
    source: {{path: in.parquet, format: PARQUET}}
    sink: {{table_name: t, {sink}}}
"""
LAST_WINS = "mode: MERGE, merge_cdc_options: {order_by: v}"


@pytest.mark.parametrize(
    ("sink", "first", "second", "rows_out", "row_count", "stored"),
    [
        ("mode: OVERWRITE", [1, 2, 3], [4], 1, 1, [4]),
        ("mode: APPEND", [1, 2, 3], [4], 1, 4, [1, 2, 3, 4]),
        ("mode: IGNORE", [1, 2, 3], [4], 1, 3, [1, 2, 3]),
        (LAST_WINS, [1, 2, 3], [3, 4], 2, 4, [1, 2, 3, 4]),
        ("on_empty: skip", [1, 2, 3], [], 0, 3, [1, 2, 3]),
        ("on_empty: skip", [1, 2, 3], [4, 5], 2, 2, [4, 5]),
        ("on_empty: write", [1, 2, 3], [], 0, 0, []),
    ],
)
def test_the_row_count_is_that_of_the_table_and_rows_out_that_of_the_run(
    tmp_path: Path,
    sink: str,
    first: list[int],
    second: list[int],
    rows_out: int,
    row_count: int,
    stored: list[int],
) -> None:
    definitions = build_definitions(write(tmp_path, MODES.format(sink=sink)))
    for keys in (first, second):
        rows = pl.DataFrame({"k": keys, "v": keys}, schema={"k": pl.Int64, "v": pl.Int64})
        rows.write_parquet(tmp_path / "in.parquet")
        result = run(definitions)

    found = metadata(result, "p/n")
    assert (found["rows_out"], found["dagster/row_count"]) == (rows_out, row_count)
    assert sorted(table(tmp_path, "t")["k"]) == stored


def test_an_append_of_files_without_counts_names_no_row_count(tmp_path: Path) -> None:
    sink = "{path: out, format: CSV, mode: APPEND}"
    text = f"name: p\nnodes:\n  - {{name: n, source: {{data: [{{x: 1}}]}}, sink: {sink}}}\n"
    definitions = build_definitions(write(tmp_path, text))
    run(definitions)

    found = metadata(run(definitions), "p/n")

    assert found["rows_out"] == 1
    assert "dagster/row_count" not in found
    assert sum(len(file.read_text().splitlines()) - 1 for file in tmp_path.glob("out/*.csv")) == 2


@pytest.mark.parametrize(
    ("sink", "kind", "name", "has_version"),
    [
        ("{table_name: a.b.t}", "deltalake", "a.b.t", True),
        ("{table_name: t, format: PARQUET}", "parquet", "main.default.t", False),
        ("{path: o.parquet, format: PARQUET}", "parquet", None, False),
        ("{path: o.json, format: JSON}", "json", None, False),
        ("{path: o.ndjson, format: NDJSON}", "json", None, False),
        ("{path: o.xlsx, format: EXCEL}", "excel", None, False),
        ("{path: delta}", "deltalake", None, True),
    ],
)
def test_what_kind_of_storage_holds_it(
    tmp_path: Path, sink: str, kind: str, name: str | None, has_version: bool
) -> None:
    text = f"name: p\nnodes:\n  - {{name: n, source: {{data: [{{x: 1}}]}}, sink: {sink}}}\n"

    found = metadata(run(build_definitions(write(tmp_path, text))), "p/n")

    assert found["dagster/storage_kind"] == kind
    assert found.get("dagster/table_name") == name
    assert ("table_version" in found) == has_version
    assert Path(found["dagster/uri"]).exists()
    assert found["dagster/row_count"] == 1


def test_a_view_shows_counts_and_schema_and_no_table(tmp_path: Path) -> None:
    text = """
name: p
nodes:
  - name: v
    source: {data: [{x: 1}, {x: 2}, {x: 3}]}
    expectations: [{name: big, expression: x > 1, action: DROP}]
  - {name: n, source: {node_name: v}, sink: {table_name: t}}
"""
    result = run(build_definitions(write(tmp_path, text)))

    found = metadata(result, "p/v")
    assert (found["rows_in"], found["rows_out"], found["rows_dropped"]) == (3, 2, 1)
    assert [column.name for column in found["dagster/column_schema"].columns] == ["x"]
    assert not {"dagster/table_name", "dagster/uri", "table_version"} & set(found)
    assert sorted(table(tmp_path, "t")["x"]) == [2, 3]


def test_unreadable_files_that_are_left_out_are_named_and_counted(tmp_path: Path) -> None:
    source = "{path: in, format: PARQUET, bad_files: quarantine}"
    text = f"name: p\nnodes:\n  - {{name: n, source: {source}, sink: {{table_name: t}}}}\n"
    (tmp_path / "in").mkdir()
    pl.DataFrame({"x": [1, 2]}).write_parquet(tmp_path / "in/good.parquet")
    (tmp_path / "in/bad.parquet").write_text("no parquet")

    found = metadata(run(build_definitions(write(tmp_path, text))), "p/n")

    assert found["bad_files"] == [str(tmp_path / "in/bad.parquet")]
    assert (found["bad_file_count"], found["rows_out"]) == (1, 2)


def test_the_preview_is_a_table_whose_cells_cannot_break_it(tmp_path: Path) -> None:
    long = "y" * 100
    source = f"{{data: [{{'a|b': 'c|d', t: 'two\\nlines', z: {long}}}]}}".replace("'two", '"two')
    source = source.replace("lines'", 'lines"')
    text = f"name: p\nnodes:\n  - {{name: n, source: {source}, sink: {{table_name: t}}}}\n"

    found = metadata(run(build_definitions(write(tmp_path, text))), "p/n")

    assert found["preview"].splitlines() == [
        r"| a\|b | t | z |",
        "|---|---|---|",
        rf"| c\|d | two lines | {'y' * 80} |",
    ]


@pytest.mark.parametrize(
    ("pipeline", "node", "shown"),
    [
        ("on", "", True),
        ("off", "", False),
        ("on", "samples: off", False),
        ("off", "samples: on", True),
    ],
)
def test_samples_decide_whether_values_of_rows_are_shown_and_the_node_decides_last(
    tmp_path: Path, pipeline: str, node: str, shown: bool
) -> None:
    text = f"""
name: p
samples: {pipeline}
nodes:
  - name: n
    {node}
    source: {{data: [{{x: 770501}}, {{x: -770502}}]}}
    expectations: [{{name: positive, expression: x > 0, action: QUARANTINE}}]
    sink: {{table_name: t}}
"""
    result = run(build_definitions(write(tmp_path, text)))

    said = " ".join(str(event.event_specific_data) for event in result.all_events)
    assert ("preview" in metadata(result, "p/n")) == shown
    assert ("770501" in said, "770502" in said) == (shown, shown)


RECEIPTS = """
name: p
nodes:
  - {name: a, source: {data: [{x: 1}, {x: 2}]}, sink: {table_name: t}}
  - {name: b, source: {node_name: a}, sink: {path: out/b.csv, format: CSV}}
"""


@BOTH
def test_a_receipt_beside_the_data_says_which_run_wrote_it(tmp_path: Path, steps: str) -> None:
    definitions = build_definitions(write(tmp_path, RECEIPTS), steps=steps)

    result = run(definitions)

    specs = {spec.key.path[-1]: spec for spec in definitions.resolve_all_asset_specs()}
    places = {"a": "warehouse/main/default/t/_laktory", "b": "out/.laktory/b.csv"}
    for node, place in places.items():
        (file,) = (tmp_path / place / "receipts").iterdir()
        receipt = json.loads(file.read_text())
        tags = materialization(result, f"p/{node}").tags or {}
        assert (receipt["run_id"], receipt["node"]) == (result.run_id, node)
        assert (receipt["rows_in"], receipt["rows_out"]) == (2, 2)
        assert receipt["code_version"] == specs[node].code_version == tags["dagster/code_version"]
        assert receipt["data_version"] == tags["dagster/data_version"]


def data_version(result: dg.ExecuteInProcessResult, key: str) -> str:
    return (materialization(result, key).tags or {})["dagster/data_version"]


CHAIN = """
name: p
nodes:
  - {{name: a, source: {{path: in.parquet, format: PARQUET}}, sink: {{table_name: a}}}}
  - {{name: b, source: {{node_name: a, filter: x > {limit}}}, sink: {{table_name: b}}}}
  - {{name: c, source: {{data: [{{x: 1}}]}}, sink: {{table_name: c}}}}
"""


@BOTH
def test_data_versions_follow_what_was_read_and_the_code_and_nothing_else(
    tmp_path: Path, steps: str
) -> None:
    def versions(limit: int) -> tuple[str, ...]:
        file = write(tmp_path, CHAIN.format(limit=limit))
        result = run(build_definitions(file, steps=steps))
        return tuple(data_version(result, f"p/{node}") for node in "abc")

    pl.DataFrame({"x": [1]}).write_parquet(tmp_path / "in.parquet")
    first, again, other_code = versions(0), versions(0), versions(1)
    pl.DataFrame({"x": [1, 2]}).write_parquet(tmp_path / "in.parquet")
    other_rows = versions(1)

    assert first == again
    assert [one == two for one, two in zip(first, other_code, strict=True)] == [True, False, True]
    changed = [one == two for one, two in zip(other_code, other_rows, strict=True)]
    assert changed == [False, False, True]


@BOTH
def test_a_run_tells_once_which_version_of_external_data_it_read(
    tmp_path: Path, steps: str
) -> None:
    source = "source: {path: in.parquet, format: PARQUET}"
    lines = [f"  - {{name: {n}, {source}, sink: {{table_name: {n}}}}}" for n in "ab"]
    file = write(tmp_path, "name: p\nnodes:\n" + "\n".join(lines) + "\n")
    pl.DataFrame({"x": [1]}).write_parquet(tmp_path / "in.parquet")
    instance = dg.DagsterInstance.ephemeral()
    definitions = build_definitions(file, steps=steps)
    external = dg.AssetKey(["files", "in_parquet"])

    result = run(definitions, "p/a", "p/b", instance=instance)
    seen = instance.fetch_observations(external, limit=9).records
    run(definitions, "files/in_parquet", instance=instance)
    looked = instance.fetch_observations(external, limit=9).records

    versions = [
        r.asset_observation.tags["dagster/data_version"] for r in looked if r.asset_observation
    ]
    assert (len(seen), len(looked)) == (1, 2)
    assert versions[0] == versions[1]
    for node in "ab":
        tags = materialization(result, f"p/{node}").tags or {}
        assert tags["dagster/input_data_version/files/in_parquet"] == versions[0]
