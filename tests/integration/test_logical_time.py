"""`current_timestamp` is the logical time of the run wherever a declaration may name it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from laktory_dagster.execution.context import RunOptions
from laktory_dagster.execution.runner import run_plan
from laktory_dagster.execution.session import RunSession
from laktory_dagster.project import load_plan

PIPELINE = """
name: times
nodes:
  - name: n
    source:
      data:
        id: [1, 2, 3]
        t: ["2019-01-01T00:00:00Z", "2020-06-01T00:00:00Z", "2022-01-01T00:00:00Z"]
      filter: {FILTER}
    transformer:
      nodes:
        - sql_expr: SELECT id, CAST(t AS TIMESTAMP) AS t, current_timestamp() AS now FROM {{df}}
    expectations:
      - {{name: past, expr: "{RULE}", action: DROP}}
"""


@pytest.mark.parametrize("rule", ["t < current_timestamp()", "t < now()"])
@pytest.mark.parametrize(
    ("year", "kept"), [(2018, []), (2020, [1]), (2021, [1, 2]), (2023, [1, 2, 3])]
)
def test_filters_steps_and_rules(tmp_path: Path, rule: str, year: int, kept: list[int]) -> None:
    text = "CAST(t AS TIMESTAMP) < current_timestamp()" if year != 2021 else "id > 0"
    file = tmp_path / "pipeline.yaml"
    file.write_text(PIPELINE.format(FILTER=text, RULE=rule))
    plan = load_plan(file)
    moment = datetime(year, 1, 2, tzinfo=UTC)
    options = RunOptions.new(logical_time=moment)
    with RunSession(plan, options) as session:
        result = run_plan(plan, options, ["n"], session=session).nodes["n"]
        frame = result.output_df.collect()
    assert frame["id"].to_list() == kept
    assert frame["now"].unique().to_list() == ([moment] if kept else [])
    if year != 2021:
        assert result.rows_dropped == 0
    else:
        assert result.rows_dropped == 1
