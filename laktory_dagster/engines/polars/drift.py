"""One schema for several files, by the declared rule and never by their order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from laktory_dagster.engines.polars.schemas import portable
from laktory_dagster.errors import ReadError

FileSchema = tuple[str, pl.Schema]


def unify(
    files: Sequence[FileSchema], rule: str, *, is_json: bool = False, is_excel: bool = False
) -> tuple[pl.Schema, bool]:
    """Return the schema of all files together, and whether every file has exactly that one.

    `freeze` allows no difference, `add` missing columns (null), `widen` also wider numbers. JSON
    has neither fixed columns nor kinds of numbers, so there both are always allowed; a spreadsheet
    has no kinds of numbers.

    Raises:
        ReadError: the files differ more than the rule allows; it names both files and the columns.
    """
    first_path, first = files[0]
    if all(schema == first for _, schema in files[1:]):
        return first, True
    merged = dict(first)
    origin = dict.fromkeys(first, first_path)
    for path, schema in files[1:]:
        if rule == "freeze" and not is_json and set(schema) != set(merged):
            raise _different_columns(first_path, first, path, schema)
        for name, dtype in schema.items():
            have = merged.setdefault(name, dtype)
            origin.setdefault(name, path)
            if have == dtype:
                continue
            common = common_type(have, dtype, numbers=rule == "widen" or is_json or is_excel)
            if common is None:
                raise _different_types(name, origin[name], have, path, dtype, rule)
            merged[name] = common
    return pl.Schema(merged), False


def common_type(one: pl.DataType, other: pl.DataType, *, numbers: bool) -> pl.DataType | None:
    """Return the type that holds the values of both, None where there is none."""
    if one == other:
        return one
    if one == pl.Null():
        return other
    if other == pl.Null():
        return one
    if isinstance(one, pl.Struct) and isinstance(other, pl.Struct):
        return _common_struct(one, other, numbers=numbers)
    if isinstance(one, pl.List) and isinstance(other, pl.List):
        inner = common_type(_made(one.inner), _made(other.inner), numbers=numbers)
        return None if inner is None else pl.List(inner)
    if numbers and one.is_numeric() and other.is_numeric():
        return _wider(one, other)
    return None


def _made(dtype: Any) -> pl.DataType:
    made: pl.DataType = dtype if isinstance(dtype, pl.DataType) else dtype()
    return made


def _common_struct(one: pl.Struct, other: pl.Struct, *, numbers: bool) -> pl.DataType | None:
    fields = {field.name: _made(field.dtype) for field in one.fields}
    for field in other.fields:
        have = fields.setdefault(field.name, _made(field.dtype))
        common = common_type(have, _made(field.dtype), numbers=numbers)
        if common is None:
            return None
        fields[field.name] = common
    return pl.Struct(fields)


def _wider(one: pl.DataType, other: pl.DataType) -> pl.DataType:
    if one.is_float() or other.is_float():
        both_small = {type(one), type(other)} == {pl.Float32}
        return pl.Float32() if both_small else pl.Float64()
    if one.is_decimal() or other.is_decimal():
        return pl.Float64()
    return pl.Int64()


def _different_columns(first: str, schema: pl.Schema, path: str, other: pl.Schema) -> ReadError:
    parts = []
    if missing := [name for name in schema if name not in other]:
        parts.append(f"lacks {', '.join(f'`{name}`' for name in missing)}")
    if added := [name for name in other if name not in schema]:
        parts.append(f"adds {', '.join(f'`{name}`' for name in added)}")
    return ReadError(
        f"{path} {' and '.join(parts)}, compared with {first}",
        expected="files with the same columns",
        hint="`schema_evolution: add` on the source fills missing columns with null",
    )


def _different_types(
    name: str, first: str, have: pl.DataType, path: str, dtype: pl.DataType, rule: str
) -> ReadError:
    hint = "declare `schema_definition` on the source"
    if rule != "widen" and have.is_numeric() and dtype.is_numeric():
        hint = "`schema_evolution: widen` on the source reads both as the wider type"
    return ReadError(
        f"the column `{name}` is {portable(have)} in {first} and {portable(dtype)} in {path}",
        expected="one type in all files",
        hint=hint,
    )
