"""Selections."""

from __future__ import annotations

import pytest

from laktory_dagster.errors import SelectionError
from laktory_dagster.plan.selection import select
from tests.unit.plan.declaring import plan_from

PLAN = plan_from("""
    name: p
    nodes:
      - {name: gld, layer: GOLD, source: {node_name: slv}, tags: [daily]}
      - {name: slv, layer: SILVER, source: {node_name: brz}, depends_on: [setup]}
      - {name: brz, layer: BRONZE, source: {path: a.json}, tags: [daily, raw]}
      - {name: meta, layer: BRONZE, source: {path: b.json}, execution_task_name: side}
      - {name: setup, source: {path: c.json}}
""")
ALL = ("brz", "meta", "setup", "slv", "gld")


@pytest.mark.parametrize(
    ("selection", "names"),
    [
        (None, ALL),
        ("*", ALL),
        ("**", ALL),
        (["meta", "*"], ALL),
        ("slv", ("slv",)),
        ("gld, brz", ("brz", "gld")),
        ("gld brz", ("brz", "gld")),
        (["gld", "brz"], ("brz", "gld")),
        (["gld,meta", "brz"], ("brz", "meta", "gld")),
        ("*slv", ("brz", "setup", "slv")),
        ("slv*", ("slv", "gld")),
        ("*slv*", ("brz", "setup", "slv", "gld")),
        ("*gld", ("brz", "setup", "slv", "gld")),
        ("setup*", ("setup", "slv", "gld")),
        ("daily", ("brz", "gld")),
        ("tag:daily", ("brz", "gld")),
        ("tag:raw*", ("brz", "slv", "gld")),
        ("SILVER", ("slv",)),
        ("silver", ("slv",)),
        ("layer:bronze", ("brz", "meta")),
        ("*layer:silver", ("brz", "setup", "slv")),
        ("side", ("meta",)),
        ("Layer:Silver", ("slv",)),
        ("*TAG:raw", ("brz",)),
        ("TAG:raw*", ("brz", "slv", "gld")),
        ("side\n\tslv", ("meta", "slv")),
        ("slv, slv", ("slv",)),
    ],
)
def test_selection(selection: str | list[str] | None, names: tuple[str, ...]) -> None:
    assert select(PLAN, selection) == names


def test_a_node_comes_before_a_tag_of_its_name() -> None:
    plan = plan_from("""
        name: p
        nodes:
          - {name: a, source: {path: a.json}}
          - {name: b, source: {path: a.json}, tags: a}
    """)
    assert select(plan, "a") == ("a",)
    assert select(plan, "tag:a") == ("b",)


@pytest.mark.parametrize(
    ("selection", "hint"),
    [
        ("slw", "did you mean `slv`?"),
        ("*slw*", "did you mean `slv`?"),
        ("tag:dayly", "did you mean `daily`?"),
        ("layer:platinum", None),
        ("tag:slv", None),
        ("a/b", None),
        ("tag:", None),
        ("layer:", None),
        ("slv**", "did you mean `slv`?"),
        ("SLV", "did you mean `slv`?"),
    ],
)
def test_what_names_nothing(selection: str, hint: str | None) -> None:
    with pytest.raises(SelectionError) as raised:
        select(PLAN, selection)
    assert f"`{selection}` selects nothing" in raised.value.message
    assert raised.value.expected.startswith("one of brz, meta, setup")
    if hint is not None:
        assert raised.value.hint == hint


@pytest.mark.parametrize("selection", ["", "  ", ",", [], [""]])
def test_an_empty_selection(selection: str | list[str]) -> None:
    with pytest.raises(SelectionError, match="the selection is empty"):
        select(PLAN, selection)
