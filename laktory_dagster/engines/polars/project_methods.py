"""Methods that a project adds to expressions, called on Polars."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import narwhals as nw
import polars as pl

from laktory_dagster.errors import ExpressionError
from laktory_dagster.expressions.compiler import Compiler
from laktory_dagster.expressions.nodes import dotted


def call_project_method(node: ast.Call, receiver: pl.Expr, names: Sequence[str]) -> pl.Expr:
    """Return what a method of a project gives.

    One that is registered with Polars takes the native expression, one of narwhals its own, which
    is made from the tree.

    Args:
        node: the call.
        receiver: what the method is called on.
        names: of the namespace and the method.

    Raises:
        ExpressionError: the method takes narwhals, and is called on something else.
    """
    own = _NarwhalsCompiler()
    args, kwargs = own.arguments(node)
    method = attrgetter(".".join(names))
    found: pl.Expr
    if hasattr(pl.Expr, names[0]):
        native = {key: as_polars(value) for key, value in kwargs.items()}
        found = method(receiver)(*map(as_polars, args), **native)
        return found
    before: ast.expr = node.func
    for _ in names:
        assert isinstance(before, ast.Attribute)  # noqa: S101 - the names were read from there
        before = before.value
    found = as_polars(method(own.value(before))(*args, **kwargs))
    return found


def as_polars(value: Any) -> Any:
    """Return the Polars expression that one of narwhals stands for; any other value itself."""
    if not isinstance(value, nw.Expr):
        return value
    namespace: Any = nw.from_native(pl.LazyFrame()).__narwhals_namespace__()
    # Narwhals offers frames only; its own methods of frames take this very way.
    compliant: Any = value._to_compliant_expr(namespace)
    return compliant.native


class _NarwhalsCompiler(Compiler):
    """Gives narwhals' own expressions."""

    def call(self, node: ast.Call) -> Any:
        """Return what a function or a method gives."""
        base, names = dotted(node.func)
        if not isinstance(base, ast.Name):
            owner = self.value(base)
        elif base.id == "nw":
            owner = nw
        elif base.id in ("col", "lit") and not names:
            owner, names = nw, (base.id,)
        else:
            raise _only_narwhals(node)
        return self.plain_call(attrgetter(".".join(names))(owner), node)

    def attribute(self, node: ast.Attribute) -> Any:
        """Return a data type."""
        base, names = dotted(node)
        if isinstance(base, ast.Name) and base.id == "nw" and len(names) == 1:
            return getattr(nw, names[0])
        raise _only_narwhals(node)

    def item(self, value: Any, key: Any) -> Any:
        """Narwhals has no items of expressions."""
        raise ExpressionError("narwhals takes no items of columns", hint="write `.list.get(...)`")


def _only_narwhals(node: ast.expr) -> ExpressionError:
    return ExpressionError(
        f"`{ast.unparse(node)[:60]}` stands before or in a method of the project, which takes "
        "expressions of narwhals",
        hint="write it with `nw.`, or in a step before",
    )
