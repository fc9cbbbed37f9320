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

from laktory_dagster.engines.base import RunStamp
from laktory_dagster.engines.storage.layout import Layout

LEFTOVER_SECONDS = 24 * 3600
SETTLE_SECONDS = 0.05
SETTLE_ROUNDS = 20

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
        # Of use as long as the machine is up: it says which process to look for.
        self.layout.store.write(self.note, json.dumps(content).encode(), lasting=False)

    def keep(self) -> None:
        """Leave the staged files for readers until the process ends or the target is next staged."""
        _alive.discard(self.id)
        _kept[self.id] = self

    def break_off(self) -> None:
        """Remove the staged files of a pass that failed.

        Polars returns from a failed pass while its other sinks may still be opening their files, so
        they are looked for until none came since; if they keep coming, the note stays and the next
        staging sweeps.
        """
        self._remove()
        for _ in range(SETTLE_ROUNDS):
            time.sleep(SETTLE_SECONDS)
            if not self._remove():
                self.close(remove=False)
                return
        _alive.discard(self.id)

    def _remove(self) -> bool:
        """Remove the staged files and return whether there were any."""
        found = False
        with suppress(OSError):
            for name in self.files:
                found = self.layout.store.size(name) is not None or found
                self.layout.store.delete(name)
        return found

    def close(self, *, remove: bool) -> None:
        """Remove the note, and the staged files with it unless they were published."""
        _alive.discard(self.id)
        _kept.pop(self.id, None)
        if remove:
            self._remove()
        with suppress(OSError):
            self.layout.store.delete(self.note)


@atexit.register
def _remove_kept() -> None:
    for slot in tuple(_kept.values()):
        slot.close(remove=True)


def sweep(layout: Layout, token: str, is_published: Callable[[str], bool]) -> None:
    """Remove what dead runs staged for this target.

    A set of files goes when it is older than a day, when this process has given it up, when the
    process of this machine that staged it is gone, or when another machine staged it for the same
    token. `is_published` says of an id whether a commit refers to its files.
    """
    store = layout.store
    store.remove_halves(layout.staged, LEFTOVER_SECONDS)
    notes = [name for name in store.names(layout.staged) if name.endswith(".json")]
    for name in notes:
        content = store.read(name)
        staged_id = name.rpartition("/")[2].removesuffix(".json")
        if content is None or not _is_dead(staged_id, content, token):
            continue
        everywhere = layout.kind != "file" and not is_published(staged_id)
        for file in store.names("" if everywhere else layout.staged):
            if staged_id in file and file != name:
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
    if host == socket.gethostname():
        return pid == os.getpid() or not _runs(pid)
    return bool(note.get("token") == token)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def is_in_use(name: str) -> bool:
    """Return whether a file is staged by this process, or kept for its readers."""
    file = name.rpartition("/")[2]
    return any(staged_id in file for staged_id in (*_alive, *_kept))
