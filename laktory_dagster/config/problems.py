"""Collects what is wrong with the files of one declaration, so that all is told at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from laktory_dagster.config.positions import snippet_of
from laktory_dagster.errors import DeclarationError, Diagnostic, Location

MAX_PROBLEMS = 100


class Unreadable(Exception):  # noqa: N818 - never seen outside this folder
    """The rest of this file cannot be read; the problem is noted."""


@dataclass
class Problems:
    """Notes problems of several files. `texts` holds the text of each file by its shown name."""

    texts: dict[str, str] = field(default_factory=dict)
    found: list[Diagnostic] = field(default_factory=list)

    def note(self, message: str, place: Location | None, **parts: Any) -> None:
        """Add a problem at a place, with the line it stands in; the first hundred are kept."""
        text = self.texts.get(place.file) if place else None
        snippet = snippet_of(text, place.line, place.column) if place and text else None
        diagnostic = Diagnostic(message, location=place, snippet=snippet, **parts)
        if len(self.found) < MAX_PROBLEMS and diagnostic not in self.found:
            self.found.append(diagnostic)

    def stop(self, message: str, place: Location | None, **parts: Any) -> Unreadable:
        """Add a problem and return what to raise to leave the file."""
        self.note(message, place, **parts)
        return Unreadable(message)

    def raise_if_any(self) -> None:
        """Raise the DeclarationError of everything noted, if there is any."""
        if self.found:
            raise DeclarationError(self.found)
