"""Checks of types that a declaration names: of a column, and of the columns of a schema."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from laktory_dagster.errors import ExpressionError
from laktory_dagster.expressions.python import parse_data_type
from laktory_dagster.expressions.suggest import hint_for
from laktory_dagster.plan.context import NodeContext
from laktory_dagster.plan.steps import Path

_TYPES = (
    "binary", "byte", "int8", "tinyint", "short", "int16", "smallint", "int", "integer", "int32",
    "long", "int64", "bigint", "uint8", "uint16", "uint32", "uint64", "float", "float32", "real",
    "double", "float64", "decimal", "boolean", "bool", "string", "utf8", "str", "varchar", "char",
    "text", "date", "time", "timestamp", "timestamp_ntz", "timestamp_ltz", "datetime", "duration",
)  # fmt: skip
_IN_SCHEMAS = (*_TYPES, "int128", "void", "null")
_OF_SPARK = re.compile(r"(?:variant|interval\b.*)\Z", re.IGNORECASE)
_NESTED = re.compile(r"(?:array|list|struct|map)\s*<.+>\Z", re.IGNORECASE | re.DOTALL)
_SIZED = re.compile(r"(\w+)\s*(?:\(\s*\d+\s*(?:,\s*\d+\s*)?\)|\[\s*\w+\s*(?:,[^\]]+)?\])\Z")
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
    """Report columns of a declared schema whose type no engine knows, and forms that are none.

    Columns in one text, `a INT, b STRING`, are for the engine to read.
    """
    if isinstance(definition, Mapping) and "fields" not in definition:
        for name, kind in definition.items():
            _check_kind(kind, (*path, name), context)
        return
    columns = definition.get("fields") if isinstance(definition, Mapping) else definition
    for index, column in enumerate(columns if isinstance(columns, (list, tuple)) else ()):
        place = (*path, "fields", index) if isinstance(definition, Mapping) else (*path, index)
        if isinstance(column, Mapping) and isinstance(column.get("name"), str):
            _check_kind(column.get("type", "string"), (*place, "type"), context)
        else:
            context.findings.error(
                "a column of a schema needs a name",
                place,
                expected="`{name: close, type: double}`, or a mapping from column to type",
            )


def _check_kind(kind: Any, path: Path, context: NodeContext) -> None:
    if isinstance(kind, Mapping):
        if kind.get("type") == "struct":
            check_schema(kind, path, context)
        elif "elementType" in kind:
            _check_kind(kind["elementType"], (*path, "elementType"), context)
        return
    plain = kind.strip() if isinstance(kind, str) else ""
    of_spark = context.engine == "spark" and _OF_SPARK.match(plain) is not None
    if not of_spark and not _is_known(plain, _IN_SCHEMAS):
        _report(kind, path, context)


def _is_known(text: str, names: tuple[str, ...]) -> bool:
    sized = _SIZED.match(text)
    name = (sized.group(1) if sized else text).lower()
    return name in names or _NESTED.match(text) is not None


def _report(kind: Any, path: Path, context: NodeContext) -> None:
    hint = hint_for(str(kind).rpartition(".")[2].lower(), _TYPES)
    context.findings.error(f"there is no type `{kind}`", path, expected=_EXPECTED, hint=hint)
