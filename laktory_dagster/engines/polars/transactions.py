"""The transactions in a Delta log that prove which writes are committed."""

from __future__ import annotations

from deltalake import DeltaTable

from laktory_dagster.engines.base import Receipt

_BATCH = "/batch-"


def transaction_of(receipt: Receipt) -> tuple[str, int]:
    """Return the application id and the version that a commit leaves in the log.

    A write has its token as an id of its own. The batches of a stream share one, so that the log
    does not grow with them: the version is the batch.
    """
    if receipt.stream is None:
        return receipt.token, 1
    return receipt.token.rpartition(_BATCH)[0], receipt.stream.batch


def is_committed(table: DeltaTable, token: str) -> bool:
    """Return whether the log has the write of this token, or a later batch of its stream."""
    if table.transaction_version(token) is not None:
        return True
    stream, _, batch = token.rpartition(_BATCH)
    if not batch.isdecimal():
        return False
    last = table.transaction_version(stream)
    return last is not None and last >= int(batch)
