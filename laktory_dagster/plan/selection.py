"""Which nodes to run: names with their upstreams and downstreams, tags, layers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from laktory_dagster.errors import SelectionError
from laktory_dagster.expressions.suggest import hint_for
from laktory_dagster.plan.definition import Plan


def select(plan: Plan, selection: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the selected nodes in plan order; all of them for None or `*`.

    A term is a node, a tag, a layer or a task name; `*term` adds everything upstream, `term*`
    everything downstream. `tag:x` and `layer:silver` say which is meant. Terms are joined by commas
    or spaces, and each adds to the selection.

    Raises:
        SelectionError: a term names nothing.
    """
    if selection is None:
        return tuple(plan.nodes)
    text = selection if isinstance(selection, str) else " ".join(selection)
    terms = [term for term in re.split(r"[,\s]+", text) if term]
    if not terms:
        raise SelectionError("the selection is empty", expected="a node, a tag, a layer or `*`")
    chosen: set[str] = set()
    for term in terms:
        chosen |= _select_term(plan, term)
    return tuple(name for name in plan.nodes if name in chosen)


def _select_term(plan: Plan, term: str) -> set[str]:
    if term == "*":
        return set(plan.nodes)
    upward, downward = term.startswith("*"), term.endswith("*")
    word = term.strip("*")
    start = _named(plan, word)
    chosen = set(start)
    if upward:
        above = {node.name: (*node.upstream, *node.after) for node in plan.nodes.values()}
        chosen |= _reachable(start, above)
    if downward:
        chosen |= _reachable(start, _below(plan))
    return chosen


def _below(plan: Plan) -> dict[str, list[str]]:
    below: dict[str, list[str]] = {name: [] for name in plan.nodes}
    for node in plan.nodes.values():
        for upstream in (*node.upstream, *node.after):
            below[upstream].append(node.name)
    return below


def _named(plan: Plan, word: str) -> set[str]:
    kind, colon, name = word.partition(":")
    if not colon:
        kind, name = "", word
    found: set[str] = set()
    for node in plan.nodes.values():
        declared = node.declared
        if (
            (kind in ("", "name") and name == node.name)
            or (kind in ("", "tag") and name in declared.tags)
            or (kind in ("", "layer") and name.upper() == declared.layer)
            or (kind == "" and name == declared.execution_task_name)
        ):
            found.add(node.name)
    if not found:
        tags = {tag for node in plan.nodes.values() for tag in node.declared.tags}
        raise SelectionError(
            f"`{word}` is no node, tag or layer of the pipeline `{plan.name}`",
            hint=hint_for(name, (*plan.nodes, *tags)),
        )
    return found


def _reachable(start: Iterable[str], neighbours: Mapping[str, Sequence[str]]) -> set[str]:
    seen: set[str] = set()
    pending = list(start)
    while pending:
        for name in neighbours[pending.pop()]:
            if name not in seen:
                seen.add(name)
                pending.append(name)
    return seen
