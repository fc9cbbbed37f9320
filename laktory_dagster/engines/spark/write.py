"""One pass: every rule counted, every target prepared, then commit or abort."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from laktory_dagster.engines.base import (
    Commit,
    Frame,
    Receipt,
    RunStamp,
    StageRequest,
    StageSummary,
    Target,
)
from laktory_dagster.engines.rules import Counts, null_keys
from laktory_dagster.engines.spark.check import RuleSet
from laktory_dagster.engines.spark.columns import inexact_problem
from laktory_dagster.engines.spark.custom import CustomWriter
from laktory_dagster.engines.spark.delta import DeltaWriter
from laktory_dagster.engines.spark.files import FilesWriter
from laktory_dagster.engines.spark.history import HistoryWriter
from laktory_dagster.engines.spark.merge import MergeWriter
from laktory_dagster.engines.spark.problems import SPARK_ERRORS, plain_text, require_avro
from laktory_dagster.engines.spark.rows import plain_rows
from laktory_dagster.engines.spark.schemas import column_types
from laktory_dagster.engines.spark.writer import TargetWriter
from laktory_dagster.engines.storage.layout import layout_of
from laktory_dagster.engines.storage.receipts import save_failures
from laktory_dagster.engines.storage.target import Way, way_of, without_state
from laktory_dagster.errors import LaktoryDagsterError, TransformError, WriteError


class SparkStaged:
    """What one pass prepared; see `Staged` in `engines.base`."""

    def __init__(self, work: _Pass) -> None:
        """Keep the pass whose writers publish."""
        self._work = work
        self._waiting = set(work.writers)

    @property
    def summary(self) -> StageSummary:
        """Return counts, schema and samples of the pass.

        A batch that no rule looks at, with one target, is counted as it is written: its counts are
        there after the commit.
        """
        return self._work.summary

    def commit(self, target: Target, receipt: Receipt) -> Commit:
        """Publish one target with its receipt, atomically. Raises WriteError and its children."""
        work = self._work
        try:
            with _write_errors(target):
                if work.is_direct:
                    return work.commit_direct(target, receipt)
                summary = work.summary
                rows = summary.rows_quarantined if target.role == "quarantine" else summary.rows_out
                commit = work.writers[target.key].commit(receipt, rows)
        except BaseException:
            work.writers[target.key].abort()
            raise
        self._waiting.discard(target.key)
        if not self._waiting:
            work.release()
        return commit

    def release(self) -> None:
        """Let go of the rows that were kept for several uses; later ones compute them again."""
        self._work.release()

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
    """One pass over a frame: kept while several outputs or the rules need it."""

    def __init__(self, request: StageRequest) -> None:
        """Compile the rules and check the targets.

        Raises:
            LaktoryDagsterError: whatever can be known to be wrong before the work.
        """
        self.request = request
        frame = request.frame
        self.rules = RuleSet(
            request.rules,
            request.dialect,
            frame,
            null_keys(request.targets),
            request.stamp.logical_time,
        )
        self._flagged = self.rules.flagged(frame)
        self.good = self.rules.good(self._flagged)
        self.quarantined = self.rules.quarantined(self._flagged, request.stamp)
        self.is_direct = self._may_be_direct()
        self.writers: dict[str, TargetWriter] = {}
        self.summary = self._summary(Counts.of_rows(0))
        try:
            for target in request.targets:
                with _write_errors(target):
                    self.writers[target.key] = self._writer(target)
                    self.writers[target.key].prepare()
        except BaseException:
            self.abort()
            raise

    def _may_be_direct(self) -> bool:
        targets = self.request.targets
        return (
            self.rules.is_empty
            and len(targets) == 1
            and targets[0].format == "DELTA"
            and targets[0].mode != "MERGE"
            and targets[0].custom_writer is None
            and targets[0].on_empty == "write"
        )

    def _writer(self, target: Target) -> TargetWriter:
        rows = self.quarantined if target.role == "quarantine" else self.good
        return open_writer(target, rows, self.request)

    def run(self) -> None:
        """Compute the batch once where something is to be counted or staged before the commit."""
        if self.is_direct:
            self.writers[self.request.targets[0].key].take(self.good)
            return
        self._flagged.persist()
        try:
            with _pass_errors(self.request):
                row = self._flagged.agg(*self.rules.counting()).first().asDict()
                counts = self.rules.counts(row)
                samples = self._samples(counts)
                self.summary = self._summary(counts, samples, self._preview(self.good))
        except BaseException:
            self.abort()
            raise
        for target in self.request.targets:
            with _write_errors(target):
                rows = self.quarantined if target.role == "quarantine" else self.good
                self.writers[target.key].take(rows)

    def _samples(self, counts: Counts) -> list[list[dict[str, Any]]]:
        wanted = self.request.keep_samples and any(counts.failures.values())
        if not wanted:
            return []
        return [plain_rows(rows) for rows in self.rules.sample_frames(self._flagged)]

    def _preview(self, frame: Frame) -> Sequence[Mapping[str, Any]]:
        if not (self.request.targets and self.request.keep_samples):
            return []
        return plain_rows(frame.limit(self.request.sample_rows))

    def commit_direct(self, target: Target, receipt: Receipt) -> Commit:
        """Write the batch and count it in one."""
        writer = self.writers[target.key]
        commit = writer.commit(receipt, None)
        preview: Sequence[Mapping[str, Any]] = []
        if isinstance(writer, DeltaWriter) and not commit.skipped:
            preview = self._preview(writer.sample(commit))
        self.summary = self._summary(Counts.of_rows(commit.rows), preview=preview)
        return commit

    def _summary(
        self,
        counts: Counts,
        samples: Sequence[Sequence[Mapping[str, Any]]] = (),
        preview: Sequence[Mapping[str, Any]] = (),
    ) -> StageSummary:
        return counts.summary(column_types(self.request.frame.schema), samples, preview)

    def abort(self) -> None:
        """Let go of what was kept and staged; never raises."""
        for writer in self.writers.values():
            writer.abort()
        self.release()

    def release(self) -> None:
        """Let go of what was kept; never raises."""
        with suppress(Exception):
            if not self.is_direct:
                self._flagged.unpersist()


def stage(request: StageRequest) -> SparkStaged:
    """Check and count the frame in one pass, and prepare all targets.

    Raises:
        WriteError: a target cannot be written, or the rows do not fit it.
        TransformError: a rule or a step cannot be evaluated.
        ReadError: a source turned out to be unreadable.
    """
    targets = tuple(without_state(target) for target in request.targets)
    work = _Pass(replace(request, targets=targets))
    try:
        work.run()
        if not work.is_direct:
            for writer in work.writers.values():
                if writer.target.role != "quarantine":
                    writer.refuse_empty(work.summary.rows_out)
    except BaseException:
        work.abort()
        raise
    return SparkStaged(work)


def open_writer(target: Target, rows: Frame, request: StageRequest) -> TargetWriter:
    """Return the writer for a target's format and mode. Raises UnsupportedError, WriteError."""
    return _WRITERS[way_of(target)](target, rows, request.stamp)


