"""How Spark writes each format: its name there, its extension, and the options of its writer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from laktory_dagster.engines.storage.receipts import TEXT
from laktory_dagster.engines.storage.target import take_options

FORMATS: Mapping[str, str] = {
    "PARQUET": "parquet",
    "CSV": "csv",
    "JSON": "json",
    "JSONL": "json",
    "NDJSON": "json",
    "AVRO": "avro",
    "ORC": "orc",
    "TEXT": "text",
    "XML": "xml",
}
EXTENSIONS: Mapping[str, str] = {"JSON": "json", "JSONL": "jsonl", "NDJSON": "ndjson"}


_CODECS = ("gz", "bz2", "deflate", "lz4", "snappy", "zst")


def extension_of(form: str, written: str) -> str:
    """Return how a file of a folder ends that Spark named so: readers go by the codec in it."""
    extension = EXTENSIONS.get(form)
    if extension is None:
        return written.partition(".")[2]
    codec = written.rpartition(".")[2]
    return f"{extension}.{codec}" if codec in _CODECS else extension


def _same(*names: str) -> dict[str, str]:
    return {name: name for name in names}


# Tuning of the Polars engine that changes no row: a pipeline keeps it when it changes engines.
_TUNING = dict.fromkeys(
    (
        "compression_level",
        "statistics",
        "row_group_size",
        "data_page_size",
        "maintain_order",
        "batch_size",
        "check_extension",
    ),
    "",
)
_FILES = _same("compression", "maxRecordsPerFile") | _TUNING
_TIMES = _same("dateFormat", "timestampFormat", "timestampNTZFormat", "timeZone", "locale")
_LINES = _FILES | _TIMES | _same("ignoreNullFields", "lineSep", "encoding", "pretty")
_PARQUET = _FILES | _same("mergeSchema")
_CSV = _FILES | _TIMES
_CSV |= _same("sep", "encoding", "quote", "quoteAll", "escape", "escapeQuotes", "header")
_CSV |= _same("nullValue", "emptyValue", "charToEscapeQuoteEscaping", "lineSep")
_CSV |= _same("ignoreLeadingWhiteSpace", "ignoreTrailingWhiteSpace")
_CSV |= {"delimiter": "sep", "separator": "sep", "include_header": "header", "charset": "encoding"}
_CSV |= {"quote_char": "quote", "null_value": "nullValue", "line_terminator": "lineSep"}
_XML = _FILES | _TIMES | _same("rowTag", "rootTag", "declaration", "attributePrefix", "valueTag")
_XML |= _same("nullValue", "arrayElementName", "encoding", "validateName")
_DELTA = _same("compression", "maxRecordsPerFile") | _TUNING
_OPTIONS: Mapping[str, Mapping[str, str]] = {
    "DELTA": _DELTA,
    "PARQUET": _PARQUET,
    "CSV": _CSV,
    "AVRO": _FILES | _same("avroSchema", "recordName", "recordNamespace", "datetimeRebaseMode"),
    "ORC": _FILES | _same("mergeSchema"),
    "TEXT": _FILES | _same("lineSep"),
    "XML": _XML,
    **dict.fromkeys(("JSON", "JSONL", "NDJSON"), _LINES),
}


# Spark's own end with milliseconds, though its times have microseconds.
_MICROSECONDS = {
    "timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX",
    "timestampNTZFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSS",
}


def writer_options(form: str, given: Mapping[str, Any]) -> dict[str, str]:
    """Return a target's options as Spark's writer takes them, with the product's defaults.

    A setting with dots (`parquet.block.size`) goes to the format untouched.

    Raises:
        UnsupportedError: an option that this writer does not have.
    """
    dotted = {name: value for name, value in given.items() if "." in name}
    named = {name: value for name, value in given.items() if name not in dotted}
    taken = {**_defaults(form), **take_options(named, _OPTIONS[form], form, "Spark"), **dotted}
    if "quote" in taken:
        # Spark writes an empty text as `""`, whatever its quotes are.
        taken.setdefault("emptyValue", str(taken["quote"]) * 2)
    return {name: str(v).lower() if isinstance(v, bool) else str(v) for name, v in taken.items()}


def _defaults(form: str) -> dict[str, Any]:
    if form == "CSV":
        return {"header": True, "escape": '"', **_MICROSECONDS}
    return {"ignoreNullFields": False, **_MICROSECONDS} if form in TEXT else {}
