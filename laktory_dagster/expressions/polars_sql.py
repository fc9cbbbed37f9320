"""What SQL of other dialects means, in terms of the functions that Polars SQL has.

`to_polars` rewrites a tree from the leaves up: one small function per kind of node in `_REWRITES`.
What Polars cannot express becomes an `Unexpressed`, a sentence with what to write instead.
"""

from __future__ import annotations

import re

from sqlglot import exp
from sqlglot.errors import UnsupportedError

from laktory_dagster.expressions import polars_query as query
from laktory_dagster.expressions import polars_text as text
from laktory_dagster.expressions import polars_time as time
from laktory_dagster.expressions import polars_values as values
from laktory_dagster.expressions.catalog import expression_functions, sql_functions
from laktory_dagster.expressions.dialect import SPARK_DIALECTS, write
from laktory_dagster.expressions.sql_build import (
    WITH_COLUMN,
    Rewrite,
    Unexpressed,
    UnexpressedError,
    call,
    cast,
    not_null,
    refused,
    renamed,
)
from laktory_dagster.expressions.suggest import did_you_mean

_SPARK_NAMES = {"arg_max": "max_by", "arg_min": "min_by", "json_format": "to_json"} | {
    "json_extract_scalar": "get_json_object",
    "json_extract": "get_json_object",
    "sort_array": "array_sort",
}
_INSTEAD = {
    "struct": "use `pl.struct(...)` in `with_column.expr`",
    "named_struct": "use `pl.struct(...)` in `with_column.expr`",
    "get_json_object": 'use `pl.col("a").str.json_path_match("$.x")` in `with_column.expr`',
    "from_json": 'use `pl.col("a").str.json_decode(...)` in `with_column.expr`',
    "repeat": 'use `pl.concat_str(["a", "a"])` in `with_column.expr`',
    "translate": "use `replace(...)`, once for each character",
    "hash": 'use `pl.col("a").hash()` in `with_column.expr`',
    "monotonically_increasing_id": "use `func_name: with_row_index`",
    "array_sort": 'use `pl.col("a").list.sort()` in `with_column.expr`',
    "explode": "use `func_name: explode`",
    "posexplode": "use `func_name: explode`",
    "stack": "use `func_name: unpivot`",
    "uuid": "use `pl.Expr.laktory.uuid()` in `with_column.expr`",
    "max_by": 'use `pl.col("a").max_by("b")` in an `agg` step',
    "min_by": 'use `pl.col("a").min_by("b")` in an `agg` step',
}


def to_polars(tree: exp.Expr, source: str) -> tuple[exp.Expr, tuple[Unexpressed, ...]]:
    """Return the tree rewritten in place for Polars, and what could not be expressed."""
    found: dict[Unexpressed, None] = {}
    if source == "polars":
        tree = _with_floats(tree)
    else:
        for node in reversed(list(tree.walk())):
            if source in SPARK_DIALECTS:
                _use_utc(node)
            rewrite = _find_rewrite(node, source)
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


def _with_floats(tree: exp.Expr) -> exp.Expr:
    """Return the tree in which `1.5` is a float, as it was to Polars before 2.0 made it a decimal."""
    return tree.transform(_as_float, copy=False)


def _as_float(node: exp.Expr) -> exp.Expr:
    if not isinstance(node, exp.Literal) or node.is_string or node.is_int:
        return node
    around = node.parent
    is_share = isinstance(around, exp.Anonymous) and around.name.upper().startswith("QUANTILE")
    if is_share or isinstance(around, exp.Cast | exp.Predicate):
        return node
    return cast(node.copy(), "DOUBLE")


def _use_utc(node: exp.Expr) -> None:
    """Make the times that Spark's `to_timestamp` gives times in UTC, as its TIMESTAMP is."""
    if isinstance(node, exp.Cast) and node.to.is_type(exp.DType.TIMESTAMP):
        node.set("to", exp.DataType.build("TIMESTAMPTZ"))


def _find_rewrite(node: exp.Expr, source: str) -> Rewrite | None:
    if isinstance(node, exp.Extract) and source in SPARK_DIALECTS:
        return time.extract_as_spark
    if isinstance(node, exp.DateDiff) and node.args.get("unit") and source in SPARK_DIALECTS:
        return time.whole_units
    if isinstance(node, exp.Anonymous):
        return _REWRITES_BY_NAME.get(str(node.this).upper())
    return _REWRITES.get(type(node))


_NO_CALLS = (exp.Cast, exp.Case, exp.If, exp.Connector, exp.Array, exp.SubqueryPredicate)


