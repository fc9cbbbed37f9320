"""Sources on an object store: a real S3-compatible server on loopback."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from laktory_dagster import models
from laktory_dagster.errors import LaktoryDagsterError
from tests.engines.frames import collected

pytestmark = pytest.mark.lacks("spark", "no file system for `s3://`")

Bucket = tuple[str, dict[str, str], Any]
FIRST = {"id": [1, 2], "city": ["Bern", None], "price": [1.5, 2.5]}
SECOND = {"id": [3], "city": ["Graz"], "price": [3.5]}
BOTH = [(1, "Bern", 1.5), (2, None, 2.5), (3, "Graz", 3.5)]


def as_bytes(write: Callable[[pl.DataFrame, io.BytesIO], Any]) -> Callable[[pl.DataFrame], bytes]:
    def made(frame: pl.DataFrame) -> bytes:
        buffer = io.BytesIO()
        write(frame, buffer)
        return buffer.getvalue()

    return made


CONTENT: dict[str, tuple[str, Callable[[pl.DataFrame], bytes]]] = {
    "PARQUET": ("parquet", as_bytes(lambda frame, file: frame.write_parquet(file))),
    "CSV": ("csv", as_bytes(lambda frame, file: frame.write_csv(file))),
    "JSONL": ("jsonl", as_bytes(lambda frame, file: frame.write_ndjson(file))),
    "JSON": ("json", lambda frame: json.dumps(frame.to_dicts()).encode()),
    "IPC": ("arrow", as_bytes(lambda frame, file: frame.write_ipc(file))),
    "AVRO": ("avro", as_bytes(lambda frame, file: frame.write_avro(file))),
}


@pytest.fixture
def prefix(bucket: Bucket, request: pytest.FixtureRequest) -> str:
    return f"read{abs(hash(request.node.nodeid))}"


def put(bucket: Bucket, key: str, content: bytes) -> None:
    bucket[2].put_object(Bucket="lakehouse", Key=key, Body=content)


def pipeline(path: str, form: str, options: dict[str, str], **more: Any) -> models.Pipeline:
    source = {"path": path, "format": form, "storage_options": options, **more}
    return models.Pipeline(name="remote", nodes=[{"name": "n", "source": source}])


def rows(made: models.Pipeline) -> list[tuple[Any, ...]]:
    frame = collected(made.nodes_dict["n"].execute())
    return sorted(frame.rows(), key=repr)


@pytest.mark.parametrize("form", list(CONTENT))
@pytest.mark.parametrize("shape", ["file", "folder", "glob"])
def test_files(bucket: Bucket, prefix: str, form: str, shape: str) -> None:
    root, options, _ = bucket
    suffix, content = CONTENT[form]
    put(bucket, f"{prefix}/in/one.{suffix}", content(pl.DataFrame(FIRST)))
    put(bucket, f"{prefix}/in/two.{suffix}", content(pl.DataFrame(SECOND)))
    put(bucket, f"{prefix}/in/_SUCCESS", b"")
    path = {"file": f"in/one.{suffix}", "folder": "in", "glob": f"in/*.{suffix}"}[shape]
    found = rows(pipeline(f"{root}/{prefix}/{path}", form, options))
    assert found == sorted(BOTH[:2] if shape == "file" else BOTH, key=repr)


@pytest.mark.parametrize("form", ["PARQUET", "CSV"])
def test_partition_folders(bucket: Bucket, prefix: str, form: str) -> None:
    root, options, _ = bucket
    suffix, content = CONTENT[form]
    for day, data in (("2024-01-01", FIRST), ("2024-01-02", SECOND)):
        put(bucket, f"{prefix}/t/day={day}/a.{suffix}", content(pl.DataFrame(data)))
    made = pipeline(f"{root}/{prefix}/t", form, options, filter="day = DATE '2024-01-02'")
    ((number, city, price, day),) = rows(made)
    assert (number, city, price, str(day)) == (3, "Graz", 3.5, "2024-01-02")


def test_a_delta_table_and_its_options(bucket: Bucket, prefix: str) -> None:
    root, options, _ = bucket
    url = f"{root}/{prefix}/table"
    pl.DataFrame(FIRST).write_delta(url, storage_options=options)
    pl.DataFrame(SECOND).write_delta(url, mode="append", storage_options=options)
    assert rows(pipeline(url, "DELTA", options)) == sorted(BOTH, key=repr)
    made = pipeline(url, "DELTA", options, filter="price > 2", selects={"id": "n"})
    assert rows(made) == [(2,), (3,)]


def test_from_one_store_to_another_place_and_back(
    bucket: Bucket, prefix: str, tmp_path: Path
) -> None:
    root, options, _ = bucket
    put(bucket, f"{prefix}/in.csv", CONTENT["CSV"][1](pl.DataFrame(FIRST)))
    made = models.Pipeline(
        name="there_and_back",
        nodes=[
            {
                "name": "up",
                "source": {"path": f"{root}/{prefix}/in.csv", "format": "CSV",
                           "storage_options": options},
                "sink": {"path": f"{root}/{prefix}/up", "format": "DELTA",
                         "storage_options": options},
            },
            {
                "name": "down",
                "source": {"node_name": "up"},
                "sink": {"path": str(tmp_path / "down.parquet"), "format": "PARQUET"},
            },
        ],
    )  # fmt: skip
    made.execute()
    assert sorted(pl.read_parquet(tmp_path / "down.parquet").rows()) == BOTH[:2]


@pytest.mark.parametrize("form", ["PARQUET", "CSV", "JSONL", "DELTA"])
def test_what_is_not_there_is_named(bucket: Bucket, prefix: str, form: str) -> None:
    root, options, _ = bucket
    with pytest.raises(LaktoryDagsterError) as caught:
        rows(pipeline(f"{root}/{prefix}/gone", form, options))
    text = str(caught.value)
    assert f"{prefix}/gone" in text
    assert "\x1b" not in text


def test_a_damaged_object_is_named(bucket: Bucket, prefix: str) -> None:
    root, options, _ = bucket
    put(bucket, f"{prefix}/bad.parquet", b"PAR1 and then nothing")
    with pytest.raises(LaktoryDagsterError) as caught:
        rows(pipeline(f"{root}/{prefix}/bad.parquet", "PARQUET", options))
    assert "bad.parquet" in str(caught.value)


def test_a_store_that_does_not_answer_gives_no_secret_away(prefix: str) -> None:
    options = {
        "aws_access_key_id": "key-of-mine",
        "aws_secret_access_key": "secret-of-mine",
        "aws_region": "us-east-1",
        "aws_endpoint_url": "http://127.0.0.1:9",
        "aws_allow_http": "true",
        "max_retries": "0",
    }
    with pytest.raises(LaktoryDagsterError) as caught:
        rows(pipeline(f"s3://nowhere/{prefix}/x.parquet", "PARQUET", options))
    text = str(caught.value)
    assert "x.parquet" in text
    assert "secret-of-mine" not in text
