"""One pass: every target staged, every rule counted, then commit or abort."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import polars as pl

from laktory_dagster.engines.base import (
    Commit,
    Frame,
    Receipt,
    RunStamp,
    StageRequest,
    StageSummary,
    Target,
)
from laktory_dagster.engines.polars.check import RuleSet
from laktory_dagster.engines.polars.custom import CustomWriter
from laktory_dagster.engines.polars.delta import DeltaWriter
from laktory_dagster.engines.polars.files import FileWriter
from laktory_dagster.engines.polars.folders import FolderWriter
from laktory_dagster.engines.polars.history import HistoryWriter
from laktory_dagster.engines.polars.merge import MergeWriter
from laktory_dagster.engines.polars.problems import FAILURES, plain_text
from laktory_dagster.engines.polars.read import as_read_error
from laktory_dagster.engines.polars.rows import plain_rows
from laktory_dagster.engines.polars.schemas import column_types
from laktory_dagster.engines.polars.writer import TargetWriter
from laktory_dagster.engines.rules import Counts, null_keys
from laktory_dagster.engines.storage.layout import layout_of
from laktory_dagster.engines.storage.receipts import save_failures
from laktory_dagster.engines.storage.target import Way, way_of, without_state
from laktory_dagster.errors import LaktoryDagsterError, WriteError

_FULL = (errno.ENOSPC, errno.EDQUOT)


class PolarsStaged:
    """What one pass staged; see `Staged` in `engines.base`."""

    def __init__(self, work: _Pass, summary: StageSummary) -> None:
        """Keep the pass whose writers publish."""
        self._work = work
        self._summary = summary

    @property
    def summary(self) -> StageSummary:
        """Return counts, schema and samples of the pass."""
        return self._summary

    def commit(self, target: Target, receipt: Receipt) -> Commit:
        """Publish one target with its receipt, atomically. Raises WriteError and its children."""
        summary = self._summary
        rows = summary.rows_quarantined if target.role == "quarantine" else summary.rows_out
        with _write_errors(target):
            return self._work.writers[target.key].commit(receipt, rows)

    def abort(self) -> None:
        """Remove what was staged and not committed; never raises."""
        self._work.abort()

    def frames(self) -> tuple[Frame, Frame]:
        """Return the good and the quarantined rows as this pass saw them."""
        return self._work.good, self._work.quarantined

    def save_samples(self, target: Target, rows: Sequence[Mapping[str, Any]]) -> None:
        """Store rejected rows beside the target's receipt, in the place of earlier ones."""
        with _write_errors(target):
            save_failures(layout_of(target.place, target.format), rows)


class _Pass:
    """The plan of one pass: one shared frame, a branch per output."""

    def __init__(self, request: StageRequest) -> None:
        """Compile the rules and check the targets.

        Raises:
            LaktoryDagsterError: whatever can be known to be wrong before the work.
        """
        self.request = request
        frame: pl.LazyFrame = request.frame.lazy()
        with _pass_errors(request):
            self.schema = frame.collect_schema()
        self.rules = RuleSet(
            request.rules,
            request.dialect,
            self.schema,
            null_keys(request.targets),
            request.stamp.logical_time,
        )
        flagged = self.rules.flagged(frame)
        self.good = self.rules.good(flagged)
        self.quarantined = self.rules.quarantined(flagged, request.stamp)
        self._frame = frame
        self.writers: dict[str, TargetWriter] = {}
        try:
            for target in request.targets:
                with _write_errors(target):
                    self.writers[target.key] = self._writer(target)
                    self.writers[target.key].prepare()
        except BaseException:
            self.abort()
            raise

    def _writer(self, target: Target) -> TargetWriter:
        rows = self.quarantined if target.role == "quarantine" else self.good
        schema = rows.collect_schema()
        return open_writer(target, schema, self.request)

    def abort(self) -> None:
        for writer in self.writers.values():
            writer.abort()

    def run(self) -> StageSummary:
        """Read and transform once, write all targets, and return what it gave."""
        try:
            with _pass_errors(self.request, self.rules):
                shared = self._shared()
                branches = [] if self._reads_back() else self._counting(shared)
                previews = self._previews(shared)
                sinks = self._sinks(shared)
                results = _collect([*sinks, *branches, *previews])
        except BaseException:
            for writer in self.writers.values():
                writer.break_off()
            raise
        del results[: len(sinks)]
        with _pass_errors(self.request, self.rules):
            for writer in self.writers.values():
                writer.finish()
            if self._reads_back():
                stored = self.rules.flagged(self._stored())
                results = [*_collect(self._counting(stored)), *results]
        found = (
            self.rules.counts(results.pop(0).row(0, named=True)) if self._needs_counts() else None
        )
        preview = plain_rows(results.pop()) if previews else self._read_preview()
        shown = [plain_rows(rows) for rows in results]
        counts = found or self._footer_counts()
        return counts.summary(column_types(self.schema), shown, preview)

    def _counting(self, flagged: pl.LazyFrame) -> list[pl.LazyFrame]:
        """Return the branches that count the rules and take samples of failing rows."""
        if not self._needs_counts():
            return []
        keep = self.request.keep_samples and self.rules.checks_rows
        samples = self.rules.sample_frames(flagged) if keep else []
        return [self.rules.count_frame(flagged), *samples]

    def _previews(self, shared: pl.LazyFrame) -> list[pl.LazyFrame]:
        if not self._needs_preview():
            return []
        return [self.rules.good(shared).head(self.request.sample_rows)]

    def _reads_back(self) -> bool:
        """Return whether the rules are counted on the staged file, in the columns they need.

        So it is where every row goes, uncast, to one target: the pass then streams into it and
        holds nothing in memory.
        """
        if self.rules.is_empty or self.rules.sets_rows_aside or len(self.writers) != 1:
            return False
        writer = self._typed_writer()
        return writer is not None and all(
            writer.types.get(name) == dtype for name, dtype in self.schema.items()
        )

    def _stored(self) -> pl.LazyFrame:
        writer = self._typed_writer()
        frame = writer.staged_frame() if writer is not None else None
        return self._frame.clear() if frame is None else frame

    def _shared(self) -> pl.LazyFrame:
        """Return the frame that all branches start from.

        It is computed once into memory where several need it: the optimizer shares only the largest
        common part of each group of branches, and a cache inside the plan costs twice the time.
        """
        flagged = self.rules.flagged(self._frame)
        if self._reads_back():
            return flagged
        branches = len(self.request.targets) + self._needs_counts() + self._needs_preview()
        if branches + self.rules.checks_rows <= 1:
            return flagged
        return _collect([flagged])[0].lazy()

    def _sinks(self, shared: pl.LazyFrame) -> list[pl.LazyFrame]:
        sinks: list[pl.LazyFrame] = []
        for writer in self.writers.values():
            if writer.target.role == "quarantine":
                frame = self.rules.quarantined(shared, self.request.stamp)
            else:
                frame = self.rules.good(shared)
            sinks += writer.sinks(frame)
        return sinks

    def _typed_writer(self) -> TargetWriter | None:
        """Return a writer whose staged file says rows and values of the good rows."""
        for writer in self.writers.values():
            if writer.target.role != "quarantine" and writer.keeps_types:
                return writer
        return None

    def _needs_counts(self) -> bool:
        return not self.rules.is_empty or self._typed_writer() is None

    def _needs_preview(self) -> bool:
        return bool(self.writers) and self.request.keep_samples and self._typed_writer() is None

    def _read_preview(self) -> Sequence[Mapping[str, Any]]:
        writer = self._typed_writer()
        frame = writer.staged_frame() if writer and self.request.keep_samples else None
        return [] if frame is None else plain_rows(frame.head(self.request.sample_rows).collect())

    def _footer_counts(self) -> Counts:
        writer = self._typed_writer()
        if writer is None or writer.rows is None:
            raise RuntimeError("no staged file says how many rows there are")
        return Counts.of_rows(writer.rows)


