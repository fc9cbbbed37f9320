"""Expressions of `nw.`, `pl.` and `F.` beside what DuckDB calls the same, over random rows.

`F.` means what Spark means by it, the others what their libraries do.
"""

from __future__ import annotations

from operator import itemgetter

import pytest

from laktory_dagster.engines.base import Engine
from tests.engines.comparing import frame, plain_rows, run_duckdb
from tests.engines.together import Together

CASES = [
    ("nw.col('i') + nw.col('j')", "i + j"),
    ("nw.col('i') * 2 - 1", "i * 2 - 1"),
    ("nw.col('y') / 2", "y / 2"),
    ("nw.col('i').abs()", "abs(i)"),
    ("nw.col('i').is_null()", "i IS NULL"),
    ("nw.col('s').str.to_uppercase()", "upper(s)"),
    ("nw.col('s').str.len_chars()", "length(s)"),
    ("nw.col('s').str.starts_with('a')", "starts_with(s, 'a')"),
    ("nw.col('s').str.contains('b')", "contains(s, 'b')"),
    ("nw.col('s').str.replace_all('a', 'z')", "replace(s, 'a', 'z')"),
    ("nw.col('s').str.strip_chars()", "trim(s)"),
    ("nw.col('s').str.slice(1, 2)", "substring(s, 2, 2)"),
    ("nw.col('i').fill_null(0)", "coalesce(i, 0)"),
    ("nw.col('i').is_in([1, 2, 3])", "i IN (1, 2, 3)"),
    ("nw.col('i').is_between(-2, 5)", "i BETWEEN -2 AND 5"),
    ("nw.col('i').clip(-2, 2)", "CASE WHEN i < -2 THEN -2 WHEN i > 2 THEN 2 ELSE i END"),
    (
        "nw.when(nw.col('i') > 0).then(nw.lit('p')).otherwise(nw.lit('n'))",
        "CASE WHEN i > 0 THEN 'p' ELSE 'n' END",
    ),
    ("nw.col('d').dt.year()", "year(d)"),
    ("nw.col('d').dt.month()", "month(d)"),
    ("nw.col('t').dt.hour()", "hour(t)"),
    ("nw.col('d').dt.weekday()", "isodow(d)"),
    ("nw.col('i').cast(nw.String)", "i::VARCHAR"),
    ("nw.col('b') & (nw.col('i') > 0)", "b AND i > 0"),
    ("nw.col('b') | (nw.col('i') > 0)", "b OR i > 0"),
    ("~nw.col('b')", "NOT b"),
    ("nw.col('j').sum().over('g')", "sum(j) OVER (PARTITION BY g)"),
    ("nw.col('j').max().over('g')", "max(j) OVER (PARTITION BY g)"),
    ("nw.max_horizontal('i', 'j')", "greatest(i, j)"),
    ("nw.coalesce('i', 'j')", "coalesce(i, j)"),
    ("nw.concat_str(['s', 'r'], separator='-')", "s || '-' || r"),
    ("nw.col('y').round(1)", "round_even(y, 1)"),
    ("nw.col('i') == nw.col('j')", "i = j"),
    ("nw.col('i') != 3", "i <> 3"),
    ("nw.col('i') // 2", "floor(i / 2)"),
    ("nw.col('i') % 3", "((i % 3) + 3) % 3"),
    ("nw.col('o').struct.field('k')", "o.k"),
    ("pl.col('i') + pl.col('j')", "i + j"),
    ("pl.col('i').abs()", "abs(i)"),
    ("pl.col('s').str.len_chars()", "length(s)"),
    ("pl.col('s').str.to_lowercase()", "lower(s)"),
    (
        "pl.when(pl.col('i') > 0).then(1).when(pl.col('i') < 0).then(-1).otherwise(0)",
        "CASE WHEN i > 0 THEN 1 WHEN i < 0 THEN -1 ELSE 0 END",
    ),
    ("pl.col('l').list.len()", "len(l)"),
    ("pl.col('l').list.sum()", "CASE WHEN l IS NULL THEN NULL ELSE coalesce(list_sum(l), 0) END"),
    ("pl.col('d').dt.month_end()", "last_day(d)"),
    ("pl.col('d').dt.offset_by('1d')", "d + 1"),
    (
        "pl.col('j').cum_sum().over('g', order_by='id')",
        "CASE WHEN j IS NULL THEN NULL ELSE sum(j) OVER (PARTITION BY g ORDER BY id) END",
    ),
    (
        "pl.col('i').rank('dense')",
        "CASE WHEN i IS NULL THEN NULL ELSE dense_rank() OVER (ORDER BY i NULLS LAST) END",
    ),
    ("pl.col('i').is_in([1, 2])", "i IN (1, 2)"),
    ("pl.coalesce('i', pl.lit(7))", "coalesce(i, 7)"),
    ("pl.concat_str(['s', 'r'], ignore_nulls=True)", "concat(s, r)"),
    ("F.col('i') + F.col('j')", "i + j"),
    ("F.col('i') / F.col('j')", "i / j"),
    ("F.upper('s')", "upper(s)"),
    ("F.length('s')", "length(s)"),
    ("F.concat('s', 'r')", "s || r"),
    ("F.concat_ws('-', 's', 'r')", "concat_ws('-', s, r)"),
    ("F.substring('s', 2, 2)", "substring(s, 2, 2)"),
    ("F.trim('s')", "trim(s)"),
    ("F.lpad('s', 4, '*')", "lpad(s, 4, '*')"),
    ("F.instr('s', 'c')", "instr(s, 'c')"),
    ("F.coalesce('i', F.lit(0))", "coalesce(i, 0)"),
    ("F.when(F.col('i') > 0, 'p').otherwise('n')", "CASE WHEN i > 0 THEN 'p' ELSE 'n' END"),
    ("F.when(F.col('i') > 0, 'p')", "CASE WHEN i > 0 THEN 'p' END"),
    ("F.abs('i')", "abs(i)"),
    ("F.round('y', 1)", "round(y, 1)"),
    ("F.floor('y')", "floor(y)"),
    ("F.ceil('y')", "ceil(y)"),
    ("F.sqrt(F.abs('y'))", "sqrt(abs(y))"),
    ("F.greatest('i', 'j')", "greatest(i, j)"),
    ("F.least('i', 'j')", "least(i, j)"),
    ("F.year('d')", "year(d)"),
    ("F.quarter('d')", "quarter(d)"),
    ("F.dayofweek('d')", "dayofweek(d) + 1"),
    ("F.dayofyear('d')", "dayofyear(d)"),
    ("F.weekofyear('d')", "weekofyear(d)"),
    ("F.date_add('d', 3)", "d + 3"),
    ("F.datediff('d', 'e')", "date_diff('day', e, d)"),
    ("F.last_day('d')", "last_day(d)"),
    ("F.add_months('d', 1)", "(d + INTERVAL 1 MONTH)::DATE"),
    ("F.isnull('i')", "i IS NULL"),
    ("F.isnan('x')", "coalesce(isnan(x), false)"),
    ("F.col('s').like('a%')", "s LIKE 'a%'"),
    ("F.col('s').rlike('^a')", "regexp_matches(s, '^a')"),
    ("F.col('i').between(-2, 5)", "i BETWEEN -2 AND 5"),
    ("F.col('i').isin(1, 2)", "i IN (1, 2)"),
    ("F.col('i').isNull()", "i IS NULL"),
    ("F.col('i').isNotNull()", "i IS NOT NULL"),
    ("F.col('i').eqNullSafe(F.col('j'))", "i IS NOT DISTINCT FROM j"),
    ("F.col('s').startswith('a')", "starts_with(s, 'a')"),
    ("F.col('s').contains('b')", "contains(s, 'b')"),
    ("F.col('i').cast('string')", "i::VARCHAR"),
    ("F.col('o.k')", "o.k"),
    ("F.col('o').getField('k')", "o.k"),
    ("F.col('l').getItem(0)", "l[1]"),
    ("F.size('l')", "len(l)"),
    ("F.regexp_replace('s', '[ab]', 'x')", "regexp_replace(s, '[ab]', 'x', 'g')"),
    ("F.split('s', ',')", "string_split(s, ',')"),
    ("F.pmod('i', F.lit(3))", "((i % 3) + 3) % 3"),
    ("F.col('i') % 3", "i % 3"),
    ("-F.col('i')", "-i"),
    ("~F.col('b')", "NOT b"),
    ("(F.col('b')) & (F.col('i') > 0)", "b AND i > 0"),
    ("F.nvl('i', F.lit(0))", "coalesce(i, 0)"),
    ("F.nullif('i', F.lit(3))", "nullif(i, 3)"),
    ("F.exp('y')", "exp(y)"),
    ("F.log('y')", "CASE WHEN y > 0 THEN ln(y) END"),
    ("F.pow('y', 2)", "y ** 2"),
    ("F.signum('i')", "sign(i)"),
    ("F.initcap(F.lower(F.lit('ab cd')))", "'Ab Cd'"),
    ("F.reverse('s')", "reverse(s)"),
    ("F.translate('s', 'ab', 'xy')", "translate(s, 'ab', 'xy')"),
    ("F.unix_timestamp('z')", "floor(epoch(z))::BIGINT"),
    ("F.hour('t')", "hour(t)"),
    ("F.to_date(F.lit('2024-02-03'))", "DATE '2024-02-03'"),
    ("F.date_format('d', 'yyyy-MM-dd')", "strftime(d, '%Y-%m-%d')"),
    ("sql_expr('i + 1')", "i + 1"),
    ("nw.sql_expr('i + 1')", "i + 1"),
    ("F.col('i') % F.col('j')", "i % j"),
    ("-7 % F.col('j')", "-7 % j"),
    ("F.col('y') % 2", "y % 2"),
]


TOGETHER = {seed: Together(frame(seed), CASES) for seed in (7, 99)}


@pytest.mark.parametrize("seed", list(TOGETHER))
@pytest.mark.parametrize(("expression", "wanted"), CASES, ids=[case[0] for case in CASES])
def test_an_expression_gives_what_duckdb_gives(
    engine: Engine, expression: str, wanted: str, seed: int
) -> None:
    found = sorted(TOGETHER[seed].rows(engine, expression), key=itemgetter("id"))
    _, expected = run_duckdb(f"SELECT {wanted} AS v FROM t ORDER BY id", t=frame(seed))
    assert plain_rows([[row["result"]] for row in found], ordered=True) == plain_rows(
        expected, ordered=True
    )
