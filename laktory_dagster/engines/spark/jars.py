"""Delta's jars: named by the settings, kept from an earlier start, or fetched from Maven Central."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from laktory_dagster.settings import SparkSettings

DELTA = "io.delta:delta-spark_4.2_2.13:4.4.0"
_TWICE = (
    # Spark ships newer ones of these; both sets on one class path break the session.
    "org.apache.hadoop:hadoop-client-api",
    "org.apache.hadoop:hadoop-client-runtime",
    "org.apache.logging.log4j:log4j-api",
    "org.apache.logging.log4j:log4j-core",
    "org.apache.logging.log4j:log4j-slf4j2-impl",
    "org.slf4j:slf4j-api",
    "org.apache.parquet:parquet-hadoop",
    "org.apache.parquet:parquet-column",
    "org.apache.parquet:parquet-common",
    "org.apache.parquet:parquet-encoding",
    "org.apache.parquet:parquet-format-structures",
    "org.apache.parquet:parquet-jackson",
    "com.github.luben:zstd-jni",
    "org.xerial.snappy:snappy-java",
    "org.roaringbitmap:RoaringBitmap",
)


@contextmanager
def delta_jars(settings: SparkSettings) -> Iterator[Mapping[str, str]]:
    """Give what a session needs to have Delta, for as long as it takes to start.

    Of the processes that find no jars one fetches them, and the others wait for it: they would
    disturb each other in one folder. What a start that was broken off left behind does not count.
    """
    if settings.jars:
        yield {"spark.jars": ",".join(settings.jars)}
        return
    kept = _kept(settings)
    if kept:
        yield kept
        return
    from filelock import FileLock

    ivy = settings.cache / "ivy"
    ivy.mkdir(parents=True, exist_ok=True)
    with FileLock(ivy / "fetching.lock"):
        kept = _kept(settings)
        if kept:
            yield kept
            return
        yield _fetched(settings)
        _list(settings).write_text(
            "\n".join(sorted(jar.name for jar in _folder(settings).iterdir()))
        )


def _folder(settings: SparkSettings) -> Path:
    return settings.cache / "ivy" / "jars"


def _list(settings: SparkSettings) -> Path:
    """Return the file that names all jars of one version, written when they are complete."""
    return settings.cache / "ivy" / f"{DELTA.replace(':', '_')}.txt"


def _kept(settings: SparkSettings) -> dict[str, str]:
    """Return the jars of an earlier start; nothing where one of them is not there."""
    try:
        names = _list(settings).read_text().split()
    except OSError:
        return {}
    jars = [_folder(settings) / name for name in names]
    if not jars or not all(jar.is_file() for jar in jars):
        return {}
    # Packages that the user names as well have to leave out the same.
    return {"spark.jars": ",".join(map(str, jars)), "spark.jars.excludes": ",".join(_TWICE)}


def _fetched(settings: SparkSettings) -> dict[str, str]:
    found = {
        "spark.jars.packages": DELTA,
        "spark.jars.excludes": ",".join(_TWICE),
        "spark.jars.ivy": str(settings.cache / "ivy"),
    }
    if settings.repository:
        found["spark.jars.repositories"] = settings.repository
    return found
