"""What functions of a project learn of the pipeline that calls them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from laktory_dagster.errors import ExecutionError

_ENGINES = ("polars", "pyspark")

PROJECT_MODULES = "laktory_dagster_project"
"""What the names of modules begin with that are loaded from the folder of a project."""

FRAME_DECORATORS = frozenset(
    {
        "register_anyframe_namespace",
        "register_dataframe_namespace",
        "register_lazyframe_namespace",
        "register_spark_dataframe_namespace",
    }
)
"""Decorators of `laktory_dagster.api` whose classes have methods that steps may name."""

EXPRESSION_DECORATORS = frozenset({"register_expr_namespace", "register_spark_column_namespace"})
"""Decorators, the first one of Polars too, whose classes have methods that expressions may call."""


@dataclass(frozen=True)
class LaktoryContext:
    """Where a function of the project is called from; it asks for it as `laktory_context`.

    A step knows its node and pipeline, a reader its source too, a writer its sink.
    """

    node: Any = None
    pipeline: Any = None
    source: Any = None
    sink: Any = None


def call_in_context(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    context: LaktoryContext,
) -> Any:
    """Call a function, with `laktory_context` if it declares it, and return what it returns.

    Raises:
        ExecutionError: the function leaves the program, which has other nodes to run.
    """
    if "laktory_context" not in kwargs and _asks_for_context(function):
        kwargs = {**kwargs, "laktory_context": context}
    try:
        return function(*args, **kwargs)
    except SystemExit as error:
        raise ExecutionError(
            f"a function of the project leaves the program (SystemExit: {error})",
            hint="raise an error there in place of `sys.exit()`",
        ) from error


def takes_narwhals(function: Callable[..., Any], declared: str | None) -> bool:
    """Return whether a function of the project gets Narwhals frames in place of the engine's own.

    `dataframe_api` says so. Where nothing is declared, a function does whose module imports
    Narwhals and no engine: that is what the newer reference hands over.
    """
    if declared is not None:
        return declared == "NARWHALS"
    names = getattr(inspect.unwrap(function), "__globals__", {})
    imported = {value.__name__ for value in names.values() if isinstance(value, ModuleType)}
    return "narwhals" in imported and not any(name.startswith(_ENGINES) for name in imported)


def _asks_for_context(function: Callable[..., Any]) -> bool:
    try:
        return "laktory_context" in inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False
