"""Secrets: references until the moment of use, masked everywhere else."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

from laktory_dagster.errors import SettingsError
from laktory_dagster.expressions.secret_text import MASK, SECRET, without_credentials

ENVIRONMENT_PREFIX = "LAKTORY_DAGSTER_SECRET_"


def find_secrets(data: Any) -> set[tuple[str, str]]:
    """Return scope and key of every `${secrets.scope.key}` in plain data."""
    found: set[tuple[str, str]] = set()
    pending = [data]
    while pending:
        value = pending.pop()
        if isinstance(value, str):
            found.update((match.group(1), match.group(2)) for match in SECRET.finditer(value))
        elif isinstance(value, Mapping):
            pending.extend(value.values())
        elif isinstance(value, (list, tuple)):
            pending.extend(value)
    return found


def variable_of(scope: str, key: str) -> str:
    """Return the environment variable that holds a secret."""
    return ENVIRONMENT_PREFIX + re.sub(r"[^A-Z0-9]", "_", f"{scope}_{key}".upper())


def resolve(text: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return the text with its secrets in place; call it at the moment of use only.

    Raises:
        SettingsError: a secret is not there; the message names the variable, never a value.
    """
    return SECRET.sub(lambda match: _value(match.group(1), match.group(2), environ), text)


def secret_values(data: Any, environ: Mapping[str, str] = os.environ) -> set[str]:
    """Return the values behind all references in plain data, for `mask`.

    Raises:
        SettingsError: a secret is not there.
    """
    return {_value(scope, key, environ) for scope, key in find_secrets(data)}


def _value(scope: str, key: str, environ: Mapping[str, str]) -> str:
    name = variable_of(scope, key)
    if name not in environ:
        raise SettingsError(
            f"the secret `{scope}.{key}` is not there", hint=f"set the variable {name}"
        )
    return environ[name]


def mask_known(text: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return the text with the value of every secret that the environment holds masked."""
    return mask(text, (v for name, v in environ.items() if name.startswith(ENVIRONMENT_PREFIX)))


def mask(text: str, values: Iterable[str]) -> str:
    """Return the text with every secret value replaced by `***`, one for values that overlap.

    A value is found as it is, and as URLs, JSON and Python's `repr` write it. So is what URLs in the
    text say of a login.
    """
    spellings = {spelling for value in values if value for spelling in _spellings(value)}
    shown = []
    end = 0
    for start, stop in sorted(_found(text, spellings)):
        if start >= end:
            shown += [text[end:start], MASK]
        end = max(end, stop)
    return without_credentials("".join([*shown, text[end:]]))


def _found(text: str, spellings: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Give where each spelling begins and ends, also where it overlaps with itself or others."""
    for spelling in spellings:
        start = text.find(spelling)
        while start >= 0:
            yield start, start + len(spelling)
            start = text.find(spelling, start + 1)


def _spellings(value: str) -> tuple[str, ...]:
    written = (
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        repr(value)[1:-1],
    )
    return (value, quote(value, safe=""), quote(value), quote_plus(value), *written)
