"""The Spark session of a run: made here with settings that fit, or taken as it is given."""

from __future__ import annotations

import logging
import os
import socket
import sys
import time
import warnings
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from laktory_dagster.engines.spark.jars import delta_jars
from laktory_dagster.engines.spark.java import use_java
from laktory_dagster.engines.spark.problems import SPARK_ERRORS
from laktory_dagster.errors import ExecutionError
from laktory_dagster.settings import SparkSettings

TIMEOUT_SECONDS = 10
_NOISY = ("DataFrameQueryContextLogger", "SQLQueryContextLogger", "pyspark.sql.connect.logging")
"""Loggers that print a stack of Java for each error that this package tells in a line."""
_LISTS = {
    "spark.driver.extraJavaOptions": " ",
    "spark.jars": ",",
    "spark.jars.packages": ",",
    "spark.jars.excludes": ",",
    "spark.sql.extensions": ",",
}
MEANING = {
    # Values that do not fit become null, on every engine: an expectation can catch them.
    "spark.sql.ansi.enabled": "false",
    "spark.sql.legacy.sizeOfNull": "false",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.legacy.timeParserPolicy": "CORRECTED",
    "spark.sql.sources.partitionColumnTypeInference.enabled": "true",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
}
"""Settings that decide what a pipeline means; a given session gets them for as long as a run."""


class Session:
    """A session and what it was before."""

    def __init__(self, spark: Any, *, is_own: bool) -> None:
        """Set what decides the meaning of a pipeline."""
        self.spark = spark
        self._is_own = is_own
        self._before: dict[str, str | None] = {}
        for key, value in MEANING.items():
            self._before[key] = spark.conf.get(key, None)
            spark.conf.set(key, value)

    @property
    def is_connect(self) -> bool:
        """Return whether it speaks to a server (Spark Connect, Databricks Connect)."""
        return is_connect(self.spark)

    def close(self) -> None:
        """Stop a session of our own, and leave a given one as it was."""
        with suppress(*SPARK_ERRORS):
            # A session that was lost has nothing to be put back.
            self._restore()
        if self._is_own:
            _stop(self.spark)

    def _restore(self) -> None:
        for key, value in self._before.items():
            if value is None:
                self.spark.conf.unset(key)
            else:
                self.spark.conf.set(key, value)


def _stop(spark: Any) -> None:
    """Stop a session; after one that was lost this process can begin another."""
    try:
        spark.stop()
    except SPARK_ERRORS:
        if is_connect(spark):
            return
        from pyspark import SparkContext
        from pyspark.sql import SparkSession

        SparkContext._active_spark_context = SparkContext._gateway = SparkContext._jvm = None
        SparkSession._instantiatedSession = None


def is_connect(spark: Any) -> bool:
    """Return whether a session or a frame belongs to Spark Connect."""
    return ".connect." in type(spark).__module__


def open_session(given: Any, settings: SparkSettings) -> Session:
    """Return the session to use: the given one, or a new one as the settings say.

    Raises:
        UnsupportedError: no Java that Spark runs on.
        ExecutionError: the session does not start, or the server does not answer.
    """
    if given is not None:
        return Session(given, is_own=False)
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    remote = settings.remote or os.environ.get("SPARK_REMOTE")
    if remote is None or remote.startswith("local"):
        use_java(settings.cache)
    existing = _existing(remote)
    if existing is not None:
        return Session(existing, is_own=False)
    try:
        if remote is not None and not remote.startswith("local"):
            _reach(remote)
        spark = _start(remote, settings)
    except Exception as error:
        raise _not_started(error, remote) from error
    return Session(spark, is_own=True)


def _existing(remote: str | None) -> Any:
    """Return the session that this process already has (a notebook's), None where it has none."""
    from pyspark.sql import SparkSession

    if remote is not None:
        return None
    if "SPARK_CONNECT_MODE_ENABLED" in os.environ:
        from pyspark.sql.connect.session import SparkSession as RemoteSession

        return RemoteSession.getActiveSession() or RemoteSession._get_default_session()
    found = getattr(SparkSession, "_instantiatedSession", None)
    context = getattr(found, "_sc", None)
    return found if context is not None and context._jsc is not None else None


def _reach(remote: str) -> None:
    """Raise OSError where nothing listens; the client itself would try again for ten minutes."""
    if any(os.environ.get(name) for name in ("https_proxy", "http_proxy", "grpc_proxy")):
        return
    url = urlsplit(remote.partition(";")[0])
    socket.create_connection((url.hostname or "", url.port or 15002), TIMEOUT_SECONDS).close()


