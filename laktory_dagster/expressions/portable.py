"""Frame methods that work on every engine with one meaning, and the `laktory.` namespace.

`PORTABLE` maps every accepted spelling to its parameters; `CANONICAL` maps it to the one name under
which engines implement it. Spark's meaning counts: a string condition is SQL, a string among
columns names a column, `on` of a join keeps one copy of the keys.
"""

from __future__ import annotations

from collections.abc import Mapping

from laktory_dagster.expressions.catalog import Signature


def _signature(*parameters: str) -> Signature:
    """Return the signature of marks: `name`, `name=` (optional), `*names`, `**names`."""
    required, optional = [], []
    var_args_name, var_kwargs = None, False
    for mark in parameters:
        if mark.startswith("**"):
            var_kwargs = True
        elif mark.startswith("*"):
            var_args_name = mark[1:]
        elif mark.endswith("="):
            optional.append(mark[:-1])
        else:
            required.append(mark)
    after_args = _after_var_args(parameters)
    return Signature(
        tuple(required),
        tuple(optional),
        var_args_name is not None,
        var_kwargs,
        keyword_only=frozenset(after_args),
        var_args_name=var_args_name,
    )


def _after_var_args(parameters: tuple[str, ...]) -> list[str]:
    for index, mark in enumerate(parameters):
        if mark.startswith("*") and not mark.startswith("**"):
            return [later.rstrip("=") for later in parameters[index + 1 :] if later[0] != "*"]
    return []


# Canonical name, its parameters, its other spellings.
_TABLE: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    # columns
    ("select", ("*cols", "**named"), ()),
    ("select_expr", ("*expr",), ("selectExpr",)),
    ("with_column", ("colName", "col"), ("withColumn",)),
    ("with_columns", ("*cols", "**named"), ()),
    ("with_columns_map", ("colsMap",), ("withColumns",)),
    ("with_column_renamed", ("existing", "new"), ("withColumnRenamed",)),
    ("with_columns_renamed", ("colsMap",), ("withColumnsRenamed",)),
    ("rename", ("mapping",), ()),
    ("drop", ("*cols",), ()),
    ("to_df", ("*cols",), ("toDF",)),
    # rows
    ("filter", ("condition",), ("where",)),
    ("drop_duplicates", ("subset=",), ("dropDuplicates",)),
    ("distinct", (), ()),
    ("order_by", ("*cols", "ascending="), ("orderBy", "sort")),
    ("limit", ("num",), ()),
    ("head", ("n=",), ()),
    ("offset", ("num",), ()),
    ("sample", ("withReplacement=", "fraction=", "seed="), ()),
    ("dropna", ("how=", "thresh=", "subset="), ("na.drop",)),
    ("fillna", ("value", "subset="), ("na.fill",)),
    ("replace", ("to_replace", "value=", "subset="), ("na.replace",)),
    # groups
    ("group_by", ("*cols",), ("groupBy", "groupby")),
    ("agg", ("*exprs", "**named"), ()),
    ("count", (), ()),
    ("sum", ("*cols",), ()),
    ("avg", ("*cols",), ()),
    ("mean", ("*cols",), ()),
    ("min", ("*cols",), ()),
    ("max", ("*cols",), ()),
    ("pivot", ("pivot_col", "values="), ()),
    # several frames
    ("join", ("other", "on=", "how="), ()),
    ("cross_join", ("other",), ("crossJoin",)),
    ("union", ("other",), ("unionAll", "union_all")),
    ("union_by_name", ("other", "allowMissingColumns="), ("unionByName",)),
    ("intersect", ("other",), ()),
    ("intersect_all", ("other",), ("intersectAll",)),
    ("subtract", ("other",), ()),
    ("except_all", ("other",), ("exceptAll",)),
    # shape
    ("melt", ("ids", "values=", "variableColumnName=", "valueColumnName="), ()),
    ("unpivot", ("ids", "values", "variableColumnName", "valueColumnName"), ()),
    # hints: they change no row
    ("alias", ("alias",), ()),
    ("cache", (), ()),
    ("coalesce", ("numPartitions",), ()),
    ("collect", (), ()),
    ("hint", ("name", "*parameters"), ()),
    ("persist", ("storageLevel=",), ()),
    ("repartition", ("numPartitions", "*cols"), ()),
    ("unpersist", ("blocking=",), ()),
    ("with_watermark", ("eventTime", "delayThreshold"), ("withWatermark",)),
)

PORTABLE: Mapping[str, Signature] = {
    spelling: _signature(*parameters)
    for name, parameters, others in _TABLE
    for spelling in (name, *others)
    if name != "with_columns_map" or spelling != name
}
"""Every accepted spelling of a portable frame method, with its parameters."""

CANONICAL: Mapping[str, str] = {
    spelling: name for name, _, others in _TABLE for spelling in (name, *others)
}
"""Every spelling to the name under which engines implement it (`withColumns` is a mapping)."""

HINTS = frozenset(
    {"alias", "cache", "coalesce", "collect", "hint", "persist", "repartition", "unpersist"}
    | {"with_watermark"}
)
"""Canonical names that change no row; an engine may pass the frame through."""

LAKTORY: Mapping[str, Signature] = {
    "laktory.display": _signature("*args", "**options"),
    "laktory.groupby_and_agg": _signature(
        "groupby_columns=", "agg_expressions=", "groupby_window="
    ),
    "laktory.has_column": _signature("col"),
    "laktory.schema_flat": _signature(),
    "laktory.show_string": _signature("*args", "**options"),
    "laktory.signature": _signature(),
    "laktory.smart_join": _signature(
        "other", "how=", "on=", "left_on=", "other_on=", "coalesce=", "on_expression=",
        "left_watermark=", "other_watermark=", "time_constraint_interval_lower=",
        "time_constraint_interval_upper=",
    ),
    "laktory.union": _signature("other"),
    "laktory.watermark": _signature("*args", "**options"),
    "laktory.window_filter": _signature(
        "partition_by", "order_by=", "drop_row_index=", "row_index_name=", "rows_to_keep="
    ),
    "laktory.with_row_index": _signature("name=", "order_by=", "partition_by=", "offset="),
}  # fmt: skip
"""The frame functions of the `laktory.` namespace."""

GROUPED = frozenset({"agg", "avg", "count", "max", "mean", "min", "pivot", "sum"})
"""Portable names that work on groups, after `group_by`."""

_OF_STREAMS = (
    "joins two streams, which no engine here does",
    "write the join as SQL: `SELECT ... FROM {df} AS a JOIN {nodes.b} AS b ON ...`",
)
UNSUPPORTED: Mapping[tuple[str, str], tuple[tuple[str, ...], str, str]] = {
    ("laktory.groupby_and_agg", "groupby_window"): (
        ("polars",),
        "works on Spark only",
        'group by `pl.col("time").dt.truncate("1h")` instead',
    ),
    **{
        ("laktory.smart_join", name): (("polars", "spark"), *_OF_STREAMS)
        for name in (
            "on_expression", "time_constraint_interval_lower", "time_constraint_interval_upper"
        )
    },
}  # fmt: skip
"""Function and argument to the engines that do not have it, why, and what to write instead."""
