"""Delta tables as delta-rs opens them, with paths under which their files are found."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import polars as pl
from deltalake import DeltaTable


class Table(DeltaTable):
    """A Delta table whose files have the paths that they have.

    delta-rs gives local ones as parts of an URL (`my%20folder`), by which Polars finds none.
    """

    def file_uris(self, *args: Any, **kwargs: Any) -> list[str]:
        """Return the paths or URLs of the files."""
        return [self._path(uri) for uri in super().file_uris(*args, **kwargs)]

    def deletion_vectors(self) -> Any:
        """Return which rows of which files are left, the files as `file_uris` has them."""
        found = pl.DataFrame(super().deletion_vectors())
        if found.is_empty():
            return found
        paths = [self._path(uri) for uri in found["filepath"]]
        return found.with_columns(filepath=pl.Series(paths, dtype=pl.String))

    def _path(self, uri: str) -> str:
        root = self.table_uri.removeprefix("file://")
        path = uri.removeprefix("file://")
        if root == self.table_uri or "%" not in root or not path.startswith(root):
            return uri
        return unquote(root) + path.removeprefix(root)
