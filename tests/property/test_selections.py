"""Selections over graphs of any form, against sets that are computed from the edges alone."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from laktory_dagster.config.writer import dump_yaml
from laktory_dagster.plan.definition import Plan
from laktory_dagster.plan.selection import select
from laktory_dagster.project import load_plan
from laktory_dagster.settings import Settings

LAYERS = ("BRONZE", "SILVER", "GOLD")
TAGS = ("daily", "raw", "slow")


@st.composite
def declared(draw: st.DrawFn) -> dict[str, Any]:
    """Return a pipeline whose nodes read, or wait for, some of the nodes before them."""
    nodes: list[dict[str, Any]] = []
    for index in range(draw(st.integers(1, 6))):
        before = [f"n{number}" for number in range(index)]
        reads = draw(st.lists(st.sampled_from(before), unique=True, max_size=2)) if before else []
        waits = draw(st.lists(st.sampled_from(before), unique=True, max_size=1)) if before else []
        nodes.append(
            {
                "name": f"n{index}",
                "sources": [{"node_name": name} for name in reads] or [{"data": []}],
                "depends_on": waits,
                "tags": draw(st.lists(st.sampled_from(TAGS), unique=True, max_size=2)),
                **({"layer": layer} if (layer := draw(st.sampled_from([None, *LAYERS]))) else {}),
            }
        )
    return {"name": "p", "nodes": draw(st.permutations(nodes))}


def needs_of(data: dict[str, Any]) -> set[tuple[str, str]]:
    """Return every pair of a node and one that it needs, directly or by others."""
    pairs = {
        (node["name"], needed)
        for node in data["nodes"]
        for needed in [
            *(source["node_name"] for source in node["sources"] if "node_name" in source),
            *node["depends_on"],
        ]
    }
    while True:
        more = {(a, d) for a, b in pairs for c, d in pairs if b == c} - pairs
        if not more:
            return pairs
        pairs |= more


def planned(data: dict[str, Any]) -> Plan:
    return load_plan(dump_yaml(data), settings=Settings())


@settings(max_examples=40, deadline=None)
@given(declared(), st.data())
def test_stars_add_what_is_needed_and_what_needs(data: dict[str, Any], draw: st.DataObject) -> None:
    plan, pairs = planned(data), needs_of(data)
    name = draw.draw(st.sampled_from(list(plan.nodes)))
    above = {needed for node, needed in pairs if node == name}
    below = {node for node, needed in pairs if needed == name}
    assert set(select(plan, name)) == {name}
    assert set(select(plan, f"*{name}")) == {name} | above
    assert set(select(plan, f"{name}*")) == {name} | below
    assert set(select(plan, f"*{name}*")) == {name} | above | below


@settings(max_examples=40, deadline=None)
@given(declared(), st.lists(st.sampled_from([*LAYERS, *TAGS]), min_size=1, max_size=3))
def test_terms_add_up_in_the_order_of_the_plan(data: dict[str, Any], terms: list[str]) -> None:
    plan, pairs = planned(data), needs_of(data)
    named = {
        term: {
            node["name"]
            for node in data["nodes"]
            if node.get("layer") == term or term in node["tags"]
        }
        for term in terms
    }
    known = [term for term in terms if named[term]]
    if not known:
        return
    wanted = set().union(*(named[term] for term in known))
    in_order = [name for name in plan.nodes if name in wanted]
    assert list(select(plan, known)) == list(select(plan, ", ".join(known))) == in_order
    place = {name: index for index, name in enumerate(plan.nodes)}
    assert all(place[needed] < place[node] for node, needed in pairs)
    above = wanted | {needed for node, needed in pairs if node in wanted}
    assert set(select(plan, [f"*{term}" for term in known])) == above
