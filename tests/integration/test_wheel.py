"""The built wheel, installed outside of the checkout: it is whole, and runs an example."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
import pytest

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("laktory_dagster", "pyproject.toml", "README.md", "LICENSE")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def run(
    command: Sequence[str], folder: Path, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **(environ or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of packages that holds the wheel and none of the checkout."""
    source = tmp_path_factory.mktemp("source")
    for name in COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name)
    wheels = tmp_path_factory.mktemp("wheels")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(wheels)]
    run([*build, str(source)], source)
    (wheel,) = wheels.glob("*.whl")
    target = tmp_path_factory.mktemp("site")
    install = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index"]
    run([*install, "--target", str(target), str(wheel)], target)
    return target


def test_the_wheel_holds_every_file_of_the_package(site: Path) -> None:
    package = ROOT / "laktory_dagster"
    declared = {
        file.relative_to(package)
        for file in package.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    installed = {
        file.relative_to(site / "laktory_dagster")
        for file in (site / "laktory_dagster").rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }

    assert declared == installed
    assert (site / "bin" / "laktory-dagster").exists()


def test_the_installed_package_runs_an_example(site: Path, tmp_path: Path) -> None:
    project = tmp_path / "orders"
    shutil.copytree(
        ROOT / "examples/orders", project, ignore=shutil.ignore_patterns("warehouse", "__pycache__")
    )
    environ = {"PYTHONPATH": str(site), "DAGSTER_HOME": str(tmp_path)}
    where = "import laktory_dagster; print(laktory_dagster.__file__)"
    found = run([sys.executable, "-c", where], project, environ).stdout
    assert Path(found.strip()).is_relative_to(site)

    command = [sys.executable, "-m", "laktory_dagster.cli.main", "run", "pipeline.yaml", "--json"]
    assert json.loads(run(command, project, environ).stdout)["succeeded"] is True

    changes = f"read_json('{project}/data/order_changes/*')"
    stored = f"read_parquet('{project}/warehouse/main/sales/brz_order_changes/*.parquet')"
    ((declared, written),) = duckdb.sql(
        f"SELECT (SELECT count(*) FROM {changes}), (SELECT count(*) FROM {stored})"
    ).fetchall()
    assert declared == written > 0
