"""What stands in a URL and is nobody's business is shown nowhere in Dagster."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from laktory_dagster import build_definitions
from laktory_dagster.dagster.metadata import materialization_metadata, shown_uri
from laktory_dagster.execution.results import NodeResult, NodeStatus, TargetResult
from tests.unit.dagster.test_runs import write

SECRETS = ("CANARY", "sig=")


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("s3://bucket/a/b.parquet", "s3://bucket/a/b.parquet"),
        ("s3://key:CANARY@bucket/a", "s3://bucket/a"),
        ("s3://key:CAN/ARY@bucket/a", "s3://bucket/a"),
        ("s3://key:CAN@ARY@bucket/a", "s3://bucket/a"),
        ("hdfs://host:8020/a@b.parquet", "hdfs://host:8020/a@b.parquet"),
        ("https://user:CANARY@host/a", "https://host/a"),
        ("https://CANARY@host:8080/a", "https://host:8080/a"),
        ("http://CANARY@host/a@b", "http://host/a@b"),
        ("https://host/a.csv?sv=1&sig=CANARY", "https://host/a.csv"),
        ("https://host/export?table=a", "https://host/export?table=a"),
        (
            "abfss://box@account.dfs.core.windows.net/a",
            "abfss://box@account.dfs.core.windows.net/a",
        ),
        ("abfss://box@account.net/a?sig=CANARY", "abfss://box@account.net/a"),
        ("s3://bucket/part-?.parquet", "s3://bucket/part-?.parquet"),
        ("s3://bucket/day=?/a.parquet", "s3://bucket/day=?/a.parquet"),
        ("/data/user:x@home/a?b=c", "/data/user:x@home/a?b=c"),
        ("C:/data/a.csv", "C:/data/a.csv"),
    ],
)
def test_a_place_is_shown_without_credentials(uri: str, shown: str) -> None:
    assert shown_uri(uri) == shown


PIPELINE = """
name: p
nodes:
  - name: n
    source: {path: "https://user:CANARY@host.example/in.parquet?sig=CANARY", format: PARQUET}
    sink: {path: "s3://key:CANARY@bucket/out", format: DELTA}
"""


def test_specs_hold_none(tmp_path: Path) -> None:
    definitions = build_definitions(write(tmp_path, PIPELINE))

    specs = {spec.key.to_user_string(): spec for spec in definitions.resolve_all_asset_specs()}

    assert set(specs) == {"p/n", "files/https_host_example_in_parquet"}
    assert specs["p/n"].metadata["dagster/uri"] == "s3://bucket/out"
    source = specs["files/https_host_example_in_parquet"]
    assert source.metadata["dagster/uri"] == "https://host.example/in.parquet"
    assert not [word for word in SECRETS if word in repr(specs)]


def test_signatures_that_differ_are_two_data_of_one_name(tmp_path: Path) -> None:
    other = """  - name: m
    source: {path: "https://host.example/in.parquet?sig=CANARY2", format: PARQUET}
    sink: {table_name: m}
"""
    definitions = build_definitions(write(tmp_path, PIPELINE + other))

    keys = {spec.key.to_user_string() for spec in definitions.resolve_all_asset_specs()}

    assert keys == {
        "p/n",
        "p/m",
        "files/https_host_example_in_parquet",
        "files/p/https_host_example_in_parquet",
    }


@pytest.mark.parametrize("count", [1, 2])
def test_a_materialization_holds_none(count: int) -> None:
    targets = tuple(
        TargetResult(
            key=f"sink_{number}",
            role="primary" if number == 0 else "secondary",
            uri=f"s3://key:CANARY@bucket/{number}?sig=CANARY",
            format="DELTA",
            table_name=None,
            rows=1,
            version=None,
            bytes=None,
        )
        for number in range(count)
    )
    result = NodeResult(node="n", status=NodeStatus.DONE, engine="polars", targets=targets)

    found = materialization_metadata(result)

    assert found["dagster/uri"] == "s3://bucket/0"
    assert "CANARY" not in repr(found)
    if count > 1:
        records = [record.data for record in found["laktory/targets"].records]
        assert [record["uri"] for record in records] == ["s3://bucket/0", "s3://bucket/1"]
        assert [record["name"] for record in records] == ["s3://bucket/0", "s3://bucket/1"]


def test_code_references_keep_the_path_of_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "a:b@c?d=e"
    definitions = build_definitions(write(folder, PIPELINE))

    (spec,) = (s for s in definitions.resolve_all_asset_specs() if s.key == dg.AssetKey(["p", "n"]))

    (reference,) = spec.metadata["dagster/code_references"].code_references
    assert reference.file_path == str(folder / "pipeline.yaml")
