"""Who stages what: a note per staged set of files, and the removal of what dead runs left."""

from __future__ import annotations

import atexit
import json
import os
import socket
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from laktory_dagster.engines.base import RunStamp, Target
from laktory_dagster.engines.polars.layout import Layout

LEFTOVER_SECONDS = 24 * 3600

_alive: set[str] = set()
_kept: dict[str, Slot] = {}


@dataclass
class Slot:
    """The staged files of one target: all have `id` in their names."""

    layout: Layout
    token: str
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:16])
    files: list[str] = field(default_factory=list)

    @property
    def note(self) -> str:
        """Return the name of the note that says who stages."""
        return f"{self.layout.staged}/{self.id}.json"

    def open(self, stamp: RunStamp) -> None:
        """Leave the note before the first byte is staged."""
        content = {
            "token": self.token,
            "run_id": stamp.run_id,
            "node": stamp.node,
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "started": time.time(),
        }
        _alive.add(self.id)
        self.layout.store.write(self.note, json.dumps(content).encode())

    def keep(self) -> None:
        """Leave the staged files for readers until the process ends or the target is next staged."""
        _alive.discard(self.id)
        _kept[self.id] = self

    def close(self, *, remove: bool) -> None:
        """Remove the note, and the staged files with it unless they were published."""
        _alive.discard(self.id)
        _kept.pop(self.id, None)
        with suppress(OSError):
            if remove:
                for name in self.files:
                    self.layout.store.delete(name)
            self.layout.store.delete(self.note)


@atexit.register
def _remove_kept() -> None:
    for slot in tuple(_kept.values()):
        slot.close(remove=True)


def sweep(layout: Layout, token: str, is_published: Callable[[str], bool]) -> None:
    """Remove what dead runs staged for this target.

    A set of files goes when it is older than a day or has the same token, unless the process that
    stages it lives. `is_published` says of an id whether a commit refers to its files.
    """
    store = layout.store
    notes = [name for name in store.names(layout.staged) if name.endswith(".json")]
    for name in notes:
        content = store.read(name)
        staged_id = name.rpartition("/")[2].removesuffix(".json")
        if content is None or not _is_dead(staged_id, content, token):
            continue
        if not is_published(staged_id):
            for file in store.names(layout.staged if layout.kind == "file" else ""):
                if staged_id in file.rpartition("/")[2] and file != name:
                    store.delete(file)
        _kept.pop(staged_id, None)
        store.delete(name)


def _is_dead(staged_id: str, content: bytes, token: str) -> bool:
    if staged_id in _alive:
        return False
    try:
        note = json.loads(content)
        pid, host, started = int(note["pid"]), str(note["host"]), float(note["started"])
    except (ValueError, KeyError, TypeError):
        return True
    if time.time() - started > LEFTOVER_SECONDS or staged_id in _kept:
        return True
    if note.get("token") != token:
        return False
    here = host == socket.gethostname()
    return not (here and pid != os.getpid() and _runs(pid))


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def slot_for(target: Target, layout: Layout, stamp: RunStamp) -> Slot:
    """Return a new slot for the target's staged files."""
    return Slot(layout, stamp.token(target.key))
