"""Streams before anything runs: what can be one, how its targets are written, what lies between.

The rules are those of docs/language.md and of the table of write modes in the design: a stream adds
to its target, and no totals are kept from batch to batch.
"""

from __future__ import annotations

import pytest

from laktory_dagster.errors import Diagnostic, Severity
from tests.unit.plan.declaring import plan_from, problems_of

HEAD = "name: p\nnodes:\n"
STREAM = "{path: in, as_stream: true}"


def node(name: str = "n", source: str = STREAM, **parts: str) -> str:
    """Return one node in flow YAML, a stream of files unless told otherwise."""
    keys = {"name": name, "source": source, **parts}
    return "  - {" + ", ".join(f"{key}: {value}" for key, value in keys.items()) + "}\n"


def warnings_of(text: str) -> list[str]:
    return [warning.message for warning in plan_from(HEAD + text).warnings]


def errors_of(text: str) -> list[Diagnostic]:
    found = problems_of(HEAD + text)
    return [problem for problem in found if problem.severity is Severity.ERROR]


def only_error(text: str) -> Diagnostic:
    (found,) = errors_of(text)
    return found


@pytest.mark.parametrize(
    "source",
    [
        "{data: [{a: 1}], as_stream: true}",
        "{asset: raw/a, as_stream: true}",
        "{custom_reader: feeds.read, as_stream: true}",
    ],
)
def test_what_has_no_new_rows_is_no_stream(source: str) -> None:
    error = only_error(node(source=source))
    assert error.message == "only files, tables and nodes can be read as a stream"
    assert error.path == ("nodes", 0, "sources", 0, "as_stream")
    assert error.at_key
    assert error.hint == "leave `as_stream` out"


def test_rows_in_place_of_a_stream_may_stand_for_one() -> None:
    """`mock_df` replaces what would be read, so that its kind does not count."""
    source = "{custom_reader: feeds.read, as_stream: true, mock_df: [{a: 1}]}"
    assert warnings_of(node(source=source)) == []


@pytest.mark.parametrize("source", ["{path: in, format: DELTA, as_stream: true}", STREAM])
@pytest.mark.parametrize(
    "sink",
    ["{path: out}", "{path: out, mode: APPEND}", "{path: out, format: PARQUET}", "{table_name: t}"],
)
def test_a_stream_adds_to_tables_and_folders(source: str, sink: str) -> None:
    assert warnings_of(node(source=source, sink=sink)) == []


@pytest.mark.parametrize("target", ["path: out", "table_name: t", "path: o, format: PARQUET"])
@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ("OVERWRITE", "a stream adds to its target; OVERWRITE would keep the last batch only"),
        ("IGNORE", "a stream writes batch after batch; IGNORE writes once"),
        ("ERROR", "a stream writes batch after batch; ERROR writes once"),
        ("ERRORIFEXISTS", "a stream writes batch after batch; ERROR writes once"),
    ],
)
def test_a_mode_that_does_not_add(target: str, mode: str, message: str) -> None:
    error = only_error(node(sink=f"{{{target}, mode: {mode}}}"))
    assert error.message == message
    assert error.expected == "APPEND (the default of a stream) or MERGE"
    assert error.path == ("nodes", 0, "sinks", 0, "mode")


def test_who_wants_the_table_replaced_learns_how() -> None:
    error = only_error(node(sink="{path: out, mode: OVERWRITE}"))
    assert "leave `as_stream` out of the source" in (error.hint or "")


@pytest.mark.parametrize(
    "sink",
    [
        "{path: o.parquet, format: PARQUET}",
        "{path: o.csv, format: CSV}",
        "{path: a/o.json, format: JSON}",
    ],
)
def test_one_file_is_no_target_of_a_stream(sink: str) -> None:
    error = only_error(node(sink=sink))
    assert error.message == "a stream adds to its target, and one file cannot be appended to"
    assert error.path == ("nodes", 0, "sinks", 0, "path")
    assert "name a folder" in (error.hint or "")


def test_each_wrong_sink_of_a_stream_is_told() -> None:
    sinks = "[{path: good}, {path: o, mode: OVERWRITE}, {path: q.csv, format: CSV}]"
    found = errors_of(node(sinks=sinks))
    assert [error.path for error in found] == [
        ("nodes", 0, "sinks", 1, "mode"),
        ("nodes", 0, "sinks", 2, "path"),
    ]


@pytest.mark.parametrize("others", ["", "primary_key: k, "])
def test_totals_are_not_kept_from_batch_to_batch(others: str) -> None:
    text = node(sink="{path: o, mode: COMPLETE}").replace("sink:", f"{others}sink:")
    error = only_error(text)
    assert error.message == "no totals are kept from batch to batch, which mode COMPLETE needs"
    assert "write `mode: OVERWRITE`" in (error.hint or "")


