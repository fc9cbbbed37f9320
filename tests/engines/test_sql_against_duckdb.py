"""SQL steps beside DuckDB, over random rows with nulls, NaN and empty texts."""

from __future__ import annotations

import re

import pytest

from laktory_dagster.engines.base import Engine
from tests.engines.comparing import frame, other, plain_rows, run_duckdb, run_steps
from tests.sessions import SPARK_KINDS

# `T` and `O` are the two tables. These mean the same in both.
SAME = [
    "SELECT id, i + j AS a, i - j AS b, i * j AS c FROM T",
    "SELECT id, i / j AS q FROM T",
    "SELECT id, i % j AS q FROM T",
    "SELECT g, count(*) AS n, count(i) AS c, sum(i) AS s, min(i) AS lo, max(i) AS hi FROM T GROUP BY g",
    "SELECT g, avg(i) AS a, avg(y) AS b, stddev(y) AS sd, variance(y) AS v FROM T GROUP BY g",
    "SELECT g, count(DISTINCT i) AS n FROM T GROUP BY g HAVING count(*) > 5",
    "SELECT g, b, sum(j) AS s FROM T GROUP BY g, b ORDER BY g, b",
    "SELECT id, s, upper(s) AS u, lower(s) AS l, length(s) AS n, trim(s) AS t FROM T",
    "SELECT id, replace(s, 'a', 'zz') AS a, reverse(s) AS b, lpad(s, 5, '*') AS c, rpad(s, 5, '*') AS d FROM T",
    "SELECT id, s LIKE 'a%' AS a, s LIKE '%c' AS b, s LIKE 'a_c' AS c, s LIKE '%b%' AS d FROM T",
    "SELECT id, coalesce(i, j, 0) AS a, nullif(i, 3) AS b, ifnull(s, '?') AS c FROM T",
    "SELECT id, CASE WHEN i > 3 THEN 'big' WHEN i < -3 THEN 'small' ELSE 'mid' END AS c FROM T",
    "SELECT id, CASE i WHEN 1 THEN 'one' WHEN 2 THEN 'two' END AS c FROM T",
    "SELECT id FROM T WHERE i BETWEEN -2 AND 5",
    "SELECT id FROM T WHERE i NOT BETWEEN -2 AND 5",
    "SELECT id FROM T WHERE g IN ('a', 'b')",
    "SELECT id FROM T WHERE g NOT IN ('a', 'b')",
    "SELECT id FROM T WHERE i IS NULL OR s IS NOT NULL",
    "SELECT id FROM T WHERE b AND i > 0",
    "SELECT id FROM T WHERE NOT b OR i > 0",
    "SELECT id, year(d) AS y, month(d) AS m, day(d) AS dd FROM T",
    "SELECT id, quarter(d) AS q, dayofyear(d) AS y, weekofyear(d) AS w FROM T",
    "SELECT id, date_trunc('hour', t) AS n FROM T",
    "SELECT id, last_day(d) AS n FROM T",
    "SELECT id, d < e AS a, d = DATE '2024-01-01' AS b FROM T",
    "SELECT id, abs(i) AS a, sign(i) AS s, floor(y) AS f, ceil(y) AS c, round(y, 1) AS r FROM T",
    "SELECT id, sqrt(abs(y)) AS a, exp(y) AS b, ln(abs(y) + 1) AS c, power(y, 2) AS d FROM T",
    "SELECT id, greatest(i, j) AS g, least(i, j) AS l FROM T",
    "SELECT id, m + 1 AS a, m * 2 AS b, m > 0 AS c FROM T",
    "SELECT g, sum(m) AS s, max(m) AS x FROM T GROUP BY g",
    "SELECT id, row_number() OVER (PARTITION BY g ORDER BY id) AS n FROM T",
    "SELECT id, rank() OVER (PARTITION BY g ORDER BY i) AS n, dense_rank() OVER (PARTITION BY g ORDER BY i) AS m FROM T",
    "SELECT id, sum(j) OVER (PARTITION BY g) AS n FROM T",
    "SELECT id, sum(j) OVER (PARTITION BY g ORDER BY id) AS n FROM T",
    "SELECT id, sum(j) OVER (PARTITION BY g ORDER BY id ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS n FROM T",
    "SELECT id, lag(i) OVER (PARTITION BY g ORDER BY id) AS a, lead(i) OVER (PARTITION BY g ORDER BY id) AS b FROM T",
    "SELECT id, lag(i, 2) OVER (PARTITION BY g ORDER BY id) AS a FROM T",
    "SELECT id, first_value(i) OVER (PARTITION BY g ORDER BY id) AS a FROM T",
    "SELECT id, count(*) OVER () AS n, max(j) OVER (PARTITION BY b) AS m FROM T",
    "SELECT id, avg(y) OVER (PARTITION BY g ORDER BY id) AS n FROM T",
    "SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY g ORDER BY id DESC) AS n FROM T ) WHERE n = 1",
    "SELECT a.id, b.k FROM T a JOIN O b ON a.g = b.g",
    "SELECT a.id, b.k FROM T a LEFT JOIN O b ON a.g = b.g AND a.i = b.i",
    "SELECT a.id, b.k FROM T a RIGHT JOIN O b ON a.g = b.g AND a.i = b.i",
    "SELECT a.id, b.k FROM T a FULL JOIN O b ON a.g = b.g AND a.i = b.i",
    "SELECT a.id, b.k FROM T a CROSS JOIN O b WHERE a.id < 3",
    "SELECT a.id, b.k FROM T a JOIN O b ON a.i < b.i WHERE a.id < 20",
    "SELECT id FROM T WHERE i IN (SELECT i FROM O )",
    "SELECT id FROM T WHERE i NOT IN (SELECT i FROM O WHERE i IS NOT NULL)",
    "SELECT id FROM T WHERE EXISTS (SELECT 1 FROM O WHERE k > 5)",
    "SELECT id, i - (SELECT avg(i) FROM O ) AS n FROM T",
    "SELECT id, (SELECT max(k) FROM O ) AS n FROM T",
    "SELECT g FROM T UNION SELECT g FROM O",
    "SELECT g FROM T UNION ALL SELECT g FROM O",
    "SELECT g FROM T INTERSECT SELECT g FROM O",
    "SELECT g FROM T EXCEPT SELECT g FROM O",
    "SELECT DISTINCT g, b FROM T",
    "SELECT id, i FROM T ORDER BY i, id LIMIT 10",
    "SELECT id, i FROM T ORDER BY i DESC, id LIMIT 10",
    "SELECT id, i FROM T ORDER BY i DESC NULLS FIRST, id LIMIT 10",
    "SELECT id, i FROM T ORDER BY i NULLS LAST, id DESC LIMIT 10 OFFSET 5",
    "WITH w AS (SELECT g, sum(j) AS s FROM T GROUP BY g), v AS (SELECT max(s) AS m FROM w) SELECT w.g, w.s, v.m FROM w CROSS JOIN v",
    "WITH w AS (SELECT * FROM T WHERE i > 0) SELECT g, count(*) AS n FROM w GROUP BY g",
    "SELECT g, sum(CASE WHEN b THEN 1 ELSE 0 END) AS n FROM T GROUP BY g",
    "SELECT g, sum(j) FILTER (WHERE b) AS n FROM T GROUP BY g",
    "SELECT g, max(s) AS a, min(s) AS b FROM T GROUP BY g",
    "SELECT count(*) AS n, sum(i) AS s, avg(y) AS a FROM T",
    "SELECT sum(i) AS s, max(i) AS m FROM T WHERE id < 0",
    "SELECT id, o.k AS a, o.v AS b FROM T",
    "SELECT g, median(y) AS n FROM T GROUP BY g",
    "SELECT g, corr(y, j) AS n FROM T GROUP BY g",
    "SELECT id, i = 3 OR s = 'a' AS n FROM T",
    "SELECT id, i IS DISTINCT FROM j AS n FROM T",
    "SELECT id, regexp_extract(s, '([a-z]+)', 1) AS n FROM T",
    "SELECT id, ltrim(s) AS a, rtrim(s) AS b, left(s, 2) AS c, right(s, 2) AS d FROM T",
    "SELECT id, concat_ws('-', s, r) AS n FROM T",
    "SELECT id, x > 5 AS n FROM T",
    "SELECT id, x FROM T ORDER BY x, id LIMIT 200",
    "SELECT g, bool_and(b) AS a, bool_or(b) AS c FROM T GROUP BY g",
    "SELECT g, any_value(g) AS a FROM T GROUP BY g",
    "SELECT b, g, count(*) AS n FROM T GROUP BY ROLLUP(b, g)",
    "SELECT g AS grp, count(*) AS n FROM T GROUP BY 1 ORDER BY 2 DESC, 1",
    "SELECT id, -i AS n, +j AS m FROM T",
    "SELECT id, ntile(4) OVER (ORDER BY id) AS n, percent_rank() OVER (ORDER BY id) AS p, cume_dist() OVER (ORDER BY id) AS c FROM T",
    "SELECT id, sum(j) OVER (ORDER BY i) AS n FROM T",
]
# What Spark means, and what DuckDB calls that.
TRANSLATED = [
    (
        "SELECT id, x, y, x > y AS gt, x = y AS eq, x <> y AS ne FROM T WHERE NOT isnan(x)",
        "SELECT id, x, y, x > y AS gt, x = y AS eq, x <> y AS ne FROM T WHERE NOT coalesce(isnan(x), false)",
    ),
    (
        "SELECT id, hour(t) AS h, minute(t) AS m, second(t) AS s FROM T",
        "SELECT id, hour(t), minute(t), second(t)::INT FROM T",
    ),
    ("SELECT id, dayofweek(d) AS w FROM T", "SELECT id, dayofweek(d) + 1 FROM T"),
    ("SELECT id, datediff(d, e) AS n FROM T", "SELECT id, date_diff('day', e, d) FROM T"),
    (
        "SELECT id, date_add(d, 10) AS n, date_sub(d, 3) AS m FROM T",
        "SELECT id, d + 10, d - 3 FROM T",
    ),
    ("SELECT id, add_months(d, 2) AS n FROM T", "SELECT id, (d + INTERVAL 2 MONTH)::DATE FROM T"),
    (
        "SELECT id, CAST(i AS STRING) AS a, CAST(y AS INT) AS b, CAST(b AS INT) AS c FROM T",
        "SELECT id, i::VARCHAR, trunc(y)::INT, b::INT FROM T",
    ),
    ("SELECT id, CAST(d AS STRING) AS a FROM T", "SELECT id, d::VARCHAR FROM T"),
    (
        "SELECT a.id FROM T a LEFT SEMI JOIN O b ON a.g = b.g AND a.i = b.i",
        "SELECT a.id FROM T a SEMI JOIN O b ON a.g = b.g AND a.i = b.i",
    ),
    (
        "SELECT a.id FROM T a LEFT ANTI JOIN O b ON a.g = b.g AND a.i = b.i",
        "SELECT a.id FROM T a ANTI JOIN O b ON a.g = b.g AND a.i = b.i",
    ),
    ("SELECT id, l[0] AS n FROM T", "SELECT id, l[1] FROM T"),
    ("SELECT id, explode(l) AS n FROM T", "SELECT id, unnest(l) FROM T"),
    ("SELECT id, split(s, ',') AS n FROM T", "SELECT id, string_split(s, ',') FROM T"),
    ("SELECT id, element_at(l, 1) AS n FROM T", "SELECT id, l[1] FROM T"),
    ("SELECT id, i <=> j AS n FROM T", "SELECT id, i IS NOT DISTINCT FROM j FROM T"),
    ("SELECT id, s RLIKE '^a' AS n FROM T", "SELECT id, regexp_matches(s, '^a') FROM T"),
    (
        "SELECT id, regexp_replace(s, '[ab]', 'x') AS n FROM T",
        "SELECT id, regexp_replace(s, '[ab]', 'x', 'g') FROM T",
    ),
    (
        "SELECT id, instr(s, 'c') AS n, locate('c', s) AS m FROM T",
        "SELECT id, instr(s, 'c'), instr(s, 'c') FROM T",
    ),
    (
        "SELECT id, if(i > 0, 'p', 'n') AS n FROM T",
        "SELECT id, CASE WHEN i > 0 THEN 'p' ELSE 'n' END FROM T",
    ),
    (
        "SELECT id, nvl(i, 0) AS n, nvl2(i, 1, 0) AS m FROM T",
        "SELECT id, coalesce(i, 0), CASE WHEN i IS NULL THEN 0 ELSE 1 END FROM T",
    ),
    ("SELECT id, unix_timestamp(z) AS n FROM T", "SELECT id, floor(epoch(z))::BIGINT FROM T"),
    (
        "SELECT id, z > TIMESTAMP '2024-01-01 00:00:00' AS n FROM T",
        "SELECT id, z > TIMESTAMPTZ '2024-01-01 00:00:00+00' FROM T",
    ),
    (
        "SELECT id, date_format(d, 'yyyy-MM-dd') AS n FROM T",
        "SELECT id, strftime(d, '%Y-%m-%d') FROM T",
    ),
    (
        "SELECT id, to_date('2024-02-03') AS n, CAST('2024-02-03' AS DATE) AS m FROM T",
        "SELECT id, DATE '2024-02-03', DATE '2024-02-03' FROM T",
    ),
    (
        "SELECT id, try_cast(s AS INT) AS n FROM T WHERE s <> ' pad '",
        "SELECT id, try_cast(s AS INT) FROM T WHERE s <> ' pad '",
    ),
    ("SELECT id, try_divide(i, 0) AS n FROM T", "SELECT id, NULL FROM T"),
    ("SELECT id, pmod(i, 3) AS n FROM T", "SELECT id, ((i % 3) + 3) % 3 FROM T"),
    ("SELECT id, i DIV 2 AS n FROM T", "SELECT id, trunc(i / 2)::BIGINT FROM T"),
    (
        "SELECT id, bround(y, 0) AS n FROM T WHERE y IN (0.5, 1.5)",
        "SELECT id, round_even(y, 0) FROM T WHERE y IN (0.5, 1.5)",
    ),
    (
        "SELECT id, isnan(x) AS n, isnull(x) AS m FROM T",
        "SELECT id, coalesce(isnan(x), false), x IS NULL FROM T",
    ),
    (
        "SELECT g, percentile_approx(j, 0.5) AS n FROM T GROUP BY g",
        "SELECT g, quantile_disc(j, 0.5) FROM T GROUP BY g",
    ),
    (
        "SELECT id, substring(s, 2, 2) AS a, concat(s, r) AS b FROM T",
        "SELECT id, substring(s, 2, 2), s || r FROM T",
    ),
    ("SELECT id, size(l) AS n FROM T", "SELECT id, len(l) FROM T"),
]
_ENDS_IN_ORDER = re.compile(r"ORDER BY [^()]*$")


