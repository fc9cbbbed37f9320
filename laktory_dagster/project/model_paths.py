"""Paths through the models: from pydantic's locations, and to the names that the user wrote."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import Tag

from laktory_dagster.models.base import Model
from laktory_dagster.models.sources import Source
from laktory_dagster.project.positions import other_names

Path = tuple[str | int, ...]
GONE = object()


class ModelPlace:
    """Follows a location of pydantic through the types of the models.

    The location holds, beside keys and indexes, the tags of tagged unions and the labels of a
    union's members; these are no part of the declaration.
    """

    def __init__(self, start: Any, ends_with_unknown_key: bool) -> None:
        self.path: list[str | int] = []
        self.union_at: int | None = None
        self._current = start
        self._owner: type[Model] = Model
        self._ends_with_unknown_key = ends_with_unknown_key

    def enter(self, part: str | int) -> None:
        """Take the next part of the location."""
        members = list(_members(self._current))
        tagged = next((m for tag, m in members if tag is not None and tag == part), None)
        models = [member for _, member in members if _is_model(member)]
        holder = next((m for m in models if part in m.model_fields), None)
        label = next((m for _, m in members if _is_label(part, m, len(members))), None)
        if tagged is not None:
            self._current = tagged
        elif part in _SOURCE_TAGS and all(member is Any for _, member in members):
            # A source among the arguments of a step is recognised by its keys.
            self._current = _SOURCE_TAGS[str(part)]
        elif holder is not None:
            self._owner, self._current = holder, holder.model_fields[str(part)].annotation
            self.path.append(part)
        elif label is not None:
            self.union_at = len(self.path) if self.union_at is None else self.union_at
            self._current = label
        else:
            if models and not self._ends_with_unknown_key:
                self._owner = models[0]
            self.path.append(part)
            self._current = self._current if models else _inside(self._current)

    def model(self) -> type[Model]:
        """Return the model at the place, or the nearest one above it."""
        models = [member for _, member in _members(self._current) if _is_model(member)]
        return models[0] if models else self._owner


def _is_model(member: Any) -> bool:
    return isinstance(member, type) and issubclass(member, Model)


def _is_label(part: str | int, member: Any, count: int) -> bool:
    """Return whether a part of a location names one of several members of a union."""
    if not isinstance(part, str) or count < 2:
        return False
    origin = get_origin(member)
    if origin in (tuple, list, dict):
        return f"{origin.__name__}[" in part
    return part == getattr(member, "__name__", None) or part.startswith(f"{_core_name(member)}[")


def _core_name(member: Any) -> str:
    return "literal" if get_origin(member) is Literal else "constrained"


def _members(annotation: Any, tag: str | None = None) -> Iterator[tuple[str | None, Any]]:
    """Yield the tag and the type of every member of a union, through its annotations."""
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *metadata = get_args(annotation)
        tag = next((item.tag for item in metadata if isinstance(item, Tag)), tag)
        yield from _members(inner, tag)
    elif origin in (Union, types.UnionType):
        for member in get_args(annotation):
            yield from _members(member, tag)
    else:
        yield tag, annotation


_SOURCE_TAGS = {tag: member for tag, member in _members(Source) if tag is not None}


def _inside(annotation: Any) -> Any:
    """Return the type of what a list, tuple or mapping holds."""
    for _, member in _members(annotation):
        arguments = [part for part in get_args(member) if part is not Ellipsis]
        if get_origin(member) in (tuple, list) and arguments:
            return arguments[0]
        if get_origin(member) is dict:
            return arguments[1]
    return Any


def written_path(path: Path, data: Any) -> Path:
    """Return a path of the models under the names that stand in the data."""
    written: list[str | int] = []
    rest = list(path)
    while rest:
        part, *rest = rest
        if isinstance(data, Mapping) and isinstance(part, str) and part not in data:
            one = part.removesuffix("s")
            if rest and rest[0] == 0 and one in data:
                # A single one stands without a list.
                part, rest = one, rest[1:]
            else:
                others = other_names().get(part, ())
                part = next((name for name in others if name in data), part)
        written.append(part)
        data = _item(data, part)
    return tuple(written)


def value_at(path: Path, data: Any) -> Any:
    """Return what stands in the data at a path of the models, None where nothing does."""
    for part in written_path(path, data):
        data = _item(data, part)
    return data


def changed(data: Any, path: Path, value: Any) -> Any:
    """Return the data with another value at a path as it is written; `GONE` takes the key away."""
    if not path:
        return value
    part, *rest = path
    if isinstance(data, Mapping) and part in data:
        if not rest and value is GONE:
            return {key: item for key, item in data.items() if key != part}
        return {**data, part: changed(data[part], tuple(rest), value)}
    if isinstance(data, (list, tuple)) and isinstance(part, int) and part < len(data):
        return [changed(v, tuple(rest), value) if i == part else v for i, v in enumerate(data)]
    return data


def _item(data: Any, part: str | int) -> Any:
    if isinstance(data, Mapping):
        return data.get(part)
    if isinstance(data, (list, tuple)) and isinstance(part, int) and part < len(data):
        return data[part]
    return None
