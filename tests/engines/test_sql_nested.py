"""Items of arrays and fields of structs in SQL."""

from __future__ import annotations

from typing import Any

from laktory_dagster.engines.base import Engine
from tests.engines.evaluating import as_columns, queried

NESTED: dict[str, tuple[Any, ...]] = {
    "xs[0]": ("int64", 1, None, None),
    "xs[1]": ("int64", 2, 5, None),
    "xs[id]": ("int64", 2, None, None),
    "xs[id - 1]": ("int64", 1, 5, None),
    "xs[j - 2]": ("int64", 1, None, None),
    "xs[-1]": ("int64", None, None, None),
    "xs[9]": ("int64", None, None, None),
    "element_at(xs, -1)": ("int64", 2, 5, None),
    "xs[0] + 1": ("int64", 2, None, None),
    "array(xs, xs)": (
        "list<list<int64>>",
        [[1, 2, 2], [1, 2, 2]],
        [[None, 5], [None, 5]],
        [None, None],
    ),
    "flatten(array(xs, xs))": ("list<int64>", [1, 2, 2, 1, 2, 2], [None, 5, None, 5], None),
    "size(array(xs, xs))": ("int32", 2, 2, 2),
    "array_contains(xs, 2)": ("bool", True, None, None),
    "array_contains(xs, i)": ("bool", False, None, None),
    "array_contains(xs, xs[0])": ("bool", True, None, None),
    "array_contains(ws, g)": ("bool", True, False, None),
    "xs || array(9L)": ("list<int64>", [1, 2, 2, 9], [None, 5, 9], None),
    "concat(ws, array('z'))": ("list<string>", ["a", "b", "z"], ["z"], None),
    "o.k": ("int64", 1, None, None),
    "o['k'] + 1": ("int64", 2, None, None),
    "o.v || '!'": ("string", "q!", "w!", None),
    "os[0].k": ("int64", 1, None, None),
    "os[0]['v']": ("string", "q", None, None),
    "os[1].k IS NULL": ("bool", False, True, True),
    "element_at(os, 1).v": ("string", "q", None, None),
    "struct(id AS a, g AS b).b": ("string", "a", "B", None),
    "named_struct('a', id).a": ("int64", 1, 2, 3),
    "coalesce(o.k, 0)": ("int64", 1, 0, 0),
    "array_join(ws, '-')": ("string", "a-b", "", None),
    "concat_ws(',', ws, s)": ("string", "a,b,12", "foo", ""),
}


def test_items_and_fields_are_those_of_spark(engine: Engine) -> None:
    """`[n]` counts from 0 also where n is a column, an array of arrays stays one."""
    assert queried(engine, NESTED) == NESTED
    if engine.name == "polars":
        assert as_columns(engine, NESTED) == NESTED
