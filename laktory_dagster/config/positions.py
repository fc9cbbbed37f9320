"""Where each part of a declaration stands in its text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from laktory_dagster.errors import Location

Mark = tuple[str, int, int]
"""File, line and column, the latter two from 1."""
MAX_SNIPPET = 160


@dataclass(slots=True)
class Spot:
    """One value: where its key and itself start, and the spots inside it."""

    mark: Mark
    key_mark: Mark | None = None
    inside: dict[str | int, Spot] | None = None


@dataclass(frozen=True)
class Positions:
    """Finds the place of a model path in the text that declared it."""

    root: Spot
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)
    other_names: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def locate(self, path: Sequence[str | int], *, key: bool = False) -> Location | None:
        """Return the place of the value (or key) at `path`, or of its nearest known ancestor.

        A path may use a name of the other schema era, or `sources, 0` for a single `source`.
        """
        spot = self.root
        found_key = False
        rest = list(path)
        while rest:
            step = self._step(spot, rest)
            if step is None:
                break
            spot, used = step
            rest = rest[used:]
            found_key = True
        mark = spot.key_mark if key and not rest and found_key and spot.key_mark else spot.mark
        return Location(*mark)

    def _step(self, spot: Spot, rest: Sequence[str | int]) -> tuple[Spot, int] | None:
        inside = spot.inside or {}
        for name in self._spellings(rest[0]):
            if name in inside:
                return inside[name], 1
        if len(rest) > 1 and rest[1] == 0 and isinstance(rest[0], str):
            for name in self._spellings(rest[0].removesuffix("s")):
                if name in inside:
                    return inside[name], 2
        return None

    def _spellings(self, name: str | int) -> Iterator[str | int]:
        yield name
        if isinstance(name, str):
            yield from self.other_names.get(name, ())

    def snippet(self, location: Location) -> str | None:
        """Return the line with a caret under the place, or None for an unknown file."""
        text = self.texts.get(location.file)
        return None if text is None else snippet_of(text, location.line, location.column)


def snippet_of(text: str, line: int, column: int) -> str | None:
    """Return a line of a text with a caret below one of its columns (both from 1)."""
    lines = text.splitlines()
    if not 0 < line <= len(lines):
        return None
    shown = lines[line - 1].replace("\t", " ")
    start = max(0, column - MAX_SNIPPET // 2)
    shown = "".join(char if char.isprintable() else "?" for char in shown[start:])[:MAX_SNIPPET]
    number = f"  {line} | "
    return f"{number}{shown}\n{' ' * (len(number) + max(0, column - 1 - start))}^"
