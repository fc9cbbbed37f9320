"""Files that a pipeline file includes, in the spelling of both schema eras."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from laktory_dagster.config.positions import Spot, snippet_of
from laktory_dagster.errors import DeclarationError, Location

MAX_INCLUDES = 1_000
MAX_DEPTH = 20
MAX_BYTES = 16 * 1024 * 1024
_INCLUDE = re.compile(r"\$\{include\.([^}]+)\}\Z")
_APPEND = re.compile(r"^(\s*)-<\s*(\$\{include\.[^}]+\})", re.MULTILINE)


def include_path(text: str) -> str | None:
    """Return the path in `${include.path}`, None for any other text."""
    if not text.startswith("${include."):
        return None
    found = _INCLUDE.match(text.strip())
    return found.group(1) if found else None


def append_lines(text: str) -> str:
    """Return the text with each `-< ${include.x}` line as the YAML that appends a list."""
    if "-<" not in text:
        return text

    def tagged(match: re.Match[str]) -> str:
        path = include_path(match.group(2)) or ""
        return f'{match.group(1)}- !extend "{path}"'

    return _APPEND.sub(tagged, text)


@dataclass
class Includes:
    """Loads included files, below one root and without cycles."""

    root: Path
    parse: Callable[[str, str, Path, Includes], Any]
    files: list[Path] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    _trail: list[Path] = field(default_factory=list)

    def snippet(self, location: Location, event: Any) -> str | None:
        """Return the line of a place, from the files read or from the event's own buffer."""
        text = self.texts.get(location.file)
        if text is None and event is not None:
            text = getattr(event.start_mark, "buffer", None)
        if text is None and Path(location.file).is_file():
            text = Path(location.file).read_text(encoding="utf-8", errors="replace")
        return None if text is None else snippet_of(text, location.line, location.column)

    def load(self, path: str, folder: Path, place: Location) -> tuple[Any, Spot]:
        """Return the data of an included file, `.sql` as a text, a folder as a list.

        Raises:
            DeclarationError: it leaves the root, is missing, or includes itself.
        """
        target = self._resolve(path, folder, place)
        if target.is_dir():
            names = sorted(p for p in target.iterdir() if p.suffix in (".yaml", ".yml"))
            items = [self._load_file(name, place) for name in names]
            spot = Spot((place.file, place.line, place.column), None, {})
            spot.inside = dict(enumerate(item[1] for item in items))
            return [item[0] for item in items], spot
        return self._load_file(target, place)

    def _resolve(self, path: str, folder: Path, place: Location) -> Path:
        if "\x00" in path:
            self._fail("the path of an include holds a NUL character", place)
        target = (folder / path).resolve()
        if not target.is_relative_to(self.root):
            self._fail(
                f"the include `{path}` leaves the project root {self.root}",
                place,
                hint="move the file below the root",
            )
        if not target.exists():
            self._fail(f"the included file {target} does not exist", place)
        return target

    def _load_file(self, target: Path, place: Location) -> tuple[Any, Spot]:
        if target in self._trail:
            names = " -> ".join(p.name for p in (*self._trail, target))
            self._fail(f"files include each other: {names}", place)
        if len(self._trail) >= MAX_DEPTH or len(self.files) >= MAX_INCLUDES:
            self._fail("too many includes", place, expected=f"at most {MAX_INCLUDES} files")
        if target.stat().st_size > MAX_BYTES:
            self._fail(f"{target} is larger than {MAX_BYTES:,} bytes", place)
        try:
            text = target.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            self._fail(f"{target} cannot be read: {error}", place)
        self.files.append(target)
        self.texts[str(target)] = text
        if target.suffix == ".sql":
            return text, Spot((str(target), 1, 1))
        with self._entered(target):
            result: tuple[Any, Spot] = self.parse(text, str(target), target.parent, self).result()
        return result

    @contextmanager
    def _entered(self, target: Path) -> Iterator[None]:
        self._trail.append(target)
        try:
            yield
        finally:
            self._trail.pop()

    def _fail(self, message: str, place: Location, **parts: Any) -> Any:
        raise DeclarationError.single(
            message, location=place, snippet=self.snippet(place, None), **parts
        )
