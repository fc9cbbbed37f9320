"""Polars SQL as a sqlglot dialect: how its names, types and quotes are written.

What other dialects mean is put in terms of Polars before, by `polars_sql`; here is only spelling.
"""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar

from sqlglot import exp, generator, parser, tokens
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import ErrorLevel
from sqlglot.tokenizer_core import Token, TokenType

from laktory_dagster.errors import ExpressionError
from laktory_dagster.expressions.suggest import did_you_mean

SPARK_DIALECTS = frozenset({"spark", "spark2", "databricks", "hive"})
_KEPT_FUNCTIONS = frozenset(
    {"SUM", "AVG", "MIN", "MAX", "COUNT", "FIRST", "LAST", "MEDIAN", "STDDEV", "VARIANCE"}
    | {"ARRAY_AGG", "COALESCE", "LAG", "LEAD", "ROW_NUMBER", "RANK", "DENSE_RANK", "NULLIF"}
)


class Polars(Dialect):
    """What `polars.SQLContext` reads: strings in `'`, names in double quotes, arrays counted from 1."""

    INDEX_OFFSET = 1
    NULL_ORDERING = "nulls_are_large"
    LOG_BASE_FIRST = False

    class Tokenizer(tokens.Tokenizer):
        """Quotes of Polars SQL, and its words that mean something else than in other dialects."""

        IDENTIFIERS: ClassVar[list[Any]] = ['"', "`"]
        KEYWORDS: ClassVar[dict[str, Any]] = {
            **tokens.Tokenizer.KEYWORDS,
            "//": TokenType.DIV,
            "FLOAT": TokenType.DOUBLE,
        }

    class Parser(parser.Parser):
        """Reads Polars SQL: functions stay as they are written, but for those that aggregate."""

        FUNCTIONS: ClassVar[dict[str, Any]] = {
            name: build
            for name, build in parser.Parser.FUNCTIONS.items()
            if name in _KEPT_FUNCTIONS
        }
        FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
            name: build
            for name, build in parser.Parser.FUNCTION_PARSERS.items()
            if name in ("CAST", "TRY_CAST", "EXTRACT", "TRIM", "SUBSTRING", "POSITION")
        }

    class Generator(generator.Generator):
        """Writes Polars SQL."""

        TRY_SUPPORTED = True
        NVL2_SUPPORTED = False
        INTERVAL_ALLOWS_PLURAL_FORM = False
        AGGREGATE_FILTER_SUPPORTED = True
        UNNEST_WITH_ORDINALITY = False
        STAR_EXCEPT = "EXCLUDE"

        TYPE_MAPPING: ClassVar[dict[Any, str]] = {
            **generator.Generator.TYPE_MAPPING,
            exp.DType.TEXT: "VARCHAR",
            exp.DType.FLOAT: "REAL",
            exp.DType.BINARY: "BYTEA",
            exp.DType.VARBINARY: "BYTEA",
            exp.DType.TIMESTAMPNTZ: "TIMESTAMP",
            exp.DType.DATETIME: "TIMESTAMP",
            exp.DType.TIMESTAMPLTZ: "TIMESTAMPTZ",
        }

        def trycast_sql(self, expression: exp.TryCast) -> str:
            """Write TRY_CAST only where null is wanted: Spark's CAST is read as one that is not."""
            safe = expression.args.get("safe")
            return self.cast_sql(expression, safe_prefix="TRY_" if safe else None)

        def trim_sql(self, expression: exp.Trim) -> str:
            """Write the characters before FROM."""
            characters, text = self.sql(expression, "expression"), self.sql(expression, "this")
            if not characters:
                return f"TRIM({text})"
            return f"TRIM({expression.args.get('position') or 'BOTH'} {characters} FROM {text})"

        def array_sql(self, expression: exp.Array) -> str:
            """Write `ARRAY[1, 2]`."""
            return f"ARRAY[{self.expressions(expression, flat=True)}]"

        def groupconcat_sql(self, expression: exp.GroupConcat) -> str:
            """Write STRING_AGG; without separator nothing stands between."""
            separator = expression.args.get("separator") or exp.Literal.string("")
            return self.func("STRING_AGG", expression.this, separator)

        def interval_sql(self, expression: exp.Interval) -> str:
            """Write amount and unit in one string, as Polars wants them."""
            unit = expression.args.get("unit")
            amount = expression.this.name if expression.this else ""
            return f"INTERVAL '{amount} {unit}'" if unit else f"INTERVAL '{amount}'"

        def currentdate_sql(self, expression: exp.CurrentDate) -> str:
            """Write the date of the query, UTC."""
            return "CURRENT_DATE"

        def currenttimestamp_sql(self, expression: exp.CurrentTimestamp) -> str:
            """Write the time of the query, UTC."""
            return "CAST(CURRENT_TIMESTAMP AS TIMESTAMPTZ)"

        def datatype_sql(self, expression: exp.DataType) -> str:
            """Write arrays as `INT[]` and a bare DECIMAL with Spark's size."""
            if expression.is_type(exp.DType.ARRAY) and expression.expressions:
                return f"{self.sql(expression.expressions[0])}[]"
            if expression.is_type(exp.DType.DECIMAL) and not expression.expressions:
                return "DECIMAL(10, 0)"
            if expression.is_type(exp.DType.TEXT, exp.DType.VARCHAR, exp.DType.CHAR):
                return "VARCHAR"
            return super().datatype_sql(expression)


def tokens_of(text: str, dialect: str) -> list[Token]:
    """Return the tokens of a text. Raises sqlglot's TokenError."""
    return _tokenizer(dialect).tokenize(text)


@cache
def _tokenizer(dialect: str) -> tokens.Tokenizer:
    """Return the reader of a dialect's tokens; Spark 4 has `''` for a quote in a string, as SQL has."""
    reader = Dialect.get_or_raise(dialect)
    if dialect not in SPARK_DIALECTS:
        return reader.tokenizer()
    kind = reader.tokenizer_class
    escapes = [*kind.STRING_ESCAPES, "'", '"']
    doubled: type[tokens.Tokenizer] = type("Doubled", (kind,), {"STRING_ESCAPES": escapes})
    return doubled(dialect=reader)


def check_known(dialect: str) -> None:
    """Raise ExpressionError if there is no such dialect."""
    # `get` imports one dialect, `classes` all thirty.
    if Dialect.get(dialect) is None:
        near = did_you_mean(dialect, Dialect.classes)
        raise ExpressionError(
            f"there is no SQL dialect `{dialect}`",
            hint=f"did you mean `{near}`?" if near else "use spark, polars or duckdb",
        )


def write(tree: exp.Expr, dialect: str) -> str:
    """Return the text of a tree, every name quoted. Raises sqlglot's UnsupportedError."""
    return tree.sql(
        dialect=dialect, identify=True, comments=False, unsupported_level=ErrorLevel.RAISE
    )
