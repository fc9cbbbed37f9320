"""`F.explode` repeats the other columns for each item; empty and null lists leave no row, as on Spark."""

from __future__ import annotations

from typing import Any

import pytest

from laktory_dagster.engines.base import Engine
from tests.engines.transforming import sorted_rows, step, types

ORDERS: dict[str, list[Any]] = {
    "id": [1, 2, 3, 4],
    "items": [["pen", "ink"], [], None, ["cup", None]],
    "n": [10, 20, 30, 40],
}
SPREAD = [(1, "ink"), (1, "pen"), (4, "cup"), (4, None)]


def test_the_columns_beside_it_are_repeated(engine: Engine) -> None:
    found = sorted_rows(engine, ORDERS, step("select", "id", "F.explode('items')"))
    assert found == SPREAD


def test_items_never_move_to_another_row_where_the_numbers_of_rows_agree(engine: Engine) -> None:
    """Two lists of two rows hold two items in all: side by side they would look right."""
    data = {"id": [1, 2], "l": [["a", "b"], []]}
    found = sorted_rows(engine, data, step("select", "id", "F.explode('l').alias('v')"))
    assert found == [(1, "a"), (1, "b")]


def test_without_an_alias_the_column_is_called_col(engine: Engine) -> None:
    found = types(engine, ORDERS, step("select", "id", "F.explode('items')"))
    assert found == {"id": "int64", "col": "string"}


@pytest.mark.parametrize(
    "added",
    [
        step("withColumn", "item", "F.explode('items')"),
        step("withColumns", {"item": "F.explode('items')"}),
        step("with_columns", item="F.explode('items')"),
        step("with_columns", "F.explode('items').alias('item')"),
        {"with_column": {"name": "item", "type": None, "expr": "F.explode('items')"}},
        {"with_column": {"name": "item", "type": "string", "expr": "F.explode('items')"}},
    ],
)
def test_every_way_to_add_a_column_repeats_its_row(engine: Engine, added: dict[str, Any]) -> None:
    assert sorted_rows(engine, ORDERS, added, step("select", "id", "item")) == SPREAD


def test_the_list_itself_may_be_replaced(engine: Engine) -> None:
    replaced = step("withColumn", "items", "F.explode('items')")
    assert list(types(engine, ORDERS, replaced)) == ["id", "items", "n"]
    assert sorted_rows(engine, ORDERS, replaced, step("select", "id", "items")) == SPREAD


def test_a_column_of_the_same_step_reads_what_the_exploded_one_replaces(engine: Engine) -> None:
    columns = [
        {"name": "size", "type": "int", "expr": "F.size('items')"},
        {"name": "items", "type": "string", "expr": "F.explode('items')"},
    ]
    found = sorted_rows(engine, ORDERS, {"with_columns": columns})
    assert [(row[0], row[1], row[-1]) for row in found] == [
        (1, "ink", 2), (1, "pen", 2), (4, "cup", 2), (4, None, 2),
    ]  # fmt: skip


def test_exploded_values_get_their_declared_type(engine: Engine) -> None:
    data = {"id": [1, 2], "l": [["1", "x"], ["3"]]}
    added = {"with_column": {"name": "v", "type": "int", "expr": "F.explode('l')"}}
    assert types(engine, data, added)["v"] == "int32"
    found = sorted_rows(engine, data, added, step("select", "id", "v"))
    assert found == [(1, 1), (1, None), (2, 3)]


def test_a_computed_list_explodes(engine: Engine) -> None:
    data = {"id": [1, 2], "s": ["a,b", ""]}
    found = sorted_rows(engine, data, step("select", "id", "F.explode(F.split('s', ','))"))
    assert found == [(1, "a"), (1, "b"), (2, "")]


def test_structs_keep_their_fields(engine: Engine) -> None:
    data = {"id": [1], "l": [[{"k": 1, "v": "a"}, {"k": 2, "v": None}]]}
    steps = [step("select", "id", "F.explode('l').alias('e')"), step("select", "id", "e.k", "e.v")]
    assert sorted_rows(engine, data, *steps) == [(1, 1, "a"), (1, 2, None)]


def test_rows_can_be_counted_after_it(engine: Engine) -> None:
    steps = [
        step("select", "id", "F.explode('items').alias('item')"),
        step("groupBy", "id"),
        step("agg", "F.count('*').alias('rows')", "F.count('item').alias('items')"),
    ]
    assert sorted_rows(engine, ORDERS, *steps) == [(1, 2, 2), (4, 2, 1)]
