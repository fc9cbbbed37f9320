"""Mappings among the arguments of a step: by column, or a source; and what is read from each."""

from __future__ import annotations

from typing import Any

import pytest

from laktory_dagster import models
from laktory_dagster.models.sources import FileSource, MemorySource, NodeSource, TableSource
from tests.unit.plan.declaring import node_with, plan_from, with_step

# Names by which a mapping is known for a source.
KEYS = ["path", "table_name", "node_name", "data", "df", "custom_reader", "asset"]
BY_COLUMN = ["rename", "withColumnsRenamed", "with_columns", "withColumns", "fillna", "agg"]


@pytest.mark.parametrize("name", BY_COLUMN)
@pytest.mark.parametrize("key", KEYS)
def test_a_mapping_by_column_may_name_any_column(name: str, key: str) -> None:
    mapping = {key: "x", "n": "y"}
    step = models.MethodStep(func_name=name, func_args=[mapping], func_kwargs={"m": [mapping]})
    assert step.func_args == (mapping,)
    assert step.func_kwargs == {"m": [mapping]}
    assert models.MethodStep.model_validate_json(step.model_dump_json()) == step


@pytest.mark.parametrize(
    ("mapping", "kind"),
    [
        ({"path": "a.csv", "format": "CSV"}, FileSource),
        ({"table_name": "t"}, TableSource),
        ({"node_name": "n"}, NodeSource),
        ({"data": [{"a": 1}]}, MemorySource),
    ],
)
@pytest.mark.parametrize("name", ["join", "union", "laktory.smart_join", "with_lookup"])
def test_elsewhere_it_is_a_source(name: str, mapping: dict[str, Any], kind: type) -> None:
    step = models.MethodStep(func_name=name, func_args=[mapping, [{"deep": mapping}]])
    first, (second,) = step.func_args
    assert isinstance(first, kind)
    assert second == {"deep": first}


def rows_of(
    step: str, source: str = "{data: [{path: a, data: b, n: null}]}"
) -> list[dict[str, Any]]:
    text = node_with(source=source, transformer=f"{{nodes: [{step}]}}", sink="{path: out}")
    pipeline = models.Pipeline.model_validate_yaml(text)
    found: list[dict[str, Any]] = pipeline.nodes[0].execute(write_sinks=False).collect().to_dicts()
    return found


@pytest.mark.parametrize(
    ("step", "row"),
    [
        ("{func_name: rename, func_args: [{path: file, data: n2}]}", {"file": "a", "n2": "b", "n": None}),
        ("{func_name: rename, func_kwargs: {mapping: {data: path2}}}", {"path": "a", "path2": "b", "n": None}),
        ("{func_name: withColumnsRenamed, func_args: [{path: df}]}", {"df": "a", "data": "b", "n": None}),
        ("{func_name: withColumns, func_args: [{df: 'F.upper(\"path\")'}]}", {"path": "a", "data": "b", "n": None, "df": "A"}),
        ("{func_name: withColumns, func_args: [{path: 'F.lit(1)', data: 'F.lit(2)'}]}", {"path": 1, "data": 2, "n": None}),
        ("{func_name: agg, func_args: [{path: max}]}", {"max(path)": "a"}),
    ],
)  # fmt: skip
def test_columns_called_like_sources_are_columns_of_the_result(
    step: str, row: dict[str, Any]
) -> None:
    assert rows_of(step) == [row]


def test_a_null_is_filled_by_column() -> None:
    source = "{data: [{path: null, data: b}, {path: a, data: null}]}"
    rows = rows_of("{func_name: fillna, func_args: [{path: x, data: y}]}", source)
    assert rows == [{"path": "x", "data": "b"}, {"path": "a", "data": "y"}]


def test_the_plan_knows_the_renamed_columns() -> None:
    rule = "[{name: r, expression: file IS NOT NULL}]"
    select = (
        "{func_name: select, func_args: [path]}, {func_name: rename, func_args: [{path: file}]}"
    )
    plan = plan_from(with_step(select, expectations=rule))
    assert plan.nodes["n"].upstream == ()
