"""Declared arguments of a step as the values that Spark's methods take."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from laktory_dagster.engines.base import TransformRequest
from laktory_dagster.engines.spark.expressions import compile_expression
from laktory_dagster.engines.spark.scope import Scope
from laktory_dagster.errors import TransformError
from laktory_dagster.expressions.python import parse_argument, parse_data_type
from laktory_dagster.expressions.suggest import hint_for
from laktory_dagster.models.sources import SourceOptions

_PLACEHOLDER = re.compile(r"\s*\{\s*(df|(?:sources|nodes)\.[^{}\s]+)\s*\}\s*")


@dataclass(frozen=True)
class Arguments:
    """Turns declared arguments into values; `aggregates` says that one value a group is meant."""

    request: TransformRequest
    scope: Scope
    aggregates: bool = False

    def value(self, declared: Any) -> Any:
        """Return an argument: a frame, a column, a data type or a literal.

        Raises:
            TransformError: a frame is named that is not there.
            ExpressionError: an expression holds something that Spark has not.
        """
        if isinstance(declared, SourceOptions):
            if self.request.read is None:
                raise TransformError("a source among the arguments cannot be read here")
            return self.request.read(declared)
        if isinstance(declared, Mapping):
            if set(declared) == {"value"}:
                return declared["value"]
            return {key: self.value(item) for key, item in declared.items()}
        if isinstance(declared, list | tuple):
            return [self.value(item) for item in declared]
        return self._text(declared) if isinstance(declared, str) else declared

    def _text(self, text: str) -> Any:
        named = _PLACEHOLDER.fullmatch(text) if "{" in text else None
        if named is not None:
            return self._named_frame(named.group(1))
        expression = parse_argument(text) or parse_data_type(text)
        if expression is None:
            return text
        return compile_expression(expression, self.scope, aggregates=self.aggregates)

    def _named_frame(self, name: str) -> Any:
        if name == "df":
            return self.scope.frame
        if name not in self.request.frames:
            raise TransformError(
                f"`{{{name}}}` is not there", hint=hint_for(name, self.request.frames)
            )
        return self.request.frames[name]
