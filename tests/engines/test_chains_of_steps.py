"""Chains of many kinds of steps, with frames of other nodes among the arguments."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from laktory_dagster.engines.base import Engine
from laktory_dagster.errors import TransformError
from tests.engines.transforming import MOMENT, chained, rows, sorted_rows, step, types

ORDERS: dict[str, list[Any]] = {
    "id": [1, 2, 2, 3, 4],
    "customer": ["ann", "bob", "bob", None, "ann"],
    "amount": ["10.5", "7", "7", "x", None],
    "day": ["2024-02-29", "2024-03-01", "2024-03-01", "2024-02-30", ""],
}
FRAMES: dict[str, Any] = {
    "nodes.customers": {"customer": ["ann", "bob", "cid"], "country": ["CA", "DE", "FR"]},
    "sources.late": {"id": [5], "customer": ["cid"], "amount": ["1"], "day": ["2024-01-01"]},
}


def test_from_texts_to_a_report(engine: Engine) -> None:
    """Bob's order is there twice, `x` is no amount, Cid's order comes from another source."""
    steps = [
        step("union", "{sources.late}"),
        step("drop_duplicates", subset=["id"]),
        {"with_columns": [
            {"name": "amount", "type": "double", "expr": "F.col('amount')"},
            {"name": "day", "type": "date", "sql_expr": "day"},
            {"name": "month", "type": "int", "expr": "F.month('day')"},
        ]},
        step("laktory.smart_join", "{nodes.customers}", on="customer"),
        step("fillna", {"amount": 0, "country": "?"}),
        step("groupBy", "country"),
        step("agg", "F.sum('amount').alias('total')", "F.count('*').alias('orders')", "F.max('day').alias('last')"),
        step("orderBy", "F.desc('total')", "country"),
    ]  # fmt: skip
    assert rows(engine, ORDERS, *steps, frames=FRAMES) == [
        ("CA", 10.5, 2, date(2024, 2, 29)), ("DE", 7.0, 1, date(2024, 3, 1)),
        ("FR", 1.0, 1, date(2024, 1, 1)), ("?", 0.0, 1, None),
    ]  # fmt: skip


def test_sql_between_methods_sees_what_the_method_before_left(engine: Engine) -> None:
    steps = [
        step("filter", "customer IS NOT NULL"),
        {"sql_expr": "SELECT d.id, c.country FROM {df} d JOIN {nodes.customers} c ON d.customer = c.customer"},
        step("distinct"),
        step("withColumnRenamed", "country", "where"),
    ]  # fmt: skip
    found = sorted_rows(engine, ORDERS, *steps, frames=FRAMES)
    assert found == [(1, "CA"), (2, "DE"), (4, "CA")]


def test_df_among_the_arguments_is_the_frame_at_that_step(engine: Engine) -> None:
    steps = [step("select", "id"), step("filter", "id > 2"), step("union", "{df}")]
    assert sorted_rows(engine, ORDERS, *steps) == [(3,), (3,), (4,), (4,)]


def test_a_chain_inside_the_chain_is_part_of_it(engine: Engine) -> None:
    inner = {"nodes": [step("filter", "id = 2"), {"nodes": [step("distinct")]}]}
    assert rows(engine, ORDERS, inner, step("select", "customer")) == [("bob",)]


def test_no_steps_leave_the_frame_as_it_is(engine: Engine) -> None:
    assert rows(engine, {"a": [1], "b": [None]}) == [(1, None)]


def test_a_column_may_be_replaced_again_and_again(engine: Engine) -> None:
    steps = [step("withColumn", "n", "F.col('n') * 2 + 1") for _ in range(10)]
    assert rows(engine, {"n": [0]}, *steps) == [(2**10 - 1,)]


def test_the_number_of_the_step_is_that_of_the_flat_chain(engine: Engine) -> None:
    inner = {"nodes": [step("limit", 1), step("select", "nope")]}
    with pytest.raises(TransformError, match=r"step 3 \(select\): there is no column `nope`"):
        rows(engine, ORDERS, step("distinct"), inner)


def test_a_named_step_goes_by_its_name_in_errors(engine: Engine) -> None:
    named = {**step("select", "nope"), "name": "pick"}
    with pytest.raises(TransformError, match=r"step 1 \(pick\)"):
        rows(engine, ORDERS, named)


def test_groups_at_the_end_ask_for_an_aggregate(engine: Engine) -> None:
    with pytest.raises(TransformError, match="rows are in groups") as caught:
        chained(engine, ORDERS, step("distinct"), step("groupBy", "id"))
    assert "`agg`" in (caught.value.hint or "")


def test_an_expression_in_a_list_and_in_a_mapping_of_arguments(engine: Engine) -> None:
    steps = [
        step("select", ["id", "F.upper('customer').alias('who')"]),
        step("withColumns", {"key": "F.concat('who', F.lit('-'), 'id')"}),
        step("select", "key"),
    ]
    found = [row[0] for row in sorted_rows(engine, ORDERS, *steps)]
    assert found == ["ANN-1", "ANN-4", "BOB-2", "BOB-2", None]


def test_a_forced_literal_is_a_text_even_if_it_looks_like_a_call(engine: Engine) -> None:
    filled = step("fillna", {"value": "F.col('id')"}, subset=["customer"])
    found = sorted_rows(
        engine, ORDERS, filled, step("filter", "id = 3"), step("select", "customer")
    )
    assert found == [("F.col('id')",)]


@pytest.mark.parametrize(
    "present",
    ["F.current_timestamp()", "F.now()", "nw.laktory.current_timestamp()", "current_timestamp()"],
)
def test_the_present_is_one_moment_in_all_steps(engine: Engine, present: str) -> None:
    """A retry computes what the first attempt computed."""
    kind = "sql_expr" if present == "current_timestamp()" else "expr"
    added = {"with_column": {"name": "at", "type": "timestamp", kind: present}}
    steps = [
        added,
        step("withColumn", "again", "F.current_timestamp()"),
        step("select", "at", "again"),
    ]
    assert set(rows(engine, ORDERS, *steps)) == {(MOMENT, MOMENT)}


def test_a_wide_chain_keeps_the_order_of_columns(engine: Engine) -> None:
    names = [f"c{number}" for number in range(40)]
    columns = [
        {"name": name, "type": "long", "expr": f"F.lit({i})"} for i, name in enumerate(names)
    ]
    found = types(engine, {"id": [1]}, {"with_columns": columns}, step("drop", "id"))
    assert list(found) == names
    assert set(found.values()) == {"int64"}


def test_each_column_of_a_step_may_read_the_one_before_it(engine: Engine) -> None:
    columns = [
        {"name": f"c{n}", "type": "long", "sql_expr": f"c{n - 1} + 1" if n else "id"}
        for n in range(12)
    ]
    steps = [{"with_columns": columns}, step("select", "c11")]
    assert rows(engine, {"id": [1, None]}, *steps) == [(12,), (None,)]
