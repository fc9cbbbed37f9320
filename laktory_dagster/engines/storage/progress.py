"""Whether a stream's checkpoint and its table fit together, decided by the receipt in the table.

Both engines' streams are held to this: what does not fit is refused with the choices, since going on
would read something twice or leave something out.
"""

from __future__ import annotations

from dataclasses import dataclass

from laktory_dagster.engines.base import Place, Receipt
from laktory_dagster.engines.log import Log
from laktory_dagster.engines.storage import commits
from laktory_dagster.engines.storage.checkpoints import Metadata
from laktory_dagster.engines.storage.layout import layout_of
from laktory_dagster.engines.storage.receipts import is_by, newest, receipts_of_writer
from laktory_dagster.errors import CheckpointError

REFRESH_HINT = (
    "run with `--full-refresh` (in Python `full_refresh=True`), which reads everything again and "
    "replaces the table"
)


def written_by(place: Place, form: str, log: Log, node: str, target_key: str) -> Receipt | None:
    """Return the newest receipt of what a node wrote as one target, None if it wrote nothing.

    The log of a Delta table counts, not only the files beside it, so that neither a crash between
    commit and receipt nor a folder put back from elsewhere changes what is found.
    """
    layout = layout_of(place, form)
    found = receipts_of_writer(layout, node, target_key)
    if layout.kind == "delta":
        latest = log.latest()
        top = -1 if latest is None else latest
        found = [r for r in found if r.table_version is None or r.table_version <= top]
        known = max((r.table_version or 0 for r in found), default=-1)
        in_log = _last_in_log(log, node, target_key, known)
        found += [in_log] if in_log is not None else []
    return newest(found)


def _last_in_log(log: Log, node: str, target_key: str, above: int) -> Receipt | None:
    for version in log.versions():
        if version <= above:
            return None
        receipt = commits.receipt_in(log.info(version), version)
        if receipt is not None and is_by(receipt, node, target_key):
            return receipt
    return None


@dataclass(frozen=True)
class Standing:
    """What is to be compared.

    `metadata` is that of the checkpoint, `expected` what it would be if the stream began now;
    `last_offset` the number of the last batch that was begun, None for none; `receipt` the newest one
    that the node left in its primary target; `merges` says that the target is written by key.
    """

    checkpoint: str
    target: str
    metadata: Metadata | None
    expected: Metadata
    last_offset: int | None
    receipt: Receipt | None
    merges: bool = False


@dataclass(frozen=True)
class Progress:
    """Where the stream goes on: the next new batch, and one to replay before, if there is one."""

    next_batch: int
    replay: int | None = None


def progress_of(standing: Standing) -> Progress:
    """Return where a stream goes on.

    Raises:
        CheckpointError: checkpoint and table do not fit together.
    """
    if standing.metadata is None:
        _refuse_without_checkpoint(standing)
        return Progress(0)
    _refuse_foreign(standing, standing.metadata)
    last = standing.last_offset
    committed = _last_committed(standing, standing.metadata)
    begun = -1 if last is None else last
    if committed > begun:
        raise _refusal(
            standing,
            f"is older than the table: the table holds batch {committed} of the stream, the "
            f"checkpoint ends {_at(last)}",
        )
    if committed < begun - 1:
        raise _refusal(
            standing,
            f"is ahead of the table: it ends {_at(last)}, the table {_at_batch(committed)}",
            "restore the table",
        )
    if committed < begun:
        return Progress(begun + 1, replay=begun)
    return Progress(begun + 1)


def _last_committed(standing: Standing, metadata: Metadata) -> int:
    receipt = standing.receipt
    if receipt is None:
        return -1
    if receipt.stream is None:
        raise _refusal(
            standing,
            f"does not know what run {receipt.run_id} wrote into the table without the stream",
            "restore the table as the stream left it",
        )
    if receipt.stream.checkpoint != metadata.id:
        raise _refusal(
            standing,
            f"is not that of the table: its id is {metadata.id}, the table was written by "
            f"{receipt.stream.checkpoint}",
        )
    return receipt.stream.batch


def _refuse_without_checkpoint(standing: Standing) -> None:
    receipt = standing.receipt
    if receipt is None:
        return
    if receipt.stream is not None:
        raise _refusal(
            standing,
            f"is gone, and the table holds {receipt.stream.batch + 1} batches of the stream; "
            "everything would be read into it again",
        )
    if receipt.rows_out and not standing.merges:
        raise _refusal(
            standing,
            f"is not there, and the table holds the rows of run {receipt.run_id}, which read "
            "without `as_stream`; the stream would add them again",
            "leave `as_stream` out",
        )


def _refuse_foreign(standing: Standing, metadata: Metadata) -> None:
    expected = standing.expected
    if metadata.node != expected.node:
        raise _refusal(
            standing,
            f"belongs to node `{metadata.node}`",
            "give each stream a `checkpoint_location` of its own",
        )
    if metadata.target != expected.target:
        raise _refusal(
            standing,
            f"belongs to the target {metadata.target}",
            "give each target a `checkpoint_location` of its own",
        )
    if metadata.engine != expected.engine:
        raise _refusal(
            standing,
            f"was made by {metadata.engine}, and the node runs on {expected.engine}",
            f"run the node on {metadata.engine}",
        )
    if metadata.sources != expected.sources:
        raise _refusal(
            standing,
            f"is that of other sources: {_listed(metadata.sources)} instead of "
            f"{_listed(expected.sources)}",
            "declare the sources as they were",
        )


def _refusal(standing: Standing, problem: str, choice: str | None = None) -> CheckpointError:
    first = choice or f"restore the checkpoint at {standing.checkpoint}"
    return CheckpointError(
        f"the checkpoint of {standing.target} {problem} ({standing.checkpoint})",
        hint=f"{first}, or {REFRESH_HINT}",
    )


def _at(offset: int | None) -> str:
    return "before the first batch" if offset is None else f"at batch {offset}"


def _at_batch(committed: int) -> str:
    return "holds none of its batches" if committed < 0 else f"at batch {committed}"


def _listed(sources: tuple[str, ...]) -> str:
    return ", ".join(f"`{source}`" for source in sources) or "none"
