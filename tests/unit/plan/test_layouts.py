"""Columns by which a sink lays out its rows: there, named once, and as the writer takes them.

What a run would say late (`pl.DataFrame.write_delta`, Spark's `partitionBy` and Delta's `CLUSTER BY`
refuse columns that are not there) is said by the plan wherever the steps name all columns.
"""

from __future__ import annotations

from typing import Any

import pytest

from laktory_dagster.errors import Severity
from tests.unit.plan.declaring import node_with, plan_from, problems_of

SINK = ("nodes", 0, "sinks", 0)
SELECT = "{nodes: [{func_name: select, func_args: [day, city, n]}]}"
OPEN = "{nodes: [{func_name: filter, func_args: ['n > 0']}]}"
# keys of a sink, where the column stands
PLACES: list[tuple[str, tuple[Any, ...]]] = [
    ("write_options: {partition_by: COLUMN}", ("write_options", "partition_by")),
    ("writer_kwargs: {partition_by: [COLUMN]}", ("write_options", "partition_by")),
    (
        "write_options: {delta_write_options: {partition_by: [COLUMN]}}",
        ("write_options", "delta_write_options", "partition_by"),
    ),
    ("writer_methods: [{name: partitionBy, args: [COLUMN]}]", ("writer_methods", 0)),
    ("writer_methods: [{name: partition_by, args: [[COLUMN]]}]", ("writer_methods", 0)),
]
CLUSTERED: list[tuple[str, tuple[Any, ...]]] = [
    ("cluster_by: COLUMN", ("cluster_by",)),
    ("cluster_by: [n, COLUMN]", ("cluster_by",)),
    ("writer_methods: [{name: clusterBy, args: [COLUMN]}]", ("writer_methods", 0)),
]


def sink_with(keys: str, **parts: str) -> str:
    parts.setdefault("transformer", SELECT)
    return node_with(sink=f"{{path: out, {keys}}}", **parts)


def errors_of(text: str) -> list[tuple[str, tuple[Any, ...]]]:
    found = problems_of(text)
    return [(one.message, one.path) for one in found if one.severity is Severity.ERROR]


@pytest.mark.parametrize("engine", ["POLARS", "SPARK"])
@pytest.mark.parametrize(("keys", "place"), PLACES)
def test_folders_by_a_column_that_the_steps_do_not_give(
    keys: str, place: tuple[Any, ...], engine: str
) -> None:
    text = sink_with(keys.replace("COLUMN", "cityy"), dataframe_type=engine)
    (found,) = problems_of(text)
    assert found.message == "the sink names the column `cityy`, which the transformer does not give"
    assert found.path == (*SINK, *place)
    assert (found.expected, found.hint) == ("one of day, city, n", "did you mean `city`?")
    assert not plan_from(text.replace("cityy", "city")).warnings


@pytest.mark.parametrize(("keys", "place"), CLUSTERED)
def test_clusters_by_a_column_that_the_steps_do_not_give(keys: str, place: tuple[Any, ...]) -> None:
    text = sink_with(keys.replace("COLUMN", "at"), dataframe_type="SPARK")
    message = "the sink names the column `at`, which the transformer does not give"
    assert errors_of(text) == [(message, (*SINK, *place))]
    assert not plan_from(sink_with(keys.replace("COLUMN", "day"), dataframe_type="SPARK")).warnings


@pytest.mark.parametrize(("keys", "_"), PLACES)
def test_where_the_steps_let_columns_pass_any_column_may_be_there(keys: str, _: Any) -> None:
    assert not plan_from(sink_with(keys.replace("COLUMN", "x"), transformer=OPEN)).warnings


@pytest.mark.parametrize(
    ("layer", "column"), [("BRONZE", "_bronze_at"), ("SILVER", "_silver_at"), ("GOLD", "_gold_at")]
)
def test_the_stamp_of_a_layer_is_a_column_as_well(layer: str, column: str) -> None:
    keys = f"write_options: {{partition_by: {column}}}"
    assert not plan_from(sink_with(keys, layer=layer)).warnings
    message = f"the sink names the column `{column}`, which the transformer does not give"
    stampless = sink_with(keys, layer=layer, add_layer_columns="false")
    assert [found for found, _ in errors_of(stampless)] == [message]


def test_a_history_has_its_times_of_validity() -> None:
    merge = "mode: MERGE, merge_cdc_options: {primary_keys: [city], order_by: day, scd_type: 2}"
    assert not plan_from(
        sink_with(f"{merge}, write_options: {{partition_by: __end_at}}"),
    ).warnings
    plain = sink_with(
        f"{merge.replace(', scd_type: 2', '')}, write_options: {{partition_by: __end_at}}"
    )
    assert [found for found, _ in errors_of(plain)] == [
        "the sink names the column `__end_at`, which the transformer does not give"
    ]


