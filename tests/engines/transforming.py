"""Runs a chain of steps on rows in memory, as a node does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from laktory_dagster.engines.base import Engine, LayerRequest, TransformRequest
from laktory_dagster.models.transformer import Transformer, flat_steps

MOMENT = datetime(2024, 6, 1, 12, 30, tzinfo=UTC)

Data = Mapping[str, Sequence[Any]]
Row = tuple[Any, ...]


def step(function: str, /, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """Return the declaration of a step that calls a function."""
    return {"func_name": function, "func_args": list(args), "func_kwargs": kwargs}


def chained(
    engine: Engine,
    data: Any,
    *steps: Mapping[str, Any],
    dialect: str = "spark",
    frames: Mapping[str, Any] | None = None,
    functions: Mapping[str, Callable[..., Any]] | None = None,
    context: Any = None,
    read: Callable[[Any], Any] | None = None,
) -> Any:
    """Return the engine's lazy frame after the steps."""
    request = TransformRequest(
        steps=flat_steps(Transformer.model_validate({"nodes": list(steps)})),
        dialect=dialect,
        frames={name: engine.from_native(frame) for name, frame in (frames or {}).items()},
        functions=functions or {},
        context=context,
        read=read,
        timestamp=MOMENT,
    )
    return engine.transform(engine.from_native(data), request)


def rows(engine: Engine, data: Any, *steps: Mapping[str, Any], **options: Any) -> list[Row]:
    """Return the rows after the steps as tuples, in the order in which they come."""
    frame = chained(engine, data, *steps, **options)
    return [tuple(row.values()) for row in engine.head(frame, 10_000)]


def sorted_rows(engine: Engine, data: Any, *steps: Mapping[str, Any], **options: Any) -> list[Row]:
    """Return the rows after the steps, sorted by their text."""
    return sorted(rows(engine, data, *steps, **options), key=str)


def types(engine: Engine, data: Any, *steps: Mapping[str, Any], **options: Any) -> dict[str, str]:
    """Return the columns after the steps with their portable types."""
    frame = chained(engine, data, *steps, **options)
    return {column.name: column.type for column in engine.columns(frame)}


def column(engine: Engine, data: Any, expression: str, *, is_sql: bool = False) -> list[Any]:
    """Return the values of an expression in each row, of no declared type."""
    kind = "sql_expr" if is_sql else "expr"
    added = {"with_column": {"name": "result", "type": None, kind: expression}}
    return [row[-1] for row in rows(engine, data, added)]


def layered(engine: Engine, data: Any, **options: Any) -> Any:
    """Return the engine's lazy frame after the layer steps that `options` change from none."""
    plain: dict[str, Any] = {
        "time_expression": None,
        "drop_columns": (),
        "dedupe": False,
        "dedupe_subset": (),
        "dedupe_order": None,
        "keep": "first",
        "stamp": None,
        "timestamp": MOMENT,
        "dialect": "spark",
    }
    return engine.apply_layer(engine.from_native(data), LayerRequest(**{**plain, **options}))


def values_of(engine: Engine, frame: Any) -> list[dict[str, Any]]:
    """Return the rows of a lazy frame as mappings."""
    return [dict(row) for row in engine.head(frame, 10_000)]
