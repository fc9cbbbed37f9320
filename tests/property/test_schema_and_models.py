"""What an editor underlines `validate` refuses, and the other way round where a schema can say it.

A good declaration is changed anywhere; `jsonschema` judges it by the published schema, and the models
by their own rules.
"""

from __future__ import annotations

import copy
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from laktory_dagster.config.writer import dump_yaml
from laktory_dagster.errors import DeclarationError
from laktory_dagster.models import Pipeline
from laktory_dagster.project.schema import json_schema
from tests.property.test_mutated_declarations import GOOD, PATHS, holder_of

CHECK = jsonschema.Draft202012Validator(json_schema())
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=6).filter(lambda text: "${" not in text),
    st.sampled_from(["APPEND", "ALLOW", "own", "CSV", "PYSPARK", "laktory-0.4", "", "1", "x.y"]),
    st.sampled_from(
        [[], {}, [1], ["a"], [[]], [None], {"a": 1}, {"path": "x"}, {"node_name": "brz"}]
    ),
    st.sampled_from([{"nodes": []}, {"name": "x"}, {"abs": 1}, {"data": []}, {"df": 1}]),
)


def schema_takes(declared: Any) -> bool:
    return not any(CHECK.iter_errors(declared))


def models_take(declared: Any) -> bool:
    try:
        Pipeline.model_validate_yaml(dump_yaml(declared))
    except DeclarationError:
        return False
    return True


def changed(path: tuple[Any, ...], value: Any) -> Any:
    declared = copy.deepcopy(GOOD)
    holder_of(declared, path)[path[-1]] = value
    return declared


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(PATHS), VALUES)
@example(("nodes", 0, "sink"), None)
@example(("nodes", 1, "primary_key"), None)
def test_no_editor_underlines_what_is_right(path: tuple[Any, ...], value: Any) -> None:
    declared = changed(path, value)
    if models_take(declared):
        assert schema_takes(declared), (path, value)


HOLDERS = [path for path in PATHS if isinstance(path[-1], str)]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(HOLDERS), st.sampled_from(["x", "nme", "Source", "sink_", "tables"]))
def test_a_key_that_one_refuses_the_other_refuses(path: tuple[Any, ...], key: str) -> None:
    declared = copy.deepcopy(GOOD)
    holder_of(declared, path)[key] = 1
    assert schema_takes(declared) == models_take(declared), (path, key)


# What the models refuse for its form; a schema has words for it.
REFUSED: list[tuple[tuple[Any, ...], Any]] = [
    (("nodes", 0, "source"), {}),
    (("nodes", 0, "source"), {"name": "x"}),
    (("nodes", 0, "source"), {"type": "FILE"}),
    (("nodes", 0, "source"), {"path": "x", "data": []}),
    (("nodes", 1, "sources", 0), {"node_name": "brz", "table_name": "t"}),
    (("nodes", 1, "transformer", "nodes", 0, "with_column"), {"name": "x"}),
    (("nodes", 1, "transformer", "nodes", 0, "with_column"), {"expr": "x"}),
    (("nodes", 1, "expectations", 0), {"name": "x"}),
    (("nodes", 1, "expectations", 0), {"expression": "x > 0"}),
    (("nodes", 1, "expectations", 1, "tolerance"), {}),
    (("nodes", 1, "sinks", 0), {}),
    (("nodes", 1, "sinks", 0), {"mode": "APPEND"}),
    (("nodes", 1, "sinks", 0), {"path": "x", "table_name": "t"}),
    (("nodes", 0, "source", "sample"), {}),
    (("nodes", 0, "source", "sample"), {"fraction": 2}),
    (("nodes", 0, "source", "limit"), -1),
    (("nodes", 0, "source", "drop_duplicates"), {"keep": "last"}),
    (("schedule",), {"timezone": "UTC"}),
    (("parameters",), {"a": 1}),
    (("environments",), {"dev": None}),
    (("udfs",), [{}]),
]


@pytest.mark.parametrize(("path", "value"), REFUSED, ids=str)
def test_a_form_that_is_none_is_refused_by_both(path: tuple[Any, ...], value: Any) -> None:
    declared = changed(path, value)
    assert not models_take(declared)
    assert not schema_takes(declared)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("schedule",), {"cron_schedule": "0 6 * * *"}),
        (("nodes", 1, "expectations", 0), {"name": "x", "<<": {"expr": "a > 0"}}),
        (("nodes", 0, "source"), {"data": []}),
        (("nodes", 1, "expectations", 1, "tolerance"), {"rel": 0.5}),
        (("nodes", 1, "transformer", "nodes", 0, "with_column"), {"name": "x", "sql_expr": "a"}),
        (("nodes", 1, "transformer", "nodes", 0), {"expr": "SELECT * FROM {df}"}),
        (("nodes", 1, "transformer", "nodes", 0), {"nodes": [{"func_name": "distinct"}]}),
        (("nodes", 1, "sinks", 0), {"pipeline_view_name": "v"}),
        (("nodes", 0, "sinks"), []),
    ],
    ids=str,
)
def test_every_form_is_taken_by_the_schema(path: tuple[Any, ...], value: Any) -> None:
    declared = changed(path, value)
    if path == ("nodes", 0, "sinks"):
        del declared["nodes"][0]["sink"]
    assert schema_takes(declared)