def stage(request: StageRequest) -> PolarsStaged:
    """Run the frame once: write all targets unseen, count all rules.

    Raises:
        WriteError: a target cannot be written, or the rows do not fit it.
        TransformError: a rule or a step cannot be evaluated.
        ReadError: a source turned out to be unreadable.
    """
    targets = tuple(without_state(target) for target in request.targets)
    work = _Pass(replace(request, targets=targets))
    try:
        summary = work.run()
        for writer in work.writers.values():
            if writer.target.role != "quarantine":
                writer.refuse_empty(summary.rows_out)
    except BaseException:
        work.abort()
        raise
    return PolarsStaged(work, summary)


def open_writer(target: Target, schema: pl.Schema, request: StageRequest) -> TargetWriter:
    """Return the writer for a target's format and mode. Raises UnsupportedError, WriteError."""
    return _WRITERS[way_of(target)](target, schema, request.stamp)


_WRITERS: Mapping[Way, Callable[[Target, pl.Schema, RunStamp], TargetWriter]] = {
    "custom": CustomWriter,
    "delta": DeltaWriter,
    "merge": MergeWriter,
    "history": HistoryWriter,
    "folder": FolderWriter,
    "file": FileWriter,
}


def _collect(frames: Sequence[pl.LazyFrame]) -> list[pl.DataFrame]:
    return list(pl.collect_all(frames, engine="streaming")) if frames else []


@contextmanager
def _pass_errors(request: StageRequest, rules: RuleSet | None = None) -> Iterator[None]:
    """Turn what the pass raises into the package's errors."""
    try:
        yield
    except LaktoryDagsterError:
        raise
    except FAILURES as error:
        full = _no_room(error, request.targets) or _too_large(error, request.targets)
        known = full or (rules.unfit() if rules else None)
        raise known or as_read_error(error, None, request.sources) from error


@contextmanager
def _write_errors(target: Target) -> Iterator[None]:
    name = target.table_name or target.place.uri
    try:
        yield
    except LaktoryDagsterError:
        raise
    except FAILURES as error:
        full = _no_room(error, [target])
        raise full or WriteError(f"{name} could not be written: {plain_text(error)}") from error


def _too_large(error: BaseException, targets: Sequence[Target]) -> WriteError | None:
    """Return the error for unsigned numbers that a Delta table cannot hold."""
    found = re.search(r"conversion from `u64` to `i64` failed in column '([^']*)'", str(error))
    tables = [t.table_name or t.place.uri for t in targets if t.format == "DELTA"]
    if found is None or not tables:
        return None
    column = found.group(1)
    return WriteError(
        f"{tables[-1]}: the column `{column}` has values beyond int64, the widest integer of Delta",
        hint=f"cast `{column}` to decimal(20,0) or string",
    )


def _no_room(error: BaseException, targets: Sequence[Target]) -> WriteError | None:
    """Return the error for a disk that is full, or files that may not grow any more."""
    number = error.errno if isinstance(error, OSError) else None
    text = str(error)
    places = ", ".join(target.table_name or target.place.uri for target in targets)
    where = f"while writing {places or 'temporary files'}"
    if number == errno.EFBIG or "File too large" in text:
        return WriteError(
            f"a file became larger than the system allows {where}",
            hint="raise the limit (`ulimit -f`), or `partition_by` a column; the stored data are as "
            "they were",
        )
    if number not in _FULL and "No space left" not in text and "quota" not in text.lower():
        return None
    return WriteError(
        f"no space left on the disk {where}",
        hint="free some space and run again; the stored data are as they were",
    )
