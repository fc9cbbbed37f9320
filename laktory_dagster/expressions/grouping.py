"""Whether a query makes one row of several."""

from __future__ import annotations

from sqlglot import exp

from laktory_dagster.expressions.sql import Query


def is_aggregating(query: Query) -> bool:
    """Return whether a query groups rows, or takes an aggregate of all of them."""
    if query.tree.find(exp.Group) is not None:
        return True
    functions = query.tree.find_all(exp.AggFunc)
    return any(not isinstance(function.parent, exp.Window) for function in functions)
