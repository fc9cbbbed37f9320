"""Liquid clustering on Spark: the table says by which columns, after every kind of write."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from laktory_dagster import models
from laktory_dagster.engines.registry import open_engine
from laktory_dagster.errors import WriteError
from laktory_dagster.models import MergeOptions
from tests.engines.writing import Desk
from tests.sessions import SPARK_KINDS, shared_session

ROWS = pl.DataFrame({"id": [1, 2], "v": ["a", "b"], "w": [1.5, 2.5]})


@pytest.fixture(params=SPARK_KINDS)
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    engine = open_engine("spark", spark=shared_session(request.param))
    yield Desk(engine, tmp_path)
    engine.close()


def clusterings(folder: Path) -> list[list[str]]:
    """Return what each version that speaks of clustering says, read from the log itself."""
    found = []
    for commit in sorted((folder / "_delta_log").glob("*.json")):
        for line in commit.read_text().splitlines():
            domain = json.loads(line).get("domainMetadata", {})
            if domain.get("domain") == "delta.clustering":
                columns = json.loads(domain["configuration"])["clusteringColumns"]
                found.append([".".join(column) for column in columns])
    return found


def test_each_write_leaves_the_table_clustered(desk: Desk) -> None:
    replaced = desk.target("t", cluster_by=("v", "id"))
    for run in ("r1", "r2"):
        desk.put(ROWS, replaced, run=run)
    assert clusterings(desk.folder / "t")[-1] == ["v", "id"]

    added = desk.target("t", mode="APPEND", cluster_by=("v", "id"))
    said = len(clusterings(desk.folder / "t"))
    desk.put(ROWS, added, run="r3")
    assert len(clusterings(desk.folder / "t")) == said, "it was clustered so before"
    assert len(desk.rows(added)) == 4

    other = desk.target("t", mode="APPEND", cluster_by=("w",))
    desk.put(ROWS, other, run="r4")
    assert clusterings(desk.folder / "t")[-1] == ["w"]
    assert len(desk.rows(other)) == 6


def test_a_merge_clusters_and_a_retry_makes_up_for_it(desk: Desk) -> None:
    merge = MergeOptions(primary_keys=["id"])
    options = {"mode": "MERGE", "merge": merge, "primary_keys": ("id",)}
    desk.put(ROWS, desk.target("t", **options), run="r1")
    assert clusterings(desk.folder / "t") == []

    # As after an attempt that ended between the commit and the clustering.
    again = desk.put(ROWS, desk.target("t", **options, cluster_by=("id",)), run="r1")
    assert again.skipped
    assert clusterings(desk.folder / "t") == [["id"]]

    desk.put(ROWS, desk.target("t", **options, cluster_by=("id",)), run="r2")
    assert clusterings(desk.folder / "t") == [["id"]]
    assert desk.rows(desk.target("t")) == ROWS.rows()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cluster_by": ("nope",)}, "is clustered by `nope`, which the rows do not have"),
        ({"cluster_by": ("v",), "partition_by": ("id",)}, "does not cluster such a table"),
        ({"cluster_by": ("w", "is_good")}, "cannot be clustered by `is_good`, of boolean"),
    ],
)
def test_what_cannot_be_clustered_writes_nothing(
    desk: Desk, options: dict[str, tuple[str, ...]], message: str
) -> None:
    with pytest.raises(WriteError, match=message):
        desk.stage(ROWS.with_columns(is_good=True), desk.target("t", **options))
    assert not (desk.folder / "t" / "_delta_log").exists()


def test_methods_of_reader_and_writer_set_options(desk: Desk) -> None:
    (desk.folder / "in.csv").write_text("id|v\n1|a\n2|b\n")
    pipeline = models.Pipeline.model_validate_yaml(
        f"""
        name: p
        dataframe_type: SPARK
        warehouse: {desk.folder}
        nodes:
        - name: n
          source:
            path: {desk.folder}/in.csv
            format: CSV
            read_options: {{header: false, sep: ';'}}
            reader_methods:
            - {{name: option, args: [sep, '|']}}
            - {{name: options, kwargs: {{header: true}}}}
          sinks:
          - path: {desk.folder}/out
            writer_methods:
            - {{name: partitionBy, args: [v]}}
          - path: {desk.folder}/clustered
            writer_methods:
            - {{name: clusterBy, args: [[id, v], id]}}
          - path: {desk.folder}/out.csv
            format: CSV
            writer_methods:
            - {{name: option, kwargs: {{key: sep, value: '#'}}}}
        """
    )
    with pipeline:
        pipeline.execute(spark=desk.engine.spark)

    assert sorted(pl.read_delta(str(desk.folder / "out")).rows()) == [(1, "a"), (2, "b")]
    assert {p.name for p in (desk.folder / "out").glob("v=*")} == {"v=a", "v=b"}
    assert clusterings(desk.folder / "clustered") == [["id", "v"]]
    written = desk.folder / "out.csv"
    files = [written] if written.is_file() else sorted(written.rglob("*.csv"))
    lines = [line for file in files for line in file.read_text().splitlines()]
    assert sorted(set(lines)) == ["1#a", "2#b", "id#v"]
