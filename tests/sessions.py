"""The engines that tests run on, and the one Spark session that all tests of a process share."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
from functools import cache
from typing import Any

import pytest

SPARK_KINDS = (
    # One session, and so one process, for all tests of a kind.
    pytest.param("spark", marks=[pytest.mark.spark, pytest.mark.xdist_group("spark")]),
    pytest.param("connect", marks=[pytest.mark.connect, pytest.mark.xdist_group("connect")]),
)
ENGINES = ("polars", *SPARK_KINDS)

# Small queries on a small machine: compiling them costs more than running them.
QUICK = {
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:ReservedCodeCacheSize=256m -XX:MetaspaceSize=256m -Xmn512m "
    "-Djdk.lang.Process.launchMechanism=VFORK",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.shuffle.partitions": "1",
    "spark.default.parallelism": "1",
    "spark.databricks.delta.snapshotPartitions": "1",
    "spark.driver.memory": "2g",
}

# For the processes of a test that use the test's own server: its port and Java process.
GIVEN_SERVER = "LAKTORY_DAGSTER_TEST_CONNECT_SERVER"

_open: dict[str, Any] = {}


def shared_session(kind: str = "spark") -> Any:
    """Return the session of a kind, classic (`spark`) or `connect`; it ends with the process.

    A process has one kind at a time: the session of the other kind is stopped.
    """
    from laktory_dagster.engines.spark.session import open_session
    from laktory_dagster.settings import SparkSettings

    if kind not in _open:
        close_sessions()
        if kind == "connect":
            settings = SparkSettings(remote=f"sc://127.0.0.1:{connect_server()[0]}")
        else:
            settings = SparkSettings(master="local[2]", conf=QUICK)
        _open[kind] = open_session(None, settings).spark
        if kind == "connect":
            # Reattaching to a query that lost its line is nothing for a server next door.
            _open[kind].client.disable_reattachable_execute()
    return _open[kind]


@atexit.register
def close_sessions() -> None:
    """Stop the session that is open."""
    while _open:
        _open.popitem()[1].stop()
    os.environ.pop("SPARK_CONNECT_MODE_ENABLED", None)


@cache
def connect_server() -> tuple[int, int]:
    """Return port and Java process of a server on this machine.

    It ends with this process, unless another process gave its own to this one.
    """
    given = os.environ.get(GIVEN_SERVER)
    if given is not None:
        return int(given.split()[0]), int(given.split()[1])
    conf = json.dumps({**QUICK, "spark.master": "local[2]"})
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.connect_server", conf],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={k: v for k, v in os.environ.items() if not k.startswith("SPARK_")},
    )
    atexit.register(server.wait)
    atexit.register(server.stdin.close)
    port, java = server.stdout.readline().split()
    return int(port), int(java)
