"""The layer steps: the documented reading, and the reference's own truth tables."""

from __future__ import annotations

from typing import Any

import pytest

from laktory_dagster.models import PipelineNode
from laktory_dagster.plan.definition import LayerSteps
from laktory_dagster.plan.layers import layer_steps

SELECT = {"func_name": "select", "func_args": ["a", "b"]}
WITH = {"with_column": {"name": "a", "sql_expr": "data.a"}}


def steps(layer: str | None, compat: str | None = None, **parts: Any) -> LayerSteps:
    source = parts.pop("source", {"path": "x.json"})
    if "chain" in parts:
        parts["transformer"] = {"nodes": parts.pop("chain")}
    node = PipelineNode(name="n", layer=layer, source=source, **parts)
    return layer_steps(node, "spark", compat)


@pytest.mark.parametrize(
    ("layer", "stamp"),
    [("BRONZE", "_bronze_at"), ("SILVER", "_silver_at"), ("GOLD", "_gold_at"), (None, None)],
)
@pytest.mark.parametrize("compat", [None, "laktory-0.4"])
def test_each_layer_stamps(layer: str | None, stamp: str | None, compat: str | None) -> None:
    assert steps(layer, compat).stamp == stamp
    assert steps(layer, compat, add_layer_columns=False).stamp is None


def test_bronze_keeps_everything() -> None:
    for asked in (None, True, ["a"]):
        found = steps("BRONZE", chain=[WITH], drop_duplicates=asked, primary_key="a")
        assert (found.dedupe, found.drop_source_columns) == (False, False)


def test_silver_drops_the_source_columns_that_no_step_produced() -> None:
    found = steps("SILVER", chain=[WITH, {"with_column": {"name": "b", "sql_expr": "x"}}])
    assert found.drop_source_columns
    assert found.produced == {"a", "b"}


def test_silver_without_a_transformer_drops_nothing() -> None:
    assert not steps("SILVER").drop_source_columns
    assert not steps("SILVER", chain=[{"func_name": "distinct"}]).drop_source_columns


def test_what_a_select_names_is_produced_and_nothing_else_is_left_to_drop() -> None:
    found = steps("SILVER", chain=[SELECT])
    assert not found.drop_source_columns
    assert found.produced is None


def test_the_user_decides_about_source_columns() -> None:
    assert not steps("SILVER", chain=[WITH], drop_source_columns=False).drop_source_columns
    for layer in ("BRONZE", "GOLD", None):
        assert steps(layer, chain=[WITH], drop_source_columns=True).produced == {"a"}
        assert not steps(layer, chain=[WITH]).drop_source_columns


@pytest.mark.parametrize(
    ("layer", "asked", "keys", "expected"),
    [
        ("SILVER", None, None, (True, (), "first")),
        ("SILVER", None, "k", (True, ("k",), "first")),
        ("SILVER", None, ["k", "l"], (True, ("k", "l"), "first")),
        ("SILVER", True, None, (True, (), "first")),
        ("SILVER", True, "k", (True, ("k",), "first")),
        ("SILVER", False, "k", (False, (), "first")),
        ("SILVER", ["s"], "k", (True, ("s",), "first")),
        ("SILVER", "s", None, (True, ("s",), "first")),
        ("SILVER", {"subset": ["s"], "keep": "any"}, None, (True, ("s",), "any")),
        ("SILVER", {"keep": "any"}, "k", (True, ("k",), "any")),
        ("GOLD", None, "k", (False, (), "first")),
        ("GOLD", True, None, (True, (), "first")),
        ("GOLD", ["s"], None, (True, ("s",), "first")),
        (None, None, "k", (False, (), "first")),
        (None, True, "k", (True, ("k",), "first")),
        ("BRONZE", True, "k", (False, (), "first")),
    ],
)
def test_duplicates(layer: str | None, asked: Any, keys: Any, expected: tuple) -> None:
    found = steps(layer, drop_duplicates=asked, primary_keys=keys or ())
    assert (found.dedupe, found.dedupe_subset, found.keep) == expected


def test_a_stream_loses_duplicates_only_when_asked() -> None:
    stream = {"path": "x", "as_stream": True}
    assert not steps("SILVER", source=stream).dedupe
    assert steps("SILVER", source=stream, drop_duplicates=["a"]).dedupe


def test_the_newest_of_several_rows_with_one_key_stays() -> None:
    found = steps("SILVER", primary_key="k", timestamp_key="at")
    assert (found.time_expression, found.dedupe_order) == ("at", "_tstamp")
    gold = steps("GOLD", drop_duplicates=["k"], timestamp_key="at")
    assert (gold.time_expression, gold.dedupe_order) == (None, "at")
    assert steps("SILVER", timestamp_key="at").dedupe_order is None
    assert steps("SILVER", primary_key="k").dedupe_order is None


class TestReference:
    """`compat: laktory-0.4`: what was observed of the reference, table by table."""

    @pytest.mark.parametrize(
        ("layer", "asked", "key", "expected"),
        [
            ("SILVER", None, None, (False, ())),
            ("SILVER", None, "symbol", (False, ())),
            ("SILVER", True, None, (True, ())),
            ("SILVER", False, None, (False, ())),
            ("SILVER", False, "symbol", (True, ("symbol",))),
            ("SILVER", ["symbol"], None, (True, ("symbol",))),
            ("BRONZE", True, None, (False, ())),
            ("BRONZE", ["symbol"], "symbol", (False, ())),
            ("GOLD", True, None, (True, ())),
            ("GOLD", None, None, (False, ())),
        ],
    )
    def test_duplicates(self, layer: str, asked: Any, key: str | None, expected: tuple) -> None:
        found = steps(layer, "laktory-0.4", drop_duplicates=asked, primary_keys=key or ())
        assert (found.dedupe, found.dedupe_subset) == expected

    @pytest.mark.parametrize(
        ("layer", "asked", "chain", "expected"),
        [
            ("SILVER", None, [SELECT], True),
            ("SILVER", None, None, False),
            ("SILVER", False, [SELECT], False),
            ("BRONZE", None, [SELECT], False),
            ("BRONZE", True, [SELECT], True),
            ("GOLD", None, [SELECT], False),
        ],
    )
    def test_source_columns_go_by_name_even_if_selected(
        self, layer: str, asked: bool | None, chain: list | None, expected: bool
    ) -> None:
        parts = {"chain": chain} if chain else {}
        found = steps(layer, "laktory-0.4", drop_source_columns=asked, **parts)
        assert found.drop_source_columns is expected
        assert found.produced == (frozenset() if expected else None)

    def test_the_order_is_the_references(self) -> None:
        assert steps("SILVER", "laktory-0.4").reference_order
        assert not steps("SILVER").reference_order
