"""Pipelines that ran on Laktory with Spark give the recorded tables on our Spark.

`data/recorded_spark` holds what Laktory 0.13.1 gave on pyspark 4.0.1 for `data/pipelines`.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from laktory_dagster import models
from tests.sessions import shared_session

DATA = Path(__file__).parent / "data"
NAMES = sorted(path.stem for path in (DATA / "recorded_spark").glob("*.json"))
OURS = {"int": "bigint"}
"""Recorded types to the other type that they may have here: counts are 64 bits wide."""


def plain(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.9g}")
    return value if value is None or isinstance(value, bool | int) else str(value)


@pytest.mark.parametrize("name", NAMES)
def test_nodes_give_the_recorded_tables(name: str, tmp_path: Path) -> None:
    record = json.loads((DATA / "recorded_spark" / f"{name}.json").read_text())
    shutil.copytree(DATA / "pipelines" / name, tmp_path, dirs_exist_ok=True)
    shutil.copytree(DATA / "inputs", tmp_path, dirs_exist_ok=True)
    with (tmp_path / "pipeline.yaml").open() as file:
        pipeline = models.Pipeline.model_validate_yaml(file)
    with contextlib.chdir(tmp_path):
        pipeline.execute(spark=shared_session("spark"))

    for node, table in record["nodes"].items():
        frame = pipeline.nodes_dict[node].output_df
        assert frame.columns == list(table["columns"]), node
        for field in frame.schema.fields:
            recorded = table["columns"][field.name]
            assert field.dataType.simpleString() in (recorded, OURS.get(recorded)), field.name
        found = [[plain(value) for value in row] for row in frame.collect()]
        assert sorted(found, key=repr) == sorted(table["rows"], key=repr), node
