"""Where the parts of a target lie: its data, its receipts, its staged files."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal
from urllib.parse import quote

from laktory_dagster.engines.base import Place
from laktory_dagster.engines.storage.store import Store, open_store

MANIFEST = "_laktory/manifest.json"
LOCK = "_laktory/lock"
MAX_FILE_NAME = 150
SKIPPED = "skipped-"

Kind = Literal["delta", "folder", "file"]


@dataclass(frozen=True)
class Layout:
    """A target on its store.

    `data` is the name of a single file and empty where the root is the table's folder; `home` is
    the folder of receipts and staged files.
    """

    kind: Kind
    store: Store
    data: str
    home: str

    @property
    def uri(self) -> str:
        """Return the target's own path or URL."""
        return self.store.url(self.data)

    @property
    def staged(self) -> str:
        """Return the folder of staged files and of the notes on who stages."""
        return f"{self.home}/staged"

    @property
    def checkpoint(self) -> str:
        """Return the folder of the checkpoint of the stream that writes the target."""
        return f"{self.home}/checkpoint"

    @property
    def failures(self) -> str:
        """Return the name of the file with rejected rows."""
        return f"{self.home}/failures.jsonl"

    def receipt(self, partition: str | None, *, skipped: bool = False) -> str:
        """Return the name of a partition's receipt; `-` stands for no partition."""
        prefix = SKIPPED if skipped else ""
        return f"{self.home}/receipts/{prefix}{_file_name(partition)}.json"

    def stream_receipt(self, node: str, target_key: str, *, skipped: bool = False) -> str:
        """Return the name of the receipt of a stream's last batch; no partition has such a name."""
        prefix = SKIPPED if skipped else ""
        return (
            f"{self.home}/receipts/{prefix}stream@{_file_name(node)}@{_file_name(target_key)}.json"
        )


def _file_name(partition: str | None) -> str:
    if partition is None:
        return "-"
    name = quote(partition, safe="")
    if name == "-" or name.startswith(SKIPPED):
        # These names are taken: by no partition, and by what was skipped.
        name = name.replace("-", "%2D", 1)
    if len(name) > MAX_FILE_NAME:
        name = f"{name[:80]}-{hashlib.sha256(partition.encode()).hexdigest()[:32]}"
    return name


def layout_of(place: Place, form: str) -> Layout:
    """Return the layout of a place.

    DELTA is a table's folder. Any other format is one file, or a folder of files where the path
    has no extension or is a folder already.
    """
    options = place.storage_options
    uri = place.uri.removeprefix("file://").rstrip("/")
    if form == "DELTA":
        return Layout("delta", open_store(uri, options), "", "_laktory")
    if _is_folder(uri, remote=place.is_remote):
        return Layout("folder", open_store(uri, options), "", "_laktory")
    parent, _, name = uri.rpartition("/")
    return Layout("file", open_store(parent or "/", options), name, f".laktory/{name}")


def _is_folder(uri: str, *, remote: bool) -> bool:
    if remote:
        return not PurePosixPath(uri).suffix
    path = Path(uri)
    return path.is_dir() or (not path.suffix and not path.is_file())


def read_manifest(folder: str, storage_options: dict[str, str] | None = None) -> list[str] | None:
    """Return the current files of a folder of files, relative to it; None without a manifest."""
    content = open_store(folder, storage_options or {}).read(MANIFEST)
    return None if content is None else list(json.loads(content)["files"])
