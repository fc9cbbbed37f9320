"""A function of the project that leaves the program: its node fails, and no other does."""

from __future__ import annotations

from pathlib import Path

import pytest

from laktory_dagster import build_definitions
from laktory_dagster.errors import DeclarationError
from tests.unit.dagster.test_runs import BOTH, failure, materialized, run, table, write

STEP = "source: {data: [{x: 1}]}, transformer: {nodes: [{func_name: leave}]}, sink: {table_name: a}"
READER = "source: {custom_reader: {func_name: leave}}, sink: {table_name: a}"
WRITER = "source: {data: [{x: 1}]}, sink: {path: x, custom_writer: {func_name: leave}}"
PIPELINE = """
name: p
udfs: [{{module_name: {module}, function_name: leave}}]
nodes:
  - {{name: a, {node}}}
  - {{name: b, source: {{node_name: a}}, sink: {{table_name: b}}}}
  - {{name: c, source: {{data: [{{x: 1}}]}}, sink: {{table_name: c}}}}
  - {{name: d, source: {{node_name: c}}, sink: {{table_name: d}}}}
"""


def write_leaving(folder: Path, node: str, body: str) -> Path:
    module = f"leaving_{abs(hash((str(folder), body)))}"
    (folder / f"{module}.py").write_text(f"import sys\n\n\ndef leave(*given):\n    {body}\n")
    return write(folder, PIPELINE.format(module=module, node=node))


@BOTH
@pytest.mark.parametrize("node", [STEP, READER, WRITER], ids=["step", "reader", "writer"])
def test_a_node_whose_function_leaves_stops_nothing_but_its_descendants(
    tmp_path: Path, steps: str, node: str
) -> None:
    file = write_leaving(tmp_path, node, "sys.exit('no licence')")

    result = run(build_definitions(file, steps=steps))

    assert not result.success
    assert sorted(materialized(result)) == ["p/c", "p/d"]
    assert "SystemExit: no licence" in failure(result)
    assert table(tmp_path, "d")["x"].to_list() == [1]


@pytest.mark.parametrize("body", ["sys.exit()", "sys.exit(0)", "quit()", "raise SystemExit"])
def test_leaving_is_a_failure_even_where_it_means_success(tmp_path: Path, body: str) -> None:
    file = write_leaving(tmp_path, STEP, body)

    result = run(build_definitions(file, steps="fused"))

    assert sorted(materialized(result)) == ["p/c", "p/d"]
    assert "a function of the project leaves the program" in failure(result)
    assert "raise an error there" in failure(result)


@BOTH
def test_a_module_that_leaves_when_it_is_imported_is_named(tmp_path: Path, steps: str) -> None:
    (tmp_path / "gone_at_once.py").write_text("import sys\nsys.exit(3)\n")
    file = write(tmp_path, PIPELINE.format(module="gone_at_once", node=STEP))

    result = run(build_definitions(file, steps=steps))

    assert "p/a" not in materialized(result)
    assert f"the module {tmp_path / 'gone_at_once.py'} cannot be imported" in failure(result)


@BOTH
def test_a_node_that_left_is_run_again_alone(tmp_path: Path, steps: str) -> None:
    body = f"return given[0] if __import__('pathlib').Path({str(tmp_path / 'ok')!r}).exists() else sys.exit(1)"
    definitions = build_definitions(write_leaving(tmp_path, STEP, body), steps=steps)
    assert not run(definitions).success
    (tmp_path / "ok").touch()

    assert run(definitions, "p/a", "p/b").success

    assert table(tmp_path, "b")["x"].to_list() == [1]


PRIORITY = """
name: p
nodes:
  - {{name: a, step: {{tags: {{dagster/priority: "{priority}"}}}}, source: {{data: [{{x: 1}}]}}}}
"""


@pytest.mark.parametrize("priority", ["0", "-1", "+2", "10", " 3 "])
def test_a_priority_is_a_whole_number(tmp_path: Path, priority: str) -> None:
    result = run(build_definitions(write(tmp_path, PRIORITY.format(priority=priority))))

    assert result.success


@pytest.mark.parametrize("priority", ["high", "1.5", "", "1e3", "0x1", "- 1"])
def test_any_other_priority_is_an_error_of_the_file(tmp_path: Path, priority: str) -> None:
    with pytest.raises(DeclarationError, match="`dagster/priority` is") as caught:
        build_definitions(write(tmp_path, PRIORITY.format(priority=priority)))

    (found,) = caught.value.diagnostics
    assert found.location is not None
    assert found.location.line == 4
    assert found.expected == "a whole number, such as `1`"
