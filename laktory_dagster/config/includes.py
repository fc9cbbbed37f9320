"""Files that a pipeline file includes, in the spelling of both schema eras."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from laktory_dagster.config.builder import Value
from laktory_dagster.config.positions import Spot, spot_of
from laktory_dagster.config.problems import Problems, Unreadable
from laktory_dagster.config.texts import text_of_file
from laktory_dagster.config.variables import fill_text
from laktory_dagster.errors import Location

MAX_INCLUDES = 1_000
MAX_INCLUDE_DEPTH = 20
MAX_CHARACTERS = 64 * 1024 * 1024
_YAML = (".yaml", ".yml", ".json")
_KINDS = (*_YAML, ".sql")
_APPEND = re.compile(r"(\s*)-<\s*\$\{include\.([^}]+)\}(.*)", re.DOTALL)
_BLOCK_TEXT = re.compile(r"(?:^|[\s:-])[|>][-+0-9]{0,2}\s*(?:#.*)?$")


def append_lines(text: str) -> str:
    """Return the text with each `-< ${include.x}` line as the YAML that appends a list.

    Lines of literal and folded texts stay as they are.
    """
    if "-<" not in text:
        return text
    lines = []
    block_indent: int | None = None
    for line in text.splitlines(keepends=True):
        indent = len(line) - len(line.lstrip(" "))
        if block_indent is not None and line.strip() and indent <= block_indent:
            block_indent = None
        if block_indent is None:
            found = _APPEND.fullmatch(line)
            if found:
                path = found.group(2).replace("'", "''")
                line = f"{found.group(1)}- !extend '{path}'{found.group(3)}"  # noqa: PLW2901
            elif _BLOCK_TEXT.search(line):
                block_indent = indent
        lines.append(line)
    return "".join(lines)


Parse = Callable[[str, str, "Includes", int], Value]


@dataclass
class Includes:
    """Loads included files, below one root and without cycles.

    `parse` reads a text: text, shown name, the includes of its own folder, depth.
    """

    root: Path
    folder: Path
    parse: Parse
    problems: Problems
    variables: Callable[[], dict[str, Any]]
    trail: tuple[Path, ...] = ()
    files: list[Path] = field(default_factory=list)
    _read: list[int] = field(default_factory=lambda: [0])

    def load(self, path: str, tag: str, place: Location, depth: int) -> Value:
        """Return the data of an included file, `.sql` as a text, a folder as a list.

        What cannot be read is noted, and null takes its place.
        """
        try:
            target = self._resolve(path, place)
            if target.is_dir():
                return self._load_folder(target, tag, place, depth)
            return self._load_file(target, place, depth)
        except Unreadable:
            return Value(None, Spot(place.file))

    def _resolve(self, path: str, place: Location) -> Path:
        if "${" in path:
            path = self._filled(path, place)
        try:
            target = (self.folder / path).resolve()
            known = target.exists()
            if not known and (from_root := (self.root / path).resolve()).exists():
                # The older schema let paths start at the folder of the stack.
                target, known = from_root, True
        except (OSError, RuntimeError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise self._stop(
                f"the include `{path[:200]}` cannot be read: {reason}", place
            ) from None
        if not target.is_relative_to(self.root):
            raise self._stop(
                f"the include `{path}` leaves the project root {self.root}",
                place,
                hint="move the file below the root",
            )
        if not known:
            raise self._stop(
                f"the included file {target} does not exist",
                place,
                hint="paths start at the folder of the file that includes, or at the project's root",
            )
        return target

    def _filled(self, path: str, place: Location) -> str:
        filled, messages = fill_text(path, self.variables())
        if messages:
            raise self._stop(f"the path of an include: {messages[0]}", place)
        return str(filled)

    def _load_folder(self, folder: Path, tag: str, place: Location, depth: int) -> Value:
        names = sorted(name for name in folder.rglob("*") if name.suffix in _YAML[:2])
        found: list[Value] = []
        size = 1
        for name in names:
            value = self._load_file(self._resolve(str(name), place), place, depth + 1)
            size += value.size
            found.extend(_items(value) if tag == "!extend" else [value])
        spot = Spot(place.file)
        spot.inside = {index: value.spot for index, value in enumerate(found)}
        height = 1 + max((value.height for value in found), default=0)
        return Value([value.data for value in found], spot, size, height)

    def _load_file(self, target: Path, place: Location, depth: int) -> Value:
        if target in self.trail:
            names = " -> ".join(path.name for path in (*self.trail, target))
            raise self._stop(f"files include each other: {names}", place)
        if target.suffix not in _KINDS:
            raise self._stop(
                f"the included file {target} is neither YAML nor SQL",
                place,
                expected=f"a file that ends in {', '.join(_KINDS)}",
            )
        if len(self.trail) > MAX_INCLUDE_DEPTH or len(self.files) >= MAX_INCLUDES:
            raise self._stop(
                "too many includes",
                place,
                expected=f"at most {MAX_INCLUDES} files, {MAX_INCLUDE_DEPTH} levels",
            )
        shown = str(target)
        text = text_of_file(target, shown, self.problems, place)
        self._read[0] += len(text)
        if self._read[0] > MAX_CHARACTERS:
            raise self._stop(f"the includes hold more than {MAX_CHARACTERS:,} characters", place)
        self.files.append(target)
        self.problems.texts[shown] = text
        if target.suffix == ".sql":
            return Value(text, Spot(shown))
        return self.parse(text, shown, self._within(target), depth)

    def _within(self, target: Path) -> Includes:
        """Return the includes of an included file: its folder, everything else shared."""
        return Includes(
            self.root,
            target.parent,
            self.parse,
            self.problems,
            self.variables,
            (*self.trail, target),
            self.files,
            self._read,
        )

    def _stop(self, message: str, place: Location, **parts: Any) -> Unreadable:
        return self.problems.stop(message, place, **parts)


def _items(value: Value) -> Iterable[Value]:
    """Return the items of a list, and anything else as the only item; nothing for null."""
    if value.data is None:
        return
    if not isinstance(value.data, list):
        yield value
        return
    inside = value.spot.inside or {}
    for index, item in enumerate(value.data):
        yield Value(item, spot_of(value.spot, inside.get(index, value.spot)), 1, value.height)
