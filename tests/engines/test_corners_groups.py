"""Aggregates of groups with nulls, NaN, a single value or none, and of sums beyond a long."""

from __future__ import annotations

import math
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from laktory_dagster.engines.base import Engine
from tests.engines.comparing import plain
from tests.engines.together import Together

NAN = math.nan
DATA: dict[str, list[Any]] = {
    "g": ["a", "a", "a", "b", "b", "c", "c", "d"],
    "v": [1, 2, 2, None, None, 2**63 - 1, 1, 5],
    "x": [1.0, NAN, -1.0, None, None, NAN, NAN, 2.5],
    "y": [1.0, 2.0, 4.0, None, 1.0, 0.0, 0.0, 1.0],
    "b": [True, None, False, None, None, True, True, False],
    "s": ["x", "", "y", None, None, "é", "é", "z"],
    "d": [date(2024, 1, day) for day in range(1, 9)],
    "m": [
        Decimal(n) if n else None for n in ("1.10", "", "-2.25", "", "", "99999999.99", "0.01", "1")
    ],
    "l": [[1], [], None, None, [2], [None], [1], []],
    "i": [1, 2, 3, 4, 5, 6, 7, 8],
}

# The values for the groups a, b, c, d, as Spark gives them.
# fmt: off
CASES: list[tuple[str, list[Any]]] = [
    ("F.sum('x')", [NAN, None, NAN, 2.5]),
    ("F.avg('v')", [1.6666666666666667, None, 4.611686018427388e+18, 5.0]),
    ("F.sum('i')", [6, 9, 13, 8]),
    ("F.try_sum('v')", [5, None, None, 5]),
    ("F.sum_distinct('v')", [3, None, -9223372036854775808, 5]),
    ("F.sum_distinct('x')", [NAN, None, NAN, 2.5]),
    ("F.avg('x')", [NAN, None, NAN, 2.5]),
    ("F.min('x')", [-1.0, None, NAN, 2.5]),
    ("F.max('x')", [NAN, None, NAN, 2.5]),
    ("F.min('s')", ["", None, "é", "z"]),
    ("F.max('s')", ["y", None, "é", "z"]),
    ("F.min('b')", [False, None, True, False]),
    ("F.max('d')", [date(2024, 1, 3), date(2024, 1, 5), date(2024, 1, 7), date(2024, 1, 8)]),
    ("F.count('x')", [3, 0, 2, 1]),
    ("F.count('*')", [3, 2, 2, 1]),
    ("F.count(F.lit(1))", [3, 2, 2, 1]),
    ("F.count(F.lit(None))", [0, 0, 0, 0]),
    ("F.countDistinct('x')", [3, 0, 1, 1]),
    ("F.countDistinct('s','b')", [2, 0, 1, 1]),
    ("F.countDistinct('v','x')", [3, 0, 2, 1]),
    ("F.approx_count_distinct('x')", [3, 0, 1, 1]),
    ("F.count_if(F.col('v')>1)", [2, 0, 1, 1]),
    ("F.count_if('b')", [1, 0, 2, 0]),
    ("F.first('v')", [1, None, 9223372036854775807, 5]),
    ("F.first('v',True)", [1, None, 9223372036854775807, 5]),
    ("F.last('s',True)", ["y", None, "é", "z"]),
    ("F.any_value('x')", [1.0, None, NAN, 2.5]),
    ("F.median('y')", [2.0, 1.0, 0.0, 1.0]),
    ("F.median('v')", [2.0, None, 4.611686018427388e+18, 5.0]),
    ("F.median('x')", [1.0, None, NAN, 2.5]),
    ("F.percentile('y',0.5)", [2.0, 1.0, 0.0, 1.0]),
    ("F.percentile('y',[0.25,0.75])", [[1.5, 3.0], [1.0, 1.0], [0.0, 0.0], [1.0, 1.0]]),
    ("F.percentile('i',0.3)", [1.6, 4.3, 6.299999999999999, 8.0]),
    ("F.percentile_approx('y',0.5)", [2.0, 1.0, 0.0, 1.0]),
    ("F.percentile_approx('y',[0.0,1.0])", [[1.0, 4.0], [1.0, 1.0], [0.0, 0.0], [1.0, 1.0]]),
    ("F.percentile_approx('i',0.5)", [2, 4, 6, 8]),
    ("F.percentile_approx('i',0.34)", [2, 4, 6, 8]),
    ("F.product('y')", [8.0, 1.0, 0.0, 1.0]),
    ("F.product('v')", [4.0, None, 9.223372036854776e+18, 5.0]),
    ("F.stddev('y')", [1.5275252316519465, None, 0.0, None]),
    ("F.stddev_pop('y')", [1.247219128924647, 0.0, 0.0, 0.0]),
    ("F.variance('y')", [2.333333333333333, None, 0.0, None]),
    ("F.var_pop('y')", [1.5555555555555554, 0.0, 0.0, 0.0]),
    ("F.skewness('y')", [0.3818017741606068, None, None, None]),
    ("F.kurtosis('y')", [-1.5000000000000009, None, None, None]),
    ("F.corr('i','y')", [0.9819805060619659, None, None, None]),
    ("F.covar_pop('i','y')", [1.0, 0.0, 0.0, 0.0]),
    ("F.covar_samp('i','y')", [1.5, None, 0.0, None]),
    ("F.max_by('s','y')", ["y", None, "é", "z"]),
    ("F.min_by('s','y')", ["x", None, "é", "z"]),
    ("F.max_by('s','x')", ["", None, "é", "z"]),
    ("F.min_by('s','x')", ["y", None, "é", "z"]),
    ("F.bool_and('b')", [False, None, True, False]),
    ("F.bool_or('b')", [True, None, True, False]),
    ("F.every('b')", [False, None, True, False]),
    ("F.some('b')", [True, None, True, False]),
    ("F.collect_list('v')", [[1, 2, 2], [], [9223372036854775807, 1], [5]]),
    ("F.collect_list('l')", [[[1], []], [[2]], [[None], [1]], [[]]]),
    ("F.sort_array(F.collect_set('v'))", [[1, 2], [], [1, 9223372036854775807], [5]]),
    ("F.sort_array(F.collect_set('x'))", [[-1.0, 1.0, NAN], [], [NAN], [2.5]]),
    ("F.listagg('s')", ["xy", None, "éé", "z"]),
    ("F.listagg('s',F.lit('-'))", ["x--y", None, "é-é", "z"]),
    ("F.string_agg('v',F.lit(','))", ["1,2,2", None, "9223372036854775807,1", "5"]),
    ("F.array_agg('s')", [["x", "", "y"], [], ["é", "é"], ["z"]]),
    ("F.count_distinct('l')", [2, 1, 2, 1]),
    ("F.sum(F.col('x')*2)", [NAN, None, NAN, 5.0]),
    ("F.sum(F.col('i').cast('tinyint'))", [6, 9, 13, 8]),
    ("F.avg(F.col('i').cast('int'))", [2.0, 4.5, 6.5, 8.0]),
    ("F.sum(F.col('y').cast('float'))", [7.0, 1.0, 0.0, 1.0]),
    ("F.sum(F.when(F.col('b'),1).otherwise(0))", [1, 0, 2, 0]),
    ("F.count(F.when(F.col('b'),1))", [1, 0, 2, 0]),
    ("F.round(F.avg('y'),1)", [2.3, 1.0, 0.0, 1.0]),
    ("F.stddev('i')", [1.0, 0.7071067811865476, 0.7071067811865476, None]),
    ("F.corr('y','y')", [1.0, None, None, None]),
    ("F.skewness('i')", [0.0, 0.0, 0.0, None]),
    ("F.kurtosis('i')", [-1.5, -2.0, -2.0, None]),
    ("F.var_samp('v')", [0.33333333333333337, None, 4.253529586511731e+37, None]),
]
# fmt: on

VALUES = Together(DATA, CASES, by="g")


@pytest.mark.parametrize(("expression", "expected"), CASES)
def test_value_of_groups(engine: Engine, expression: str, expected: list[Any]) -> None:
    rows = sorted(VALUES.rows(engine, expression), key=lambda row: row["g"])
    found = [row["result"] for row in rows]
    assert plain(found) == plain(expected)
    assert [type(value) for value in found] == [type(value) for value in expected]
