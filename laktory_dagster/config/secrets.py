"""Secrets: references until the moment of use, masked everywhere else."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

from laktory_dagster.errors import SettingsError

MASK = "***"
ENVIRONMENT_PREFIX = "LAKTORY_DAGSTER_SECRET_"
_SECRET = re.compile(r"\$\{\s*secrets\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_.-]+)\s*\}")


def find_secrets(data: Any) -> set[tuple[str, str]]:
    """Return scope and key of every `${secrets.scope.key}` in plain data."""
    found: set[tuple[str, str]] = set()
    pending = [data]
    while pending:
        value = pending.pop()
        if isinstance(value, str):
            found.update((match.group(1), match.group(2)) for match in _SECRET.finditer(value))
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

    def value(match: re.Match[str]) -> str:
        scope, key = match.group(1), match.group(2)
        name = variable_of(scope, key)
        if name not in environ:
            raise SettingsError(
                f"the secret `{scope}.{key}` is not there", hint=f"set the variable {name}"
            )
        return environ[name]

    return _SECRET.sub(value, text)


def mask(text: str, values: Iterable[str]) -> str:
    """Return the text with every secret value replaced by `***`, longest first."""
    for value in sorted(filter(None, values), key=len, reverse=True):
        text = text.replace(value, MASK)
    return text
