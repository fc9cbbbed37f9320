"""A file or a folder of pipeline files: plans of the good ones, problems of the others."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from laktory_dagster._garbage import collection_paused
from laktory_dagster.config.reader import Document, read_document
from laktory_dagster.errors import (
    DeclarationError,
    Diagnostic,
    InvalidInputError,
    SettingsError,
)
from laktory_dagster.expressions.suggest import hint_for
from laktory_dagster.models.names import normalised
from laktory_dagster.plan.definition import Plan
from laktory_dagster.plan.findings import Findings
from laktory_dagster.plan.targets import WrittenPlace, written_places
from laktory_dagster.project.load import load_plans, root_of
from laktory_dagster.project.positions import Places
from laktory_dagster.settings import Settings

_SUFFIXES = (".yaml", ".yml")
_SKIPPED = frozenset({"node_modules", "__pycache__", "site-packages", "warehouse"})
_HAS_NODES = re.compile(
    r"^[\s\-]*(?:nodes|'nodes'|\"nodes\")\s*:|[{,]\s*\"?nodes\"?\s*:", re.MULTILINE
)

_USED = re.compile(r"\bvars\.(\w+)")


@dataclass(frozen=True)
class FileProblem:
    """A file that could not be loaded, with everything that is wrong with it."""

    path: Path
    error: DeclarationError


@dataclass(frozen=True)
class Project:
    """The plans of a project in the order of their files, and the files that gave none."""

    plans: tuple[Plan, ...]
    problems: tuple[FileProblem, ...] = ()

    def raise_for_problems(self) -> None:
        """Raise one DeclarationError with the problems of all files, if there are any."""
        if self.problems:
            found = [item for problem in self.problems for item in problem.error.diagnostics]
            raise DeclarationError(found)

    def plan(self, name: str) -> Plan:
        """Return the plan of a pipeline. Raises KeyError."""
        return {plan.name: plan for plan in self.plans}[name]


@collection_paused()
def load_project(
    path: str | Path,
    *,
    env: str | None = None,
    variables: Mapping[str, Any] | None = None,
    settings: Settings | None = None,
    is_one_of_many: bool = False,
) -> Project:
    """Return the plans that a file declares, or all files below a folder.

    Of a folder, `*.yaml` and `*.yml` count that declare `nodes` and are not included by another
    file; hidden folders and `warehouse` folders are left out.

    Args:
        path: a pipeline file or a folder.
        env: environment to choose.
        variables: values of `${vars.x}` that come before the files'.
        settings: settings of the machine; by default those of the process.
        is_one_of_many: whether the variables are for other paths too, where they may be used.

    Raises:
        InvalidInputError: there is no such path.
        SettingsError: a file declares no such environment, or none speaks of a variable.
    """
    root = Path(path)
    if not root.exists():
        raise InvalidInputError(
            f"there is no file or folder {root.absolute()}",
            hint="give the path of a pipeline file, or of the folder that holds them",
        )
    settings = settings or Settings.from_environment()
    plans: list[Plan] = []
    problems: list[FileProblem] = []
    given = variables or {}
    texts: list[str] = []
    for file, document in _documents(root, given, env or settings.env):
        if isinstance(document, DeclarationError):
            problems.append(FileProblem(file, document))
            continue
        if given:
            texts += _texts(document)
        made, found = load_plans(document, env=env, variables=variables, settings=settings)
        plans.extend(made)
        if found:
            problems.append(FileProblem(file, DeclarationError(found)))
    if plans and not problems and not is_one_of_many:
        _check_names(given, texts)
    good, clashes = without_clashes(plans)
    return Project(tuple(good), (*problems, *clashes))


def _texts(document: Document) -> Iterator[str]:
    yield document.text
    for included in document.files[1:]:
        yield included.read_text("utf-8", "replace")


def _check_names(variables: Mapping[str, Any], texts: Sequence[str]) -> None:
    """Raise SettingsError for a variable that is given and that no text speaks of, in any case."""
    folded = [text.lower() for text in texts]
    for name in variables:
        if not any(name.lower() in text for text in folded):
            used = {found for text in texts for found in _USED.findall(text)}
            raise SettingsError(
                f"the variable `{name}` is given, and nothing there uses it",
                hint=hint_for(name, used) or f"write `${{vars.{name}}}` where it is to stand",
            )


def _documents(
    root: Path, variables: Mapping[str, Any], env: str | None
) -> Iterator[tuple[Path, Document | DeclarationError]]:
    """Yield each pipeline file with its document, or with what is wrong with its YAML."""
    if not root.is_dir():
        yield root, _read(root, None, variables, env)
        return
    read = [(file, _read(file, root, variables, env)) for file in _candidates(root)]
    documents = [document for _, document in read if isinstance(document, Document)]
    included = {file for document in documents for file in document.files[1:]}
    for file, document in read:
        if file.resolve() in included:
            continue
        if isinstance(document, DeclarationError) or _declares_pipeline(document.data):
            yield file, document


def _read(
    file: Path, root: Path | None, variables: Mapping[str, Any], env: str | None
) -> Document | DeclarationError:
    try:
        return read_document(
            file, project_root=root or root_of(file), variables=variables, environment=env
        )
    except DeclarationError as error:
        return error


def _candidates(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(n for n in folders if n not in _SKIPPED and not n.startswith("."))
        for name in sorted(files):
            file = Path(folder) / name
            if file.suffix in _SUFFIXES and not name.startswith(".") and _may_hold_nodes(file):
                yield file


def _may_hold_nodes(file: Path) -> bool:
    try:
        text = file.read_bytes()
    except OSError:
        return True
    return _HAS_NODES.search(text.decode("utf-8", "replace")) is not None


def _declares_pipeline(data: Any) -> bool:
    items = data if isinstance(data, list) else [data]
    return any(isinstance(item, dict) and "nodes" in item for item in items)


def without_clashes(plans: Sequence[Plan]) -> tuple[list[Plan], list[FileProblem]]:
    """Return the plans that get along, and problems of those that clash with an earlier one."""
    if len(plans) == 1:
        return list(plans), []
    good: list[Plan] = []
    problems: list[FileProblem] = []
    names: dict[str, Plan] = {}
    writers: dict[str, tuple[Plan, WrittenPlace]] = {}
    for plan in plans:
        written = list(_written(plan))
        found = [*_same_name(plan, names), *_same_target(plan, written, writers)]
        if found:
            problems.append(FileProblem(plan.file or Path(), _placed(plan, found)))
            continue
        good.append(plan)
        names[normalised(plan.name)] = plan
        for place in written:
            writers[place.uri.casefold()] = (plan, place)
    return good, problems


def _written(plan: Plan) -> Iterator[WrittenPlace]:
    for index, node in enumerate(plan.pipeline.nodes):
        yield from written_places(plan, node, ("nodes", index), Findings())


def _same_name(plan: Plan, names: Mapping[str, Plan]) -> Iterator[Diagnostic]:
    other = names.get(normalised(plan.name))
    if other is not None:
        yield Diagnostic(
            f"two pipelines are named `{plan.name}`; the other one stands in {other.file}",
            ("name",),
            hint="rename one of them",
        )


def _same_target(
    plan: Plan,
    written: Iterable[WrittenPlace],
    writers: Mapping[str, tuple[Plan, WrittenPlace]],
) -> Iterator[Diagnostic]:
    for place in written:
        known = writers.get(place.uri.casefold())
        if known is None or (place.is_shared and known[1].is_shared):
            continue
        yield Diagnostic(
            f"node `{place.node}` writes {place.uri}, as node `{known[1].node}` of the pipeline "
            f"`{known[0].name}` does",
            place.path,
            hint="give one of them another name or path",
        )


def _placed(plan: Plan, diagnostics: list[Diagnostic]) -> DeclarationError:
    places = plan.pipeline._positions
    if isinstance(places, Places):
        diagnostics = places.attach_all(diagnostics)
    return DeclarationError(diagnostics)
