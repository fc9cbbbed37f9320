"""Builds plain data and positions from the events of a YAML parser, without recursion."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import yaml

from laktory_dagster.config.includes import Includes, include_path
from laktory_dagster.config.positions import Mark, Spot
from laktory_dagster.config.scalars import plain_scalar
from laktory_dagster.errors import DeclarationError, Location

MAX_DEPTH = 100
MAX_VALUES = 2_000_000
_STRING_TAG = "tag:yaml.org,2002:str"
_CORE_TAGS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq", None, "!")
_INCLUDE_TAGS = ("!use", "!extend", "!update")


@dataclass(slots=True)
class _Open:
    """A container that is being filled."""

    value: dict[Any, Any] | list[Any]
    spot: Spot
    anchor: str | None
    before: int
    key: Any = None
    key_mark: Mark | None = None
    has_key: bool = False
    merged: list[tuple[dict[Any, Any], Spot]] = field(default_factory=list)


class _Extend(list[Any]):
    """A list that joins the list it stands in."""


@dataclass
class Builder:
    """Takes events in order; `result` gives the data and the root of its positions."""

    file: str
    folder: Path
    includes: Includes
    _stack: list[_Open] = field(default_factory=list)
    _anchors: dict[str, tuple[Any, Spot, int]] = field(default_factory=dict)
    _root: tuple[Any, Spot] | None = None
    _values: int = 0

    def result(self) -> tuple[Any, Spot]:
        """Return the data and its positions; None for an empty text."""
        return self._root if self._root is not None else (None, Spot((self.file, 1, 1)))

    def take(self, event: yaml.Event) -> None:
        """Take the next event. Raises DeclarationError."""
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            self._open(event)
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            self._close()
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.DocumentStartEvent) and self._root is not None:
            self._fail(event, "the text holds several documents", expected="one document")

    def _mark(self, event: yaml.Event) -> Mark:
        mark = event.start_mark
        return (self.file, 1, 1) if mark is None else (self.file, mark.line + 1, mark.column + 1)

    def _fail(self, event: yaml.Event, message: str, **parts: Any) -> NoReturn:
        location = Location(*self._mark(event))
        raise DeclarationError.single(
            message, location=location, snippet=self.includes.snippet(location, event), **parts
        )

    def _count(self, event: yaml.Event, values: int) -> None:
        self._values += values
        if self._values > MAX_VALUES:
            self._fail(
                event,
                f"the text expands to more than {MAX_VALUES:,} values",
                hint="use fewer aliases (`*name`)",
            )

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        self._count(event, 1)
        mark = self._mark(event)
        in_mapping = bool(self._stack) and isinstance(self._stack[-1].value, dict)
        if in_mapping and not self._stack[-1].has_key:
            self._key(event, mark)
            return
        value, spot = self._scalar_value(event, mark)
        if event.anchor:
            self._anchors[event.anchor] = (value, spot, 1)
        self._add(value, spot, event)

    def _scalar_value(self, event: yaml.ScalarEvent, mark: Mark) -> tuple[Any, Spot]:
        if event.tag in _INCLUDE_TAGS:
            data, spot = self.includes.load(event.value, self.folder, Location(*mark))
            if event.tag == "!extend":
                data = _Extend(data if isinstance(data, list) else [data])
            return data, spot
        if event.tag is not None and event.tag not in (_STRING_TAG, "!"):
            self._fail(
                event,
                f"the tag `{event.tag}` is not allowed",
                expected="plain YAML, or `!use`, `!extend`, `!update`",
            )
        included = include_path(event.value)
        if included is not None:
            return self.includes.load(included, self.folder, Location(*mark))
        if event.tag is None and event.style in (None, ""):
            return plain_scalar(event.value), Spot(mark)
        return event.value, Spot(mark)

    def _key(self, event: yaml.ScalarEvent, mark: Mark) -> None:
        top = self._stack[-1]
        key: Any = event.value
        if event.style in (None, "") and event.tag is None and key != "<<":
            key = plain_scalar(key)
            # `on:` and `1:` are texts to every model; a null key is a slip.
            key = event.value if key is not None else None
        if key is None:
            self._fail(event, "a key is missing before `:`", expected="`key: value`")
        inside = top.spot.inside or {}
        if key != "<<" and key in inside:
            first = inside[key].key_mark
            line = f" (first in line {first[1]})" if first else ""
            self._fail(event, f"the key `{key}` stands twice{line}", hint="remove one of them")
        top.key, top.key_mark, top.has_key = key, mark, True

    def _open(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        if event.tag not in _CORE_TAGS:
            self._fail(event, f"the tag `{event.tag}` is not allowed", expected="plain YAML")
        if len(self._stack) >= MAX_DEPTH:
            self._fail(event, f"the text nests deeper than {MAX_DEPTH} levels")
        top = self._stack[-1] if self._stack else None
        if top is not None and isinstance(top.value, dict) and not top.has_key:
            self._fail(event, "a key must be a text", expected="`key: value`")
        self._count(event, 1)
        value: dict[Any, Any] | list[Any] = {} if isinstance(event, yaml.MappingStartEvent) else []
        spot = Spot(self._mark(event), None, {})
        self._stack.append(_Open(value, spot, event.anchor, self._values))

    def _close(self) -> None:
        done = self._stack.pop()
        for mapping, spot in done.merged:
            self._merge(done, mapping, spot)
        if done.anchor:
            size = self._values - done.before + 1
            self._anchors[done.anchor] = (done.value, done.spot, size)
        self._add(done.value, done.spot, None)

    @staticmethod
    def _merge(into: _Open, mapping: dict[Any, Any], spot: Spot) -> None:
        assert isinstance(into.value, dict)  # noqa: S101 - only mappings collect merges
        for key, value in mapping.items():
            if key not in into.value:
                into.value[key] = value
                if into.spot.inside is not None and spot.inside and key in spot.inside:
                    into.spot.inside[key] = spot.inside[key]

    def _alias(self, event: yaml.AliasEvent) -> None:
        found = self._anchors.get(event.anchor or "")
        if found is None:
            self._fail(event, f"the alias `*{event.anchor}` names no anchor before it")
        value, spot, size = found
        self._count(event, size)
        top = self._stack[-1] if self._stack else None
        if top is not None and isinstance(top.value, dict) and not top.has_key:
            if not isinstance(value, Hashable):
                self._fail(event, "a key must be a text", expected="`key: value`")
            top.key, top.key_mark, top.has_key = value, self._mark(event), True
            return
        self._add(value, spot, event)

    def _add(self, value: Any, spot: Spot, event: yaml.Event | None) -> None:
        if not self._stack:
            self._root = (value, spot)
            return
        top = self._stack[-1]
        inside = top.spot.inside
        assert inside is not None  # noqa: S101 - containers are opened with it
        if isinstance(top.value, list):
            for offset, item in enumerate(value if isinstance(value, _Extend) else [value]):
                extended = isinstance(value, _Extend) and spot.inside
                inside[len(top.value)] = spot.inside[offset] if extended and spot.inside else spot
                top.value.append(item)
            return
        if top.key == "<<":
            self._collect_merge(top, value, spot, event)
        else:
            top.value[top.key] = list(value) if isinstance(value, _Extend) else value
            inside[top.key] = Spot(spot.mark, top.key_mark, spot.inside)
        top.has_key = False

    def _collect_merge(self, top: _Open, value: Any, spot: Spot, event: yaml.Event | None) -> None:
        values = value if isinstance(value, list) else [value]
        for index, item in enumerate(values):
            if not isinstance(item, dict):
                location = Location(*(top.key_mark or spot.mark))
                raise DeclarationError.single(
                    "`<<` merges mappings only",
                    location=location,
                    snippet=self.includes.snippet(location, event),
                )
            nested = (spot.inside or {}).get(index) if isinstance(value, list) else spot
            top.merged.append((item, nested or spot))
