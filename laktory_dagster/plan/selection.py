"""Selections: some of a plan's nodes by name, neighbourhood, tag or layer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from laktory_dagster.errors import SelectionError
from laktory_dagster.expressions.suggest import hint_for
from laktory_dagster.plan.definition import Plan
from laktory_dagster.plan.ordering import Needs, reachable, reverse

_LISTED = 20


def select(plan: Plan, selection: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the selected nodes in the order of the plan; None selects all.

    A selection is a list of terms, or a text with terms between commas or blanks. A term is the
    name of a node, a tag (`tag:daily`, or bare), a layer (`layer:silver`, or bare) or the name of a
    job's task. `*x` adds everything that x needs, `x*` everything that needs x; `*` is all.

    Raises:
        SelectionError: a term names nothing, or there is none.
    """
    if selection is None:
        return tuple(plan.nodes)
    terms = _terms(selection)
    if not terms:
        raise SelectionError(
            "the selection is empty", expected="names of nodes, such as `slv_prices*`"
        )
    needs: Needs = {name: (*node.upstream, *node.after) for name, node in plan.nodes.items()}
    below = reverse(needs)
    chosen: set[str] = set()
    for term in terms:
        if not term.strip("*"):
            return tuple(plan.nodes)
        core = term.removeprefix("*").removesuffix("*")
        named = _named(plan, core, term)
        chosen |= set(named)
        if term.startswith("*"):
            chosen |= reachable(needs, named)
        if term.endswith("*"):
            chosen |= reachable(below, named)
    return tuple(name for name in plan.nodes if name in chosen)


def _terms(selection: str | Sequence[str]) -> list[str]:
    texts: Iterable[str] = [selection] if isinstance(selection, str) else selection
    return [term for text in texts for term in re.split(r"[,\s]+", text.strip()) if term]


def _named(plan: Plan, core: str, term: str) -> tuple[str, ...]:
    """Return the nodes that a term names without its stars."""
    kind, _, value = core.partition(":")
    kind = kind.lower()
    if value and kind == "tag":
        found = _tagged(plan, value)
    elif value and kind == "layer":
        found = _in_layer(plan, value)
    else:
        single = (core,) if core in plan.nodes else ()
        found = single or _tagged(plan, core) or _in_layer(plan, core) or _in_task(plan, core)
    if not found:
        raise _unknown(plan, value or core, term)
    return found


def _tagged(plan: Plan, tag: str) -> tuple[str, ...]:
    return tuple(name for name, node in plan.nodes.items() if tag in node.declared.tags)


def _in_layer(plan: Plan, layer: str) -> tuple[str, ...]:
    name = layer.upper()
    return tuple(node.name for node in plan.nodes.values() if node.declared.layer == name)


def _in_task(plan: Plan, task: str) -> tuple[str, ...]:
    nodes = plan.nodes.values()
    return tuple(node.name for node in nodes if node.declared.execution_task_name == task)


def _unknown(plan: Plan, name: str, term: str) -> SelectionError:
    tags = sorted({tag for node in plan.nodes.values() for tag in node.declared.tags})
    layers = sorted({str(node.declared.layer) for node in plan.nodes.values()} - {"None"})
    known = [*plan.nodes, *tags, *layers]
    listed = ", ".join(known[:_LISTED]) + (", ..." if len(known) > _LISTED else "")
    return SelectionError(
        f"`{term}` selects nothing: the pipeline `{plan.name}` has no node, tag or layer `{name}`",
        expected=f"one of {listed}",
        hint=hint_for(name, known),
    )
