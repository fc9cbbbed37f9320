"""What Polars reports, in the words of the product."""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl
from deltalake.exceptions import DeltaError

from laktory_dagster.errors import LaktoryDagsterError, TransformError
from laktory_dagster.expressions.suggest import hint_for

_MISSING = re.compile(r"(?:unable to find column|column not found:|not found:) \"?([^\";\n]+)\"?")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_SHOWN = 12
FAILURES = (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException, DeltaError)
"""What goes wrong when data are read or written; of some damaged files Polars' own code gives up."""


def missing_column(name: str, columns: Sequence[str]) -> TransformError:
    """Return the error for a column that is not there."""
    shown = ", ".join(columns[:_SHOWN]) + (", ..." if len(columns) > _SHOWN else "")
    return TransformError(
        f"there is no column `{name}`",
        expected=f"one of {shown}" if columns else None,
        hint=hint_for(name, columns),
    )


def explained(error: BaseException, columns: Sequence[str]) -> TransformError:
    """Return an error in one clear line; `columns` are those that the step had before it."""
    if isinstance(error, TransformError):
        return error
    if isinstance(error, LaktoryDagsterError):
        return TransformError(error.message, expected=error.expected, hint=error.hint)
    if isinstance(error, pl.exceptions.ColumnNotFoundError):
        found = _MISSING.search(str(error))
        if found is not None:
            return missing_column(found.group(1), columns)
    return TransformError(_first_line(error))


def plain_text(error: BaseException) -> str:
    """Return the first line of an error, without the colours and stack that some libraries add."""
    return _COLOURS.sub("", str(error)).strip().partition("\n")[0]


def _first_line(error: BaseException) -> str:
    text = plain_text(error)
    is_ours = isinstance(error, pl.exceptions.PolarsError)
    return text if is_ours and text else f"{type(error).__name__}: {text}"
