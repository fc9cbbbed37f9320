"""The files behind a path: one file, a folder, a glob, hive partitions; local or remote."""

from __future__ import annotations

import fnmatch
import glob
import gzip
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import unquote

from laktory_dagster.engines.base import InputVersion, Place, ReadRequest
from laktory_dagster.engines.storage.layout import read_manifest
from laktory_dagster.engines.storage.store import file_version, one_line, open_store
from laktory_dagster.errors import ReadError
from laktory_dagster.expressions.suggest import with_article

NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
_WILDCARDS = "*?["
EMPTY = "the file is empty (zero bytes)"
"""The problem of a file without a byte."""
_HTML = "the file is a page of HTML"
_XML = "the file is XML"
_BOM = b"\xef\xbb\xbf"
_MARKUP = {b"<!doctype html": _HTML, b"<html": _HTML, b"<?xml": _XML}
_ENCODINGS = {
    b"\xff\xfe\x00\x00": "the file is UTF-32",
    b"\x00\x00\xfe\xff": "the file is UTF-32",
    b"\xff\xfe": "the file is UTF-16",
    b"\xfe\xff": "the file is UTF-16",
}
_BINARY = {
    b"PAR1\x15": "the file is Parquet",
    b"Obj\x01": "the file is Avro",
    b"ARROW1\0": "the file is Arrow",
    b"PK\x03\x04": "the file is a ZIP archive or a workbook",
    b"%PDF-": "the file is a PDF",
    b"\x89PNG": "the file is an image",
}
_BLANK = "the file is blank (it holds white space only)"
_NO_ROWS = {_BLANK, *_MARKUP.values(), *_BINARY.values()}
_ROWS_OF_TEXT = ("CSV", "JSON", "JSONL", "NDJSON")
_HEAD = 256
_TAIL = 64


@dataclass(frozen=True)
class DataFile:
    """One file to read, with the values of the `key=value` folders above it."""

    path: str
    partition: tuple[tuple[str, str | None], ...] = ()
    problem: str | None = None


@dataclass(frozen=True)
class Listing:
    """The files of a source in a stable order. `is_folder` says that the path named a folder."""

    files: tuple[DataFile, ...]
    version: InputVersion
    is_folder: bool
    storage_options: dict[str, str] = field(default_factory=dict, repr=False)

    def only(self, files: Iterable[DataFile]) -> Listing:
        """Return the listing with these files only."""
        return replace(self, files=tuple(files))


def list_files(place: Place) -> Listing:
    """Return the files of a place.

    A folder is read recursively; names that start with `_` or `.` are not data. Where the folder
    has a manifest of ours, the files it lists are the data.

    Raises:
        ReadError: nothing is there; the message names the absolute path.
    """
    if place.is_remote:
        return _list_remote(place)
    root = place.uri.removeprefix("file://")
    names, base = local_names(root)
    if not names:
        raise _no_files(root)
    files = tuple(
        DataFile(name, partition_of(name[len(base) :]), problem_of(name)) for name in names
    )
    version = version_of(root, {name: _version(name) for name in names})
    return Listing(files, version, names != [root])


def _version(name: str) -> str:
    try:
        return file_version(name)
    except OSError:
        return "unreadable"


def _no_files(root: str) -> ReadError:
    folders = has_wildcards(root) and any(os.path.isdir(name) for name in glob.iglob(root))  # noqa: PTH112, PTH207
    return ReadError(
        f"there are no data files at {root}",
        hint=f"the pattern names folders; `{root.rstrip('/')}/*` names their files"
        if folders
        else None,
    )


def local_names(root: str) -> tuple[list[str], str]:
    """Return the data files of a local path in order, and the folder that their names start from.

    A folder or a pattern may have no files.

    Raises:
        ReadError: nothing is there.
    """
    if os.path.isdir(root):  # noqa: PTH112 - long listings are faster with os
        return _folder(root), root
    if os.path.isfile(root):  # noqa: PTH113
        return [root], os.path.dirname(root)  # noqa: PTH120
    if has_wildcards(root):
        start = root[: min(root.index(mark) for mark in _WILDCARDS if mark in root)]
        found = {name for name in glob.glob(root, recursive=True) if _is_visible(name, start)}  # noqa: PTH207
        files = sorted(name for name in found if os.path.isfile(name))  # noqa: PTH113
        return files, start.rpartition("/")[0]
    raise ReadError(f"there is nothing at {root}", hint="check the path of the source")


