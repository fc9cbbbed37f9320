"""Keys of every model, by hand: key, a good value, what JSON then holds, a wrong value.

`=` says that JSON holds the good value as it is written, `-` that the field takes anything. A key
`a>b` is another name of `b`.
"""

from __future__ import annotations

from typing import NamedTuple

from laktory_dagster import models
from laktory_dagster.models import node, sinks, sources
from laktory_dagster.models.base import Model


class Place(NamedTuple):
    """Where a model stands in a pipeline: `%s` is the mapping, `path` leads to it in JSON."""

    text: str
    path: tuple[str | int, ...]
    required: dict[str, str]


NODE = "name: p\nnodes: [{name: n, source: {path: in}, %s}]"
SOURCE = "name: p\nnodes: [{name: n, source: %s}]"
SINK = NODE % "sink: %s"
STEP = NODE % "transformer: {nodes: [%s]}"
AT_NODE: tuple[str | int, ...] = ("nodes", 0)
AT_SOURCE = (*AT_NODE, "source")
AT_SINK = (*AT_NODE, "sink")
AT_STEP = (*AT_NODE, "transformer", "nodes", 0)

EVERY_SOURCE = """
name | s1 | "s1" | 3
type | FILE | "FILE" | [a]
as_stream | true | = | yes
filter | a > 1 | "a > 1" | 3
selects | {a: b} | {"a": "b"} | 3
renames | {a: b} | {"a": "b"} | [a]
drops | [a, b] | ["a", "b"] | {a: b}
drop_duplicates | false | = | 3
sample | {fraction: 1} | {"fraction": 1.0} | half
limit | 0 | = | -1
watermark | {column: t, threshold: 1 h} | {"column": "t", "threshold": "1 h"} | 3
broadcast | true | = | 1
cdc | {primary_keys: id, sequence_by: t} | {"primary_keys": ["id"], "sequence_by": "t"} | x
mock_df | [{a: 1}] | [{"a": 1}] | -
dataframe_type | POLARS | "POLARS" | polars
dataframe_backend>dataframe_type | PYSPARK | "SPARK" | DASK
dataframe_api | NATIVE | "NATIVE" | native
"""
EVERY_READER = """
read_options | {a: 1} | {"a": 1} | [a]
reader_options>read_options | {a: [1]} | {"a": [1]} | 3
reader_kwargs>read_options | {a: x} | {"a": "x"} | x
reader_methods | [{name: f}] | [{"name": "f"}] | {name: f}
"""
EVERY_SINK = """
type | FILE | "FILE" | 3
mode | ERRORIFEXISTS | "ERROR" | UPSERT
is_quarantine | true | = | off
write_options | {a: 1} | {"a": 1} | [a]
writer_options>write_options | {a: 1} | {"a": 1} | 3
writer_kwargs>write_options | {a: 1} | {"a": 1} | x
cluster_by | a | ["a"] | {a: b}
writer_methods | [{name: partitionBy, args: [d]}] | [{"name": "partitionBy", "args": ["d"]}] | x
checkpoint_location | c | "c" | 3
checkpoint_path>checkpoint_location | c | "c" | [c]
merge_cdc_options | {order_by: t} | {"order_by": "t"} | x
custom_writer | a.b | {"func_name": "a.b"} | 3
schema_definition | {a: int} | {"a": "int"} | 3
schema>schema_definition | a INT | "a INT" | true
as_stream | false | = | no
reset_mode | TRUNCATE | "TRUNCATE" | truncate
is_primary | true | = | 1
shared | {writer_id: w} | {"writer_id": "w"} | 3
dataframe_type | POLARS | "POLARS" | X
dataframe_backend>dataframe_type | PYSPARK | "SPARK" | X
dataframe_api | NARWHALS | "NARWHALS" | X
metadata | {comment: c} | {"comment": "c"} | c
databricks_quality_monitor | {a: 1} | {"a": 1} | x
databricks_data_profiling_config | {a: 1} | {"a": 1} | x
schema_evolution | widen | "widen" | WIDEN
null_keys | quarantine | "quarantine" | drop
on_empty | skip | "skip" | ignore
"""
EVERY_STEP = """
name | s1 | "s1" | 3
dataframe_type | POLARS | "POLARS" | X
dataframe_backend>dataframe_type | PYSPARK | "SPARK" | X
dataframe_api | NATIVE | "NATIVE" | X
"""
TABLES: list[tuple[type[Model], Place, str]] = [
    (
        sources.FileSource,
        Place(SOURCE, AT_SOURCE, {"path": "x"}),
        EVERY_SOURCE
        + EVERY_READER
        + """
        path | ./in/*.csv | "./in/*.csv" | 3
        format | CSV | "CSV" | csv
        header | false | = | no
        has_header>header | false | = | off
        multiline | true | = | yes
        infer_schema | false | = | no
        schema_definition | {a: int} | {"a": "int"} | 3
        schema>schema_definition | {columns: {a: {dtype: Int64}}} | {"a": "Int64"} | true
        schema_location | s | "s" | 3
        storage_options | {k: v} | {"k": "v"} | [k]
        bad_files | quarantine | "quarantine" | skip
        schema_evolution | add | "add" | append
        """,
    ),
    (
        sources.TableSource,
        Place(SOURCE, AT_SOURCE, {"table_name": "t"}),
        EVERY_SOURCE
        + EVERY_READER
        + """
        table_name | c.s.t | "c.s.t" | c.s.t.u
        schema_name | s | "s" | 3
        catalog_name | c | "c" | a/b
        warehouse | DATABRICKS | "DATABRICKS" | 3
        """,
    ),
    (
        sources.NodeSource,
        Place(SOURCE, AT_SOURCE, {"node_name": "m"}),
        EVERY_SOURCE + EVERY_READER + 'node_name | a.b-c | "a.b-c" | 3',
    ),
    (
        sources.MemorySource,
        Place(SOURCE, AT_SOURCE, {"data": "[]"}),
        EVERY_SOURCE + 'data | {a: [1, null]} | {"a": [1, null]} | 3\ndf | {a: [1]} | {} | -',
    ),
    (
        sources.CustomSource,
        Place(SOURCE, AT_SOURCE, {"custom_reader": "a.b"}),
        EVERY_SOURCE + 'custom_reader | c.d | {"func_name": "c.d"} | 3',
    ),
    (
        sources.AssetSource,
        Place(SOURCE, AT_SOURCE, {"asset": "a"}),
        EVERY_SOURCE + 'asset | raw/prices | "raw/prices" | 3',
    ),
    (
        sources.CustomFunction,
        Place(SOURCE % "{custom_reader: %s}", (*AT_SOURCE, "custom_reader"), {"func_name": "a.b"}),
        'func_name | c | "c" | 3\nfunc_args | [1, a] | [1, "a"] | 3\nfunc_kwargs | {a: 1} | {"a": 1} | [a]',
    ),
    (
        sources.Sample,
        Place(SOURCE % "{path: x, sample: %s}", (*AT_SOURCE, "sample"), {"fraction": "0.5"}),
        "fraction | 0.25 | = | '0.25'\nseed | 7 | = | 7.5",
    ),
    (
        sources.Watermark,
        Place(
            SOURCE % "{path: x, watermark: %s}",
            (*AT_SOURCE, "watermark"),
            {"column": "t", "threshold": "h"},
        ),
        'column | u | "u" | 3\nthreshold | 2 days | "2 days" | 3',
    ),
    (
        sources.DedupeOptions,
        Place(SOURCE % "{path: x, drop_duplicates: %s}", (*AT_SOURCE, "drop_duplicates"), {}),
        'subset | a | ["a"] | 3\nkeep | any | "any" | last',
    ),
    (
        sources.SourceCdc,
        Place(
            SOURCE % "{path: x, cdc: %s}",
            (*AT_SOURCE, "cdc"),
            {"primary_keys": "a", "sequence_by": "b"},
        ),
        """
        primary_keys | [a, b] | ["a", "b"] | 3
        sequence_by | t | "t" | 3
        scd_type | 2 | = | 3
        apply_as_deletes | op = 'd' | "op = 'd'" | 3
        apply_as_truncates | op = 't' | "op = 't'" | 3
        columns | [a] | ["a"] | 3
        except_columns | a | ["a"] | 3
        ignore_null_updates | true | = | yes
        track_history_columns | [a] | ["a"] | 3
        track_history_except_columns | [a] | ["a"] | 3
        """,
    ),
    (
        sources.MethodCall,
        Place(
            SOURCE % "{path: x, reader_methods: [%s]}",
            (*AT_SOURCE, "reader_methods", 0),
            {"name": "f"},
        ),
        'name | g | "g" | 3\nargs | [1, a] | [1, "a"] | 3\nkwargs | {a: 1} | {"a": 1} | [a]',
    ),
    (
        sinks.FileSink,
        Place(SINK, AT_SINK, {"path": "x"}),
        EVERY_SINK
        + 'path | out | "out" | 3\nformat | PARQUET | "PARQUET" | x\nstorage_options | {k: v} | {"k": "v"} | [k]',
    ),
    (
        sinks.TableSink,
        Place(SINK, AT_SINK, {"table_name": "t"}),
        EVERY_SINK
        + """
        table_name | s.t | "s.t" | ../t
        schema_name | s | "s" | 3
        catalog_name | c | "c" | 3
        format | ORC | "ORC" | CSV
        table_type | VIEW | "VIEW" | view
        view_definition | SELECT 1 AS a | "SELECT 1 AS a" | 3
        table_properties | {a: 1} | {"a": 1} | [a]
        warehouse | DATABRICKS | "DATABRICKS" | 3
        """,
    ),
    (
        sinks.ViewSink,
        Place(SINK, AT_SINK, {"pipeline_view_name": "v"}),
        EVERY_SINK + 'pipeline_view_name | w | "w" | 3',
    ),
    (
        sinks.MergeOptions,
        Place(SINK % "{path: x, merge_cdc_options: %s}", (*AT_SINK, "merge_cdc_options"), {}),
        """
        primary_keys | [a, b] | ["a", "b"] | 3
        order_by | t | "t" | [t]
        delete_where | op = 'd' | "op = 'd'" | 3
        include_columns | a | ["a"] | 3
        exclude_columns | [a] | ["a"] | 3
        ignore_null_updates | true | = | yes
        null_equals_null | true | = | yes
        scd_type | 2 | = | 3
        start_at_column_name | s | "s" | 3
        end_at_column_name | e | "e" | 3
        """,
    ),
    (
        sinks.TableMetadata,
        Place(SINK % "{path: x, metadata: %s}", (*AT_SINK, "metadata"), {}),
        """
        comment | c | "c" | 3
        owner | team:x | "team:x" | 3
        properties | {a: b} | {"a": "b"} | x
        tags | [a] | ["a"] | 3
        columns | [{name: a}] | [{"name": "a"}] | x
        """,
    ),
    (
        sinks.ColumnMetadata,
        Place(
            SINK % "{path: x, metadata: {columns: [%s]}}",
            (*AT_SINK, "metadata", "columns", 0),
            {"name": "a"},
        ),
        'name | b | "b" | 3\ncomment | c | "c" | 3\ntags | {a: b} | {"a": "b"} | 3',
    ),
    (
        models.MethodStep,
        Place(STEP, AT_STEP, {"func_name": "f"}),
        EVERY_STEP
        + 'func_name | g | "g" | 3\nfunc_args | [1, [a]] | [1, ["a"]] | 3\nfunc_kwargs | {a: 1} | {"a": 1} | [a]',
    ),
    (
        models.SqlStep,
        Place(STEP, AT_STEP, {"sql_expr": "q"}),
        EVERY_STEP
        + 'sql_expr | SELECT 1 | "SELECT 1" | 3\nexpr>sql_expr | SELECT 2 | "SELECT 2" | 3\ntype | SQL | "SQL" | sql',
    ),
    (
        models.ColumnStep,
        Place(STEP, AT_STEP, {"with_column": "{name: a, expr: b}"}),
        EVERY_STEP
        + 'with_column | {name: a, expr: c} | {"name": "a", "expr": "c"} | {name: a, expr: 3}',
    ),
    (
        models.ColumnsStep,
        Place(STEP, AT_STEP, {"with_columns": "[]"}),
        EVERY_STEP + 'with_columns | [{name: a, expr: c}] | [{"name": "a", "expr": "c"}] | 3',
    ),
    (
        models.Column,
        Place(
            STEP % "{with_column: %s}", (*AT_STEP, "with_column"), {"name": "a", "sql_expr": "s"}
        ),
        'name | b | "b" | 3\ntype | null | null | 3\nunit | m | "m" | 3\nexpr | e | "e" | 3\nsql_expr | x | "x" | 3',
    ),
    (
        models.Transformer,
        Place(NODE % "transformer: %s", (*AT_NODE, "transformer"), {}),
        EVERY_STEP
        + 'nodes | [{func_name: f}] | [{"func_name": "f"}] | 3\npolars | true | = | x\nspark | false | = | x',
    ),
    (
        models.Expectation,
        Place(
            NODE % "expectations: [%s]",
            (*AT_NODE, "expectations", 0),
            {"name": "r", "expression": "a"},
        ),
        """
        name | positive price | "positive price" | 3
        expression | a > 1 | "a > 1" | 3
        expr>expression | a > 2 | "a > 2" | [a]
        type | AGGREGATE | "AGGREGATE" | row
        action | FAIL | "FAIL" | fail
        tolerance | {abs: 3} | {"abs": 3} | 3
        """,
    ),
    (
        models.Tolerance,
        Place(
            NODE % "expectations: [{name: r, expr: a, tolerance: %s}]",
            (*AT_NODE, "expectations", 0, "tolerance"),
            {},
        ),
        "abs | 0 | = | -1\nrel | 1 | 1.0 | true",
    ),
    (
        models.PipelineNode,
        Place("name: p\nnodes: [%s]", AT_NODE, {"name": "n", "source": "{path: in}"}),
        """
        name | m | "m" | 3
        source | {path: y} | {"path": "y"} | {path: 3}
        sources | [{path: y}, {asset: z}] | [{"path": "y"}, {"asset": "z"}] | {path: y}
        sink | {path: y} | {"path": "y"} | {path: 3}
        sinks | [{path: y}, {path: z}] | [{"path": "y"}, {"path": "z"}] | {path: y}
        transformer | {nodes: [{func_name: f}]} | {"nodes": [{"func_name": "f"}]} | x
        layer | GOLD | "GOLD" | gold
        add_layer_columns | false | = | no
        drop_source_columns | true | = | yes
        drop_duplicates | [a, b] | ["a", "b"] | 3
        primary_key | a | "a" | 3
        primary_keys | [a, b] | ["a", "b"] | {a: b}
        timestamp_key | t | "t" | 3
        time_column>timestamp_key | t | "t" | [t]
        expectations | [{name: r, expr: a}] | [{"name": "r", "expression": "a"}] | x
        expectations_checkpoint_path | c | "c" | 3
        expectations_checkpoint_location>expectations_checkpoint_path | c | "c" | 3
        description | d | "d" | 3
        comment>description | d | "d" | 3
        dlt_template | null | null | 3
        ldp_template>dlt_template | x | "x" | 3
        dataframe_type | SPARK | "SPARK" | X
        dataframe_backend>dataframe_type | PYSPARK | "SPARK" | X
        dataframe_api | NATIVE | "NATIVE" | X
        depends_on | m | ["m"] | 3
        tags | [a, b] | ["a", "b"] | 3
        execution_task_name | t | "t" | 3
        root_path | r | "r" | 3
        samples | off | "off" | never
        step | own | {} | mine
        """,
    ),
    (
        node.OwnStep,
        Place(NODE % "step: %s", (*AT_NODE, "step"), {}),
        """
        retries | 2 | = | true
        retry_delay_seconds | 0.5 | = | .inf
        timeout_seconds | 9 | = | 0
        pool | p | "p" | 3
        tags | {a: b} | {"a": "b"} | [a]
        """,
    ),
]  # fmt: skip
