"""What Spark's writers are told and what they refuse, without a session."""

from __future__ import annotations

from typing import Any

import pytest
from pyspark.errors import AnalysisException
from pyspark.sql import types as st
from sqlglot import parse_one

from laktory_dagster.engines.spark.clustering import check_clustering
from laktory_dagster.engines.spark.columns import (
    declared_types,
    inexact_problem,
    stored_types,
)
from laktory_dagster.engines.spark.formats import extension_of, writer_options
from laktory_dagster.engines.spark.portable import join_kind, listed
from laktory_dagster.engines.spark.problems import plain_text
from laktory_dagster.engines.spark.schemas import parse_schema
from laktory_dagster.engines.spark.tables import CatalogTable
from laktory_dagster.engines.spark.typed_text import check_texts
from laktory_dagster.errors import (
    ExpressionError,
    SchemaChangedError,
    TransformError,
    UnsupportedError,
    WriteError,
)

MICROSECONDS = {
    "timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX",
    "timestampNTZFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSS",
}
TEXT = {"header": "true", "escape": '"', **MICROSECONDS}


@pytest.mark.parametrize(
    ("form", "given", "taken"),
    [
        ("CSV", {}, TEXT),
        ("CSV", {"header": False}, {**TEXT, "header": "false"}),
        ("CSV", {"include_header": False}, {**TEXT, "header": "false"}),
        ("CSV", {"separator": ";"}, {**TEXT, "sep": ";"}),
        ("CSV", {"delimiter": ";"}, {**TEXT, "sep": ";"}),
        ("CSV", {"quote_char": "'"}, {**TEXT, "quote": "'", "emptyValue": "''"}),
        ("CSV", {"quote": "'", "emptyValue": "-"}, {**TEXT, "quote": "'", "emptyValue": "-"}),
        ("CSV", {"null_value": "NA"}, {**TEXT, "nullValue": "NA"}),
        ("CSV", {"charset": "UTF-16"}, {**TEXT, "encoding": "UTF-16"}),
        ("CSV", {"batch_size": 9}, TEXT),
        ("JSON", {}, {"ignoreNullFields": "false", **MICROSECONDS}),
        ("JSONL", {"ignoreNullFields": True}, {"ignoreNullFields": "true", **MICROSECONDS}),
        ("CSV", {"timestampFormat": "yyyy"}, {**TEXT, "timestampFormat": "yyyy"}),
        ("PARQUET", {"compression": "gzip"}, {"compression": "gzip"}),
        ("PARQUET", {"statistics": True, "row_group_size": 9}, {}),
        ("PARQUET", {"parquet.block.size": 1024}, {"parquet.block.size": "1024"}),
        ("DELTA", {"maxRecordsPerFile": 10}, {"maxRecordsPerFile": "10"}),
        ("XML", {"rowTag": "r", "rootTag": "rs"}, {"rowTag": "r", "rootTag": "rs"}),
    ],
)  # fmt: skip
def test_options_of_a_writer_in_the_words_of_either_engine(
    form: str, given: dict[str, Any], taken: dict[str, str]
) -> None:
    assert writer_options(form, given) == taken


@pytest.mark.parametrize(
    ("form", "option", "hint"),
    [("CSV", "seperator", "separator"), ("PARQUET", "compresion", "compression"), ("JSON", "sep", ""), ("ORC", "header", "")],
)  # fmt: skip
def test_an_option_that_a_writer_has_not_is_named(form: str, option: str, hint: str) -> None:
    with pytest.raises(UnsupportedError, match=f"the {form} writer of the Spark engine") as raised:
        writer_options(form, {option: "x"})
    assert f"no option `{option}`" in str(raised.value)
    assert hint in str(raised.value)


@pytest.mark.parametrize(
    ("form", "written", "extension"),
    [
        ("JSONL", "part-00000-x.c000.json", "jsonl"), ("JSON", "part-0.json.gz", "json.gz"),
        ("NDJSON", "part-0.json.zst", "ndjson.zst"), ("CSV", "part-0.csv", "csv"), ("CSV", "part-0.csv.bz2", "csv.bz2"),
        ("PARQUET", "part-0.snappy.parquet", "snappy.parquet"),
    ],
)  # fmt: skip
def test_a_file_of_a_folder_ends_as_its_readers_expect(
    form: str, written: str, extension: str
) -> None:
    assert extension_of(form, written) == extension


