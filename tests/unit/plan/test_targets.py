"""Two nodes and one target; reads in no certain order."""

from __future__ import annotations

from pathlib import Path

import pytest

from laktory_dagster.errors import DeclarationError, Severity
from laktory_dagster.project import load_plan
from laktory_dagster.settings import Settings
from tests.unit.plan.declaring import plan_from, problems_of


def two(first: str, second: str, more: str = "", rule: str = "") -> str:
    rules = f"\n    expectations: [{{name: r, expression: x > 0, action: {rule}}}]" if rule else ""
    return (
        "name: p\nwarehouse: /w\nnodes:\n"
        f"  - name: a\n    source: {{path: a.json}}\n    {first}{rules}\n"
        f"  - name: b\n    source: {{path: b.json}}\n    {second}\n{more}"
    )


SAME = [
    ("sink: {table_name: t}", "sink: {table_name: default.t}"),
    ("sink: {table_name: t}", "sink: {table_name: T}"),
    ("sink: {table_name: s.t}", "sink: {schema_name: s, table_name: t, catalog_name: main}"),
    ("sink: {path: out}", "sink: {path: ./x/../out/}"),
    ("sink: {table_name: t}", "sink: {path: /w/main/default/t}"),
    ("sink: {path: 's3://b/x'}", "sink: {path: 's3://b/x/'}"),
]


@pytest.mark.parametrize(("first", "second"), SAME)
def test_two_nodes_that_write_one_target(first: str, second: str) -> None:
    (problem,) = problems_of(two(first, second))
    assert problem.message.startswith("nodes `a` and `b` write one target, ")
    assert problem.path == ("nodes", 1, "sinks", 0)
    assert problem.location.line == 9


@pytest.mark.parametrize("link", ["depends_on: a", "sources: [{path: b.json}, {node_name: a}]"])
def test_the_later_of_two_that_depend_on_each_other_wins_with_a_warning(link: str) -> None:
    second = f"sink: {{table_name: t}}\n    {link}"
    text = two("sink: {table_name: t}", second)
    if "sources" in link:
        text = text.replace("    source: {path: b.json}\n", "")
    (warning,) = plan_from(text).warnings
    assert "`b` comes later and wins" in warning.message
    assert warning.location is not None


def test_the_dependence_may_be_far() -> None:
    more = "  - {name: c, source: {node_name: a}}\n  - {name: d, source: {node_name: c}}\n"
    second = "sink: {table_name: t}\n    depends_on: d"
    (warning,) = plan_from(two("sink: {table_name: t}", second, more)).warnings
    assert "`b` comes later" in warning.message


def test_the_default_quarantine_of_a_node_is_another_ones_target() -> None:
    text = two("sink: {table_name: t}", "sink: {table_name: t_quarantine}", rule="QUARANTINE")
    (problem,) = problems_of(text)
    assert "(one of them its rejected rows)" in problem.message
    assert plan_from(text.replace("QUARANTINE", "DROP")).warnings == ()


def test_two_sinks_of_a_node_are_one_target() -> None:
    (problem,) = problems_of(
        two("sinks: [{path: x}, {path: ./x, mode: APPEND}]", "sink: {path: y}")
    )
    assert problem.message.startswith("node `a` writes ")
    assert problem.message.endswith(" twice")


def test_shared_targets_are_meant() -> None:
    shared = "sink: {path: x, mode: APPEND, shared: true}"
    assert plan_from(two(shared, shared)).warnings == ()


def test_views_have_no_target() -> None:
    view = "sink: {pipeline_view_name: v}"
    assert plan_from(two(view, view)).warnings == ()


@pytest.mark.parametrize(
    ("sink", "source"),
    [
        ("sink: {table_name: s.t}", "{schema_name: s, table_name: t}"),
        ("sink: {path: out.csv, format: CSV}", "{path: ./out.csv, format: CSV}"),
    ],
)
def test_a_read_by_path_or_name_of_what_another_node_writes(sink: str, source: str) -> None:
    text = two(sink, f"sink: {{path: o}}\n    sources: [{source}]").replace(
        "    source: {path: b.json}\n", ""
    )
    (warning,) = plan_from(text).warnings
    assert warning.message == "node `b` reads what node `a` writes, in no certain order"
    assert warning.hint == "write `node_name: a`, or add it to `depends_on`"
    assert plan_from(text.replace("sources:", "depends_on: a\n    sources:")).warnings == ()


