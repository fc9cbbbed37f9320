"""What SQL of other dialects means, in terms of the functions that Polars SQL has.

`to_polars` rewrites a tree from the leaves up: one small function per kind of node in `_REWRITES`.
What Polars cannot express becomes an `Unexpressed`, a sentence with what to write instead.
"""

from __future__ import annotations

import re

from sqlglot import exp

from laktory_dagster.expressions import polars_text as text
from laktory_dagster.expressions import polars_time as time
from laktory_dagster.expressions import polars_values as values
from laktory_dagster.expressions.dialect import write
from laktory_dagster.expressions.sql_build import (
    WITH_COLUMN,
    Rewrite,
    Unexpressed,
    UnexpressedError,
    call,
    grouped,
    not_null,
    refused,
    renamed,
)

POLARS_FUNCTIONS = frozenset(
    """abs acos acosd asin asind atan atan2 atan2d atand cbrt ceil ceiling cos cosd cot cotd degrees
    div exp floor ln log log10 log1p log2 mod pi pow power radians round sign sin sind sqrt tan tand
    truncate trunc coalesce greatest if ifnull least nullif date_part extract strftime date_trunc now
    current_date current_timestamp year month day bit_length concat concat_ws date ends_with initcap
    left length char_length character_length lower ltrim octet_length regexp_like regexp_replace
    replace reverse right rtrim split_part starts_with string_to_array strpos strptime substr
    substring position time timestamp trim upper lpad rpad normalize avg corr count covar covar_pop
    covar_samp first last first_value last_value nth_value lag lead row_number rank dense_rank
    percent_rank ntile cume_dist max min median quantile_cont quantile_disc stddev stddev_samp stdev
    stdev_samp sum var variance var_samp string_agg group_concat listagg array_agg array_contains
    array_get array_length array_lower array_mean array_reverse array_sum array_to_string
    array_unique array_upper unnest bit_and bit_or bit_xor bit_count bitand bitor bitxor bitnot
    dayofweek columns generate_series range cast try_cast""".split()
)
"""Functions of Polars SQL, each tried on the versions this package supports."""


_INSTEAD = {
    "struct": "use `pl.struct(...)` in `with_column.expr`",
    "named_struct": "use `pl.struct(...)` in `with_column.expr`",
    "get_json_object": 'use `pl.col("a").str.json_path_match("$.x")` in `with_column.expr`',
    "json_extract_scalar": 'use `pl.col("a").str.json_path_match("$.x")` in `with_column.expr`',
    "from_json": 'use `pl.col("a").str.json_decode(...)` in `with_column.expr`',
    "repeat": 'use `pl.concat_str([pl.col("a")] * n)` in `with_column.expr`',
    "translate": "use `replace(...)`, once for each character",
    "hash": 'use `pl.col("a").hash()` in `with_column.expr`',
    "monotonically_increasing_id": "use `func_name: with_row_index`",
    "uuid": "use `pl.Expr.laktory.uuid()` in `with_column.expr`",
    "arg_max": 'use `pl.col("a").max_by("b")` in an `agg` step',
    "arg_min": 'use `pl.col("a").min_by("b")` in an `agg` step',
}


def to_polars(tree: exp.Expression, source: str) -> tuple[exp.Expression, tuple[Unexpressed, ...]]:
    """Return the tree rewritten in place for Polars, and what could not be expressed."""
    found: dict[Unexpressed, None] = {}
    if source != "polars":
        for node in reversed(list(tree.walk())):
            rewrite = _find_rewrite(node)
            if rewrite is None:
                continue
            try:
                replacement = rewrite(node)
            except UnexpressedError as error:
                found[error.found] = None
                continue
            if replacement is not None and replacement is not node:
                if node is tree:
                    tree = replacement
                else:
                    node.replace(replacement)
    for node in tree.find_all(exp.Func):
        if (unknown := _unknown_function(node)) is not None:
            found[unknown] = None
    return tree, tuple(found)


def _find_rewrite(node: exp.Expression) -> Rewrite | None:
    if isinstance(node, exp.Anonymous):
        return _REWRITES_BY_NAME.get(str(node.this).upper())
    return _REWRITES.get(type(node))


def _unknown_function(node: exp.Func) -> Unexpressed | None:
    if isinstance(node, exp.Cast | exp.Case | exp.If | exp.Connector | exp.Binary | exp.Array):
        return None
    match = re.match(r"(\w+)\s*\(", write(node, "polars"))
    name = match.group(1).lower() if match else ""
    if not match or name in POLARS_FUNCTIONS:
        return None
    key = str(node.this).lower() if isinstance(node, exp.Anonymous) else node.sql_name().lower()
    return Unexpressed(f"the function `{key}`", _INSTEAD.get(key, WITH_COLUMN))


