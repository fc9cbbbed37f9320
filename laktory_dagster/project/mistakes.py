"""All that is wrong with a declaration at once: one mistake does not hide the others."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import ValidationError

from laktory_dagster.errors import Diagnostic
from laktory_dagster.models import Pipeline
from laktory_dagster.models.base import Model
from laktory_dagster.project.model_paths import GONE, Path, changed, value_at
from laktory_dagster.project.schema_errors import diagnostics_of, keys_given_twice, written_paths

AnyModel = TypeVar("AnyModel", bound=Model)
_PARAMETER = re.compile(r"\s*\$\{\s*params\.([A-Za-z0-9_-]+)[^{}]*\}\s*")
_STAND_INS = ("x", 0, False)
_MAX_ROUNDS = 20


def checked(cls: type[AnyModel], data: Any) -> tuple[AnyModel | None, list[Diagnostic]]:
    """Return the model of plain data and nothing, or nothing and all that is wrong with its keys."""
    found: dict[Diagnostic, None] = {}
    for _ in range(_MAX_ROUNDS):
        try:
            model = cls.model_validate(data)
        except ValidationError as error:
            found |= dict.fromkeys(diagnostics_of(error, cls, data))
            twice = keys_given_twice(error, cls, data)
            if not twice:
                break
            for path in twice:
                data = changed(data, path, GONE)
        else:
            return (None if found else model), list(found)
    return None, list(found)


def without_broken_nodes(data: Any, found: Sequence[Diagnostic]) -> tuple[Any, frozenset[int]]:
    """Return the data with something harmless in the place of each node that is broken.

    Nothing is returned where more than nodes is broken: what it would do to them is not known.
    """
    broken: set[int] = set()
    for problem in found:
        if problem.path[:1] != ("nodes",) or len(problem.path) < 2:
            return None, frozenset()
        broken.add(int(problem.path[1]))
    nodes = data.get("nodes") if isinstance(data, Mapping) else None
    if not isinstance(nodes, list) or len(broken) == len(nodes):
        return None, frozenset()
    names = [node.get("name") if isinstance(node, Mapping) else None for node in nodes]
    for index in broken:
        # Readers of a broken node are right; of two nodes of one name they mean the other one.
        name = names[index] if names.count(names[index]) == 1 else None
        harmless: dict[str, Any] = {"name": name or f"broken_{index}", "source": {"data": []}}
        data = changed(data, ("nodes", index), harmless)
    return data, frozenset(broken)


def with_stand_ins(data: Any, template: Any, names: Collection[str]) -> Any:
    """Return the data with a value for each of these parameters where nothing will not do.

    Only a run gives them a value. Until then what stands around them can be checked.

    Args:
        data: the declaration, its parameters without value replaced by nothing.
        template: the declaration as it is written.
        names: the parameters without value.
    """
    folded = {name.lower() for name in names}
    for value in _STAND_INS if folded else ():
        try:
            Pipeline.model_validate(data)
        except ValidationError as error:
            for path in written_paths(error, Pipeline, data):
                for open_path in _open_paths(path, template, folded):
                    data = changed(data, open_path, value)
        else:
            break
    return data


def _open_paths(path: Path, template: Any, names: Collection[str]) -> Iterator[Path]:
    """Yield where parameters without value stand alone: at a path, or in the mapping there."""
    held = value_at(path, template)
    inside = {(*path, key): item for key, item in held.items()} if isinstance(held, Mapping) else {}
    for place, text in (inside or {path: held}).items():
        found = _PARAMETER.fullmatch(text) if isinstance(text, str) else None
        if found is not None and found.group(1).lower() in names:
            yield place
