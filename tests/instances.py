"""Databases of Dagster's instances: made once in a process, since making them takes a third of a second."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

import dagster as dg


def put_databases(home: Path) -> None:
    """Put empty databases into the folder of an instance, as Dagster makes them there."""
    shutil.copytree(_databases(), home, dirs_exist_ok=True)


@cache
def _databases() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="laktory_dagster_instance_"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    dg.DagsterInstance.from_config(str(folder)).dispose()
    return folder
