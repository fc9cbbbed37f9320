"""One batch of a stream: what it reads, where it is written, and what its checkpoint is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from laktory_dagster.engines.base import BatchId, Frame, ReadResult, Target
from laktory_dagster.engines.storage.checkpoints import Checkpoint, Offset
from laktory_dagster.execution.reading import Reader
from laktory_dagster.execution.views import View, make_view

if TYPE_CHECKING:
    from laktory_dagster.execution.session import RunSession


@dataclass
class BatchReads:
    """What a batch has read: a result for each source that is a stream, by the source's identity.

    A view that lies between the node and a stream is made anew in every batch, its rules with it.
    """

    session: RunSession
    id: BatchId
    moment: datetime
    results: Mapping[int, ReadResult]
    _views: dict[str, View] = field(default_factory=dict)

    def view(self, name: str, reader: Reader) -> Frame:
        """Return the rows of a view over this batch.

        Raises:
            ExpectationFailedError: a FAIL rule of the view does not hold.
        """
        if name not in self._views:
            self._views[name] = make_view(self.session, reader, name, self._views)
        return self._views[name].frame


@dataclass(frozen=True)
class Batch:
    """A batch that is begun: its offset is stored, so that it can be replayed.

    `begun_here` is False for one that an earlier run left unfinished. `replaces` is the checkpoint
    that gives way to this one when the batch, that of a full refresh, is committed.
    """

    id: BatchId
    reader: Reader
    targets: tuple[Target, ...]
    offset: Offset
    checkpoint: Checkpoint
    begun_here: bool = True
    replaces: Checkpoint | None = None

    def confirm_open(self) -> None:
        """Raise TargetBusyError if another run has begun the same batch in the meantime."""
        self.checkpoint.confirm_open(self.offset)

    def close(self) -> None:
        """Take note that all targets are committed."""
        self.checkpoint.close(self.offset)
        if self.replaces is not None:
            self.replaces.adopt_refresh()

    def abandon(self) -> None:
        """Take the offset back, since nothing of the batch was committed.

        The next run then reads what is new by that time, mended files as well. A batch that an
        earlier run began stays: something of it may be committed.
        """
        if not self.begun_here:
            return
        if self.replaces is not None:
            self.checkpoint.remove()
        else:
            self.checkpoint.drop(self.offset.batch)
