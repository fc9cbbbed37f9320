"""A good declaration, changed anywhere: it still plans, or every problem stands at its place."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from laktory_dagster.config.writer import dump_yaml
from laktory_dagster.errors import DeclarationError, Diagnostic, SettingsError
from laktory_dagster.plan.definition import Plan
from laktory_dagster.plan.explain import explain_json, explain_text
from laktory_dagster.project import load_plan
from laktory_dagster.settings import Settings

GOOD: dict[str, Any] = {
    "name": "p",
    "description": "d",
    "compat": "laktory-0.4",
    "variables": {"limit": 3},
    "parameters": {"least": {"default": 1}},
    "environments": {"dev": {"warehouse": "w", "schema_prefix": "d_", "variables": {"limit": 4}}},
    "schedule": {"cron": "0 6 * * *", "timezone": "UTC"},
    "udfs": [{"module_name": "fns", "function_name": "double"}],
    "imports": ["other"],
    "orchestrator": "DATABRICKS_JOB",
    "databricks_job": {"max_retries": 1},
    "nodes": [
        {
            "name": "brz",
            "layer": "BRONZE",
            "source": {
                "path": "./events",
                "format": "JSON",
                "filter": "a > ${params.least}",
                "selects": {"data.open": "open"},
                "renames": {"a": "b"},
                "drops": ["c"],
                "drop_duplicates": {"subset": ["b"], "keep": "any"},
                "sample": {"fraction": 0.5, "seed": 1},
                "limit": "${vars.limit}",
                "schema": {"a": "int"},
            },
            "sink": {"schema_name": "s", "table_name": "brz", "mode": "APPEND"},
        },
        {
            "name": "slv",
            "layer": "SILVER",
            "primary_key": "symbol",
            "timestamp_key": "at",
            "sources": [{"node_name": "brz"}, {"table_name": "x.y", "name": "meta"}],
            "depends_on": ["other"],
            "tags": ["daily"],
            "transformer": {
                "nodes": [
                    {"with_column": {"name": "symbol", "type": "string", "expr": "F.col('s')"}},
                    {"with_columns": [{"name": "at", "type": "timestamp", "sql_expr": "t"}]},
                    {"func_name": "join", "func_args": [{"data": [{"symbol": "A"}]}, "symbol"]},
                    {"func_name": "union", "func_kwargs": {"other": "{sources.meta}"}},
                    {"nodes": [{"sql_expr": "SELECT *, open + 1 AS one FROM {df}"}]},
                ]
            },
            "expectations": [
                {"name": "r", "expression": "open > 0", "action": "QUARANTINE"},
                {"name": "t", "expr": "count(*) > 1", "type": "AGGREGATE", "tolerance": {"abs": 1}},
            ],
            "sinks": [
                {"table_name": "slv", "mode": "MERGE", "merge_cdc_options": {"order_by": "at"}},
                {"path": "bad", "format": "PARQUET", "is_quarantine": True, "mode": "APPEND"},
            ],
        },
        {"name": "other", "source": {"custom_reader": {"func_name": "a.b", "func_args": [1]}}},
    ],
}
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(
        ["brz", "slv", "APPEND", "{nodes.slv}", "${vars.limit}", "${vars.no}", "pl.col('a')", "*"]
    ),
    st.lists(st.integers() | st.text(max_size=3), max_size=2),
    st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=3), max_size=2),
    st.sampled_from([{"path": "x"}, {"node_name": "slv"}, [{"a": 1}], [[]], {"nodes": []}, {}]),
)


def paths_of(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value inside a value."""
    items: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    for key, item in items:
        yield (*above, key)
        yield from paths_of(item, (*above, key))


PATHS = list(paths_of(GOOD))


def holder_of(data: Any, path: Sequence[Any]) -> Any:
    for key in path[:-1]:
        data = data[key]
    return data


def planned(data: Any, env: str | None = None) -> Plan | list[Diagnostic]:
    """Return the plan of plain data, or what is wrong with it."""
    try:
        return load_plan(dump_yaml(data), env=env, settings=Settings())
    except DeclarationError as error:
        return list(error.diagnostics)


def check(outcome: Plan | list[Diagnostic]) -> None:
    if isinstance(outcome, Plan):
        assert explain_text(outcome)
        assert explain_json(outcome)["pipeline"] == outcome.name
        return
    assert outcome
    for problem in outcome:
        assert problem.location is not None, problem.message
        assert problem.message
        assert problem.render()
        assert "pydantic" not in problem.render()


def test_the_declaration_is_good() -> None:
    assert isinstance(planned(GOOD), Plan)
    assert isinstance(planned(GOOD, "dev"), Plan)


@settings(max_examples=250, deadline=None)
@given(st.sampled_from(PATHS), VALUES)
def test_another_value(path: tuple[Any, ...], value: Any) -> None:
    data = copy.deepcopy(GOOD)
    holder_of(data, path)[path[-1]] = value
    check(planned(data))


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(PATHS), VALUES)
def test_another_value_under_an_environment(path: tuple[Any, ...], value: Any) -> None:
    data = copy.deepcopy(GOOD)
    holder_of(data, path)[path[-1]] = value
    try:
        check(planned(data, "dev"))
    except SettingsError:
        assert path[0] == "environments"


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([path for path in PATHS if isinstance(path[-1], str)]), st.text(max_size=8))
def test_another_key(path: tuple[Any, ...], key: str) -> None:
    data = copy.deepcopy(GOOD)
    holder = holder_of(data, path)
    holder[key or "x"] = holder.pop(path[-1])
    check(planned(data))


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(PATHS))
def test_one_part_less(path: tuple[Any, ...]) -> None:
    data = copy.deepcopy(GOOD)
    del holder_of(data, path)[path[-1]]
    check(planned(data))


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(PATHS), st.sampled_from(PATHS))
def test_a_part_in_another_place(path: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    data = copy.deepcopy(GOOD)
    part = copy.deepcopy(holder_of(data, other)[other[-1]])
    holder_of(data, path)[path[-1]] = part
    check(planned(data))
