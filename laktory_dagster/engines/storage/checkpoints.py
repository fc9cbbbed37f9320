"""How far a stream has come: small files in the folder of its checkpoint, for any engine.

`metadata.json` says whose checkpoint it is. `offsets/<n>.json` says what batch n reads, and is there
before the batch is staged; that the batch is committed is proven by the table alone (see
`progress`). A full refresh keeps a checkpoint of its own in `refresh/` until its table is committed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from uuid import uuid4

from laktory_dagster.engines.storage.receipts import parsed
from laktory_dagster.engines.storage.store import Store
from laktory_dagster.errors import CheckpointError, TargetBusyError

METADATA = "metadata.json"
OFFSETS = "offsets"
REFRESH = "refresh"
COMPACT_EVERY = 10
"""Every so many batches an offset also holds what all before it read, so that those may go."""

States = Mapping[str, Mapping[str, Any]]
"""What a stream has read of each source, by the source's key."""


@dataclass(frozen=True)
class Metadata:
    """Whose checkpoint it is: an id of its own, the node, its primary target, engine and sources."""

    id: str
    node: str
    target: str
    engine: str
    sources: tuple[str, ...]

    @classmethod
    def new(
        cls, pipeline: str, node: str, target: str, engine: str, sources: tuple[str, ...]
    ) -> Metadata:
        """Return the metadata of a stream that begins."""
        return cls(f"stream-{uuid4().hex}-{pipeline}", node, target, engine, sources)


def is_of(checkpoint: str, pipeline: str) -> bool:
    """Return whether a stream of this id was begun by the pipeline; older ids do not say."""
    return checkpoint.split("-", 2)[2:] == [pipeline]


@dataclass(frozen=True)
class Offset:
    """What a batch reads: of each source an offset of the engine's own.

    `moment` is the logical time of the batch, which a replay keeps; `attempt` tells two runs apart
    that begin the same batch at once. `before` is set in every tenth offset.
    """

    checkpoint: str
    batch: int
    moment: str
    sources: Mapping[str, Mapping[str, Any]]
    attempt: str
    refresh: bool = False
    before: States | None = None