def columns(text: str) -> dict[str, st.DataType]:
    return {field.name: field.dataType for field in parse_schema(text).fields}


MANY = ", ".join(f"c{number} INT" for number in range(40))


@pytest.mark.parametrize(
    ("clustered", "partitioned", "schema", "message"),
    [
        (["a"], [], "a INT, b STRING", None),
        (["b", "a"], [], "a INT, b STRING", None),
        (["a"], [], "a DATE", None),
        (["a"], [], "a TIMESTAMP_NTZ", None),
        (["a"], [], "a DECIMAL(9,2)", None),
        ([], ["a"], "a INT, b INT", None),
        (["c31"], [], MANY, None),
        (["c32"], [], MANY, "cannot be clustered by `c32`, of int"),
        (["nope"], [], "a INT", "clustered by `nope`, which the rows do not have"),
        (["a"], [], "a BOOLEAN", "cannot be clustered by `a`, of boolean"),
        (["a"], [], "a BINARY", "cannot be clustered by `a`, of binary"),
        (["a"], [], "a ARRAY<INT>", "cannot be clustered by `a`, of array<int>"),
        (["a"], [], "a STRUCT<b: INT>", "cannot be clustered by `a`"),
        (["a"], ["b"], "a INT, b INT", "is partitioned; Delta does not cluster such a table"),
    ],
)
def test_a_table_is_clustered_by_what_has_statistics(
    clustered: list[str], partitioned: list[str], schema: str, message: str | None
) -> None:
    if message is None:
        check_clustering(clustered, partitioned, columns(schema), "t")
        return
    with pytest.raises(WriteError, match=message):
        check_clustering(clustered, partitioned, columns(schema), "t")


def test_a_column_of_nulls_has_the_type_of_the_table_or_is_text() -> None:
    null = st.NullType()
    nested = st.StructType([st.StructField("e", null)])
    given: dict[str, st.DataType] = {"a": null, "b": null, "c": st.ArrayType(null), "d": nested}
    found = stored_types(given, "t", {"a": st.LongType()})
    assert found == {
        "a": st.LongType(),
        "b": st.StringType(),
        "c": st.ArrayType(st.StringType()),
        "d": st.StructType([st.StructField("e", st.StringType())]),
    }


@pytest.mark.parametrize("letter", list(" ,;{}()\n\t="))
def test_names_that_delta_does_not_take_are_refused_at_any_depth(letter: str) -> None:
    name = f"a{letter}b"
    inner = st.StructType([st.StructField(name, st.LongType())])
    for types in ({name: st.LongType()}, {"s": inner}, {"l": st.ArrayType(inner)}):
        with pytest.raises(WriteError, match="takes no column name with") as raised:
            stored_types(types, "t", {})
        assert "rename the column" in str(raised.value)


@pytest.mark.parametrize(
    ("dtype", "mend"),
    [(st.DayTimeIntervalType(), "dt.total_microseconds()"), (st.YearMonthIntervalType(), "cast('string')")],
)  # fmt: skip
def test_a_type_that_delta_has_not_comes_with_its_mend(dtype: st.DataType, mend: str) -> None:
    with pytest.raises(WriteError, match="Delta has no type for the column `d`") as raised:
        stored_types({"d": dtype}, "t", {})
    assert mend in str(raised.value)


def test_a_sink_declares_types_of_its_rows_only() -> None:
    assert declared_types(None, columns("a INT"), "t") == {}
    assert declared_types({"a": "string"}, columns("a INT, b INT"), "t") == {"a": st.StringType()}
    with pytest.raises(WriteError, match="declares the column `c`, which the rows do not have"):
        declared_types({"c": "int"}, columns("a INT"), "t")


