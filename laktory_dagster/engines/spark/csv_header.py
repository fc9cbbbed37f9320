"""The names in the header of a CSV file: Spark gives all files those of the first, and renames twins."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, count
from typing import Any

_FOR_SPARK = {"lineSep", "skipRows", "escape", "charToEscapeQuoteEscaping"}
_COMPRESSED = (".bz2", ".zst", ".lz4", ".snappy", ".deflate", ".zip")


def header_of(path: str, options: Mapping[str, Any]) -> list[str] | None:
    """Return the names in the first line of a file; None where only Spark can tell them.

    Args:
        path: the file.
        options: those of its reader, under Spark's names.
    """
    if "://" in path or path.endswith(_COMPRESSED) or not _FOR_SPARK.isdisjoint(options):
        return None
    mark = str(options.get("comment", ""))
    try:
        encoding = str(options.get("encoding", options.get("charset", "utf-8-sig")))
        opener: Any = gzip.open if path.endswith(".gz") else open
        with opener(path, "rt", encoding=encoding, errors="replace", newline="") as file:
            lines = (line for line in file if not (mark and line.startswith(mark)))
            names = next(filter(None, _records(lines, options)), [])
    except (OSError, EOFError, LookupError, TypeError, csv.Error):
        return None
    return distinct([name or f"_c{place}" for place, name in enumerate(names)])


def _records(lines: Iterable[str], options: Mapping[str, Any]) -> Iterable[list[str]]:
    separator, quote = str(options.get("sep", ",")), str(options.get("quote", '"'))
    return csv.reader(lines, delimiter=separator, quotechar=quote)


def distinct(names: Sequence[str]) -> list[str]:
    """Return the names with those that come again told apart, as Polars does.

    Names that differ in capital letters only are one to Spark.
    """
    taken: set[str] = set()
    found = []
    for name in names:
        choices = (f"{name}_duplicated_{number}" for number in count())
        free = next(n for n in chain([name], choices) if n.lower() not in taken)
        taken.add(free.lower())
        found.append(free)
    return found
