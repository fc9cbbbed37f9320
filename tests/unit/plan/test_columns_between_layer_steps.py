"""Which columns are there at each step of a layer: time column, drop, dedupe, stamp, checks.

The order is that of the design (section 4); a column is only there for the steps after its own.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.plan.declaring import plan_from, problems_of

SELECT = "{nodes: [{func_name: select, func_args: [a, b]}]}"


def silver(keys: str, layer: str = "SILVER") -> str:
    return (
        f"name: p\nnodes:\n  - {{name: n, layer: {layer}, source: {{path: a.json}}, "
        f"transformer: {SELECT}, sink: {{path: out}}, {keys}}}\n"
    )


@pytest.mark.parametrize(
    ("keys", "message", "place"),
    [
        ("drop_duplicates: [_silver_at]", "`drop_duplicates` reads", "drop_duplicates"),
        ("drop_duplicates: {subset: _silver_at}", "`drop_duplicates` reads", "drop_duplicates"),
        ("primary_keys: [a, _silver_at]", "the primary key is", "primary_keys"),
        ("timestamp_key: _silver_at", "`timestamp_key` reads", "timestamp_key"),
        ("timestamp_key: to_date(_silver_at)", "`timestamp_key` reads", "timestamp_key"),
    ],
)
def test_the_stamp_comes_last(keys: str, message: str, place: str) -> None:
    (found,) = problems_of(silver(keys))
    assert (
        found.message == f"{message} the column `_silver_at`, which the transformer does not give"
    )
    assert found.path == ("nodes", 0, place)


def test_the_time_column_is_not_there_for_its_own_expression() -> None:
    (found,) = problems_of(silver("timestamp_key: _tstamp"))
    assert found.message.startswith("`timestamp_key` reads the column `_tstamp`")
    assert found.expected == "one of a, b"


@pytest.mark.parametrize(
    "keys",
    [
        "timestamp_key: b, drop_duplicates: [_tstamp]",
        "timestamp_key: b, primary_keys: [a, _tstamp]",
        "drop_duplicates: false, primary_keys: [_silver_at]",
        "drop_duplicates: [a], primary_keys: [_silver_at]",
        "expectations: [{name: r, expression: _silver_at > '2020-01-01'}]",
        "timestamp_key: b, expectations: [{name: r, expression: _tstamp < _silver_at}]",
    ],
)
def test_what_comes_before_is_there(keys: str) -> None:
    assert not plan_from(silver(keys)).warnings


@pytest.mark.parametrize("layer", ["BRONZE", "GOLD"])
def test_only_silver_has_a_time_column(layer: str) -> None:
    keys = "timestamp_key: b, expectations: [{name: r, expression: _tstamp IS NOT NULL}]"
    (found,) = problems_of(silver(keys, layer))
    assert (
        found.message == "the rule reads the column `_tstamp`, which the transformer does not give"
    )


# Layer, keys, whether rows are deduplicated and so need the columns of their keys before the stamp.
DEDUPES: list[tuple[str, str, bool]] = [
    ("SILVER", "", True),
    ("GOLD", "", False),
    ("GOLD", "drop_duplicates: true", True),
    ("BRONZE", "", False),
    ("BRONZE", "drop_duplicates: true", False),
    ("SILVER", "drop_duplicates: false", False),
    ("SILVER", "drop_duplicates: {keep: any}", True),
]


@pytest.mark.parametrize(("layer", "keys", "dedupes"), DEDUPES)
def test_a_key_by_the_stamp_where_nothing_is_deduplicated(
    layer: str, keys: str, dedupes: Any
) -> None:
    text = silver(f"primary_keys: [_{layer.lower()}_at]{', ' if keys else ''}{keys}", layer)
    if dedupes:
        (found,) = problems_of(text)
        assert found.message.startswith(f"the primary key is the column `_{layer.lower()}_at`")
    else:
        assert not plan_from(text).warnings


def test_the_reference_s_own_steps_are_not_judged() -> None:
    """With `compat: laktory-0.4` columns are stamped before duplicates go."""
    text = silver("drop_duplicates: [_silver_at]").replace(
        "nodes:", "compat: laktory-0.4\nnodes:", 1
    )
    assert not plan_from(text).warnings
