"""Views: computed once for all that read them, checked before any of these commits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from laktory_dagster import models
from tests.unit.execution.declared import declared, failed, give, ids, statuses, stored, values

SOURCE = """
import polars as pl

PASSES = []


def numbers(many=3):
    def passed(frame):
        PASSES.append(1)
        return frame

    rows = pl.LazyFrame({"id": range(many)}, schema={"id": pl.Int64})
    return rows.map_batches(passed, schema={"id": pl.Int64})
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "counted.py").write_text(SOURCE)
    return tmp_path


def counted(folder: Path, nodes: str) -> models.Pipeline:
    """Return a pipeline whose view `v` reads a source that counts how often it is passed over."""
    return declared(folder, nodes, "imports: [counted]")


def passes(pipeline: models.Pipeline) -> int:
    """Return how often the source has been passed over since the last question."""
    noted: list[Any] = pipeline._session.function("counted.numbers").__globals__["PASSES"]
    count = len(noted)
    noted.clear()
    return count


DIAMOND = """
        - name: v
          source: {custom_reader: {func_name: counted.numbers}}
          expectations:
            - {name: r, expression: id > 0, action: DROP}
            - {name: n, expression: count(*) = 3, type: AGGREGATE, action: FAIL}
        - name: a
          source: {node_name: v}
          expectations: [{name: x, expression: id > 1, action: QUARANTINE}]
          sinks: [{table_name: a}, {table_name: a2}]
        - {name: b, source: {node_name: v}, sink: {table_name: b}}
        - {name: w, source: {node_name: v}}
        - {name: c, source: {node_name: w}, sink: {table_name: c}}
"""


@pytest.mark.parametrize("write_sinks", [True, False])
def test_a_view_of_many_readers_passes_over_its_source_once(
    folder: Path, write_sinks: bool
) -> None:
    pipeline = counted(folder, DIAMOND)

    result = pipeline.execute(write_sinks=write_sinks)

    assert passes(pipeline) == 1
    assert {name: result[name].rows_out for name in "vabc"} == {"v": 2, "a": 1, "b": 2, "c": 2}
    assert result["v"].rows_dropped == 1


@pytest.mark.parametrize("selects", ["a", "b", "c", "a,b"])
def test_a_view_that_is_not_selected_is_computed_once_for_those_that_are(
    folder: Path, selects: str
) -> None:
    pipeline = counted(folder, DIAMOND)

    result = pipeline.execute(selects=selects.split(","))

    assert passes(pipeline) == 1
    assert set(result.nodes) == set(selects.split(","))


def test_looking_at_what_was_stored_computes_nothing_again(folder: Path) -> None:
    pipeline = counted(folder, DIAMOND)
    pipeline.execute()
    passes(pipeline)

    nodes = pipeline.nodes_dict
    assert values(nodes["a"].output_df) == [2]
    assert values(nodes["v"].output_df) == [1, 2]
    assert values(nodes["a"].stage_df) == [1, 2]
    assert values(nodes["a"].quarantine_df) == [1]
    assert passes(pipeline) == 0


def test_a_view_alone_gives_its_rows_and_checks(folder: Path) -> None:
    pipeline = counted(folder, DIAMOND)

    frame = pipeline.nodes_dict["v"].execute()

    assert values(frame) == [1, 2]
    assert [(c.name, c.status) for c in pipeline.nodes_dict["v"].checks] == [
        ("r", "FAIL"),
        ("n", "PASS"),
    ]
    assert not (folder / "warehouse").exists()


FAILING = """
- {name: base, source: {path: in.jsonl, format: JSONL}, sink: {table_name: base}}
- name: v
  source: {node_name: base}
  expectations: [{name: r, expression: id > 1, action: FAIL}]
- {name: w, source: {node_name: v}}
- {name: a, source: {node_name: v}, sink: {table_name: a}}
- {name: b, source: {node_name: w}, sink: {table_name: b}}
- {name: other, source: {node_name: base}, sink: {table_name: other}}
"""


def test_a_rule_of_a_view_blocks_all_that_read_it_and_nothing_else(tmp_path: Path) -> None:
    give(tmp_path, *ids(1, 2))

    error = failed(declared(tmp_path, FAILING))

    assert statuses(error.result.nodes) == {
        "base": "done",
        "v": "failed",
        "w": "skipped",
        "a": "skipped",
        "b": "skipped",
        "other": "done",
    }
    assert stored(tmp_path, "a") is stored(tmp_path, "b") is None
    assert stored(tmp_path, "other") == [1, 2]


