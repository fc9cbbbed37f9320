"""What an expression may consist of: an allowlist over Python's syntax tree, checked node by node.

A node gives the roots it stems from (`{"pl"}`), no roots for a plain value, or `TYPE` for a data
type. Names of functions and methods come from the catalogue; names beginning with an underscore
never are in it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from laktory_dagster.errors import ExpressionError
from laktory_dagster.expressions import catalog
from laktory_dagster.expressions.catalog import Signature
from laktory_dagster.expressions.growth import MAX_LENGTH, grows_too_long
from laktory_dagster.expressions.nodes import (
    argument_nodes,
    dotted,
    is_plain,
    is_sequence,
    number,
    total,
    walk,
)
from laktory_dagster.expressions.reads import ColumnReads, error_at
from laktory_dagster.expressions.suggest import did_you_mean

ROOTS = frozenset({"pl", "F", "nw", "col", "lit", "expr", "sql_expr"})
NAMESPACE_ROOTS = frozenset({"pl", "F", "nw"})
MAX_DEPTH = 200
MAX_INTEGER_BITS = 64
MAX_EXPONENT = 64

Roots = frozenset[str]
VALUE: Roots = frozenset()
TYPE: Roots = frozenset({"<type>"})

_ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)
_BITWISE = (ast.BitAnd, ast.BitOr, ast.BitXor)
_LITERAL_HINT = "if the text itself is meant, write `{value: ...}` around it"

_INSTEAD: dict[type[ast.AST], tuple[str, str]] = {
    ast.BoolOp: ("`and` and `or` do not work on columns", "write `&` and `|`, with parentheses"),
    ast.Not: ("`not` does not work on columns", "write `~`"),
    ast.IfExp: ("`if ... else` does not work on columns", "write `pl.when(...).then(...)`"),
    ast.Lambda: ("a lambda is code", "register a Python function and name it in `func_name`"),
    ast.NamedExpr: ("`:=` is not allowed", "write the expression twice"),
    ast.JoinedStr: ("f-strings are not allowed", 'write `pl.format("{}", ...)`'),
    ast.Starred: ("`*` is not allowed", "write the items one by one"),
}
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass
class Findings:
    """What a checked tree reads: roots, columns (None when unknown), and whether it is a type."""

    roots: frozenset[str] = VALUE
    columns: frozenset[str] | None = frozenset()
    is_type: bool = False


def holds_rooted_call(tree: ast.expr) -> bool:
    """Return whether some call in the tree starts from one of the roots."""
    return any(isinstance(node, ast.Call) and _root_of(node.func) in ROOTS for node in walk(tree))


def _root_of(node: ast.expr) -> str | None:
    while True:
        if isinstance(node, ast.Attribute | ast.Subscript):
            node = node.value
        elif isinstance(node, ast.Call):
            node = node.func
        else:
            return node.id if isinstance(node, ast.Name) else None


def check_tree(text: str, tree: ast.expr, added: frozenset[str] = frozenset()) -> Findings:
    """Return what the tree reads.

    Args:
        text: the expression.
        tree: its syntax tree.
        added: methods that a project adds, as `namespace.method`.

    Raises:
        ExpressionError: Something in it is forbidden, unknown, or called with wrong arguments.
    """
    checker = _Checker(text, added)
    kind = checker.check(tree)
    return Findings(frozenset(checker.roots), checker.reads.columns(), kind == TYPE)


@dataclass
class _Checker:
    text: str
    added: frozenset[str]
    roots: set[str] = field(default_factory=set)
    depth: int = 0

    def __post_init__(self) -> None:
        self.reads = ColumnReads(self.text)

    def check(self, node: ast.expr) -> Roots:
        """Return what the node stems from."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ExpressionError(
                f"the expression is nested more than {MAX_DEPTH} deep",
                hint="split it over several columns",
            )
        kind = self._dispatch(node)
        self.depth -= 1
        return kind

    def _dispatch(self, node: ast.expr) -> Roots:
        match node:
            case ast.Call():
                return self._call(node)
            case ast.Attribute():
                return self._attribute(node)
            case ast.Constant(value=value):
                return self._constant(node, value)
            case ast.BinOp(left=left, op=operator, right=right):
                return self._binary(node, left, operator, right)
            case ast.Compare():
                return self._compare(node)
            case ast.UnaryOp(op=operator, operand=operand):
                return self._unary(node, operator, operand)
            case ast.List(elts=items) | ast.Tuple(elts=items):
                return VALUE.union(*[self.check(item) for item in items]) - TYPE
            case ast.Dict(keys=keys, values=values):
                return self._mapping(node, keys, values)
            case ast.Subscript(value=value, slice=key):
                return self._subscript(node, value, key)
            case _:
                raise self._forbidden(node)

    def _constant(self, node: ast.Constant, value: object) -> Roots:
        if isinstance(value, int) and value.bit_length() > MAX_INTEGER_BITS:
            raise self.error(node, "the number is too large", f"at most {MAX_INTEGER_BITS} bits")
        if value is not None and not isinstance(value, bool | int | float | str):
            raise self.error(node, f"`{ast.unparse(node)[:40]}` is no value that a column can have")
        return VALUE

    def _mapping(
        self, node: ast.Dict, keys: Sequence[ast.expr | None], values: Sequence[ast.expr]
    ) -> Roots:
        if not all(isinstance(key, ast.Constant) for key in keys):
            raise self.error(node, "the keys of a mapping must be plain values")
        for key in keys:
            if key is not None:
                self.check(key)
        return VALUE.union(*[self.check(value) for value in values]) - TYPE

    def _subscript(self, node: ast.expr, value: ast.expr, key: ast.expr) -> Roots:
        parts = [key.lower, key.upper, key.step] if isinstance(key, ast.Slice) else [key]
        if not all(part is None or is_plain(part) for part in parts):
            raise self.error(node, "only a plain value or a slice may stand in square brackets")
        roots = self.check(value)
        if roots in (VALUE, TYPE):
            raise self.error(node, "only a column may be followed by square brackets")
        return roots

    def _binary(
        self, node: ast.expr, left: ast.expr, operator: ast.operator, right: ast.expr
    ) -> Roots:
        if not isinstance(operator, _ARITHMETIC + _BITWISE):
            raise self.error(node, "this operator is not allowed", "+ - * / // % ** & | ^")
        roots = self.check(left) | self.check(right)
        if TYPE & roots:
            raise self.error(node, "a data type cannot be calculated with")
        if not isinstance(operator, ast.Add) and any(map(is_sequence, (left, right))):
            # `"%999999999d" % 1` and `[0] * 10**9` would be computed by Python itself.
            raise self.error(node, "text and lists may only be added", hint="write `pl.lit(...)`")
        if not roots:
            self._plain_arithmetic(node, left, operator, right)
        return roots

    def _plain_arithmetic(
        self, node: ast.expr, left: ast.expr, operator: ast.operator, right: ast.expr
    ) -> None:
        if not isinstance(operator, ast.Pow):
            return
        base, exponent = number(left), number(right)
        if base is None or exponent is None or abs(exponent) > MAX_EXPONENT or abs(base) > 2**16:
            raise self.error(node, "the power is too large", hint="write the number itself")

    def _unary(self, node: ast.expr, operator: ast.unaryop, operand: ast.expr) -> Roots:
        if isinstance(operator, ast.Not):
            raise self._forbidden(node, operator)
        roots = self.check(operand)
        if TYPE & roots or is_sequence(operand):
            raise self.error(node, "a sign may only stand before a column or a number")
        return roots

    def _compare(self, node: ast.Compare) -> Roots:
        if len(node.ops) > 1:
            raise self.error(
                node,
                "a chain of comparisons does not work on columns",
                hint="write `(a < b) & (b < c)`, or `.is_between(a, c)`",
            )
        if isinstance(node.ops[0], ast.Is | ast.IsNot):
            raise self.error(node, "`is` does not work on columns", hint="write `.is_null()`")
        if isinstance(node.ops[0], ast.In | ast.NotIn):
            raise self.error(node, "`in` does not work on columns", hint="write `.is_in([...])`")
        return self.check(node.left) | self.check(node.comparators[0])

    def _attribute(self, node: ast.Attribute) -> Roots:
        base, names = dotted(node)
        self._refuse_private(node, names)
        if isinstance(base, ast.Name) and base.id in ROOTS:
            self.roots.add(base.id)
            if base.id in NAMESPACE_ROOTS and names[0] in catalog.data_types(base.id):
                if len(names) == 1:
                    return TYPE
            elif _column_attribute(base.id, names) == len(names):
                self.reads.read(base.id, names[-1])
                return frozenset({base.id})
            name = ".".join(names)
            if name in catalog.expression_functions(base.id):
                raise self.error(
                    node, f"`{base.id}.{name}` is not called", f"{base.id}.{name}(...)"
                )
            raise self._unknown(node, base.id, name, _functions_and_types(base.id))
        self.check(base)
        raise self.error(node, f"`.{'.'.join(names)}` is not called", "a method, with parentheses")

    def _call(self, node: ast.Call) -> Roots:
        base, names = dotted(node.func)
        self._refuse_private(node, names)
        if not isinstance(base, ast.Name):
            return self._method(node, self.check(base), names) if names else self._odd_call(node)
        root = base.id
        if root not in ROOTS:
            raise self._unknown_name(base)
        self.roots.add(root)
        if not names or (root not in NAMESPACE_ROOTS and _column_attribute(root, names)):
            return self._bare(node, root, names)
        if root not in NAMESPACE_ROOTS:
            raise self.error(node, f"`{root}` has no functions", f"{root}(...)")
        if names[0] in catalog.data_types(root) and len(names) == 1:
            return self._type(node)
        skipped = _column_attribute(root, names)
        if skipped and len(names) > skipped:
            self.reads.read(root, names[skipped - 1])
            return self._method(node, frozenset({root}), names[skipped:])
        return self._function(node, root, ".".join(names))

    def _odd_call(self, node: ast.Call) -> Roots:
        raise self.error(node, "what is called here has no name", "a function or a method")

    def _bare(self, node: ast.Call, root: str, names: tuple[str, ...]) -> Roots:
        roots = frozenset({root})
        if names:
            self.reads.read(root, names[0])
            return self._method(node, roots, names[1:])
        if root in NAMESPACE_ROOTS:
            raise self.error(node, f"`{root}` is not a function", f'{root}.col("...")')
        self._arguments(node)
        self.reads.read_special(node, root, root)
        return roots

    def _type(self, node: ast.Call) -> Roots:
        for value in argument_nodes(node):
            if self.check(value) - TYPE:
                raise self.error(value, "a data type is made of types and plain values")
        return TYPE

    def _function(self, node: ast.Call, root: str, name: str) -> Roots:
        signatures = catalog.function_signatures(root)
        if name not in signatures:
            raise self._unknown(node, root, name, _functions_and_types(root))
        self._arguments(node)
        self._refuse_growth(node, name)
        self._check_signatures(node, f"{root}.{name}", (signatures[name],))
        if not self.reads.read_special(node, root, name):
            self.reads.read_arguments(node, root, (signatures[name],))
        return frozenset({root})

    def _method(self, node: ast.Call, roots: Roots, names: tuple[str, ...]) -> Roots:
        if not roots or roots == TYPE:
            raise self.error(node, "only a column has methods", 'for example `pl.col("a").sum()`')
        name = ".".join(names)
        signatures = tuple(
            s for root in sorted(roots) for s in catalog.method_signatures(root, name)
        )
        if not signatures and name in self.added:
            self._arguments(node)
            # What the project's code makes of its arguments is not known.
            self.reads.open = True
            return roots
        if not signatures:
            known = {n for root in roots for n in catalog.expression_methods(root)} | self.added
            raise self._unknown(node, "", name, known)
        self._arguments(node)
        self._refuse_growth(node, name)
        self._check_signatures(node, f".{name}", signatures)
        self.reads.read_arguments(node, min(roots), signatures)
        if name == "laktory.sql_expr":
            self.reads.read_sql(node, "spark")
        return roots

    def _refuse_growth(self, node: ast.Call, name: str) -> None:
        if grows_too_long(name, map(total, argument_nodes(node))):
            raise self.error(
                node,
                f"`{name}` would make values of more than {MAX_LENGTH:,} characters or items",
                hint="write a smaller number",
            )

    def _arguments(self, node: ast.Call) -> None:
        for value in node.args:
            self.check(value)
        for keyword in node.keywords:
            if keyword.arg is None:
                raise self.error(keyword.value, "`**` is not allowed", "arguments one by one")
            self._refuse_private(keyword.value, (keyword.arg,))
            self.check(keyword.value)

    def _check_signatures(
        self, node: ast.Call, label: str, signatures: Sequence[Signature]
    ) -> None:
        given = [keyword.arg for keyword in node.keywords if keyword.arg is not None]
        problems = [signature.problem(len(node.args), given) for signature in signatures]
        if all(problems):
            raise self.error(node, f"`{label}` {problems[0]}")

    def _refuse_private(self, node: ast.expr, names: Iterable[str]) -> None:
        for name in names:
            if name.startswith("_"):
                raise self.error(node, f"`{name}` is not allowed: names may not begin with `_`")

    def _unknown(
        self, node: ast.expr, root: str, name: str, known: Iterable[str]
    ) -> ExpressionError:
        label = f"{root}.{name}"
        if catalog.is_refused(name):
            return self.error(
                node,
                f"`{label}` is not allowed in a pipeline file",
                hint="register a Python function in the project and name it in `func_name`",
            )
        near = did_you_mean(name, known)
        hint = f"did you mean `{root}.{near}`?" if near else None
        return self.error(node, f"`{label}` does not exist", hint=hint)

    def _unknown_name(self, node: ast.Name) -> ExpressionError:
        return self.error(
            node,
            f"`{node.id}` cannot be used in an expression",
            "pl, F, nw, col, lit, expr, sql_expr and plain values",
            _LITERAL_HINT,
        )

    def _forbidden(self, node: ast.expr, operator: ast.AST | None = None) -> ExpressionError:
        if isinstance(node, ast.Name):
            return self._unknown_name(node)
        if isinstance(node, _COMPREHENSIONS):
            return self.error(node, "a comprehension is code", hint="write the items one by one")
        for part in (operator or node, node):
            if type(part) in _INSTEAD:
                message, hint = _INSTEAD[type(part)]
                return self.error(node, message, hint=hint)
        kind = type(node).__name__
        return self.error(node, f"`{kind}` is not allowed in an expression", hint=_LITERAL_HINT)

    def error(
        self, node: ast.expr, message: str, expected: str | None = None, hint: str | None = None
    ) -> ExpressionError:
        """Return the error, with the place of the node in the text."""
        return error_at(self.text, node, message, expected, hint)


def _column_attribute(root: str, names: Sequence[str]) -> int:
    """Return how many attributes name a column: 2 in `pl.col.close`, 1 in `col.close`, else 0."""
    if root == "pl" and len(names) > 1 and names[0] == "col":
        return 2
    return 1 if root == "col" and names else 0


def _functions_and_types(root: str) -> set[str]:
    return {*catalog.expression_functions(root), *catalog.data_types(root)}
