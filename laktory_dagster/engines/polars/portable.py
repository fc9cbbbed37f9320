"""Spark's frame methods on Polars: the portable names, with Spark's meaning."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl

from laktory_dagster.engines.polars.dedupe import dedupe
from laktory_dagster.engines.polars.exploding import spread
from laktory_dagster.engines.polars.expressions import compile_condition
from laktory_dagster.engines.polars.groups import Groups, require_frame, sql_column
from laktory_dagster.engines.polars.portable_joins import SEVERAL
from laktory_dagster.engines.polars.portable_nulls import NULLS
from laktory_dagster.engines.polars.sampling import sample
from laktory_dagster.engines.polars.spark_names import Ordering, as_column, is_constant
from laktory_dagster.engines.polars.steps import StepScope
from laktory_dagster.errors import TransformError
from laktory_dagster.expressions import portable

Method = Callable[..., Any]
_OVER = re.compile(r"\bover\s*\(", re.IGNORECASE)


def listed(values: Sequence[Any]) -> list[Any]:
    """Return values given one by one or as one list."""
    if len(values) == 1 and isinstance(values[0], list | tuple):
        return list(values[0])
    return list(values)


def columns_of(frame: pl.LazyFrame, values: Sequence[Any]) -> list[Any]:
    """Return columns; a name is taken as it stands where the frame has it, else in Spark's way."""
    names = frame.collect_schema().names()
    return [
        pl.col(v) if isinstance(v, str) and v in names else as_column(v) for v in listed(values)
    ]


def _select(frame: pl.LazyFrame, scope: StepScope, *cols: Any, **named: Any) -> pl.LazyFrame:
    return _selected(frame, [*columns_of(frame, cols), *_named_columns(frame, named)])


def _selected(frame: pl.LazyFrame, columns: Sequence[Any]) -> pl.LazyFrame:
    """Select; where all columns are constants each row has them."""
    if columns and all(isinstance(c, pl.Expr) and is_constant(c) for c in columns):
        names = [column.meta.output_name() for column in columns]
        return frame.with_columns(columns).select(names)
    return spread(frame, columns, "select")


def _named_columns(frame: pl.LazyFrame, named: Mapping[str, Any]) -> list[Any]:
    return [columns_of(frame, [value])[0].alias(name) for name, value in named.items()]


def _select_expr(frame: pl.LazyFrame, scope: StepScope, *expr: Any) -> pl.LazyFrame:
    columns = [pl.all() if t == "*" else sql_column(t, scope) for t in listed(expr)]
    if any(isinstance(t, str) and _OVER.search(t) for t in listed(expr)):
        # A window gives a value for each row, of which Polars alone would take one.
        names = frame.select(columns).collect_schema().names()
        return frame.with_columns(columns).select(names)
    return _selected(frame, columns)


def _with_column(frame: pl.LazyFrame, scope: StepScope, name: str, col: Any) -> pl.LazyFrame:
    return spread(frame, _named_columns(frame, {name: col}), "with_columns")


def _with_columns(frame: pl.LazyFrame, scope: StepScope, *cols: Any, **named: Any) -> pl.LazyFrame:
    found: list[Any] = []
    for value in listed(cols):
        if isinstance(value, Mapping):
            named = {**value, **named}
        else:
            found.append(value)
    added = [*columns_of(frame, found), *_named_columns(frame, named)]
    return spread(frame, added, "with_columns")


def _with_columns_map(
    frame: pl.LazyFrame, scope: StepScope, columns: Mapping[str, Any]
) -> pl.LazyFrame:
    return spread(frame, _named_columns(frame, columns), "with_columns")


def _rename_one(frame: pl.LazyFrame, scope: StepScope, existing: str, new: str) -> pl.LazyFrame:
    return frame.rename({existing: new}, strict=False)


def _rename(frame: pl.LazyFrame, scope: StepScope, mapping: Mapping[str, str]) -> pl.LazyFrame:
    return frame.rename(dict(mapping), strict=False)


def _drop(frame: pl.LazyFrame, scope: StepScope, *cols: Any) -> pl.LazyFrame:
    names = [c if isinstance(c, str) else c.meta.output_name() for c in listed(cols)]
    return frame.drop(names, strict=False)


def _to_df(frame: pl.LazyFrame, scope: StepScope, *cols: str) -> pl.LazyFrame:
    old, new = frame.collect_schema().names(), listed(cols)
    if len(old) != len(new):
        raise TransformError(f"there are {len(old)} columns, {len(new)} names are given")
    return frame.select(pl.col(o).alias(n) for o, n in zip(old, new, strict=True))


