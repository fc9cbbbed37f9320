"""Checked expressions as columns of Spark, built node by node; nothing is evaluated by Python.

`F.` are Spark's own functions; `nw.` are narwhals', which it translates to Spark, and `pl.` is read
as `nw.`. A bare `col` is Spark's unless only narwhals has a method that follows it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, Literal

import narwhals as nw
import narwhals.selectors as ncs
from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import ArrayType, DataType, DateType, NullType, NumericType

from laktory_dagster.engines.spark import (
    column_functions,
    like_polars,
    polars_columns,
    time_formats,
)
from laktory_dagster.engines.spark.narwhals_columns import (
    columns,
    is_narwhals,
    is_scalar,
    one_column,
)
from laktory_dagster.engines.spark.problems import SPARK_ERRORS, explained
from laktory_dagster.engines.spark.schemas import ddl, of_narwhals, parse_type
from laktory_dagster.engines.spark.scope import Scope, column
from laktory_dagster.engines.spark.typed_text import check_texts
from laktory_dagster.errors import ExpressionError
from laktory_dagster.expressions import catalog
from laktory_dagster.expressions.compiler import Compiler, no_column
from laktory_dagster.expressions.lenient import lenient
from laktory_dagster.expressions.nodes import dotted
from laktory_dagster.expressions.present import with_moment
from laktory_dagster.expressions.project_methods import project_methods
from laktory_dagster.expressions.python import Expression, parse_argument
from laktory_dagster.expressions.sql import SqlExpression, parse_sql_expression

Flavour = Literal["spark", "narwhals"]
_TIME_METHODS: Mapping[str, Callable[[Column, Any], Column]] = {
    # Narwhals' own formats know fewer parts, and no literal letters.
    "str.to_datetime": time_formats.to_datetime,
    "str.to_date": time_formats.to_date,
    "dt.to_string": time_formats.to_text,
    "dt.strftime": time_formats.to_text,
}
_SAME_MEANING: Mapping[str, Callable[..., Column]] = {
    # Where narwhals' translation to Spark does not mean what it means on Polars.
    "dt.weekday": lambda value: (F.weekday(value) + 1).cast("tinyint"),
    "round": lambda value, decimals=0: F.bround(value, decimals),
    **like_polars.PLAIN,
}
_PRESENT = ("current_timestamp", "now")


class _OnlyNarwhalsError(Exception):
    """A bare `col` is followed by something that Spark's columns have not."""


def compile_expression(
    expression: Expression | SqlExpression, scope: Scope, *, aggregates: bool = False
) -> Any:
    """Return the column, data type or list of these that an expression stands for.

    Args:
        expression: a checked expression.
        scope: the frame whose columns it reads, and the present time.
        aggregates: whether one value a group is meant.

    Raises:
        ExpressionError: Spark has no equal of something in it.
    """
    if isinstance(expression, SqlExpression):
        return compile_tree(expression, scope)
    try:
        try:
            found = _Compiler(scope, "spark", aggregates).value(expression.tree)
        except _OnlyNarwhalsError:
            found = _Compiler(scope, "narwhals", aggregates).value(expression.tree)
        return _results(found, scope, aggregates)
    except (TypeError, ValueError, AttributeError, *SPARK_ERRORS) as error:
        problem = explained(error, scope.names)
        raise ExpressionError(
            f"`{expression.text}` cannot be computed: {problem.message}", hint=problem.hint
        ) from error


def is_aggregate(text: str, scope: Scope) -> bool:
    """Return whether a text is an expression of narwhals that gives one value for all rows."""
    expression = parse_argument(text)
    if expression is None:
        return False
    try:
        found = _Compiler(scope, "narwhals", aggregates=True).value(expression.tree)
        return is_narwhals(found) and is_scalar(found, scope.frame)
    except (ExpressionError, TypeError, ValueError, AttributeError, *SPARK_ERRORS):
        # What is wrong with it is said where it is compiled.
        return False


def _results(value: Any, scope: Scope, aggregates: bool) -> Any:
    """Return what an argument stands for: `nw.all()` and the like are the list of their columns."""
    if not is_narwhals(value):
        return as_columns(value, scope, aggregates=aggregates)
    found = columns(value, scope.frame, aggregates=aggregates)
    return found[0] if len(found) == 1 else found


