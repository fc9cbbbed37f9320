"""The editor's JSON Schema takes what the models take, and refuses what they refuse.

Declarations come from the tables of fields and from the strategies, both written apart from the
schema; PyYAML reads them, `jsonschema` judges.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from laktory_dagster.project.schema import json_schema
from tests.unit.models.declarations import in_words_of_today, pipelines
from tests.unit.models.test_every_field import ROWS, Row

CHECK = jsonschema.Draft202012Validator(json_schema())
# The schema says which type a name has and not how it is spelt, and JSON has no infinity.
SPELLED_WRONG = {
    "table_name": ("c.s.t.u", "../t"),
    "catalog_name": ("a/b",),
    "retry_delay_seconds": (".inf",),
}


class _Loader(yaml.SafeLoader):
    """Reads scalars as texts where YAML 1.1 and 1.2 differ."""


def _only_true_and_false(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> object:
    return {"true": True, "false": False}.get(node.value, node.value)


_Loader.add_constructor("tag:yaml.org,2002:bool", _only_true_and_false)


def accepts(declared: Any) -> bool:
    return not any(CHECK.iter_errors(declared))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.model.__name__}.{row.key}")
def test_every_key_takes_its_value(row: Row) -> None:
    assert accepts(yaml.load(row.text(row.good), _Loader))


@pytest.mark.parametrize(
    "row",
    [row for row in ROWS if row.wrong != "-" and row.wrong not in SPELLED_WRONG.get(row.key, ())],
    ids=lambda row: f"{row.model.__name__}.{row.key}",
)
def test_every_key_refuses_another_type(row: Row) -> None:
    assert not accepts(yaml.load(row.text(row.wrong), _Loader))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.model.__name__}.{row.key}")
def test_a_misspelt_key_is_refused(row: Row) -> None:
    assert not accepts(yaml.load(row._replace(key=f"{row.key}_").text(row.good), _Loader))


@settings(max_examples=25, deadline=None)
@given(pipelines())
def test_whole_declarations_are_taken_in_both_languages(declared: dict[str, Any]) -> None:
    assert accepts(declared)
    assert accepts(in_words_of_today(declared))
    assert accepts([declared, in_words_of_today(declared)])


def holders(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Yield every mapping and list inside a value that is no free-form data, with its path."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        if isinstance(item, (dict, list)) and key not in ("data", "read_options", "write_options"):
            yield (*path, key), item
            yield from holders(item, (*path, key))


def replaced(declared: Any, path: tuple[Any, ...], value: Any) -> Any:
    made = copy.deepcopy(declared)
    holder = made
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    return made


@settings(max_examples=40, deadline=None)
@given(pipelines(), st.data())
def test_any_part_may_be_included_or_come_from_a_variable(
    declared: dict[str, Any], data: st.DataObject
) -> None:
    found = list(holders(declared))
    path, _ = data.draw(st.sampled_from(found))
    texts = ("${include.part.yaml}", "${vars.part}", "${var.part}", "${params.part}")
    # What declares variables and parameters cannot come from one.
    for text in texts[:1] if path[0] in ("parameters", "environments") else texts:
        assert accepts(replaced(declared, path, text)), (path, text)


@pytest.mark.parametrize(
    "declared",
    [
        {"name": "p", "orchestrator": kind}
        for kind in (
            "DLT", "DATABRICKS_DLT", "DATABRICKS_PIPELINE", "LAKEFLOW_DECLARATIVE_PIPELINE",
            "SPARK_DECLARATIVE_PIPELINE", "DATABRICKS_JOB", "LAKEFLOW_JOB", "AIRFLOW",
        )
    ]
    + [
        {"name": "p", "orchestrator": {"type": "LAKEFLOW_JOB", "max_retries": 1}},
        {"name": "p", "environments": {"dev": {"dataframe_backend": "PYSPARK"}}},
        {"name": "p", "nodes": ["${include.n.yaml}", {"source": {"path": "x"}}]},
        {"name": "p", "nodes": [{"<<": {"layer": "GOLD"}, "source": {"path": "x"}}]},
    ],
    ids=str,
)  # fmt: skip
def test_every_spelling_of_the_models_is_taken(declared: Any) -> None:
    assert accepts(declared)


def test_what_an_editor_shows_of_a_key_is_its_description() -> None:
    properties = json_schema()["$defs"]["Tolerance"]["properties"]
    assert properties["abs"]["description"] == "Number of rows."
    assert properties["rel"]["description"] == "Share of the rows, from 0 to 1."
    node = json_schema()["$defs"]["PipelineNode"]["properties"]
    assert node["time_column"]["description"] == node["timestamp_key"]["description"]
    assert node["source"]["description"].endswith("(the only one of `sources`)")