class Checkpoint:
    """The files of one checkpoint. Damaged ones raise CheckpointError."""

    def __init__(self, store: Store, folder: str) -> None:
        """Read nothing yet.

        Args:
            store: where it lies.
            folder: its folder in the store; empty for the store's root.
        """
        self._store = store
        self._folder = folder

    @property
    def uri(self) -> str:
        """Return the path or URL that messages name."""
        return self._store.url(self._folder)

    @property
    def refresh(self) -> Checkpoint:
        """Return the checkpoint of a full refresh that is not committed yet."""
        return Checkpoint(self._store, self._name(REFRESH))

    def _name(self, *parts: str) -> str:
        return "/".join(part for part in (self._folder, *parts) if part)

    def _offset_name(self, batch: int) -> str:
        return self._name(OFFSETS, f"{batch}.json")

    def metadata(self) -> Metadata | None:
        """Return whose checkpoint it is, None where there is none."""
        name = self._name(METADATA)
        content = self._store.read(name)
        if content is None:
            return None
        data = parsed(content)
        try:
            return Metadata(**{**(data or {}), "sources": tuple((data or {})["sources"])})
        except (TypeError, KeyError) as error:
            raise self._damaged(name) from error

    def begin(self, metadata: Metadata) -> None:
        """Store whose checkpoint it is, before its first offset; offsets of another one go."""
        self._write(METADATA, asdict(metadata))
        for batch in self.batches():
            self.drop(batch)

    def batches(self) -> list[int]:
        """Return the numbers of the stored offsets, in order."""
        prefix = f"{self._name(OFFSETS)}/"
        names = (name.removeprefix(prefix) for name in self._store.names(self._name(OFFSETS)))
        numbers = (name.removesuffix(".json") for name in names if name.endswith(".json"))
        return sorted(int(number) for number in numbers if number.isdecimal())

    def offset(self, batch: int) -> Offset:
        """Return what a batch reads."""
        name = self._offset_name(batch)
        try:
            return Offset(**(parsed(self._store.read(name)) or {}))
        except TypeError as error:
            raise self._damaged(name) from error

    def states(self, batch: int) -> dict[str, dict[str, Any]]:
        """Return what all batches before this one have read of each source."""
        offsets: list[Offset] = []
        number = batch
        while number > 0 and (not offsets or offsets[-1].before is None):
            number -= 1
            offsets.append(self.offset(number))
        states: dict[str, dict[str, Any]] = {}
        if offsets and offsets[-1].before is not None:
            states = {key: dict(state) for key, state in offsets[-1].before.items()}
        for offset in reversed(offsets):
            for key, read in offset.sources.items():
                states[key] = advanced(states.get(key), read)
        return states

    def open(self, offset: Offset) -> None:
        """Store what a batch is going to read.

        Raises:
            TargetBusyError: another run has begun the same batch.
        """
        if not self._store.create(self._offset_name(offset.batch), _content(offset)):
            raise self._busy(offset)

    def confirm_open(self, offset: Offset) -> None:
        """Make sure that the batch about to be committed is the one that was opened.

        Raises:
            TargetBusyError: another run has begun the same batch in the meantime.
        """
        if self._store.read(self._offset_name(offset.batch)) != _content(offset):
            raise self._busy(offset)

    def close(self, offset: Offset) -> None:
        """Make sure that a committed batch has its offset, and remove offsets that are not needed."""
        name = self._offset_name(offset.batch)
        if self._store.read(name) != _content(offset):
            self._store.write(name, _content(offset))
        if offset.before is not None:
            for batch in self.batches():
                if batch < offset.batch - COMPACT_EVERY:
                    self._store.delete(self._offset_name(batch))

    def drop(self, batch: int) -> None:
        """Remove the offset of a batch of which nothing was committed."""
        self._store.delete(self._offset_name(batch))

    def adopt_refresh(self) -> None:
        """Put the checkpoint of a committed full refresh in the place of this one."""
        refresh = self.refresh
        metadata = refresh.metadata()
        if metadata is None:
            return
        # A crash leaves `refresh/` in place, and the next start does all of this again.
        self.begin(metadata)
        self._write(f"{OFFSETS}/0.json", asdict(refresh.offset(0)))
        refresh.remove()

    def remove(self) -> None:
        """Remove all files of the checkpoint; metadata first, without which nothing counts."""
        self._store.delete(self._name(METADATA))
        self._store.remove_tree(self._folder)

    def _write(self, name: str, data: Mapping[str, Any]) -> None:
        self._store.write(self._name(name), json.dumps(data, indent=1).encode())

    def _damaged(self, name: str) -> CheckpointError:
        return CheckpointError(
            f"the checkpoint file {self._store.url(name)} is missing or damaged",
            hint=f"restore {self.uri}, or run with `--full-refresh`, which reads everything again "
            "and replaces the table",
        )

    def _busy(self, offset: Offset) -> TargetBusyError:
        return TargetBusyError(
            f"another run began batch {offset.batch} of the stream with checkpoint {self.uri}",
            hint="wait until it has finished and run the node again",
        )


def _content(offset: Offset) -> bytes:
    return json.dumps(asdict(offset), indent=1).encode()


def advanced(state: Mapping[str, Any] | None, offset: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is read of a source after a batch: files add up, versions follow each other."""
    before = state or {}
    after = {**before, **{key: value for key, value in offset.items() if key != "from"}}
    if "files" in offset:
        files = {**before.get("files", {}), **offset["files"]}
        bad = {**before.get("bad", {}), **offset.get("bad", {})}
        after["files"] = files
        after["bad"] = {name: version for name, version in bad.items() if name not in files}
    return after
