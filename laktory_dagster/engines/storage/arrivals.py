"""The files of a stream: which have come since the batches before, and which ones changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from laktory_dagster.engines.base import InputVersion, Place, StreamRead
from laktory_dagster.engines.storage.layout import read_manifest
from laktory_dagster.engines.storage.listing import (
    EMPTY,
    DataFile,
    Listing,
    has_wildcards,
    is_data,
    local_names,
    matches,
    partition_of,
    problem_of,
    remote_base,
    version_of,
)
from laktory_dagster.engines.storage.store import file_version, one_line, open_store
from laktory_dagster.errors import ReadError, SourceChangedError

CHOICES = (
    "bring it back as it was, read everything again with `--full-refresh`, or leave `as_stream` "
    "out to read everything at each run"
)


@dataclass(frozen=True)
class Found:
    """The files of a source by their names below `base`, each with its size and time.

    `is_managed` says that a manifest of ours lists them: files then only go when a writer replaces
    them.
    """

    base: str
    versions: Mapping[str, str]
    version: InputVersion
    is_managed: bool = False
    storage_options: Mapping[str, str] = field(default_factory=dict, repr=False)


def find_files(place: Place) -> Found:
    """Return all files of a place; a folder or a pattern may have none.

    Raises:
        ReadError: nothing is there, or it cannot be listed.
    """
    if place.is_remote:
        return _find_remote(place)
    root = place.uri.removeprefix("file://")
    names, base = local_names(root)
    versions = {}
    for name in names:
        # One that went since the folder was listed is not there.
        with suppress(FileNotFoundError):
            versions[name] = file_version(name)
    below = {name[len(base) :].lstrip("/"): version for name, version in versions.items()}
    managed = base == root and read_manifest(root) is not None
    return Found(base, below, version_of(root, versions), managed)


def _find_remote(place: Place) -> Found:
    uri, base, options = place.uri, remote_base(place.uri), dict(place.storage_options)
    store = open_store(base, options)
    try:
        manifest = None if has_wildcards(uri) else read_manifest(base, options)
        versions = {name: v for name, v in store.versions("").items() if is_data(name)}
    except OSError as error:
        raise ReadError(f"{uri} cannot be listed: {one_line(error)}") from error
    if manifest is not None:
        versions = {name: v for name, v in versions.items() if name in set(manifest)}
    elif has_wildcards(uri):
        pattern = uri[len(base) + 1 :].split("/")
        versions = {n: v for n, v in versions.items() if matches(n.split("/"), pattern)}
    elif not versions:
        base, _, name = base.rpartition("/")
        versions = _one_object(base, name, options)
        size = next(iter(versions.values()), "").partition("-")[0]
        return Found(base, versions, version_of(uri, {uri: size}), False, options)
    return Found(base, versions, version_of(uri, versions), manifest is not None, options)


def _one_object(folder: str, name: str, options: dict[str, str]) -> dict[str, str]:
    found = open_store(folder, options).versions("")
    return {name: found[name]} if name in found else {}


def choose(found: Found, read: StreamRead, subject: str) -> dict[str, str]:
    """Return the files that a batch reads, by name and version: the new ones, or those to replay.

    A file that was left out as unreadable is new again once it changed.

    Args:
        found: all files there are.
        read: what the batches before have read, or what is to be read again.
        subject: what messages call the source.

    Raises:
        SourceChangedError: a file that was read changed, a file to replay is gone, or the files of
            a table were replaced.
    """
    if read.offset is not None:
        wanted: Mapping[str, str] = {**read.offset["files"], **read.offset.get("bad", {})}
        _refuse_changed(found, wanted, subject)
        _refuse_missing(found, wanted, f"{subject}: a batch that was broken off read files that")
        return dict(read.offset["files"])
    since: Mapping[str, Any] = read.since or {}
    known: Mapping[str, str] = since.get("files", {})
    bad: Mapping[str, str] = since.get("bad", {})
    _refuse_changed(found, known, subject)
    if found.is_managed:
        _refuse_missing(found, known, f"{subject} was replaced: files that this stream has read")
    return {n: v for n, v in found.versions.items() if n not in known and bad.get(n) != v}


def _refuse_changed(found: Found, known: Mapping[str, str], subject: str) -> None:
    changed = [n for n, v in known.items() if found.versions.get(n, v) != v]
    if changed:
        raise SourceChangedError(
            f"{subject}: {_named(found, changed)} changed after a batch had read "
            f"{'it' if len(changed) == 1 else 'them'}; a stream reads a file once",
            hint=f"put new rows into new files; as for this one, {CHOICES}",
        )


def _refuse_missing(found: Found, known: Mapping[str, str], what: str) -> None:
    missing = [name for name in known if name not in found.versions]
    if missing:
        raise SourceChangedError(f"{what} are gone: {_named(found, missing)}", hint=CHOICES)


def _named(found: Found, names: list[str]) -> str:
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{found.base.rstrip('/')}/{names[0]}{more}"


def listing_of(found: Found, names: Iterable[str]) -> Listing:
    """Return the listing of these files only."""
    remote = "://" in found.base
    files = []
    for name in names:
        path = f"{found.base.rstrip('/')}/{name}"
        size = found.versions[name].partition("-")[0]
        problem = (EMPTY if size == "0" else None) if remote else problem_of(path)
        files.append(DataFile(path, partition_of(name), problem))
    return Listing(tuple(files), found.version, True, dict(found.storage_options))
