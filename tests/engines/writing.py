"""What tests of writing share: targets below one folder, and one call that stages and commits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from laktory_dagster.engines.base import (
    Commit,
    Engine,
    Place,
    Receipt,
    RunStamp,
    Staged,
    StageRequest,
    StageSummary,
    Target,
)
from laktory_dagster.models import Expectation

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def stamp_of(run: str = "run-1", partition: str | None = None, code: str = "code-1") -> RunStamp:
    return RunStamp(f"{run}-try", run, "prices", code, NOON, partition)


def receipt_for(stamp: RunStamp, target: Target, summary: StageSummary) -> Receipt:
    return Receipt(
        token=stamp.token(target),
        run_id=stamp.run_id,
        root_run_id=stamp.root_run_id,
        node=stamp.node,
        code_version=stamp.code_version,
        data_version="data-1",
        logical_time=stamp.logical_time.isoformat(),
        written_at=datetime.now(UTC).isoformat(),
        rows_in=summary.rows_in,
        rows_out=summary.rows_out,
        rows_dropped=summary.rows_dropped,
        rows_quarantined=summary.rows_quarantined,
        columns=summary.columns,
        partition=stamp.partition,
    )


def rule(name: str, expression: str, action: str = "WARN", **more: Any) -> Expectation:
    return Expectation(name=name, expression=expression, action=action, **more)


@dataclass
class Desk:
    """Writes with one engine below one folder."""

    engine: Engine
    folder: Path
    storage_options: dict[str, str] = field(default_factory=dict)
    root: str = ""

    def target(
        self, name: str, form: str = "DELTA", mode: str = "OVERWRITE", **more: Any
    ) -> Target:
        more = {"key": "sink_0", "role": "primary", **more}
        root = self.root or str(self.folder)
        place = Place(f"{root}/{name}", self.storage_options)
        return Target(place=place, format=form, mode=mode, **more)

    def aside(self, name: str, form: str = "DELTA", mode: str = "OVERWRITE") -> Target:
        return self.target(name, form, mode, key="quarantine", role="quarantine")

    def stage(
        self,
        frame: Any,
        *targets: Target,
        rules: Sequence[Expectation] = (),
        stamp: RunStamp | None = None,
        **more: Any,
    ) -> Staged:
        own = self.engine.from_native(frame)
        request = StageRequest(own, rules, targets, stamp or stamp_of(), "spark", **more)
        return self.engine.stage(request)

    def write(
        self,
        frame: Any,
        *targets: Target,
        rules: Sequence[Expectation] = (),
        run: str = "run-1",
        partition: str | None = None,
        code: str = "code-1",
        **more: Any,
    ) -> tuple[StageSummary, list[Commit]]:
        stamp = stamp_of(run, partition, code)
        staged = self.stage(frame, *targets, rules=rules, stamp=stamp, **more)
        commits = [staged.commit(t, receipt_for(stamp, t, staged.summary)) for t in targets]
        return staged.summary, commits

    def put(self, frame: Any, *targets: Target, **more: Any) -> Commit:
        return self.write(frame, *targets, **more)[1][-1]

    def rows(self, target: Target) -> list[tuple[Any, ...]]:
        """Return what a reader of another make finds, sorted by the columns in order."""
        path = Path(target.place.uri)
        if target.format == "DELTA":
            from deltalake import DeltaTable

            table = DeltaTable(str(path)).to_pyarrow_table()
            return sorted_rows(pl.DataFrame(table))
        if path.is_file():
            return sorted_rows(read_file(path, target.format))
        files = current_files(path)
        frames = [read_file(file, target.format) for file in files]
        return sorted_rows(pl.concat(frames, how="diagonal_relaxed"))

    def files(self, folder: str = "") -> list[str]:
        """Return all files below a folder, without those of Delta's log."""
        root = self.folder / folder
        found = [p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()]
        return sorted(name for name in found if "_delta_log" not in name)


def current_files(folder: Path) -> list[Path]:
    import json

    manifest = folder / "_laktory/manifest.json"
    if manifest.exists():
        return [folder / name for name in json.loads(manifest.read_text())["files"]]
    return sorted(p for p in folder.rglob("*.*") if "_laktory" not in p.parts)


def read_file(path: Path, form: str) -> pl.DataFrame:
    readers = {
        "PARQUET": pl.read_parquet,
        "CSV": pl.read_csv,
        "JSON": pl.read_ndjson,
        "JSONL": pl.read_ndjson,
        "NDJSON": pl.read_ndjson,
        "IPC": pl.read_ipc,
        "AVRO": pl.read_avro,
        "EXCEL": pl.read_excel,
    }
    return readers[form](path)


def sorted_rows(frame: pl.DataFrame) -> list[tuple[Any, ...]]:
    return in_order(frame.rows())


def in_order(rows: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return rows in the order in which a desk shows them, whatever their types."""
    return sorted(rows, key=lambda row: tuple((v is None, str(v)) for v in row))
