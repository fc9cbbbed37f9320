"""One schema of several files: by the rule, whatever the order of the files."""

from __future__ import annotations

from itertools import permutations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from laktory_dagster.engines.polars.drift import common_type, unify
from laktory_dagster.errors import ReadError

BYTE, INT, LONG = pl.Int8(), pl.Int32(), pl.Int64()
SMALL, UNSIGNED, LARGE = pl.UInt8(), pl.UInt32(), pl.UInt64()
FLOAT, DOUBLE, TEXT, NULL = pl.Float32(), pl.Float64(), pl.String(), pl.Null()
MONEY = pl.Decimal(10, 2)


@pytest.mark.parametrize(
    ("one", "other", "kept", "widened"),
    [
        (INT, INT, INT, INT),
        (NULL, TEXT, TEXT, TEXT),
        (NULL, NULL, NULL, NULL),
        (INT, LONG, None, LONG),
        (BYTE, INT, None, LONG),
        (SMALL, LARGE, None, LARGE),
        (SMALL, INT, None, LONG),
        (LONG, DOUBLE, None, DOUBLE),
        (FLOAT, FLOAT, FLOAT, FLOAT),
        (FLOAT, DOUBLE, None, DOUBLE),
        (INT, FLOAT, None, DOUBLE),
        (MONEY, LONG, None, DOUBLE),
        (MONEY, MONEY, MONEY, MONEY),
        (INT, TEXT, None, None),
        (pl.Boolean(), INT, None, None),
        (pl.Date(), pl.Datetime("us"), None, None),
        (pl.List(NULL), pl.List(INT), pl.List(INT), pl.List(INT)),
        (pl.List(INT), pl.List(DOUBLE), None, pl.List(DOUBLE)),
        (pl.List(INT), INT, None, None),
        (pl.Struct({"a": INT}), pl.Struct({"a": TEXT}), None, None),
    ],
)
def test_the_type_of_both(
    one: pl.DataType, other: pl.DataType, kept: pl.DataType | None, widened: pl.DataType | None
) -> None:
    assert common_type(one, other, numbers=False) == kept == common_type(other, one, numbers=False)
    assert common_type(one, other, numbers=True) == widened == common_type(other, one, numbers=True)


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (pl.Datetime("ms"), pl.Datetime("us"), pl.Datetime("us")),
        (pl.Datetime("us"), pl.Datetime("ns"), pl.Datetime("ns")),
        (pl.Datetime("ms"), pl.Datetime("ns"), pl.Datetime("ns")),
        (pl.Datetime("us", "UTC"), pl.Datetime("us", "Asia/Tokyo"), pl.Datetime("us", "UTC")),
        (pl.Datetime("us", "Asia/Tokyo"), pl.Datetime("us", "Europe/Rome"), pl.Datetime("us", "UTC")),
        (pl.Datetime("ms", "Asia/Tokyo"), pl.Datetime("us", "Asia/Tokyo"), pl.Datetime("us", "Asia/Tokyo")),
        (pl.Datetime("us"), pl.Datetime("us", "UTC"), None),
    ],
)  # fmt: skip
def test_times_of_other_units_and_zones_are_no_other_values(
    one: pl.DataType, other: pl.DataType, both: pl.DataType | None
) -> None:
    """A time without a zone is no moment, so that it has none in common with one."""
    for numbers in (False, True):
        assert common_type(one, other, numbers=numbers) == both
        assert common_type(other, one, numbers=numbers) == both


def test_structs_have_the_fields_of_both() -> None:
    one, other = pl.Struct({"a": INT, "b": NULL}), pl.Struct({"b": TEXT, "c": LONG})

    found = common_type(one, other, numbers=False)

    assert found == pl.Struct({"a": INT, "b": TEXT, "c": LONG})


def test_lists_of_structs_are_widened_inside() -> None:
    one, other = (pl.List(pl.Struct({"a": kind})) for kind in (INT, DOUBLE))
    assert common_type(one, other, numbers=True) == pl.List(pl.Struct({"a": DOUBLE}))
    assert common_type(one, other, numbers=False) is None


