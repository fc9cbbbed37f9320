"""A text or a model to a checked plan, with every problem at its line and column."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TextIO, TypeVar

from pydantic import BaseModel

from laktory_dagster._garbage import collection_paused
from laktory_dagster.config.environments import EnvironmentOverlay, over, overlay
from laktory_dagster.config.reader import Document, read_document
from laktory_dagster.config.variables import UNSET, substitute
from laktory_dagster.errors import DeclarationError, Diagnostic
from laktory_dagster.expressions.suggest import hint_for
from laktory_dagster.models import Pipeline
from laktory_dagster.models.base import Model
from laktory_dagster.models.pipeline import Environment
from laktory_dagster.plan.builder import build_plan
from laktory_dagster.plan.definition import Plan
from laktory_dagster.project.mistakes import checked, with_stand_ins, without_broken_nodes
from laktory_dagster.project.model_paths import value_at
from laktory_dagster.project.positions import Places
from laktory_dagster.settings import Settings

AnyModel = TypeVar("AnyModel", bound=Model)
_ROOT_MARKS = ("pyproject.toml", ".git", "stack*.y*ml", "databricks.y*ml")


@dataclass(frozen=True)
class Template:
    """A declaration before its variables are replaced, with the values given from outside."""

    data: Mapping[str, Any]
    variables: Mapping[str, Any] = field(default_factory=dict)


def load_plan(
    source: str | Path | TextIO,
    *,
    env: str | None = None,
    variables: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    settings: Settings | None = None,
    functions: Collection[str] = (),
) -> Plan:
    """Return the plan of the one pipeline that a file or a text declares.

    Args:
        source: a Path, an open text file, or the text itself.
        env: environment to choose; by default the one that settings name, if the file has it.
        variables: values of `${vars.x}` that come before the file's.
        params: values of `${params.x}`.
        settings: settings of the machine; by default those of the process.
        functions: names of Python functions that the caller brings to the run.

    Raises:
        DeclarationError: with every problem, each at its line and column.
        SettingsError: the file declares no such environment.
    """
    settings = settings or Settings.from_environment()
    with collection_paused():
        document = read_document(
            source,
            project_root=root_of(source),
            variables=variables,
            environment=env or settings.env,
        )
        pipeline = _only_pipeline(document, env, variables, params, settings)
        return plan_of(pipeline, settings=settings, functions=functions)


def load_plans(
    document: Document,
    *,
    env: str | None = None,
    variables: Mapping[str, Any] | None = None,
    settings: Settings | None = None,
) -> tuple[list[Plan], list[Diagnostic]]:
    """Return the plans of all pipelines that a document declares, and what is wrong with others."""
    plans: list[Plan] = []
    problems: list[Diagnostic] = []
    for index, _ in enumerate(_declarations(document)):
        try:
            pipeline = _pipeline_at(document, index, env, variables, None, settings)
            plans.append(plan_of(pipeline, settings=settings))
        except DeclarationError as error:
            problems.extend(error.diagnostics)
    return plans, problems


def plan_of(
    pipeline: Pipeline,
    *,
    variables: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    settings: Settings | None = None,
    functions: Collection[str] = (),
) -> Plan:
    """Return the plan of a declared pipeline, whether it was read from YAML or made in Python.

    Args:
        pipeline: the declaration; it is not changed.
        variables: values of `${vars.x}` that come before the declared ones.
        params: values of `${params.x}`.
        settings: settings of the machine; by default those of the process.
        functions: names of Python functions that the caller brings to the run.

    Raises:
        DeclarationError: with every problem; those of a YAML file at their line and column.
    """
    if variables or params or (pipeline._template is None and _has_variables(pipeline)):
        pipeline = with_values(pipeline, variables or {}, params or {})
    chosen = pipeline._environment
    environment = chosen if isinstance(chosen, EnvironmentOverlay) else EnvironmentOverlay()
    try:
        plan = build_plan(
            pipeline,
            folder=pipeline._folder,
            file=pipeline._file,
            environment=environment.name,
            warehouse=environment.warehouse,
            catalog=environment.catalog,
            schema_prefix=environment.schema_prefix,
            engine=environment.engine,
            settings=settings,
            functions=functions,
        )
    except DeclarationError as error:
        raise _placed(error, pipeline._positions) from None
    return _with_placed_warnings(plan)


def model_from_yaml(
    cls: type[AnyModel],
    source: str | Path | TextIO,
    variables: Mapping[str, Any] | None = None,
) -> AnyModel:
    """Return the model that a YAML text, an open file or a Path declares.

    Raises:
        DeclarationError: with every problem, each at its line and column.
    """
    document = read_document(source, project_root=root_of(source), variables=variables)
    if issubclass(cls, Pipeline):
        pipeline: Any = _only_pipeline(document, None, variables, None, None)
        return pipeline  # type: ignore[no-any-return]
    return _validated(cls, document.data, Places.of(document.positions))


def root_of(source: str | Path | TextIO) -> Path | None:
    """Return the folder that includes may not leave: the project's, None for the file's own.

    A project's folder is the nearest one above the file with a `pyproject.toml`, a `.git`, a
    `stack.yaml` of Laktory or a `databricks.yml`.
    """
    name = source if isinstance(source, Path) else getattr(source, "name", None)
    if not isinstance(name, (str, Path)) or not Path(name).is_file():
        return None
    for folder in Path(name).resolve().parents:
        if any(next(folder.glob(mark), None) for mark in _ROOT_MARKS):
            return folder
    return None


def _declarations(document: Document) -> list[Any]:
    return document.data if isinstance(document.data, list) else [document.data]


def _only_pipeline(
    document: Document,
    env: str | None,
    variables: Mapping[str, Any] | None,
    params: Mapping[str, Any] | None,
    settings: Settings | None,
) -> Pipeline:
    count = len(_declarations(document))
    if count != 1:
        places = Places.of(document.positions)
        problem = Diagnostic(
            f"the text declares {count} pipelines",
            expected="one",
            hint="give each a file of its own",
        )
        raise DeclarationError([places.attach(problem)])
    return _pipeline_at(document, 0, env, variables, params, settings)


def _pipeline_at(
    document: Document,
    index: int,
    env: str | None,
    variables: Mapping[str, Any] | None,
    params: Mapping[str, Any] | None,
    settings: Settings | None,
) -> Pipeline:
    """Return one pipeline of a document. Raises DeclarationError."""
    data = _declarations(document)[index]
    prefix = (index,) if isinstance(document.data, list) else ()
    places = Places.of(document.positions, prefix)
    environment = _environment(data, env, variables, settings, places)
    template = Template(data, over(environment.variables, variables or {}))
    filled = _filled_or_all(template, params or {}, places)
    pipeline, found = checked(Pipeline, filled)
    if pipeline is None:
        rest, broken = without_broken_nodes(filled, found)
        good, _ = checked(Pipeline, rest)
        if good is not None:
            _adopt(good, template, environment, places, document.path)
            found += _problems_of_nodes(good, broken, settings)
        raise _placed(DeclarationError(found), places)
    _adopt(pipeline, template, environment, places, document.path)
    pipeline._without_value = _without_value(pipeline, params or {})
    return pipeline


def _problems_of_nodes(
    pipeline: Pipeline, broken: Collection[int], settings: Settings | None
) -> list[Diagnostic]:
    """Return what planning finds wrong with the nodes that are not broken otherwise."""
    try:
        plan_of(pipeline, settings=settings)
    except DeclarationError as error:
        return [item for item in error.diagnostics if item.path[1:2] and item.path[1] not in broken]
    return []


def _environment(
    data: Mapping[str, Any],
    env: str | None,
    variables: Mapping[str, Any] | None,
    settings: Settings | None,
    places: Places,
) -> EnvironmentOverlay:
    environments = data.get("environments")
    if env is None:
        named = (settings or Settings.from_environment()).env
        # The machine's environment holds for many files, of which some may not know it.
        env = named if isinstance(environments, Mapping) and named in environments else None
    try:
        chosen = overlay(data, env, variables)
    except DeclarationError as error:
        found = [
            replace(item, path=("environments", str(env), *item.path[1:]))
            for item in error.diagnostics
        ]
        raise _placed(DeclarationError(found), places) from None
    filled = {key: getattr(chosen, key) for key in ("warehouse", "catalog", "schema_prefix")}
    _, problems = checked(Environment, filled)
    if problems:
        found = [replace(item, path=("environments", str(env), *item.path)) for item in problems]
        raise _placed(DeclarationError(found), places)
    return chosen


def _adopt(
    pipeline: Pipeline,
    template: Template,
    environment: EnvironmentOverlay,
    places: Places | None,
    file: Path | None,
) -> None:
    pipeline._template = template
    pipeline._environment = environment
    pipeline._positions = places
    pipeline._file = file
    pipeline._folder = file.parent if file is not None else None


def _filled(template: Template, params: Mapping[str, Any], places: Places | None) -> Any:
    """Return the declaration with the values of its variables and parameters."""
    data = template.data
    declared = data.get("variables")
    variables = over(declared if isinstance(declared, Mapping) else {}, template.variables)
    parameters = _parameters(data.get("parameters"), params)
    place = places.attach if places is not None else lambda diagnostic: diagnostic
    filled = substitute(data, variables, parameters, place=place)
    return with_stand_ins(filled, data, [n for n, v in parameters.items() if v is UNSET])


def _filled_or_all(template: Template, params: Mapping[str, Any], places: Places) -> Any:
    """Return the filled declaration; what else is wrong comes along with missing values."""
    try:
        return _filled(template, params, places)
    except DeclarationError as error:
        problems = list(error.diagnostics)
    _, found = checked(Pipeline, template.data)
    problems += [item for item in found if not _is_open(item.path, template.data)]
    raise _placed(DeclarationError(problems), places)


def _is_open(path: tuple[str | int, ...], data: Any) -> bool:
    """Return whether a text with a variable stands at a path."""
    value = value_at(path, data)
    return isinstance(value, str) and "${" in value


def _parameters(declared: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    declared = declared if isinstance(declared, Mapping) else {}
    unknown = [name for name in given if name not in declared]
    if unknown:
        raise DeclarationError.single(
            f"the pipeline has no parameter `{unknown[0]}`",
            expected=f"one of {', '.join(declared)}" if declared else None,
            hint=hint_for(unknown[0], declared) or "declare it under `parameters:`",
        )
    values = {
        name: value.get("default", UNSET) if isinstance(value, Mapping) else UNSET
        for name, value in declared.items()
    }
    return {**values, **given}


def _without_value(pipeline: Pipeline, params: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the parameters that have no default and that are not given."""
    declared = pipeline.parameters.items()
    return tuple(n for n, p in declared if "default" not in p.model_fields_set and n not in params)