def _is_visible(name: str, base: str) -> bool:
    """Return whether nothing that the marks behind the base stand for starts as hidden files do.

    `a*.csv` means `a_1.csv`: the part that the base begins is none of those.
    """
    rest = name[len(base) :]
    is_begun = base != "" and not base.endswith("/")
    return is_data(rest.partition("/")[2] if is_begun else rest)


def has_wildcards(path: str) -> bool:
    """Return whether a path is a pattern."""
    return any(mark in path for mark in _WILDCARDS)


def _folder(root: str) -> list[str]:
    manifest = read_manifest(root)
    if manifest is not None:
        return [os.path.join(root, name) for name in manifest]  # noqa: PTH118
    try:
        return sorted(_walk(root))
    except OSError as error:
        raise ReadError(f"{root} cannot be listed: {error}") from error


def _walk(folder: str, above: tuple[str, ...] = ()) -> Iterator[str]:
    """Give the files below a folder; a link that leads back to one above it is not followed."""
    real = os.path.realpath(folder)
    if real in above:
        return
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.name.startswith((".", "_")):
            continue
        if os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir():  # noqa: PTH112
            yield from _walk(entry.path, (*above, real))
        else:
            yield entry.path


def version_of(key: str, versions: Mapping[str, str]) -> InputVersion:
    """Return the version of a source of which each file has one."""
    digest = hashlib.sha256()
    for name, version in versions.items():
        digest.update(f"{name}\0{version}\n".encode(errors="surrogateescape"))
    return InputVersion(key, digest.hexdigest()[:32])


def partition_of(relative: str) -> tuple[tuple[str, str | None], ...]:
    """Return the values of the `key=value` folders in a path."""
    found = []
    for part in Path(relative).parts[:-1]:
        key, equals, value = part.partition("=")
        if equals and key:
            text = unquote(value)
            found.append((key, None if text == NO_VALUE else text))
    return tuple(found)


def problem_of(path: str) -> str | None:
    """Return what is wrong with a file that can be told without reading it, None for nothing."""
    try:
        path.encode()
        size = os.path.getsize(path)  # noqa: PTH202
        if size == 0:
            return EMPTY
        with Path(path).open("rb") as file:
            head = file.read(_HEAD)
            file.seek(max(0, size - _TAIL))
            tail = file.read()
    except OSError as error:
        return f"the file cannot be read: {error.strerror}"
    except UnicodeEncodeError:
        return "the name of the file is not Unicode"
    name = path.lower()
    if name.endswith(".parquet"):
        if not head.startswith(b"PAR1"):
            return "the file is no Parquet (it does not start with its mark)"
        if not tail.endswith(b"PAR1"):
            return "the Parquet file is cut off (its footer is missing)"
    if name.endswith(".gz"):
        return _gzip_problem(path, head)
    foreign = _BLANK if size <= _HEAD and _is_blank(head) else _foreign(head)
    if foreign is not None:
        return foreign
    return _json_problem(tail) if name.endswith((".json", ".jsonl", ".ndjson")) else None


def _json_problem(tail: bytes) -> str | None:
    """Return what is wrong with JSON that ends so: it is cut off, or its last line is a text."""
    if tail.rstrip()[-1:] in b"}]":
        return None
    last = tail.rstrip().rpartition(b"\n")[2].strip().decode(errors="replace")
    is_word = any(word.startswith(last.rstrip(",")) for word in ("true", "false", "null"))
    if len(last) < _TAIL and last[:1].isalpha() and not is_word:
        return f"the file is no JSON (its last line is `{last}`)"
    return "the JSON is cut off (its last line is not complete)"


def _gzip_problem(path: str, head: bytes) -> str | None:
    if not head.startswith(b"\x1f\x8b"):
        return "the file is no gzip"
    try:
        with gzip.open(path) as file:
            start = file.read(_HEAD)
            size = len(start)
            while more := file.read(1 << 20):
                size += len(more)
    except (OSError, EOFError) as error:
        return f"the gzip file is damaged: {error}"
    if size == 0:
        return EMPTY
    return _BLANK if size <= _HEAD and _is_blank(start) else _foreign(start)


def _is_blank(content: bytes) -> bool:
    return not content.removeprefix(_BOM).strip()


def _foreign(head: bytes) -> str | None:
    """Return what a file is whose first bytes are not those of rows in UTF-8 text."""
    for mark, problem in (*_ENCODINGS.items(), *_BINARY.items()):
        if head.startswith(mark):
            return problem
    text = head.removeprefix(_BOM).lstrip().lower()
    return next((problem for mark, problem in _MARKUP.items() if text.startswith(mark)), None)


