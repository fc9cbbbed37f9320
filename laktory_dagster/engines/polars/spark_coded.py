"""Spark's functions that write a value as a text: JSON, checksums, base64."""

from __future__ import annotations

import hashlib
import json
import math
import zlib
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import polars as pl
from polars.datatypes import DataTypeClass

from laktory_dagster.engines.polars.casts import float_text
from laktory_dagster.engines.polars.spark_names import plain
from laktory_dagster.engines.polars.spark_text import text
from laktory_dagster.errors import ExpressionError

_Kind = pl.DataType | DataTypeClass
_SHA2 = {0: "sha256", 224: "sha224", 256: "sha256", 384: "sha384", 512: "sha512"}


def to_json(value: pl.Expr, _options: Any = None) -> pl.Expr:
    """Return structs and arrays as JSON; a field that is null is left out."""
    return value.map_batches(_json_texts, return_dtype=pl.String, is_elementwise=True)


def _json_texts(values: pl.Series) -> pl.Series:
    kind = values.dtype
    texts = [None if value is None else _json(value, kind) for value in values.to_list()]
    return pl.Series(values.name, texts, dtype=pl.String)


def _json(value: Any, kind: _Kind) -> str:
    if isinstance(kind, pl.Struct) and value is not None:
        fields = [(f.name, value[f.name], f.dtype) for f in kind.fields]
        parts = [
            f"{json.dumps(n, ensure_ascii=False)}:{_json(v, k)}"
            for n, v, k in fields
            if v is not None
        ]
        return f"{{{','.join(parts)}}}"
    if isinstance(kind, pl.List | pl.Array) and value is not None:
        return f"[{','.join(_json(item, kind.inner) for item in value)}]"
    if isinstance(value, float) and not math.isfinite(value):
        return '"NaN"' if math.isnan(value) else f'"{"-" if value < 0 else ""}Infinity"'
    if isinstance(value, float):
        return float_text(_shortest(value) if kind == pl.Float32 else value)
    if isinstance(value, datetime):
        zone = "" if value.tzinfo is None else "Z"
        moment = value if value.tzinfo is None else value.astimezone(UTC)
        return f'"{moment.replace(tzinfo=None).isoformat(timespec="milliseconds")}{zone}"'
    if isinstance(value, bytes):
        return f'"{b64encode(value).decode()}"'
    if value is None or isinstance(value, str | int):
        return json.dumps(value, ensure_ascii=False)
    if hasattr(value, "isoformat"):
        return f'"{value.isoformat()}"'
    return str(value)


def _shortest(value: float) -> float:
    """Return the number of 64 bits with the digits that tell a number of 32 bits from others."""
    return float(pl.Series([value], dtype=pl.Float32).cast(pl.String)[0])


def _hashed(function: Callable[[bytes], Any], kind: type[pl.DataType]) -> Callable[..., pl.Expr]:
    def hashed(value: pl.Expr) -> pl.Expr:
        def hash_all(values: pl.Series) -> pl.Series:
            found = [None if value is None else function(value) for value in values]
            return pl.Series(values.name, found, dtype=kind)

        # A text is hashed as its bytes in UTF-8.
        data = value.cast(pl.Binary)
        return data.map_batches(hash_all, return_dtype=kind, is_elementwise=True)

    return hashed


def _digest(algorithm: str) -> Callable[[bytes], str]:
    return lambda data: hashlib.new(algorithm, data, usedforsecurity=False).hexdigest()


def _sha2(value: pl.Expr, bits: Any) -> pl.Expr:
    algorithm = _SHA2.get(plain(bits))
    if algorithm is None:
        raise ExpressionError(
            f"there is no SHA-2 of {plain(bits)} bits", expected="224, 256, 384 or 512"
        )
    return _hashed(_digest(algorithm), pl.String)(value)


_sha1 = _hashed(_digest("sha1"), pl.String)

CODED: Mapping[str, Callable[..., pl.Expr]] = {
    "crc32": _hashed(zlib.crc32, pl.Int64),
    "md5": _hashed(_digest("md5"), pl.String),
    "sha": _sha1,
    "sha1": _sha1,
    "sha2": _sha2,
    "to_json": to_json,
    "unbase64": lambda value: text(value).str.decode("base64", strict=False),
}
"""The functions, by Spark's names."""
