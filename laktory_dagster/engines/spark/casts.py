"""Casts from any type to any other with one meaning: what does not fit becomes null."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql import types as st

from laktory_dagster.engines.spark.schemas import portable
from laktory_dagster.errors import TransformError

_TRUE = ("true", "t", "yes", "y", "1")
_FALSE = ("false", "f", "no", "n", "0")
_ISO_DATE = r"^(\d{4}-\d{1,2}-\d{1,2})(?:[ T].*)?$"
_ISO_TIME = r"^\d{4}-\d{1,2}-\d{1,2}(?:[ T].*)?$"


def cast_to(value: Column, source: st.DataType, target: st.DataType) -> Column:
    """Return the value as `target`; a single value that does not fit is null.

    Args:
        value: a column of type `source`.
        source: its type.
        target: the type wanted.

    Raises:
        TransformError: no value of the one type can be one of the other.
    """
    if source == target:
        return value
    if isinstance(source, st.NullType):
        return value.cast(target)
    if isinstance(target, st.StringType) and isinstance(source, _NESTED):
        return F.to_json(value)
    if isinstance(source, _NESTED) != isinstance(target, _NESTED):
        raise _impossible(source, target)
    if isinstance(source, st.StringType):
        return _of_text(F.trim(value), target)
    if isinstance(target, st.BooleanType) and isinstance(source, st.NumericType):
        return value != F.lit(0)
    if not _can_be(source, target):
        raise _impossible(source, target)
    return value.try_cast(target)


_NESTED = (st.ArrayType, st.StructType, st.MapType)
_TIMES = (st.DateType, st.TimestampType, st.TimestampNTZType)


def _of_text(text: Column, target: st.DataType) -> Column:
    if isinstance(target, st.BooleanType):
        word = F.lower(text)
        return F.when(word.isin(*_TRUE), F.lit(True)).when(word.isin(*_FALSE), F.lit(False))
    if isinstance(target, st.DateType):
        found = F.regexp_extract(text, _ISO_DATE, 1)
        return F.when(found != "", found).try_cast(target)
    if isinstance(target, st.TimestampType | st.TimestampNTZType):
        moment = F.when(text.rlike(_ISO_TIME), text).try_cast(st.TimestampType())
        return moment.cast(target)
    return text.try_cast(target)


def _can_be(source: st.DataType, target: st.DataType) -> bool:
    if isinstance(target, st.DateType):
        return isinstance(source, _TIMES)
    if isinstance(target, _TIMES):
        return isinstance(source, (*_TIMES, st.NumericType))
    if isinstance(source, st.DateType):
        return isinstance(target, (*_TIMES, st.StringType))
    return True


def _impossible(source: st.DataType, target: st.DataType) -> TransformError:
    return TransformError(f"{portable(source)} cannot become {portable(target)}")
