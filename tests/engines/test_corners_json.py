"""JSON read by a declared type: what is of another kind is null, never something like it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from laktory_dagster.engines.base import Engine
from tests.engines.together import Together


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


DATA: dict[str, list[Any]] = {
    "id": [0, 1, 2, 3, 4, 5, 6, 7],
    "j": [
        '{"a":[1, 2]}',
        '{"a":{"b": 1, "c":"é"}}',
        '{"a":1}',
        '{"a":true}',
        '{"a":"x"}',
        '{"a":1.50}',
        '{"a":null}',
        None,
    ],
    "l": ['["a",1,null,{"x":1}]', "[]", "[[1]]", "bad", None, '["x"]', "[true,1.0]", '{"q":1}'],
    "m": [
        '{"d":"2024-01-02","t":"2024-01-02T03:04:05Z","m":1.256}',
        '{"d":"x","t":"2024-01-02","m":"2.5"}',
        "",
        '[{"d":"2024-01-01"}]',
        '{"s":{"p":1.5,"q":[{"z":1},{"z":"y"}]}}',
        '{"D":1}',
        "null",
        '{"s":{"p":"x"},"n":99999999999}',
    ],
}

# Type and values in the rows above, as Spark gives them.
# fmt: off
CASES: list[tuple[str, str, list[Any]]] = [
    ("F.from_json('j', 'a STRING')", "struct<a: string>", [{"a": "[1,2]"}, {"a": '{"b":1,"c":"é"}'}, {"a": "1"}, {"a": "true"}, {"a": "x"}, {"a": "1.5"}, {"a": None}, None]),
    ("F.from_json('j', 'a ARRAY<STRING>')", "struct<a: list<string>>", [{"a": ["1", "2"]}, {"a": None}, {"a": None}, {"a": None}, {"a": None}, {"a": None}, {"a": None}, None]),
    ("F.from_json('j', 'a ARRAY<INT>')", "struct<a: list<int32>>", [{"a": [1, 2]}, {"a": None}, {"a": None}, {"a": None}, {"a": None}, {"a": None}, {"a": None}, None]),
    ("F.from_json('j', 'a STRUCT<b: STRING, c: STRING>')", "struct<a: struct<b: string, c: string>>", [{"a": None}, {"a": {"b": "1", "c": "é"}}, {"a": None}, {"a": None}, {"a": None}, {"a": None}, {"a": None}, None]),
    ("F.from_json('j', 'a STRUCT<b: INT>')", "struct<a: struct<b: int32>>", [{"a": None}, {"a": {"b": 1}}, {"a": None}, {"a": None}, {"a": None}, {"a": None}, {"a": None}, None]),
    ("F.from_json('j', 'a INT')", "struct<a: int32>", [{"a": None}, {"a": None}, {"a": 1}, {"a": None}, {"a": None}, {"a": None}, {"a": None}, None]),
    ("F.from_json('j', 'a DOUBLE')", "struct<a: float64>", [{"a": None}, {"a": None}, {"a": 1.0}, {"a": None}, {"a": None}, {"a": 1.5}, {"a": None}, None]),
    ("F.from_json('j', 'a BOOLEAN')", "struct<a: bool>", [{"a": None}, {"a": None}, {"a": None}, {"a": True}, {"a": None}, {"a": None}, {"a": None}, None]),
    ("F.from_json('j', 'nope INT')", "struct<nope: int32>", [{"nope": None}, {"nope": None}, {"nope": None}, {"nope": None}, {"nope": None}, {"nope": None}, {"nope": None}, None]),
    ("F.from_json('l', 'array<string>')", "list<string>", [["a", "1", None, '{"x":1}'], [], ["[1]"], None, None, ["x"], ["true", "1.0"], None]),
    ("F.from_json('l', 'array<int>')", "list<int32>", [None, [], None, None, None, None, None, None]),
    ("F.from_json('l', 'array<double>')", "list<float64>", [None, [], None, None, None, None, None, None]),
    ("F.from_json('l', 'array<array<int>>')", "list<list<int32>>", [None, [], [[1]], None, None, None, None, None]),
    ("F.from_json('m', 'd DATE')", "struct<d: date>", [{"d": date(2024, 1, 2)}, {"d": None}, None, {"d": None}, {"d": None}, {"d": None}, {"d": None}, {"d": None}]),
    ("F.from_json('m', 't TIMESTAMP')", "struct<t: timestamp[us, UTC]>", [{"t": at(2024, 1, 2, 3, 4, 5)}, {"t": at(2024, 1, 2, 0, 0)}, None, {"t": None}, {"t": None}, {"t": None}, {"t": None}, {"t": None}]),
    ("F.from_json('m', 'm DECIMAL(5,2)')", "struct<m: decimal(5,2)>", [{"m": Decimal("1.26")}, {"m": Decimal("2.50")}, None, {"m": None}, {"m": None}, {"m": None}, {"m": None}, {"m": None}]),
    ("F.from_json('m', 'm DOUBLE')", "struct<m: float64>", [{"m": 1.256}, {"m": None}, None, {"m": None}, {"m": None}, {"m": None}, {"m": None}, {"m": None}]),
    ("F.from_json('m', 'n INT')", "struct<n: int32>", [{"n": None}, {"n": None}, None, {"n": None}, {"n": None}, {"n": None}, {"n": None}, {"n": None}]),
    ("F.from_json('m', 'n BIGINT')", "struct<n: int64>", [{"n": None}, {"n": None}, None, {"n": None}, {"n": None}, {"n": None}, {"n": None}, {"n": 99999999999}]),
    ("F.from_json('m', 'n FLOAT')", "struct<n: float32>", [{"n": None}, {"n": None}, None, {"n": None}, {"n": None}, {"n": None}, {"n": None}, {"n": 99999997952.0}]),
    ("F.from_json('m', 's STRUCT<p: DOUBLE, q: ARRAY<STRUCT<z: INT>>>')", "struct<s: struct<p: float64, q: list<struct<z: int32>>>>", [{"s": None}, {"s": None}, None, {"s": None}, {"s": {"p": 1.5, "q": [{"z": 1}, {"z": None}]}}, {"s": None}, {"s": None}, {"s": {"p": None, "q": None}}]),
    ("F.from_json('m', 'array<struct<d: date>>')", "list<struct<d: date>>", [[{"d": date(2024, 1, 2)}], [{"d": None}], None, [{"d": date(2024, 1, 1)}], [{"d": None}], [{"d": None}], None, [{"d": None}]]),
    ("F.from_json('j', 'a STRING')['a']", "string", ["[1,2]", '{"b":1,"c":"é"}', "1", "true", "x", "1.5", None, None]),
    ("F.from_json('j', 'a INT').getField('a') + 1", "int32", [None, None, 2, None, None, None, None, None]),
]
# fmt: on

VALUES = Together(DATA, CASES)


@pytest.mark.parametrize(("expression", "_kind", "expected"), CASES)
def test_value_of_json(engine: Engine, expression: str, _kind: str, expected: list[Any]) -> None:
    VALUES.check(engine, expression, expected)


def test_the_types_of_the_results(engine: Engine) -> None:
    VALUES.check_types(engine, {text: kind for text, kind, _ in CASES})
