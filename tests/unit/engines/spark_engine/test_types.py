"""Types as users write them, as Spark has them, and in the portable spelling of results."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import types as st

from laktory_dagster.engines.spark.native import held_type, spark_type
from laktory_dagster.engines.spark.schemas import ddl, parse_schema, parse_type, portable
from laktory_dagster.errors import ReadError, SettingsError

STRING, INT, LONG = st.StringType(), st.IntegerType(), st.LongType()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("string", STRING), ("STR", STRING), ("varchar", STRING), ("varchar(20)", STRING), ("char(3)", STRING),
        ("int", INT), ("INTEGER", INT), ("int32", INT), ("bigint", LONG), (" long ", LONG),
        ("tinyint", st.ByteType()), ("smallint", st.ShortType()), ("float", st.FloatType()),
        ("double", st.DoubleType()), ("float64", st.DoubleType()), ("boolean", st.BooleanType()),
        ("timestamp", st.TimestampType()), ("timestamp_ntz", st.TimestampNTZType()), ("void", st.NullType()),
        ("timestamp[us]", st.TimestampNTZType()), ("timestamp[us, UTC]", st.TimestampType()),
        ("timestamp[ns, Europe/Berlin]", st.TimestampType()), ("duration[ms]", st.DayTimeIntervalType()),
        ("decimal(10,2)", st.DecimalType(10, 2)), ("DECIMAL(5)", st.DecimalType(5, 0)),
        ("numeric(12, 3)", st.DecimalType(12, 3)),
        ("array<int>", st.ArrayType(INT)), ("list<int>", st.ArrayType(INT)),
        ("array<list<string>>", st.ArrayType(st.ArrayType(STRING))),
        ("map<string, bigint>", st.MapType(STRING, LONG)),
        ("struct<a: int, b: array<string>>",
         st.StructType([st.StructField("a", INT), st.StructField("b", st.ArrayType(STRING))])),
        ("struct<at: timestamp_ntz>", st.StructType([st.StructField("at", st.TimestampNTZType())])),
        ("array<timestamp>", st.ArrayType(st.TimestampType())),
        ("uint8", st.ShortType()), ("uint32", LONG), ("uint64", st.DecimalType(20, 0)),
    ],
)  # fmt: skip
def test_a_type_by_any_of_its_names(text: str, expected: st.DataType) -> None:
    assert parse_type(text) == expected


@pytest.mark.parametrize(
    ("text", "hint"),
    [("strng", "string"), ("integr", "integer"), ("array<strng>", "string"), ("nothing", "")],
)
def test_a_type_that_is_none_is_named(text: str, hint: str) -> None:
    with pytest.raises(SettingsError, match="is no type of Spark") as raised:
        parse_type(text)
    assert hint in str(raised.value)


@pytest.mark.parametrize("text", ["array<", "map<string>", "a<b", "struct<>", "array<int, int>"])
def test_a_broken_type_is_refused_as_one(text: str) -> None:
    with pytest.raises(SettingsError):
        parse_type(text)


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        (STRING, "string"), (st.VarcharType(9), "string"), (st.CharType(2), "string"), (LONG, "int64"),
        (st.TimestampType(), "timestamp[us, UTC]"), (st.TimestampNTZType(), "timestamp[us]"),
        (st.DecimalType(9, 4), "decimal(9,4)"), (st.ArrayType(st.DateType()), "list<date>"),
        (st.MapType(STRING, st.ArrayType(INT)), "map<string, list<int32>>"),
        (st.StructType([st.StructField("a b", INT)]), "struct<a b: int32>"),
        (st.DayTimeIntervalType(), "duration[us]"), (st.YearMonthIntervalType(), "interval year to month"),
    ],
)  # fmt: skip
def test_the_portable_name_of_a_type(dtype: st.DataType, expected: str) -> None:
    assert portable(dtype) == expected


@pytest.mark.parametrize(
    "dtype",
    [
        STRING, INT, LONG, st.DecimalType(38, 18), st.TimestampType(), st.TimestampNTZType(), st.BinaryType(),
        st.ArrayType(st.MapType(STRING, st.DoubleType())),
        st.StructType([st.StructField("a", st.ArrayType(LONG)), st.StructField("b", st.DateType())]),
        st.StructType([st.StructField("a b", st.FloatType()), st.StructField("at", st.TimestampNTZType())]),
        st.ArrayType(st.StructType([st.StructField("z", st.TimestampType()), st.StructField("map", INT)])),
        st.MapType(STRING, st.StructType([st.StructField("d", st.DecimalType(9, 2))])),
        st.ArrayType(st.DayTimeIntervalType()), st.ArrayType(st.NullType()), st.ArrayType(st.ByteType()),
    ],
)  # fmt: skip
def test_the_portable_name_gives_the_type_back(dtype: st.DataType) -> None:
    """Receipts keep these names, and stored text is read again by them."""
    assert parse_type(portable(dtype)) == dtype


def test_the_sql_of_a_type_quotes_its_fields() -> None:
    dtype = st.StructType([st.StructField("a b", INT), st.StructField("c`d", st.ArrayType(LONG))])
    assert ddl(dtype) == "struct<`a b`: int, `c``d`: array<bigint>>"


A_B = st.StructType([st.StructField("a", INT), st.StructField("b", st.ArrayType(STRING))])


@pytest.mark.parametrize(
    "declared",
    [
        "a INT, b ARRAY<STRING>",
        {"a": "int", "b": "array<string>"},
        [{"name": "a", "type": "int"}, {"name": "b", "type": "list<string>"}],
        {"type": "struct", "fields": [
            {"name": "a", "type": "integer", "nullable": True, "metadata": {}},
            {"name": "b", "type": {"type": "array", "elementType": "string", "containsNull": True}},
        ]},
    ],
)  # fmt: skip
def test_a_schema_in_every_form(declared: Any) -> None:
    assert parse_schema(declared) == A_B


def test_the_json_of_a_schema_is_a_schema() -> None:
    """What `df.schema.json()` prints is what people paste."""
    nested = st.StructType([st.StructField("s", A_B), st.StructField("at", st.TimestampType())])
    assert parse_schema(nested.jsonValue()) == nested


def test_a_map_in_the_json_of_a_schema() -> None:
    schema = st.StructType([st.StructField("m", st.MapType(STRING, LONG))])
    assert parse_schema(schema.jsonValue()) == schema


@pytest.mark.parametrize("declared", ["", "a", "a INT b INT", "SELECT 1", 7])
def test_what_is_no_schema_is_refused(declared: Any) -> None:
    with pytest.raises(SettingsError):
        parse_schema(declared)


def test_a_field_in_back_ticks_may_have_the_marks_of_types() -> None:
    expected = st.StructType([st.StructField("a,b:c<", INT), st.StructField("d`e", STRING)])
    assert parse_type("struct<`a,b:c<`: int, `d``e`: string>") == expected


def test_a_struct_as_databricks_shows_it() -> None:
    found = parse_type("STRUCT<a: INT COMMENT 'x, y', b: STRING NOT NULL>")
    assert [field.name for field in found] == ["a", "b"]  # type: ignore[attr-defined]


def test_columns_of_a_declared_text_may_have_any_name() -> None:
    assert parse_schema("`a b` INT, `c.d` STRING").names == ["a b", "c.d"]


@pytest.mark.parametrize(
    ("given", "held"),
    [
        (pa.uint8(), pa.int16()), (pa.uint16(), pa.int32()), (pa.uint32(), pa.int64()), (pa.uint64(), pa.int64()),
        (pa.float16(), pa.float32()), (pa.large_string(), pa.string()), (pa.large_binary(), pa.binary()),
        (pa.timestamp("ns"), pa.timestamp("us")), (pa.timestamp("ms", "Asia/Tokyo"), pa.timestamp("us", "UTC")),
        (pa.dictionary(pa.int8(), pa.large_string()), pa.string()), (pa.time64("us"), pa.string()),
        (pa.duration("ns"), pa.duration("us")), (pa.large_list(pa.uint8()), pa.list_(pa.int16())),
        (pa.list_(pa.string(), 3), pa.list_(pa.string())),
        (pa.struct([pa.field("a", pa.uint32())]), pa.struct([pa.field("a", pa.int64())])),
        (pa.int64(), pa.int64()),
    ],
)  # fmt: skip
def test_arrow_types_that_spark_has_not_are_held_in_wider_ones(
    given: pa.DataType, held: pa.DataType
) -> None:
    assert held_type(given) == held


def test_an_arrow_map_is_a_map() -> None:
    assert spark_type(pa.map_(pa.string(), pa.int32())) == st.MapType(STRING, INT)


def test_the_parts_of_an_arrow_map_are_held_in_wider_types() -> None:
    """Polars has no maps, Arrow and pandas users do."""
    given = held_type(pa.map_(pa.large_string(), pa.uint8()))
    assert spark_type(given) == st.MapType(STRING, st.ShortType())


def test_an_arrow_type_without_a_place_is_named() -> None:
    with pytest.raises(ReadError, match="Spark has no type for Arrow's month_day_nano_interval"):
        spark_type(pa.month_day_nano_interval())
