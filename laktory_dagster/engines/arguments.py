"""The arguments of a step as the values that frame methods take."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from laktory_dagster.engines.base import Frame, TransformRequest
from laktory_dagster.errors import TransformError
from laktory_dagster.expressions.python import Expression, parse_argument, parse_data_type
from laktory_dagster.expressions.suggest import hint_for
from laktory_dagster.models.sources import SourceOptions

_PLACEHOLDER = re.compile(r"\s*\{\s*(df|(?:sources|nodes)\.[^{}\s]+)\s*\}\s*")


@dataclass(frozen=True)
class StepArguments(ABC):
    """Turns declared arguments into values of an engine; `frame` is what the step works on."""

    frame: Frame
    request: TransformRequest

    @abstractmethod
    def compiled(self, expression: Expression) -> Any:
        """Return what an expression or the name of a data type stands for. Raises ExpressionError."""

    def own(self, frame: Any) -> Frame:
        """Return a frame that is named or read here as one of the engine."""
        return frame

    def key(self, key: Any) -> Any:
        """Return the key of a mapping."""
        return key

    def value(self, declared: Any) -> Any:
        """Return an argument: a frame, an expression, a data type or a literal.

        Raises:
            TransformError: a frame is named that is not there.
            ExpressionError: an expression holds something that the engine has not.
        """
        if isinstance(declared, SourceOptions):
            if self.request.read is None:
                raise TransformError("a source among the arguments cannot be read here")
            return self.own(self.request.read(declared))
        if isinstance(declared, Mapping):
            if set(declared) == {"value"}:
                return declared["value"]
            return {self.key(key): self.value(item) for key, item in declared.items()}
        if isinstance(declared, list | tuple):
            return [self.value(item) for item in declared]
        return self._text(declared) if isinstance(declared, str) else declared

    def _text(self, text: str) -> Any:
        named = _PLACEHOLDER.fullmatch(text) if "{" in text else None
        if named is not None:
            return self._named_frame(named.group(1))
        expression = parse_argument(text) or parse_data_type(text)
        return text if expression is None else self.compiled(expression)

    def _named_frame(self, name: str) -> Frame:
        if name == "df":
            return self.frame
        if name not in self.request.frames:
            raise TransformError(
                f"`{{{name}}}` is not there", hint=hint_for(name, self.request.frames)
            )
        return self.own(self.request.frames[name])
