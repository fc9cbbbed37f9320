"""How a node changes its rows: a chain of methods, SQL and columns."""

from __future__ import annotations

import importlib
import weakref
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BeforeValidator,
    Discriminator,
    PrivateAttr,
    Tag,
    TypeAdapter,
    ValidationInfo,
    model_validator,
)
from pydantic_core import PydanticCustomError

from laktory_dagster.models.base import Flag, Model
from laktory_dagster.models.names import Name
from laktory_dagster.models.sources import (
    DataframeApi,
    DataframeType,
    Source,
    SourceOptions,
    source_kind,
)

_SOURCE: TypeAdapter[Any] = TypeAdapter(Source)


_BY_COLUMN = frozenset(
    {
        "agg", "cast", "fillna", "na.fill", "na.replace", "rename", "replace", "withColumns",
        "withColumnsRenamed", "withMetadata", "with_columns", "with_columns_renamed",
        "with_columns_seq",
    }
)  # fmt: skip
"""Methods whose mappings say something of each column, be it called `path` or `data`."""


def _parse_argument(value: Any, info: ValidationInfo) -> Any:
    """Return the argument with every mapping that names a source turned into that source."""
    if info.data.get("func_name") in _BY_COLUMN:
        return value
    return _with_sources(value)


def _with_sources(value: Any) -> Any:
    if isinstance(value, Mapping):
        if set(value) == {"value"}:
            return dict(value)
        if source_kind(value) is not None:
            return _SOURCE.validate_python(value)
        return {key: _with_sources(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_with_sources(item) for item in value]
    return value


Argument = Annotated[Any, BeforeValidator(_parse_argument)]
"""A literal, an expression as a string, `{value: ...}` for a forced literal, or a source.

Where a method takes a mapping by column (`rename`, `withColumns`), mappings are no sources.
"""


class StepOptions(Model):
    """What every step of a chain may carry."""

    other_names: ClassVar[Mapping[str, str]] = {"dataframe_backend": "dataframe_type"}

    name: Name | None = None
    """Name of the step, shown by `preview --step`."""
    dataframe_type: DataframeType | None = None
    """Engine; by default the node's."""
    dataframe_api: DataframeApi | None = None
    """What functions of the project get: NARWHALS frames, or the engine's own (NATIVE)."""


class MethodStep(StepOptions):
    """A method of the frame or a registered function: `{func_name: select, func_args: [symbol]}`."""

    func_name: str
    """Engine method, portable name, `laktory.` function or registered function."""
    func_args: tuple[Argument, ...] = ()
    """Positional arguments."""
    func_kwargs: dict[str, Argument] = {}
    """Named arguments."""


class SqlStep(StepOptions):
    """One SQL query over `{df}`, `{sources.x}`, `{nodes.x}`: `{sql_expr: "SELECT * FROM {df}"}`."""

    other_names: ClassVar[Mapping[str, str]] = {**StepOptions.other_names, "expr": "sql_expr"}

    sql_expr: str
    """The query."""
    type: Literal["SQL"] | None = None
    """Kind of expression as the newer schema writes it."""


class Column(Model):
    """A column to add or replace: `{name: close, type: double, sql_expr: data.close}`."""

    name: str
    """Name of the column."""
    type: str | None = "string"
    """Type to cast to; null keeps the expression's own."""
    unit: str | None = None
    """Unit of measure; documentation."""
    expr: str | None = None
    """An expression such as `F.col("data.close")`, or SQL."""
    sql_expr: str | None = None
    """An SQL expression; wins over `expr`."""

    @model_validator(mode="after")
    def _has_expression(self) -> Column:
        if self.expr is None and self.sql_expr is None:
            raise PydanticCustomError("no_expression", "a column needs `expr` or `sql_expr`")
        return self


class ColumnStep(StepOptions):
    """One column: `{with_column: {name: close, type: double, sql_expr: data.close}}`."""

    with_column: Column
    """The column."""


class ColumnsStep(StepOptions):
    """Several columns, one after another: `{with_columns: [{name: a, sql_expr: b + 1}]}`."""

    with_columns: tuple[Column, ...]
    """The columns."""


class Transformer(StepOptions):
    """A chain of steps; a step may be a chain itself: `{nodes: [{func_name: distinct}]}`."""

    # Without `nodes`, an empty chain among the steps of another one would be no step.
    kept_if_given: ClassVar[frozenset[str]] = frozenset({"nodes"})

    nodes: tuple[Step, ...] = ()
    """The steps, first to last."""
    polars: Flag | None = None
    """The oldest way to say that the chain runs on Polars."""
    spark: Flag | None = None
    """The oldest way to say that the chain runs on Spark."""
    _node: weakref.ref[Any] | None = PrivateAttr(default=None)
    _alone: Any = PrivateAttr(default=None)

    def execute(
        self,
        df: Any,
        named_dfs: Mapping[str, Any] | None = None,
        udfs: Any = None,
        spark: Any = None,
    ) -> Any:
        """Return what the chain makes of a frame: a frame of the same kind, lazy if `df` is.

        It runs on the frame's engine. The texts are read as in the pipeline around the chain, else
        as where no engine is declared.

        Args:
            df: a frame of Polars, Spark or Narwhals.
            named_dfs: frames that the steps name, as `{nodes.x}` or `{node_name: x}`.
            udfs: Python functions that steps may name.
            spark: session to use on the Spark engine.

        Raises:
            LaktoryDagsterError: a step is wrong, or cannot be computed.
        """
        parts = importlib.import_module("laktory_dagster.execution.parts")
        return parts.transform_frame(self, df, named_dfs or {}, udfs, spark)


_STEP_KEYS = {
    "func_name": "<function>",
    "sql_expr": "<sql>",
    "expr": "<sql>",
    "with_column": "<column>",
    "with_columns": "<columns>",
    "nodes": "<chain>",
}


def _step_kind(value: Any) -> str | None:
    keys = value if isinstance(value, Mapping) else getattr(type(value), "model_fields", {})
    return next((tag for key, tag in _STEP_KEYS.items() if key in keys), None)


Step = Annotated[
    Annotated[MethodStep, Tag("<function>")]
    | Annotated[SqlStep, Tag("<sql>")]
    | Annotated[ColumnStep, Tag("<column>")]
    | Annotated[ColumnsStep, Tag("<columns>")]
    | Annotated[Transformer, Tag("<chain>")],
    Discriminator(
        _step_kind,
        custom_error_type="no_step",
        custom_error_message=(
            "a step needs one of `func_name`, `sql_expr`, `expr`, `with_column`, "
            "`with_columns`, `nodes`"
        ),
    ),
]
"""One step of a chain; its kind follows from its fields."""

Transformer.model_rebuild()

LeafStep = MethodStep | SqlStep | ColumnStep | ColumnsStep


def flat_steps(transformer: Transformer | None) -> tuple[LeafStep, ...]:
    """Return the steps of a chain and of the chains inside it, in the order they run."""
    if transformer is None:
        return ()
    flat: list[LeafStep] = []
    for step in transformer.nodes:
        if isinstance(step, Transformer):
            flat.extend(flat_steps(step))
        else:
            flat.append(step)
    return tuple(flat)


def argument_sources(step: LeafStep) -> tuple[SourceOptions, ...]:
    """Return the sources among the arguments of a step, nested ones included."""
    if not isinstance(step, MethodStep):
        return ()
    found: list[SourceOptions] = []
    pending: list[Any] = [*step.func_args, *step.func_kwargs.values()]
    while pending:
        value = pending.pop(0)
        if isinstance(value, SourceOptions):
            found.append(value)
        elif isinstance(value, dict):
            pending.extend(value.values())
        elif isinstance(value, (list, tuple)):
            pending.extend(value)
    return tuple(found)
