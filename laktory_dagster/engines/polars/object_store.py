"""Files on an object store, through the client of delta-rs, which Polars' options fit as well."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from typing import Any

import pyarrow as pa
from deltalake.fs import DeltaStorageHandler
from pyarrow import fs


class RemoteStore:
    """Objects below an URL; a PUT or a copy replaces an object whole."""

    def __init__(self, root: str, storage_options: Mapping[str, str]) -> None:
        """Keep the URL and the options that Polars and delta-rs take alike."""
        self.root = root.rstrip("/")
        self.storage_options = dict(storage_options)

    @cached_property
    def _files(self) -> Any:
        return fs.PyFileSystem(_Handler(self.root, self.storage_options))

    def url(self, name: str) -> str:
        """Return the object's URL."""
        return f"{self.root}/{name}" if name else self.root

    def read(self, name: str) -> bytes | None:
        """Return the content, None where there is no such object."""
        if self.size(name) is None:
            return None
        with self._files.open_input_stream(name) as stream:
            return bytes(stream.read())

    def open(self, name: str) -> AbstractContextManager[Any]:
        """Return the object, opened to read; only the parts asked for travel."""
        opened: AbstractContextManager[Any] = self._files.open_input_file(name)
        return opened

    def write(self, name: str, content: bytes, *, lasting: bool = True) -> None:
        """PUT the object."""
        with self._files.open_output_stream(name) as stream:
            stream.write(content)

    def create(self, name: str, content: bytes) -> bool:
        """PUT an object that is not there; of two that do so at once the later one stays."""
        if self.size(name) is not None:
            return False
        self.write(name, content)
        return self.read(name) == content

    def delete(self, name: str) -> None:
        """Remove an object; one that is not there is fine."""
        if self.size(name) is not None:
            self._files.delete_file(name)

    def names(self, folder: str) -> list[str]:
        """Return all objects below a prefix, sorted."""
        selector = fs.FileSelector(folder, allow_not_found=True, recursive=True)
        found = self._files.get_file_info(selector)
        return sorted(info.path.lstrip("/") for info in found if info.is_file)

    def size(self, name: str) -> int | None:
        """Return the bytes of an object, None where there is no such object."""
        info = self._files.get_file_info([name])[0]
        return int(info.size or 0) if info.is_file else None

    def versions(self, folder: str) -> dict[str, str]:
        """Return all objects below a prefix with size and time."""
        selector = fs.FileSelector(folder, allow_not_found=True, recursive=True)
        found = sorted(self._files.get_file_info(selector), key=lambda info: str(info.path))
        return {i.path.lstrip("/"): f"{i.size}-{i.mtime_ns}" for i in found if i.is_file}

    def publish(self, staged: str, final: str) -> None:
        """Copy the object inside the store."""
        self._files.copy_file(staged, final)

    def identity(self, name: str, staged: str) -> str | None:
        """Return name and size of the staged object: a copy has the same size."""
        size = self.size(name)
        return None if size is None else f"{staged}-{size}"

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Hold nothing: object stores have no locks."""
        yield

    def remove_halves(self, folder: str, older_than: float) -> None:
        """Do nothing: an object is there as a whole or not at all."""

    def remove_tree(self, folder: str) -> None:
        """Remove all objects below a prefix."""
        for name in self.names(folder):
            self._files.delete_file(name)


class _Handler(DeltaStorageHandler):
    """The handler of delta-rs, whose streams take plain bytes only and whose copy is misnamed."""

    def copy_file(self, src: str, dst: str) -> None:
        """Copy an object inside the store, by position: the names of its arguments differ."""
        self._handler.copy_file(src, dst)

    def open_output_stream(self, path: str, metadata: dict[str, str] | None = None) -> Any:
        """Return a stream that pyarrow can write its buffers to."""
        return pa.PythonFile(
            _PlainBytes(self._handler.open_output_stream(path, metadata)), mode="w"
        )


class _PlainBytes(io.RawIOBase):
    """A stream that hands every buffer on as bytes."""

    def __init__(self, stream: Any) -> None:
        super().__init__()
        self._stream = stream

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, content: Any) -> int:
        """Write the buffer and return its bytes."""
        return int(self._stream.write(bytes(content)))

    def close(self) -> None:
        """Complete the object: only now it is visible."""
        if not self.closed:
            self._stream.close()
        super().close()