@pytest.mark.parametrize(
    ("limit", "power", "kind"), [(2**53, 53, "float64"), (2**24, 24, "float32")]
)
def test_integers_beyond_a_float_are_told_by_their_column(
    limit: int, power: int, kind: str
) -> None:
    raised = RuntimeError(f"[USER_RAISED] laktory: integers beyond {limit} in `a``b` SQLSTATE: P1")
    problem = inexact_problem(raised, "prices")
    assert isinstance(problem, SchemaChangedError)
    assert f"prices: `a`b` holds integers beyond 2**{power}" in str(problem)
    assert kind in str(problem)
    assert inexact_problem(RuntimeError("integers beyond 7"), "prices") is None


@pytest.mark.parametrize(
    ("name", "sql"),
    [("t", "`t`"), ("s.t", "`s`.`t`"), ("c.s.t", "`c`.`s`.`t`"), ("s.a`b", "`s`.`a``b`"), ("s.a b", "`s`.`a b`")],
)  # fmt: skip
def test_a_table_of_the_catalog_is_named_part_by_part(name: str, sql: str) -> None:
    assert CatalogTable(name, lambda: None).sql == sql


TYPED = parse_schema("d DATE, t TIMESTAMP, n BIGINT, x DECIMAL(9,2), s STRING")


@pytest.mark.parametrize(
    "condition",
    [
        "d > '2024-01-01'", "'2024-01-01' <= d", "t < '2024-01-01 10:00:00'", "n = '7'", "x >= ' 1.5 '", "s = 'hello'",
        "D > '2024-01-01'", "n > 7", "nope = 'x'", "upper(s) = 'X'", "o.d = 'x'", "d > '2024-05-01T10:00:00'", "n = '1e3'",
    ],
)  # fmt: skip
def test_texts_that_can_be_values_are_compared(condition: str) -> None:
    check_texts(parse_one(condition, dialect="spark"), TYPED)


@pytest.mark.parametrize(
    ("condition", "kind"),
    [
        ("d > 'yesterday'", "date"), ("d = '2024-13-01'", "date"), ("'soon' = t", "timestamp"), ("n <> 'seven'", "int64"),
        ("x < ''", "decimal(9,2)"), ("N = 'a'", "int64"), ("s = 'a' OR n = 'b'", "int64"), ("NOT (d <= 'x')", "date"),
    ],
)  # fmt: skip
def test_a_text_that_is_no_value_is_an_error_and_not_a_null(condition: str, kind: str) -> None:
    """Spark reads it as null, and the comparison holds for no row."""
    with pytest.raises(ExpressionError) as raised:
        check_texts(parse_one(condition, dialect="spark"), TYPED)
    assert f"is no {kind}" in str(raised.value)


@pytest.mark.parametrize(
    ("how", "kind"),
    [
        ("inner", "inner"), ("LEFT", "left"), ("left_outer", "left"), ("leftouter", "left"), ("right", "right"),
        ("full", "outer"), ("full_outer", "outer"), ("outer", "outer"), ("semi", "leftsemi"), ("left_semi", "leftsemi"),
        ("anti", "leftanti"), ("LeftAnti", "leftanti"), ("cross", "cross"),
    ],
)  # fmt: skip
def test_a_join_by_any_name_of_its_kind(how: str, kind: str) -> None:
    assert join_kind(how) == kind


@pytest.mark.parametrize(("how", "hint"), [("lefft", "left"), ("innner", "inner"), ("", "")])
def test_a_join_of_no_kind_is_named(how: str, hint: str) -> None:
    with pytest.raises(TransformError, match="is no kind of join") as raised:
        join_kind(how)
    assert hint in str(raised.value)


@pytest.mark.parametrize(
    ("given", "found"),
    [((), []), (("a",), ["a"]), ((["a", "b"],), ["a", "b"]), ((("a",),), ["a"]), (("a", ["b"]), ["a", "b"])],
)  # fmt: skip
def test_values_come_one_by_one_or_as_one_list(given: Any, found: list[Any]) -> None:
    assert listed(given) == found


def test_a_session_without_delta_is_told_as_such() -> None:
    said = (
        "[DATA_SOURCE_NOT_FOUND] Failed to find the data source: delta. Make sure SQLSTATE: 42K02"
    )
    assert plain_text(AnalysisException(said)).startswith("the given Spark session has no Delta; ")
    other = plain_text(AnalysisException(said.replace("delta", "deltas")))
    assert other.startswith("Failed to find the data source: deltas")