@pytest.mark.parametrize("path", ["p.json", "./x/../p.json", "link.json", "other.yaml", "udf.py"])
def test_rows_never_replace_the_declaration(tmp_path: Path, path: str) -> None:
    file = tmp_path / "p.json"
    file.write_text(two(f"sink: {{path: {path}, format: JSON}}", "sink: {path: y}"))
    (tmp_path / "link.json").symlink_to(file)

    with pytest.raises(DeclarationError, match="which is no file of data") as raised:
        load_plan(file, settings=Settings())

    (problem,) = (item for item in raised.value.diagnostics if item.severity is Severity.ERROR)
    assert problem.path == ("nodes", 0, "sinks", 0, "path")
    assert file.read_text().startswith("name: p")


def test_a_name_that_no_file_system_takes(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(two(f"sink: {{path: {'n' * 256}, format: JSON}}", "sink: {path: y}"))
    with pytest.raises(DeclarationError, match="longer than 255 bytes"):
        load_plan(file, settings=Settings())


def test_rows_are_not_written_to_a_web_address() -> None:
    (problem,) = problems_of(two("sink: {path: 'https://h/x', format: CSV}", "sink: {path: y}"))
    assert "web address" in problem.message


@pytest.mark.parametrize(
    ("source", "sink", "is_among"),
    [
        ("in", "in/out.csv", True),
        ("./in/*.csv", "in/out.csv", True),
        ("in/*.csv", "in/out.json", False),
        ("in", "inner/out.csv", False),
        ("in.csv", "in.csv", False),
    ],
)
def test_a_node_that_writes_among_the_files_it_reads(
    source: str, sink: str, is_among: bool
) -> None:
    form = "JSON" if sink.endswith("json") else "CSV"
    plan = plan_from(
        f"name: p\nnodes:\n  - name: a\n    source: {{path: '{source}', format: CSV}}\n"
        f"    sink: {{path: {sink}, format: {form}}}\n"
    )
    assert [w.message for w in plan.warnings if "reads its own rows" in w.message] == [
        w.message for w in plan.warnings
    ]
    assert bool(plan.warnings) is is_among


@pytest.mark.parametrize(
    ("sink", "warns"),
    [
        ("{table_name: t, mode: MERGE, schema_evolution: widen}", True),
        ("{path: out, format: PARQUET, mode: APPEND, schema_evolution: widen}", True),
        ("{table_name: t, mode: APPEND, schema_evolution: widen}", False),
        ("{table_name: t, mode: MERGE, schema_evolution: add}", False),
    ],
)
def test_what_cannot_widen_says_so(sink: str, warns: bool) -> None:
    plan = plan_from(
        "name: p\nnodes:\n  - name: a\n    primary_keys: [k]\n    source: {path: a.json}\n"
        f"    sink: {sink}\n"
    )
    assert any("`widen` is `add` here" in w.message for w in plan.warnings) is warns


NESTED = [
    ("sink: {path: nest}", "sink: {path: nest/sub}"),
    ("sink: {path: nest/sub}", "sink: {path: nest}"),
    ("sink: {path: nest, format: PARQUET}", "sink: {path: nest/deep/er/x.csv, format: CSV}"),
    ("sink: {path: /w/main}", "sink: {table_name: t}"),
    ("sink: {table_name: t}", "sink: {path: /w/main/default/t/x}"),
    ("sink: {path: 's3://b/x'}", "sink: {path: 's3://b/x/y'}"),
    ("sink: {path: z}", "sink: {table_name: t, write_options: {path: z/t}}"),
]


@pytest.mark.parametrize(("first", "second"), NESTED)
def test_a_target_inside_of_another_one_names_both(first: str, second: str) -> None:
    (problem,) = problems_of(two(first, second))
    assert "lies inside of" in problem.message
    assert "`a`" in problem.message
    assert "`b`" in problem.message
    assert len(problem.path) == 4


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("sink: {path: nest}", "sink: {path: nest2}"),
        ("sink: {path: nest/a}", "sink: {path: nest/b}"),
        ("sink: {path: 's3://b/x'}", "sink: {path: 's3://b2/x'}"),
    ],
)
def test_targets_beside_each_other_are_fine(first: str, second: str) -> None:
    assert plan_from(two(first, second)).warnings == ()


def test_the_own_quarantine_inside_of_a_target_is_named() -> None:
    text = two("sinks: [{path: q}, {path: q/bad, is_quarantine: true}]", "sink: {path: y}")
    problem = problems_of(text.replace("    sinks", "    primary_keys: [id]\n    sinks"))[0]
    assert "q/bad (the rejected rows of `a`) lies inside of" in problem.message
