"""Orders a graph so that everything comes after what it needs; iterative, for any size."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Mapping, Sequence

Needs = Mapping[str, Sequence[str]]
"""Each name with the names that must come before it."""


def in_order(needs: Needs) -> tuple[str, ...]:
    """Return the names, each after all that it needs.

    Of several that may come next, the one that stands first in `needs` does. Names on a cycle, and
    those that need them, are left out.
    """
    rank = {name: index for index, name in enumerate(needs)}
    names = list(needs)
    missing = {name: len(set(above)) for name, above in needs.items()}
    below = reverse(needs)
    ready = [rank[name] for name, count in missing.items() if count == 0]
    heapq.heapify(ready)
    ordered: list[str] = []
    while ready:
        name = names[heapq.heappop(ready)]
        ordered.append(name)
        for dependent in below[name]:
            missing[dependent] -= 1
            if missing[dependent] == 0:
                heapq.heappush(ready, rank[dependent])
    return tuple(ordered)


def reverse(needs: Needs) -> dict[str, list[str]]:
    """Return each name with the names that need it, each once, in the order of `needs`."""
    below: dict[str, list[str]] = {name: [] for name in needs}
    for name, above in needs.items():
        for upstream in dict.fromkeys(above):
            below[upstream].append(name)
    return below


def find_cycles(needs: Needs) -> list[tuple[str, ...]]:
    """Return one cycle of each knot of the graph as a path that ends where it starts."""
    ordered = set(in_order(needs))
    left = {
        name: [up for up in above if up not in ordered]
        for name, above in needs.items()
        if name not in ordered
    }
    cycles: list[tuple[str, ...]] = []
    seen: set[str] = set()
    for start in left:
        trail: list[str] = []
        place: dict[str, int] = {}
        name = start
        while name not in seen and name not in place:
            place[name] = len(trail)
            trail.append(name)
            # Every name that is left needs another one that is left.
            name = left[name][0]
        if name in place:
            cycle = trail[place[name] :]
            cycles.append(_from_first(cycle, left))
        seen.update(trail)
    return cycles


def _from_first(cycle: Sequence[str], order: Iterable[str]) -> tuple[str, ...]:
    """Return a cycle of needs in the direction of the data, from its first declared name on."""
    rank = {name: index for index, name in enumerate(order)}
    path = list(reversed(cycle))
    first = min(range(len(path)), key=lambda index: rank[path[index]])
    path = path[first:] + path[:first]
    return (*path, path[0])


def reachable(graph: Mapping[str, Iterable[str]], start: Iterable[str]) -> set[str]:
    """Return everything that can be reached from `start` in the graph, `start` included."""
    found = set(start)
    pending = deque(found)
    while pending:
        for name in graph[pending.popleft()]:
            if name not in found:
                found.add(name)
                pending.append(name)
    return found
