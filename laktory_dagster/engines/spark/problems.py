"""What Spark reports, in the words of the product."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pyspark.errors import PySparkException

from laktory_dagster.errors import LaktoryDagsterError, TransformError
from laktory_dagster.expressions.suggest import hint_for

_SHOWN = 12
_CONDITION = re.compile(r"^\[[A-Z0-9_.]+\]\s*")
_STATE = re.compile(r"\s*SQLSTATE: \w+.*$", re.DOTALL)
_LAST_PART = re.compile(r"`([^`]+)`$")


def missing_column(name: str, columns: Sequence[str]) -> TransformError:
    """Return the error for a column that is not there."""
    shown = ", ".join(columns[:_SHOWN]) + (", ..." if len(columns) > _SHOWN else "")
    return TransformError(
        f"there is no column `{name}`",
        expected=f"one of {shown}" if columns else None,
        hint=hint_for(name, columns),
    )


def unknown_column(error: BaseException) -> str | None:
    """Return the column that an error of Spark says is not there, None for other errors."""
    if not condition_of(error).startswith(("UNRESOLVED_COLUMN", "FIELD_NOT_FOUND")):
        return None
    parameters: Any = getattr(error, "getMessageParameters", dict)() or {}
    named = str(parameters.get("objectName") or parameters.get("fieldName") or "")
    found = _LAST_PART.search(named)
    return found.group(1) if found else named or None


def condition_of(error: BaseException) -> str:
    """Return Spark's stable name of an error (`DIVIDE_BY_ZERO`); empty for errors of others."""
    if not isinstance(error, PySparkException):
        return ""
    return str(error.getCondition() or "")


def explained(error: BaseException, columns: Sequence[str] = ()) -> TransformError:
    """Return an error in one clear line; `columns` are those that the step had before it."""
    if isinstance(error, TransformError):
        return error
    if isinstance(error, LaktoryDagsterError):
        return TransformError(error.message, expected=error.expected, hint=error.hint)
    missing = unknown_column(error)
    if missing is not None:
        return missing_column(missing, columns)
    return TransformError(plain_text(error))


def plain_text(error: BaseException) -> str:
    """Return the first sentence of an error, without Spark's codes and plans."""
    text = str(error).strip()
    if not isinstance(error, PySparkException):
        return f"{type(error).__name__}: {text.partition(chr(10))[0]}"
    first = _STATE.sub("", _CONDITION.sub("", text)).strip().partition("\n")[0]
    return first or condition_of(error) or type(error).__name__