def _unknown_function(node: exp.Func) -> Unexpressed | None:
    if isinstance(node, _NO_CALLS):
        return None
    try:
        match = re.match(r"(\w+)\s*\(", write(node, "polars"))
    except UnsupportedError as error:
        return Unexpressed(f"`{node.sql_name().lower()}` ({error})")
    name = match.group(1).lower() if match else ""
    if not match or name in sql_functions():
        return None
    name = _SPARK_NAMES.get(name, name)
    near = did_you_mean(name, sql_functions() | expression_functions("F"))
    hint = f"did you mean `{near}`?" if near and near != name else WITH_COLUMN
    return Unexpressed(f"the function `{name}`", _INSTEAD.get(name, hint))


_REWRITES: dict[type[exp.Expr], Rewrite] = {
    exp.Add: time.moved,
    exp.AddMonths: time.add_months,
    exp.Any: values.any_true,
    exp.AnyValue: renamed("FIRST"),
    exp.ApproxDistinct: lambda node: exp.Count(this=exp.Distinct(expressions=[node.this])),
    exp.ApproxQuantile: values.quantile("QUANTILE_DISC"),
    exp.ArrayAgg: values.collect,
    exp.ArrayContains: renamed("ARRAY_CONTAINS"),
    exp.ArrayDistinct: renamed("ARRAY_UNIQUE"),
    exp.ArrayMax: renamed("ARRAY_UPPER"),
    exp.ArrayMin: renamed("ARRAY_LOWER"),
    exp.ArraySize: values.array_size,
    exp.ArraySort: values.sorted_array,
    exp.ArrayUniqueAgg: values.collect,
    exp.BitwiseCount: lambda node: cast(call("BIT_COUNT", node.this), "INT"),
    exp.BitwiseLeftShift: refused("a shift of bits", "multiply by a power of two"),
    exp.BitwiseNot: renamed("BITNOT"),
    exp.BitwiseRightShift: refused("a shift of bits", "divide by a power of two"),
    exp.BitwiseXor: renamed("BITXOR"),
    exp.Bracket: values.bracket,
    exp.Cast: values.lenient_cast,
    exp.Ceil: values.whole,
    exp.Floor: values.whole,
    exp.TryCast: values.lenient_cast,
    exp.Concat: text.concat,
    exp.ConcatWs: text.concat_ws,
    exp.Contains: text.contains,
    exp.Count: values.count,
    exp.CountIf: values.count_if,
    exp.DateAdd: time.add_days,
    exp.DateDiff: time.date_diff,
    exp.DateTrunc: time.truncated,
    **dict.fromkeys((exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE), time.compared),
    exp.EQ: lambda node: values.of_tuples(node) or time.compared(node),
    exp.Exists: values.exists,
    exp.In: values.of_tuples,
    exp.NullSafeEQ: values.null_safe,
    exp.NullSafeNEQ: values.null_safe,
    exp.Day: time.part("DAY"),
    exp.DayOfMonth: time.part("DAY"),
    exp.DayOfWeek: time.part("DOW", 1),
    exp.DayOfYear: time.part("DOY"),
    exp.Escape: refused("LIKE ... ESCAPE", "use `rlike` with a pattern"),
    exp.Hour: time.part("HOUR"),
    exp.IgnoreNulls: refused("IGNORE NULLS", 'use `pl.col("a").forward_fill()` or `.drop_nulls()`'),
    exp.Initcap: refused("`initcap`", "Polars begins words at every sign; use `upper` and `lower`"),
    exp.IntDiv: renamed("DIV"),
    exp.If: values.if_,
    exp.Is: values.is_boolean,
    exp.IsNan: values.is_nan,
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
    exp.Select: query.select,
    exp.SafeDivide: values.safe_divide,
    exp.Second: time.part("SECOND"),
    exp.Split: text.split,
    exp.StartsWith: renamed("STARTS_WITH"),
    exp.Extract: time.extract,
    exp.EndsWith: renamed("ENDS_WITH"),
    exp.StddevPop: values.population("stddev_pop", root=True),
    exp.StrPosition: text.position,
    exp.StrToTime: time.parse_time,
    exp.StrToUnix: time.to_unix,
    exp.Struct: refused("a struct", _INSTEAD["struct"]),
    exp.Sub: time.moved,
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
    exp.Window: values.numbered,
    exp.Year: time.part("YEAR"),
}


_REWRITES_BY_NAME: dict[str, Rewrite] = {
    "BROUND": renamed("ROUND"),
    "CARDINALITY": values.array_size,
    "DATE_PART": time.date_part,
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
