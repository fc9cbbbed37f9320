"""What the commands print: text for people, one document for programs."""

from __future__ import annotations

import base64
import io
import json
import math
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from typing import Any, TextIO

from rich.console import Console, OverflowMethod
from rich.table import Table

UNLIMITED = 10_000
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(9), *range(11, 32), *range(127, 160))}


class PatientStream(io.TextIOBase):
    """A text stream that goes on, silently, when its reader is gone.

    `laktory-dagster run ... | head` closes the pipe early; that must not stop the run.
    """

    def __init__(self, stream: TextIO) -> None:
        """Write to this stream as long as somebody reads it."""
        self._stream = stream

    def write(self, text: str) -> int:
        """Write the text, or drop it once the reader is gone; return its length.

        What the stream's encoding does not have is written out, as Python itself does for errors.
        """
        try:
            return self._stream.write(text)
        except UnicodeEncodeError:
            escaped = text.encode(self.encoding, "backslashreplace")
            return self._stream.write(escaped.decode(self.encoding))
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
        self.stdout = _console(sys.stdout)
        self.stderr = _console(sys.stderr)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep standard output for this screen: what anybody else prints goes to standard error.

        Functions of a project print, and Dagster keeps what a step prints as the step's own log.
        """
        try:
            number, other = sys.stdout.fileno(), sys.stderr.fileno()
        except (OSError, ValueError):
            yield
            return
        sys.stdout.flush()
        kept = os.fdopen(os.dup(number), "w", encoding=sys.stdout.encoding, buffering=1)
        previous = self.stdout.file
        self.stdout.file = PatientStream(kept)  # type: ignore[assignment]
        os.dup2(other, number)
        try:
            yield
        finally:
            sys.stdout.flush()
            self.stdout.file.flush()
            os.dup2(kept.fileno(), number)
            self.stdout.file = previous
            kept.close()

    def say(self, text: str, style: str | None = None) -> None:
        """Print a line or a text for a person; long lines are left to the terminal."""
        self.stdout.print(printable(text), style=style, soft_wrap=True)

    def warn(self, text: str, style: str | None = "yellow") -> None:
        """Print to standard error."""
        self.stderr.print(printable(text), style=style, soft_wrap=True)

    def document(self, data: Any) -> None:
        """Print one JSON document, and nothing else."""
        stream = self.stdout.file
        value = plain(data)
        text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
        try:
            text.encode(self.stdout.encoding)
        except UnicodeEncodeError:
            text = json.dumps(value, indent=2, allow_nan=False)
        stream.write(text + "\n")
        stream.flush()

    def table(self, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
        """Print rows under their columns; a terminal that is too narrow cuts or folds cells."""
        shown = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            last = column == columns[-1]
            overflow: OverflowMethod = "fold" if last else "ellipsis"
            shown.add_column(printable(column), overflow=overflow, no_wrap=not last)
        for row in rows:
            shown.add_row(*(cell(row.get(column)) for column in columns))
        self.stdout.print(shown)


def _console(stream: TextIO) -> Console:
    return Console(
        file=PatientStream(stream),  # type: ignore[arg-type]
        width=None if stream.isatty() else UNLIMITED,
        markup=False,
        highlight=False,
        emoji=False,
    )


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
