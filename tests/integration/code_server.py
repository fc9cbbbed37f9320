"""Dagster's code server, whose runs are forked from a process that has imported what they need.

Dagster starts an interpreter for each run, which spends seconds of imports; nothing else differs.
"""

from __future__ import annotations

import multiprocessing
from typing import Any

from dagster._cli import main

MODULES = [
    "dagster._cli",
    "laktory_dagster.dagster.definitions",
    "laktory_dagster.engines.polars.engine",
]

if __name__ == "__main__":
    forked: Any = multiprocessing.get_context("forkserver")
    forked.set_forkserver_preload(MODULES)
    setattr(multiprocessing, "get_context", lambda method=None: forked)  # noqa: B010
    main()
