"""What the commands print: text for people, one document for programs."""

from __future__ import annotations

import base64
import io
import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, TextIO

from rich.console import Console
from rich.table import Table

_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(9), *range(11, 32), *range(127, 160))}


class PatientStream(io.TextIOBase):
    """A text stream that goes on, silently, when its reader is gone.

    `laktory-dagster run ... | head` closes the pipe early; that must not stop the run.
    """

    def __init__(self, stream: TextIO) -> None:
        """Write to this stream as long as somebody reads it."""
        self._stream = stream

    def write(self, text: str) -> int:
        """Write the text, or drop it once the reader is gone; return its length."""
        try:
            return self._stream.write(text)
        except BrokenPipeError:
            self._give_up()
            return len(text)

    def flush(self) -> None:
        """Flush, unless the reader is gone."""
        try:
            self._stream.flush()
        except BrokenPipeError:
            self._give_up()

    def isatty(self) -> bool:
        """Return whether a person looks at it."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Return the number of the underlying file."""
        return self._stream.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Return the encoding of the underlying stream."""
        return self._stream.encoding

    def _give_up(self) -> None:
        # The interpreter flushes once more when it ends, which must not fail either.
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, self._stream.fileno())
        os.close(devnull)


class Screen:
    """Standard output and standard error of one command."""

    def __init__(self) -> None:
        """Open both on the streams of this moment."""
        self.stdout = Console(
            file=PatientStream(sys.stdout),  # type: ignore[arg-type]
            markup=False,
            highlight=False,
            emoji=False,
        )
        self.stderr = Console(
            file=PatientStream(sys.stderr),  # type: ignore[arg-type]
            markup=False,
            highlight=False,
            emoji=False,
        )

    def say(self, text: str, style: str | None = None) -> None:
        """Print a line or a text for a person; long lines are left to the terminal."""
        self.stdout.print(printable(text), style=style, soft_wrap=True)

    def warn(self, text: str, style: str | None = "yellow") -> None:
        """Print to standard error."""
        self.stderr.print(printable(text), style=style, soft_wrap=True)

    def document(self, data: Any) -> None:
        """Print one JSON document, and nothing else."""
        text = json.dumps(plain(data), indent=2, ensure_ascii=False, allow_nan=False)
        stream = self.stdout.file
        stream.write(text + "\n")
        stream.flush()

    def table(self, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
        """Print rows under their columns; a terminal that is too narrow cuts the cells."""
        shown = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            shown.add_column(printable(column), overflow="ellipsis", no_wrap=True)
        for row in rows:
            shown.add_row(*(cell(row.get(column)) for column in columns))
        wide = None if self.stdout.is_terminal else 10_000
        self.stdout.print(shown, width=wide)


def printable(text: str) -> str:
    """Return the text with control characters written out, so that data cannot steer a terminal."""
    return text.translate(_CONTROLS)


def cell(value: Any) -> str:
    """Return a value as one cell of a table."""
    if value is None:
        return ""
    if isinstance(value, datetime | date | time):
        return value.isoformat(sep=" ") if isinstance(value, datetime) else value.isoformat()
    if isinstance(value, Mapping | list | tuple):
        return printable(json.dumps(plain(value), ensure_ascii=False)).replace("\n", "\\n")
    return printable(str(value)).replace("\n", "\\n")


def plain(value: Any) -> Any:
    """Return a value as JSON knows it: times in ISO form, NaN and infinity as text."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    return str(value)
