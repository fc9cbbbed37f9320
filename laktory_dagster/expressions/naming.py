"""How the results of an expression are named, as far as that is known without the frame."""

from __future__ import annotations

import ast

from laktory_dagster.expressions import catalog
from laktory_dagster.expressions.nodes import dotted

Names = tuple[str, ...] | None

_OWN_NAME = {"lit": "literal", "len": "len"}
_LEFTMOST = frozenset(
    {"coalesce", "concat_str", "concat_list", "struct", "max_horizontal", "min_horizontal"}
    | {"sum_horizontal", "mean_horizontal", "all_horizontal", "any_horizontal"}
)
_KEEPS_SPARK_NAME = frozenset({"cast", "astype"})
_RENAMES = frozenset({"struct.rename_fields", "struct.unnest", "value_counts", "hist", "exclude"})


def output_names(node: ast.expr) -> Names:
    """Return the names of the results in order, or None where they cannot be known."""
    match node:
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return _joined(items)
        case ast.BinOp(left=left, right=right):
            return None if _is_spark(left) or _is_spark(right) else output_names(left)
        case ast.Compare(left=left, comparators=[right]):
            if _is_spark(left) or _is_spark(right):
                return None
            return output_names(right if isinstance(left, ast.Constant) else left)
        case ast.UnaryOp(operand=operand):
            return None if _is_spark(operand) else output_names(operand)
        case ast.Call():
            return _of_call(node)
        case ast.Attribute():
            return _of_attribute(node)
        case _:
            return None


def _joined(items: list[ast.expr]) -> Names:
    names: list[str] = []
    for item in items:
        found = output_names(item)
        if found is None:
            return None
        names.extend(found)
    return tuple(names)


def _of_attribute(node: ast.Attribute) -> Names:
    base, names = dotted(node)
    if isinstance(base, ast.Name) and (base.id, *names[:-1]) in (("pl", "col"), ("col",)):
        return (names[-1],)
    return None


def _of_call(node: ast.Call) -> Names:
    base, names = dotted(node.func)
    if isinstance(base, ast.Name):
        if not names:
            return _of_columns(node, base.id) if base.id == "col" else None
        function = ".".join(names)
        if function in catalog.expression_functions(base.id):
            return _of_function(node, base.id, function)
    return _of_method(node, names)


def _of_method(node: ast.Call, names: tuple[str, ...]) -> Names:
    receiver, method = _receiver(node.func, names)
    if method == "alias" or (method == "name" and _is_spark(receiver)):
        return _texts(node.args)
    if method.startswith(("name.", "laktory.")) or method in _RENAMES:
        return None
    if method not in catalog.expression_methods("col"):  # one that the project adds
        return None
    if _is_spark(receiver):
        return output_names(receiver) if method in _KEEPS_SPARK_NAME else None
    if method == "struct.field":
        return _of_columns(node, "pl")
    if method == "then":  # the first one names the result
        return output_names(receiver) or _of_value(node.args)
    if method in ("when", "otherwise"):
        return output_names(receiver)
    return output_names(receiver)


def _receiver(function: ast.expr, names: tuple[str, ...]) -> tuple[ast.expr, str]:
    """Return what the method is called on, and the method with its namespace."""
    base, _ = dotted(function)
    skipped = 0
    if isinstance(base, ast.Name):
        skipped = 2 if base.id == "pl" else 1
    receiver = function
    for _ in names[skipped:]:
        if isinstance(receiver, ast.Attribute):
            receiver = receiver.value
    return receiver, ".".join(names[skipped:])


def _of_function(node: ast.Call, root: str, function: str) -> Names:
    if function in ("col", "column"):
        return _of_columns(node, root)
    if root == "F":
        return None
    if function in _OWN_NAME:
        return (_OWN_NAME[function],)
    if function in _LEFTMOST:
        return _of_value(node.args)
    signature = catalog.function_signatures(root)[function]
    if not signature.required and signature.var_args_name in signature.columns:
        return _texts(node.args)
    return None


def _of_columns(node: ast.Call, root: str) -> Names:
    names = _texts(node.args)
    if names is None or any("*" in name or name.startswith("^") for name in names):
        return None
    if root in ("pl", "nw"):
        return names
    return tuple(name.strip("`") if name.startswith("`") else name.split(".")[-1] for name in names)


def _of_value(values: list[ast.expr]) -> Names:
    """Return the name of the first value: of its column, or of a literal."""
    while values and isinstance(values[0], ast.List | ast.Tuple):
        values = values[0].elts
    if not values:
        return None
    if isinstance(values[0], ast.Constant):
        return (values[0].value,) if isinstance(values[0].value, str) else ("literal",)
    names = output_names(values[0])
    return names[:1] if names else None


def _texts(values: list[ast.expr]) -> Names:
    names: list[str] = []
    for value in values:
        for item in value.elts if isinstance(value, ast.List | ast.Tuple) else [value]:
            if not isinstance(item, ast.Constant) or not isinstance(item.value, str):
                return None
            names.append(item.value)
    return tuple(names) or None


def _is_spark(node: ast.expr) -> bool:
    """Return whether the expression is of a root whose results Spark may name its own way."""
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            return part.id not in ("pl", "nw")
    return False