def merged(rule: str, *columns: dict[str, pl.DataType], **kind: bool) -> dict[str, pl.DataType]:
    files = [(f"file{number}", pl.Schema(one)) for number, one in enumerate(columns)]
    return dict(unify(files, rule, **kind)[0])


def test_equal_files_need_no_cast_and_files_of_another_order_do() -> None:
    one, turned = pl.Schema({"a": INT, "b": TEXT}), pl.Schema({"b": TEXT, "a": INT})
    assert unify([("x", one)], "freeze") == (one, True)
    assert unify([("x", one), ("y", one)], "freeze") == (one, True)
    assert unify([("x", one), ("y", turned)], "freeze") == (one, False)


def test_added_columns_come_last() -> None:
    found = merged("add", {"a": INT}, {"b": TEXT, "a": INT}, {"c": pl.Date()})
    assert list(found.items()) == [("a", INT), ("b", TEXT), ("c", pl.Date())]


@pytest.mark.parametrize("kinds", list(permutations([INT, LONG, DOUBLE])))
def test_the_widest_does_not_depend_on_the_order(kinds: tuple[pl.DataType, ...]) -> None:
    assert merged("widen", *({"a": kind} for kind in kinds)) == {"a": DOUBLE}


def test_json_has_no_columns_and_no_numbers_to_freeze() -> None:
    found = merged("freeze", {"a": LONG}, {"a": DOUBLE, "b": TEXT}, is_json=True)
    assert found == {"a": DOUBLE, "b": TEXT}


def test_a_spreadsheet_has_columns_to_freeze_and_no_kinds_of_numbers() -> None:
    assert merged("freeze", {"a": LONG}, {"a": DOUBLE}, is_excel=True) == {"a": DOUBLE}
    with pytest.raises(ReadError, match="file1 adds `b`"):
        merged("freeze", {"a": LONG}, {"a": LONG, "b": LONG}, is_excel=True)


@pytest.mark.parametrize(
    ("rule", "columns", "message", "hint"),
    [
        ("freeze", ({"a": INT, "b": INT}, {"a": INT}), "file1 lacks `b`, compared with file0", "schema_evolution: add"),
        ("freeze", ({"a": INT}, {"a": INT, "b": INT}), "file1 adds `b`, compared with file0", "schema_evolution: add"),
        ("freeze", ({"a": INT}, {"c": INT}), "file1 lacks `a` and adds `c`", "schema_evolution: add"),
        ("freeze", ({"a": INT}, {"a": LONG}), "`a` is int32 in file0 and int64 in file1", "schema_evolution: widen"),
        ("add", ({"a": INT}, {"b": INT}, {"b": TEXT}), "`b` is int32 in file1 and string in file2", "schema_definition"),
        ("widen", ({"a": pl.Date()}, {"a": INT}), "`a` is date in file0 and int32 in file1", "schema_definition"),
    ],
)  # fmt: skip
def test_a_difference_beyond_the_rule_names_both_files(
    rule: str, columns: tuple[dict[str, pl.DataType], ...], message: str, hint: str
) -> None:
    with pytest.raises(ReadError) as raised:
        merged(rule, *columns)
    assert message in str(raised.value)
    assert hint in str(raised.value)


PLAIN = [BYTE, INT, LONG, SMALL, UNSIGNED, LARGE, FLOAT, DOUBLE, MONEY, TEXT, NULL, pl.Boolean()]
TIMES = [pl.Datetime("ms"), pl.Datetime("ns"), pl.Datetime("us", "UTC")]
TYPES = some.sampled_from([*PLAIN, *TIMES])


@given(some.lists(TYPES, min_size=2, max_size=4), some.booleans())
@settings(max_examples=60, deadline=None)
def test_the_common_type_is_the_same_in_any_order(kinds: list[pl.DataType], numbers: bool) -> None:
    def of_all(order: tuple[pl.DataType, ...]) -> pl.DataType | None:
        found: pl.DataType | None = order[0]
        for kind in order[1:]:
            found = None if found is None else common_type(found, kind, numbers=numbers)
        return found

    assert len({str(of_all(order)) for order in permutations(kinds)}) == 1