def _validated(cls: type[AnyModel], data: Any, places: Places | None) -> AnyModel:
    model, found = checked(cls, data)
    if model is None:
        raise _placed(DeclarationError(found), places)
    return model


def _placed(error: DeclarationError, places: Any) -> DeclarationError:
    if not isinstance(places, Places):
        return error
    return DeclarationError(places.attach_all(error.diagnostics))


def _with_placed_warnings(plan: Plan) -> Plan:
    places = plan.pipeline._positions
    if isinstance(places, Places) and plan.warnings:
        return replace(plan, warnings=tuple(places.attach_all(plan.warnings)))
    return plan


def _has_variables(pipeline: Pipeline) -> bool:
    return bool(pipeline.variables or pipeline.parameters) or _holds_reference(_plain(pipeline))


def _holds_reference(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_holds_reference, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(_holds_reference, value))
    return isinstance(value, str) and "${" in value


def with_values(
    pipeline: Pipeline, variables: Mapping[str, Any], params: Mapping[str, Any]
) -> Pipeline:
    """Return the pipeline anew from its template, with other values."""
    known = pipeline._template
    template = known if isinstance(known, Template) else Template(_plain(pipeline))
    template = Template(template.data, over(template.variables, variables))
    places = pipeline._positions if isinstance(pipeline._positions, Places) else None
    made = _validated(Pipeline, _filled(template, params, places), places)
    environment = pipeline._environment
    if not isinstance(environment, EnvironmentOverlay):
        environment = EnvironmentOverlay()
    _adopt(made, template, environment, places, pipeline._file)
    made._folder = pipeline._folder
    made._without_value = _without_value(made, params)
    return made


def _plain(value: Any) -> Any:
    """Return what was declared in Python as plain data; frames in memory stay as they are."""
    if isinstance(value, BaseModel):
        given = value.model_fields_set
        return {name: _plain(item) for name, item in value.__dict__.items() if name in given}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value