def _filter(frame: pl.LazyFrame, scope: StepScope, condition: Any) -> pl.LazyFrame:
    return frame.filter(as_condition(condition, scope))


def as_condition(condition: Any, scope: StepScope) -> Any:
    """Return a condition that may be a text: the name of a column that is true or false, or SQL."""
    if not isinstance(condition, str):
        return condition
    if condition in scope.schema:
        return pl.col(condition)
    return compile_condition(condition, scope.dialect, scope.moment, scope.schema)


def _drop_duplicates(frame: pl.LazyFrame, scope: StepScope, subset: Any = None) -> pl.LazyFrame:
    names = [subset] if isinstance(subset, str) else list(subset or ())
    return dedupe(frame, names, None, "first")


def _distinct(frame: pl.LazyFrame, scope: StepScope) -> pl.LazyFrame:
    return frame.unique()


def _order_by(
    frame: pl.LazyFrame, scope: StepScope, *cols: Any, ascending: Any = True
) -> pl.LazyFrame:
    """Sort; as on Spark nulls come first when ascending, last when descending."""
    keys = columns_of(frame, cols)
    ups = list(ascending) if isinstance(ascending, list | tuple) else [ascending] * len(keys)
    if len(ups) != len(keys):
        raise TransformError(f"there are {len(keys)} columns to sort by, {len(ups)} `ascending`")
    pairs = zip(keys, ups, strict=True)
    orders = [
        k if isinstance(k, Ordering) else Ordering(k, descending=not up, nulls_last=not up)
        for k, up in pairs
    ]
    return frame.sort(
        [order.column for order in orders],
        descending=[order.descending for order in orders],
        nulls_last=[order.nulls_last for order in orders],
    )


def _limit(frame: pl.LazyFrame, scope: StepScope, num: int = 1) -> pl.LazyFrame:
    return frame.head(num)


def _offset(frame: pl.LazyFrame, scope: StepScope, num: int) -> pl.LazyFrame:
    return frame.slice(num)


def _sample(
    frame: pl.LazyFrame,
    scope: StepScope,
    first: Any = None,
    fraction: Any = None,
    seed: Any = None,
) -> pl.LazyFrame:
    if isinstance(first, float | int) and not isinstance(first, bool):
        # Spark takes `sample(fraction, seed)` as well.
        first, fraction, seed = None, first, fraction
    if fraction is None:
        raise TransformError("`sample` needs the argument `fraction`")
    return sample(frame, float(fraction), int(seed or 0), with_replacement=bool(first))


def _group_by(frame: pl.LazyFrame, scope: StepScope, *cols: Any) -> Groups:
    keys = columns_of(frame, cols)
    if not keys:
        # Without keys all rows are one group.
        return Groups.of(frame, frame.group_by(pl.lit(0).alias(Groups.NO_KEY)), ())
    return Groups.of(frame, frame.group_by(keys), keys)


def _aggregate(frame: pl.LazyFrame, scope: StepScope, *exprs: Any, **named: Any) -> pl.LazyFrame:
    return require_frame(_group_by(frame, scope).call("agg", scope, exprs, named))


def _melt(
    frame: pl.LazyFrame,
    scope: StepScope,
    ids: Any,
    values: Any = None,
    variable: str = "variable",
    value: str = "value",
) -> pl.LazyFrame:
    index = [ids] if isinstance(ids, str) else list(ids or ())
    on = [values] if isinstance(values, str) else values
    if on is None:
        on = [name for name in frame.collect_schema().names() if name not in index]
    return frame.unpivot(on, index=index, variable_name=variable, value_name=value)


def _hint(frame: pl.LazyFrame, scope: StepScope, *_: Any, **__: Any) -> pl.LazyFrame:
    return frame


METHODS: Mapping[str, Method] = {
    **dict.fromkeys(portable.HINTS, _hint),
    **SEVERAL,
    **NULLS,
    "agg": _aggregate,
    "distinct": _distinct,
    "drop": _drop,
    "drop_duplicates": _drop_duplicates,
    "filter": _filter,
    "group_by": _group_by,
    "head": _limit,
    "limit": _limit,
    "melt": _melt,
    "offset": _offset,
    "order_by": _order_by,
    "rename": _rename,
    "sample": _sample,
    "select": _select,
    "select_expr": _select_expr,
    "to_df": _to_df,
    "unpivot": _melt,
    "with_column": _with_column,
    "with_column_renamed": _rename_one,
    "with_columns": _with_columns,
    "with_columns_map": _with_columns_map,
    "with_columns_renamed": _rename,
}
"""Canonical names to what they do; those of grouped frames are in `groups`."""
