"""The chain of a node, step by step, on a Spark frame."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

import narwhals as nw
from pyspark.sql import Window
from pyspark.sql import functions as F  # noqa: N812

from laktory_dagster.engines.base import TransformRequest
from laktory_dagster.engines.spark.arguments import Arguments
from laktory_dagster.engines.spark.dedupe import dedupe
from laktory_dagster.engines.spark.expressions import is_aggregate
from laktory_dagster.engines.spark.namespace import FRAME_FUNCTIONS
from laktory_dagster.engines.spark.native import from_native, is_frame
from laktory_dagster.engines.spark.portable import METHODS, aggregated, as_condition, listed
from laktory_dagster.engines.spark.problems import explained
from laktory_dagster.engines.spark.schemas import parse_schema
from laktory_dagster.engines.spark.scope import Scope, column
from laktory_dagster.engines.spark.session import is_connect
from laktory_dagster.engines.spark.sql import run_query
from laktory_dagster.engines.spark.with_columns import add_columns
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


class _Groups:
    """A frame in groups, between `groupBy` and the step that aggregates."""

    def __init__(self, frame: Any, native: Any) -> None:
        self.frame = frame
        self.native = native


def transform(frame: Any, request: TransformRequest) -> Any:
    """Return the frame after all steps, lazily. Every step's columns are checked as it is added.

    Raises:
        TransformError: a step does not work; the message says which, and why.
    """
    moment = request.timestamp or datetime.now(UTC)
    current: Any = frame
    label = "the chain"
    for number, step in enumerate(request.steps, start=1):
        label = f"step {number} ({step_title(step)})"
        current = _checked(current, step, request, moment, label)
    try:
        return _require_frame(current)
    except TransformError as error:
        raise in_step(label, error) from error


def _checked(
    current: Any, step: LeafStep, request: TransformRequest, moment: datetime, label: str
) -> Any:
    columns: list[str] = []
    try:
        frame = current.frame if isinstance(current, _Groups) else current
        columns = frame.columns
        result = _run(current, step, request, Scope(frame, request.dialect, moment))
        if not isinstance(result, _Groups):
            _require_distinct(_require_frame(result))
        return result
    except LaktoryDagsterError as error:
        raise in_step(label, explained(error, columns)) from error
    except Exception as error:
        # Whatever a project's function or Spark raises must say in which step that was.
        raise in_step(label, explained(error, columns)) from error


def _require_frame(value: Any) -> Any:
    if isinstance(value, _Groups):
        raise TransformError(
            "rows are in groups here", hint="add a step such as `agg` after `group_by`"
        )
    if not is_frame(value):
        raise TransformError(f"this gives {type(value).__name__}, which is no frame")
    if is_connect(value):
        # Where the columns stay the client does not ask the server, and errors would come late.
        _ = value.isStreaming
    return value


def _require_distinct(frame: Any) -> None:
    """Raise TransformError for a frame with two columns of one name, which nothing can store."""
    names = frame.columns
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise TransformError(
            f"the query gives the column `{twice[0]}` twice",
            hint="give one of them another name with AS",
        )


def _run(current: Any, step: LeafStep, request: TransformRequest, scope: Scope) -> Any:
    if isinstance(step, MethodStep):
        return _call(current, step, request, scope)
    frame = _require_frame(current)
    if isinstance(step, SqlStep):
        return run_query(step.sql_expr, request.frames, scope)
    if isinstance(step, ColumnsStep):
        return add_columns(frame, step.with_columns, scope)
    return add_columns(frame, [step.with_column], scope)


def _call(current: Any, step: MethodStep, request: TransformRequest, scope: Scope) -> Any:
    name = step.func_name
    in_groups = isinstance(current, _Groups)
    aggregates = in_groups or _is_aggregation(name) or (name == "select" and _reduces(step, scope))
    arguments = Arguments(scope.frame, request, scope, aggregates)
    args = [arguments.value(value) for value in step.func_args]
    kwargs = {key: arguments.value(value) for key, value in step.func_kwargs.items()}
    if name in request.functions:
        return _call_project(request.functions[name], current, step, request, (args, kwargs))
    if name in FRAME_FUNCTIONS:
        require_fit(name, LAKTORY[name], args, kwargs)
        return FRAME_FUNCTIONS[name](_require_frame(current), scope, *args, **kwargs)
    if in_groups:
        return _call_of_groups(current, name, (args, kwargs))
    return _call_of_frame(scope, name, (args, kwargs))


def _is_aggregation(name: str) -> bool:
    return name in ("agg", "laktory.groupby_and_agg")


def _reduces(step: MethodStep, scope: Scope) -> bool:
    """Return whether a step selects nothing but values about all rows, which are one row."""
    given = listed([*step.func_args, *step.func_kwargs.values()])
    return bool(given) and all(isinstance(v, str) and is_aggregate(v, scope) for v in given)


def _call_project(
    function: Callable[..., Any],
    current: Any,
    step: MethodStep,
    request: TransformRequest,
    given: Calls,
) -> Any:
    """Call a function of the project; one that declares `laktory_context` gets it."""
    args, kwargs = given
    frame = _require_frame(current)
    session = frame.sparkSession
    if takes_narwhals(function, step.dataframe_api or request.dataframe_api):
        frame = nw.from_native(frame)
        args = [_as_narwhals(value) for value in args]
        kwargs = {name: _as_narwhals(value) for name, value in kwargs.items()}
    return from_native(call_in_context(function, (frame, *args), kwargs, request.context), session)


def _as_narwhals(value: Any) -> Any:
    return nw.from_native(value) if is_frame(value) else value


def _call_of_groups(groups: _Groups, name: str, given: Calls) -> Any:
    args, kwargs = given
    if name == "agg":
        return aggregated(groups.native, args, kwargs)
    signature = catalog.grouped_methods("spark").get(name)
    if signature is None:
        raise TransformError(
            f"groups have no `{name}`", hint=hint_for(name, catalog.grouped_methods("spark"))
        )
    found = getattr(groups.native, name)(*args, **kwargs)
    return found if is_frame(found) else _Groups(groups.frame, found)


def _call_of_frame(scope: Scope, name: str, given: Calls) -> Any:
    """Call what a name means: the portable method, Spark's own, or narwhals'."""
    args, kwargs = given
    portable = PORTABLE.get(name) if CANONICAL.get(name) in METHODS else None
    own = catalog.frame_methods("spark").get(name)
    books = {
        "portable": portable,
        # Spark's `sort` takes any name, and goes by `ascending` only.
        "own": None if portable is not None and own is not None and own.var_kwargs else own,
        "narwhals": catalog.frame_methods("narwhals").get(name),
    }
    problems = {
        kind: signature.problem(len(args), list(kwargs))
        for kind, signature in books.items()
        if signature is not None
    }
    fitting = next((kind for kind, problem in problems.items() if problem is None), None)
    if fitting == "portable":
        return _grouped(scope, _call_portable(scope, name, given))
    if fitting == "own":
        if name == "dropDuplicatesWithinWatermark":
            raise TransformError(
                f"`{name}` needs state between batches, which no stream here keeps",
                hint="use `dropDuplicates`, which sees one batch, or a sink with `mode: MERGE`",
            )
        if name in catalog.grouped_methods("spark") and name not in ("agg", "count"):
            raise TransformError(f"`{name}` is for groups", hint="add a step `groupBy` before it")
        if name == "to":
            args, kwargs = [parse_schema(value) for value in (*args, *kwargs.values())], {}
        return _grouped(scope, attrgetter(name)(scope.frame)(*args, **kwargs))
    if fitting == "narwhals":
        return _call_narwhals(scope, name, given)
    if problems:
        raise TransformError(f"`{name}` {next(iter(problems.values()))}")
    known = {*FRAME_FUNCTIONS, *catalog.frame_methods("spark"), *PORTABLE}
    raise TransformError(
        f"there is no function `{name}`",
        expected="a method of Spark frames, a portable or `laktory.` name, or a `udfs` entry",
        hint=hint_for(name, known),
    )


def _grouped(scope: Scope, result: Any) -> Any:
    is_groups = type(result).__name__ == "GroupedData"
    return _Groups(scope.frame, result) if is_groups else result


def _call_portable(scope: Scope, name: str, given: Calls) -> Any:
    """Call the method, named arguments put under the names that it has here."""
    args, kwargs = given
    method, signature = METHODS[CANONICAL[name]], PORTABLE[name]
    if not signature.var_args and not signature.var_kwargs:
        parameters = list(inspect.signature(method).parameters)[2:]
        if not any(parameter in ("args", "kwargs", "_", "__") for parameter in parameters):
            names = dict(zip(signature.positional(), parameters, strict=False))
            kwargs = {names.get(key, key): value for key, value in kwargs.items()}
    return method(scope.frame, scope, *args, **kwargs)


def _call_narwhals(scope: Scope, name: str, given: Calls) -> Any:
    """Call a method of narwhals frames, whose arguments are names or frames."""
    special = _SPECIAL.get(name)
    if special is not None:
        return _grouped(scope, special(scope, *given[0], **given[1]))
    args = [_as_narwhals(value) for value in given[0]]
    kwargs = {key: _as_narwhals(value) for key, value in given[1].items()}
    try:
        return getattr(nw.from_native(scope.frame), name)(*args, **kwargs).to_native()
    except (AttributeError, NotImplementedError) as error:
        raise TransformError(
            f"`{name}` has no equal on Spark", hint="use a method of Spark's frames, or SQL"
        ) from error


def _unique(scope: Scope, subset: Any = None, *, keep: str = "any", order_by: Any = None) -> Any:
    names = listed([subset]) if subset else scope.names
    if order_by is None and keep in ("any", "first"):
        return dedupe(scope.frame, names, None, keep)
    keys = Window.partitionBy(*map(column, names))
    if keep == "none":
        chosen = F.count(F.lit(1)).over(keys) == 1
    elif order_by is None:
        raise TransformError(
            "rows of Spark have no order, and so no last one",
            expected="`order_by`, the columns that order them",
        )
    else:
        orders = [column(name).asc_nulls_first() for name in listed([order_by])]
        if keep == "last":
            orders = [column(name).desc_nulls_last() for name in listed([order_by])]
        chosen = F.row_number().over(keys.orderBy(*orders)) == 1
    numbered = scope.frame.withColumn(_CHOSEN, chosen)
    return numbered.filter(F.col(_CHOSEN)).drop(_CHOSEN)


_CHOSEN = "__laktory_chosen"


def _sort(scope: Scope, *by: Any, descending: Any = False, nulls_last: bool = False) -> Any:
    keys = [column(key) if isinstance(key, str) else key for key in listed(by)]
    downs = descending if isinstance(descending, list | tuple) else [descending] * len(keys)
    orders = []
    for key, down in zip(keys, downs, strict=True):
        direction = "desc" if down else "asc"
        orders.append(getattr(key, f"{direction}_nulls_{'last' if nulls_last else 'first'}")())
    return scope.frame.orderBy(*orders)


def _filter(scope: Scope, *predicates: Any, **constraints: Any) -> Any:
    frame = scope.frame
    for predicate in listed(predicates):
        frame = frame.filter(as_condition(predicate, scope))
    for name, value in constraints.items():
        frame = frame.filter(column(name) == value)
    return frame


def _drop_nulls(scope: Scope, subset: Any = None) -> Any:
    names = [subset] if isinstance(subset, str) else list(subset or scope.names)
    condition = None
    for name in names:
        there = column(name).isNotNull()
        condition = there if condition is None else condition & there
    return scope.frame if condition is None else scope.frame.filter(condition)


def _group_by(scope: Scope, *keys: Any, drop_null_keys: bool = False) -> Any:
    frame = _drop_nulls(scope, listed(keys)) if drop_null_keys else scope.frame
    return frame.groupBy(*listed(keys))


_SPECIAL: Mapping[str, Callable[..., Any]] = {
    "filter": _filter,
    "group_by": _group_by,
    "drop_nulls": _drop_nulls,
    "sort": _sort,
    "unique": _unique,
}
