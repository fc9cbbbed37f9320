"""The portable frame methods on Spark, whose meaning they have."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812

from laktory_dagster.engines.spark.dedupe import dedupe
from laktory_dagster.engines.spark.expressions import compile_condition, compile_sql, is_column
from laktory_dagster.engines.spark.problems import missing_column
from laktory_dagster.engines.spark.scope import Scope, column
from laktory_dagster.errors import TransformError
from laktory_dagster.expressions import catalog, portable
from laktory_dagster.expressions.suggest import hint_for

Method = Callable[..., Any]


def listed(values: Sequence[Any]) -> list[Any]:
    """Return values given one by one or in lists, as `nw.all()` gives its columns."""
    return [
        item
        for value in values
        for item in (listed(value) if isinstance(value, list | tuple) else [value])
    ]


def as_column(value: Any, names: Sequence[str]) -> Column:
    """Return a column: a name as it stands where the frame has it, else in Spark's way."""
    if is_column(value):
        found: Column = value
        return found
    if isinstance(value, str):
        return column(value) if value in names else F.col(value)
    return F.lit(value)


def columns_of(frame: Any, values: Sequence[Any]) -> list[Column]:
    """Return columns of a frame, given one by one or as one list."""
    names = frame.columns
    return [as_column(value, names) for value in listed(values)]


def _named(frame: Any, named: Mapping[str, Any]) -> dict[str, Column]:
    names = frame.columns
    return {name: as_column(value, names) for name, value in named.items()}


def _select(frame: Any, scope: Scope, *cols: Any, **named: Any) -> Any:
    added = [value.alias(name) for name, value in _named(frame, named).items()]
    return frame.select(*columns_of(frame, cols), *added)


def _select_expr(frame: Any, scope: Scope, *expr: Any) -> Any:
    return frame.select(
        *[F.col("*") if text == "*" else _sql(text, scope) for text in listed(expr)]
    )


def _sql(value: Any, scope: Scope) -> Column:
    return compile_sql(value, scope) if isinstance(value, str) else as_column(value, scope.names)


def _with_column(frame: Any, scope: Scope, name: str, col: Any) -> Any:
    return frame.withColumn(name, as_column(col, scope.names))


def _with_columns(frame: Any, scope: Scope, *cols: Any, **named: Any) -> Any:
    found: dict[str, Column] = {}
    for value in listed(cols):
        if isinstance(value, Mapping):
            found |= _named(frame, value)
        else:
            made = as_column(value, scope.names)
            found[frame.select(made).columns[0]] = made
    return frame.withColumns({**found, **_named(frame, named)})


def _with_columns_map(frame: Any, scope: Scope, columns: Mapping[str, Any]) -> Any:
    return frame.withColumns(_named(frame, columns))


def _rename(frame: Any, scope: Scope, mapping: Mapping[str, str]) -> Any:
    return frame.withColumnsRenamed(dict(mapping))


def _drop(frame: Any, scope: Scope, *cols: Any) -> Any:
    names = [c if isinstance(c, str) else frame.select(c).columns[0] for c in listed(cols)]
    return frame.select(*[column(name) for name in scope.names if name not in names])


def _to_df(frame: Any, scope: Scope, *cols: str) -> Any:
    new = listed(cols)
    if len(scope.names) != len(new):
        raise TransformError(f"there are {len(scope.names)} columns, {len(new)} names are given")
    return frame.toDF(*new)


def _filter(frame: Any, scope: Scope, condition: Any) -> Any:
    return frame.filter(as_condition(condition, scope))


def as_condition(condition: Any, scope: Scope) -> Any:
    """Return a condition that may be a text: the name of a column that is true or false, or SQL."""
    if not isinstance(condition, str):
        return condition
    if condition in scope.names:
        return column(condition)
    return compile_condition(condition, scope)


def _drop_duplicates(frame: Any, scope: Scope, subset: Any = None) -> Any:
    names = [subset] if isinstance(subset, str) else list(subset or ())
    return dedupe(frame, names, None, "first")


