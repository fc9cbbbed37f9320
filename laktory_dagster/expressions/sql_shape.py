"""The shape of a parsed query: long chains become flat trees, so that no step recurses deeply.

Engines and sqlglot walk a query by recursion. `a OR b OR c ...` is parsed as a tree as deep as the
chain is long, and walking it costs the square of that; of equal meaning and no depth is the tree
whose halves are alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot import exp

from laktory_dagster.errors import ExpressionError

SHORT_CHAIN = 16
MAX_TREE_DEPTH = 500
MAX_BRANCHES = 1_000
_ASSOCIATIVE = (exp.And, exp.Or, exp.DPipe)


def balance(tree: exp.Expr) -> exp.Expr:
    """Return the tree with its long chains of AND, OR, `||` and UNION ALL as balanced trees.

    Raises:
        ExpressionError: it is too deep all the same, or a CASE has too many branches.
    """
    for node in [found for found in tree.find_all(*_ASSOCIATIVE, exp.Union) if _is_top(found)]:
        links = _links(node)
        if len(links) > SHORT_CHAIN:
            halved = _halved(links, _joined_by(node))
            tree = halved if node is tree else _replaced(tree, node, halved)
    _check_depth(tree)
    return tree


def _is_link(node: exp.Expr | None) -> bool:
    if isinstance(node, exp.Union):
        return not node.args.get("distinct") and not _has_modifiers(node)
    return isinstance(node, _ASSOCIATIVE)


def _has_modifiers(union: exp.Union) -> bool:
    keys = ("with_", "with", "order", "limit", "offset", "by_name", "side", "kind", "on")
    return any(union.args.get(key) for key in keys)


def _is_top(node: exp.Expr) -> bool:
    parent = node.parent
    return _is_link(node) and not (type(parent) is type(node) and _is_link(parent))


def _links(top: exp.Expr) -> list[exp.Expr]:
    """Return the members of a chain of one operator, in order."""
    found: list[exp.Expr] = []
    pending = [top]
    while pending:
        node = pending.pop()
        if type(node) is type(top) and _is_link(node):
            pending += [node.args["expression"], node.this]
        else:
            found.append(node)
    return found


def _joined_by(node: exp.Expr) -> Callable[[exp.Expr, exp.Expr], exp.Expr]:
    options = {k: v for k, v in node.args.items() if k not in ("this", "expression")}
    kind = type(node)

    def joined(left: exp.Expr, right: exp.Expr) -> exp.Expr:
        return kind(this=_in_brackets(left, kind), expression=_in_brackets(right, kind), **options)

    return joined


def _in_brackets(node: exp.Expr, kind: type[exp.Expr]) -> exp.Expr:
    if type(node) is not kind:
        return node
    return exp.Subquery(this=node) if kind is exp.Union else exp.Paren(this=node)


def _halved(links: Sequence[exp.Expr], join: Callable[[exp.Expr, exp.Expr], exp.Expr]) -> exp.Expr:
    if len(links) == 1:
        return links[0]
    middle = len(links) // 2
    return join(_halved(links[:middle], join), _halved(links[middle:], join))


def _replaced(tree: exp.Expr, node: exp.Expr, by: exp.Expr) -> exp.Expr:
    node.replace(by)
    return tree


def _check_depth(tree: exp.Expr) -> None:
    pending = [(tree, 1)]
    while pending:
        node, depth = pending.pop()
        if depth > MAX_TREE_DEPTH:
            raise ExpressionError(
                f"the SQL is nested more than {MAX_TREE_DEPTH} deep",
                hint="a long chain counts too: split it over several columns or nodes",
            )
        if isinstance(node, exp.Case) and len(node.args.get("ifs") or ()) > MAX_BRANCHES:
            raise ExpressionError(
                f"a CASE has more than {MAX_BRANCHES:,} branches",
                hint="join with a table of the cases",
            )
        pending.extend((child, depth + 1) for child in node.iter_expressions())
