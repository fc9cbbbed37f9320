"""Checks of types that a declaration names: of a column, and of the columns of a schema."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from laktory_dagster.errors import ExpressionError
from laktory_dagster.expressions.python import parse_data_type
from laktory_dagster.expressions.schema_text import columns_of_text, split_parts
from laktory_dagster.expressions.suggest import hint_for
from laktory_dagster.plan.context import NodeContext
from laktory_dagster.plan.schedule import is_time_zone
from laktory_dagster.plan.steps import Path

_DECIMALS = ("decimal", "numeric", "dec")
_TYPES = (
    "binary", "byte", "int8", "tinyint", "short", "int16", "smallint", "int", "integer", "int32",
    "long", "int64", "bigint", "uint8", "uint16", "uint32", "uint64", "float", "float32", "real",
    "double", "float64", *_DECIMALS, "boolean", "bool", "string", "utf8", "str", "varchar", "char",
    "text", "date", "time", "timestamp", "timestamp_ntz", "timestamp_ltz", "datetime", "duration",
)  # fmt: skip
_IN_SCHEMAS = (*_TYPES, "int128", "void", "null")
_OF_SPARK = re.compile(r"(?:variant|interval\b.*)\Z", re.IGNORECASE)
_NESTED = re.compile(r"(array|list|struct|map)\s*<(.*)>\Z", re.IGNORECASE | re.DOTALL)
_SIZED = re.compile(r"(\w+)\s*\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)\Z")
_TIMED = re.compile(
    r"(timestamp|datetime|duration)\s*\[\s*(?:ms|us|ns)\s*(?:,([^\]]+))?\]\Z", re.IGNORECASE
)
_FIELD = re.compile(r"\s*(?:`(?:[^`]|``)*`|[^`:\s]+)\s*(?::|\s)\s*(.+)\Z", re.DOTALL)
_HELD = {"array": ("elementType",), "map": ("keyType", "valueType")}
"""What Spark's JSON of a type calls the types that it holds."""
_MOST_DIGITS = 38
_EXPECTED = "a type such as string, int, bigint, double, date, timestamp, decimal(10,2)"


def check_type(text: str, path: Path, context: NodeContext) -> None:
    """Report a type that no engine knows; `pl.Int64` and the like are types too."""
    plain = text.strip()
    if _is_known(plain, _TYPES):
        return
    try:
        if parse_data_type(plain) is not None:
            return
    except ExpressionError as error:
        context.findings.wrong_text(error, path)
        return
    _report(text, path, context)


def check_schema(definition: Any, path: Path, context: NodeContext) -> None:
    """Report columns of a declared schema whose type no engine knows, and forms that are none."""
    if isinstance(definition, str):
        _check_text(definition, path, context)
        return
    if isinstance(definition, Mapping) and not _has_fields(definition):
        for name, kind in definition.items():
            _check_kind(kind, (*path, name), context)
        return
    place = (*path, "fields") if isinstance(definition, Mapping) else path
    names: list[str] = []
    for index, column in enumerate(_listed(definition)):
        if _is_named(column):
            names.append(column["name"])
            _check_kind(column.get("type", "string"), (*place, index, "type"), context)
        else:
            context.findings.error(
                "a column of a schema needs a name",
                (*place, index),
                expected="`{name: close, type: double}`, or a mapping from column to type",
            )
    _check_once(names, path, context)


def declared_columns(definition: Any) -> tuple[str, ...] | None:
    """Return the columns of a declared schema, None where its form does not say them."""
    if isinstance(definition, str):
        try:
            return tuple(name for name, _ in columns_of_text(definition))
        except ExpressionError:
            return None
    if isinstance(definition, Mapping) and not _has_fields(definition):
        return tuple(definition)
    columns = _listed(definition)
    return tuple(column["name"] for column in columns) if all(map(_is_named, columns)) else None


def _has_fields(definition: Mapping[str, Any]) -> bool:
    """Return whether this is Spark's JSON form; a column may be called `fields`, too."""
    return isinstance(definition.get("fields"), (list, tuple))


def _listed(definition: Any) -> Sequence[Any]:
    columns = definition.get("fields") if isinstance(definition, Mapping) else definition
    return columns if isinstance(columns, (list, tuple)) else ()


def _is_named(column: Any) -> bool:
    return isinstance(column, Mapping) and isinstance(column.get("name"), str)


def _check_text(text: str, path: Path, context: NodeContext) -> None:
    try:
        columns = columns_of_text(text)
    except ExpressionError as error:
        context.findings.wrong_text(error, path)
        return
    for name, kinds in columns:
        for kind in kinds:
            if not _is_readable(kind, context):
                _report(kind, path, context, f" (column `{name}`)")
    _check_once([name for name, _ in columns], path, context)


def _check_once(names: list[str], path: Path, context: NodeContext) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        context.findings.error(f"the schema declares the column `{twice}` twice", path)


def _check_kind(kind: Any, path: Path, context: NodeContext) -> None:
    if isinstance(kind, Mapping):
        holds = _HELD.get(str(kind.get("type")), ())
        if holds and all(key in kind for key in holds):
            for key in holds:
                _check_kind(kind[key], (*path, key), context)
        else:
            # A mapping from field to type is a struct.
            check_schema(kind, path, context)
        return
    if not _is_readable(kind.strip() if isinstance(kind, str) else "", context):
        _report(kind, path, context)


def _is_readable(kind: str, context: NodeContext) -> bool:
    of_spark = context.engine == "spark" and _OF_SPARK.match(kind) is not None
    return of_spark or _is_known(kind, _IN_SCHEMAS)


def _is_known(text: str, names: tuple[str, ...]) -> bool:
    nested = _NESTED.match(text)
    if nested is not None:
        return _holds_known(nested[1].lower(), nested[2], names)
    timed = _TIMED.match(text)
    if timed is not None:
        return timed[2] is None or is_time_zone(timed[2].strip())
    sized = _SIZED.match(text)
    if sized is None:
        return text.lower() in names
    most, scale = int(sized[2]), int(sized[3] or 0)
    fits = sized[1].lower() not in _DECIMALS or scale <= most <= _MOST_DIGITS
    return fits and sized[1].lower() in names


def _holds_known(holder: str, inner: str, names: tuple[str, ...]) -> bool:
    """Return whether the parts of a type, written between `<` and `>`, are types."""
    parts = [part.strip() for part in split_parts(inner)]
    if holder == "struct":
        fields = [_FIELD.match(part) for part in parts]
        return all(field is not None and _is_known(field[1].strip(), names) for field in fields)
    count = 2 if holder == "map" else 1
    return len(parts) == count and all(_is_known(part, names) for part in parts)


def _report(kind: Any, path: Path, context: NodeContext, where: str = "") -> None:
    hint = hint_for(str(kind).rpartition(".")[2].lower(), _TYPES)
    context.findings.error(f"there is no type `{kind}`{where}", path, expected=_EXPECTED, hint=hint)
