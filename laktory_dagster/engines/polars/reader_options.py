"""Options of readers under the names that Polars has for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
}
"""Options of Spark's CSV reader that mean the same."""
_TEXT = ("CSV", "JSON", "JSONL", "NDJSON")


def own_options(given: Mapping[str, Any], form: str) -> dict[str, Any]:
    """Return the options of a reader under Polars' names.

    `multiLine` changes nothing: CSV may always have line breaks in quotes, and a file of JSON says
    itself whether it has a document per line.
    """
    if form in _TEXT:
        given = {name: value for name, value in given.items() if name.lower() != "multiline"}
    if form != "CSV":
        return dict(given)
    options = {_OF_SPARK.get(name, name): value for name, value in given.items()}
    infers = options.pop("inferSchema", None)
    if infers is not None:
        options |= {"infer_schema_length": None} if _is_true(infers) else {"infer_schema": False}
    if "has_header" in options:
        options["has_header"] = _is_true(options["has_header"])
    return options


def _is_true(value: Any) -> bool:
    return str(value).lower() == "true"
