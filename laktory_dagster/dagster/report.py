"""How a run of the command line went, node by node, read from Dagster's events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class CheckReport:
    """What an expectation found. `failed_rows` is None for a rule about all rows together."""

    name: str
    action: str
    passed: bool
    failed_rows: int | None


@dataclass(frozen=True)
class NodeReport:
    """How a node ended: `done`, `reused`, `failed`, `skipped` or `cancelled`. Time is seconds.

    `targets` are the tables and files that it wrote, as users name them.
    """

    node: str
    status: str
    seconds: float | None = None
    rows_in: int | None = None
    rows_out: int | None = None
    rows_dropped: int | None = None
    rows_quarantined: int | None = None
    targets: tuple[str, ...] = ()
    checks: tuple[CheckReport, ...] = ()
    message: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON data."""
        plain = {name: value for name, value in vars(self).items() if name != "checks"}
        return {**plain, "checks": [vars(check) for check in self.checks]}


@dataclass(frozen=True)
class RunReport:
    """How a run ended. `nodes` are in the order of the plan; time is seconds."""

    run_id: str
    pipeline: str
    nodes: tuple[NodeReport, ...]
    succeeded: bool
    cancelled: bool
    seconds: float
    file: Path | None
    project_root: Path
    home: Path

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return {
            "run_id": self.run_id,
            "pipeline": self.pipeline,
            "succeeded": self.succeeded,
            "cancelled": self.cancelled,
            "seconds": round(self.seconds, 3),
            "dagster_home": str(self.home),
            "nodes": [node.to_dict() for node in self.nodes],
        }
