"""Casts from any type to any other with one meaning: what does not fit becomes null."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql import types as st

from laktory_dagster.engines.spark.schemas import ddl, portable
from laktory_dagster.errors import TransformError

_TRUE = ("true", "t", "yes", "y", "1")
_FALSE = ("false", "f", "no", "n", "0")


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
    if isinstance(target, st.NullType):
        return F.lit(None)
    if isinstance(source, st.NullType):
        return value.cast(ddl(target))
    if isinstance(target, st.StringType) and isinstance(source, _NESTED):
        return value.cast(ddl(target))
    if isinstance(source, _NESTED) or isinstance(target, _NESTED):
        return _nested(value, source, target)
    if isinstance(source, st.StringType):
        return _of_text(F.trim(value), target)
    if isinstance(target, st.BooleanType) and isinstance(source, st.NumericType):
        return value != F.lit(0)
    if not _can_be(source, target):
        raise _impossible(source, target)
    return value.try_cast(ddl(target))


def _nested(value: Column, source: st.DataType, target: st.DataType) -> Column:
    """Return a nested value with its parts cast: fields by name, a missing one null."""
    if isinstance(source, st.StructType) and isinstance(target, st.StructType):
        have = {field.name: field.dataType for field in source.fields}
        parts = [
            cast_to(value.getField(field.name), have[field.name], field.dataType)
            if field.name in have
            else F.lit(None).cast(ddl(field.dataType))
            for field in target.fields
        ]
        named = [part.alias(field.name) for part, field in zip(parts, target.fields, strict=True)]
        return F.when(value.isNotNull(), F.struct(*named))
    if isinstance(source, st.ArrayType) and isinstance(target, st.ArrayType):
        inner, wanted = source.elementType, target.elementType
        return F.transform(value, lambda item: cast_to(item, inner, wanted))
    if isinstance(source, st.MapType) and isinstance(target, st.MapType):
        return _mapped(value, source, target)
    raise _impossible(source, target)


def _mapped(value: Column, source: st.MapType, target: st.MapType) -> Column:
    """Return a map with its values and its keys cast; what has no key any more is left out."""
    kind, wanted = source.valueType, target.valueType
    value = F.transform_values(value, lambda _, item: cast_to(item, kind, wanted))
    if source.keyType == target.keyType:
        return value
    key, named = source.keyType, target.keyType
    kept = F.map_filter(value, lambda name, _: cast_to(name, key, named).isNotNull())
    return F.transform_keys(kept, lambda name, _: cast_to(name, key, named))


_NESTED = (st.ArrayType, st.StructType, st.MapType)
_TIMES = (st.DateType, st.TimestampType, st.TimestampNTZType)


def _of_text(text: Column, target: st.DataType) -> Column:
    if isinstance(target, st.BooleanType):
        word = F.lower(text)
        return F.when(word.isin(*_TRUE), F.lit(True)).when(word.isin(*_FALSE), F.lit(False))
    if isinstance(target, st.DateType):
        return F.when(_has_a_day(text), text).try_cast(ddl(target))
    if isinstance(target, st.TimestampType | st.TimestampNTZType):
        moment = F.when(_has_a_day(text), text).try_cast("timestamp")
        return moment.cast(ddl(target))
    return text.try_cast(ddl(target))


def _has_a_day(text: Column) -> Column:
    """Return whether a text begins as `2024-05-01` or `2024-5-1` does.

    Spark also takes a year and a month for their first day. All else the cast itself looks at; two
    dashes are found in a fifth of the time of a pattern.
    """
    return (F.substring(text, 5, 1) == "-") & (F.instr(F.substring(text, 6, 3), "-") > 0)


def _can_be(source: st.DataType, target: st.DataType) -> bool:
    if isinstance(target, st.DateType):
        return isinstance(source, _TIMES)
    if isinstance(target, _TIMES):
        return isinstance(source, (*_TIMES, st.NumericType))
    if isinstance(source, st.DateType):
        return isinstance(target, (*_TIMES, st.StringType))
    return True


def _impossible(source: st.DataType, target: st.DataType) -> TransformError:
    hint = None
    if isinstance(source, st.StringType) and isinstance(target, _NESTED):
        hint = "read the text with `F.from_json`, with `type: null`"
    return TransformError(f"{portable(source)} cannot be cast to {portable(target)}", hint=hint)