def _order_by(frame: Any, scope: Scope, *cols: Any, ascending: Any = True) -> Any:
    keys = columns_of(frame, cols)
    ups = list(ascending) if isinstance(ascending, list | tuple) else [ascending] * len(keys)
    if len(ups) != len(keys):
        raise TransformError(f"there are {len(keys)} columns to sort by, {len(ups)} `ascending`")
    if ascending is True:
        return frame.orderBy(*keys)
    return frame.orderBy(*keys, ascending=ups)


def _group_by(frame: Any, scope: Scope, *cols: Any) -> Any:
    return frame.groupBy(*columns_of(frame, cols))


def _aggregate(frame: Any, scope: Scope, *exprs: Any, **named: Any) -> Any:
    return aggregated(frame.groupBy(), exprs, named)


def aggregated(groups: Any, exprs: Sequence[Any], named: Mapping[str, Any]) -> Any:
    """Return a row for each group, of aggregates given as columns, lists or `{column: function}`."""
    found = [item for value in exprs for item in _aggregates(value)]
    found += [value.alias(name) for name, value in named.items()]
    return groups.agg(*found)


def _aggregates(value: Any) -> list[Column]:
    if isinstance(value, Mapping):
        return [_by_name(str(function), name) for name, function in value.items()]
    if isinstance(value, list | tuple):
        return [found for item in value for found in _aggregates(item)]
    return [value if is_column(value) else F.expr(str(value))]


def _by_name(function: str, name: str) -> Column:
    known = catalog.expression_functions("F")
    plain = _ALSO.get(function.lower(), function.lower())
    if plain not in known:
        raise TransformError(f"there is no aggregate `{function}`", hint=hint_for(function, known))
    found: Column = getattr(F, plain)("*" if name == "*" else column(name))
    return found


_ALSO = {"average": "avg", "size": "count", "std": "stddev"}
"""What Spark calls an aggregate in `{column: function}` beside its own name."""


def _join(frame: Any, scope: Scope, other: Any, on: Any = None, how: str = "inner") -> Any:
    kind = join_kind(how)
    if on is None:
        return _cross_join(frame, scope, other)
    keys = list(on) if isinstance(on, list | tuple) else [on]
    if all(isinstance(key, str) for key in keys):
        require_columns(frame, keys)
        require_columns(other, keys)
        if kind not in ("leftsemi", "leftanti"):
            other = _marked(other, frame, keys)
        on = keys
    return frame.join(other, on=on, how=kind)


def join_kind(how: str) -> str:
    """Return Spark's name of a kind of join. Raises TransformError for one that is not."""
    kind = _KINDS.get(str(how).replace("_", "").lower())
    if kind is None:
        raise TransformError(
            f"`{how}` is no kind of join",
            expected="inner, left, right, outer, semi, anti or cross",
            hint=hint_for(str(how), _KINDS),
        )
    return kind


_KINDS = {
    **{kind: kind for kind in ("inner", "cross")},
    **dict.fromkeys(("left", "leftouter"), "left"),
    **dict.fromkeys(("right", "rightouter"), "right"),
    **dict.fromkeys(("outer", "full", "fullouter"), "outer"),
    **dict.fromkeys(("semi", "leftsemi"), "leftsemi"),
    **dict.fromkeys(("anti", "leftanti"), "leftanti"),
}


def _cross_join(frame: Any, scope: Scope, other: Any) -> Any:
    """Return all pairs of rows."""
    return frame.crossJoin(_marked(other, frame, ()))


def _marked(other: Any, frame: Any, keys: Sequence[str]) -> Any:
    """Return the second frame of a join; a column that both have is `<name>_right` of it."""
    taken = set(frame.columns) - set(keys)
    renamed = {name: f"{name}_right" for name in other.columns if name in taken}
    return other.withColumnsRenamed(renamed) if renamed else other


def require_columns(frame: Any, names: Sequence[str]) -> None:
    """Raise TransformError if a frame has not all of these columns."""
    have = frame.columns
    for name in names:
        if name not in have:
            raise missing_column(name, have)


