"""One schema of several files: by the rule, whatever the order of the files."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from pyspark.sql import types as st

from laktory_dagster.engines.spark.drift import common_type, unify
from laktory_dagster.engines.spark.schemas import parse_schema
from laktory_dagster.errors import ReadError

BYTE, INT, LONG = st.ByteType(), st.IntegerType(), st.LongType()
FLOAT, DOUBLE, STRING, NULL = st.FloatType(), st.DoubleType(), st.StringType(), st.NullType()


def merged(rule: str, *texts: str) -> dict[str, str]:
    files = [(f"file{number}", parse_schema(text)) for number, text in enumerate(texts)]
    schema, _ = unify(files, rule)
    return {field.name: field.dataType.simpleString() for field in schema.fields}


@pytest.mark.parametrize(
    ("one", "other", "kept", "widened"),
    [
        (INT, INT, INT, INT), (NULL, STRING, STRING, STRING), (LONG, NULL, LONG, LONG),
        (INT, LONG, None, LONG), (BYTE, INT, None, LONG), (LONG, DOUBLE, None, DOUBLE),
        (FLOAT, FLOAT, FLOAT, FLOAT), (FLOAT, DOUBLE, None, DOUBLE), (INT, FLOAT, None, DOUBLE),
        (INT, STRING, None, None), (st.DateType(), st.TimestampType(), None, None),
        (st.ArrayType(NULL), st.ArrayType(INT), st.ArrayType(INT), st.ArrayType(INT)),
        (st.ArrayType(INT), st.ArrayType(DOUBLE), None, st.ArrayType(DOUBLE)),
        (st.ArrayType(INT), INT, None, None),
    ],
)  # fmt: skip
def test_the_type_of_both(
    one: st.DataType, other: st.DataType, kept: st.DataType | None, widened: st.DataType | None
) -> None:
    assert common_type(one, other, numbers=False) == kept == common_type(other, one, numbers=False)
    assert common_type(one, other, numbers=True) == widened == common_type(other, one, numbers=True)


def test_structs_have_the_fields_of_both() -> None:
    one = st.StructType([st.StructField("a", INT), st.StructField("b", NULL)])
    other = st.StructType([st.StructField("b", STRING), st.StructField("c", LONG)])
    found = common_type(one, other, numbers=False)
    assert isinstance(found, st.StructType)
    assert [(f.name, f.dataType) for f in found] == [("a", INT), ("b", STRING), ("c", LONG)]


def test_structs_whose_fields_differ_are_none() -> None:
    one, other = (st.StructType([st.StructField("a", kind)]) for kind in (INT, STRING))
    assert common_type(one, other, numbers=True) is None


def test_equal_files_need_no_cast_and_files_of_another_order_do() -> None:
    one, turned = parse_schema("a INT, b STRING"), parse_schema("b STRING, a INT")
    assert unify([("x", one), ("y", one)], "freeze") == (one, True)
    assert unify([("x", one), ("y", turned)], "freeze") == (one, False)


def test_added_columns_come_last() -> None:
    assert merged("add", "a INT", "b STRING, a INT", "c DATE") == {
        "a": "int", "b": "string", "c": "date",
    }  # fmt: skip


@pytest.mark.parametrize("texts", list(permutations(["a INT", "a BIGINT", "a DOUBLE"])))
def test_the_widest_does_not_depend_on_the_order(texts: tuple[str, ...]) -> None:
    assert merged("widen", *texts) == {"a": "double"}


@pytest.mark.parametrize(
    ("rule", "texts", "message", "hint"),
    [
        ("freeze", ("a INT, b INT", "a INT"), "file1 lacks `b`, compared with file0", "schema_evolution: add"),
        ("freeze", ("a INT", "a INT, b INT"), "file1 adds `b`, compared with file0", "schema_evolution: add"),
        ("freeze", ("a INT", "c INT"), "file1 lacks `a` and adds `c`", "schema_evolution: add"),
        ("freeze", ("a INT", "a BIGINT"), "`a` is int32 in file0 and int64 in file1", "schema_evolution: widen"),
        ("add", ("a INT", "b INT", "b STRING"), "`b` is int32 in file1 and string in file2", "schema_definition"),
        ("widen", ("a DATE", "a INT"), "`a` is date in file0 and int32 in file1", "schema_definition"),
    ],
)  # fmt: skip
def test_a_difference_beyond_the_rule_names_both_files(
    rule: str, texts: tuple[str, ...], message: str, hint: str
) -> None:
    with pytest.raises(ReadError) as raised:
        merged(rule, *texts)
    assert message in str(raised.value)
    assert hint in str(raised.value)


TYPES = some.sampled_from([BYTE, INT, LONG, FLOAT, DOUBLE, STRING, NULL, st.BooleanType()])


@given(some.lists(TYPES, min_size=2, max_size=4), some.booleans())
@settings(max_examples=60, deadline=None)
def test_the_common_type_is_the_same_in_any_order(kinds: list[st.DataType], numbers: bool) -> None:
    def of_all(order: tuple[st.DataType, ...]) -> st.DataType | None:
        found: st.DataType | None = order[0]
        for kind in order[1:]:
            found = None if found is None else common_type(found, kind, numbers=numbers)
        return found

    assert len({str(of_all(order)) for order in permutations(kinds)}) == 1
