"""Where a stream goes on: what checkpoint and table say of each other, case by case."""

from __future__ import annotations

from dataclasses import replace

import pytest

from laktory_dagster.engines.base import BatchId, Receipt
from laktory_dagster.engines.storage.checkpoints import Metadata
from laktory_dagster.engines.storage.progress import Progress, Standing, progress_of
from laktory_dagster.errors import CheckpointError

OWN = Metadata("stream-1", "out", "lake/out", "polars", ("landing",))


def receipt(batch: int | None, checkpoint: str = "stream-1", rows: int = 3) -> Receipt:
    return Receipt(
        token="stream-1/out/sink_0/batch-0",
        run_id="run-7",
        root_run_id="run-7",
        node="out",
        code_version="c",
        data_version="d",
        logical_time="2024-05-01T12:00:00+00:00",
        written_at="2024-05-01T12:00:01+00:00",
        rows_in=rows,
        rows_out=rows,
        rows_dropped=0,
        rows_quarantined=0,
        columns=(),
        stream=None if batch is None else BatchId(checkpoint, batch),
    )


def standing(
    last_offset: int | None,
    written: Receipt | None,
    metadata: Metadata | None = OWN,
    **more: bool,
) -> Standing:
    return Standing("lake/out/checkpoint", "lake/out", metadata, OWN, last_offset, written, **more)


def test_a_stream_begins_where_there_is_nothing() -> None:
    assert progress_of(standing(None, None, metadata=None)) == Progress(0)


@pytest.mark.parametrize(
    ("last_offset", "committed", "goes_on"),
    [
        (None, None, Progress(0)),
        (0, None, Progress(1, replay=0)),
        (0, 0, Progress(1)),
        (4, 4, Progress(5)),
        (4, 3, Progress(5, replay=4)),
    ],
)
def test_a_batch_that_was_begun_and_not_committed_is_replayed(
    last_offset: int | None, committed: int | None, goes_on: Progress
) -> None:
    written = None if committed is None else receipt(committed)
    assert progress_of(standing(last_offset, written)) == goes_on


@pytest.mark.parametrize(
    ("last_offset", "committed", "told"),
    [
        (None, 0, "older than the table: the table holds batch 0 .* ends before the first batch"),
        (2, 5, "older than the table: the table holds batch 5 .* ends at batch 2"),
        (1, None, "ahead of the table: it ends at batch 1, the table holds none of its batches"),
        (5, 3, "ahead of the table: it ends at batch 5, the table at batch 3"),
    ],
)
def test_what_does_not_fit_together_is_refused_with_a_choice(
    last_offset: int | None, committed: int | None, told: str
) -> None:
    written = None if committed is None else receipt(committed)
    with pytest.raises(CheckpointError, match=told) as caught:
        progress_of(standing(last_offset, written))
    assert "--full-refresh" in str(caught.value)
    assert "restore the" in str(caught.value)


def test_a_checkpoint_of_another_stream_is_refused() -> None:
    with pytest.raises(CheckpointError, match="its id is stream-1, the table was written by s-2"):
        progress_of(standing(0, receipt(0, checkpoint="s-2")))


def test_a_table_that_was_written_without_the_stream_meanwhile_is_refused() -> None:
    with pytest.raises(CheckpointError, match="does not know what run run-7 wrote"):
        progress_of(standing(0, receipt(None)))


def test_a_lost_checkpoint_of_a_table_of_the_stream_is_refused() -> None:
    with pytest.raises(CheckpointError, match="is gone, and the table holds 3 batches"):
        progress_of(standing(None, receipt(2), metadata=None))


def test_a_table_that_was_read_as_a_whole_is_not_read_into_again() -> None:
    with pytest.raises(CheckpointError, match="holds the rows of run run-7") as caught:
        progress_of(standing(None, receipt(None), metadata=None))
    assert "leave `as_stream` out" in str(caught.value)


@pytest.mark.parametrize(("rows", "merges"), [(0, False), (3, True)])
def test_a_table_without_rows_or_with_keys_may_become_one_of_a_stream(
    rows: int, merges: bool
) -> None:
    found = standing(None, receipt(None, rows=rows), metadata=None, merges=merges)
    assert progress_of(found) == Progress(0)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"node": "in"}, "belongs to node `in`.*checkpoint_location"),
        ({"target": "lake/in"}, "belongs to the target lake/in.*checkpoint_location"),
        ({"engine": "spark"}, "made by spark, and the node runs on polars.*run the node on spark"),
        ({"sources": ()}, "other sources: none instead of `landing`"),
        ({"sources": ("a", "b")}, "other sources: `a`, `b` instead of `landing`"),
    ],
)
def test_a_foreign_checkpoint_says_whose_it_is(changed: dict[str, object], told: str) -> None:
    foreign = replace(OWN, **changed)  # type: ignore[arg-type]
    with pytest.raises(CheckpointError, match=f"(?s){told}"):
        progress_of(standing(0, receipt(0), metadata=foreign))