def _named(query: str, first: str, second: str) -> str:
    return re.sub(r"\bO\b(?!\.)", second, re.sub(r"\bT\b", first, query))


# Queries are translated for Polars; Spark reads them as they are, and one set of rows tells.
SEEDS = [
    ("polars", 7),
    ("polars", 1234),
    *(pytest.param(*k.values, 7, marks=k.marks) for k in SPARK_KINDS),
]


@pytest.mark.parametrize(("engine", "seed"), SEEDS, indirect=["engine"])
@pytest.mark.parametrize(
    ("query", "wanted"), [*((query, query) for query in SAME), *TRANSLATED], ids=lambda text: text
)
def test_a_query_gives_what_duckdb_gives(
    engine: Engine, query: str, wanted: str, seed: int
) -> None:
    rows, more = frame(seed), other(seed)
    step = {"sql_expr": _named(query, "{df}", "{nodes.o}")}
    found = run_steps(engine, rows, step, frames={"nodes.o": more})
    _, expected = run_duckdb(_named(wanted, "t", "o"), t=rows, o=more)
    ordered = _ENDS_IN_ORDER.search(query) is not None
    values = [list(row.values()) for row in found]
    # `date_trunc` gives a time with a zone, of UTC, as Spark's does.
    values = [
        [v.replace(tzinfo=None) if hasattr(v, "tzinfo") else v for v in row] for row in values
    ]
    assert plain_rows(values, ordered=ordered) == plain_rows(expected, ordered=ordered)
