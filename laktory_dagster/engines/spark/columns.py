"""Columns on their way into a store: types that a format holds, and what may change in them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql import types as st

from laktory_dagster.engines.columns import Fitting, not_exact, quoted, require_declared
from laktory_dagster.engines.spark.schemas import ddl, parse_schema, portable
from laktory_dagster.engines.spark.scope import column
from laktory_dagster.engines.spark.session import is_connect
from laktory_dagster.errors import SchemaChangedError, WriteError

Types = dict[str, st.DataType]


def types_of(frame: Any) -> Types:
    """Return the columns of a frame with their types, whether they may be null left out."""
    return {field.name: _nullable(field.dataType) for field in frame.schema.fields}


def _nullable(dtype: st.DataType) -> st.DataType:
    if isinstance(dtype, st.ArrayType):
        return st.ArrayType(_nullable(dtype.elementType))
    if isinstance(dtype, st.MapType):
        return st.MapType(_nullable(dtype.keyType), _nullable(dtype.valueType))
    if isinstance(dtype, st.StructType):
        return st.StructType([st.StructField(f.name, _nullable(f.dataType)) for f in dtype.fields])
    if isinstance(dtype, (st.CharType, st.VarcharType)):
        return st.StringType()
    return dtype


def stored_types(types: Types, table: str, known: Types) -> Types:
    """Return the types in which a Delta table holds these columns.

    A column without a type (all null) takes the type `known` for it, else string.

    Raises:
        WriteError: a column of a type that Delta has no place for (intervals), or of a name that
            it does not take.
    """
    return {
        name: known[name]
        if isinstance(dtype, st.NullType) and name in known
        else _stored(dtype, name, table)
        for name, dtype in types.items()
    }


def _remedy(dtype: st.DataType, column: str) -> str:
    if isinstance(dtype, st.DayTimeIntervalType):
        return f"write it as a number: nw.col('{column}').dt.total_microseconds()"
    return f"write it as text: F.col('{column}').cast('string')"


_FORBIDDEN = " ,;{}()\n\t="


def _stored(dtype: st.DataType, name: str, table: str) -> st.DataType:
    forbidden = next((letter for letter in name if letter in _FORBIDDEN), None)
    if forbidden is not None:
        raise WriteError(
            f"{table}: Delta on Spark takes no column name with {forbidden!r}: `{name}`",
            hint="rename the column, for example in `selects` of the source",
        )
    if isinstance(dtype, st.NullType):
        return st.StringType()
    if isinstance(dtype, st.ArrayType):
        return st.ArrayType(_stored(dtype.elementType, name, table))
    if isinstance(dtype, st.StructType):
        return st.StructType(
            [st.StructField(f.name, _stored(f.dataType, f.name, table)) for f in dtype.fields]
        )
    if isinstance(dtype, (st.DayTimeIntervalType, st.YearMonthIntervalType, st.TimeType)):
        raise WriteError(
            f"{table}: Delta has no type for the column `{name}` ({portable(dtype)})",
            hint=_remedy(dtype, name),
        )
    return dtype


def cast_to(frame: Any, want: Types, inexact: Mapping[str, int] | None = None) -> Any:
    """Return the frame with the columns of other types cast.

    Integers beyond their limit in `inexact` fail where they are computed, see `inexact_problem`.
    """
    have, limits = types_of(frame), inexact or {}
    # Over Connect a string may have an explicit collation, which its schema does not show.
    remote = is_connect(frame)
    changes = {
        name: _exact(name, dtype, limits[name]) if name in limits else column(name).cast(ddl(dtype))
        for name, dtype in want.items()
        if have[name] != dtype or (remote and "string" in ddl(dtype))
    }
    return frame.withColumns(changes) if changes else frame


_BEYOND = "laktory: integers beyond"
_FOUND_BEYOND = re.compile(rf"{_BEYOND} (\d+) in `((?:[^`]|``)*)`")


def _exact(name: str, dtype: st.DataType, limit: int) -> Any:
    value, shown = column(name), quoted(name)
    fails = F.raise_error(F.lit(f"{_BEYOND} {limit} in {shown}"))
    return F.when(~value.between(-limit, limit), fails).otherwise(value.cast(ddl(dtype)))


def inexact_problem(error: BaseException, table: str) -> SchemaChangedError | None:
    """Return the error for integers that their float cannot tell apart, None for other errors."""
    found = _FOUND_BEYOND.search(str(error))
    if found is None:
        return None
    return not_exact(found.group(2).replace("``", "`"), int(found.group(1)), table)


def declared_types(definition: Any, types: Types, table: str) -> Types:
    """Return the types that a sink declares for columns of the batch.

    Raises:
        WriteError: a declared column is not there.
    """
    if definition is None:
        return {}
    wanted = {field.name: field.dataType for field in parse_schema(definition).fields}
    require_declared(wanted, list(types), table)
    return wanted


fit_schema = Fitting[st.DataType](portable, st.DoubleType()).fit
