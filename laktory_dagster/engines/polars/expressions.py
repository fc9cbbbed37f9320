"""Checked expressions as Polars expressions, built node by node; nothing is evaluated by Python.

`pl.` and `nw.` name the same functions here: what narwhals has, Polars has with one meaning, but for
a few names in `narwhals_names`. `F.` are Spark's functions, from the `spark_*` modules.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import polars as pl
import polars.selectors as cs

from laktory_dagster.engines.polars import (
    column_functions,
    narwhals_names,
    spark_columns,
    spark_functions,
    spark_operators,
)
from laktory_dagster.engines.polars.project_methods import call_project_method
from laktory_dagster.engines.polars.scope import Scope
from laktory_dagster.engines.polars.spark_names import as_column, named, spark_column
from laktory_dagster.engines.polars.sql_values import compile_tree
from laktory_dagster.errors import ExpressionError
from laktory_dagster.expressions import catalog
from laktory_dagster.expressions.compiler import Compiler, no_column
from laktory_dagster.expressions.nodes import dotted
from laktory_dagster.expressions.project_methods import project_methods
from laktory_dagster.expressions.python import Expression, parse_argument
from laktory_dagster.expressions.sql import SqlExpression, parse_sql_expression


def compile_expression(
    expression: Expression | SqlExpression,
    moment: datetime | None = None,
    schema: pl.Schema | None = None,
) -> Any:
    """Return the Polars expression, data type, `Ordering` or list of these that it stands for.

    Args:
        expression: a checked expression.
        moment: what `current_timestamp` gives (UTC); now by default.
        schema: the frame's columns where they are known: casts then go by the type there is.

    Raises:
        ExpressionError: Polars has no equal of something in it.
    """
    scope = Scope.of(moment, schema)
    if isinstance(expression, SqlExpression):
        return compile_tree(expression, scope)
    try:
        return _Compiler(scope).value(expression.tree)
    except ExpressionError:
        raise
    except (TypeError, ValueError, AttributeError, pl.exceptions.PolarsError) as error:
        raise ExpressionError(f"`{expression.text}` cannot be computed: {error}") from error


def compile_condition(
    text: str,
    dialect: str,
    moment: datetime | None = None,
    schema: pl.Schema | None = None,
) -> pl.Expr:
    """Return the column of a filter, an expectation or an `expr`: a call, else SQL.

    Args:
        text: a call such as `nw.col("a") > 0`, or a scalar SQL expression.
        dialect: of the SQL.
        moment: what `current_timestamp` gives (UTC); now by default.
        schema: the frame's columns where they are known.

    Raises:
        ExpressionError: It is neither, holds something forbidden, or gives no column.
    """
    condition = compile_expression(
        parse_argument(text) or parse_sql_expression(text, dialect), moment, schema
    )
    if not isinstance(condition, pl.Expr):
        raise ExpressionError(f"`{text}` is no column", expected="an expression of columns")
    return condition


def compile_sql(
    text: str,
    dialect: str,
    moment: datetime | None = None,
    schema: pl.Schema | None = None,
) -> pl.Expr:
    """Return the column of a scalar SQL expression; the arguments are those of `compile_condition`.

    Raises:
        ExpressionError: It is none, or Polars cannot express it.
    """
    return compile_tree(parse_sql_expression(text, dialect), Scope.of(moment, schema))


@dataclass(frozen=True)
class _Compiler(Compiler):
    scope: Scope

    def binary(self, node: ast.BinOp, left: Any, right: Any) -> Any:
        """Return what an operator gives; beside a column of `F.` what it gives on Spark."""
        if _is_spark(node) and (isinstance(left, pl.Expr) or isinstance(right, pl.Expr)):
            return spark_operators.binary(self.scope, type(node.op), left, right)
        return super().binary(node, left, right)

    def compared(self, node: ast.Compare, left: Any, right: Any) -> Any:
        """Return what a comparison gives; beside a column of `F.` what it gives on Spark."""
        if _is_spark(node) and (isinstance(left, pl.Expr) or isinstance(right, pl.Expr)):
            return spark_operators.comparison(self.scope, type(node.ops[0]), left, right)
        return super().compared(node, left, right)

    def unary(self, node: ast.UnaryOp, value: Any) -> Any:
        """Return what an operator of one side gives; a text of `F.` is a number."""
        kind = type(node.op)
        if not _is_spark(node) or kind not in spark_operators.UNARY:
            return super().unary(node, value)
        if kind is ast.USub and self.scope.type_of(value) == pl.String:
            return super().unary(node, spark_operators.as_double(self.scope, value))
        return named(spark_operators.UNARY[kind], super().unary(node, value), value)

    def attribute(self, node: ast.Attribute) -> Any:
        """Return a column `col.name`, or a data type."""
        base, names = dotted(node)
        if isinstance(base, ast.Name) and len(names) == 1 and names[0] in _types(base.id):
            return getattr(pl, names[0])
        if isinstance(base, ast.Name) and (base.id, *names[:-1]) in (("pl", "col"), ("col",)):
            return pl.col(names[-1])
        raise no_column(node)

    def item(self, value: Any, key: Any) -> Any:
        """Return an item, a field, or for a slice a part of a text."""
        if isinstance(key, slice):
            return spark_columns.substr(value, key.start, key.stop)
        return spark_columns.get_item(value, key)

    def call(self, node: ast.Call) -> Any:
        """Return what a function or a method gives."""
        base, names = dotted(node.func)
        if not isinstance(base, ast.Name):
            return self._method(node, self.value(base), names, is_spark=_is_spark(base))
        root = base.id
        if root == "pl" and len(names) > 1 and names[0] == "col" and names[1:] != ():
            return self._method(node, pl.col(names[1]), names[2:], is_spark=False)
        if root == "col" and names:
            return self._method(node, pl.col(names[0]), names[1:], is_spark=False)
        name = ".".join(names)
        if not names:
            return self._bare(node, root)
        if names[0] in _types(root):
            return self.plain_call(getattr(pl, names[0]), node)
        if root == "F":
            return self._spark_function(node, name)
        return self._polars_function(node, root, name)

    def _bare(self, node: ast.Call, root: str) -> Any:
        args, kwargs = self.arguments(node)
        if root == "col":
            if len(args) == 1 and isinstance(args[0], str) and not kwargs:
                return spark_column(args[0])
            return pl.col(*args, **kwargs)
        if root == "lit":
            return pl.lit(*args, **kwargs)
        return self._sql([*args, *kwargs.values()], "spark")

    def _sql(self, args: Sequence[Any], dialect: str) -> pl.Expr:
        return compile_tree(parse_sql_expression(args[0], dialect), self.scope)

    def _spark_function(self, node: ast.Call, name: str) -> Any:
        args, kwargs = self.arguments(node)
        if name.startswith("laktory."):
            return self._laktory(name.removeprefix("laktory."), args, kwargs)
        if name == "expr":
            return self._sql([*args, *kwargs.values()], "spark")
        if name not in spark_functions.SUPPORTED:
            raise ExpressionError(
                f"`F.{name}` has no equal on Polars",
                hint="write it with `pl.`, or as SQL in `sql_expr`",
            )
        signature = catalog.function_signatures("F")[name]
        args = [_spark_value(v, signature.names_columns(i)) for i, v in enumerate(args)]
        kwargs = {k: _spark_value(v, signature.names_columns(k)) for k, v in kwargs.items()}
        return spark_functions.call(name, self.scope, args, kwargs)

    def _polars_function(self, node: ast.Call, root: str, name: str) -> Any:
        args, kwargs = self.arguments(node)
        laktory = name.removeprefix("Expr.").removeprefix("expr.")
        if laktory.startswith("laktory."):
            return self._laktory(laktory.removeprefix("laktory."), args, kwargs)
        if name == "sql_expr":
            return self._sql([*args, *kwargs.values()], "polars" if root == "pl" else "spark")
        if name.startswith("selectors."):
            return getattr(cs, name.removeprefix("selectors."))(*args, **kwargs)
        if name not in catalog.expression_functions(root):
            raise ExpressionError(f"`{root}.{name}` does not exist")
        if root == "nw" and name in narwhals_names.FUNCTIONS:
            return narwhals_names.FUNCTIONS[name](*args, **kwargs)
        return getattr(pl, name)(*args, **kwargs)

    def _method(
        self, node: ast.Call, receiver: Any, names: tuple[str, ...], *, is_spark: bool
    ) -> Any:
        args, kwargs = self.arguments(node)
        name = ".".join(names)
        if name.startswith("laktory."):
            return self._laktory(name.removeprefix("laktory."), [receiver, *args], kwargs)
        if name in project_methods():
            return call_project_method(node, receiver, names)
        if name in spark_columns.CASTS and len(args) + len(kwargs.keys() - {"strict"}) == 1:
            # Every cast is lenient, see decision 5.
            kinds = [value for key, value in kwargs.items() if key != "strict"]
            return spark_columns.cast(self.scope, receiver, *args, *kinds)
        if name in spark_columns.NAMES and (is_spark or not _polars_takes(name, args, kwargs)):
            return self._spark_method(name, receiver, args, kwargs, is_spark=is_spark)
        if not isinstance(receiver, pl.Expr) and not hasattr(receiver, "then"):
            raise ExpressionError(
                f"`.{name}` cannot follow `asc()` or `desc()`, or a rank without `over`"
            )
        is_narwhals = _is_of(node.func, "nw") or name not in _polars_methods()
        if is_narwhals and name in narwhals_names.METHODS:
            return narwhals_names.METHODS[name](receiver, *args, **kwargs)
        if not all(part.isidentifier() and part[0] != "_" for part in names) or (
            name not in _polars_methods() and name not in catalog.expression_methods("nw")
        ):
            raise ExpressionError(f"`.{name}` has no equal on Polars")
        for part in names:
            receiver = getattr(receiver, part)
        return receiver(*args, **kwargs)

    def _spark_method(
        self, name: str, receiver: Any, args: Any, kwargs: Any, *, is_spark: bool
    ) -> Any:
        if name in spark_operators.METHODS:
            result: Any = spark_operators.METHODS[name](self.scope, receiver, *args, **kwargs)
        else:
            result = spark_columns.METHODS[name](receiver, *args, **kwargs)
        label = spark_columns.NAMES[name] if is_spark else None
        return result if label is None else named(label, result, receiver, *args, *kwargs.values())

    def _laktory(self, name: str, args: list[Any], kwargs: dict[str, Any]) -> pl.Expr:
        if name == "current_timestamp":
            return self.scope.now()
        if name == "sql_expr":
            return self._sql([v for v in (*args, *kwargs.values()) if isinstance(v, str)], "spark")
        if name == "compare":
            return column_functions.compare(self.scope, *args, **kwargs)
        return column_functions.FUNCTIONS[name](*args, **kwargs)


def _spark_value(value: Any, names_column: bool) -> Any:
    """Return an argument as Spark takes it: where a column is wanted, a string names one."""
    if isinstance(value, list | tuple):
        return [_spark_value(item, names_column) for item in value]
    return as_column(value) if names_column else value


def _is_spark(node: ast.expr) -> bool:
    return _is_of(node, "F")


def _is_of(node: ast.expr, root: str) -> bool:
    return any(isinstance(part, ast.Name) and part.id == root for part in ast.walk(node))


@lru_cache(maxsize=8)
def _types(root: str) -> frozenset[str]:
    return catalog.data_types(root)


@lru_cache(maxsize=1)
def _polars_methods() -> frozenset[str]:
    return catalog.expression_methods("pl")


def _polars_takes(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Return whether the method, of a receiver that Spark did not make, is Polars' own."""
    if name not in _polars_methods():
        return False
    if name in ("when", "otherwise"):
        return len(args) < 2
    return True
