"""What is wrong with a node, found without data: one table row for each mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from laktory_dagster.errors import Severity
from laktory_dagster.settings import Settings
from tests.unit.plan.declaring import node_with, plan_from, problems_of, with_step

MERGE = "{path: out, mode: MERGE"
# step, part of the message, part of the hint
WRONG_STEPS = [
    ("{func_name: slect}", "there is no function `slect` on polars", "`select`"),
    ("{func_name: with_colum}", "there is no function", "`with_column"),
    ("{func_name: laktory.smart_joinn}", "there is no function", "`laktory.smart_join`"),
    ("{func_name: dropDuplicate}", "there is no function", "did you mean"),
    ("{func_name: write_parquet, func_args: [x]}", "is not allowed in a pipeline file", "udfs"),
    ("{func_name: sink_csv, func_args: [x]}", "is not allowed", "udfs"),
    ("{func_name: pipe, func_args: [x]}", "is not allowed", "udfs"),
    ("{func_name: map_batches, func_args: [x]}", "is not allowed", "udfs"),
    ("{func_name: foreachPartition, func_args: [x]}", "is not allowed", "udfs"),
    ("{func_name: __class__}", "is not allowed", "udfs"),
    ("{func_name: toPandas}", "is not allowed", "udfs"),
    ("{func_name: sortWithinPartitions, func_args: [a]}", "is a method of spark frames", ""),
    ("{func_name: groupBy, func_args: [a]}", "`groupBy` leaves rows in groups", "`agg` after it"),
    (
        "{func_name: groupBy, func_args: [a]}, {func_name: pivot, func_args: [b]}",
        "`groupBy` leaves rows in groups",
        "`agg` after",
    ),
    (
        "{func_name: group_by, func_args: [a]}, {sql_expr: 'SELECT * FROM {df}'}",
        "a query or a column cannot follow `group_by`",
        "`agg` between",
    ),
    (
        "{func_name: laktory.groupby_and_agg, func_kwargs: {groupby_window: {time_column: t}}}",
        "`groupby_window` works on Spark only",
        "truncate",
    ),
    (
        "{func_name: laktory.smart_join, func_kwargs: {other: {path: b.json}, on_expression: x}}",
        "`on_expression` joins two streams",
        "as SQL",
    ),
    ("{func_name: withColumnRenamed}", "needs the argument `existing`, `new`", ""),
    ("{func_name: limit, func_args: [1, 2]}", "takes at most 1 positional", ""),
    ("{func_name: withColumn, func_args: [a]}", "`withColumn` needs the argument `col`", ""),
    ("{func_name: unique, func_kwargs: {subst: [a]}}", "has no argument `subst`", ""),
    ("{func_name: laktory.window_filter}", "needs the argument `partition_by`", ""),
    ("{func_name: select, func_args: [pl.colum('a')]}", "colum", ""),
    ("{func_name: select, func_args: [\"pl.col('a').stg.len()\"]}", "stg", ""),
    ("{func_name: select, func_args: [\"pl.col('a').map_elements(f)\"]}", "map_elements", ""),
    ("{func_name: select, func_args: ['pl.col(__import__(\"os\"))']}", "__import__", ""),
    ('{func_name: select, func_args: [[{a: "lit(9**9**9)"}]]}', "", ""),
    ("{func_name: select, func_args: ['${{ 1 + 1 }}']}", "", "vars"),
    ("{func_name: union, func_args: ['{sources.zz}']}", "no source named `zz`", "name: zz"),
    ("{sql_expr: 'SELECT * FROM {sources.zz}'}", "no source named `zz`", "name: zz"),
    ("{sql_expr: 'SELECT * FROM prices'}", "none of the node's frames", "{sources.name}"),
    ("{sql_expr: 'SELECT * FROM n'}", "none of the node's frames", "{nodes.n}"),
    ("{sql_expr: 'SELEC a FROM {df}'}", "", ""),
    ("{sql_expr: 'DROP TABLE {df}'}", "", ""),
    ("{sql_expr: 'SELECT 1; SELECT 2'}", "", ""),
    ("{sql_expr: 'SELECT * FROM {what}'}", "", ""),
    ("{expr: \"SELECT * FROM read_csv('/etc/passwd')\"}", "", ""),
    ("{with_column: {name: a, type: strng, sql_expr: b}}", "no type `strng`", "`string`"),
    ("{with_column: {name: a, type: pl.Flot64, sql_expr: b}}", "Flot64", "Float64"),
    ("{with_column: {name: a, sql_expr: 'b +'}}", "", ""),
    ("{with_column: {name: a, sql_expr: '(SELECT 1)'}}", "query inside", ""),
    ("{with_column: {name: a, expr: \"pl.col('a').foo()\"}}", "foo", ""),
    ("{with_columns: [{name: a, sql_expr: b}, {name: c, sql_expr: 'b b b'}]}", "", ""),
    ("{func_name: select, func_args: [a], dataframe_type: SPARK}", "asks for SPARK", "node of"),
    ("{sql_expr: \"SELECT '${secrets.s.k}' FROM {df}\"}", "a secret cannot stand in", "argument"),
    (
        "{with_column: {name: a, sql_expr: \"'${secrets.s.k}'\"}}",
        "a secret cannot stand",
        "argument",
    ),
    ("{with_column: {name: a, expr: \"lit('${secrets.s.k}')\"}}", "a secret cannot stand", "argu"),
    ("{func_name: select, func_args: [\"pl.lit('${secrets.s.k}')\"]}", "a secret cannot", "argu"),
    ("{func_name: filter, func_args: [\"a = '${secrets.s.k}'\"]}", "a secret cannot", "argument"),
    ('{func_name: where, func_kwargs: {condition: "${secrets.s.k}"}}', "a secret cannot", "arg"),
    ("{func_name: join, func_args: [{path: a.xml, format: XML}]}", "does not read XML", "PARQUET"),
]


@pytest.mark.parametrize(("step", "message", "hint"), WRONG_STEPS)
def test_a_wrong_step_is_one_error_in_its_own_line(step: str, message: str, hint: str) -> None:
    found = problems_of(with_step(step))
    assert len(found) == 1
    assert message in found[0].message
    assert hint in (found[0].hint or "")
    assert found[0].path[:4] == ("nodes", 0, "transformer", "nodes")
    assert found[0].location.line == 5


RIGHT_STEPS = [
    "{func_name: select, func_args: [a, \"pl.col('b')\"]}",
    "{func_name: select, func_kwargs: {x: \"nw.col('b')\"}}",
    "{func_name: drop_duplicates}",
    "{func_name: dropDuplicates, func_args: [[a]]}",
    "{func_name: withColumn, func_args: [a, \"F.upper('b')\"]}",
    "{func_name: withColumnRenamed, func_kwargs: {existing: a, new: b}}",
    "{func_name: groupBy, func_args: [a]}, {func_name: count}",
    "{func_name: group_by, func_args: [a], func_kwargs: {maintain_order: true}}, {func_name: len}",
    "{func_name: orderBy, func_args: [a], func_kwargs: {ascending: false}}",
    "{func_name: sort, func_args: [a], func_kwargs: {descending: true}}",
    "{func_name: where, func_args: ['a > 1']}",
    "{func_name: unionByName, func_args: [{path: b.json}], func_kwargs: {allowMissingColumns: true}}",
    "{func_name: laktory.smart_join, func_kwargs: {other: {path: b.json}, on: [a]}}",
    "{func_name: laktory.window_filter, func_kwargs: {partition_by: [a], order_by: [{sql_expression: b, desc: true}]}}",
    "{func_name: unique, func_kwargs: {subset: [a]}}",
    "{func_name: cast, func_args: [{a: pl.Float64}]}",
    "{func_name: fill_null, func_args: [{value: pl.col('a')}]}",
    "{with_column: {name: a, type: 'decimal(10, 2)', sql_expr: b}}",
    "{with_column: {name: a, type: 'array<struct<x: int>>', sql_expr: b}}",
    "{with_column: {name: a, type: null, expr: \"pl.col('b')\"}}",
    "{with_column: {name: a, type: 'timestamp[us, UTC]', expr: b}}",
    "{with_column: {name: a, type: pl.Int64, expr: b}}",
    "{sql_expr: 'SELECT 1 AS one'}",
    "{sql_expr: 'WITH x AS (SELECT * FROM {df}) SELECT * FROM x UNION ALL SELECT * FROM x'}",
]


def test_options_of_the_auto_loader_are_a_warning() -> None:
    source = "{path: a.json, reader_kwargs: {cloudFiles.inferColumnTypes: true}}"
    text = f"name: p\nnodes:\n  - name: n\n    source: {source}\n"
    (warning,) = plan_from(text).warnings
    assert "`cloudFiles.inferColumnTypes` is an option of Databricks' Auto Loader" in str(warning)
    assert warning.location is not None
    assert warning.location.line == 4


@pytest.mark.parametrize("step", RIGHT_STEPS)
def test_a_right_step_passes(step: str) -> None:
    assert plan_from(with_step(step)).warnings == ()


@pytest.mark.parametrize(
    ("parts", "path", "message"),
    [
        ({"source": "{path: a.orc, format: ORC}"}, "sources[0].format", "does not read ORC"),
        ({"source": "{path: a.json, filter: 'a >'}"}, "sources[0].filter", ""),
        ({"source": "{path: a.json, filter: \"pl.col('a').x()\"}"}, "sources[0].filter", "x"),
        ({"source": '{path: "a\\0b"}'}, "sources[0].path", "NUL"),
        ({"source": "{path: ' '}"}, "sources[0].path", "empty"),
        (
            {"source": "{path: a, reader_methods: [{name: x}]}"},
            "sources[0].reader_methods",
            "Spark",
        ),
        ({"source": "{path: a, dataframe_type: SPARK}"}, "sources[0].dataframe_type", "SPARK"),
        (
            {"source": "{table_name: a.b, schema_name: c}"},
            "sources[0].schema_name",
            "`table_name` says `a`, `schema_name` says `c`",
        ),
        ({"source": "{custom_reader: feed}"}, "sources[0].custom_reader", "`feed` names no"),
        ({"source": "{custom_reader: os._exit}"}, "sources[0].custom_reader", "names no"),
        ({"source": "{data: {a: [1], b: [1, 2]}}"}, "sources[0].data", "a: 1, b: 2"),
        (
            {"sources": "[{path: a, name: x}, {path: b, name: x}]"},
            "sources[1].name",
            "two sources of the node are named `x`",
        ),
        ({"sink": f"{MERGE}}}"}, "sinks[0].mode", "MERGE needs the columns"),
        (
            {"sink": f"{MERGE}, format: PARQUET}}", "primary_key": "a"},
            "sinks[0].mode",
            "MERGE needs a DELTA target",
        ),
        (
            {"sink": f"{MERGE}, merge_cdc_options: {{scd_type: 2}}}}", "primary_key": "a"},
            "sinks[0].merge_cdc_options.scd_type",
            "when a change was made",
        ),
        (
            {"sink": f"{MERGE}, merge_cdc_options: {{delete_where: 'a =='}}}}", "primary_key": "a"},
            "sinks[0].merge_cdc_options.delete_where",
            "",
        ),
        (
            {
                "sink": f"{MERGE}, merge_cdc_options: {{include_columns: a, exclude_columns: b}}}}",
                "primary_key": "a",
            },
            "sinks[0].merge_cdc_options",
            "either `include_columns` or `exclude_columns`",
        ),
        (
            {"sink": "{path: out, merge_cdc_options: {order_by: a}}"},
            "sinks[0].merge_cdc_options",
            "without `mode: MERGE`",
        ),
        ({"sink": "{path: out, mode: UPDATE}"}, "sinks[0].mode", "is for streams"),
        ({"sink": "{path: out, mode: COMPLETE}"}, "sinks[0].mode", "is for streams"),
        (
            {"sink": "{path: out.csv, format: CSV, mode: APPEND}"},
            "sinks[0].mode",
            "a CSV file cannot be appended to",
        ),
        ({"sink": "{path: out, format: XML}"}, "sinks[0].format", "does not write XML"),
        ({"sink": "{table_name: t, format: ORC}"}, "sinks[0].format", "does not write ORC"),
        ({"sink": "{path: 'out/*.csv', format: CSV}"}, "sinks[0].path", "not a pattern"),
        (
            {"sink": "{path: out, writer_methods: [{name: option}]}"},
            "sinks[0].writer_methods[0].name",
            "cannot be called here",
        ),
        ({"sink": "{pipeline_view_name: v, mode: APPEND}"}, "sinks[0].mode", "view has no mode"),
        ({"sink": "{path: o, custom_writer: w.f, mode: APPEND}"}, "sinks[0].mode", "custom writer"),
        ({"expectations": "[{name: r, expression: 'a >'}]"}, "expectations[0].expression", ""),
        (
            {"expectations": "[{name: r, expression: 'count(*) > 1'}]"},
            "expectations[0].expression",
            "speaks of all rows",
        ),
        (
            {"expectations": "[{name: r, expression: 'a > 1', type: AGGREGATE}]"},
            "expectations[0].expression",
            "gives a value for every row",
        ),
        ({"layer": "SILVER", "timestamp_key": "'a b c'"}, "timestamp_key", ""),
    ],
)
def test_a_wrong_part_of_a_node_is_one_error(parts: dict, path: str | None, message: str) -> None:
    found = problems_of(node_with(**parts))
    assert len(found) == 1
    assert message in found[0].message
    if path is not None:
        assert found[0].dotted_path() == f"nodes[0].{path}"


@pytest.mark.parametrize(
    "parts",
    [
        {"sink": "{path: out, mode: APPEND, format: CSV}"},
        {"sink": "{path: out.csv, mode: OVERWRITE, format: CSV}"},
        {"sink": f"{MERGE}}}", "primary_key": "a"},
        {"sink": f"{MERGE}, merge_cdc_options: {{primary_keys: a, delete_where: b = 1}}}}"},
        {
            "sink": f"{MERGE}, merge_cdc_options: {{primary_keys: a, scd_type: 2, order_by: t}}}}",
            "dataframe_type": "SPARK",
        },
        {
            "source": "{path: a, as_stream: true}",
            "sink": f"{MERGE}, merge_cdc_options: {{primary_keys: a, order_by: t}}}}",
        },
        {"sink": "{path: out, writer_methods: [{name: partitionBy, args: [a]}]}"},
        {"source": "{custom_reader: feeds.read}"},
        {"source": "{table_name: c.s.t, schema_name: s, catalog_name: c}"},
        {"expectations": "[{name: r, expr: 'count(*) > 1', type: AGGREGATE, action: FAIL}]"},
        {"expectations": "[{name: r, expr: \"nw.col('a') > 1\"}]"},
    ],
)
def test_a_right_part_of_a_node_passes(parts: dict) -> None:
    assert plan_from(node_with(**parts)).warnings == ()


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"source": "{path: a.csv}"}, "the path ends in `.csv`, and its format is JSON"),
        (
            {"source": "{path: a, format: DELTA, read_options: {maxFilesPerTrigger: 10}}"},
            "`maxFilesPerTrigger` does nothing here: of a Delta table only `versionAsOf` is an option",
        ),
        (
            {"source": "{path: a, format: DELTA, read_options: {readChangeFeed: false}}"},
            "`readChangeFeed` does nothing here: of a Delta table only `versionAsOf` is an option",
        ),
        ({"sink": "{path: out.parquet}"}, "the path ends in `.parquet`, and its format is DELTA"),
        (
            {"sinks": "[{path: out}, {path: bad, is_quarantine: true}]"},
            "this sink takes rejected rows, and no expectation has `action: QUARANTINE`",
        ),
        (
            {"sink": "{table_name: t, table_type: VIEW}"},
            "polars has no catalog that keeps a view: its readers compute it",
        ),
        (
            {
                "source": "{path: a, as_stream: true}",
                "sink": "{table_name: t, mode: MERGE}",
                "primary_keys": "[a]",
            },
            "rows of one key that come in one batch and differ will be refused: nothing says which is the latest",
        ),
        (
            {"sink": "{table_name: t, cluster_by: [a]}"},
            "rows are not clustered: polars does not cluster",
        ),
        (
            {"sink": "{table_name: t, writer_methods: [{name: clusterBy, args: [a]}]}"},
            "rows are not clustered: polars does not cluster",
        ),
        (
            {"sink": "{path: out, format: PARQUET, cluster_by: [a]}"},
            "rows are not clustered: only Delta clusters",
        ),
    ],
)
def test_what_is_doubtful_warns(parts: dict, message: str) -> None:
    (warning,) = [w for w in plan_from(node_with(**parts)).warnings if message == w.message]
    assert warning.severity is Severity.WARNING
    assert warning.location is not None


def test_airflow_is_not_told_anything() -> None:
    for text in ("orchestrator: AIRFLOW\n", "orchestrator: {type: AIRFLOW, dag_id: d}\n"):
        (warning,) = plan_from(text + node_with()).warnings
        assert warning.message == "Dagster runs this pipeline; what is said to Airflow is not used"
        assert warning.path == ("orchestrator",)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (
            "[{sql_expr: 'SELECT * FROM {df}'}]",
            "the query reads `{df}`, and the node has no source",
        ),
        ("[{func_name: distinct}]", "the node has no source, so its first step has no rows"),
    ],
)
def test_a_node_without_a_source_starts_with_a_query(steps: str, message: str) -> None:
    text = (
        "name: p\nnodes:\n  - {name: a, source: {data: [{x: 1}]}}\n"
        f"  - name: b\n    transformer: {{nodes: {steps}}}\n"
    )
    (problem,) = problems_of(text)
    assert message in problem.message
    assert problem.path[:5] == ("nodes", 1, "transformer", "nodes", 0)


def test_what_polars_cannot_do_spark_may() -> None:
    text = "dataframe_type: SPARK\n" + node_with(
        source="{path: a.orc, format: ORC, reader_methods: [{name: option, args: [a, b]}]}",
        sinks="[{table_name: t, table_type: VIEW}, {path: o, mode: MERGE, "
        "merge_cdc_options: {scd_type: 2, primary_keys: a, order_by: t}}]",
        transformer="{nodes: [{func_name: sortWithinPartitions, func_args: [a]}]}",
    )
    assert plan_from(text).nodes["n"].engine == "spark"
    assert "does not read EXCEL" in problems_of(
        "dataframe_type: SPARK\n" + node_with(source="{path: a.xlsx, format: EXCEL}")
    )[0].message  # fmt: skip


@pytest.mark.parametrize(
    ("parts", "path", "message"),
    [
        (
            {"source": "{path: a, reader_methods: [{name: option, args: [a, 1]}, {name: x}]}"},
            "sources[0].reader_methods[1].name",
            "`x` cannot be called here",
        ),
        (
            {"source": "{path: a, reader_methods: [{name: option, args: [a]}]}"},
            "sources[0].reader_methods[0]",
            "`option` sets nothing",
        ),
        (
            {"source": "{path: a, reader_methods: [{name: option, args: [1, x]}]}"},
            "sources[0].reader_methods[0]",
            "`option` sets nothing",
        ),
        (
            {"source": "{path: a, format: DELTA, read_options: {versionAsOf: new}}"},
            "sources[0].read_options.versionAsOf",
            "`new` is no version of a Delta table",
        ),
        (
            {"source": "{table_name: a, read_options: {timestampAsOf: '2024-01-01'}}"},
            "sources[0].read_options.timestampAsOf",
            "not read as of a time",
        ),
        (
            {"source": "{path: a, format: DELTA, read_options: {readChangeFeed: true}}"},
            "sources[0].read_options.readChangeFeed",
            "reads the changes of a table",
        ),
        (
            {"source": "{table_name: a, read_options: {startingversion: 1}}"},
            "sources[0].read_options.startingversion",
            "reads the changes of a table",
        ),
        (
            {"sink": "{path: a, writer_methods: [{name: bucketBy, args: [2, a]}]}"},
            "sinks[0].writer_methods[0].name",
            "`bucketBy` cannot be called here",
        ),
        (
            {"sink": "{path: a, cluster_by: [a, b, c, d, e]}"},
            "sinks[0].cluster_by",
            "4 columns at most, here are 5",
        ),
    ],
)
def test_wrong_calls_of_sparks_reader_and_writer(parts: dict, path: str, message: str) -> None:
    (problem,) = problems_of("dataframe_type: SPARK\n" + node_with(**parts))
    assert message in problem.message
    assert problem.dotted_path() == f"nodes[0].{path}"


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("schedule: {cron: '0 6 * *'}", "schedule.cron"),
        ("schedule: {cron: '0 6 * * *', timezone: Mars/Base}", "schedule.timezone"),
        ("imports: ['os; x']", "imports[0]"),
    ],
)
def test_wrong_options_of_the_pipeline(line: str, path: str) -> None:
    (problem,) = problems_of(f"{line}\n{node_with()}")
    assert problem.dotted_path() == path


class TestColumns:
    """Where every column is known, a name that is not among them is found."""

    STEP = "{func_name: select, func_args: [symbol, open, close]}"

    @pytest.mark.parametrize(
        ("parts", "path", "column", "hint"),
        [
            (
                {"expectations": "[{name: r, expression: clos > 0}]"},
                "expectations[0].expression",
                "clos",
                "did you mean `close`?",
            ),
            ({"primary_key": "symbl"}, "primary_keys", "symbl", "did you mean `symbol`?"),
            ({"drop_duplicates": "[opn]"}, "drop_duplicates", "opn", "did you mean `open`?"),
            (
                {"layer": "SILVER", "timestamp_key": "created_at"},
                "timestamp_key",
                "created_at",
                None,
            ),
        ],
    )
    def test_a_missing_column(self, parts: dict, path: str, column: str, hint: str | None) -> None:
        (problem,) = problems_of(with_step(self.STEP, **parts))
        assert problem.dotted_path() == f"nodes[0].{path}"
        assert f"`{column}`" in problem.message
        assert problem.hint == hint

    @pytest.mark.parametrize(
        "rule", ["close > 0", "CLOSE > 0", "_silver_at IS NOT NULL", "_tstamp IS NOT NULL"]
    )
    def test_columns_of_the_layer_are_there(self, rule: str) -> None:
        rules = f"[{{name: r, expression: {rule}}}]"
        plan_from(with_step(self.STEP, layer="SILVER", timestamp_key="open", expectations=rules))

    def test_a_primary_key_that_the_layer_drops(self) -> None:
        step = "{with_column: {name: q, sql_expr: x}}"
        (problem,) = problems_of(with_step(step, layer="SILVER", primary_key="id"))
        assert problem.message == "the primary key `id` is a source column, which this node drops"
        assert "drop_source_columns: false" in (problem.hint or "")
        kept = with_step(step, layer="SILVER", primary_key="id", drop_source_columns="false")
        plan_from(kept)
        plan_from("compat: laktory-0.4\n" + with_step(step, layer="SILVER", primary_key="id"))


class TestProjectFunctions:
    """Functions of the project: read from their modules, never imported."""

    STEP = "{func_name: double, func_args: [a]}"

    def test_unknown_without_a_declaration(self) -> None:
        assert "there is no function `double`" in problems_of(with_step(self.STEP))[0].message

    @pytest.mark.parametrize("name", ["double", "my_udfs.double"])
    def test_named_in_udfs(self, name: str) -> None:
        text = "udfs: [{module_name: my_udfs, function_name: double}]\n"
        plan_from(text + with_step(f"{{func_name: {name}}}"))

    def test_brought_by_the_caller(self) -> None:
        plan_from(with_step(self.STEP), functions=["double"])

    def test_an_imported_module_is_looked_at(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "fns.py").write_text(
            "raise SystemExit\ndef double(frame, a): ...\n", encoding="utf-8"
        )
        text = "imports: [fns]\n"
        (tmp_path / "fns.py").write_text("def double(frame, a): ...\n", encoding="utf-8")
        plan_from(text + with_step(self.STEP))
        plan_from(text + with_step("{func_name: fns.double}"))
        (problem,) = problems_of(text + with_step("{func_name: dubble}"))
        assert problem.hint == "did you mean `double`?"

    def test_an_allowed_module_that_cannot_be_looked_at_may_hold_anything(self) -> None:
        settings = Settings(allow_modules=("some_installed_package",))
        plan = plan_from("imports: [some_installed_package]\n" + with_step(self.STEP), settings)
        assert plan.warnings == ()

    def test_a_module_that_is_not_allowed_is_left_out_and_warned_of(self) -> None:
        step = "{func_name: select, func_args: [a]}"
        (warning,) = plan_from("imports: [re]\n" + with_step(step)).warnings
        assert "the module `re` is not imported" in warning.message
        unknown, _ = problems_of("imports: [re]\n" + with_step(self.STEP))
        assert "there is no function `double`" in unknown.message

    def test_a_module_is_never_run(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "bad.py").write_text("open('ran', 'w')\ndef double(f): ...\n", encoding="utf-8")
        plan_from("imports: [bad]\n" + with_step(self.STEP))
        assert not (tmp_path / "ran").exists()

    def test_a_change_of_the_module_changes_the_code_version(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        text = "udfs: [{module_name: fns, function_name: double}]\n" + with_step(self.STEP)
        versions = []
        for body in ("return f", "return f  # changed"):
            (tmp_path / "fns.py").write_text(f"def double(f, a): {body}\n", encoding="utf-8")
            versions.append(plan_from(text).nodes["n"].code_version)
        assert versions[0] != versions[1]


def test_data_roots_confine_sources_and_sinks(tmp_path: Path) -> None:
    settings = Settings(data_roots=(str(tmp_path), "s3://lake/ours"))
    inside = node_with(source=f"{{path: {tmp_path}/a.json}}", sink="{path: 's3://lake/ours/x'}")
    text = f"warehouse: {tmp_path}/w\n"
    plan_from(text + inside, settings)
    for place in ("/etc/passwd", "s3://lake/other/x", "s3://lake/ours/../x", f"{tmp_path}x/a"):
        for key in ("source", "sink"):
            found = problems_of(text + node_with(**{key: f"{{path: '{place}'}}"}), settings)
            assert "lies outside of the data roots" in found[-1].message


def test_data_roots_do_not_speak_of_tables_that_are_not_there(tmp_path: Path) -> None:
    settings = Settings(data_roots=(str(tmp_path),))
    source = f"{{path: {tmp_path}/a.json}}"
    plan_from(node_with(source=source, sink=f"{{path: {tmp_path}/out}}"), settings)
    (problem,) = problems_of(node_with(source=source, sink="{table_name: t}"), settings)
    assert problem.dotted_path() == "nodes[0].sinks[0]"
    assert "outside of the data roots" in problem.message


def test_rules_that_dagster_folds_into_one() -> None:
    rules = "[{name: a b, expression: x > 0}, {name: a-b, expression: x > 0}]"
    (problem,) = problems_of(node_with(expectations=rules))
    assert problem.message == "the rules `a b` and `a-b` are the same once Dagster folds them"
    assert problem.dotted_path() == "nodes[0].expectations[1].name"


@pytest.mark.parametrize(
    "parts",
    [
        {"source": "{path: a.json, filter: \"a = '${secrets.s.k}'\"}"},
        {"expectations": "[{name: r, expression: \"a = '${secrets.s.k}'\"}]"},
        {"layer": "SILVER", "timestamp_key": "\"'${secrets.s.k}'\""},
    ],
)
def test_a_secret_in_sql_of_a_node_is_refused_once(parts: dict[str, str]) -> None:
    (problem,) = problems_of(node_with(**parts))

    assert "a secret cannot stand in an expression or in SQL" in problem.message
    assert "func_kwargs" in str(problem.expected)


@pytest.mark.parametrize(
    "step",
    [
        "{func_name: groupBy, func_args: [a]}, {func_name: pivot, func_args: [b]}, {func_name: sum, func_args: [c]}",
        "{func_name: unpivot, func_args: [[a], [b, c], what, amount]}",
        "{func_name: unpivot, func_kwargs: {index: a, variable_name: what}}",
        "{func_name: na.fill, func_args: [0]}, {func_name: na.drop}",
        "{func_name: select, func_args: [\"F.explode_outer('a')\"]}",
    ],
)
def test_what_spark_has_is_a_step_on_polars_too(step: str) -> None:
    assert not plan_from(with_step(step)).warnings
