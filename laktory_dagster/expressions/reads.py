"""Which columns an expression reads."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field

from laktory_dagster.errors import ExpressionError
from laktory_dagster.expressions.catalog import Signature
from laktory_dagster.expressions.nodes import argument_nodes, flat, is_text

_SQL_FUNCTIONS = frozenset({"expr", "sql_expr", "laktory.sql_expr", "Expr.laktory.sql_expr"})
_SQL_FUNCTIONS |= {"expr.laktory.sql_expr"}
_COLUMN_FUNCTIONS = frozenset({"col", "column"})
_OPEN_FUNCTIONS = frozenset({"all", "exclude", "nth", "first", "last"})


@dataclass
class ColumnReads:
    """Gathers the columns that calls name. `open` says that there may be more than `names`."""

    text: str
    names: set[str] = field(default_factory=set)
    open: bool = False

    def columns(self) -> frozenset[str] | None:
        """Return the columns, or None when they cannot be known."""
        return None if self.open else frozenset(self.names)

    def read_special(self, node: ast.Call, root: str, name: str) -> bool:
        """Read the columns of functions that name them in a way of their own."""
        if name in _COLUMN_FUNCTIONS:
            values = argument_nodes(node)
            if not values:
                raise error_at(self.text, node, "which column?", f'{root}("name")')
            for value in values:
                self.read_name(root, value)
            return True
        if name in _SQL_FUNCTIONS:
            self.read_sql(node, "polars" if root == "pl" and name == "sql_expr" else "spark")
            return True
        if name in _OPEN_FUNCTIONS and root in ("pl", "nw") and _is_open(name, node):
            self.open = True
        if name == "count" and [ast.unparse(value) for value in node.args] == ["'*'"]:
            return True
        self.open |= name.startswith("selectors.")
        return name.startswith("selectors.") or name == "lit"

    def read_arguments(self, node: ast.Call, root: str, signatures: Sequence[Signature]) -> None:
        """Read the texts among the arguments, where the signatures say that they name columns."""
        arguments: list[tuple[int | str, ast.expr]] = list(enumerate(node.args))
        arguments += [(k.arg, k.value) for k in node.keywords if k.arg is not None]
        for place, value in arguments:
            votes = {signature.names_columns(place) for signature in signatures}
            texts = [item for item in flat(value) if is_text(item)]
            if not texts or votes == {False}:
                continue
            if len(votes) > 1:
                self.open = True
            for item in texts:
                self.read_name(root, item)

    def read_name(self, root: str, node: ast.expr) -> None:
        """Read a name, or the names of a list; anything else may be any column."""
        for item in flat(node):
            if is_text(item):
                self.read(root, ast.literal_eval(item))
            else:
                self.open = True

    def read(self, root: str, name: str) -> None:
        """Read a column; patterns and `*` may be any."""
        if "*" in name or (name.startswith("^") and name.endswith("$")):
            self.open = True
        elif root in ("pl", "nw"):
            self.names.add(name)
        else:
            self.names.add(first_part(name))

    def read_sql(self, node: ast.Call, dialect: str) -> None:
        """Read the columns of an SQL text."""
        values = argument_nodes(node)
        if len(values) != 1 or not is_text(values[0]):
            raise error_at(self.text, node, "SQL must be given as one plain text", 'expr("a + 1")')
        from laktory_dagster.expressions.sql import parse_sql_expression

        self.names |= parse_sql_expression(ast.literal_eval(values[0]), dialect).columns


def error_at(
    text: str, node: ast.expr, message: str, expected: str | None = None, hint: str | None = None
) -> ExpressionError:
    """Return the error with the place of a node in the text.

    Of a call it is the name that is called: in `pl.col("a").sumn()` that of `sumn`.
    """
    lines = text.strip().splitlines() or [""]
    number, column = node.lineno, node.col_offset
    function = node.func if isinstance(node, ast.Call) else node
    if isinstance(function, ast.Attribute) and function.end_lineno is not None:
        number = function.end_lineno
        column = (function.end_col_offset or 0) - len(function.attr.encode())
    line = lines[min(number, len(lines)) - 1]
    before = len(line.encode()[: max(column, 0)].decode(errors="ignore"))
    return ExpressionError(message, expected=expected, hint=hint, offset=text.find(line) + before)


def first_part(name: str) -> str:
    """Return the column of a dotted name in Spark's spelling: `data.close` reads `data`."""
    if name.startswith("`"):
        return name[1:].split("`", 1)[0]
    return name.split(".", 1)[0]


def _is_open(name: str, node: ast.Call) -> bool:
    return name in ("exclude", "nth") or not argument_nodes(node)