def as_columns(value: Any, scope: Scope, *, aggregates: bool = False) -> Any:
    """Return a value in which every narwhals expression is a column of Spark."""
    if is_narwhals(value):
        return one_column(value, scope.frame, aggregates=aggregates)
    if isinstance(value, list | tuple):
        return [as_columns(item, scope, aggregates=aggregates) for item in value]
    return value


def data_type(expression: Expression) -> Any:
    """Return the type of narwhals, class or instance, that a text such as `pl.Int64` names."""
    moment = datetime.min.replace(tzinfo=UTC)
    return _Compiler(Scope(None, "spark", moment), "narwhals", False).value(expression.tree)


def compile_condition(text: str, scope: Scope, *, aggregates: bool = False) -> Column:
    """Return the column of a filter, an expectation or an `expr`: a call, else SQL.

    Args:
        text: the condition.
        scope: the frame whose columns it reads.
        aggregates: whether it is about all rows at once.

    Raises:
        ExpressionError: It is neither, holds something forbidden, or gives no column.
    """
    parsed = parse_argument(text) or parse_sql_expression(text, scope.dialect)
    condition = compile_expression(parsed, scope, aggregates=aggregates)
    if not is_column(condition):
        raise ExpressionError(f"`{text}` is no column", expected="an expression of columns")
    found: Column = condition
    return found


def compile_sql(text: str, scope: Scope) -> Column:
    """Return the column of a scalar SQL expression. Raises ExpressionError."""
    return compile_tree(parse_sql_expression(text, scope.dialect), scope)


def compile_tree(expression: SqlExpression, scope: Scope) -> Column:
    """Return the column of a checked SQL expression, written in Spark's dialect."""
    check_texts(expression.tree, scope.schema)
    timed = with_moment(expression, scope.moment)
    found: Column = F.expr(lenient(timed).render("spark"))
    return found


def is_column(value: Any) -> bool:
    """Return whether a value is a column of Spark, classic or of Connect."""
    return isinstance(value, Column)


