"""Spark's `from_json`: a JSON text as a value of a type."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import polars as pl
from polars.datatypes import DataTypeClass

from laktory_dagster.engines.polars.casts import cast_to, float_text

_Kind = pl.DataType | DataTypeClass
_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_FEW = 256
_TOGETHER = 32


def read_json(value: pl.Expr, kind: pl.DataType) -> pl.Expr:
    """Return JSON as a value; a bad text is a struct of nulls, or null where no struct is wanted.

    A field of the wrong kind is null, beside the fields that are right. Polars' own decoding would
    take `true` for 1, 1.5 for a whole number and the first of two fields of one name, so that it
    gets only the texts without such things.
    """
    raw = _raw(kind)
    strange = _strange(raw)

    def read(texts: pl.Series) -> pl.Series:
        if strange is None:
            return _one_by_one(texts, raw)
        plain = texts.str.contains(r"^\s*\{.*\}\s*$").fill_null(value=False)
        for pattern in strange:
            plain &= ~texts.str.contains(pattern).fill_null(value=True)
        parts = [_decoded(texts.filter(plain), raw), _one_by_one(texts.filter(~plain), raw)]
        places = pl.concat([plain.arg_true(), (~plain).arg_true()]).arg_sort()
        return pl.concat(parts).gather(places)

    found = value.map_batches(read, return_dtype=raw, is_elementwise=True)
    return found if raw == kind else cast_to(found, raw, kind)


def _strange(kind: pl.DataType) -> list[str] | None:
    """Return the patterns of what Polars decodes otherwise; None where it may be anywhere."""
    if not isinstance(kind, pl.Struct):
        return None
    fields = list(_fields(kind))
    if any(isinstance(inner, pl.List) or not name.isidentifier() for name, inner in fields):
        return None
    wrong = [rf'"{name}"\s*:\s*(?:{_wrong_start(inner)})' for name, inner in fields]
    twice = [rf'"{name}"\s*:.*"{name}"\s*:' for name in dict.fromkeys(name for name, _ in fields)]
    return [r"[\x00-\x1f]|\\u", *map("|".join, _batched(wrong)), *map("|".join, _batched(twice))]


def _batched(patterns: list[str]) -> Iterator[list[str]]:
    """Yield a few patterns at a time: a search for hundreds at once is slow."""
    for start in range(0, len(patterns), _TOGETHER):
        yield patterns[start : start + _TOGETHER]


def _fields(kind: pl.Struct) -> Iterator[tuple[str, _Kind]]:
    for field in kind.fields:
        yield field.name, field.dtype
        if isinstance(field.dtype, pl.Struct):
            yield from _fields(field.dtype)


def _wrong_start(kind: _Kind) -> str:
    """Return the pattern of how a value begins that is not of a kind, and not null."""
    if isinstance(kind, pl.Struct):
        return r"[^{\sn]"
    if kind == pl.String:
        return r'[^"\sn]'
    if kind == pl.Boolean:
        return r"[^tf\sn]"
    return r"[^-0-9\sn]" + ("" if kind.is_float() else r"|-?[0-9]+[.eE]")


def _decoded(texts: pl.Series, kind: pl.DataType) -> pl.Series:
    """Return plain texts as values; those around a malformed one go one by one."""
    try:
        return texts.str.json_decode(kind)
    except pl.exceptions.PolarsError:
        if len(texts) <= _FEW:
            return _one_by_one(texts, kind)
    half = len(texts) // 2
    return pl.concat([_decoded(texts[:half], kind), _decoded(texts[half:], kind)])


def _one_by_one(texts: pl.Series, kind: pl.DataType) -> pl.Series:
    values = [None if text is None or not text.strip() else _root(text, kind) for text in texts]
    return pl.Series(texts.name, values, dtype=kind)


def _raw(kind: Any) -> pl.DataType:
    """Return a type with texts in place of those that JSON has not: times and exact numbers."""
    if isinstance(kind, pl.List):
        return pl.List(_raw(kind.inner))
    if isinstance(kind, pl.Struct):
        return pl.Struct([pl.Field(field.name, _raw(field.dtype)) for field in kind.fields])
    is_own = kind.is_integer() or kind.is_float() or kind == pl.Boolean
    found: pl.DataType = kind if is_own else pl.String()
    return found


def _root(text: str, kind: _Kind) -> Any:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if isinstance(kind, pl.Struct) and not isinstance(found, dict):
        found = {}
    if isinstance(kind, pl.List) and isinstance(kind.inner, pl.Struct) and isinstance(found, dict):
        found = [found]
    return _fitting(found, kind)


def _fitting(value: Any, kind: _Kind) -> Any:
    """Return what of a JSON value is of a type; null where it is of another kind."""
    if isinstance(kind, pl.Struct):
        if not isinstance(value, dict):
            return None
        return {field.name: _fitting(value.get(field.name), field.dtype) for field in kind.fields}
    if isinstance(kind, pl.List):
        return _items(value, kind.inner) if isinstance(value, list) else None
    if kind == pl.String:
        return _as_text(value)
    if kind == pl.Boolean:
        return value if isinstance(value, bool) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _NOT_FINITE.get(value) if kind.is_float() and isinstance(value, str) else None
    if kind.is_float():
        return float(value)
    lowest, highest = _limits(kind)
    return value if isinstance(value, int) and lowest <= value <= highest else None


def _items(values: list[Any], kind: _Kind) -> list[Any] | None:
    """Return the items of an array; null where one of them is of another kind."""
    found = [_fitting(value, kind) for value in values]
    is_wrong = any(a is None and b is not None for a, b in zip(found, values, strict=True))
    return None if is_wrong else found


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return float_text(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@lru_cache(maxsize=16)
def _limits(kind: _Kind) -> tuple[int, int]:
    values = pl.Series([], dtype=kind)
    lowest, highest = values.lower_bound().item(), values.upper_bound().item()
    return int(lowest), int(highest)
