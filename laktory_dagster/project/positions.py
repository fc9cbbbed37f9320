"""Brings diagnostics and nodes to their place in the text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from laktory_dagster.config.positions import Positions
from laktory_dagster.errors import Diagnostic, Location
from laktory_dagster.models.base import Model
from laktory_dagster.models.pipeline import BLOCKS
from laktory_dagster.plan.definition import Plan

MAX_LINES = 200


@dataclass(frozen=True)
class Places:
    """Positions of one pipeline: `prefix` leads to it in a text that holds several."""

    positions: Positions
    prefix: tuple[str | int, ...] = ()

    @classmethod
    def of(cls, positions: Positions, prefix: tuple[str | int, ...] = ()) -> Places:
        """Return places that know the names of both schema eras."""
        return cls(replace(positions, other_names=other_names()), prefix)

    def locate(self, path: Sequence[str | int], *, key: bool = False) -> Location | None:
        """Return where a path of the declaration, or its nearest ancestor, stands."""
        return self.positions.locate((*self.prefix, *path), key=key)

    def attach(self, diagnostic: Diagnostic) -> Diagnostic:
        """Return the diagnostic with its place and its line, unless it has them already."""
        return self._with_line(self._with_place(diagnostic))

    def attach_all(self, diagnostics: Sequence[Diagnostic]) -> list[Diagnostic]:
        """Return the diagnostics with their places in the order of the text.

        Only the first of very many show their line.
        """
        ordered = in_order_of_text([self._with_place(item) for item in diagnostics])
        shown = [self._with_line(item) for item in ordered[:MAX_LINES]]
        return [*shown, *ordered[MAX_LINES:]]

    def _with_place(self, diagnostic: Diagnostic) -> Diagnostic:
        if diagnostic.location is not None:
            return diagnostic
        return diagnostic.at(self.locate(diagnostic.path, key=diagnostic.at_key))

    def _with_line(self, diagnostic: Diagnostic) -> Diagnostic:
        if diagnostic.location is None or diagnostic.snippet is not None:
            return diagnostic
        return diagnostic.at(diagnostic.location, self.positions.snippet(diagnostic.location))


def in_order_of_text(diagnostics: Sequence[Diagnostic]) -> list[Diagnostic]:
    """Return errors before warnings, each in the order of the text, one for each cause."""

    def key(diagnostic: Diagnostic) -> tuple[str, str, int, int]:
        place = diagnostic.location
        spot = (place.file, place.line, place.column) if place else ("", 0, 0)
        return (diagnostic.severity.value, *spot)

    return sorted(_of_one_cause(diagnostics), key=key)


def _of_one_cause(diagnostics: Sequence[Diagnostic]) -> list[Diagnostic]:
    """Leave out repetitions: what stands once in the text may be merged into several nodes."""
    kept: dict[Diagnostic, Diagnostic] = {}
    for diagnostic in diagnostics:
        cause = replace(diagnostic, path=()) if diagnostic.location else diagnostic
        kept.setdefault(cause, diagnostic)
    return list(kept.values())


def node_location(plan: Plan, name: str) -> Location | None:
    """Return where a node is declared, or None for a pipeline made in Python."""
    places = plan.pipeline._positions
    if not isinstance(places, Places) or name not in plan.nodes:
        return None
    return places.locate(("nodes", plan.nodes[name].index))


@cache
def other_names() -> Mapping[str, tuple[str, ...]]:
    """Return every field's other spellings, over all models."""
    found: dict[str, dict[str, None]] = {}
    pending: list[type[Model]] = [Model]
    while pending:
        model = pending.pop()
        pending.extend(model.__subclasses__())
        for other, name in model.other_names.items():
            found.setdefault(name, {})[other] = None
    for block in BLOCKS:
        found.setdefault(block, {})["orchestrator"] = None
    return {name: tuple(others) for name, others in found.items()}
