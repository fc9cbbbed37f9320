"""What Spark reports, in the words of the product."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from py4j.protocol import Py4JError, Py4JNetworkError
from pyspark.errors import PySparkException

from laktory_dagster.errors import (
    ExecutionError,
    LaktoryDagsterError,
    TransformError,
    UnsupportedError,
)
from laktory_dagster.expressions.suggest import hint_for

SPARK_ERRORS = (PySparkException, Py4JError, ConnectionError)
"""What Spark raises: most by its own types, what fails inside a write or the JVM as Py4J's."""

_P = ParamSpec("_P")
_T = TypeVar("_T")
_SHOWN = 12
_CONDITION = re.compile(r"^\[[A-Z0-9_.]+\]\s*")
_STATE = re.compile(r"\s*SQLSTATE: \w+.*$", re.DOTALL)
_CAUSE = re.compile(r"^(?:Caused by: |: )(?:[\w.$]+: )*(.+)$", re.MULTILINE)
_KNOWN_CAUSES = {
    "No space left on device": "no space left on the disk",
    r"File name too long|Mkdirs failed to create \S+=[^/\s]{200,}": (
        "a partition value is too long for the name of a folder"
    ),
    r"(?i)data source: delta\b": (
        "the given Spark session has no Delta; start it with the Delta package and its two `spark.sql` "
        "settings, or give none"
    ),
}
_LOST = (
    "StatusCode.UNAVAILABLE",
    "RETRIES_EXCEEDED",
    "Answer from Java side is empty",
    "INVALID_HANDLE.SESSION",
    "NO_ACTIVE_SESSION",
)
_NO_FILE_SYSTEM = re.compile(r'No FileSystem for scheme "(\w+)"|Class \S+\.(s3a)\.\S+ not found')
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
    if "ordered" in str(error) and "window" in str(error).lower():
        return TransformError(
            "this function of a window needs an order",
            expected='`.over("key", order_by="time")`',
        )
    missing = unknown_column(error)
    if missing is not None:
        return missing_column(missing, columns)
    return TransformError(plain_text(error))


def is_lost(error: BaseException) -> bool:
    """Return whether there is no session any more to speak to."""
    if isinstance(error, (Py4JNetworkError, ConnectionError)):
        return True
    text = f"{condition_of(error)} {error}"
    if type(error) is Py4JError and "Trace:" not in text:
        # Java itself answers with a trace, or as another type.
        return True
    return any(sign in text for sign in _LOST)


def reported(method: Callable[_P, _T]) -> Callable[_P, _T]:
    """Return a verb of the engine that raises what Spark raises at any place as ExecutionError."""

    @wraps(method)
    def verb(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return method(*args, **kwargs)
        except SPARK_ERRORS as error:
            raise ExecutionError(plain_text(error)) from error

    return verb


def plain_text(error: BaseException) -> str:
    """Return the first sentence of an error, without Spark's codes and plans."""
    text = str(error).strip()
    if is_lost(error):
        return (
            "the Spark session was lost: its Java process or its server has ended; look there for "
            "the reason (often memory: `spark.driver.memory`), and run again"
        )
    scheme = _NO_FILE_SYSTEM.search(text)
    if scheme is not None:
        return (
            f"this Spark session has no file system for `{scheme.group(1) or scheme.group(2)}://`; "
            "add its Hadoop package by `spark.jars.packages` in LAKTORY_DAGSTER_SPARK_CONF, or "
            "take the node to Polars (`dataframe_type: POLARS`)"
        )
    known = next((said for sign, said in _KNOWN_CAUSES.items() if re.search(sign, text)), None)
    if known is not None:
        return known
    if isinstance(error, Py4JError):
        causes = _CAUSE.findall(text)
        return _without_codes(causes[-1]) if causes else text.partition("\n")[0]
    if not isinstance(error, PySparkException):
        return f"{type(error).__name__}: {text.partition(chr(10))[0]}"
    first = _without_codes(text).partition("\n")[0]
    return first or condition_of(error) or type(error).__name__


def _without_codes(text: str) -> str:
    return _STATE.sub("", _CONDITION.sub("", text)).strip()


def require_avro(error: BaseException, verb: str) -> UnsupportedError | None:
    """Return the error for a session without Avro, None where something else is wrong."""
    if "data source: avro" not in str(error).lower():
        return None
    return UnsupportedError(
        f"the Spark engine does not {verb} AVRO without the `spark-avro` package",
        hint="add it with `spark.jars.packages` in LAKTORY_DAGSTER_SPARK_CONF, or take the node "
        "to Polars (`dataframe_type: POLARS`)",
    )