_REWRITES: dict[type[exp.Expression], Rewrite] = {
    exp.AddMonths: time.add_months,
    exp.AnyValue: renamed("FIRST"),
    exp.ApproxDistinct: lambda node: exp.Count(this=exp.Distinct(expressions=[node.this])),
    exp.ApproxQuantile: values.quantile("QUANTILE_DISC"),
    exp.ArrayAgg: values.collect,
    exp.ArrayContains: renamed("ARRAY_CONTAINS"),
    exp.ArrayDistinct: renamed("ARRAY_UNIQUE"),
    exp.ArrayMax: renamed("ARRAY_UPPER"),
    exp.ArrayMin: renamed("ARRAY_LOWER"),
    exp.ArraySize: values.array_size,
    exp.ArrayUniqueAgg: values.collect,
    exp.BitwiseCount: renamed("BIT_COUNT"),
    exp.BitwiseXor: renamed("BITXOR"),
    exp.Bracket: values.bracket,
    exp.Concat: text.concat,
    exp.Contains: text.contains,
    exp.Count: values.count,
    exp.CountIf: values.count_if,
    exp.DateAdd: time.add_days,
    exp.DateDiff: time.date_diff,
    exp.DateTrunc: time.truncated,
    exp.Day: time.part("DAY"),
    exp.DayOfMonth: time.part("DAY"),
    exp.DayOfWeek: time.part("DOW", 1),
    exp.DayOfYear: time.part("DOY"),
    exp.Escape: refused("LIKE ... ESCAPE", "use `rlike` with a pattern"),
    exp.Hour: time.part("HOUR"),
    exp.If: values.if_,
    exp.IsNan: values.is_nan,
    exp.Join: values.join,
    exp.LastDay: time.last_day,
    exp.Length: text.length,
    exp.Like: values.like,
    exp.ILike: values.like,
    exp.Log: values.log,
    exp.LogicalAnd: renamed("MIN"),
    exp.LogicalOr: renamed("MAX"),
    exp.Minute: time.part("MINUTE"),
    exp.Month: time.part("MONTH"),
    exp.Nvl2: values.nvl2,
    exp.Pivot: refused("PIVOT", "use `func_name: pivot`"),
    exp.Quantile: values.quantile("QUANTILE_CONT"),
    exp.Quarter: time.part("QUARTER"),
    exp.RegexpExtract: text.regexp_extract,
    exp.RegexpLike: text.regexp_like,
    exp.RegexpReplace: text.regexp_replace,
    exp.RegexpSplit: text.split,
    exp.Round: values.rounded,
    exp.SafeDivide: values.safe_divide,
    exp.Second: time.part("SECOND"),
    exp.Split: text.split,
    exp.StartsWith: renamed("STARTS_WITH"),
    exp.EndsWith: renamed("ENDS_WITH"),
    exp.StddevPop: values.population("stddev_pop", root=True),
    exp.StrPosition: text.position,
    exp.StrToTime: time.parse_time,
    exp.StrToUnix: time.to_unix,
    exp.Struct: refused("a struct", _INSTEAD["struct"]),
    exp.Substring: text.substring,
    exp.TableSample: refused("TABLESAMPLE", "use `func_name: sample`"),
    exp.TimeToStr: time.format_time,
    exp.TimestampTrunc: time.truncated,
    exp.Trim: text.trim,
    exp.TsOrDsAdd: time.add_days,
    exp.TsOrDsToDate: time.to_date,
    exp.UnixToStr: time.from_unix,
    exp.VarMap: refused("a map", _INSTEAD["struct"]),
    exp.VariancePop: values.population("var_pop", root=False),
    exp.WeekOfYear: time.part("WEEK"),
    exp.Year: time.part("YEAR"),
}


_REWRITES_BY_NAME: dict[str, Rewrite] = {
    "BROUND": renamed("ROUND"),
    "CARDINALITY": values.array_size,
    "EVERY": renamed("MIN"),
    "ISNOTNULL": lambda node: exp.Paren(this=not_null(node.expressions[0])),
    "ISNULL": values.is_null,
    "MEAN": renamed("AVG"),
    "NOW": lambda _: exp.CurrentTimestamp(),
    "PMOD": values.pmod,
    "REGEXP": lambda node: call("REGEXP_LIKE", *node.expressions),
    "SOME": renamed("MAX"),
    "TIMESTAMP_SECONDS": lambda node: time.from_seconds(node.expressions[0], "TIMESTAMPTZ"),
    "WEEKDAY": time.part("ISODOW", -1),
    "ZEROIFNULL": lambda node: exp.Coalesce(
        this=node.expressions[0], expressions=[exp.Literal.number(0)]
    ),
}
