"""Where each part of a declaration stands in its text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from laktory_dagster.errors import Location

Mark = Any
"""A mark of the YAML parser (`line` and `column` from 0), or None for the start of the text."""
Leaf = tuple[Mark, Mark]
"""Marks of a scalar and of its key; it stands in the file of the container around it."""
MAX_SNIPPET = 160


@dataclass(slots=True)
class Spot:
    """One value: its file, where it and its key start, and the places inside it."""

    file: str
    mark: Mark = None
    inside: dict[str | int, Spot | Leaf] | None = None
    key_file: str = ""
    key_mark: Mark = None


@dataclass(frozen=True)
class Positions:
    """Finds the place of a model path in the text that declared it."""

    root: Spot
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)
    other_names: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def locate(self, path: Sequence[str | int], *, key: bool = False) -> Location | None:
        """Return the place of the value (or key) at `path`, or of its nearest known ancestor.

        A path may use a name of the other schema era, or `sources` and `sources, 0` for `source`.
        """
        spot = self.root
        rest = list(path)
        while rest:
            step = self._step(spot, rest)
            if step is None:
                break
            spot, used = step
            rest = rest[used:]
        if key and not rest and spot.key_mark is not None:
            return location_of(spot.key_file, spot.key_mark)
        return location_of(spot.file, spot.mark)

    def _step(self, spot: Spot, rest: Sequence[str | int]) -> tuple[Spot, int] | None:
        inside = spot.inside or {}
        for name in self._spellings(rest[0]):
            if name in inside:
                return spot_of(spot, inside[name]), 1
        if isinstance(rest[0], str) and rest[1:2] in ([], [0]):
            for name in self._spellings(rest[0].removesuffix("s")):
                if name in inside:
                    return spot_of(spot, inside[name]), len(rest[:2])
        return None

    def _spellings(self, name: str | int) -> Iterator[str | int]:
        yield name
        if isinstance(name, str):
            yield from self.other_names.get(name, ())

    def snippet(self, location: Location) -> str | None:
        """Return the line with a caret under the place, or None for an unknown file."""
        text = self.texts.get(location.file)
        return None if text is None else snippet_of(text, location.line, location.column)


def spot_of(parent: Spot, place: Spot | Leaf) -> Spot:
    """Return a place inside `parent` with its file."""
    if isinstance(place, Spot):
        return place
    return Spot(parent.file, place[0], None, parent.file, place[1])


def location_of(file: str, mark: Mark) -> Location:
    """Return the place of a parser's mark, line and column from 1."""
    return Location(file, 1, 1) if mark is None else Location(file, mark.line + 1, mark.column + 1)


def snippet_of(text: str, line: int, column: int) -> str | None:
    """Return a line of a text with a caret below one of its columns (both from 1)."""
    lines = text.splitlines()
    if not 0 < line <= len(lines):
        return None
    shown = lines[line - 1].replace("\t", " ")
    start = max(0, column - MAX_SNIPPET // 2)
    shown = "".join(char if char.isprintable() else "?" for char in shown[start:][:MAX_SNIPPET])
    number = f"  {line} | "
    return f"{number}{shown}\n{' ' * (len(number) + max(0, column - 1 - start))}^"
