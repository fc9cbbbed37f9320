"""Small files beside the data, and the moves that publish data: local disks and object stores."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from laktory_dagster.engines.base import Place
from laktory_dagster.errors import TargetBusyError

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")

LOCK_SECONDS = 60
_REMOTE = "laktory_dagster.engines.polars.object_store"
"""Object stores are reached by delta-rs, which belongs to that engine: loaded by name."""


class Store(Protocol):
    """Files below one root. Names are relative, with `/` between their parts."""

    root: str
    storage_options: dict[str, str]

    def url(self, name: str) -> str:
        """Return what Polars and delta-rs open: a path or an URL."""
        ...

    def read(self, name: str) -> bytes | None:
        """Return the content, None where there is no such file."""
        ...

    def open(self, name: str) -> AbstractContextManager[Any]:
        """Return a file to read from, with seek."""
        ...

    def write(self, name: str, content: bytes, *, lasting: bool = True) -> None:
        """Replace a file: readers see the old or the new content.

        With `lasting` it also outlives a loss of power, which takes its time.
        """
        ...

    def create(self, name: str, content: bytes) -> bool:
        """Write a file that is not there yet; return whether this call made it."""
        ...

    def delete(self, name: str) -> None:
        """Remove a file; one that is not there is fine."""
        ...

    def names(self, folder: str) -> list[str]:
        """Return all files below a folder, sorted; nothing where the folder is missing."""
        ...

    def size(self, name: str) -> int | None:
        """Return the bytes of a file, None where there is no such file."""
        ...

    def versions(self, folder: str) -> dict[str, str]:
        """Return all files below a folder with size and time, which tell a changed file."""
        ...

    def publish(self, staged: str, final: str) -> None:
        """Put a staged file in place of the final one; readers see the old or the new."""
        ...

    def identity(self, name: str, staged: str) -> str | None:
        """Return what a published file keeps from the staged one, None where there is no file."""
        ...

    def remove_tree(self, folder: str) -> None:
        """Remove a folder with all that is in it; one that is not there is fine."""
        ...

    def remove_halves(self, folder: str, older_than: float) -> None:
        """Remove from a folder what killed calls of `write` left, older than so many seconds."""
        ...

    def locked(self, name: str) -> AbstractContextManager[None]:
        """Hold a lock file while the block runs, where the store has locks."""
        ...


def open_store(uri: str, storage_options: Mapping[str, str]) -> Store:
    """Return the store whose root is a path or an object-store URL."""
    place = Place(uri, storage_options)
    if not place.is_remote:
        return LocalStore(uri)
    store: Store = importlib.import_module(_REMOTE).RemoteStore(uri, storage_options)
    return store


class LocalStore:
    """Files on a disk; every publication is a rename that survives a crash."""

    def __init__(self, root: str) -> None:
        """Keep the root; it need not exist yet."""
        self.root = root.removeprefix("file://")
        self.storage_options: dict[str, str] = {}

    def url(self, name: str) -> str:
        """Return the absolute path."""
        return str(Path(self.root, name))

    def read(self, name: str) -> bytes | None:
        """Return the content, None where there is no such file."""
        try:
            return Path(self.root, name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def open(self, name: str) -> AbstractContextManager[Any]:
        """Return the file, opened to read."""
        return Path(self.root, name).open("rb")

    def write(self, name: str, content: bytes, *, lasting: bool = True) -> None:
        """Write beside the file, make it durable if it is to last, rename."""
        with self._written(name, content, lasting=lasting) as temporary:
            temporary.replace(Path(self.root, name))

    def create(self, name: str, content: bytes) -> bool:
        """Write beside the file, make it durable, link it under a name that must be free."""
        with self._written(name, content) as temporary:
            try:
                os.link(temporary, Path(self.root, name))
            except FileExistsError:
                return False
        return True

    @contextmanager
    def _written(self, name: str, content: bytes, *, lasting: bool = True) -> Iterator[Path]:
        """Give a file with this content beside the one of this name; it is gone afterwards."""
        path = Path(self.root, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{uuid.uuid4().hex[:16]}.tmp")
        try:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                if lasting:
                    os.fsync(file.fileno())
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)
        if lasting:
            _sync_folder(path.parent)

    def delete(self, name: str) -> None:
        """Remove a file; one that is not there is fine."""
        with suppress(NotADirectoryError):
            Path(self.root, name).unlink(missing_ok=True)

    def names(self, folder: str) -> list[str]:
        """Return all files below a folder, sorted."""
        root = Path(self.root)
        return sorted(
            Path(parent, file).relative_to(root).as_posix()
            for parent, _, files in os.walk(root / folder)
            for file in files
        )

    def size(self, name: str) -> int | None:
        """Return the bytes of a file, None where there is no such file."""
        try:
            return Path(self.root, name).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return None

    def versions(self, folder: str) -> dict[str, str]:
        """Return all files below a folder with size and time."""
        names = self.names(folder)
        return {name: file_version(self.url(name)) for name in names}

    def publish(self, staged: str, final: str) -> None:
        """Make the staged file durable and rename it."""
        source, target = Path(self.root, staged), Path(self.root, final)
        target.parent.mkdir(parents=True, exist_ok=True)
        with source.open("rb+") as file:
            os.fsync(file.fileno())
        source.replace(target)
        _sync_folder(target.parent)

    def identity(self, name: str, staged: str) -> str | None:
        """Return inode, size and time: a rename keeps them."""
        try:
            found = Path(self.root, name).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return f"{found.st_ino}-{found.st_size}-{found.st_mtime_ns}"

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Hold a lock file; the system lets go of it when the process dies.

        Raises:
            TargetBusyError: another process holds it for longer than a minute.
        """
        path = Path(self.root, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            _wait_for_lock(file.fileno(), self.root)
            yield

    def remove_halves(self, folder: str, older_than: float) -> None:
        """Remove the files that `write` would have renamed, and that are older than the seconds."""
        border = time.time() - older_than
        for half in Path(self.root, folder).glob(".*.tmp"):
            with suppress(OSError):
                if half.stat().st_mtime < border:
                    half.unlink()

    def remove_tree(self, folder: str) -> None:
        """Remove a folder with all that is in it."""
        path = Path(self.root, folder)
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)


def one_line(error: BaseException) -> str:
    """Return the text of an error without the colours and lines that storage libraries give it."""
    return " ".join(_COLOURS.sub("", str(error)).split())


def file_version(path: str) -> str:
    """Return size and time of a local file."""
    found = os.stat(path)  # noqa: PTH116 - listings of many files are faster with os
    return f"{found.st_size}-{found.st_mtime_ns}"


def _wait_for_lock(descriptor: int, holder: str) -> None:
    if sys.platform == "win32":
        return
    import fcntl

    give_up = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > give_up:
                raise TargetBusyError(
                    f"another run holds {holder} for more than {LOCK_SECONDS} s",
                    hint="wait until it has finished and run the node again",
                ) from None
            time.sleep(0.01)
        else:
            return


def _sync_folder(folder: Path) -> None:
    # A rename is durable only when its folder is; some file systems refuse to sync folders.
    with suppress(OSError), _opened(folder) as descriptor:
        os.fsync(descriptor)


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
