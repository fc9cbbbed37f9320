"""What a run is given from outside, beside the plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from laktory_dagster.engines.base import RunStamp


@dataclass(frozen=True)
class RunOptions:
    """Options of one run.

    `root_run_id` is the run that retries and re-executions inherit: it appends once. `attempt_id` is
    the run that began what this one resumes, its own id where it does everything again, and the
    root run if it is empty: what an attempt has finished is not done again. `logical_time` (UTC) is what the stamp columns hold. `write=False` hands frames
    over without writing. `limit` reads at most so many rows of every source, and
    `compute_missing` computes upstreams that store nothing yet; both serve previews. `assets` are
    frames of assets that are no nodes, by key joined with slashes.
    """

    run_id: str
    root_run_id: str
    logical_time: datetime
    warehouse: str | None = None
    write: bool = True
    full_refresh: bool = False
    partition: str | None = None
    functions: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    spark: Any = None
    limit: int | None = None
    compute_missing: bool = False
    assets: Mapping[str, Any] = field(default_factory=dict)
    attempt_id: str = ""

    @property
    def attempt(self) -> str:
        """Return the run that began what this one resumes, or this run."""
        return self.attempt_id or self.root_run_id

    @classmethod
    def new(cls, **options: Any) -> RunOptions:
        """Return the options of a run that starts now under an id of its own."""
        run_id = options.pop("run_id", None) or str(uuid4())
        return cls(
            run_id=run_id,
            root_run_id=options.pop("root_run_id", None) or run_id,
            logical_time=options.pop("logical_time", None) or datetime.now(UTC),
            **options,
        )

    def stamp(self, node: str, code_version: str) -> RunStamp:
        """Return who writes, for receipts and stamp columns."""
        return RunStamp(
            run_id=self.run_id,
            root_run_id=self.root_run_id,
            node=node,
            code_version=code_version,
            logical_time=self.logical_time,
            partition=self.partition,
            attempt_id=self.attempt,
        )
