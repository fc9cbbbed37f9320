"""What the bytes of text files say: marks, line ends, and whether a line is a document."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

MARK = b"\xef\xbb\xbf"
"""The mark that some programs put before texts in UTF-8."""
END = 250_000
"""Bytes at the end of large files of JSON lines that are looked at beside the first rows."""
_BLOCK = 4_096


def holds_lines(first_line: bytes) -> bool:
    """Return whether a JSON text that starts with this line holds a document per line."""
    text = first_line.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not text.startswith(b"{"):
        return False
    try:
        json.loads(text.splitlines()[0])
    except ValueError:
        return False
    return True


def end_of(path: str) -> bytes:
    """Return the last whole lines of a file."""
    with Path(path).open("rb") as file:
        file.seek(-END, os.SEEK_END)
        file.readline()
        return file.read()


def has_old_line_ends(path: str) -> bool:
    """Return whether a file starts with lines that end in a carriage return alone."""
    return _are_old(first_bytes(path, _BLOCK))


def with_newlines(content: bytes) -> bytes:
    """Return a text with the line ends that Polars knows."""
    return content.replace(b"\r", b"\n") if _are_old(content[:_BLOCK]) else content


def _are_old(first: bytes) -> bool:
    # Behind the last of all these bytes a line feed may follow.
    seen = first if len(first) < _BLOCK else first[:-1]
    return b"\r" in seen and b"\n" not in first


def is_marked(path: str) -> bool:
    """Return whether a file starts with a byte order mark."""
    return first_bytes(path, len(MARK)) == MARK


def first_bytes(path: str, size: int) -> bytes:
    """Return the first bytes of a file, or of what is zipped in it."""
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rb") as file:
        return bytes(file.read(size))
