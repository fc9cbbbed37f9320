"""How each file format is written: its options, and its sink."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import polars as pl

from laktory_dagster.engines.storage.target import take_options
from laktory_dagster.errors import UnsupportedError, WriteError

LINES = ("JSON", "JSONL", "NDJSON")
EAGER = ("AVRO", "EXCEL")
EXTENSIONS = {
    "PARQUET": "parquet",
    "CSV": "csv",
    "JSON": "json",
    "JSONL": "jsonl",
    "NDJSON": "ndjson",
    "IPC": "arrow",
    "AVRO": "avro",
    "EXCEL": "xlsx",
}

_LINES = {"compression": "compression", "compression_level": "compression_level"}
_LINES |= {"check_extension": "check_extension", "maintain_order": "maintain_order"}
_PARQUET = {
    name: name
    for name in (
        "compression",
        "compression_level",
        "statistics",
        "row_group_size",
        "data_page_size",
        "maintain_order",
    )
}
_CSV = {
    name: name
    for name in (
        "include_bom",
        "compression",
        "compression_level",
        "check_extension",
        "include_header",
        "separator",
        "line_terminator",
        "quote_char",
        "batch_size",
        "datetime_format",
        "date_format",
        "time_format",
        "float_scientific",
        "float_precision",
        "decimal_comma",
        "null_value",
        "quote_style",
        "maintain_order",
    )
}
_CSV |= {"header": "include_header", "sep": "separator", "delimiter": "separator"}
_CSV |= {"quote": "quote_char", "nullValue": "null_value", "lineSep": "line_terminator"}
_CSV |= {"dateFormat": "", "timestampFormat": ""}
_EXCEL = {
    name: name
    for name in ("worksheet", "table_name", "float_precision", "include_header", "autofit")
}
ALLOWED: Mapping[str, Mapping[str, str]] = {
    "PARQUET": _PARQUET,
    "CSV": _CSV,
    "IPC": {
        "compression": "compression",
        "record_batch_size": "record_batch_size",
        "maintain_order": "maintain_order",
    },
    "AVRO": {"compression": "compression", "name": "name"},
    "EXCEL": _EXCEL,
    **dict.fromkeys(LINES, _LINES),
}


def format_options(form: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the writer options of a format under Polars' names.

    Raises:
        UnsupportedError: this engine does not write the format, or has no such option.
    """
    if form not in ALLOWED:
        raise UnsupportedError(
            f"the Polars engine does not write {form}",
            expected=f"one of DELTA, {', '.join(ALLOWED)}",
        )
    return take_options(given, ALLOWED[form], form, "Polars")


def check_columns(form: str, schema: pl.Schema, name: str) -> None:
    """Raise WriteError for a column that a format cannot hold, before any work."""
    if form == "CSV":
        for column, dtype in schema.items():
            if dtype.is_nested() or dtype == pl.Binary:
                raise WriteError(
                    f"{name}: CSV cannot hold the column `{column}` ({dtype})",
                    hint="write PARQUET or JSON, or make it text",
                )


def lazy_sink(
    frame: pl.LazyFrame,
    form: str,
    place: Any,
    options: Mapping[str, Any],
    storage_options: Mapping[str, str],
) -> pl.LazyFrame:
    """Return the sink of a frame; AVRO and EXCEL stage Parquet that `convert` turns into them."""
    common: dict[str, Any] = {
        "mkdir": True,
        "lazy": True,
        "storage_options": dict(storage_options) or None,
    }
    if form in EAGER:
        return _is_lazy(frame.sink_parquet(place, **common))
    if form == "PARQUET":
        return _is_lazy(frame.sink_parquet(place, **common, **options))
    if form == "CSV":
        return _is_lazy(frame.sink_csv(place, **{"check_extension": False, **common, **options}))
    if form == "IPC":
        return _is_lazy(frame.sink_ipc(place, **common, **options))
    return _is_lazy(frame.sink_ndjson(place, **{"check_extension": False, **common, **options}))


def _is_lazy(sink: pl.LazyFrame | None) -> pl.LazyFrame:
    if sink is None:
        raise TypeError("a lazy sink gives a frame")
    return sink


def convert(frame: pl.DataFrame, form: str, options: Mapping[str, Any]) -> bytes:
    """Return the content of an AVRO or EXCEL file."""
    content = io.BytesIO()
    if form == "AVRO":
        frame.write_avro(content, **options)
    else:
        frame.write_excel(content, **options)
    return content.getvalue()