def test_a_quarantine_and_a_writer_of_the_project_have_columns_of_their_own() -> None:
    """A quarantine holds `_run_id` beside the rows; what a function writes is its own matter."""
    rule = "[{name: r, expression: n > 0, action: QUARANTINE}]"
    sinks = (
        "[{path: out}, {path: bad, is_quarantine: true, write_options: {partition_by: _run_id}}]"
    )
    assert not plan_from(node_with(transformer=SELECT, sinks=sinks, expectations=rule)).warnings
    keys = "custom_writer: feeds.write, write_options: {partition_by: x}"
    assert not plan_from(sink_with(keys)).warnings


@pytest.mark.parametrize(
    ("schema", "column"),
    [
        ("{day: date, town: string}", "town"),
        ("{columns: {town: string}}", "town"),
        ("[{name: n, type: int}, {name: town, type: string}]", "town"),
        ("[{name: town, dtype: string}]", "town"),
        ("n INT, town STRING", "town"),
        ("{type: struct, fields: [{name: town, type: string}]}", "town"),
    ],
)
def test_a_type_of_a_column_that_the_steps_do_not_give(schema: str, column: str) -> None:
    quoted = schema if schema[0] in "{[" else f"'{schema}'"
    message = f"the sink declares the column `{column}`, which the transformer does not give"
    errors = errors_of(sink_with(f"schema: {quoted}"))
    assert errors == [(message, (*SINK, "schema_definition"))]
    assert not plan_from(sink_with(f"schema: {quoted.replace('town', 'city')}")).warnings


@pytest.mark.parametrize("given", ["5", "{a: b}", "[day, 5]", "[[day]]", "true"])
@pytest.mark.parametrize("outer", ["", "delta_write_options: "])
def test_folders_by_what_is_no_column(given: str, outer: str) -> None:
    option = f"partition_by: {given}"
    option = f"{outer}{{{option}}}" if outer else option
    place = ("delta_write_options", "partition_by") if outer else ("partition_by",)
    (found,) = problems_of(sink_with(f"write_options: {{{option}}}", transformer=OPEN))
    assert found.message == "`partition_by` names no columns"
    assert found.path == (*SINK, "write_options", *place)
    assert found.expected == "a column, or a list of columns"


@pytest.mark.parametrize("given", ["null", "[]"])
def test_no_folders_where_the_option_is_empty(given: str) -> None:
    assert not plan_from(sink_with(f"write_options: {{partition_by: {given}}}")).warnings


@pytest.mark.parametrize("name", ["partitionBy", "partition_by", "clusterBy"])
def test_a_method_without_columns(name: str) -> None:
    keys = f"writer_methods: [{{name: {name}}}]"
    assert errors_of(sink_with(keys, dataframe_type="SPARK")) == [
        (f"`{name}` names no columns", (*SINK, "writer_methods", 0))
    ]


@pytest.mark.parametrize(
    ("keys", "place"),
    [
        ("write_options: {partition_by: [city, city]}", ("write_options", "partition_by")),
        (
            "writer_methods: [{name: partitionBy, args: [day]}, {name: partitionBy, args: [day]}]",
            ("writer_methods", 0),
        ),
        (
            "write_options: {partition_by: day}, writer_methods: [{name: partitionBy, args: [day]}]",
            ("write_options", "partition_by"),
        ),
    ],
)
def test_folders_by_one_column_twice(keys: str, place: tuple[Any, ...]) -> None:
    ((message, path),) = errors_of(sink_with(keys))
    assert message.startswith("rows are partitioned by `")
    assert message.endswith("` twice")
    assert path == (*SINK, *place)


def test_a_delta_table_is_partitioned_or_clustered() -> None:
    """Delta refuses `CLUSTER BY` on a partitioned table (docs.delta.io, liquid clustering)."""
    keys = "write_options: {partition_by: day}, cluster_by: [city]"
    (found,) = problems_of(sink_with(keys, dataframe_type="SPARK"))
    assert found.message == "a partitioned Delta table cannot be clustered"
    assert found.hint == "give either `cluster_by` or `partition_by`"


def test_four_columns_of_clustering_are_counted_once_each() -> None:
    columns = "a, b, c, d"
    keys = f"cluster_by: [{columns}], writer_methods: [{{name: clusterBy, args: [a, b]}}]"
    assert not plan_from(sink_with(keys, transformer=OPEN, dataframe_type="SPARK")).warnings
    more = keys.replace("args: [a, b]", "args: [a, e]")
    ((message, _),) = errors_of(sink_with(more, transformer=OPEN, dataframe_type="SPARK"))
    assert message == "a table is clustered by 4 columns at most, here are 5"