AGGREGATES = [
    "{func_name: groupBy, func_args: [a]}, {func_name: count}",
    "{func_name: group_by, func_args: [a]}, {func_name: agg, func_kwargs: {n: pl.len()}}",
    "{func_name: agg, func_args: [\"F.sum('a').alias('s')\"]}",
    "{func_name: laktory.groupby_and_agg, func_args: [[a], [{name: s, expr: \"F.sum('b')\"}]]}",
    "{sql_expr: 'SELECT a, count(*) AS n FROM {df} GROUP BY a'}",
    "{sql_expr: 'SELECT max(a) AS m FROM {df}'}",
    "{nodes: [{sql_expr: 'WITH t AS (SELECT sum(a) AS s FROM {df}) SELECT * FROM t'}]}",
]


@pytest.mark.parametrize("steps", AGGREGATES)
def test_an_aggregate_of_a_stream_is_one_of_each_batch(steps: str) -> None:
    text = node(transformer=f"{{nodes: [{steps}]}}", sink="{path: o}")
    (warning,) = warnings_of(text)
    assert warning == "the steps aggregate a stream: each batch is aggregated for itself"


@pytest.mark.parametrize("steps", AGGREGATES)
def test_updates_of_totals_are_refused(steps: str) -> None:
    sink = "{path: o, mode: UPDATE}"
    found = errors_of(node(transformer=f"{{nodes: [{steps}]}}", sink=sink, primary_key="a"))
    (error,) = [error for error in found if error.path[-1] == "mode"]
    assert error.message == "no totals are kept from batch to batch, which mode UPDATE needs"


@pytest.mark.parametrize(
    "steps",
    [
        "{func_name: distinct}",
        "{with_column: {name: x, sql_expr: a}}",
        "{with_columns: [{name: x, sql_expr: a}, {name: y, sql_expr: x}]}",
        "{sql_expr: 'SELECT a, b FROM {df} WHERE a > 1'}",
        "{sql_expr: 'SELECT a, sum(b) OVER (PARTITION BY a) AS s FROM {df}'}",
        "{func_name: with_columns, func_args: [\"pl.col('a').sum().over('b').alias('s')\"]}",
    ],
)
def test_steps_that_keep_their_rows_do_not_aggregate(steps: str) -> None:
    assert warnings_of(node(transformer=f"{{nodes: [{steps}]}}", sink="{path: o}")) == []


def test_a_table_that_is_read_as_a_whole_may_be_aggregated() -> None:
    text = node(source="{path: in}", transformer=f"{{nodes: [{AGGREGATES[0]}]}}", sink="{path: o}")
    assert warnings_of(text) == []


@pytest.mark.parametrize(
    ("sink", "keys", "message"),
    [
        ("{path: o, format: PARQUET, mode: UPDATE}", "k", "UPDATE needs a DELTA target, this one is PARQUET"),
        ("{table_name: t, format: PARQUET, mode: UPDATE}", "k", "UPDATE needs a DELTA target, this one is PARQUET"),
        ("{path: o, mode: UPDATE}", "[]", "UPDATE needs the columns that identify a row"),
    ],
)  # fmt: skip
def test_what_an_update_needs(sink: str, keys: str, message: str) -> None:
    assert only_error(node(sink=sink, primary_keys=keys)).message == message


@pytest.mark.parametrize(
    ("sink", "others", "warns"),
    [
        ("UPDATE", {}, True),
        ("UPDATE", {"drop_duplicates": "[k]"}, False),
        ("MERGE", {}, True),
        ("MERGE, merge_cdc_options: {ignore_null_updates: true}", {}, True),
        ("MERGE, merge_cdc_options: {order_by: t}", {}, False),
        ("MERGE", {"drop_duplicates": "[k]"}, False),
    ],
)
def test_changes_of_one_key_need_an_order(sink: str, others: dict[str, str], warns: bool) -> None:
    text = node(sink=f"{{path: o, mode: {sink}}}", primary_key="k", **others)
    found = warnings_of(text)
    assert len(found) == int(warns)
    assert all("nothing says which is the latest" in message for message in found)


@pytest.mark.parametrize("mode", ["MERGE", "UPDATE"])
def test_the_advice_about_an_order_can_be_followed(mode: str) -> None:
    """Of an UPDATE it says to merge: `merge_cdc_options` beside another mode are an error."""
    text = node(sink=f"{{path: o, mode: {mode}}}", primary_key="k")
    (warning,) = plan_from(HEAD + text).warnings
    parts = (warning.hint or "").split("`")[1::2]
    assert parts[-1] == "merge_cdc_options: {order_by: changed_at}"
    followed = ", ".join(
        ["path: o", *parts] if mode == "UPDATE" else ["path: o, mode: MERGE", *parts]
    )
    assert warnings_of(node(sink=f"{{{followed}}}", primary_key="k")) == []


