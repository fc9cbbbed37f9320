"""The chain of a node, step by step, on a lazy frame."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import narwhals as nw
import polars as pl

from laktory_dagster.engines.base import TransformRequest
from laktory_dagster.engines.polars.arguments import Arguments
from laktory_dagster.engines.polars.groups import SPARK_METHODS, Groups, require_frame
from laktory_dagster.engines.polars.namespace import FRAME_FUNCTIONS
from laktory_dagster.engines.polars.native import from_native
from laktory_dagster.engines.polars.native_methods import call_grouped, call_method, call_narwhals
from laktory_dagster.engines.polars.portable import METHODS
from laktory_dagster.engines.polars.problems import explained
from laktory_dagster.engines.polars.sql import run_query
from laktory_dagster.engines.polars.steps import StepScope
from laktory_dagster.engines.polars.with_columns import add_columns
from laktory_dagster.engines.steps import in_step, require_fit, step_title
from laktory_dagster.errors import LaktoryDagsterError, TransformError
from laktory_dagster.expressions import catalog
from laktory_dagster.expressions.portable import CANONICAL, LAKTORY, PORTABLE
from laktory_dagster.expressions.suggest import hint_for
from laktory_dagster.models.calls import call_in_context, takes_narwhals
from laktory_dagster.models.transformer import (
    ColumnsStep,
    LeafStep,
    MethodStep,
    SqlStep,
)

Calls = tuple[Sequence[Any], Mapping[str, Any]]


def transform(frame: pl.LazyFrame, request: TransformRequest) -> pl.LazyFrame:
    """Return the frame after all steps, lazily. Every step's columns are checked as it is added.

    Raises:
        TransformError: a step does not work; the message says which, and why.
    """
    moment = request.timestamp or datetime.now(UTC)
    current: Any = from_native(frame)
    label = "the chain"
    for number, step in enumerate(request.steps, start=1):
        label = f"step {number} ({step_title(step)})"
        current = _checked(current, step, request, moment, label)
    try:
        return require_frame(current)
    except TransformError as error:
        raise in_step(label, error) from error


def _checked(
    current: Any, step: LeafStep, request: TransformRequest, moment: datetime, label: str
) -> Any:
    columns: list[str] = []
    try:
        frame = current.frame if isinstance(current, Groups) else current
        schema = frame.collect_schema()
        columns = schema.names()
        scope = StepScope(request.dialect, moment, schema)
        result = _run(current, step, request, scope)
        if not isinstance(result, Groups):
            result = require_frame(result)
            result.collect_schema()
        return result
    except LaktoryDagsterError as error:
        raise in_step(label, explained(error, columns)) from error
    except Exception as error:
        # Whatever a project's function or Polars raises must say in which step that was.
        raise in_step(label, explained(error, columns)) from error


def _run(current: Any, step: LeafStep, request: TransformRequest, scope: StepScope) -> Any:
    if isinstance(step, MethodStep):
        return _call(current, step, request, scope)
    frame = require_frame(current)
    if isinstance(step, SqlStep):
        frames = {name: from_native(other) for name, other in request.frames.items()}
        return run_query(frame, step.sql_expr, request.dialect, frames, scope.scope())
    if isinstance(step, ColumnsStep):
        return add_columns(frame, step.with_columns, scope)
    return add_columns(frame, [step.with_column], scope)


def _call(current: Any, step: MethodStep, request: TransformRequest, scope: StepScope) -> Any:
    frame = current.frame if isinstance(current, Groups) else current
    arguments = Arguments(frame, request, scope.scope())
    args = [arguments.value(value) for value in step.func_args]
    kwargs = {name: arguments.value(value) for name, value in step.func_kwargs.items()}
    name = step.func_name
    if name in request.functions:
        return _call_project(request.functions[name], current, step, request, (args, kwargs))
    if name in FRAME_FUNCTIONS:
        require_fit(name, LAKTORY[name], args, kwargs)
        return FRAME_FUNCTIONS[name](require_frame(current), scope, *args, **kwargs)
    speaks_polars = request.dialect == "polars" or step.dataframe_api == "NARWHALS"
    if isinstance(current, Groups):
        return _call_of_groups(current, name, scope, (args, kwargs))
    return _call_of_frame(frame, name, scope, (args, kwargs), speaks_polars=speaks_polars)


def _call_project(
    function: Callable[..., Any],
    current: Any,
    step: MethodStep,
    request: TransformRequest,
    given: Calls,
) -> pl.LazyFrame:
    """Call a function of the project; one that declares `laktory_context` gets it."""
    args, kwargs = given
    frame: Any = require_frame(current)
    if takes_narwhals(function, step.dataframe_api or request.dataframe_api):
        frame = nw.from_native(frame)
        args = [_as_narwhals(value) for value in args]
        kwargs = {name: _as_narwhals(value) for name, value in kwargs.items()}
    return from_native(call_in_context(function, (frame, *args), kwargs, request.context))


def _as_narwhals(value: Any) -> Any:
    return nw.from_native(value) if isinstance(value, pl.LazyFrame) else value


def _call_of_groups(groups: Groups, name: str, scope: StepScope, given: Calls) -> Any:
    args, kwargs = given
    canonical = CANONICAL.get(name, name)
    own = catalog.grouped_methods("polars").get(name)
    fits_own = own is not None and own.problem(len(args), list(kwargs)) is None
    # `group_by(...).sum()` of Polars takes all columns, Spark's the numbers under other names.
    if canonical in SPARK_METHODS and (name == "agg" or not fits_own or scope.dialect != "polars"):
        return groups.call(canonical, scope, args, kwargs)
    if not fits_own:
        known = {*catalog.grouped_methods("polars"), *SPARK_METHODS}
        raise TransformError(f"groups have no `{name}`", hint=hint_for(name, known))
    return call_grouped(groups, name, args, kwargs)


def _call_of_frame(
    frame: pl.LazyFrame, name: str, scope: StepScope, given: Calls, *, speaks_polars: bool
) -> Any:
    """Call what a name means: Polars' own method, or the portable one with Spark's meaning."""
    args, kwargs = given
    books = {
        "own": catalog.frame_methods("polars").get(name),
        "portable": PORTABLE.get(name) if CANONICAL.get(name) in METHODS else None,
        "narwhals": catalog.frame_methods("narwhals").get(name),
    }
    order = ("own", "narwhals", "portable") if speaks_polars else ("portable", "own", "narwhals")
    problems = {
        kind: signature.problem(len(args), list(kwargs))
        for kind in order
        if (signature := books[kind]) is not None
    }
    fitting = next((kind for kind in order if kind in problems and problems[kind] is None), None)
    if fitting == "own":
        return call_method(frame, scope, name, args, kwargs)
    if fitting == "narwhals":
        return call_narwhals(frame, name, args, kwargs)
    if fitting == "portable":
        return _call_portable(frame, scope, name, given)
    if problems:
        raise TransformError(f"`{name}` {next(iter(problems.values()))}")
    known = {*FRAME_FUNCTIONS, *catalog.frame_methods("polars"), *PORTABLE}
    raise TransformError(
        f"there is no function `{name}`",
        expected="a method of Polars frames, a portable or `laktory.` name, or a `udfs` entry",
        hint=hint_for(name, known),
    )


def _call_portable(frame: pl.LazyFrame, scope: StepScope, name: str, given: Calls) -> Any:
    """Call the method, named arguments put under the names that it has here."""
    args, kwargs = given
    method, signature = METHODS[CANONICAL[name]], PORTABLE[name]
    if not signature.var_args and not signature.var_kwargs:
        parameters = list(inspect.signature(method).parameters)[2:]
        names = dict(zip(signature.positional(), parameters, strict=False))
        kwargs = {names.get(key, key): value for key, value in kwargs.items()}
    return method(frame, scope, *args, **kwargs)
