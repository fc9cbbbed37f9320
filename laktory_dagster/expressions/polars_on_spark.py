"""Which functions and methods of `pl.` and `nw.` run on the Spark engine; a test holds it to that.

They are narwhals' own but for a few that it does not translate, and some more of Polars.
"""

from __future__ import annotations

import ast

from laktory_dagster.expressions.catalog import expression_functions, expression_methods
from laktory_dagster.expressions.nodes import dotted, walk
from laktory_dagster.expressions.project_methods import project_methods
from laktory_dagster.expressions.python import Expression

MORE_METHODS = frozenset(
    [
        "dt.epoch",
        "dt.is_leap_year",
        "dt.month_end",
        "dt.month_start",
        "dt.quarter",
        "dt.strftime",
        "dt.total_days",
        "dt.total_hours",
        "dt.week",
        "eq_missing",
        "is_not_nan",
        "is_not_null",
        "list.first",
        "list.join",
        "list.last",
        "list.reverse",
        "ne_missing",
        "not_",
        "pow",
        "sign",
        "str.extract",
        "str.len_bytes",
        "str.reverse",
        "truediv",
        "xor",
    ]
)
"""Methods of Polars that narwhals lacks and the Spark engine has."""

MORE_FUNCTIONS = frozenset({"duration"})
"""Functions of Polars that narwhals lacks and the Spark engine has."""

ORDERED = frozenset(
    [
        "cum_count",
        "cum_max",
        "cum_min",
        "cum_prod",
        "cum_sum",
        "diff",
        "first",
        "is_first_distinct",
        "is_last_distinct",
        "last",
        "rolling_mean",
        "rolling_std",
        "rolling_sum",
        "rolling_var",
        "shift",
    ]
)
"""Methods that depend on the order of the rows, which only `over(order_by=...)` gives on Spark."""

UNTRANSLATED = frozenset({"str.replace", "ewm_mean", "map_batches"})
"""Methods of narwhals that it has no translation of for Spark."""


def missing_on_spark(expression: Expression) -> tuple[str, ...]:
    """Return what an expression calls of `pl.` or `nw.` that has no equal on Spark."""
    found = []
    in_order = _in_order(expression.tree)
    for node in walk(expression.tree):
        if isinstance(node, ast.Call):
            base, names = dotted(node.func)
            name = ".".join(names)
            if isinstance(base, ast.Name):
                if base.id == "pl" and names and not _has_function(name):
                    found.append(f"pl.{name}")
            elif _is_portable(base) and not _has_method(name):
                found.append(f".{name}")
            elif _is_portable(base):
                found += _limits(node, name, ordered=node in in_order)
    return tuple(dict.fromkeys(found))


def _in_order(tree: ast.expr) -> set[ast.AST]:
    """Return the nodes that stand before an `over` with an order."""
    return {
        part
        for node in walk(tree)
        if isinstance(node, ast.Call) and dotted(node.func)[1][-1:] == ("over",)
        if any(keyword.arg == "order_by" for keyword in node.keywords)
        for part in ast.walk(node.func)
    }


def _limits(node: ast.Call, name: str, *, ordered: bool) -> list[str]:
    """Return what of a method that Spark has, as it is called here, Spark has not."""
    given = {keyword.arg: keyword.value for keyword in node.keywords}
    is_ordered = ordered or "order_by" in given
    if name in ORDERED and not is_ordered:
        return [f".{name}() without over(order_by=...)"]
    if name == "fill_null" and "strategy" in given and not is_ordered:
        return [".fill_null(strategy=...) without over(order_by=...)"]
    if name == "rank" and ordered:
        return [".rank().over(order_by=...)"]
    if name == "quantile":
        kind = _plain(given.get("interpolation", node.args[1] if len(node.args) > 1 else None))
        return [] if kind == "linear" else [f'.quantile(interpolation="{kind or "nearest"}")']
    if name in ("dt.convert_time_zone", "dt.replace_time_zone"):
        zone = _plain(given.get("time_zone", node.args[0] if node.args else None))
        return [] if zone in (None, "UTC") else [f'.{name}("{zone}")']
    return []


def _plain(node: ast.expr | None) -> object:
    return node.value if isinstance(node, ast.Constant) else None


def _has_function(name: str) -> bool:
    first = name.partition(".")[0]
    # `pl.col.a.sum()` and types, selectors and our own functions are looked at elsewhere.
    if first in ("col", "selectors", "Expr", "expr", "laktory", "sql_expr") or first[:1].isupper():
        return True
    return name in MORE_FUNCTIONS or name in expression_functions("nw")


def _has_method(name: str) -> bool:
    if name in UNTRANSLATED:
        return False
    is_known = name in MORE_METHODS or name in expression_methods("nw") or name in project_methods()
    return is_known or name.startswith("laktory.")


def _is_portable(base: ast.expr) -> bool:
    """Return whether a column is narwhals' own: what our methods give takes Spark's methods too."""
    calls = [part for part in ast.walk(base) if isinstance(part, ast.Call)]
    if any(".".join(dotted(call.func)[1]) in MORE_METHODS for call in calls):
        return False
    roots = {part.id for part in ast.walk(base) if isinstance(part, ast.Name)}
    return bool(roots & {"pl", "nw"}) and not roots & {"F", "col", "lit", "expr", "sql_expr"}
