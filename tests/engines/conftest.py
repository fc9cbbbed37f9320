"""One body for every engine, the `engine` fixture; and an object store on loopback."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from laktory_dagster.engines.base import Engine
from laktory_dagster.engines.registry import open_engine
from tests.sessions import ENGINES, shared_session

LACKS = {
    **dict.fromkeys(("AVRO", "IPC", "EXCEL"), ("spark",)),
    **dict.fromkeys(("ORC", "TEXT", "XML", "BINARYFILE"), ("polars",)),
}
"""The engines that lack a format; a test of it (its parameter `form`) has to be refused."""


@pytest.hookimpl(hookwrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[None]:
    """Hold a test to the refusal by name of what its engine lacks (`lacks(engine, message)`)."""
    outcome: Any = yield
    name = getattr(pyfuncitem, "callspec", None) and pyfuncitem.callspec.params.get("engine")
    form = getattr(pyfuncitem, "callspec", None) and pyfuncitem.callspec.params.get("form")
    raised = None if outcome.excinfo is None else outcome.excinfo[1]
    refused = [marker.args for marker in pyfuncitem.iter_markers("lacks")]
    if raised is not None:
        refused += [(engine, rf"(read|write)s? {form}") for engine in LACKS.get(form, ())]
    own = "spark" if name == "connect" else name
    wanted = [text for engine, text in refused if engine == own]
    if not wanted:
        return
    message = "|".join(wanted)
    if raised is None or not re.search(message, str(raised)):
        pytest.fail(f"{name} has to refuse this with `{message}`, not with: {raised}")
    outcome.force_result(None)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An open engine of each kind."""
    if request.param == "polars":
        found = open_engine("polars")
    else:
        found = open_engine("spark", spark=shared_session(request.param))
    yield found
    found.close()


@pytest.fixture(scope="session")
def bucket() -> Iterator[tuple[str, dict[str, str], Any]]:
    """Root, storage options and client of a real S3-compatible server."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # A process of its own: delta-rs lists objects without letting other threads run.
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _wait_for(port)
    options = {
        "aws_access_key_id": "test",
        "aws_secret_access_key": "test",
        "aws_region": "us-east-1",
        "aws_endpoint_url": f"http://127.0.0.1:{port}",
        "aws_allow_http": "true",
    }
    client = boto3.client(
        "s3",
        endpoint_url=options["aws_endpoint_url"],
        aws_access_key_id="test",
        aws_secret_access_key="test",
        region_name="us-east-1",
    )
    client.create_bucket(Bucket="lakehouse")
    yield "s3://lakehouse", options, client
    server.kill()
    server.wait()


def _wait_for(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("the object store did not start")
