"""The walk over a checked expression; an engine says what each kind of node becomes."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

from laktory_dagster.errors import ExpressionError

BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
}
COMPARE: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
UNARY: Mapping[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.Invert: operator.invert,
    ast.USub: operator.neg,
    ast.UAdd: lambda value: value,
}


class Compiler:
    """Gives the value of each node. What follows from calls and names is the engine's part."""

    def call(self, node: ast.Call) -> Any:
        """Return what a call gives."""
        raise NotImplementedError

    def attribute(self, node: ast.Attribute) -> Any:
        """Return what a dotted name stands for that is not called."""
        raise NotImplementedError

    def item(self, value: Any, key: Any) -> Any:
        """Return an item of a list or a field of a struct; a slice is a part of a text."""
        raise NotImplementedError

    def binary(self, node: ast.BinOp, left: Any, right: Any) -> Any:
        """Return what an operator gives."""
        return BINARY[type(node.op)](left, right)

    def unary(self, node: ast.UnaryOp, value: Any) -> Any:
        """Return what an operator of one side gives."""
        return UNARY[type(node.op)](value)

    def compared(self, node: ast.Compare, left: Any, right: Any) -> Any:
        """Return what a comparison gives."""
        return COMPARE[type(node.ops[0])](left, right)

    def pair(self, left: ast.expr, right: ast.expr) -> tuple[Any, Any]:
        """Return two operands."""
        return self.value(left), self.value(right)

    def value(self, node: ast.expr) -> Any:
        """Return what a node stands for.

        Raises:
            ExpressionError: it is of a kind that expressions do not have.
        """
        match node:
            case ast.Constant(value=value):
                return value
            case ast.List() | ast.Tuple() | ast.Dict():
                return self._collection(node)
            case ast.UnaryOp():
                return self.unary(node, self.value(node.operand))
            case ast.Compare():
                return self.compared(node, *self.pair(node.left, node.comparators[0]))
            case ast.BinOp():
                return self.binary(node, *self.pair(node.left, node.right))
            case ast.Call():
                return self.call(node)
            case ast.Attribute():
                return self.attribute(node)
            case ast.Subscript(value=value, slice=key):
                return self.item(self.value(value), self._key(key))
        raise ExpressionError(f"`{ast.unparse(node)[:60]}` is not allowed in an expression")

    def _collection(self, node: ast.List | ast.Tuple | ast.Dict) -> Any:
        if isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            return {self.value(key): self.value(v) for key, v in pairs if key is not None}
        items = [self.value(item) for item in node.elts]
        return items if isinstance(node, ast.List) else tuple(items)

    def _key(self, key: ast.expr) -> Any:
        if not isinstance(key, ast.Slice):
            return self.value(key)
        return slice(*(None if p is None else self.value(p) for p in (key.lower, key.upper)))

    def arguments(self, node: ast.Call) -> tuple[list[Any], dict[str, Any]]:
        """Return the arguments of a call."""
        args = [self.value(value) for value in node.args]
        return args, {k.arg: self.value(k.value) for k in node.keywords if k.arg is not None}

    def plain_call(self, function: Callable[..., Any], node: ast.Call) -> Any:
        """Return what a function gives for the arguments of a call."""
        args, kwargs = self.arguments(node)
        return function(*args, **kwargs)


def no_column(node: ast.Attribute) -> ExpressionError:
    """Return the error for a dotted name that stands for nothing."""
    return ExpressionError(f"`{ast.unparse(node)[:60]}` is no column and no data type")
