"""Arguments of the `laktory.` functions, which mean the same on every engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from laktory_dagster.errors import TransformError

THEIRS = "_right"
"""What follows the name of a joined column whose name the left frame has too."""


def listed(value: Any) -> list[Any]:
    """Return one value or several as a list; None as an empty one."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def aggregate_parts(item: Any) -> tuple[Any, str | None]:
    """Return the expression of an aggregate and the name it declares, None for its own.

    Raises:
        TransformError: a mapping without an expression.
    """
    if not isinstance(item, Mapping):
        return item, None
    value = item.get("sql_expr")
    value = item.get("expr", item.get("spark_func_name")) if value is None else value
    if value is None:
        raise TransformError(
            "an aggregate needs an expression", expected="{name: total, expr: F.sum('amount')}"
        )
    return value, str(item["name"]) if "name" in item else None


def join_keys(on: Any, left_on: Any, other_on: Any) -> tuple[list[Any], list[Any]]:
    """Return the keys of a join on both sides. Raises TransformError where there are none."""
    left = listed(on) or listed(left_on)
    other = listed(on) or listed(other_on) or left
    if not left or len(left) != len(other):
        raise TransformError(
            "the join needs its keys", expected="`on`, or `left_on` and `other_on` of one length"
        )
    return left, other


def refuse_conditions(*conditions: Any) -> None:
    """Raise TransformError for the conditions under which two streams join."""
    if any(condition is not None for condition in conditions):
        raise TransformError(
            "`on_expression` and time constraints join two streams, which no engine here does",
            hint="write the join as SQL: `SELECT ... FROM {df} AS a JOIN {nodes.b} AS b ON ...`",
        )
