"""Settings of the machine, from its environment variables."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from laktory_dagster.errors import SettingsError
from laktory_dagster.settings import Settings


def settings(**values: str) -> Settings:
    return Settings.from_environment(
        {f"LAKTORY_DAGSTER_{name}": value for name, value in values.items()}
    )


def test_nothing_is_set() -> None:
    found = settings()
    assert found == Settings()
    assert found.warehouse is found.engine is found.env is found.pipelines is None
    assert found.data_roots == found.allow_modules == ()


def test_the_process_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKTORY_DAGSTER_ENV", "dev")
    assert Settings.from_environment().env == "dev"


def test_blanks_are_nothing() -> None:
    assert (
        settings(WAREHOUSE="  ", ENGINE="", ALLOW_MODULES=" , ", DATA_ROOTS=os.pathsep)
        == Settings()
    )


def test_relative_paths_start_at_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = settings(WAREHOUSE="w", PIPELINES="./p", DATA_ROOTS=f"a{os.pathsep}/b")
    assert found.home == tmp_path
    assert found.warehouse == str(tmp_path / "w")
    assert found.pipelines == str(tmp_path / "p")
    assert found.data_roots == (str(tmp_path / "a"), "/b")


def test_urls_stay_as_they_are() -> None:
    found = settings(WAREHOUSE="s3://lake/w", DATA_ROOTS=f"s3://lake/a{os.pathsep}/b")
    assert found.warehouse == "s3://lake/w"
    assert found.data_roots == ("s3://lake/a", "/b")
    several = settings(DATA_ROOTS=f"/x{os.pathsep}gs://b/y{os.pathsep}abfss://c@d/z")
    assert several.data_roots == ("/x", "gs://b/y", "abfss://c@d/z")


@pytest.mark.parametrize(
    ("value", "engine"), [("polars", "polars"), ("SPARK", "spark"), ("PySpark", "spark")]
)
def test_engines(value: str, engine: str) -> None:
    assert settings(ENGINE=value).engine == engine


def test_modules() -> None:
    assert settings(ALLOW_MODULES="a, b.c ,d").allow_modules == ("a", "b.c", "d")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"ENGINE": "duckdb"}, "LAKTORY_DAGSTER_ENGINE is `duckdb`"),
        ({"ALLOW_MODULES": "a;b"}, "LAKTORY_DAGSTER_ALLOW_MODULES names `a;b`"),
        ({"ALLOW_MODULES": "a..b"}, "names `a..b`"),
        ({"WAREHOUSE": "a\0b"}, "LAKTORY_DAGSTER_WAREHOUSE holds a NUL"),
    ],
)
def test_values_that_are_not_usable(values: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError) as raised:
        settings(**values)
    assert message in raised.value.message
