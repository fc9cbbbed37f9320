"""One schema for several files, in Spark's types."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import types as st

from laktory_dagster.engines.drift import Drift, common_fields
from laktory_dagster.engines.spark.schemas import portable, struct_of

FileSchema = tuple[str, st.StructType]


def unify(files: Sequence[FileSchema], rule: str) -> tuple[st.StructType, bool]:
    """Return the schema of all files together, and whether every file has exactly that one.

    Raises:
        ReadError: the files differ more than the rule allows; it names both files and the columns.
    """
    first = files[0][1]
    shapes = [(path, _types(schema)) for path, schema in files]
    if all(shape == shapes[0][1] for _, shape in shapes[1:]):
        return first, all(schema.names == first.names for _, schema in files[1:])
    return struct_of(_DRIFT.unify(shapes, rule)), False


def _types(schema: st.StructType) -> dict[str, st.DataType]:
    return {field.name: field.dataType for field in schema.fields}


def common_type(one: st.DataType, other: st.DataType, *, numbers: bool) -> st.DataType | None:
    """Return the type that holds the values of both, None where there is none."""
    if isinstance(one, st.NullType):
        return other
    if isinstance(other, st.NullType) or one == other:
        return one
    if isinstance(one, st.StructType) and isinstance(other, st.StructType):
        fields = common_fields(
            _types(one), _types(other), lambda a, b: common_type(a, b, numbers=numbers)
        )
        return None if fields is None else struct_of(fields)
    if isinstance(one, st.ArrayType) and isinstance(other, st.ArrayType):
        inner = common_type(one.elementType, other.elementType, numbers=numbers)
        return None if inner is None else st.ArrayType(inner)
    if numbers and isinstance(one, st.NumericType) and isinstance(other, st.NumericType):
        fractional = isinstance(one, st.FractionalType) or isinstance(other, st.FractionalType)
        both_small = isinstance(one, st.FloatType) and isinstance(other, st.FloatType)
        if fractional:
            return st.FloatType() if both_small else st.DoubleType()
        return st.LongType()
    return None


_DRIFT = Drift[st.DataType](
    portable,
    lambda dtype: isinstance(dtype, st.NumericType),
    lambda one, other, numbers: common_type(one, other, numbers=numbers),
)
