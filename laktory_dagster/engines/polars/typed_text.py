"""Text files that nodes wrote, read back with the types that they had: the text `007` stays one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import polars as pl

from laktory_dagster.engines.base import Written
from laktory_dagster.engines.polars.casts import cast_to
from laktory_dagster.engines.polars.paths import exactly
from laktory_dagster.engines.polars.schemas import parse_type
from laktory_dagster.errors import SettingsError

_READ_AS = {
    **dict.fromkeys(("include_header", "header"), "has_header"),
    **dict.fromkeys(("separator", "sep", "delimiter"), "separator"),
    **dict.fromkeys(("quote_char", "quote"), "quote_char"),
    **dict.fromkeys(("null_value", "nullValue"), "null_values"),
    **dict.fromkeys(("line_terminator", "lineSep"), "eol_char"),
}
"""Options of the writer to those of the reader that undo them."""
_PATTERNS = {pl.Date: "date_format", pl.Datetime: "datetime_format", pl.Time: "time_format"}
_JSON_HAS = (pl.Boolean, pl.String, pl.Null)
_NARROW = (pl.Int8, pl.Int16, pl.UInt8, pl.UInt16)


def scan_text(
    paths: Sequence[str],
    form: str,
    written: Written,
    storage_options: Mapping[str, str] | None = None,
    left_out: Collection[str] = (),
) -> pl.LazyFrame:
    """Return the rows of text files of one writer lazily, in the types of its receipt.

    Args:
        paths: the files.
        form: one of `TEXT`.
        written: the options of the writer, and the columns; without those types are inferred.
        storage_options: how to get at an object store.
        left_out: columns that stand in the names of folders.
    """
    storage = dict(storage_options) if storage_options else None
    types = {c.name: known_type(c.type) for c in written.columns if c.name not in left_out}
    if form == "CSV":
        return _csv(paths, written.options, types, storage)
    return _lines(paths, types, storage)


def known_type(text: str) -> pl.DataType | None:
    """Return the type that a receipt names, None for one that no text can be read as."""
    try:
        return parse_type(text)
    except SettingsError:
        return None


def _csv(
    paths: Sequence[str],
    options: Mapping[str, Any],
    types: Mapping[str, pl.DataType | None],
    storage: dict[str, str] | None,
) -> pl.LazyFrame:
    reader: dict[str, Any] = {_READ_AS[n]: value for n, value in options.items() if n in _READ_AS}
    if "eol_char" in reader:
        reader["eol_char"] = str(reader["eol_char"])[-1]
    if not types:
        reader |= {"try_parse_dates": True, "decimal_comma": bool(options.get("decimal_comma"))}
        return pl.scan_csv(exactly(paths), storage_options=storage, **reader)
    texts = pl.Schema(dict.fromkeys(types, pl.String()))
    frame = pl.scan_csv(exactly(paths), schema=texts, storage_options=storage, **reader)
    return frame.select(_from_text(name, kind, options) for name, kind in types.items())


def _from_text(name: str, kind: pl.DataType | None, options: Mapping[str, Any]) -> pl.Expr:
    text = pl.col(name)
    if kind is None or isinstance(kind, pl.Duration | pl.Null):
        return text
    if isinstance(kind, pl.Date | pl.Datetime | pl.Time) and _PATTERNS[type(kind)] in options:
        return text.str.strptime(kind, str(options[_PATTERNS[type(kind)]]))
    if options.get("decimal_comma") and (kind.is_float() or kind.is_decimal()):
        text = text.str.replace(",", ".", literal=True)
    return cast_to(text, pl.String(), kind).alias(name)


def _lines(
    paths: Sequence[str],
    types: Mapping[str, pl.DataType | None],
    storage: dict[str, str] | None,
) -> pl.LazyFrame:
    read = {name: _json_type(kind) for name, kind in types.items() if kind is not None}
    options: dict[str, Any] = {"infer_schema_length": None, "storage_options": storage}
    if read:
        options["schema" if len(read) == len(types) else "schema_overrides"] = read
    frame = pl.scan_ndjson(exactly(paths), **options)
    changed = {n: types[n] for n, have in read.items() if have != types[n]}
    return frame.with_columns(
        cast_to(pl.col(name), read[name], kind).alias(name)
        for name, kind in changed.items()
        if kind is not None and not isinstance(kind, pl.Duration)
    )


def _json_type(kind: pl.DataType) -> pl.DataType:
    """Return as what a JSON value of a type is read: itself, a wider number, or text."""
    if isinstance(kind, pl.List):
        return pl.List(_json_type(_instance(kind.inner)))
    if isinstance(kind, pl.Struct):
        return pl.Struct({f.name: _json_type(_instance(f.dtype)) for f in kind.fields})
    if isinstance(kind, _NARROW):
        return pl.Int64()
    plain = isinstance(kind, _JSON_HAS) or kind.is_integer() or kind.is_float()
    return kind if plain else pl.String()


def _instance(kind: Any) -> pl.DataType:
    found: pl.DataType = kind() if isinstance(kind, type) else kind
    return found