def _union_by_name(frame: Any, scope: Scope, other: Any, allow_missing: bool = False) -> Any:
    different = sorted(set(frame.columns) ^ set(other.columns))
    if different and not allow_missing:
        raise TransformError(
            f"the columns of the two frames differ: {', '.join(different)}",
            hint="`allowMissingColumns: true` fills with null",
        )
    return frame.unionByName(other, allowMissingColumns=allow_missing)


def _union(frame: Any, scope: Scope, other: Any) -> Any:
    if len(frame.columns) != len(other.columns):
        raise TransformError(
            f"the frames of a union have {len(frame.columns)} and {len(other.columns)} columns",
            hint="`unionByName` with `allowMissingColumns: true` fills with null",
        )
    return frame.union(other)


def _head(frame: Any, scope: Scope, num: int = 1) -> Any:
    return frame.limit(num)


def _replace(
    frame: Any, scope: Scope, to_replace: Any, value: Any = None, subset: Any = None
) -> Any:
    if isinstance(to_replace, Mapping):
        return frame.replace(dict(to_replace), subset=subset)
    return frame.replace(to_replace, value, subset)


def _melt(
    frame: Any,
    scope: Scope,
    ids: Any,
    values: Any = None,
    variable: str = "variable",
    value: str = "value",
) -> Any:
    index = [ids] if isinstance(ids, str) else list(ids or ())
    on = [values] if isinstance(values, str) else values
    return frame.melt(index, on, variable, value)


def _sample(
    frame: Any, scope: Scope, first: Any = None, fraction: Any = None, seed: Any = None
) -> Any:
    if isinstance(first, float | int) and not isinstance(first, bool):
        # Spark takes `sample(fraction, seed)` as well.
        first, fraction, seed = None, first, fraction
    if fraction is None:
        raise TransformError("`sample` needs the argument `fraction`")
    return frame.sample(bool(first), float(fraction), int(seed or 0))


def _same(frame: Any, scope: Scope, *_: Any, **__: Any) -> Any:
    return frame


def _repartition(frame: Any, scope: Scope, *given: Any) -> Any:
    number, columns = given[:1], given
    if isinstance(given[0], int):
        columns = given[1:]
    else:
        number = ()
    return frame.repartition(*number, *columns_of(frame, columns))


METHODS: Mapping[str, Method] = {
    **dict.fromkeys(portable.HINTS, _same),
    "agg": _aggregate,
    "alias": lambda frame, _, alias: frame.alias(alias),
    "coalesce": lambda frame, _, number: frame.coalesce(number),
    "cross_join": _cross_join,
    "distinct": lambda frame, _: frame.distinct(),
    "drop": _drop,
    "drop_duplicates": _drop_duplicates,
    "dropna": lambda frame, _, *args, **kwargs: frame.dropna(*args, **kwargs),
    "except_all": lambda frame, _, other: frame.exceptAll(other),
    "fillna": lambda frame, _, value, subset=None: frame.fillna(value, subset),
    "filter": _filter,
    "group_by": _group_by,
    "head": _head,
    "hint": lambda frame, _, name, *args: frame.hint(name, *args),
    "intersect": lambda frame, _, other: frame.intersect(other),
    "intersect_all": lambda frame, _, other: frame.intersectAll(other),
    "join": _join,
    "limit": _head,
    "melt": _melt,
    "offset": lambda frame, _, num: frame.offset(num),
    "order_by": _order_by,
    "rename": _rename,
    "repartition": _repartition,
    "replace": _replace,
    "sample": _sample,
    "select": _select,
    "select_expr": _select_expr,
    "subtract": lambda frame, _, other: frame.subtract(other),
    "to_df": _to_df,
    "union": _union,
    "union_by_name": _union_by_name,
    "with_column": _with_column,
    "with_column_renamed": lambda frame, _, old, new: frame.withColumnRenamed(old, new),
    "with_columns": _with_columns,
    "with_columns_map": _with_columns_map,
    "with_columns_renamed": _rename,
}
"""Canonical names to what they do; those of grouped frames are in `transform`."""
