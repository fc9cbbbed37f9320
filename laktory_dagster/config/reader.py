"""YAML text to plain data with positions: strict, capped, and never running anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TextIO

import yaml

from laktory_dagster._garbage import collection_paused
from laktory_dagster.config.builder import Builder, Value
from laktory_dagster.config.environments import over, variables_of
from laktory_dagster.config.includes import Includes, append_lines
from laktory_dagster.config.positions import Positions, Spot
from laktory_dagster.config.problems import Problems, Unreadable
from laktory_dagster.config.syntax import unreadable
from laktory_dagster.config.texts import STRING, decoded, text_of_file, text_of_stream
from laktory_dagster.errors import DeclarationError, Location

_STACK = "a stack file: give each pipeline a file of its own and name its resources there"
_AIRFLOW = "an Airflow file: a pipeline is scheduled by `schedule: {cron: ...}` in it"
_FOREIGN = {
    "resources": _STACK,
    "backend": _STACK,
    "organization": _STACK,
    "terraform": _STACK,
    "pulumi": _STACK,
    "dags": _AIRFLOW,
    "dag_id": _AIRFLOW,
    "default_args": _AIRFLOW,
}


@dataclass(frozen=True)
class Document:
    """What a text declares: plain data, the place of every part, and the files that were read.

    `data` is a mapping, or a list of mappings where the text holds several pipelines.
    """

    data: Any
    positions: Positions
    path: Path | None
    text: str
    files: tuple[Path, ...] = field(default=())


def read_document(
    source: str | Path | TextIO,
    *,
    project_root: Path | None = None,
    name: str | None = None,
    variables: Mapping[str, Any] | None = None,
    environment: str | None = None,
) -> Document:
    """Return the data of a YAML file, an open file or a text, includes resolved.

    Args:
        source: a Path, an open text file, or the text itself.
        project_root: includes may not leave it; by default the file's folder.
        name: shown in messages in place of `<string>`.
        variables: values of `${vars.x}` in the paths of includes, over those that the file declares.
        environment: whose variables the paths of includes see.

    Raises:
        DeclarationError: the YAML is malformed, too large, or no pipeline; with all that was found.
    """
    problems = Problems()
    try:
        path, text, shown = _text_of(source, name, problems)
    except Unreadable:
        problems.raise_if_any()
        raise
    folder = (path.parent if path else Path.cwd()).resolve()
    includes = Includes(
        root=project_root.resolve() if project_root else folder,
        folder=folder,
        parse=_parse,
        problems=problems,
        variables=_variables_of_text(text, shown, variables or {}, environment),
        trail=(path,) if path else (),
    )
    with collection_paused():
        value = _parse(text, shown, includes, 0)
    positions = Positions(value.spot, problems.texts)
    if isinstance(value.data, dict):
        # What a stack includes beside its pipelines need not be readable here.
        _refuse_foreign(value.data, positions)
    problems.raise_if_any()
    _refuse_foreign(value.data, positions)
    return Document(
        value.data, positions, path, text, (*((path,) if path else ()), *includes.files)
    )


def _text_of(
    source: str | Path | TextIO, name: str | None, problems: Problems
) -> tuple[Path | None, str, str]:
    if isinstance(source, Path):
        shown = name or str(source)
        text = text_of_file(source, shown, problems)
        return source.resolve(), text, shown
    if isinstance(source, str):
        shown = name or STRING
        return None, decoded(source, shown, problems), shown
    origin = getattr(source, "name", None)
    path = Path(origin).resolve() if isinstance(origin, str) and Path(origin).is_file() else None
    shown = name or (str(origin) if path else STRING)
    return path, text_of_stream(source, shown, problems), shown


def _parse(text: str, shown: str, includes: Includes, depth: int) -> Value:
    """Return the value of one text; what is wrong with it is noted."""
    problems = includes.problems
    problems.texts.setdefault(shown, text)
    try:
        return Builder(shown, includes, problems, depth).build(append_lines(text))
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        unreadable(error, text, shown, problems)
    except Unreadable:
        pass
    return Value(None, Spot(shown))


class _NoIncludes:
    """Takes null for every included file."""

    def load(self, path: str, tag: str, place: Location, depth: int) -> Value:
        """Return null."""
        return Value(None, Spot(place.file))


def _variables_of_text(
    text: str, shown: str, given: Mapping[str, Any], environment: str | None
) -> Callable[[], dict[str, Any]]:
    """Return a function that reads the `variables:` of a text when an include first asks."""

    @cache
    def declared() -> dict[str, Any]:
        try:
            data = Builder(shown, _NoIncludes(), Problems()).build(append_lines(text)).data
        except (yaml.YAMLError, UnicodeEncodeError, Unreadable):
            return dict(given)
        pipeline = data[0] if isinstance(data, list) and data else data
        return over(variables_of(pipeline, environment), given)

    return declared


def _refuse_foreign(data: Any, positions: Positions) -> None:
    if isinstance(data, list) and data and all(isinstance(item, dict) for item in data):
        return
    if isinstance(data, dict):
        key = next((key for key in _FOREIGN if key in data), None)
        if key is None or "nodes" in data:
            return
        message, path = f"`{key}:` makes this {_FOREIGN[key]}", [key]
    else:
        message = "the text declares no pipeline" if data is not None else "the text is empty"
        path = []
    place = positions.locate(path, key=True)
    raise DeclarationError.single(
        message,
        path=tuple(path),
        location=place,
        snippet=positions.snippet(place) if place else None,
        expected="a mapping with `name` and `nodes`",
        hint=_stack_hint(data, positions) or _file_hint(data),
    )


def _stack_hint(data: Any, positions: Positions) -> str | None:
    """Return what to run in place of a stack: the files that hold its pipelines."""
    resources = data.get("resources") if isinstance(data, dict) else None
    pipelines = resources.get("pipelines") if isinstance(resources, dict) else None
    if not isinstance(pipelines, dict) or not pipelines:
        return None
    files: list[str] = []
    for name, pipeline in pipelines.items():
        inside = next(iter(pipeline), None) if isinstance(pipeline, dict) else None
        place = positions.locate(["resources", "pipelines", name, *([inside] if inside else [])])
        stack = positions.locate(["resources"])
        if place is None or stack is None or place.file == stack.file:
            return (
                f"move what is below `pipelines.{name}:` to a file of its own, with the stack's "
                "`variables:` and `environments:`, and run that file"
            )
        files.append(place.file)
    return (
        f"run {', '.join(files)}; values of the stack's variables are given by `--var`, or "
        "declared there under `variables:` and `environments:`"
    )


def _file_hint(data: Any) -> str | None:
    if isinstance(data, str) and data.endswith((".yaml", ".yml")):
        return "this is the name of a file: give `Path(...)`, or the open file"
    return None
