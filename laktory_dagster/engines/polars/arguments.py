"""The arguments of a step as the values that methods of Polars take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from laktory_dagster.engines.arguments import StepArguments
from laktory_dagster.engines.polars.expressions import compile_expression
from laktory_dagster.engines.polars.native import from_native
from laktory_dagster.engines.polars.scope import Scope
from laktory_dagster.expressions.python import Expression, parse_data_type


@dataclass(frozen=True)
class Arguments(StepArguments):
    """Turns declared arguments into the values that methods take."""

    scope: Scope

    def compiled(self, expression: Expression) -> Any:
        """Return an expression or a data type of Polars."""
        return compile_expression(expression, self.scope.moment, self.scope.schema)

    def own(self, frame: Any) -> pl.LazyFrame:
        """Return a frame as a lazy one."""
        return from_native(frame)

    def key(self, key: Any) -> Any:
        """Return the key of a mapping, which may be a data type (`cast`)."""
        found = parse_data_type(key) if isinstance(key, str) else None
        return key if found is None else compile_expression(found)