@pytest.mark.parametrize("reader", ["a", "b"])
def test_a_reader_that_runs_alone_is_blocked_by_its_view(tmp_path: Path, reader: str) -> None:
    give(tmp_path, *ids(2))
    pipeline = declared(tmp_path, FAILING)
    pipeline.execute()
    give(tmp_path, *ids(1, 2))
    pipeline.nodes_dict["base"].execute()

    error = failed(pipeline, selects=[reader])

    assert f"{reader}: node `v`: expectation `r` failed on 1 of 2 rows" in str(error)
    assert stored(tmp_path, reader) == [2]


def test_a_step_that_fails_in_a_view_is_told_as_the_views(tmp_path: Path) -> None:
    give(tmp_path, *ids(1))
    pipeline = declared(
        tmp_path,
        """
        - {name: base, source: {path: in.jsonl, format: JSONL}, sink: {table_name: base}}
        - name: v
          source: {node_name: base}
          transformer: {nodes: [{func_name: select, func_args: [zz]}]}
        - {name: a, source: {node_name: v}, sink: {table_name: a}}
        """,
    )
    pipeline.nodes_dict["base"].execute()

    alone = failed(pipeline, selects=["a"])
    both = failed(pipeline, selects=["v", "a"])

    assert str(alone).startswith("a: node `v`: step 1 (select): there is no column `zz`")
    assert str(both).startswith("v: step 1 (select): there is no column `zz`")


def test_quarantined_rows_of_a_view_reach_no_reader(tmp_path: Path) -> None:
    give(tmp_path, *ids(1, 2, 3))
    pipeline = declared(
        tmp_path,
        """
        - name: v
          source: {path: in.jsonl, format: JSONL}
          expectations: [{name: r, expression: id > 1, action: QUARANTINE}]
        - {name: a, source: {node_name: v}, sink: {table_name: a}}
        """,
    )

    result = pipeline.execute()

    assert stored(tmp_path, "a") == [2, 3]
    assert result["v"].rows_quarantined == 1
    assert values(pipeline.nodes_dict["v"].quarantine_df) == [1]
    assert result["a"].rows_in == 2


def test_a_chain_of_views_longer_than_is_computed_in_one_plan(tmp_path: Path) -> None:
    give(tmp_path, *ids(0, 1))
    chain = "\n".join(
        f"- name: v{n}\n  source: {{node_name: v{n - 1}}}\n  transformer:\n"
        "    nodes: [{with_column: {name: id, type: long, sql_expr: id + 1}}]"
        for n in range(1, 46)
    )
    pipeline = declared(
        tmp_path,
        f"- {{name: v0, source: {{path: in.jsonl, format: JSONL}}}}\n{chain}\n"
        "- {name: a, source: {node_name: v45}, sink: {table_name: a}}",
    )

    pipeline.execute()

    assert stored(tmp_path, "a") == [45, 46]


def test_a_view_reads_what_this_run_has_stored(tmp_path: Path) -> None:
    pipeline = declared(
        tmp_path,
        """
        - {name: base, source: {path: in.jsonl, format: JSONL}, sink: {table_name: base}}
        - {name: v, source: {node_name: base}}
        - {name: a, source: {node_name: v}, sink: {table_name: a}}
        """,
    )
    for number in (1, 2):
        give(tmp_path, *ids(number))
        pipeline.execute()
        assert stored(tmp_path, "a") == [number]
        assert values(pipeline.nodes_dict["v"].output_df) == [number]


def test_a_view_of_sql_joins_two_tables_that_it_names(tmp_path: Path) -> None:
    give(tmp_path, {"id": 1, "x": 10}, {"id": 2, "x": 20})
    pl.DataFrame({"id": [2, 3], "y": ["b", "c"]}).write_parquet(tmp_path / "y.parquet")
    pipeline = declared(
        tmp_path,
        """
        - {name: left, source: {path: in.jsonl, format: JSONL}, sink: {table_name: left}}
        - {name: right, source: {path: y.parquet, format: PARQUET}}
        - name: v
          transformer:
            nodes:
              - sql_expr: SELECT l.id, x, y FROM {nodes.left} l JOIN {nodes.right} r ON l.id = r.id
        - {name: a, source: {node_name: v}, sink: {table_name: a}}
        """,
    )

    pipeline.execute()

    assert stored(tmp_path, "a", "y") == ["b"]
    assert stored(tmp_path, "a", "x") == [20]
