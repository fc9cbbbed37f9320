"""Walks a declared chain: every step and every argument with its path in the declaration."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from laktory_dagster.models.sources import SourceOptions
from laktory_dagster.models.transformer import LeafStep, MethodStep, Transformer

Path = tuple[str | int, ...]
_PLACEHOLDER = re.compile(r"\{\s*(df|(?P<kind>sources|nodes)\.(?P<name>[^{}\s]+))\s*\}")


@dataclass(frozen=True, slots=True)
class PlacedStep:
    """A step that is no chain, and its path in the declaration."""

    step: LeafStep
    path: Path


@dataclass(frozen=True, slots=True)
class PlacedArgument:
    """A text, a source or another plain value among the arguments of a step, and its path."""

    value: Any
    path: Path


@dataclass(frozen=True, slots=True)
class Placeholder:
    """`{df}`, `{sources.x}` or `{nodes.x}`; `name` is empty for `df`."""

    kind: str
    name: str = ""


def placed_steps(transformer: Transformer | None, path: Path) -> Iterator[PlacedStep]:
    """Yield the steps of a chain and of the chains inside it, in the order they run."""
    pending: list[tuple[Any, Path]] = [] if transformer is None else [(transformer, path)]
    while pending:
        step, place = pending.pop()
        if isinstance(step, Transformer):
            inner = [(s, (*place, "nodes", i)) for i, s in enumerate(step.nodes)]
            pending.extend(reversed(inner))
        else:
            yield PlacedStep(step, place)


def placed_arguments(step: MethodStep, path: Path) -> Iterator[PlacedArgument]:
    """Yield the innermost values of all arguments; `{value: ...}` is a literal and left out."""
    pending: list[tuple[Any, Path]] = [
        *((value, (*path, "func_args", i)) for i, value in enumerate(step.func_args)),
        *((value, (*path, "func_kwargs", key)) for key, value in step.func_kwargs.items()),
    ]
    pending.reverse()
    while pending:
        value, place = pending.pop()
        if isinstance(value, dict):
            if set(value) != {"value"}:
                pending.extend((v, (*place, k)) for k, v in reversed(value.items()))
        elif isinstance(value, (list, tuple)):
            pending.extend((v, (*place, i)) for i, v in reversed(list(enumerate(value))))
        else:
            yield PlacedArgument(value, place)


def placeholder_of(text: str) -> Placeholder | None:
    """Return the frame that a text argument as a whole stands for, or None."""
    found = _PLACEHOLDER.fullmatch(text.strip()) if "{" in text else None
    if found is None:
        return None
    return Placeholder(found["kind"] or "df", found["name"] or "")


def placeholders_in(text: str) -> tuple[Placeholder, ...]:
    """Return every placeholder of a text in order, each once."""
    found = (Placeholder(m["kind"] or "df", m["name"] or "") for m in _PLACEHOLDER.finditer(text))
    return tuple(dict.fromkeys(found))


def argument_frames(step: MethodStep, path: Path) -> tuple[PlacedArgument, ...]:
    """Return the sources among the arguments."""
    arguments = placed_arguments(step, path)
    return tuple(item for item in arguments if isinstance(item.value, SourceOptions))
