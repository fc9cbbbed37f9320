"""Runs a command as a process of its own and reads what it cost."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """Wall and CPU time in seconds, peak resident memory in MB, of one process and its children."""

    wall: float
    cpu: float
    memory: float

    def minus(self, other: Cost) -> Cost:
        """Return what is left of times after taking another cost away; memory stays."""
        return Cost(self.wall - other.wall, self.cpu - other.cpu, self.memory)


def run(command: Sequence[str], environ: Mapping[str, str] | None = None) -> Cost:
    """Return the cost of a command.

    Raises:
        SystemExit: it failed; its output is shown.
    """
    log = Path(os.environ.get("TMPDIR", "/tmp")) / f"laktory_dagster_bench_{os.getpid()}.log"
    started = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **(environ or {})}
        )
        _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{log.read_text(errors='replace')[-4000:]}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def median_cost(costs: Sequence[Cost]) -> Cost:
    """Return the medians of each figure."""
    return Cost(
        statistics.median(cost.wall for cost in costs),
        statistics.median(cost.cpu for cost in costs),
        statistics.median(cost.memory for cost in costs),
    )


def paired(
    commands: Mapping[str, Sequence[str]], rounds: int, environ: Mapping[str, str] | None = None
) -> dict[str, Cost]:
    """Return the median cost of each command, run in turns so that noise meets all alike."""
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            costs[name].append(run(command, environ))
    return {name: median_cost(found) for name, found in costs.items()}
