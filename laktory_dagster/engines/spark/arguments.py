"""The arguments of a step as the values that methods of Spark take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from laktory_dagster.engines.arguments import StepArguments
from laktory_dagster.engines.spark.expressions import compile_expression
from laktory_dagster.engines.spark.scope import Scope
from laktory_dagster.expressions.python import Expression


@dataclass(frozen=True)
class Arguments(StepArguments):
    """Turns declared arguments into values; `aggregates` says that one value a group is meant."""

    scope: Scope
    aggregates: bool = False

    def compiled(self, expression: Expression) -> Any:
        """Return a column or a data type of Spark."""
        return compile_expression(expression, self.scope, aggregates=self.aggregates)
