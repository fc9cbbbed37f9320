"""Every function of `F.` on values whose result Spark's documentation, or arithmetic, gives."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from typing import Any

import pytest

from laktory_dagster.engines.base import Engine
from laktory_dagster.engines.polars.spark_functions import SUPPORTED
from laktory_dagster.expressions.catalog import expression_functions
from laktory_dagster.expressions.python import parse_argument
from laktory_dagster.expressions.spark_on_polars import FUNCTIONS, missing_functions
from tests.engines.together import Together
from tests.engines.transforming import MOMENT, rows, step, types

NAN = float("nan")
ROW: dict[str, list[Any]] = {
    "i": [7],
    "j": [-3],
    "z": [0],
    "x": [2.5],
    "y": [-2.5],
    "nan": [NAN],
    "none": [None],
    "yes": [True],
    "s": ["Spark SQL"],
    "pad": ["  a b  "],
    "csv": ["a,b,,c"],
    "json": ['{"k": {"v": 5}}'],
    "day": [date(2024, 2, 29)],
    "text_day": ["2024-03-10"],
    "time": [datetime(2024, 2, 29, 13, 45, 59, 123456, tzinfo=UTC)],
    "epoch": [1_700_000_000],
    "list": [[3, 1, 2, 3]],
    "gaps": [[1, None, 3]],
    "other": [[3, 4]],
    "words": [["b", "a"]],
    "nested": [[[1], [2, 3]]],
    "st": [{"k": 1, "v": "one"}],
}


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


# fmt: off
SCALARS: list[tuple[str, Any]] = [
    # numbers
    ("F.abs('j')", 3), ("F.negative('i')", -7), ("F.negate('i')", -7), ("F.positive('i')", 7),
    ("F.ceil('x')", 3), ("F.ceiling('y')", -2), ("F.floor('x')", 2), ("F.rint('x')", 2.0),
    ("F.round('x')", 3.0), ("F.round('y')", -3.0), ("F.round(F.lit(1234), -2)", 1200.0),
    ("F.round(F.lit(1.005), 1)", 1.0), ("F.bround('x')", 2.0), ("F.sqrt(F.lit(16.0))", 4.0),
    ("F.cbrt(F.lit(27.0))", 3.0), ("F.exp(F.lit(0.0))", 1.0), ("F.expm1(F.lit(0.0))", 0.0),
    ("F.ln(F.lit(1.0))", 0.0), ("F.ln('z')", None), ("F.log(F.lit(1.0))", 0.0),
    ("F.log(2.0, F.lit(8.0))", 3.0), ("F.log10(F.lit(1000.0))", 3.0), ("F.log2(F.lit(8.0))", 3.0),
    ("F.log1p(F.lit(0.0))", 0.0), ("F.log1p(F.lit(-2.0))", None), ("F.pow('i', 2)", 49.0),
    ("F.power('i', F.lit(2))", 49.0), ("F.pmod('j', F.lit(5))", 2), ("F.pmod('i', F.lit(5))", 2),
    ("F.try_mod('j', F.lit(2))", -1), ("F.try_mod('j', 'z')", None), ("F.sign('j')", -1.0),
    ("F.signum('x')", 1.0), ("F.hypot(F.lit(3.0), F.lit(4.0))", 5.0), ("F.factorial(F.lit(5))", 120),
    ("F.factorial('j')", None), ("F.e()", math.e), ("F.pi()", math.pi), ("F.bit_count('i')", 3),
    ("F.bitwise_not('i')", -8), ("F.bitwiseNOT('i')", -8), ("F.degrees(F.lit(0.0))", 0.0),
    ("F.toDegrees(F.lit(0.0))", 0.0), ("F.radians(F.lit(180.0))", math.pi),
    ("F.toRadians(F.lit(180.0))", math.pi), ("F.greatest('i', 'j', 'none')", 7),
    ("F.least('i', 'j', 'none')", -3), ("F.try_add('i', 'j')", 4), ("F.try_subtract('i', 'j')", 10),
    ("F.try_multiply('i', 'j')", -21), ("F.try_divide('i', F.lit(2))", 3.5),
    ("F.try_divide('i', 'z')", None), ("F.zeroifnull('none')", 0), ("F.nullifzero('z')", None),
    ("F.sin('z')", 0.0), ("F.cos('z')", 1.0), ("F.tan('z')", 0.0), ("F.asin(F.lit(1.0))", math.pi / 2),
    ("F.acos(F.lit(1.0))", 0.0), ("F.atan(F.lit(1.0))", math.pi / 4), ("F.sinh('z')", 0.0),
    ("F.atan2(F.lit(1.0), F.lit(1.0))", math.pi / 4), ("F.cosh('z')", 1.0), ("F.tanh('z')", 0.0),
    ("F.asinh('z')", 0.0), ("F.acosh(F.lit(1.0))", 0.0), ("F.atanh('z')", 0.0),
    ("F.cot(F.lit(0.7853981633974483))", 1.0), ("F.sec('z')", 1.0),
    ("F.csc(F.lit(1.5707963267948966))", 1.0),
    # conditions and nulls
    ("F.coalesce('none', 'i')", 7), ("F.ifnull('none', 'i')", 7), ("F.nvl('none', 'i')", 7),
    ("F.nvl2('none', 'i', 'j')", -3), ("F.nvl2('s', 'i', 'j')", 7), ("F.nullif('i', F.lit(7))", None),
    ("F.nullif('i', F.lit(8))", 7), ("F.nullif('i', 'none')", 7), ("F.nanvl('nan', 'x')", 2.5),
    ("F.nanvl('x', 'y')", 2.5), ("F.isnan('nan')", True), ("F.isnan('none')", False),
    ("F.isnull('none')", True), ("F.isnotnull('none')", False), ("F.equal_null('none', 'none')", True),
    ("F.when(F.col('i') > 5, 'big').otherwise('small')", "big"), ("F.when(F.col('i') > 9, 1)", None),
    ("F.when(F.col('i') > 9, 1).when(F.col('i') > 5, F.col('j')).otherwise(0)", -3),
    ("F.lit('s')", "s"), ("F.col('st.v')", "one"), ("F.column('i')", 7), ("F.expr('i + j')", 4),
    # Each engine calls a type by its own name.
    ("F.typeof('list').isin('list<int64>', 'array<bigint>')", True),
    # texts
    ("F.upper('s')", "SPARK SQL"), ("F.ucase('s')", "SPARK SQL"), ("F.lower('s')", "spark sql"),
    ("F.lcase('s')", "spark sql"), ("F.initcap(F.lit('sPARK sql'))", "Spark Sql"),
    ("F.trim('pad')", "a b"), ("F.ltrim('pad')", "a b  "), ("F.rtrim('pad')", "  a b"),
    ("F.btrim('pad')", "a b"), ("F.trim(F.lit('xxaxx'), F.lit('x'))", "a"), ("F.length('s')", 9),
    ("F.char_length(F.lit('é'))", 1), ("F.character_length('s')", 9),
    ("F.octet_length(F.lit('é'))", 2), ("F.bit_length(F.lit('ab'))", 16),
    ("F.concat('s', F.lit('!'))", "Spark SQL!"), ("F.concat('s', 'none')", None),
    ("F.concat_ws('-', 's', 'none', F.lit('x'))", "Spark SQL-x"), ("F.substring('s', 1, 5)", "Spark"),
    ("F.substring('s', -3, 2)", "SQ"), ("F.substring('s', 0, 2)", "Sp"),
    ("F.substring(F.lit('ab'), -3, 2)", "a"), ("F.substr('s', F.lit(7))", "SQL"),
    ("F.left('s', F.lit(2))", "Sp"), ("F.right('s', F.lit(3))", "SQL"), ("F.lpad('i', 3, '0')", "007"),
    ("F.lpad('s', 3, 'x')", "Spa"), ("F.rpad(F.lit('ab'), 5, 'xy')", "abxyx"),
    ("F.repeat(F.lit('ab'), 3)", "ababab"), ("F.repeat('none', 2)", None),
    ("F.reverse(F.lit('abc'))", "cba"), ("F.replace('s', F.lit('SQL'), F.lit('ML'))", "Spark ML"),
    ("F.translate(F.lit('translate'), 'rnlt', '123')", "1a2s3ae"), ("F.instr('s', 'SQL')", 7),
    ("F.instr('s', 'x')", 0), ("F.instr(F.lit('éa'), 'a')", 2), ("F.locate('a', F.lit('banana'), 3)", 4),
    ("F.position(F.lit('S'), 's')", 1), ("F.contains('s', F.lit('SQL'))", True),
    ("F.startswith('s', F.lit('Spark'))", True), ("F.endswith('s', F.lit('x'))", False),
    ("F.like('s', F.lit('Spark%'))", True), ("F.like('s', F.lit('Spark_'))", False),
    ("F.ilike('s', F.lit('spark%'))", True), ("F.rlike('s', F.lit('^S.*L$'))", True),
    ("F.regexp('s', F.lit('k S'))", True), ("F.regexp_like('s', F.lit('z'))", False),
    ("F.regexp_count('s', F.lit('S'))", 2), ("F.regexp_extract('s', '(\\\\w+) (\\\\w+)', 2)", "SQL"),
    ("F.regexp_extract('s', '(x)', 1)", ""), ("F.regexp_extract('none', '(x)', 1)", None),
    ("F.regexp_extract_all('csv', F.lit('([a-c])'))", ["a", "b", "c"]),
    ("F.regexp_replace('s', '(S)', '<$1>')", "<S>park <S>QL"),
    ("F.regexp_replace('s', 'S(p)', '$1x')", "pxark SQL"),
    ("F.regexp_substr('s', F.lit('S[A-Z]+'))", "SQL"), ("F.split('csv', ',')", ["a", "b", "", "c"]),
    ("F.split('csv', ',', 2)", ["a", "b,,c"]), ("F.split(F.lit('a1b22c'), '[0-9]+')", ["a", "b", "c"]),
    ("F.split_part('csv', F.lit(','), F.lit(2))", "b"), ("F.split_part('csv', F.lit(','), F.lit(9))", ""),
    ("F.split_part('csv', F.lit(','), F.lit(-1))", "c"), ("F.format_string('%s is %d%%', 's', 'i')", "Spark SQL is 7%"),
    ("F.md5(F.lit('abc'))", "900150983cd24fb0d6963f7d28e17f72"), ("F.crc32(F.lit('ABC'))", 2743272264),
    ("F.sha(F.lit('abc'))", "a9993e364706816aba3e25717850c26c9cd0d89d"),
    ("F.sha1(F.lit('abc'))", "a9993e364706816aba3e25717850c26c9cd0d89d"),
    ("F.sha2(F.lit('abc'), 224)", "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"),
    ("F.base64(F.lit('abc'))", "YWJj"), ("F.unbase64(F.lit('YWJj'))", b"abc"), ("F.hex(F.lit('ab'))", "6162"),
    # times
    ("F.current_timestamp()", MOMENT), ("F.now()", MOMENT), ("F.current_date()", MOMENT.date()),
    ("F.curdate()", MOMENT.date()), ("F.localtimestamp()", MOMENT.replace(tzinfo=None)),
    ("F.to_date('text_day')", date(2024, 3, 10)), ("F.to_date('s')", None), ("F.to_date('time')", date(2024, 2, 29)),
    ("F.to_date(F.lit('10.03.2024'), 'dd.MM.yyyy')", date(2024, 3, 10)), ("F.try_to_date('text_day')", date(2024, 3, 10)),
    ("F.to_timestamp('text_day')", at(2024, 3, 10)), ("F.to_timestamp(F.lit('2024-03-10T01:02:03.5+01:00'))", at(2024, 3, 10, 0, 2, 3, 500000)),
    ("F.to_timestamp(F.lit('10/03/2024 04:05'), 'dd/MM/yyyy HH:mm')", at(2024, 3, 10, 4, 5)),
    ("F.to_timestamp_ltz('text_day')", at(2024, 3, 10)), ("F.try_to_timestamp('s')", None),
    ("F.date_format('time', 'yyyy-MM-dd HH:mm:ss.SSS')", "2024-02-29 13:45:59.123"),
    ("F.date_format('day', \"EEE d MMM yy 'at' h a\")", "Thu 29 Feb 24 at 12 AM"), ("F.year('time')", 2024),
    ("F.quarter('day')", 1), ("F.month('day')", 2), ("F.day('day')", 29), ("F.dayofmonth('day')", 29),
    ("F.dayofweek('day')", 5), ("F.weekday('day')", 3), ("F.dayofyear('day')", 60), ("F.weekofyear('day')", 9),
    ("F.hour('time')", 13), ("F.minute('time')", 45), ("F.second('time')", 59), ("F.year('text_day')", 2024),
    ("F.dayname('day')", "Thu"), ("F.monthname('day')", "Feb"), ("F.date_add('day', 1)", date(2024, 3, 1)),
    pytest.param(
        "F.dateadd('day', 'i')", date(2024, 3, 7), marks=pytest.mark.lacks("spark", "date_add")
    ),
    ("F.date_sub('day', 29)", date(2024, 1, 31)),
    ("F.datediff('text_day', 'day')", 10), ("F.date_diff('day', 'text_day')", -10), ("F.add_months('day', 12)", date(2025, 2, 28)),
    ("F.add_months('day', -1)", date(2024, 1, 29)), ("F.last_day('day')", date(2024, 2, 29)), ("F.next_day('day', 'Mon')", date(2024, 3, 4)),
    ("F.next_day('day', 'thursday')", date(2024, 3, 7)), ("F.trunc('day', 'month')", date(2024, 2, 1)), ("F.trunc('time', 'year')", date(2024, 1, 1)),
    ("F.date_trunc('hour', 'time')", at(2024, 2, 29, 13)), ("F.date_trunc('week', 'time')", at(2024, 2, 26)),
    ("F.months_between(F.lit('1997-02-28 10:30:00'), F.lit('1996-10-30'))", 3.94959677),
    ("F.months_between(F.lit('2024-03-31'), F.lit('2024-02-29'))", 1.0),
    ("F.unix_timestamp('time')", 1709214359), ("F.unix_timestamp(F.lit('2024-03-10'), 'yyyy-MM-dd')", 1710028800),
    ("F.unix_seconds('time')", 1709214359), ("F.unix_millis('time')", 1709214359123), ("F.unix_micros('time')", 1709214359123456),
    ("F.unix_date('day')", 19782), ("F.date_from_unix_date(F.lit(1))", date(1970, 1, 2)), ("F.from_unixtime('epoch')", "2023-11-14 22:13:20"),
    ("F.timestamp_seconds('epoch')", at(2023, 11, 14, 22, 13, 20)), ("F.timestamp_millis(F.lit(1500))", at(1970, 1, 1, 0, 0, 1, 500000)),
    ("F.timestamp_micros(F.lit(1))", at(1970, 1, 1, 0, 0, 0, 1)), ("F.from_utc_timestamp('time', 'Europe/Berlin')", at(2024, 2, 29, 14, 45, 59, 123456)),
    ("F.to_utc_timestamp('time', 'America/New_York')", at(2024, 2, 29, 18, 45, 59, 123456)), ("F.make_date(F.lit(2024), F.lit(2), F.lit(30))", None),
    ("F.make_date(F.lit(2024), F.lit(2), F.lit(28))", date(2024, 2, 28)),
    # arrays, structs, JSON
    ("F.array('i', 'j')", [7, -3]), ("F.array_contains('list', 2)", True), ("F.array_contains('words', 'z')", False),
    ("F.array_distinct('list')", [3, 1, 2]), ("F.array_max('list')", 3), ("F.array_min('list')", 1), ("F.array_size('list')", 4),
    ("F.size('list')", 4), ("F.cardinality('list')", 4), ("F.array_join('words', '-')", "b-a"), ("F.array_join('gaps', ',', '?')", "1,?,3"),
    ("F.array_join('gaps', ',')", "1,3"), ("F.array_sort('gaps')", [1, 3, None]), ("F.sort_array('gaps')", [None, 1, 3]),
    ("F.sort_array('gaps', False)", [3, 1, None]), ("F.array_append('other', 5)", [3, 4, 5]), ("F.array_prepend('other', 5)", [5, 3, 4]),
    ("F.array_compact('gaps')", [1, 3]), ("F.array_position('list', 2)", 3), ("F.array_position('list', 9)", 0),
    ("F.array_remove('list', 3)", [1, 2]), ("F.array_repeat('i', 2)", [7, 7]), ("F.arrays_overlap('list', 'other')", True),
    ("F.array_intersect('list', 'other')", [3]), ("F.array_except('other', 'list')", [4]), ("F.array_union('other', 'list')", [3, 4, 1, 2]),
    ("F.element_at('list', 1)", 3), ("F.element_at('list', -1)", 3), ("F.try_element_at('list', F.lit(9))", None), ("F.get('list', 1)", 1),
    ("F.flatten('nested')", [1, 2, 3]), ("F.slice('list', 2, 2)", [1, 2]), ("F.slice('list', -2, 2)", [2, 3]),
    ("F.sequence(F.lit(1), F.lit(3))", [1, 2, 3]), ("F.sequence(F.lit(3), F.lit(1))", [3, 2, 1]), ("F.sequence(F.lit(1), F.lit(6), F.lit(2))", [1, 3, 5]),
    ("F.struct('i', 's')", {"i": 7, "s": "Spark SQL"}), ("F.named_struct(F.lit('a'), 'i')", {"a": 7}), ("F.to_json('st')", '{"k":1,"v":"one"}'),
    ("F.from_json('json', 'k STRUCT<v: INT>')", {"k": {"v": 5}}), ("F.get_json_object('json', '$.k.v')", "5"),
]

GROUP = {"v": [1, 2, 2, None], "w": [10.0, 20.0, 30.0, 40.0], "b": [True, True, None, False], "t": ["x", "y", "y", None]}
AGGREGATES: list[tuple[str, Any]] = [
    ("F.sum('v')", 5), ("F.try_sum('v')", 5), ("F.sum_distinct('v')", 3), ("F.sumDistinct('v')", 3), ("F.avg('w')", 25.0),
    ("F.mean('w')", 25.0), ("F.min('v')", 1), ("F.max('t')", "y"), ("F.count('v')", 3), ("F.count('*')", 4), ("F.count(F.lit(1))", 4),
    ("F.countDistinct('v')", 2), ("F.count_distinct('v', 't')", 2), ("F.approx_count_distinct('v')", 2), ("F.approxCountDistinct('v')", 2),
    ("F.count_if(F.col('v') > 1)", 2), ("F.first('v')", 1), ("F.last('v')", None), ("F.last('v', True)", 2), ("F.first_value('t')", "x"),
    ("F.last_value('t', ignoreNulls=True)", "y"), ("F.any_value('v')", 1), ("F.median('w')", 25.0), ("F.mode('v')", 2),
    ("F.percentile('w', 0.25)", 17.5), ("F.percentile_approx('w', 0.5)", 20.0), ("F.approx_percentile('w', 0.5)", 20.0),
    ("F.product('v')", 4), ("F.stddev_pop('w')", math.sqrt(125)), ("F.stddev('w')", math.sqrt(500 / 3)), ("F.std('w')", math.sqrt(500 / 3)),
    ("F.stddev_samp('w')", math.sqrt(500 / 3)), ("F.var_pop('w')", 125.0), ("F.variance('w')", 500 / 3), ("F.var_samp('w')", 500 / 3),
    ("F.skewness('w')", 0.0), ("F.kurtosis('w')", -1.36), ("F.corr('w', F.col('w') * 2)", 1.0), ("F.covar_pop('w', 'w')", 125.0),
    ("F.covar_samp('w', 'w')", 500 / 3), ("F.max_by('t', 'w')", None), ("F.min_by('t', 'w')", "x"), ("F.bool_and('b')", False),
    ("F.every('b')", False), ("F.bool_or('b')", True), ("F.some('b')", True), ("F.array_agg('v')", [1, 2, 2]), ("F.collect_list('v')", [1, 2, 2]), ("F.collect_set('v')", [1, 2]),
    ("F.string_agg('t', F.lit(','))", "x,y,y"), ("F.listagg('t')", "xyy"),
]

SERIES = {"g": ["a", "a", "a", "b"], "o": [3, 1, 1, 5]}
WINDOWS: list[tuple[str, list[Any]]] = [
    ("F.rank().over('g', order_by='o')", [3, 1, 1, 1]), ("F.dense_rank().over('g', order_by='o')", [2, 1, 1, 1]),
    ("F.percent_rank().over('g', order_by='o')", [1.0, 0.0, 0.0, 0.0]), ("F.cume_dist().over('g', order_by='o')", [1.0, 2 / 3, 2 / 3, 1.0]),
    ("F.ntile(2).over('g', order_by='o')", [2, 1, 1, 1]), ("F.row_number().over('g', order_by='o')", [3, 1, 2, 1]),
    ("F.lag('o').over('g', order_by='o')", [1, None, 1, None]), ("F.lead('o', 1, 0).over('g', order_by='o')", [0, 1, 3, 0]),
    ("F.sum('o').over('g')", [5, 5, 5, 5]), ("F.explode(F.array('o'))", [3, 1, 1, 5]),
    ("F.explode_outer(F.array('o'))", [3, 1, 1, 5]),
]
ORDERINGS: list[tuple[str, list[Any]]] = [
    ("F.asc('v')", [None, 1, 2]), ("F.asc_nulls_first('v')", [None, 1, 2]), ("F.asc_nulls_last('v')", [1, 2, None]),
    ("F.desc('v')", [2, 1, None]), ("F.desc_nulls_first('v')", [None, 2, 1]), ("F.desc_nulls_last('v')", [2, 1, None]),
]
# fmt: on


def same(found: Any, expected: Any) -> bool:
    if isinstance(expected, float) and isinstance(found, float):
        return found == pytest.approx(expected, abs=1e-8)
    if {type(found), type(expected)} == {int, float}:
        return found == expected  # Spark has integers where the Polars engine counts in floats.
    return found == expected and type(found) is type(expected)


VALUES = Together(ROW, SCALARS)
GROUP_VALUES = Together({"k": [1, 1, 1, 1], **GROUP}, AGGREGATES, by="k")
WINDOW_VALUES = Together(SERIES, WINDOWS)


@pytest.mark.parametrize(("expression", "expected"), SCALARS)
def test_value_of_a_row(engine: Engine, expression: str, expected: Any) -> None:
    (found,) = VALUES.rows(engine, expression)
    assert same(found["result"], expected), found["result"]


@pytest.mark.parametrize(("expression", "expected"), AGGREGATES)
def test_value_of_a_group(engine: Engine, expression: str, expected: Any) -> None:
    (found,) = GROUP_VALUES.rows(engine, expression)
    assert same(found["result"], expected), found["result"]


@pytest.mark.parametrize(("expression", "expected"), WINDOWS)
def test_value_in_a_window(engine: Engine, expression: str, expected: list[Any]) -> None:
    values = WINDOW_VALUES.rows(engine, expression)
    # Spark gives the rows of a window group by group: the order of the rows says nothing.
    found = sorted(((row["g"], row["o"], row["result"]) for row in values), key=str)
    wanted = sorted(zip(SERIES["g"], SERIES["o"], expected, strict=True), key=str)
    assert [row[:2] for row in found] == [row[:2] for row in wanted]
    assert all(same(a[2], b[2]) for a, b in zip(found, wanted, strict=True)), found


@pytest.mark.parametrize(("expression", "expected"), ORDERINGS)
def test_orderings(engine: Engine, expression: str, expected: list[Any]) -> None:
    data = {"v": [2, None, 1]}
    assert [row[0] for row in rows(engine, data, step("orderBy", expression))] == expected


def test_every_function_is_tried_here_and_is_one_of_sparks() -> None:
    tried = str([*SCALARS, *AGGREGATES, *WINDOWS, *ORDERINGS])
    assert [name for name in sorted(SUPPORTED) if f"F.{name}(" not in tried] == []
    assert expression_functions("F") >= SUPPORTED


def test_validation_knows_which_functions_there_are() -> None:
    assert FUNCTIONS == SUPPORTED
    unknown = parse_argument("F.sum(F.xxhash64('a') + F.hash('b')) + F.laktory.roundp('a', p=1)")
    assert unknown is not None
    assert sorted(missing_functions(unknown)) == ["hash", "xxhash64"]


@pytest.mark.parametrize(
    ("expression", "name"),
    [
        ("F.upper('t')", "upper(t)"),
        ("F.sum('v')", "sum(v)"),
        ("F.mean('v')", "avg(v)"),
        ("F.count('*')", "count(1)"),
        ("F.countDistinct('v')", "count(DISTINCT v)"),
        ("F.round('w', 2)", "round(w, 2)"),
        ("F.coalesce('v', F.lit(0))", "coalesce(v, 0)"),
        ("F.col('v').cast('string')", "v"),
        ("F.max('v').alias('top')", "top"),
    ],
)
def test_results_are_named_as_spark_names_them(engine: Engine, expression: str, name: str) -> None:
    assert list(types(engine, GROUP, step("select", expression))) == [name]


def test_sums_of_small_integers_do_not_overflow(engine: Engine) -> None:
    data = {"k": [1, 1], "v": [2_000_000_000, 2_000_000_000]}
    small = {"with_column": {"name": "v", "type": "int", "sql_expr": "v"}}
    found = rows(engine, data, small, step("groupBy", "k"), step("agg", "F.sum('v')"))
    assert found == [(1, 4_000_000_000)]


def test_a_sum_of_no_values_is_null(engine: Engine) -> None:
    data = {"k": [1], "v": [None]}
    typed = {"with_column": {"name": "v", "type": "long", "sql_expr": "v"}}
    assert rows(engine, data, typed, step("groupBy", "k"), step("agg", "F.sum('v')")) == [(1, None)]
