"""One schema for several files, by the declared rule and never by their order."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import types as st

from laktory_dagster.engines.spark.schemas import portable
from laktory_dagster.errors import ReadError

FileSchema = tuple[str, st.StructType]


def unify(files: Sequence[FileSchema], rule: str) -> tuple[st.StructType, bool]:
    """Return the schema of all files together, and whether every file has exactly that one.

    `freeze` allows no difference, `add` missing columns (null), `widen` also wider numbers.

    Raises:
        ReadError: the files differ more than the rule allows; it names both files and the columns.
    """
    first_path, first = files[0]
    shape = _types(first)
    if all(_types(schema) == shape for _, schema in files[1:]):
        return first, all(schema.names == first.names for _, schema in files[1:])
    merged, origin = dict(shape), dict.fromkeys(shape, first_path)
    for path, schema in files[1:]:
        if rule == "freeze" and set(schema.names) != set(merged):
            raise _different_columns(first_path, first, path, schema)
        for name, dtype in _types(schema).items():
            have = merged.setdefault(name, dtype)
            origin.setdefault(name, path)
            common = have if have == dtype else common_type(have, dtype, numbers=rule == "widen")
            if common is None:
                raise _different_types(name, (origin[name], have), (path, dtype), rule)
            merged[name] = common
    return st.StructType([st.StructField(n, t) for n, t in merged.items()]), False


def _types(schema: st.StructType) -> dict[str, st.DataType]:
    return {field.name: field.dataType for field in schema.fields}


def common_type(one: st.DataType, other: st.DataType, *, numbers: bool) -> st.DataType | None:
    """Return the type that holds the values of both, None where there is none."""
    if isinstance(one, st.NullType):
        return other
    if isinstance(other, st.NullType) or one == other:
        return one
    if isinstance(one, st.StructType) and isinstance(other, st.StructType):
        return _common_struct(one, other, numbers=numbers)
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


def _common_struct(
    one: st.StructType, other: st.StructType, *, numbers: bool
) -> st.StructType | None:
    fields = _types(one)
    for name, dtype in _types(other).items():
        common = common_type(fields.setdefault(name, dtype), dtype, numbers=numbers)
        if common is None:
            return None
        fields[name] = common
    return st.StructType([st.StructField(n, t) for n, t in fields.items()])


def _different_columns(
    first: str, schema: st.StructType, path: str, other: st.StructType
) -> ReadError:
    parts = []
    if missing := [name for name in schema.names if name not in other.names]:
        parts.append(f"lacks {', '.join(f'`{name}`' for name in missing)}")
    if added := [name for name in other.names if name not in schema.names]:
        parts.append(f"adds {', '.join(f'`{name}`' for name in added)}")
    return ReadError(
        f"{path} {' and '.join(parts)}, compared with {first}",
        expected="files with the same columns",
        hint="`schema_evolution: add` on the source fills missing columns with null",
    )


def _different_types(
    name: str, one: tuple[str, st.DataType], other: tuple[str, st.DataType], rule: str
) -> ReadError:
    numbers = isinstance(one[1], st.NumericType) and isinstance(other[1], st.NumericType)
    hint = "declare `schema_definition` on the source"
    if rule != "widen" and numbers:
        hint = "`schema_evolution: widen` on the source reads both as the wider type"
    return ReadError(
        f"the column `{name}` is {portable(one[1])} in {one[0]} and {portable(other[1])} in "
        f"{other[0]}",
        expected="one type in all files",
        hint=hint,
    )
