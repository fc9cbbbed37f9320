"""Options of readers under the names that Polars has for them."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from typing import Any

from laktory_dagster.engines.polars.schemas import parse_type
from laktory_dagster.errors import ReadError

TUNING = frozenset({"rechunk", "cache", "file_cache_ttl", "memory_map", "retries"})
"""Options of older versions of Polars that changed no row."""
_OF_SPARK = {
    "sep": "separator",
    "delimiter": "separator",
    "header": "has_header",
    "quote": "quote_char",
    "nullValue": "null_values",
    "comment": "comment_prefix",
    "lineSep": "eol_char",
    "comment_char": "comment_prefix",
    "parse_dates": "try_parse_dates",
}
"""Options of Spark's CSV reader, and of older ones of Polars, that mean the same."""
_RENAMED = {
    "dtypes": "schema_overrides",
    "row_count_name": "row_index_name",
    "row_count_offset": "row_index_offset",
}
_TEXT = ("CSV", "JSON", "JSONL", "NDJSON")


def own_options(given: Mapping[str, Any], form: str) -> dict[str, Any]:
    """Return the options of a reader under Polars' names.

    `multiLine` changes nothing: CSV may always have line breaks in quotes, and a file of JSON says
    itself whether it has a document per line.
    """
    if form in _TEXT:
        given = {name: value for name, value in given.items() if name.lower() != "multiline"}
    options = {_RENAMED.get(name, name): value for name, value in given.items()}
    types = options.get("schema_overrides")
    if isinstance(types, Mapping):
        kinds = {name: str(kind).removeprefix("pl.") for name, kind in types.items()}
        options["schema_overrides"] = {name: parse_type(kind) for name, kind in kinds.items()}
    if form != "CSV":
        return options
    options = {_OF_SPARK.get(name, name): value for name, value in options.items()}
    if options.get("eol_char"):
        # Of `\r\n` Polars takes one, and cuts the other off.
        options["eol_char"] = str(options["eol_char"])[-1]
    infers = options.pop("inferSchema", None)
    if infers is not None:
        options |= {"infer_schema_length": None} if _is_true(infers) else {"infer_schema": False}
    if "has_header" in options:
        options["has_header"] = _is_true(options["has_header"])
    return options


def take_encoding(options: dict[str, Any], form: str) -> str | None:
    """Take the encoding of text files out of the options; None for one that Polars reads itself.

    Raises:
        ReadError: there is no such encoding.
    """
    name = options.pop("charset", options.get("encoding"))
    if form not in _TEXT or name is None or "lossy" in str(name):
        return None
    options.pop("encoding", None)
    try:
        codec = codecs.lookup(str(name)).name
    except LookupError as error:
        raise ReadError(
            f"there is no encoding `{name}`", expected="one such as UTF-8, ISO-8859-1 or UTF-16"
        ) from error
    return None if codec == "utf-8" else codec


def _is_true(value: Any) -> bool:
    return str(value).lower() == "true"
