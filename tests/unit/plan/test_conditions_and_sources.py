"""Conditions in steps and sources, and what a source names, found before anything is read."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.plan.declaring import node_with, plan_from, problems_of, with_step

STEP = ("nodes", 0, "transformer", "nodes", 0)
SOURCE = ("nodes", 0, "sources", 0)
TOTALS = ["count(*) > 1", "max(a) = 3", "a > 1 AND sum(b) > 2", "NOT min(a) IS NULL"]
WRONG = ["a >", "a = = 1", "a > (SELECT 1)", "a IN (SELECT b FROM c)", "DROP TABLE t"]
ENGINES = ["POLARS", "SPARK"]


def only(text: str) -> tuple[str, tuple[Any, ...]]:
    (found,) = problems_of(text)
    return found.message, found.path


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["filter", "where"])
@pytest.mark.parametrize("condition", WRONG)
def test_a_condition_of_a_step_is_read_before_it_runs(
    engine: str, name: str, condition: str
) -> None:
    step = f'{{func_name: {name}, func_args: ["{condition}"]}}'
    _, path = only(with_step(step, dataframe_type=engine))
    assert path == (*STEP, "func_args", 0)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("condition", TOTALS)
@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ('func_args: ["%s"]', ("func_args", 0)),
        ('func_kwargs: {condition: "%s"}', ("func_kwargs", "condition")),
    ],
)
def test_a_filter_looks_at_each_row(
    engine: str, condition: str, arguments: str, path: tuple[str | int, ...]
) -> None:
    """Spark refuses a total in WHERE; Polars would keep all rows or none, without a word."""
    name = "where" if "condition" in arguments else "filter"
    step = f"{{func_name: {name}, {arguments % condition}}}"
    found = only(with_step(step, dataframe_type=engine))
    assert found == ("the filter speaks of all rows at once", (*STEP, *path))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("condition", TOTALS)
def test_so_does_the_filter_of_a_source(engine: str, condition: str) -> None:
    source = f'{{path: a, format: CSV, filter: "{condition}"}}'
    found = only(node_with(source=source, dataframe_type=engine))
    assert found == ("the filter speaks of all rows at once", (*SOURCE, "filter"))


@pytest.mark.parametrize("condition", TOTALS)
def test_and_that_of_a_source_among_the_arguments(condition: str) -> None:
    step = f'{{func_name: union, func_args: [{{path: b, filter: "{condition}"}}]}}'
    assert only(with_step(step))[1] == (*STEP, "func_args", 0, "filter")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "condition",
    [
        "a > 1",
        "flag",
        "NOT flag AND a IN (1, 2)",
        "a = 'count(*)'",
        "a BETWEEN 1 AND 2 -- a remark",
        "coalesce(a, 0) + 1 > abs(b)",
        "CASE WHEN a > 1 THEN true ELSE false END",
        "s.f > 1",
    ],
)
def test_right_conditions(engine: str, condition: str) -> None:
    step = f'{{func_name: filter, func_args: ["{condition}"]}}'
    source = f'{{path: a, format: CSV, filter: "{condition}"}}'
    assert plan_from(with_step(step, source=source, dataframe_type=engine)).warnings == ()


def test_a_named_argument_of_a_filter_is_a_value_and_no_sql() -> None:
    step = "{func_name: filter, func_kwargs: {symbol: 'a >', other: 'count(*) > 1'}}"
    assert plan_from(with_step(step, dataframe_type="POLARS")).warnings == ()


def test_a_filter_of_the_project_takes_what_it_likes() -> None:
    text = with_step("{func_name: where, func_args: ['a >']}")
    assert plan_from(text, functions=["where"]).nodes["n"]


@pytest.mark.parametrize("text", ["a >", "(SELECT 1) AS x"])
def test_a_projection_is_read_before_it_runs(text: str) -> None:
    problems = problems_of(with_step(f"{{func_name: selectExpr, func_args: [b, '{text}']}}"))
    assert [found.path for found in problems] == [(*STEP, "func_args", 1)]


@pytest.mark.parametrize("text", ["*", "a", "a + 1 AS b", "count(*) AS n", "max(a) AS m", "s.f"])
def test_right_projections(text: str) -> None:
    assert plan_from(with_step(f"{{func_name: selectExpr, func_args: ['{text}']}}")).warnings == ()


@pytest.mark.parametrize("selects", ["[a, b, a]", "{a: x, b: x}", "{a: b, c: b, d: e}"])
def test_two_selected_columns_have_two_names(selects: str) -> None:
    message, path = only(node_with(source=f"{{path: a, selects: {selects}}}"))
    assert message.startswith("two columns would be named ")
    assert path == (*SOURCE, "selects")


@pytest.mark.parametrize(
    "options", ["selects: {a: b, b: a}", "selects: [a, b]", "renames: {a: x, b: x}"]
)
def test_names_that_may_be_right(options: str) -> None:
    """Of columns that are renamed to one name, only one may be there."""
    assert plan_from(node_with(source=f"{{path: a, {options}}}")).warnings == ()


@pytest.mark.parametrize("key", ["''", "'  '", "a//b", "/a", "a/"])
def test_a_key_of_an_asset_has_no_empty_part(key: str) -> None:
    message, path = only(node_with(source=f"{{asset: {key}}}"))
    assert message.endswith("is no key of an asset: a part of it is empty")
    assert path == (*SOURCE, "asset")


@pytest.mark.parametrize("key", ["a", "raw/prices", "raw/daily prices/1"])
def test_keys_of_assets(key: str) -> None:
    assert plan_from(node_with(source=f"{{asset: {key}}}")).warnings == ()


@pytest.mark.parametrize("frame", ["abc", "3", "1.5", "true"])
def test_a_scalar_is_no_frame(frame: str) -> None:
    (found,) = problems_of(node_with(source=f"{{df: {frame}}}"))
    assert found.path == (*SOURCE, "df")
    assert "rows in the file stand under `data`" in (found.hint or "")


@pytest.mark.parametrize("rows", ["[{a: 1}]", "{a: [1]}"])
def test_rows_under_the_name_of_a_frame_are_rows(rows: str) -> None:
    assert plan_from(node_with(source=f"{{df: {rows}}}")).warnings == ()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("versionAsOf: x", "`x` is no version of a Delta table"),
        ("version: -1", "`-1` is no version of a Delta table"),
        ("version: 1.5", "`1.5` is no version of a Delta table"),
        ("version: true", "`True` is no version of a Delta table"),
        ("timestampAsOf: '2024-01-01'", "a table is not read as of a time here"),
        ("readChangeFeed: true", "`readChangeFeed` reads the changes of a table"),
        ("startingVersion: 0", "`startingVersion` reads the changes of a table"),
    ],
)
@pytest.mark.parametrize("source", ["path: a, format: DELTA", "table_name: t"])
def test_versions_of_a_table(source: str, option: str, message: str) -> None:
    found, path = only(node_with(source=f"{{{source}, reader_kwargs: {{{option}}}}}"))
    assert found.startswith(message)
    assert path[:4] == SOURCE


@pytest.mark.parametrize("option", ["versionAsOf: 3", "version: '0'"])
def test_a_version_may_be_chosen(option: str) -> None:
    source = f"{{path: a, format: DELTA, read_options: {{{option}}}}}"
    assert plan_from(node_with(source=source)).warnings == ()


@pytest.mark.parametrize(
    "threshold", ["10 minutes", "1 hour 30 minutes", "INTERVAL 2 Days", "0.5 second", "1 week"]
)
def test_how_late_a_row_may_be(threshold: str) -> None:
    source = f"{{path: a, as_stream: true, watermark: {{column: t, threshold: '{threshold}'}}}}"
    assert not plan_from(node_with(source=source, sink="{path: out}")).warnings


@pytest.mark.parametrize("threshold", ["", "10", "minutes", "-1 hour", "1 h", "1 hour ago", "soon"])
def test_what_is_no_delay(threshold: str) -> None:
    """Spark takes whole names of units, and refuses a delay below zero."""
    source = f"{{path: a, watermark: {{column: t, threshold: '{threshold}'}}}}"
    assert only(node_with(source=source)) == (
        f"`{threshold}` is no time that a row may be late",
        ("nodes", 0, "sources", 0, "watermark", "threshold"),
    )
