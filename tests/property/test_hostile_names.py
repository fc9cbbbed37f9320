"""Names and paths that nobody should give: refused with a clear error, or harmless."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from laktory_dagster import models
from laktory_dagster.errors import DeclarationError, Diagnostic, InvalidInputError, SelectionError
from laktory_dagster.plan import locations
from laktory_dagster.plan.builder import build_plan
from laktory_dagster.plan.definition import Plan
from laktory_dagster.plan.explain import explain_mermaid, explain_text
from laktory_dagster.plan.selection import select
from laktory_dagster.project import load_plan
from laktory_dagster.settings import Settings

HOSTILE = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        [
            "../../etc/passwd", "..", ".", "/", "a/../b", "a\x00b", "a`b", "a'; DROP TABLE x; --",
            'a"b', "a\nb", "a b", "a:b", "a*b", "nul", "😀", "x" * 300, "{df}", "${vars.x}", "$(ls)",
            "a\\b", "%2e%2e%2f", "\u202ea", "-rf", "~", "__class__",
        ]
    ),
)  # fmt: skip


def empty_plan(folder: Path, roots: tuple[str, ...] = ()) -> Plan:
    pipeline = models.Pipeline(name="p")
    return Plan(pipeline=pipeline, nodes={}, edges=(), folder=folder, data_roots=roots)


@given(HOSTILE)
def test_a_part_of_a_path_stays_one_part(name: str) -> None:
    part = locations.path_part(name)
    assert "/" not in part
    assert "\x00" not in part
    assert part not in {".", ".."}
    if part:
        assert os.path.normpath(f"/w/{part}") == f"/w/{part}"


@given(HOSTILE, HOSTILE)
def test_two_names_are_two_parts(one: str, other: str) -> None:
    assert (locations.path_part(one) == locations.path_part(other)) == (one == other)


@settings(deadline=None)
@given(HOSTILE)
def test_a_table_lies_below_the_warehouse_or_is_refused(name: str) -> None:
    for parts in ({"table_name": name}, {"table_name": "t", "schema_name": name}):
        try:
            sink = models.TableSink(**parts)
        except ValidationError:
            continue
        uri = locations.table_place(empty_plan(Path("/p")), sink, "/w").uri
        assert os.path.normpath(uri) == uri
        assert uri.startswith("/w/")
        assert uri.count("/") == 4


@settings(deadline=None)
@given(HOSTILE)
def test_a_confined_path_never_leaves_its_root(name: str) -> None:
    plan = empty_plan(Path("/tmp/root"), ("/tmp/root",))
    try:
        uri = locations.file_place(plan, name).uri
    except InvalidInputError:
        return
    assert Path(uri).resolve().is_relative_to(Path("/tmp/root").resolve())


@settings(deadline=None)
@given(HOSTILE)
def test_a_selection_raises_our_error_or_selects(text: str) -> None:
    nodes = [{"name": "a", "source": {"path": "x.json"}, "tags": ["t"]}]
    plan = build_plan(models.Pipeline(name="p", nodes=nodes), settings=Settings())
    try:
        chosen = select(plan, text)
    except SelectionError:
        return
    assert set(chosen) <= {"a"}


@settings(deadline=None)
@given(HOSTILE)
def test_a_node_name_is_refused_or_planned_and_shown(name: str) -> None:
    try:
        pipeline = models.Pipeline(name="p", nodes=[{"name": name, "source": {"path": "a.json"}}])
    except ValidationError:
        return
    plan = build_plan(pipeline, settings=Settings())
    assert name in explain_text(plan)
    assert explain_mermaid(plan).count("\n") == 2


@settings(deadline=None, max_examples=60)
@given(HOSTILE, st.sampled_from(["func_name", "sql_expr", "filter", "expression", "name", "path"]))
def test_a_hostile_text_anywhere_gives_a_plan_or_a_placed_error(text: str, where: str) -> None:
    quoted = "".join(f"\\u{ord(char):04x}" if ord(char) < 65536 else "x" for char in text)
    values = dict.fromkeys(("func_name", "sql_expr", "filter", "expression", "name", "path"), "")
    values |= {"func_name": "distinct", "sql_expr": "SELECT * FROM {df}", "filter": "a > 1"}
    values |= {"expression": "a > 1", "name": "n", "path": "a.json", where: quoted}
    declared = """
name: p
nodes:
  - name: "{name}"
    source: {{path: "{path}", filter: "{filter}"}}
    transformer: {{nodes: [{{func_name: "{func_name}"}}, {{sql_expr: "{sql_expr}"}}]}}
    expectations: [{{name: r, expression: "{expression}"}}]
""".format(**values)
    found: Sequence[Diagnostic] = ()
    try:
        load_plan(declared, settings=Settings())
    except DeclarationError as error:
        found = error.diagnostics
    assert all(item.location is not None for item in found)
