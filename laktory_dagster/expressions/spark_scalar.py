"""Scalar SQL as calls of Spark's functions, the form in which Polars gives them Spark's meaning.

The text is written in Spark's dialect and read again by a dialect that keeps every function as it
is called; what holds anything but operators, casts and functions that Polars has an equal of is
left to Polars SQL.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, ClassVar

from sqlglot import exp, parse_one
from sqlglot.dialects.spark import Spark
from sqlglot.errors import SqlglotError

from laktory_dagster.expressions.catalog import function_signatures
from laktory_dagster.expressions.dialect import write
from laktory_dagster.expressions.spark_on_polars import FUNCTIONS
from laktory_dagster.expressions.sql_build import literal_text
from laktory_dagster.expressions.time_units import UNITS, plain_unit

_OTHERS = """
    any_value approxCountDistinct approx_count_distinct approx_percentile array_agg asc
    asc_nulls_first asc_nulls_last avg bool_and bool_or col collect_list collect_set column corr
    count countDistinct count_distinct count_if covar_pop covar_samp cume_dist dense_rank desc
    desc_nulls_first desc_nulls_last every explode explode_outer expr first first_value kurtosis lag last
    last_value lead listagg lit max max_by mean median min min_by mode named_struct ntile
    percent_rank percentile percentile_approx product rank row_number skewness some std stddev
    stddev_pop stddev_samp string_agg sum sumDistinct sum_distinct try_sum typeof var_pop var_samp
    variance when
"""
SCALAR = frozenset(name.lower() for name in FUNCTIONS - frozenset(_OTHERS.split()))
"""The functions that give a value for every row, by their names in SQL."""

_SPARK_NAMES = {name.lower(): name for name in FUNCTIONS}
_TURNED = frozenset({"trim", "ltrim", "rtrim", "btrim"})
"""Functions whose second argument comes first in SQL."""

_PLAIN = (
    exp.Add, exp.Alias, exp.And, exp.Between, exp.Boolean, exp.Case, exp.Column, exp.DataType,
    exp.DataTypeParam, exp.Div, exp.Dot, exp.EQ, exp.GT, exp.GTE, exp.Identifier, exp.If, exp.ILike, exp.In, exp.Is,
    exp.IntervalSpan, exp.LT, exp.LTE, exp.Like, exp.Literal, exp.Mod, exp.Mul, exp.NEQ, exp.Neg, exp.Not,
    exp.Null, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Or, exp.Paren, exp.Sub, exp.Var,
)  # fmt: skip
_OF_SPARK = (exp.Bracket, exp.Cast, exp.DPipe, exp.IntDiv, exp.Interval)
_CHOICES = frozenset({"coalesce", "if", "nullif", "ifnull", "nvl", "nvl2"})


class _Calls(Spark):
    """Spark's dialect with every function as it is called."""

    class Parser(Spark.Parser):  # type: ignore[misc, valid-type]
        """Knows casts and CASE only."""

        FUNCTIONS: ClassVar[dict[str, Any]] = {}
        FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
            name: build
            for name, build in Spark.Parser.FUNCTION_PARSERS.items()
            if name in ("CAST", "TRY_CAST")
        }


def spark_name(node: exp.Anonymous) -> str:
    """Return the name under which `F.` has the function of a call."""
    name = str(node.this).lower()
    return _SPARK_NAMES.get(name, name)


def spark_calls(tree: exp.Expr) -> exp.Expr | None:
    """Return a scalar expression as calls of Spark's functions; None if Polars SQL should read it.

    That is so where it holds something else than operators, casts and those functions.
    """
    try:
        return _read(write(tree, "spark"))
    except (SqlglotError, RecursionError):
        return None


def as_calls(tree: exp.Expr) -> exp.Expr | None:
    """Return an expression with every function as it is called in Spark; None if it has no such form."""
    try:
        found: exp.Expr = parse_one(write(tree, "spark"), dialect=_Calls)
    except (SqlglotError, RecursionError):
        return None
    return found


@lru_cache(maxsize=4096)
def _read(text: str) -> exp.Expr | None:
    tree: exp.Expr = parse_one(text, dialect=_Calls)
    return tree if all(map(_is_known, tree.walk())) else None


def needs_spark(node: exp.Expr) -> bool:
    """Return whether Polars SQL reads a node in its own way or not at all."""
    if isinstance(node, exp.Anonymous):
        return not is_choice(node)
    return isinstance(node, _OF_SPARK)


def is_choice(node: exp.Anonymous) -> bool:
    """Return whether a function gives one of its arguments as it is."""
    return str(node.this).lower() in _CHOICES


def _is_known(node: exp.Expr) -> bool:
    if isinstance(node, exp.Anonymous):
        return _is_known_call(node)
    if isinstance(node, exp.Alias):
        # Only the fields of a struct are named.
        return isinstance(node.parent, exp.Anonymous) and str(node.parent.this) == "STRUCT"
    if isinstance(node, exp.Like | exp.ILike):
        return literal_text(node.expression) is not None
    return isinstance(node, (*_PLAIN, *_OF_SPARK))


def _is_known_call(node: exp.Anonymous) -> bool:
    name, given = str(node.this).lower(), node.expressions
    if time_unit(node) is not None:
        return True
    if name == "if":
        return len(given) == 3
    if name == "struct":
        return bool(given) and all(isinstance(field, exp.Alias) for field in given)
    if name not in SCALAR or (name in _TURNED and len(given) > 1):
        return False
    signature = function_signatures("F").get(spark_name(node))
    if signature is None or signature.problem(max(len(given), len(implied(node))), ()):
        return False
    return name == "array_contains" or all(
        signature.names_columns(place) or isinstance(value, exp.Literal | exp.Boolean | exp.Neg)
        for place, value in enumerate(given)
    )


_OF_UNITS = frozenset(
    {"date_add", "date_diff", "dateadd", "datediff", "timestampadd", "timestampdiff"}
)


def time_unit(node: exp.Anonymous) -> str | None:
    """Return the unit of a function that counts one: `HOUR` of `timestampadd(HOUR, 1, t)`."""
    if str(node.this).lower() not in _OF_UNITS or len(node.expressions) != 3:
        return None
    unit = plain_unit(node.expressions[0].name)
    return unit if unit in UNITS else None


def implied(node: exp.Anonymous) -> list[Any]:
    """Return the arguments of a call, with one that SQL lets be left out: a pattern's first group."""
    given = list(node.expressions)
    if str(node.this).lower() == "regexp_extract" and len(given) == 2:
        given.append(exp.Literal.number(1))
    return given
