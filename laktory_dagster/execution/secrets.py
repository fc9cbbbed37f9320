"""Secrets of a run: resolved when they are used, masked in every error that leaves."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from traceback import format_exception, format_exception_only
from typing import Any

from laktory_dagster.config.secrets import find_secrets, mask, resolve, secret_values
from laktory_dagster.engines.base import Place
from laktory_dagster.errors import LaktoryDagsterError
from laktory_dagster.models.sources import SourceOptions
from laktory_dagster.models.transformer import LeafStep, MethodStep


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
        return replace(place, uri=self.reveal(place.uri), storage_options=self.reveal(options))

    def reveal(self, data: Any) -> Any:
        """Return plain data with the secrets in its texts; hand it to what uses it at once.

        Raises:
            SettingsError: a secret is not there.
        """
        if not find_secrets(data):
            return data
        self._values |= secret_values(data, os.environ)
        return _revealed(data)

    def reveal_step(self, step: LeafStep) -> LeafStep:
        """Return a step with the secrets among its arguments, as literals whatever they look like.

        Raises:
            SettingsError: a secret is not there.
        """
        if not isinstance(step, MethodStep) or not find_secrets([step.func_args, step.func_kwargs]):
            return step
        args = tuple(self._argument(value) for value in step.func_args)
        kwargs = {name: self._argument(value) for name, value in step.func_kwargs.items()}
        return step.model_copy(update={"func_args": args, "func_kwargs": kwargs})

    def _argument(self, value: Any) -> Any:
        if isinstance(value, str):
            return {"value": self.reveal(value)} if find_secrets(value) else value
        if isinstance(value, Mapping):
            if set(value) == {"value"}:
                return self.reveal(value)
            return {key: self._argument(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._argument(item) for item in value]
        return value

    def reveal_source(self, source: SourceOptions) -> SourceOptions:
        """Return a source with the secrets in the options of its reader.

        Raises:
            SettingsError: a secret is not there.
        """
        options = getattr(source, "reader_settings", None)
        if not find_secrets(options):
            return source
        return source.model_copy(
            update={"read_options": self.reveal(options), "reader_methods": ()}
        )

    @contextmanager
    def masked(self) -> Iterator[None]:
        """Mask every secret in the errors that leave the block."""
        try:
            yield
        except BaseException as error:
            self.mask_error(error)
            raise

    def mask_error(self, error: BaseException) -> None:
        """Replace secret values and logins of URLs in the texts of an error and its causes by `***`."""
        seen: set[int] = set()
        current: BaseException | None = error
        while current is not None and id(current) not in seen:
            seen.add(id(current))
            self._mask_texts(current)
            if current.__cause__ is not None:
                current.__cause__ = self._told(current.__cause__)
            elif current.__context__ is not None:
                current.__context__ = self._told(current.__context__)
            current = current.__cause__ or current.__context__

    def _mask_texts(self, error: BaseException) -> None:
        error.args = tuple(self._masked(part) for part in error.args)
        if isinstance(error, LaktoryDagsterError):
            error.message = mask(error.message, self._values)
            error.hint = error.hint and mask(error.hint, self._values)
            error.expected = error.expected and mask(error.expected, self._values)

    def _told(self, cause: BaseException) -> BaseException:
        """Return a cause, or what says the same where it tells a secret by more than its arguments.

        Such are notes, the names of files, the parts of a group and errors with a text of their own.
        """
        self._mask_texts(cause)
        told = "".join(format_exception(cause, chain=False))
        if mask(told, self._values) == told:
            return cause
        text = "".join(format_exception_only(cause)).strip()
        stand_in = RuntimeError(mask(text, self._values)).with_traceback(cause.__traceback__)
        stand_in.__cause__ = cause.__cause__
        stand_in.__context__ = cause.__context__
        return stand_in

    def _masked(self, part: Any) -> Any:
        """Return a part of an error; what is no text stays as it is unless its text has a secret."""
        if isinstance(part, str):
            return mask(part, self._values)
        if not self._values:
            return part
        shown = repr(part)
        hidden = mask(shown, self._values)
        return part if hidden == shown else hidden


def _revealed(data: Any) -> Any:
    if isinstance(data, str):
        return resolve(data)
    if isinstance(data, Mapping):
        return {key: _revealed(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return type(data)(_revealed(value) for value in data)
    return data