def _start(remote: str | None, settings: SparkSettings) -> Any:
    from pyspark.sql import SparkSession

    builder: Any = SparkSession.builder
    builder = builder.appName("laktory_dagster")
    is_local = remote is None or remote.startswith("local")
    builder = builder.remote(remote) if remote else builder.master(settings.master)
    configuration = local_configuration(settings) if is_local else {}
    found: AbstractContextManager[Mapping[str, str]] = nullcontext({})
    if is_local:
        found = delta_jars(settings)
    with found as jars:
        for key, value in joined({**configuration, **jars}, settings.conf).items():
            builder = builder.config(key, value)
        with warnings.catch_warnings():
            # The client of Connect sets what its server has been started with once more, and warns.
            warnings.filterwarnings("ignore", "Failed to set")
            spark = builder.getOrCreate()
    if remote is not None:
        spark.client.set_retry_policies([_retries(remote)])
    return spark


def _retries(remote: str) -> Any:
    """Return for how long the client waits for a server that does not answer.

    It is told within a minute, not within ten, and at once where nothing listens any more: the
    session was that process's.
    """
    from pyspark.sql.connect.client.retries import DefaultPolicy

    class WhileThere(DefaultPolicy):
        def can_retry(self, e: BaseException) -> bool:
            return super().can_retry(e) and not _is_gone(remote)

    return WhileThere(max_retries=10, max_backoff=5_000)


def _is_gone(remote: str) -> bool:
    """Return whether connections are refused, now and a second later."""
    if remote.startswith("local"):
        return False
    for _ in range(2):
        try:
            _reach(remote)
        except ConnectionRefusedError:
            time.sleep(1)
        except OSError:
            return False
        else:
            return False
    return True


def local_configuration(settings: SparkSettings) -> dict[str, str]:
    """Return the configuration of a session on this machine, but for Delta's jars."""
    log4j = Path(__file__).with_name("log4j2.properties")
    found = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
        "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={log4j.as_uri()}"
        " -Dderby.system.home=" + str(settings.cache / "derby"),
        "spark.driver.memory": f"{_memory_mb()}m",
        "spark.sql.shuffle.partitions": str(os.cpu_count() or 2),
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.databricks.delta.snapshotPartitions": "2",
        "spark.sql.warehouse.dir": str(settings.cache / "spark-warehouse"),
        "spark.sql.artifact.isolation.enabled": "false",
    }
    if settings.has_tables:
        found |= _lasting_catalog(settings)
    return found


def joined(own: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """Return our configuration with the user's; lists have the parts of both."""
    both = {**own, **given}
    for key, separator in _LISTS.items():
        if key in own and key in given:
            both[key] = separator.join((own[key], given[key]))
    return both


def _lasting_catalog(settings: SparkSettings) -> dict[str, str]:
    """Return what makes a session's catalog outlive it: Hive's, in a database of one process."""
    metastore = settings.cache / "metastore"
    return {
        "spark.sql.catalogImplementation": "hive",
        "spark.hadoop.javax.jdo.option.ConnectionURL": (
            f"jdbc:derby:;databaseName={metastore};create=true"
        ),
    }


def _memory_mb() -> int:
    """Return a quarter of the machine's memory, at least a gigabyte."""
    try:
        whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return 2048
    return max(1024, whole // (4 * 1024 * 1024))


def _not_started(error: Exception, remote: str | None) -> ExecutionError:
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if "SESSION_ALREADY_EXIST" in str(error):
        return ExecutionError(
            "this process has a Spark session of its own already, and cannot have a remote one too",
            hint="stop it before the run, or run without LAKTORY_DAGSTER_SPARK_REMOTE",
        )
    if remote is not None and not remote.startswith("local"):
        return ExecutionError(
            f"the Spark server at {remote.partition(';')[0]} does not answer: {text}",
            hint="start it, or check LAKTORY_DAGSTER_SPARK_REMOTE",
        )
    if "unresolved dependency" in str(error) or "JAVA_GATEWAY_EXITED" in str(error):
        return ExecutionError(
            f"Spark does not start: {text}",
            hint="the first start fetches Delta from Maven Central; without a network set "
            "LAKTORY_DAGSTER_SPARK_JARS to its jars, or LAKTORY_DAGSTER_SPARK_REPOSITORY",
        )
    return ExecutionError(f"Spark does not start: {text}")
