"""Polars SQL as a sqlglot dialect."""

from __future__ import annotations

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import ErrorLevel

from laktory_dagster.errors import ExpressionError
from laktory_dagster.expressions.suggest import did_you_mean


class Polars(Postgres):
    """What `polars.SQLContext` and `polars.sql_expr` read."""


def check_known(dialect: str) -> None:
    """Raise ExpressionError if there is no such dialect."""
    if dialect not in Dialect.classes:
        near = did_you_mean(dialect, Dialect.classes)
        raise ExpressionError(
            f"there is no SQL dialect `{dialect}`",
            hint=f"did you mean `{near}`?" if near else "use spark, polars or duckdb",
        )


def generate(tree: exp.Expression, source: str, target: str) -> str:
    """Return the SQL of a tree read from `source`, for `target`."""
    return tree.sql(
        dialect=target, identify=True, comments=False, unsupported_level=ErrorLevel.RAISE
    )
