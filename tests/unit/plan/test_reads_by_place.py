"""Reads by path or table name of what another node writes: seen wherever they stand, and told once.

Such a read is no edge. Whether it comes before or after the write is then by chance, unless another
reference says so; a reader that runs first gets the rows of an earlier run.
"""

from __future__ import annotations

import pytest

from tests.unit.plan.declaring import plan_from

WRITER = "  - {name: up, source: {path: in}, sink: %s}\n"
TABLE = "{schema_name: s, table_name: t}"


def warnings_of(text: str) -> list[tuple[str, tuple[str | int, ...]]]:
    return [(found.message, found.path) for found in plan_from(f"name: p\nnodes:\n{text}").warnings]


def reader(steps: str = "", **parts: str) -> str:
    keys = {"name": "n", "source": "{path: other}", **parts}
    if steps:
        keys["transformer"] = f"{{nodes: [{steps}]}}"
    return "  - {" + ", ".join(f"{key}: {value}" for key, value in keys.items()) + "}\n"


UNSURE = "node `n` reads what node `up` writes, in no certain order"
EARLIER = (
    "node `n` reads what node `up` writes, which runs after it: it gets the rows of an earlier run"
)
STEP = ("nodes", 1, "transformer", "nodes", 0)


@pytest.mark.parametrize(
    ("sink", "source"),
    [
        (TABLE, "{table_name: s.t}"),
        (TABLE, "{table_name: main.s.t}"),
        (TABLE, "{path: warehouse/main/s/t, format: DELTA}"),
        ("{path: out/a}", "{path: ./x/../out/a/, format: DELTA}"),
        ("{path: 's3://b/a'}", "{path: 's3://b/a', format: DELTA}"),
    ],
)
@pytest.mark.parametrize(
    ("step", "path"),
    [
        ("{func_name: union, func_args: [%s]}", (*STEP, "func_args", 0)),
        ("{func_name: join, func_kwargs: {other: %s, on: k}}", (*STEP, "func_kwargs", "other")),
        (
            "{nodes: [{func_name: union, func_args: [%s]}]}",
            (*STEP, "nodes", 0, "func_args", 0),
        ),
    ],
)
def test_a_read_among_the_arguments_of_a_step(
    sink: str, source: str, step: str, path: tuple[str | int, ...]
) -> None:
    assert warnings_of(WRITER % sink + reader(step % source)) == [(UNSURE, path)]


def test_each_read_is_told_at_its_place() -> None:
    step = "{func_name: union, func_args: [{table_name: s.t}]}"
    found = warnings_of(WRITER % TABLE + reader(step, source="{table_name: s.t}"))
    assert found == [
        (UNSURE, ("nodes", 1, "sources", 0)),
        (UNSURE, (*STEP, "func_args", 0)),
    ]


@pytest.mark.parametrize(
    "link",
    [
        {"depends_on": "[up]"},
        {"sources": "[{table_name: s.t}, {node_name: up, name: x}]"},
    ],
)
def test_a_reference_that_says_the_order_is_enough(link: dict[str, str]) -> None:
    parts = {"source": "{table_name: s.t}", **link}
    keys = {
        "name": "n",
        **{k: v for k, v in parts.items() if k != "source" or "sources" not in link},
    }
    text = "  - {" + ", ".join(f"{key}: {value}" for key, value in keys.items()) + "}\n"
    assert warnings_of(WRITER % TABLE + text) == []


def test_the_order_may_be_said_by_a_node_between() -> None:
    between = "  - {name: m, source: {node_name: up}}\n"
    text = WRITER % TABLE + between + reader(source="{table_name: s.t}", depends_on="[m]")
    assert warnings_of(text) == []


@pytest.mark.parametrize(
    "source", ["{table_name: s.t}", "{path: warehouse/main/s/t, format: DELTA}"]
)
def test_a_reader_that_the_writer_needs_gets_rows_of_an_earlier_run(source: str) -> None:
    """To name the node, or to depend on it, would make a cycle: there is nothing to advise."""
    writer = "  - {name: up, source: {node_name: n}, sink: {table_name: s.t}}\n"
    text = f"name: p\nnodes:\n{writer}{reader(source=source)}"
    (warning,) = plan_from(text).warnings
    assert warning.message == EARLIER
    assert warning.hint is None
    assert warning.path == ("nodes", 1, "sources", 0)


def test_the_writer_may_need_the_reader_through_others() -> None:
    text = (
        "  - {name: up, source: {node_name: m}, sink: {table_name: s.t}}\n"
        + reader(source="{table_name: s.t}")
        + "  - {name: m, source: {path: x}, depends_on: [n]}\n"
    )
    assert [message for message, _ in warnings_of(text)] == [EARLIER]


@pytest.mark.parametrize(
    "source",
    [
        "{table_name: s.t, mock_df: [{a: 1}]}",
        "{table_name: s.t2}",
        "{table_name: t}",
        "{table_name: other.s.t}",
        "{path: warehouse/main/s, format: DELTA}",
    ],
)
def test_other_places_and_rows_in_their_stead_are_no_reads(source: str) -> None:
    assert warnings_of(WRITER % TABLE + reader(source=source)) == []


def test_a_node_may_read_its_own_table() -> None:
    """As a stream, or to add to it what is missing, on purpose."""
    step = "{func_name: union, func_args: [{table_name: s.t}]}"
    assert warnings_of(reader(step, sink=TABLE, source="{table_name: s.t}")) == []


def test_rejected_rows_are_read_by_place_too() -> None:
    rules = "expectations: [{name: r, expr: a > 1, action: QUARANTINE}]"
    writer = f"  - {{name: up, source: {{path: in}}, sink: {TABLE}, {rules}}}\n"
    found = warnings_of(writer + reader(source="{table_name: s.t_quarantine}"))
    assert found == [(UNSURE, ("nodes", 1, "sources", 0))]


def test_an_environment_moves_what_is_compared() -> None:
    text = (
        "name: p\nenvironments: {dev: {schema_prefix: dev_}}\nnodes:\n"
        + WRITER % TABLE
        + reader(source="{path: warehouse/main/dev_s/t, format: DELTA}")
    )
    assert plan_from(text).warnings == ()
    assert [found.message for found in plan_from(text, env="dev").warnings] == [UNSURE]
