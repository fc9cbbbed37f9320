"""Which functions of `F.` run on the Polars engine; a test holds the list to what it implements."""

from __future__ import annotations

import ast

from laktory_dagster.expressions.nodes import dotted, walk
from laktory_dagster.expressions.python import Expression

_NAMES = """
    abs acos acosh add_months any_value approxCountDistinct approx_count_distinct
    approx_percentile array array_agg array_append array_compact array_contains array_distinct
    array_except array_intersect array_join array_max array_min array_position array_prepend
    array_remove array_repeat array_size array_sort array_union arrays_overlap asc
    asc_nulls_first asc_nulls_last asin asinh atan atan2 atanh avg base64 bit_count bit_length
    bitwiseNOT bitwise_not bool_and bool_or bround btrim cardinality cbrt ceil ceiling
    char_length character_length coalesce col collect_list collect_set column concat concat_ws contains corr cos cosh cot
    count countDistinct count_distinct count_if covar_pop covar_samp csc cume_dist curdate
    crc32 current_date current_timestamp date_add date_diff date_format date_from_unix_date date_sub
    date_trunc dateadd datediff day dayname dayofmonth dayofweek dayofyear degrees dense_rank
    desc desc_nulls_first desc_nulls_last e element_at endswith equal_null every exp explode explode_outer
    expm1 expr factorial first first_value flatten floor format_string from_json from_unixtime
    from_utc_timestamp get get_json_object greatest hex hour hypot ifnull ilike initcap instr
    isnan isnotnull isnull kurtosis lag last last_day last_value lcase lead least left length
    like listagg lit ln localtimestamp locate log log10 log1p log2 lower lpad ltrim make_date
    max max_by md5 mean median min min_by minute mode month monthname months_between named_struct
    nanvl negate negative next_day now ntile nullif nullifzero nvl nvl2 octet_length
    percent_rank percentile percentile_approx pi pmod position positive pow power product
    quarter radians rank regexp regexp_count regexp_extract regexp_extract_all regexp_like
    regexp_replace regexp_substr repeat replace reverse right rint rlike round row_number rpad
    rtrim sec second sequence sha sha1 sha2 sign signum sin sinh size skewness slice some sort_array split
    split_part sqrt startswith std stddev stddev_pop stddev_samp string_agg struct substr
    substring sum sumDistinct sum_distinct tan tanh timestamp_micros timestamp_millis
    timestamp_seconds toDegrees toRadians to_date to_json to_timestamp to_timestamp_ltz
    to_utc_timestamp translate trim trunc try_add try_divide try_element_at try_mod try_multiply
    try_subtract try_sum try_to_date try_to_timestamp typeof ucase unbase64 unix_date
    unix_micros unix_millis unix_seconds unix_timestamp upper var_pop var_samp variance weekday
    weekofyear when year zeroifnull
"""
FUNCTIONS = frozenset(_NAMES.split())
"""The functions that have an equal on Polars."""


def missing_functions(expression: Expression) -> tuple[str, ...]:
    """Return the functions of `F.` in an expression that Polars has no equal of."""
    if "F" not in expression.roots:
        return ()
    missing = []
    for node in walk(expression.tree):
        if isinstance(node, ast.Call):
            base, names = dotted(node.func)
            if isinstance(base, ast.Name) and base.id == "F" and names[0] != "laktory":
                missing += [] if names[0] in FUNCTIONS else [names[0]]
    return tuple(dict.fromkeys(missing))