_WRITERS: Mapping[Way, Callable[[Target, Frame, RunStamp], TargetWriter]] = {
    "custom": CustomWriter,
    "delta": DeltaWriter,
    "merge": MergeWriter,
    "history": HistoryWriter,
    "folder": FilesWriter,
    "file": FilesWriter,
}


@contextmanager
def _pass_errors(request: StageRequest) -> Iterator[None]:
    """Turn what the pass raises into the package's errors."""
    try:
        yield
    except LaktoryDagsterError:
        raise
    except (OSError, *SPARK_ERRORS) as error:
        for target in request.targets:
            inexact = inexact_problem(error, target.table_name or target.place.uri)
            if inexact is not None:
                raise inexact from error
        read = f" (reads {', '.join(request.sources)})" if request.sources else ""
        raise TransformError(f"{plain_text(error)}{read}") from error


@contextmanager
def _write_errors(target: Target) -> Iterator[None]:
    name = target.table_name or target.place.uri
    try:
        yield
    except LaktoryDagsterError:
        raise
    except (OSError, *SPARK_ERRORS) as error:
        inexact = inexact_problem(error, name)
        if inexact is not None:
            raise inexact from error
        problem = WriteError(f"{name} could not be written: {plain_text(error)}")
        raise require_avro(error, "write") or problem from error
