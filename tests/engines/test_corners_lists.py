"""Functions of arrays, structs and JSON: null and empty arrays, null items, NaN among the items."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest

from laktory_dagster.engines.base import Engine
from tests.engines.together import Together

NAN = math.nan


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


DATA: dict[str, list[Any]] = {
    "id": [0, 1, 2, 3, 4],
    "l": [[3, 1, None, 3], [], None, [None], [5]],
    "m": [[1, 3], [1], [2], [None], None],
    "w": [["b", "a", None], [""], [], None, ["x", "x"]],
    "z": [[1.0, NAN, -0.0, 0.0], [NAN, NAN], [], None, [None, 2.0]],
    "nn": [[[1], None, [2, None]], [[]], [], None, [[3], [3]]],
    "n": [2, -1, 0, None, 99],
    "st": [
        {"k": 1, "v": "a"},
        {"k": None, "v": ""},
        None,
        {"k": 3, "v": None},
        {"k": 0, "v": '"q"'},
    ],
    "j": ['{"a":1,"b":[1,2]}', "[1]", "nope", None, '{"a":null,"b":"x","c":{"d":1.50}}'],
    "i": [3, 1, 2, None, 5],
}

# The values in the rows above, as Spark gives them.
# fmt: off
CASES: list[tuple[str, list[Any]]] = [
    ("F.array_contains('l',3)", [True, False, None, None, False]),
    ("F.array_contains('z',0.0)", [True, False, False, None, None]),
    ("F.array_distinct('l')", [[3, 1, None], [], None, [None], [5]]),
    ("F.array_distinct('z')", [[1.0, NAN, 0.0], [NAN], [], None, [None, 2.0]]),
    ("F.array_distinct('nn')", [[[1], None, [2, None]], [[]], [], None, [[3]]]),
    ("F.array_max('l')", [3, None, None, None, 5]),
    ("F.array_max('z')", [NAN, NAN, None, None, 2.0]),
    ("F.array_max('w')", ["b", "", None, None, "x"]),
    ("F.array_size('l')", [4, 0, None, 1, 1]),
    ("F.size('l')", [4, 0, None, 1, 1]),
    ("F.cardinality('l')", [4, 0, None, 1, 1]),
    ("F.array_join('l','-')", ["3-1-3", "", None, "", "5"]),
    ("F.array_join('w','-')", ["b-a", "", "", None, "x-x"]),
    ("F.array_join('w','-','NULL')", ["b-a-NULL", "", "", None, "x-x"]),
    ("F.array_join('z',',')", ["1.0,NaN,-0.0,0.0", "NaN,NaN", "", None, "2.0"]),
    ("F.array_sort('l')", [[1, 3, 3, None], [], None, [None], [5]]),
    ("F.array_sort('z')", [[-0.0, 0.0, 1.0, NAN], [NAN, NAN], [], None, [2.0, None]]),
    ("F.sort_array('w')", [[None, "a", "b"], [""], [], None, ["x", "x"]]),
    ("F.sort_array('z',False)", [[NAN, 1.0, -0.0, 0.0], [NAN, NAN], [], None, [2.0, None]]),
    ("F.sort_array('z')", [[-0.0, 0.0, 1.0, NAN], [NAN, NAN], [], None, [None, 2.0]]),
    ("F.sort_array('l',True)", [[None, 1, 3, 3], [], None, [None], [5]]),
    ("F.array_append('l',4)", [[3, 1, None, 3, 4], [4], None, [None, 4], [5, 4]]),
    ("F.array_prepend('l',4)", [[4, 3, 1, None, 3], [4], None, [4, None], [4, 5]]),
    ("F.array_compact('w')", [["b", "a"], [""], [], None, ["x", "x"]]),
    ("F.array_position('l',3)", [1, 0, None, 0, 0]),
    ("F.array_position('z',0.0)", [3, 0, 0, None, 0]),
    ("F.array_remove('l',3)", [[1, None], [], None, [None], [5]]),
    ("F.array_repeat('i',2)", [[3, 3], [1, 1], [2, 2], [None, None], [5, 5]]),
    ("F.array_repeat('i',0)", [[], [], [], [], []]),
    ("F.array_repeat('l',2)", [[[3, 1, None, 3], [3, 1, None, 3]], [[], []], [None, None], [[None], [None]], [[5], [5]]]),
    ("F.arrays_overlap('l','m')", [True, False, None, None, None]),
    ("F.arrays_overlap('m','l')", [True, False, None, None, None]),
    ("F.array_intersect('l','m')", [[3, 1], [], None, [None], None]),
    ("F.array_intersect('z','z')", [[1.0, NAN, 0.0], [NAN], [], None, [None, 2.0]]),
    ("F.array_except('l','m')", [[None], [], None, [], None]),
    ("F.array_except('z','z')", [[], [], [], None, []]),
    ("F.array_union('l','m')", [[3, 1, None], [1], None, [None], None]),
    ("F.array_union('z','z')", [[1.0, NAN, 0.0], [NAN], [], None, [None, 2.0]]),
    ("F.element_at('l',2)", [1, None, None, None, None]),
    ("F.element_at('l',-2)", [None, None, None, None, None]),
    ("F.try_element_at('l',F.lit(2))", [1, None, None, None, None]),
    ("F.try_element_at('l',F.lit(-1))", [3, None, None, None, 5]),
    ("F.get('l',-1)", [None, None, None, None, None]),
    ("F.get('l',0)", [3, None, None, None, 5]),
    ("F.flatten('nn')", [None, [], [], None, [3, 3]]),
    ("F.slice('l',2,2)", [[1, None], [], None, [], []]),
    ("F.slice('l',-1,1)", [[3], [], None, [None], [5]]),
    ("F.slice('l',-3,2)", [[1, None], [], None, [], []]),
    ("F.slice('l',1,0)", [[], [], None, [], []]),
    ("F.reverse('l')", [[3, None, 1, 3], [], None, [None], [5]]),
    ("F.reverse('w')", [[None, "a", "b"], [""], [], None, ["x", "x"]]),
    ("F.concat('l','m')", [[3, 1, None, 3, 1, 3], [1], None, [None, None], None]),
    ("F.concat('w','w')", [["b", "a", None, "b", "a", None], ["", ""], [], None, ["x", "x", "x", "x"]]),
    ("F.struct('st')", [{"st": {"k": 1, "v": "a"}}, {"st": {"k": None, "v": ""}}, {"st": None}, {"st": {"k": 3, "v": None}}, {"st": {"k": 0, "v": '"q"'}}]),
    ("F.to_json('st')", ['{"k":1,"v":"a"}', '{"v":""}', None, '{"k":3}', '{"k":0,"v":"\\"q\\""}']),
    ("F.to_json('l')", ["[3,1,null,3]", "[]", None, "[null]", "[5]"]),
    ("F.to_json(F.struct('i','w'))", ['{"i":3,"w":["b","a",null]}', '{"i":1,"w":[""]}', '{"i":2,"w":[]}', "{}", '{"i":5,"w":["x","x"]}']),
    ("F.from_json('j','a INT, b ARRAY<INT>')", [{"a": 1, "b": [1, 2]}, {"a": None, "b": None}, {"a": None, "b": None}, None, {"a": None, "b": None}]),
    ("F.from_json('j','array<int>')", [None, [1], None, None, None]),
    ("F.from_json('j','c STRUCT<d: DOUBLE>')", [{"c": None}, {"c": None}, {"c": None}, None, {"c": {"d": 1.5}}]),
    ("F.get_json_object('j','$.a')", ["1", None, None, None, None]),
    ("F.get_json_object('j','$.b')", ["[1,2]", None, None, None, "x"]),
    ("F.get_json_object('j','$.b[0]')", ["1", None, None, None, None]),
    ("F.get_json_object('j','$.c.d')", [None, None, None, None, "1.5"]),
    ("F.get_json_object('j','$')", ['{"a":1,"b":[1,2]}', "[1]", None, None, '{"a":null,"b":"x","c":{"d":1.5}}']),
    ("F.get_json_object('j','$[0]')", [None, "1", None, None, None]),
    ("F.col('st.k')", [1, None, None, 3, 0]),
    ("F.col('st')['v']", ["a", "", None, None, '"q"']),
    ("F.col('l')[0]", [3, None, None, None, 5]),
    ("F.col('l').getItem(1)", [1, None, None, None, None]),
    ("F.col('st').getField('v')", ["a", "", None, None, '"q"']),
    ("F.array_min('l')", [1, None, None, None, 5]),
    ("F.concat_ws('|','w')", ["b|a", "", "", "", "x|x"]),
    ("F.concat_ws('|','w','j')", ['b|a|{"a":1,"b":[1,2]}', "|[1]", "nope", "", 'x|x|{"a":null,"b":"x","c":{"d":1.50}}']),
    ("F.arrays_overlap('z','z')", [True, True, False, None, True]),
    ("F.coalesce('l','m')", [[3, 1, None, 3], [], [2], [None], [5]]),
    ("F.nvl('l','m')", [[3, 1, None, 3], [], [2], [None], [5]]),
    ("F.array_contains('w','')", [None, True, False, None, False]),
    ("F.array_position('w','')", [0, 1, 0, None, 0]),
    ("F.array_remove('w','x')", [["b", "a", None], [""], [], None, []]),
    ("F.equal_null('l','m')", [False, False, False, True, False]),
    ("F.col('l').isNull()", [False, False, True, False, False]),
    ("F.array_join('w','','')", ["ba", "", "", None, "xx"]),
    ("F.array_append('l',F.col('i'))", [[3, 1, None, 3, 3], [1], None, [None, None], [5, 5]]),
    ("F.get('l',-2)", [None, None, None, None, None]),
    ("F.array_max('z')", [NAN, NAN, None, None, 2.0]),
    ("F.col('l').getItem(-1)", [None, None, None, None, None]),
    ("F.col('w').getItem(0)", ["b", "", None, None, "x"]),
    ("F.slice('w',1,2)", [["b", "a"], [""], [], None, ["x", "x"]]),
    ("F.sequence(F.lit(1),F.col('i'))", [[1, 2, 3], [1], [1, 2], None, [1, 2, 3, 4, 5]]),
    ("F.struct('i','n')", [{"i": 3, "n": 2}, {"i": 1, "n": -1}, {"i": 2, "n": 0}, {"i": None, "n": None}, {"i": 5, "n": 99}]),
]
# fmt: on

VALUES = Together(DATA, CASES)


@pytest.mark.parametrize(("expression", "expected"), CASES)
def test_value_of_lists(engine: Engine, expression: str, expected: list[Any]) -> None:
    VALUES.check(engine, expression, expected)
