"""Builds plain data and positions from the events of a YAML parser, without recursion."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from laktory_dagster.config.positions import Leaf, Mark, Spot, location_of, spot_of
from laktory_dagster.config.problems import Problems
from laktory_dagster.config.scalars import plain_scalar, tagged_scalar
from laktory_dagster.errors import Location

MAX_DEPTH = 100
MAX_VALUES = 1_000_000
MAX_REPEATED = 500_000
_CORE = "tag:yaml.org,2002:"
_MAPPING_TAGS = (None, "!", f"{_CORE}map")
_SEQUENCE_TAGS = (None, "!", f"{_CORE}seq")
_INCLUDE_TAGS = ("!use", "!extend", "!update")
_INCLUDE = re.compile(r"\$\{include\.([^}]+)\}\s*\Z")
_PLACEHOLDER = re.compile(r"(?:nodes|sources)\.\S+|df")
_MERGE = object()
_NO_KEY = object()


class Value(NamedTuple):
    """Data with its place, how many values it holds, and how deep it nests."""

    data: Any
    spot: Spot
    size: int = 1
    height: int = 0


class Loader(Protocol):
    """Reads included files."""

    def load(self, path: str, tag: str, place: Location, depth: int) -> Value:
        """Return the value of an included file, null where it cannot be read."""


class _Open:
    """A container that is being filled."""

    __slots__ = (
        "anchor", "before", "data", "flow", "height", "inside", "is_map", "key", "key_mark",
        "merged", "spot",
    )  # fmt: skip

    def __init__(self, event: Any, file: str, before: int) -> None:
        self.is_map = type(event) is MappingStartEvent
        self.data: Any = {} if self.is_map else []
        self.inside: dict[str | int, Spot | Leaf] = {}
        self.spot = Spot(file, event.start_mark, self.inside)
        self.anchor: str | None = event.anchor
        self.flow: bool = event.flow_style
        self.before = before
        self.height = 0
        self.key: Any = _NO_KEY
        self.key_mark: Mark = None
        self.merged: list[tuple[dict[str, Any], Spot]] = []


class Builder:
    """Reads one text. `depth` is how deep the text that includes it already is."""

    def __init__(self, file: str, loader: Loader, problems: Problems, depth: int = 0) -> None:
        """Start with nothing read."""
        self._file = file
        self._loader = loader
        self._problems = problems
        self._depth = depth
        self._stack: list[_Open] = []
        self._top: _Open | None = None
        self._anchors: dict[str, Value] = {}
        self._root: Value | None = None
        self._values = 0
        self._repeated = 0

    def build(self, text: str) -> Value:
        """Return the value of a text, null for an empty one; problems are noted.

        Raises:
            Unreadable: a cap is exceeded, or the structure is no tree of texts and values.
            yaml.YAMLError: the text is no YAML.
        """
        parser = yaml.CSafeLoader(text)
        handlers: dict[type, Callable[[Any], None]] = {
            ScalarEvent: self._scalar,
            MappingStartEvent: self._open,
            SequenceStartEvent: self._open,
            MappingEndEvent: self._close,
            SequenceEndEvent: self._close,
            AliasEvent: self._alias,
            DocumentStartEvent: self._document,
        }
        try:
            while type(event := parser.get_event()) is not StreamEndEvent:
                handler = handlers.get(type(event))
                if handler is not None:
                    handler(event)
        finally:
            parser.dispose()
        if self._root is None:
            return Value(None, Spot(self._file))
        return self._root._replace(size=self._values)

    def _place(self, event: Event) -> Location:
        return location_of(self._file, event.start_mark)

    def _document(self, event: Event) -> None:
        if self._root is not None:
            raise self._problems.stop(
                "the text holds several documents", self._place(event), expected="one document"
            )

    def _count(self, event: Event, values: int = 1) -> None:
        self._values += values
        if self._values > MAX_VALUES:
            raise self._problems.stop(
                f"the text holds more than {MAX_VALUES:,} values",
                self._place(event),
                hint="keep data in files, and split the pipeline",
            )

    def _scalar(self, event: ScalarEvent) -> None:
        top = self._top
        if top is not None and top.is_map and top.key is _NO_KEY:
            self._key(event, top)
            return
        self._count(event)
        text: str = event.value
        if event.tag is not None:
            if event.tag in _INCLUDE_TAGS:
                self._include(text, event.tag, event)
                return
            value = self._tagged(event)
        elif event.style in ("|", ">"):
            value = text
        elif text.startswith("${include.") and (found := _INCLUDE.match(text)):
            self._include(found.group(1), "!use", event)
            return
        else:
            value = text if event.style else plain_scalar(text)
        if event.anchor:
            self._anchors[event.anchor] = Value(value, Spot(self._file, event.start_mark))
        if top is None:
            self._root = Value(value, Spot(self._file, event.start_mark))
        elif top.is_map:
            if top.key is _MERGE:
                self._merge(top, value, Spot(self._file, event.start_mark))
            else:
                top.data[top.key] = value
                top.inside[top.key] = (event.start_mark, top.key_mark)
            top.key = _NO_KEY
        else:
            top.inside[len(top.data)] = (event.start_mark, None)
            top.data.append(value)

    def _tagged(self, event: ScalarEvent) -> Any:
        tag = (event.tag or "").removeprefix(_CORE)
        try:
            return tagged_scalar(tag, event.value)
        except KeyError:
            self._problems.note(
                f"the tag `{_shown(event.tag)}` is not allowed",
                self._place(event),
                expected="plain YAML, or `!use`, `!extend`, `!update` with a path",
            )
        except ValueError:
            self._problems.note(f"`{event.value}` is no `!!{tag}`", self._place(event))
        return None

    def _key(self, event: ScalarEvent, top: _Open) -> None:
        key: Any = event.value
        if event.tag not in (None, "!", f"{_CORE}str"):
            self._problems.note(
                f"the tag `{_shown(event.tag)}` is not allowed here", self._place(event)
            )
        if not event.style:
            if not key:
                self._problems.note(
                    "a key is missing before `:`", self._place(event), expected="`key: value`"
                )
            elif key == "<<":
                key = _MERGE
        if event.anchor:
            self._anchors[event.anchor] = Value(event.value, Spot(self._file, event.start_mark))
        self._set_key(key, event, top)

    def _set_key(self, key: Any, event: Event, top: _Open) -> None:
        if key in top.data:
            first = spot_of(top.spot, top.inside[key]).key_mark
            self._problems.note(
                f"the key `{key}` stands twice (first in line {first.line + 1})",
                self._place(event),
                hint="remove one of them",
            )
        top.key, top.key_mark = key, event.start_mark

    def _open(self, event: MappingStartEvent | SequenceStartEvent) -> None:
        allowed = _MAPPING_TAGS if type(event) is MappingStartEvent else _SEQUENCE_TAGS
        if event.tag not in allowed:
            self._problems.note(
                f"the tag `{_shown(event.tag)}` is not allowed here",
                self._place(event),
                expected="a path after it" if event.tag in _INCLUDE_TAGS else "plain YAML",
            )
        self._check_depth(event, 1)
        top = self._top
        if top is not None and top.is_map and top.key is _NO_KEY:
            raise self._problems.stop(
                "a key must be a text", self._place(event), expected="`key: value`"
            )
        self._count(event)
        self._top = _Open(event, self._file, self._values)
        self._stack.append(self._top)

    def _check_depth(self, event: Event, height: int) -> None:
        if self._depth + len(self._stack) + height > MAX_DEPTH:
            raise self._problems.stop(
                f"the text nests deeper than {MAX_DEPTH} levels", self._place(event)
            )

    def _close(self, _event: Event) -> None:
        done = self._stack.pop()
        self._top = self._stack[-1] if self._stack else None
        if done.merged:
            _put_merged_first(done)
        data = done.data
        if done.flow and done.is_map and len(data) == 1:
            data = _placeholder(data)
        value = Value(data, done.spot, self._values - done.before + 1, done.height + 1)
        if done.anchor:
            self._anchors[done.anchor] = value
        self._add(value)

    def _alias(self, event: AliasEvent) -> None:
        value = self._anchors.get(event.anchor or "")
        if value is None:
            self._problems.note(
                f"the alias `*{event.anchor}` names no anchor before it",
                self._place(event),
                hint=f"declare it first: `&{event.anchor}`; quote a text that starts with `*`",
            )
            value = Value(None, Spot(self._file, event.start_mark))
        self._repeated += value.size
        if self._repeated > MAX_REPEATED:
            raise self._problems.stop(
                f"the aliases expand to more than {MAX_REPEATED:,} values",
                self._place(event),
                hint="use fewer aliases (`*name`)",
            )
        self._count(event, value.size)
        top = self._top
        merges = top is not None and top.key is _MERGE
        self._check_depth(event, value.height - merges)
        if top is None or not top.is_map or top.key is not _NO_KEY:
            self._add(value)
        elif isinstance(value.data, str):
            self._set_key(value.data, event, top)
        else:
            raise self._problems.stop("a key must be a text", self._place(event))

    def _include(self, path: str, tag: str, event: ScalarEvent) -> None:
        depth = self._depth + len(self._stack)
        value = self._loader.load(path, tag, self._place(event), depth)
        self._count(event, value.size)
        if event.anchor:
            self._anchors[event.anchor] = value
        top = self._top
        if tag != "!extend" or top is None or top.is_map:
            self._add(value)
            return
        items = value.data if isinstance(value.data, list) else [value.data]
        for index, item in enumerate(items if value.data is not None else []):
            place = (value.spot.inside or {}).get(index, value.spot)
            self._add(Value(item, spot_of(value.spot, place), height=value.height))

    def _add(self, value: Value) -> None:
        top = self._top
        if top is None:
            self._root = value
            return
        top.height = max(top.height, value.height - (top.key is _MERGE))
        spot = value.spot
        if not top.is_map:
            top.inside[len(top.data)] = spot
            top.data.append(value.data)
            return
        if top.key is _MERGE:
            self._merge(top, value.data, spot)
        else:
            top.data[top.key] = value.data
            top.inside[top.key] = Spot(spot.file, spot.mark, spot.inside, self._file, top.key_mark)
        top.key = _NO_KEY

    def _merge(self, top: _Open, data: Any, spot: Spot) -> None:
        several = isinstance(data, list)
        for index, item in enumerate(data if several else [data]):
            place = spot_of(spot, (spot.inside or {}).get(index, spot)) if several else spot
            if isinstance(item, dict):
                top.merged.append((item, place))
            elif item is not None:
                self._problems.note(
                    "`<<` merges mappings only", location_of(self._file, top.key_mark)
                )


def _shown(tag: str | None) -> str:
    """Return a tag as it is written."""
    return (tag or "").replace(_CORE, "!!")


def _put_merged_first(into: _Open) -> None:
    """Order as written: what is merged first, and the mapping's own keys over it."""
    data: dict[str, Any] = {}
    inside: dict[str | int, Spot | Leaf] = {}
    for mapping, spot in into.merged:
        for key, value in mapping.items():
            if key not in data:
                data[key] = value
                inside[key] = spot_of(spot, (spot.inside or {}).get(key, spot))
    into.data = data | into.data
    into.spot.inside = into.inside = inside | into.inside


def _placeholder(data: dict[str, Any]) -> Any:
    """Return the text that `{nodes.x}` without quotes was meant to be; other data as it is."""
    ((name, value),) = data.items()
    return f"{{{name}}}" if value is None and _PLACEHOLDER.fullmatch(name) else data
