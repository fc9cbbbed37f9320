"""Questions about nodes of a Python syntax tree."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator
from typing import Any


def walk(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield every node, without recursion."""
    pending = [tree]
    while pending:
        node = pending.pop()
        yield node
        pending.extend(ast.iter_child_nodes(node))


_TYPE_MODULES = {"nw": "dtypes", "pl": "datatypes"}


def dotted(node: ast.expr) -> tuple[ast.expr, tuple[str, ...]]:
    """Return what a chain of attributes starts from, and the attributes in order.

    The modules of data types are left out: `nw.dtypes.String` is `nw.String`.
    """
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    names.reverse()
    module = _TYPE_MODULES.get(node.id) if isinstance(node, ast.Name) else None
    return node, tuple(names[1:] if len(names) > 1 and names[0] == module else names)


def argument_nodes(node: ast.Call) -> list[ast.expr]:
    """Return the arguments of a call, positional and named."""
    return [*node.args, *(keyword.value for keyword in node.keywords)]


def flat(node: ast.expr) -> Iterator[ast.expr]:
    """Yield the items of nested lists, or the node itself."""
    if isinstance(node, ast.List | ast.Tuple):
        for item in node.elts:
            yield from flat(item)
    else:
        yield node


def is_text(node: ast.expr) -> bool:
    """Return whether the node is a plain text."""
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def is_sequence(node: ast.expr) -> bool:
    """Return whether Python itself would multiply or format the value."""
    return is_text(node) or isinstance(node, ast.List | ast.Tuple | ast.Dict)


def number(node: ast.expr) -> float | None:
    """Return the number that the node writes, with its sign, else None."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        node = node.operand
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return node.value
    return None


_OPERATIONS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Pow: operator.pow,
}


def total(node: ast.expr) -> float | None:
    """Return what a number, or plain arithmetic of numbers, comes to, else None."""
    if not isinstance(node, ast.BinOp):
        return number(node)
    calculate = _OPERATIONS.get(type(node.op))
    left, right = total(node.left), total(node.right)
    if calculate is None or left is None or right is None:
        return None
    result: float = calculate(left, right)
    return result


def is_plain(node: ast.expr) -> bool:
    """Return whether the node is a plain text or number."""
    return number(node) is not None or is_text(node)