def _is_meant(problem: str | None, request: ReadRequest) -> bool:
    """Return whether a file may be what it is: of formats that are no rows of text in UTF-8."""
    if problem in _NO_ROWS:
        return request.format not in _ROWS_OF_TEXT
    if problem in _ENCODINGS.values():
        options = getattr(request.source, "reader_settings", None) or {}
        return request.format == "BINARYFILE" or bool({"encoding", "charset"} & set(options))
    return False


def remote_base(uri: str) -> str:
    """Return the URL that the names of a remote source start from."""
    marks = [uri.index(mark) for mark in _WILDCARDS if mark in uri]
    return uri[: min(marks)].rpartition("/")[0] if marks else uri.rstrip("/")


def matches(names: Sequence[str], pattern: Sequence[str]) -> bool:
    """Return whether the parts of a name are those of a pattern; `**` stands for any number."""
    if not pattern:
        return not names
    if pattern[0] == "**":
        return matches(names, pattern[1:]) or (bool(names) and matches(names[1:], pattern))
    if not names or not fnmatch.fnmatchcase(names[0], pattern[0]):
        return False
    return matches(names[1:], pattern[1:])


def is_data(name: str) -> bool:
    """Return whether no part of a relative name starts as those of hidden files do."""
    return not any(part.startswith((".", "_")) for part in name.split("/") if part)


def _list_remote(place: Place) -> Listing:
    uri = place.uri
    options = dict(place.storage_options)
    marks, base = has_wildcards(uri), remote_base(uri)
    store = open_store(base, options)
    try:
        manifest = None if marks else read_manifest(base, options)
        there = store.versions("")
        names = manifest if manifest is not None else list(there)
    except OSError as error:
        raise ReadError(f"{uri} cannot be listed: {one_line(error)}") from error
    if marks:
        pattern = uri[len(base) + 1 :].split("/")
        names = [name for name in names if matches(name.split("/"), pattern)]
    visible = [name for name in names if is_data(name)]
    if not visible and not marks:
        parent, _, name = base.rpartition("/")
        size = open_store(parent, options).size(name)
        if size is None:
            raise ReadError(f"there is nothing at {uri}", hint="check the path of the source")
        file = DataFile(base, (), EMPTY if size == 0 else None)
        return Listing((file,), version_of(uri, {uri: str(size)}), False, options)
    if not visible:
        raise ReadError(f"there are no data files at {uri}")
    files = tuple(
        DataFile(
            store.url(name),
            partition_of(f"/{name}"),
            EMPTY if there.get(name, "").startswith("0-") else None,
        )
        for name in visible
    )
    version = version_of(uri, {name: there.get(name, "") for name in sorted(visible)})
    return Listing(files, version, True, options)


def readable_files(
    listing: Listing,
    request: ReadRequest,
    place: Place,
    problem_in: Callable[[Listing], str | None],
) -> tuple[Listing, tuple[str, ...]]:
    """Return the files that can be read, and the paths of those that are set aside.

    Args:
        listing: the files.
        request: whose source says whether damaged files may be set aside.
        place: where the files are.
        problem_in: reads a listing of one file to its end and says what is wrong with it.

    Raises:
        ReadError: a file is damaged and none may be set aside, or none is left.
    """
    tolerant = getattr(request.source, "bad_files", "fail") == "quarantine"
    damaged = {
        file.path: file.problem
        for file in listing.files
        if file.problem is not None and not _is_meant(file.problem, request)
    }
    if damaged and not tolerant:
        path, problem = next(iter(damaged.items()))
        raise damaged_file(path, problem, str(request.format))
    if tolerant:
        for file in listing.files:
            found = damaged.get(file.path) or problem_in(listing.only([file]))
            if found is not None:
                damaged[file.path] = found
    readable = [file for file in listing.files if file.path not in damaged]
    if not readable:
        raise ReadError(f"none of the {len(damaged)} files at {place.uri} can be read")
    return listing.only(readable), tuple(damaged)


def damaged_file(path: str, problem: str, form: str) -> ReadError:
    """Return the error for a file that is damaged, or no file of its format."""
    mend = "mend or remove it"
    if problem in _ENCODINGS.values():
        name = problem.rpartition(" ")[2]
        mend = f"convert it to UTF-8, or say `read_options: {{encoding: {name}}}`"
    shown = path.encode(errors="backslashreplace").decode()
    return ReadError(
        f"{shown}: {problem}",
        expected=f"{with_article(form)} file" + (" in UTF-8" if "UTF" in problem else ""),
        hint=f"{mend}, or set `bad_files: quarantine` on the source",
    )
