"""Arrays searched for the value of another column, places that are columns, and names of types."""

from __future__ import annotations

import math
from typing import Any

import pytest

from laktory_dagster.engines.base import Engine
from tests.engines.together import Together

NAN = math.nan
DATA: dict[str, list[Any]] = {
    "id": [0, 1, 2, 3],
    "l": [[3, 1, None, 3], [], None, [5]],
    "i": [3, 1, 5, None],
    "n": [2, 1, 1, None],
    "w": [["a", "b"], ["b", None], [], None],
    "c": ["b", None, "b", "a"],
    "z": [[1.0, NAN], [0.0], [None], None],
    "x": [NAN, 0.0, 1.0, 2.0],
}

# Type and values in the rows above, as Spark gives them.
# fmt: off
CASES: list[tuple[str, str, list[Any]]] = [
    ("F.array_position('l', F.col('i'))", "int64", [1, 0, None, None]),
    ("F.array_position('l', F.lit(1))", "int64", [2, 0, None, 0]),
    ("F.array_position('l', F.lit(None))", "int64", [None, None, None, None]),
    ("F.array_position('w', F.col('c'))", "int64", [2, None, 0, None]),
    ("F.array_position('w', F.lit('b'))", "int64", [2, 1, 0, None]),
    ("F.array_position('z', F.col('x'))", "int64", [2, 1, 0, None]),
    ("F.array_remove('l', F.col('i'))", "list<int64>", [[1, None], [], None, None]),
    ("F.array_remove('l', F.lit(3))", "list<int64>", [[1, None], [], None, [5]]),
    ("F.array_remove('l', 5)", "list<int64>", [[3, 1, None, 3], [], None, []]),
    ("F.array_remove('w', F.col('c'))", "list<string>", [["a"], None, [], None]),
    ("F.array_remove('w', 'b')", "list<string>", [["a"], [None], [], None]),
    ("F.array_remove('z', F.col('x'))", "list<float64>", [[1.0], [], [None], None]),
    ("F.array_contains('l', F.col('i'))", "bool", [True, False, None, None]),
    ("F.array_contains('w', F.col('c'))", "bool", [True, None, False, None]),
    ("F.array_append('l', F.col('i'))", "list<int64>", [[3, 1, None, 3, 3], [1], None, [5, None]]),
    ("F.array_prepend('w', F.col('c'))", "list<string>", [["b", "a", "b"], [None, "b", None], ["b"], None]),
    ("F.slice('l', 1, F.col('n').cast('int'))", "list<int64>", [[3, 1], [], None, None]),
    ("F.slice('l', F.col('n').cast('int'), 1)", "list<int64>", [[1], [], None, None]),
    ("F.slice('l', F.col('n').cast('int'), F.col('n').cast('int'))", "list<int64>", [[1, None], [], None, None]),
    ("F.slice('l', F.lit(2), F.lit(2))", "list<int64>", [[1, None], [], None, []]),
    ("F.slice('w', -1, 1)", "list<string>", [["b"], [None], [], None]),
    ("F.element_at('l', F.col('n').cast('int'))", "int64", [1, None, None, None]),
    ("F.get('w', F.col('n').cast('int'))", "string", [None, None, None, None]),
    ("F.array_repeat('c', F.col('n').cast('int'))", "list<string>", [["b", "b"], [None], ["b"], None]),
    ("F.instr('c', F.col('c'))", "int32", [1, None, 1, 1]),
    ("F.position('c', F.array_join('w', ''))", "int32", [2, None, 0, None]),
    ("F.locate('b', 'c')", "int32", [1, None, 1, 0]),
    ("F.typeof('l')", "string", ["array<bigint>", "array<bigint>", "array<bigint>", "array<bigint>"]),
    ("F.typeof('w')", "string", ["array<string>", "array<string>", "array<string>", "array<string>"]),
    ("F.typeof('x')", "string", ["double", "double", "double", "double"]),
    ("F.typeof('n')", "string", ["bigint", "bigint", "bigint", "bigint"]),
    ("F.typeof(F.lit(1))", "string", ["int", "int", "int", "int"]),
    ("F.typeof(F.lit('a'))", "string", ["string", "string", "string", "string"]),
    ("F.typeof(F.lit(None))", "string", ["void", "void", "void", "void"]),
    ("F.typeof(F.lit(True))", "string", ["boolean", "boolean", "boolean", "boolean"]),
    ("F.typeof(F.col('n').cast('decimal(9,3)'))", "string", ["decimal(9,3)", "decimal(9,3)", "decimal(9,3)", "decimal(9,3)"]),
    ("F.typeof(F.col('n').cast('tinyint'))", "string", ["tinyint", "tinyint", "tinyint", "tinyint"]),
    ("F.typeof(F.col('n').cast('smallint'))", "string", ["smallint", "smallint", "smallint", "smallint"]),
    ("F.typeof(F.col('n').cast('float'))", "string", ["float", "float", "float", "float"]),
    ("F.typeof(F.to_date(F.lit('2024-01-01')))", "string", ["date", "date", "date", "date"]),
    ("F.typeof(F.to_timestamp(F.lit('2024-01-01')))", "string", ["timestamp", "timestamp", "timestamp", "timestamp"]),
    ("F.typeof(F.struct('n', 'w'))", "string", ["struct<n:bigint,w:array<string>>", "struct<n:bigint,w:array<string>>", "struct<n:bigint,w:array<string>>", "struct<n:bigint,w:array<string>>"]),
    ("F.typeof(F.array(F.struct('c')))", "string", ["array<struct<c:string>>", "array<struct<c:string>>", "array<struct<c:string>>", "array<struct<c:string>>"]),
    ("F.laktory.string_split('c', '', 0)", "string", ["b", None, "b", "a"]),
    ("F.laktory.string_split('c', 'b', -1)", "string", [None, None, None, None]),
    ("F.laktory.roundp('x', 0)", "float64", [None, None, None, None]),
    ("F.laktory.roundp('x', 'x')", "float64", [NAN, None, 1.0, 2.0]),
    ("F.laktory.compare('n', F.lit('1'))", "bool", [False, True, True, None]),
    ("F.laktory.compare('c', F.lit('b'), operator='!=')", "bool", [False, None, False, True]),
]
# fmt: on

VALUES = Together(DATA, CASES)


@pytest.mark.parametrize(("expression", "_kind", "expected"), CASES)
def test_value_of_a_search(
    engine: Engine, expression: str, _kind: str, expected: list[Any]
) -> None:
    VALUES.check(engine, expression, expected)


def test_the_types_of_the_results(engine: Engine) -> None:
    VALUES.check_types(engine, {text: kind for text, kind, _ in CASES})
