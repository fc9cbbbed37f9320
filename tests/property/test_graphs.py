"""Random graphs: order respects edges, and depends on nothing but the declaration."""

from __future__ import annotations

import random
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laktory_dagster import models
from laktory_dagster.errors import DeclarationError
from laktory_dagster.plan.builder import build_plan
from laktory_dagster.plan.definition import Plan
from laktory_dagster.plan.ordering import find_cycles, in_order, reachable, reverse
from laktory_dagster.plan.selection import select
from laktory_dagster.settings import Settings

Needs = dict[str, list[str]]


@st.composite
def any_graphs(draw: st.DrawFn) -> Needs:
    """Draw a graph that may have cycles, self references included."""
    names = [f"n{i}" for i in range(draw(st.integers(1, 12)))]
    edges = st.lists(st.sampled_from(names), max_size=4)
    return {name: draw(edges) for name in draw(st.permutations(names))}


@st.composite
def acyclic_graphs(draw: st.DrawFn) -> Needs:
    """Draw a graph without cycles, its nodes declared in any order."""
    names = [f"n{i}" for i in range(draw(st.integers(1, 12)))]
    needs = {
        name: draw(st.lists(st.sampled_from(names[:index]), max_size=4, unique=True))
        if index
        else []
        for index, name in enumerate(names)
    }
    return {name: needs[name] for name in draw(st.permutations(names))}


def has_cycle(needs: Needs) -> bool:
    try:
        tuple(TopologicalSorter(needs).static_order())
    except CycleError:
        return True
    return False


def pipeline_of(needs: Needs, order_only: frozenset[str] = frozenset()) -> models.Pipeline:
    nodes = []
    for name, above in needs.items():
        read = [up for up in above if up not in order_only]
        sources = [{"path": "a.json"}, *({"node_name": up} for up in read)]
        after = [up for up in above if up in order_only]
        nodes.append({"name": name, "sources": sources, "depends_on": after})
    return models.Pipeline(name="p", nodes=nodes)


def plan_of(needs: Needs, order_only: frozenset[str] = frozenset()) -> Plan:
    return build_plan(pipeline_of(needs, order_only), settings=Settings())


def above_all(needs: Needs, names: set[str]) -> set[str]:
    """Return the names and all that they need, by repetition until nothing is new."""
    found = set(names)
    while True:
        more = found | {up for name in found for up in needs[name]}
        if more == found:
            return found
        found = more


@given(any_graphs())
def test_all_names_are_ordered_unless_there_is_a_cycle(needs: Needs) -> None:
    ordered = in_order(needs)
    place = {name: index for index, name in enumerate(ordered)}
    for name in ordered:
        assert all(place[up] < place[name] for up in needs[name])
    assert (len(ordered) == len(needs)) == (not has_cycle(needs))


@given(any_graphs())
def test_what_is_left_out_needs_a_cycle(needs: Needs) -> None:
    for name in set(needs) - set(in_order(needs)):
        above = above_all(needs, {name})
        assert has_cycle({up: needs[up] for up in above})


@given(any_graphs())
def test_a_reported_cycle_is_one(needs: Needs) -> None:
    cycles = find_cycles(needs)
    assert bool(cycles) == has_cycle(needs)
    for cycle in cycles:
        assert cycle[0] == cycle[-1]
        assert len(set(cycle)) == len(cycle) - 1
        for upstream, downstream in pairwise(cycle):
            assert upstream in needs[downstream]


@given(any_graphs())
def test_of_several_that_may_come_next_the_first_declared_does(needs: Needs) -> None:
    rank = {name: index for index, name in enumerate(needs)}
    done: set[str] = set()
    for name in in_order(needs):
        ready = [n for n in needs if n not in done and set(needs[n]) <= done]
        assert name == min(ready, key=rank.__getitem__)
        done.add(name)


@given(any_graphs(), st.randoms(use_true_random=False))
def test_reach(needs: Needs, source: random.Random) -> None:
    start = {source.choice(list(needs))}
    assert reachable(needs, start) == above_all(needs, start)
    below = reverse(needs)
    for name in needs:
        assert (name in reachable(below, start)) == bool(start & above_all(needs, {name}))


@settings(max_examples=60, deadline=None)
@given(acyclic_graphs(), st.data())
def test_a_plan_keeps_every_edge_and_orders_by_it(needs: Needs, data: st.DataObject) -> None:
    order_only = frozenset(data.draw(st.sets(st.sampled_from(sorted(needs)))))
    plan = plan_of(needs, order_only)
    place = {name: index for index, name in enumerate(plan.nodes)}
    assert set(place) == set(needs)
    for name, above in needs.items():
        node = plan.nodes[name]
        assert set(node.upstream) == set(above) - order_only
        assert set(node.after) == set(above) & order_only
        assert all(place[up] < place[name] for up in above)


@settings(max_examples=40, deadline=None)
@given(acyclic_graphs(), st.randoms(use_true_random=False))
def test_the_order_of_the_declaration_changes_no_edge_and_no_version(
    needs: Needs, source: random.Random
) -> None:
    names = list(needs)
    source.shuffle(names)
    plan, shuffled = plan_of(needs), plan_of({name: needs[name] for name in names})
    for name in needs:
        assert set(plan.nodes[name].upstream) == set(shuffled.nodes[name].upstream)
        assert plan.nodes[name].code_version == shuffled.nodes[name].code_version
    assert set(plan.edges) == set(shuffled.edges)


@settings(max_examples=40, deadline=None)
@given(acyclic_graphs())
def test_the_same_text_gives_the_same_plan(needs: Needs) -> None:
    first, second = plan_of(needs), plan_of(needs)
    assert list(first.nodes) == list(second.nodes)
    assert first.plan_hash == second.plan_hash


@settings(max_examples=40, deadline=None)
@given(any_graphs())
def test_a_graph_with_a_cycle_has_no_plan(needs: Needs) -> None:
    if not has_cycle(needs):
        plan_of(needs)
        return
    with pytest.raises(DeclarationError, match=r"need each other|itself"):
        plan_of(needs)


@settings(max_examples=40, deadline=None)
@given(acyclic_graphs(), st.data())
def test_stars_select_what_is_above_and_below(needs: Needs, data: st.DataObject) -> None:
    plan = plan_of(needs)
    name = data.draw(st.sampled_from(sorted(needs)))
    above = above_all(needs, {name})
    below = {other for other in needs if name in above_all(needs, {other})}
    assert set(select(plan, f"*{name}")) == above
    assert set(select(plan, f"{name}*")) == below
    assert set(select(plan, f"*{name}*")) == above | below
    chosen = select(plan, f"*{name}*")
    assert list(chosen) == [other for other in plan.nodes if other in set(chosen)]
