"""Pipelines for tests: a YAML text to its plan, or to what is wrong with it."""

from __future__ import annotations

from textwrap import dedent

import pytest

from laktory_dagster.errors import DeclarationError, Diagnostic
from laktory_dagster.plan.definition import Plan
from laktory_dagster.project import load_plan
from laktory_dagster.settings import Settings


def plan_from(text: str, settings: Settings | None = None, **options: object) -> Plan:
    """Return the plan of a YAML text; settings are empty unless given."""
    return load_plan(dedent(text), settings=settings or Settings(), **options)  # type: ignore[arg-type]


def problems_of(text: str, settings: Settings | None = None, **options: object) -> list[Diagnostic]:
    """Return what is wrong with a YAML text; every problem stands at a line and a column."""
    with pytest.raises(DeclarationError) as raised:
        plan_from(text, settings, **options)
    found = list(raised.value.diagnostics)
    assert all(item.location is not None and item.snippet for item in found)
    return found


def node_with(**parts: str) -> str:
    """Return a pipeline of one node `n` that reads `a.json`; parts are flow YAML of its keys."""
    lines = "".join(f"    {key}: {value}\n" for key, value in parts.items())
    source = "" if {"source", "sources"} & set(parts) else "    source: {path: a.json}\n"
    return f"name: p\nnodes:\n  - name: n\n{source}{lines}"


def with_step(step: str, **parts: str) -> str:
    """Return a pipeline of one node with one step, given as flow YAML."""
    return node_with(transformer=f"{{nodes: [{step}]}}", **parts)
