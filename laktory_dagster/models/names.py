"""Checked identifiers: what may be the name of a node, a table, a column."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

MAX_NAME_LENGTH = 128
MAX_TABLE_LENGTH = 240
"""Of one part; file systems take 255 bytes, and `_quarantine` has to fit."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\Z")
_TABLE_PART = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_ -]*[A-Za-z0-9_-])?\Z")
_REFERENCE = re.compile(r"\$\{\s*(?:vars?|params)\.[\w.-]+\s*\}")
"""What stands for a part of a name until its value is known; the whole name is checked again then."""


def _check_name(value: str) -> str:
    name = _REFERENCE.sub("x", value)
    if len(name) > MAX_NAME_LENGTH or not _NAME.match(name) or ".." in name:
        raise PydanticCustomError(
            "bad_name",
            "`{shown}` is no name: letters, digits, `_`, `-` and single dots, at most "
            "{limit} characters, not starting with a digit",
            {"shown": value[:60], "limit": MAX_NAME_LENGTH},
        )
    return value


def _check_table(value: str) -> str:
    name = _REFERENCE.sub("x", value)
    parts = name.split(".")
    is_long = any(len(part) > MAX_TABLE_LENGTH for part in parts)
    if is_long or len(parts) > 3 or not all(map(_TABLE_PART.match, parts)):
        raise PydanticCustomError(
            "bad_table_name",
            "`{shown}` is no table name: one to three parts joined by dots, each of letters, "
            "digits, `_`, `-` and inner spaces, at most {limit} characters",
            {"shown": value[:60], "limit": MAX_TABLE_LENGTH},
        )
    return value


def _check_prefix(value: str) -> str:
    if value and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", _REFERENCE.sub("x", value)):
        raise PydanticCustomError(
            "bad_prefix",
            "`{shown}` cannot begin a name: letters, digits, `_` and `-`, not starting with a digit",
            {"shown": value[:60]},
        )
    return value


Name = Annotated[str, AfterValidator(_check_name)]
Prefix = Annotated[str, AfterValidator(_check_prefix)]
"""What is put before names; nothing is one too."""
TableName = Annotated[str, AfterValidator(_check_table)]
"""A name of one to three parts: `table`, `schema.table` or `catalog.schema.table`."""


def normalised(name: str) -> str:
    """Return the form in which names must differ: Dagster and file systems fold the rest."""
    return re.sub(r"[^A-Za-z0-9_]", "_", name).lower()
