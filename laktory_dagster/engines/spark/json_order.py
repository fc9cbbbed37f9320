"""The order of columns in JSON files: that of the first lines, which Spark sorts by name."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pyspark.sql import types as st

_ORDER_LINES = 1_000


def is_lines(path: str) -> bool:
    """Return whether a JSON file has a document per line, rather than an array or one."""
    first = next(iter(_lines(path, 1)), "")
    text = first.lstrip("\ufeff \t\r\n")
    if not text.startswith("{"):
        return False
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _lines(path: str, count: int) -> Iterable[str]:
    """Return the first lines of a text file that hold something."""
    if "://" in path:
        return []
    opener: Any = gzip.open if path.endswith(".gz") else open
    found: list[str] = []
    with opener(path, "rt", encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.strip():
                found.append(line)
            if len(found) == count:
                break
    return found


def key_order(paths: Sequence[str]) -> dict[str, Any]:
    """Return the keys of JSON files in the order in which they appear, nested ones below them."""
    order: dict[str, Any] = {}
    for path in paths[:100]:
        try:
            lines = _lines(path, _ORDER_LINES)
            texts = lines if is_lines(path) else [Path(path).read_text(encoding="utf-8-sig")]
            for text in texts:
                _note_keys(json.loads(text), order)
        except (OSError, ValueError):
            continue
    return order


def _note_keys(value: Any, order: dict[str, Any]) -> None:
    if isinstance(value, list):
        for item in value:
            _note_keys(item, order)
    if isinstance(value, dict):
        for key, inner in value.items():
            _note_keys(inner, order.setdefault(key, {}))


def in_order(frame: Any, order: Mapping[str, Any]) -> Any:
    """Return the frame with its columns and fields in this order; Spark sorts them by name."""
    schema = _ordered(frame.schema, order)
    if schema == frame.schema:
        return frame
    return frame.to(schema)


def _ordered(schema: st.StructType, order: Mapping[str, Any]) -> st.StructType:
    places = {name: place for place, name in enumerate(order)}
    fields = sorted(schema.fields, key=lambda field: places.get(field.name, len(places)))
    return st.StructType(
        [st.StructField(f.name, _ordered_type(f.dataType, order.get(f.name, {}))) for f in fields]
    )


def _ordered_type(dtype: st.DataType, order: Mapping[str, Any]) -> st.DataType:
    if isinstance(dtype, st.StructType):
        return _ordered(dtype, order)
    if isinstance(dtype, st.ArrayType):
        return st.ArrayType(_ordered_type(dtype.elementType, order), dtype.containsNull)
    return dtype
