"""What a merge needs to name, found without data: keys, order, columns, times of validity."""

from __future__ import annotations

from typing import Any

import pytest

from laktory_dagster.errors import Severity
from tests.unit.plan.declaring import node_with, plan_from, problems_of

INSIDE = ("nodes", 0, "sinks", 0, "merge_cdc_options")
SELECT = "{nodes: [{func_name: select, func_args: [k, a, changed_at]}]}"


def merge(options: str, **parts: str) -> str:
    sink = f"{{path: out, mode: MERGE, merge_cdc_options: {{{options}}}}}"
    return node_with(sink=sink, **parts)


def errors_of(text: str) -> list[tuple[str, tuple[Any, ...]]]:
    found = problems_of(text)
    return [(one.message, one.path) for one in found if one.severity is Severity.ERROR]


@pytest.mark.parametrize(
    ("options", "key", "column"),
    [
        ("primary_keys: [x]", "primary_keys", "x"),
        ("primary_keys: [k, x]", "primary_keys", "x"),
        ("primary_keys: [k], order_by: x", "order_by", "x"),
        ("primary_keys: [k], include_columns: [a, x]", "include_columns", "x"),
        ("primary_keys: [k], exclude_columns: [x]", "exclude_columns", "x"),
    ],
)
def test_a_column_that_the_steps_do_not_give(options: str, key: str, column: str) -> None:
    (found,) = errors_of(merge(options, transformer=SELECT))
    assert found == (
        f"the merge names the column `{column}`, which the transformer does not give",
        (*INSIDE, key),
    )


def test_a_column_that_is_almost_there_is_named() -> None:
    (found,) = problems_of(merge("primary_keys: [k], order_by: change_at", transformer=SELECT))
    assert found.expected == "one of k, a, changed_at"
    assert found.hint == "did you mean `changed_at`?"


@pytest.mark.parametrize(
    "options",
    [
        "primary_keys: [k], order_by: changed_at",
        "primary_keys: [K], include_columns: [A]",
        "primary_keys: [k], exclude_columns: [k]",
        "primary_keys: [k], order_by: changed_at, scd_type: 2",
        "primary_keys: [k], start_at_column_name: k",
        "primary_keys: [k], order_by: changed_at, scd_type: 2, start_at_column_name: from_, end_at_column_name: to_",
    ],
)  # fmt: skip
def test_right_options(options: str) -> None:
    """Letter case is Spark's to fold; names of times count for `scd_type: 2` only."""
    assert plan_from(merge(options, transformer=SELECT)).warnings == ()


@pytest.mark.parametrize(
    "steps",
    ["{nodes: [{func_name: distinct}]}", "{nodes: [{sql_expr: 'SELECT *, 1 AS a FROM {df}'}]}"],
)
def test_columns_of_the_source_are_not_known_here(steps: str) -> None:
    assert plan_from(merge("primary_keys: [x], order_by: y", transformer=steps)).warnings == ()


def test_the_columns_of_the_layer_are_there_too() -> None:
    text = merge("primary_keys: [k], order_by: _silver_at", transformer=SELECT, layer="SILVER")
    assert plan_from(text).warnings == ()


def test_the_reference_reading_of_layers_makes_no_claim() -> None:
    text = merge("primary_keys: [x]", transformer=SELECT, layer="SILVER")
    assert plan_from(f"compat: laktory-0.4\n{text}").warnings == ()


HISTORY = "primary_keys: [k], order_by: t, scd_type: 2"


@pytest.mark.parametrize(
    ("names", "key", "column"),
    [
        ("start_at_column_name: x, end_at_column_name: x", "end_at_column_name", "x"),
        ("start_at_column_name: x, end_at_column_name: X", "end_at_column_name", "X"),
        ("start_at_column_name: k", "start_at_column_name", "k"),
        ("end_at_column_name: T", "end_at_column_name", "T"),
        ("end_at_column_name: __start_at", "end_at_column_name", "__start_at"),
        ("start_at_column_name: __end_at", "end_at_column_name", "__end_at"),
    ],
)
def test_times_of_validity_have_columns_of_their_own(names: str, key: str, column: str) -> None:
    """Delta does not take two columns whose names differ in case only."""
    (found,) = errors_of(merge(f"{HISTORY}, {names}"))
    assert found == (
        f"the column `{column}` cannot hold a time of validity: it is used already",
        (*INSIDE, key),
    )


def test_keys_of_the_node_are_used_too() -> None:
    options = "order_by: t, scd_type: 2, start_at_column_name: k"
    (found,) = errors_of(merge(options, primary_key="k"))
    assert found[1] == (*INSIDE, "start_at_column_name")


def test_a_history_needs_an_order() -> None:
    (found,) = errors_of(merge("primary_keys: [k], scd_type: 2"))
    assert found == (
        "`scd_type: 2` needs the column that says when a change was made",
        (*INSIDE, "scd_type"),
    )


@pytest.mark.parametrize(
    "condition", ["count(*) > 1", "max(a) = 3", "a > 1 AND sum(b) > 2", "min(a) IS NULL"]
)
def test_a_delete_speaks_of_one_change(condition: str) -> None:
    (found,) = errors_of(merge(f"primary_keys: [k], delete_where: '{condition}'"))
    assert found == ("`delete_where` speaks of all rows at once", (*INSIDE, "delete_where"))


@pytest.mark.parametrize("condition", ["op = ''D''", "op IN (''D'', ''X'') OR a IS NULL", "gone"])
def test_a_condition_on_one_change_is_fine(condition: str) -> None:
    plan_from(merge(f"primary_keys: [k], delete_where: '{condition}'"))


@pytest.mark.parametrize("condition", ["a =", "a IN (SELECT 1)", "DROP TABLE x"])
def test_a_delete_is_read_as_every_other_condition(condition: str) -> None:
    (found,) = errors_of(merge(f"primary_keys: [k], delete_where: '{condition}'"))
    assert found[1] == (*INSIDE, "delete_where")


def test_all_of_it_comes_at_once() -> None:
    options = (
        "primary_keys: [x], order_by: y, scd_type: 2, start_at_column_name: x, "
        "include_columns: [k], exclude_columns: [a], delete_where: 'count(*) > 1'"
    )
    places = [path[4:] for _, path in errors_of(merge(options, transformer=SELECT))]
    assert sorted(map(str, places)) == sorted(
        map(
            str,
            [
                ("merge_cdc_options",),
                ("merge_cdc_options", "start_at_column_name"),
                ("merge_cdc_options", "delete_where"),
                ("merge_cdc_options", "primary_keys"),
                ("merge_cdc_options", "order_by"),
            ],
        )
    )