def test_streams_do_not_meet_in_a_join() -> None:
    sources = "[{path: a, as_stream: true}, {name: s, path: b, as_stream: true}]"
    text = f"  - {{name: n, sources: {sources}, sink: {{path: o}}}}\n"
    (warning,) = plan_from(HEAD + text).warnings
    assert warning.message.startswith("the node reads several streams")
    assert warning.path == ("nodes", 0, "sources")


def test_a_stream_beside_a_table_is_the_usual_join() -> None:
    text = "  - {name: n, sources: [{path: a, as_stream: true}, {name: s, path: b}], sink: {path: o}}\n"
    assert warnings_of(text) == []


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ("func_args: [{path: y, as_stream: true}]", ("func_args", 0)),
        ("func_kwargs: {other: {path: y, as_stream: true}}", ("func_kwargs", "other")),
        ("func_args: [[{path: z}, {path: y, as_stream: true}]]", ("func_args", 0, 1)),
    ],
)
def test_an_argument_is_no_stream(arguments: str, path: tuple[str | int, ...]) -> None:
    step = f"{{nodes: [{{nodes: [{{func_name: union, {arguments}}}]}}]}}"
    error = only_error(node(source="{path: in}", transformer=step))
    assert error.message == "a source among the arguments of a step is read as a whole"
    chain = ("nodes", 0, "transformer", "nodes", 0, "nodes", 0)
    assert error.path == (*chain, *path, "as_stream")


class TestViews:
    """A node without a sink is computed in its readers, which then read the stream themselves."""

    def test_a_view_of_a_stream_is_read_as_one(self) -> None:
        text = node("v") + node("n", "{node_name: v, as_stream: true}", sink="{path: o}")
        assert warnings_of(text) == []

    def test_a_view_of_a_stream_is_not_read_as_a_whole(self) -> None:
        error = only_error(node("v") + node("n", "{node_name: v}"))
        assert error.message == (
            "node `n` reads the view `v` as a whole, and the view reads a stream"
        )
        assert error.path == ("nodes", 1, "sources", 0)
        assert error.hint == "set `as_stream: true` here as well, or give `v` a sink"

    def test_a_view_of_a_table_is_no_stream(self) -> None:
        reader = node("n", "{node_name: v, as_stream: true}", sink="{path: o}")
        error = only_error(node("v", "{path: in}") + reader)
        assert "the view stores nothing and reads no stream" in error.message
        assert error.path == ("nodes", 1, "sources", 0, "as_stream")

    @pytest.mark.parametrize(
        "step",
        [
            "{func_name: union, func_args: [{node_name: v}]}",
            "{func_name: union, func_args: ['{nodes.v}']}",
            "{sql_expr: 'SELECT * FROM {df} UNION ALL SELECT * FROM {nodes.v}'}",
        ],
    )
    def test_a_step_reads_no_view_of_a_stream(self, step: str) -> None:
        reader = node("n", "{path: in}", transformer=f"{{nodes: [{step}]}}")
        error = only_error(node("v") + reader)
        assert error.message == "the view `v` reads a stream, and a step reads it as a whole"
        assert "{node_name: v, as_stream: true}" in (error.hint or "")

    @pytest.mark.parametrize("step", ["'{nodes.v}'", "{node_name: v}"])
    def test_a_step_reads_what_a_stream_stored(self, step: str) -> None:
        reader = node(
            "n", "{path: in}", transformer=f"{{nodes: [{{func_name: union, func_args: [{step}]}}]}}"
        )
        assert warnings_of(node("v", sink="{path: o}") + reader) == []


@pytest.mark.parametrize(
    ("upstream", "warns"),
    [
        (node("up", "{path: in}", sink="{path: o}"), True),
        (node("up", "{path: in}", sink="{path: o, mode: OVERWRITE}"), True),
        (node("up", "{path: in}", sink="{path: o, mode: APPEND}"), False),
        (node("up", "{path: in}", sink="{path: o, mode: MERGE}", primary_key="k"), False),
        (node("up", sink="{path: o}"), False),
        (node("up", "{path: in}", sink="{path: o, custom_writer: feeds.write}"), False),
    ],
)
def test_a_table_that_is_replaced_is_a_poor_stream(upstream: str, warns: bool) -> None:
    """Delta refuses to stream on over a commit that removed files."""
    reader = node("n", "{node_name: up, as_stream: true}", sink="{path: o2}")
    found = [message for message in warnings_of(upstream + reader) if "reads node `up`" in message]
    assert len(found) == int(warns)
    assert all("whose table is replaced at each run" in message for message in found)
