"""Spark's data types in expressions: `T.StringType()` reads as the name `string`."""

from __future__ import annotations

import ast

_NAMES = {
    "BinaryType": "binary",
    "BooleanType": "boolean",
    "ByteType": "tinyint",
    "DateType": "date",
    "DoubleType": "double",
    "FloatType": "float",
    "IntegerType": "int",
    "LongType": "bigint",
    "ShortType": "smallint",
    "StringType": "string",
    "TimestampNTZType": "timestamp_ntz",
    "TimestampType": "timestamp",
}


class _Renaming(ast.NodeTransformer):
    def visit_Call(self, node: ast.Call) -> ast.expr:
        name = _type_name(node)
        if name is None:
            self.generic_visit(node)
            return node
        return ast.copy_location(ast.Constant(name), node)


def with_type_names(tree: ast.expr) -> ast.expr:
    """Return the tree with every call of a type under `T` as the text that names it in SQL."""
    renamed: ast.expr = _Renaming().visit(tree)
    return renamed


def _type_name(node: ast.Call) -> str | None:
    function = node.func
    if not isinstance(function, ast.Attribute) or not isinstance(function.value, ast.Name):
        return None
    if function.value.id != "T" or node.keywords:
        return None
    sizes = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
    if function.attr == "DecimalType" and len(sizes) == len(node.args):
        if not all(isinstance(size, int) for size in sizes):
            return None
        return f"decimal({', '.join(map(str, sizes or (10, 0)))})"
    return None if node.args else _NAMES.get(function.attr)