@dataclass(frozen=True)
class _Compiler(Compiler):
    scope: Scope
    bare: Flavour
    aggregates: bool

    def pair(self, left: ast.expr, right: ast.expr) -> tuple[Any, Any]:
        """Return two operands of one library: Spark's where they differ."""
        first, second = self.value(left), self.value(right)
        if is_column(first) != is_column(second):
            return self._own(first), self._own(second)
        return first, second

    def binary(self, node: ast.BinOp, left: Any, right: Any) -> Any:
        """Return what an operator gives; of narwhals' columns in the type that Polars has."""
        number = next((v for v in (right, left) if type(v) is int), None)
        if _is_duration(node.right) and is_column(left):
            result = super().binary(node, left, right)
            return result.cast("date") if isinstance(self._type(left), DateType) else result
        if number is None or not (is_narwhals(left) or is_narwhals(right)):
            return super().binary(node, left, right)
        value = left if is_narwhals(left) else right
        if isinstance(node.op, ast.Pow) and value is left and number >= 0:
            return like_polars.power(left, number, self._type(left))
        result = super().binary(node, left, right)
        if not like_polars.keeps_size(node.op):
            return result
        return like_polars.like_small(result, number, self._type(value))

    def _type(self, value: Any) -> DataType:
        """Return the type of a column; none for a part that has a meaning in a window only."""
        try:
            kind: DataType = self.scope.frame.select(self._own(value)).schema.fields[0].dataType
        except (ExpressionError, *SPARK_ERRORS):
            return NullType()
        return kind

    def _own(self, value: Any) -> Any:
        return as_columns(value, self.scope, aggregates=self.aggregates)

    def _own_all(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {key: self._own(value) for key, value in values.items()}

    def attribute(self, node: ast.Attribute) -> Any:
        """Return a column `col.name`, or a data type."""
        base, names = dotted(node)
        if isinstance(base, ast.Name) and len(names) == 1 and names[0] in _types(base.id):
            return getattr(nw, names[0])
        if isinstance(base, ast.Name) and (base.id, *names[:-1]) == ("col",):
            return self._named(names[-1])
        if isinstance(base, ast.Name) and (base.id, *names[:-1]) == ("pl", "col"):
            return nw.col(names[-1])
        raise no_column(node)

    def _named(self, name: str) -> Any:
        return nw.col(name) if self.bare == "narwhals" else column(name)

    def item(self, value: Any, key: Any) -> Any:
        """Return an item, a field, or for a slice a part of a text."""
        return self._own(value)[key]

    def call(self, node: ast.Call) -> Any:
        """Return what a function or a method gives."""
        base, names = dotted(node.func)
        if not isinstance(base, ast.Name):
            windowed = self._windowed(node, base, names)
            return self._method(node, self.value(base), names) if windowed is None else windowed
        root, name = base.id, ".".join(names)
        if root == "col" and names:
            return self._method(node, self._named(names[0]), names[1:])
        if root == "pl" and len(names) > 2 and names[0] == "col":
            return self._method(node, nw.col(names[1]), names[2:])
        if not names:
            return self._bare(node, root)
        if names[0] in _types(root):
            return self.plain_call(getattr(nw, names[0]), node)
        if root == "F":
            return self._spark_function(node, name)
        if root == "pl" and name in polars_columns.FUNCTIONS:
            args, kwargs = self.arguments(node)
            return polars_columns.FUNCTIONS[name](*self._own(args), **self._own_all(kwargs))
        return self._narwhals_function(node, root, name)

    def _bare(self, node: ast.Call, root: str) -> Any:
        args, kwargs = self.arguments(node)
        library = nw if self.bare == "narwhals" else F
        if root == "col":
            return library.col(*args, **kwargs)
        if root == "lit":
            return library.lit(*args, **kwargs)
        return self._sql([*args, *kwargs.values()])

    def _sql(self, args: Sequence[Any], dialect: str = "spark") -> Column:
        return compile_tree(parse_sql_expression(args[0], dialect), self.scope)

    def _spark_function(self, node: ast.Call, name: str) -> Any:
        args, kwargs = self.arguments(node)
        args, kwargs = self._own(args), {key: self._own(v) for key, v in kwargs.items()}
        if name.startswith("laktory."):
            return self._laktory(name.removeprefix("laktory."), args, kwargs)
        if name == "expr":
            return self._sql([*args, *kwargs.values()])
        if name in _PRESENT and not args:
            return self.scope.now()
        if name in ("current_date", "curdate") and not args:
            return F.to_date(self.scope.now())
        if name == "localtimestamp" and not args:
            return self.scope.now().cast("timestamp_ntz")
        return getattr(F, name)(*args, **kwargs)

    def _narwhals_function(self, node: ast.Call, root: str, name: str) -> Any:
        args, kwargs = self.arguments(node)
        laktory = name.removeprefix("Expr.").removeprefix("expr.")
        if laktory.startswith("laktory."):
            name = laktory.removeprefix("laktory.")
            return self._laktory(
                name, self._own(args), {k: self._own(v) for k, v in kwargs.items()}
            )
        if name == "sql_expr":
            return self._sql([*args, *kwargs.values()], "polars" if root == "pl" else "spark")
        if name.startswith("selectors."):
            return getattr(ncs, name.removeprefix("selectors."))(*args, **kwargs)
        if root == "pl" and name in polars_columns.KLEENE:
            kwargs.setdefault("ignore_nulls", polars_columns.KLEENE[name])
        if name not in catalog.expression_functions("nw"):
            raise ExpressionError(
                f"`{root}.{name}` has no equal on Spark", hint="write it with `F.`, or as SQL"
            )
        return getattr(nw, name)(*args, **kwargs)

    def _windowed(self, node: ast.Call, base: ast.expr, names: tuple[str, ...]) -> Any:
        """Return an aggregate that narwhals has not in a window; None for anything else."""
        is_over = names == ("over",) and isinstance(base, ast.Call)
        call = base if is_over and isinstance(base, ast.Call) else node
        inner, parts = dotted(call.func)
        name = ".".join(parts)
        if self.aggregates or isinstance(inner, ast.Name) or name not in like_polars.OVER:
            return None
        value = self.value(inner)
        if not is_narwhals(value):
            return None
        args, kwargs = self.arguments(node) if is_over else ([], {})
        _, options = self.arguments(call)
        return like_polars.over(
            name, self._own(value), options, self._own(args), self._own_all(kwargs)
        )

    def _method(self, node: ast.Call, receiver: Any, names: tuple[str, ...]) -> Any:
        args, kwargs = self.arguments(node)
        name = ".".join(names)
        if name.startswith("laktory."):
            given = [self._own(value) for value in (receiver, *args)]
            kwargs = {key: self._own(value) for key, value in kwargs.items()}
            return self._laktory(name.removeprefix("laktory."), given, kwargs)
        if isinstance(receiver, polars_columns.When):
            return receiver.then(*self._own(args))
        if is_column(receiver):
            return self._spark_method(receiver, name, args, kwargs)
        found = self._like_polars(receiver, name, args, kwargs)
        if found is not None:
            return found
        own = name in polars_columns.OWN
        if own or (name in polars_columns.METHODS and not _has(receiver, names)):
            return self._polars_method(self._own(receiver), name, args, kwargs)
        for part in names:
            if part.startswith("_") or not hasattr(receiver, part):
                raise ExpressionError(
                    f"`.{name}` has no equal on Spark", hint="write it with `F.`, or as SQL"
                )
            receiver = getattr(receiver, part)
        found = receiver(*args, **kwargs)
        kind = polars_columns.TYPES.get(name)
        return found if kind is None else found.cast(kind)

    def _like_polars(
        self, receiver: Any, name: str, args: list[Any], kwargs: dict[str, Any]
    ) -> Any:
        """Return what narwhals' translation to Spark would not mean as on Polars; None otherwise."""
        if name in _TIME_METHODS:
            text = next(iter([*args, *kwargs.values()]), None)
            return _TIME_METHODS[name](self._own(receiver), text)
        if name in like_polars.TYPED:
            return like_polars.TYPED[name](receiver, self._type(receiver))
        if name == "list.sum" and isinstance(kind := self._type(receiver), ArrayType):
            return like_polars.list_sum(self._own(receiver), kind)
        if name in _SAME_MEANING:
            return _SAME_MEANING[name](self._own(receiver), *args, **kwargs)
        if name in polars_columns.AS_NARWHALS:
            return polars_columns.AS_NARWHALS[name](receiver, *args, **kwargs)
        return None

    def _spark_method(
        self, receiver: Column, name: str, args: list[Any], kwargs: dict[str, Any]
    ) -> Any:
        is_branch = name == "when" and len(args) == 1
        if name in project_methods():
            return attrgetter(name)(receiver)(*self._own(args), **self._own_all(kwargs))
        if is_branch or not catalog.method_signatures("F", name) or not hasattr(Column, name):
            if name == "when" and len(args) == 1:
                return polars_columns.When(self._own(args)[0], receiver)
            if name in polars_columns.METHODS:
                return self._polars_method(receiver, name, args, kwargs)
            if self.bare == "spark" and catalog.method_signatures("nw", name):
                raise _OnlyNarwhalsError
            raise ExpressionError(
                f"`.{name}` is no method of Spark's columns", hint="write it with `F.` or `nw.`"
            )
        args, kwargs = self._own(args), self._own_all(kwargs)
        if name == "over":
            return receiver.over(column_functions.window(*args, **kwargs))
        if name in ("cast", "astype", "try_cast") and args and isinstance(args[0], str):
            args = [parse_type(args[0])]
        if name in ("cast", "astype", "try_cast") and args:
            kind = args[0] if isinstance(args[0], DataType) else of_narwhals(args[0])
            args, kwargs = [ddl(kind)], {}
            if isinstance(kind, NumericType):
                # A plain cast wraps what is too large, and gives 0 for NaN.
                return receiver.try_cast(*args)
        return getattr(receiver, name)(*args, **kwargs)

    def _polars_method(
        self, receiver: Column, name: str, args: list[Any], kwargs: dict[str, Any]
    ) -> Column:
        method = polars_columns.METHODS[name]
        found = method(receiver, *self._own(args), **self._own_all(kwargs))
        if name not in polars_columns.KEEP_THE_TYPE:
            return found
        return found.cast(ddl(self.scope.frame.select(receiver).schema.fields[0].dataType))

    def _laktory(self, name: str, args: list[Any], kwargs: dict[str, Any]) -> Column:
        if name == "current_timestamp":
            return self.scope.now()
        if name == "sql_expr":
            return self._sql([v for v in (*args, *kwargs.values()) if isinstance(v, str)])
        found: Column = column_functions.FUNCTIONS[name](*args, **kwargs)
        return found


def _is_duration(node: ast.expr) -> bool:
    base, names = dotted(node.func) if isinstance(node, ast.Call) else (node, ())
    return isinstance(base, ast.Name) and (base.id, *names) == ("pl", "duration")


def _types(root: str) -> frozenset[str]:
    return catalog.data_types(root)


def _has(value: Any, names: Sequence[str]) -> bool:
    for name in names:
        if not hasattr(value, name):
            return False
        value = getattr(value, name)
    return True
