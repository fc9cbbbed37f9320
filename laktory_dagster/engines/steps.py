"""What the steps of a chain are called in messages, on every engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from laktory_dagster.errors import TransformError
from laktory_dagster.models.transformer import ColumnStep, LeafStep, MethodStep, SqlStep


def step_title(step: LeafStep) -> str:
    """Return what a step is called in messages: its name, its function, or what it makes."""
    if step.name:
        return step.name
    if isinstance(step, MethodStep):
        return step.func_name
    if isinstance(step, SqlStep):
        return "SQL"
    if isinstance(step, ColumnStep):
        return f"with_column {step.with_column.name}"
    return f"with_columns {', '.join(column.name for column in step.with_columns)}"


def in_step(label: str, error: TransformError) -> TransformError:
    """Return the error with the step in front of it."""
    return TransformError(f"{label}: {error.message}", expected=error.expected, hint=error.hint)


def require_fit(name: str, signature: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Raise TransformError where a function does not take these arguments."""
    problem = signature.problem(len(args), list(kwargs))
    if problem is not None:
        raise TransformError(f"`{name}` {problem}")
