"""The chain of a node, step by step, on a lazy frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from laktory_dagster.engines.base import Frame, TransformRequest
from laktory_dagster.engines.polars.expressions import compile_argument, compile_column, compile_sql
from laktory_dagster.engines.polars.namespace import FRAME_FUNCTIONS
from laktory_dagster.engines.polars.native import from_native
from laktory_dagster.engines.polars.portable import PORTABLE_METHODS
from laktory_dagster.engines.polars.read import explained
from laktory_dagster.engines.polars.scan import tolerant_cast
from laktory_dagster.engines.polars.schemas import parse_type
from laktory_dagster.engines.polars.sql import run_query
from laktory_dagster.errors import LaktoryDagsterError, TransformError
from laktory_dagster.expressions.catalog import frame_methods
from laktory_dagster.expressions.portable import CANONICAL, HINTS, PORTABLE
from laktory_dagster.expressions.suggest import hint_for
from laktory_dagster.models.sources import SourceOptions
from laktory_dagster.models.transformer import (
    Column,
    ColumnsStep,
    ColumnStep,
    LeafStep,
    MethodStep,
    SqlStep,
)


def transform(frame: Frame, request: TransformRequest) -> pl.LazyFrame:
    """Return the frame after all steps.

    Raises:
        TransformError: a step does not work; the message says which, and why.
        ExpressionError: a string of a step is no allowed expression.
    """
    for number, step in enumerate(request.steps, start=1):
        work = _Step(request, frame, number)
        try:
            frame = work.run(step)
        except LaktoryDagsterError as error:
            if not isinstance(error, TransformError):
                error.add_note(f"in step {number} ({_title(step)})")
            raise
        except (pl.exceptions.PolarsError, TypeError, ValueError, AttributeError) as error:
            raise work.failed(step, error) from error
    if isinstance(frame, pl.LazyFrame):
        return frame
    if isinstance(frame, pl.DataFrame):
        return frame.lazy()
    last = request.steps[-1] if request.steps else None
    raise TransformError(
        f"the last step ({_title(last) if last else 'none'}) gives {type(frame).__name__}, "
        "which is no frame",
        hint="`group_by` needs an `agg` after it",
    )


def _title(step: LeafStep) -> str:
    if isinstance(step, MethodStep):
        return step.func_name
    if isinstance(step, SqlStep):
        return "SQL"
    columns = [step.with_column] if isinstance(step, ColumnStep) else list(step.with_columns)
    return f"column {', '.join(column.name for column in columns)}"


@dataclass
class _Step:
    """One step at work on the frame before it."""

    request: TransformRequest
    frame: Any
    number: int

    def failed(self, step: LeafStep, error: Exception) -> TransformError:
        """Return the error that names the step and, for a missing column, the nearest there is."""
        found = explained(error, TransformError)
        hint = found.hint
        if isinstance(error, pl.exceptions.ColumnNotFoundError) and self._is_frame():
            names = self.frame.collect_schema().names()
            missing = str(error).splitlines()[0].strip("\"'` ").split('"')[0]
            hint = hint_for(missing, names) or f"the columns are {', '.join(names)}"
        text = f"step {self.number} ({_title(step)}) does not work: {found.message}"
        return TransformError(text, hint=hint)

    def _is_frame(self) -> bool:
        return isinstance(self.frame, (pl.LazyFrame, pl.DataFrame))

    def run(self, step: LeafStep) -> Any:
        """Return the frame after the step."""
        if isinstance(step, MethodStep):
            return self._method(step)
        if isinstance(step, SqlStep):
            dialect = self.request.dialect
            return run_query(step.sql_expr, dialect, self.frame, self.request.frames)
        if isinstance(step, ColumnStep):
            return self._with_column(self.frame, step.with_column)
        frame = self.frame
        assert isinstance(step, ColumnsStep)  # noqa: S101 - the only kind left
        for column in step.with_columns:
            frame = self._with_column(frame, column)
        return frame

    def _with_column(self, frame: pl.LazyFrame, column: Column) -> pl.LazyFrame:
        if column.sql_expr is not None:
            value = compile_sql(column.sql_expr, self.request.dialect)
        else:
            value = compile_column(column.expr or "", self.request.dialect)
        if column.type is not None:
            kind = frame.select(value.alias(column.name)).collect_schema()[column.name]
            value = tolerant_cast(value, kind, parse_type(column.type))
        return frame.with_columns(value.alias(column.name))

    def _method(self, step: MethodStep) -> Any:
        args = [self._argument(arg) for arg in step.func_args]
        kwargs = {name: self._argument(arg) for name, arg in step.func_kwargs.items()}
        function = self._function(step.func_name, len(args), list(kwargs))
        return function(*args, **kwargs)

    def _function(self, name: str, args: int, kwargs: list[str]) -> Callable[..., Any]:
        """Return what a name means: the project's, `laktory.`, the engine's, or portable."""
        functions = self.request.functions
        if name in functions:
            return self._of_project(functions[name])
        if name in FRAME_FUNCTIONS:
            function = FRAME_FUNCTIONS[name]
            return lambda *a, **k: function(self.frame, *a, dialect=self.request.dialect, **k)
        own = frame_methods("polars").get(name)
        portable = PORTABLE.get(name)
        spark_first = self.request.dialect == "spark" and portable is not None
        if own is not None and not spark_first and own.problem(args, kwargs) is None:
            return self._own(name)
        if portable is not None and portable.problem(args, kwargs) is None:
            return self._portable(CANONICAL[name])
        if own is not None and own.problem(args, kwargs) is None:
            return self._own(name)
        narwhals = frame_methods("narwhals").get(name)
        if narwhals is not None and narwhals.problem(args, kwargs) is None:
            return self._narwhals(name)
        problem = next((s.problem(args, kwargs) for s in (own, portable) if s is not None), None)
        if problem is not None:
            raise TransformError(f"step {self.number}: `{name}` {problem}")
        known = [*functions, *FRAME_FUNCTIONS, *frame_methods("polars"), *PORTABLE]
        raise TransformError(
            f"step {self.number}: there is no function `{name}`", hint=hint_for(name, known)
        )

    def _own(self, name: str) -> Callable[..., Any]:
        if hasattr(self.frame, name):
            return getattr(self.frame, name)  # type: ignore[no-any-return]
        if isinstance(self.frame, pl.LazyFrame):
            # A few methods are there on eager frames only.
            return lambda *a, **k: getattr(self.frame.collect(), name)(*_eager(a), **k)
        raise TransformError(f"step {self.number}: a {type(self.frame).__name__} has no `{name}`")

    def _portable(self, name: str) -> Callable[..., Any]:
        if name in HINTS:
            return lambda *_, **__: self.frame
        method = PORTABLE_METHODS[name]
        return lambda *a, **k: method(self.frame, self.request.dialect, *a, **k)

    def _narwhals(self, name: str) -> Callable[..., Any]:
        import narwhals as nw

        return lambda *a, **k: getattr(nw.from_native(self.frame), name)(*a, **k).to_native()

    def _of_project(self, function: Callable[..., Any]) -> Callable[..., Any]:
        code = getattr(function, "__code__", None)
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount] if code else ()
        context = {"laktory_context": self.request.context} if "laktory_context" in names else {}
        return lambda *a, **k: from_native(function(self.frame, *a, **k, **context))

    def _argument(self, value: Any) -> Any:
        if isinstance(value, SourceOptions):
            if self.request.read is None:
                raise TransformError("a source among the arguments cannot be read here")
            return self.request.read(value)
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, Mapping):
            if set(value) == {"value"}:
                return value["value"]
            return {key: self._argument(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._argument(item) for item in value]
        return value

    def _text(self, value: str) -> Any:
        if value.startswith("{") and value.endswith("}"):
            name = value[1:-1].strip()
            if name == "df":
                return self.frame
            if name in self.request.frames:
                return self.request.frames[name]
            if name.startswith(("nodes.", "sources.")):
                raise TransformError(
                    f"step {self.number}: `{value}` is not there",
                    hint=hint_for(name, self.request.frames),
                )
        return compile_argument(value, self.request.dialect)


def _eager(args: tuple[Any, ...]) -> list[Any]:
    return [arg.collect() if isinstance(arg, pl.LazyFrame) else arg for arg in args]
