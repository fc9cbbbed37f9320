"""Files and open files to text: size and encoding checked before anything is parsed."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Any, TextIO

from laktory_dagster.config.problems import Problems
from laktory_dagster.errors import Location

MAX_BYTES = 16 * 1024 * 1024
STRING = "<string>"
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_BOM = "\ufeff"


def text_of_file(path: Path, shown: str, problems: Problems, place: Location | None = None) -> str:
    """Return the text of a file; `place` is where it was asked for.

    Raises:
        Unreadable: it is missing, too large, or not UTF-8; the problem is noted.
    """
    try:
        if not path.is_file():
            kind = "is no file" if path.exists() else "does not exist"
            raise problems.stop(f"{shown} {kind}", place, hint="check the path")
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise problems.stop(f"{shown} cannot be read: {reason}", place) from None
    return decoded(raw, shown, problems)


def text_of_stream(stream: TextIO, shown: str, problems: Problems) -> str:
    """Return the text of an open file, opened as text or as bytes.

    Raises:
        Unreadable: it is too large or not UTF-8; the problem is noted.
    """
    try:
        content: Any = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise problems.stop(
            f"{shown} cannot be read: {error}", Location(shown, 1, 1), expected="a file in UTF-8"
        ) from None
    return decoded(content, shown, problems)


def decoded(content: str | bytes, shown: str, problems: Problems) -> str:
    """Return the text of bytes in UTF-8 (or of a text), without its byte-order mark.

    Raises:
        Unreadable: it is too large, or in another encoding; the problem is noted.
    """
    start = Location(shown, 1, 1)
    if len(content) > MAX_BYTES:
        raise problems.stop(
            f"{shown} is larger than {MAX_BYTES:,} bytes",
            start,
            hint="keep data in files, and split the pipeline",
        )
    if isinstance(content, str):
        return content.removeprefix(_BOM)
    if content.startswith(_UTF_16):
        raise problems.stop(f"{shown} is UTF-16", start, expected="UTF-8", hint="save it as UTF-8")
    try:
        return content.decode("utf-8").removeprefix(_BOM)
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8").removeprefix(_BOM)
        raise problems.stop(
            f"byte 0x{content[error.start]:02x} is no UTF-8",
            place_at(before, shown),
            expected="a file in UTF-8",
        ) from None


def place_at(before: str, shown: str) -> Location:
    """Return the place right after the text `before`."""
    return Location(shown, before.count("\n") + 1, len(before) - before.rfind("\n"))
