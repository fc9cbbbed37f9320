"""Secrets of a run: resolved when a place is opened, masked in every error that leaves."""

from __future__ import annotations

import os
from dataclasses import replace

from laktory_dagster.config.secrets import find_secrets, mask, resolve, secret_values
from laktory_dagster.engines.base import Place
from laktory_dagster.errors import LaktoryDagsterError


class SecretKeeper:
    """Resolves the references of places and remembers the values in order to mask them."""

    def __init__(self) -> None:
        """Know no secret yet."""
        self._values: set[str] = set()

    def open(self, place: Place) -> Place:
        """Return the place with the secrets of its options in them.

        Raises:
            SettingsError: a secret is not there.
        """
        options = dict(place.storage_options)
        if not find_secrets([place.uri, options]):
            return place
        self._values |= set(secret_values([place.uri, options], os.environ))
        opened = {key: resolve(value) for key, value in options.items()}
        return replace(place, uri=resolve(place.uri), storage_options=opened)

    def mask_error(self, error: BaseException) -> None:
        """Replace every secret value in the texts of an error and of its causes by `***`."""
        seen: set[int] = set()
        current: BaseException | None = error
        while current is not None and self._values and id(current) not in seen:
            seen.add(id(current))
            current.args = tuple(
                mask(part, self._values) if isinstance(part, str) else part for part in current.args
            )
            if isinstance(current, LaktoryDagsterError):
                current.message = mask(current.message, self._values)
            current = current.__cause__ or current.__context__
