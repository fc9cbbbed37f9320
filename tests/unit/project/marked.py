"""Texts that say themselves where their mistakes are: `⟦` stands before each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from laktory_dagster.errors import DeclarationError, Diagnostic
from laktory_dagster.project import load_plan
from laktory_dagster.settings import Settings

MARK = "⟦"


def lines_of(text: str) -> list[str]:
    """Return the lines of a text, however they end, without a byte-order mark."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")


def unmarked(text: str) -> tuple[str, list[tuple[int, int]]]:
    """Return the text without its marks, and line and column (from 1) of each."""
    clean = ""
    places: list[tuple[int, int]] = []
    for part in text.split(MARK)[:-1]:
        clean += part
        lines = lines_of(clean)
        places.append((len(lines), len(lines[-1]) + 1))
    return clean + text.rsplit(MARK, maxsplit=1)[-1], places


def found_in(
    source: Any, load: Callable[..., object] = load_plan, **options: Any
) -> list[Diagnostic]:
    """Return what is wrong with a text or a file, errors and nothing else."""
    options.setdefault("settings", Settings())
    with pytest.raises(DeclarationError) as caught:
        load(source, **options)
    return list(caught.value.diagnostics)


def places_of(found: list[Diagnostic]) -> list[tuple[int, int]]:
    """Return line and column of each diagnostic."""
    return [(item.location.line, item.location.column) for item in found if item.location]


def check_carets(found: list[Diagnostic], text: str) -> None:
    """Check that each diagnostic shows its own line of the text, with a caret below its column."""
    lines = lines_of(text)
    for item in found:
        assert item.location is not None
        assert item.snippet is not None
        shown, caret = item.snippet.split("\n")
        number, _, line = shown.partition(" | ")
        assert int(number) == item.location.line
        assert line == lines[item.location.line - 1].replace("\t", " ")[:160]
        assert caret == " " * (len(number) + 3 + item.location.column - 1) + "^"
        assert item.render().startswith(f"{item.location}: error: {item.message}")
