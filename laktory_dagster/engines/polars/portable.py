"""Spark's frame methods on Polars: the portable names, with Spark's meaning."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl

from laktory_dagster.engines.polars.expressions import compile_condition, compile_sql
from laktory_dagster.engines.polars.layers import dedupe
from laktory_dagster.errors import TransformError

Frame = pl.LazyFrame


def _columns(values: Sequence[Any]) -> list[pl.Expr]:
    """Return columns given by name, as expressions, or as one list of these."""
    if len(values) == 1 and isinstance(values[0], (list, tuple)):
        values = values[0]
    found = []
    for value in values:
        if isinstance(value, pl.Expr):
            found.append(value)
        elif value == "*":
            found.append(pl.all())
        else:
            head, *fields = str(value).split(".")
            column = pl.col(head)
            for field in fields:
                column = column.struct.field(field)
            found.append(column)
    return found


def _names(values: Any) -> list[str]:
    if values is None:
        return []
    return [values] if isinstance(values, str) else list(values)


def _select(frame: Frame, _: str, *cols: Any, **named: Any) -> Frame:
    return frame.select(*_columns(cols), **named)


def _select_expr(frame: Frame, dialect: str, *expr: Any) -> Frame:
    texts = expr[0] if len(expr) == 1 and isinstance(expr[0], list) else expr
    return frame.select(pl.all() if t == "*" else compile_sql(t, dialect) for t in texts)


def _with_column(frame: Frame, _: str, colName: str, col: Any) -> Frame:  # noqa: N803
    value = col if isinstance(col, pl.Expr) else pl.lit(col)
    return frame.with_columns(value.alias(colName))


def _with_columns(frame: Frame, _: str, *cols: Any, **named: Any) -> Frame:
    if len(cols) == 1 and isinstance(cols[0], Mapping):
        return frame.with_columns(**cols[0], **named)
    return frame.with_columns(*cols, **named)


def _renamed(frame: Frame, _: str, existing: str, new: str) -> Frame:
    return frame.rename({existing: new}, strict=False)


def _rename(frame: Frame, _: str, mapping: Mapping[str, str]) -> Frame:
    return frame.rename(dict(mapping), strict=False)


def _drop(frame: Frame, _: str, *cols: Any) -> Frame:
    names = cols[0] if len(cols) == 1 and isinstance(cols[0], list) else cols
    return frame.drop(list(names), strict=False)


def _filter(frame: Frame, dialect: str, condition: Any) -> Frame:
    if isinstance(condition, str):
        condition = compile_condition(condition, dialect)
    return frame.filter(condition)


def _drop_duplicates(frame: Frame, _: str, subset: Any = None) -> Frame:
    if subset is None:
        return frame.unique(keep="any")
    return dedupe(frame, _names(subset), None, "first")


def _order_by(frame: Frame, _: str, *cols: Any, ascending: Any = True) -> Frame:
    keys = _columns(cols)
    up = ascending if isinstance(ascending, list) else [ascending] * len(keys)
    # Spark puts nulls first when ascending, last when descending.
    descending = [not bool(flag) for flag in up]
    return frame.sort(keys, descending=descending, nulls_last=descending, maintain_order=True)


def _sample(frame: Frame, _: str, *args: Any, **options: Any) -> Frame:
    given = dict(zip(("withReplacement", "fraction", "seed"), args, strict=False)) | options
    if args and not isinstance(args[0], bool):
        given = dict(zip(("fraction", "seed"), args, strict=False)) | options
    number = "__laktory_row"
    share = pl.col(number).hash(given.get("seed") or 0) / float(2**64)
    kept = frame.with_row_index(number).filter(share < given["fraction"])
    return kept.drop(number)


def _dropna(
    frame: Frame, _: str, how: str = "any", thresh: Any = None, subset: Any = None
) -> Frame:
    names = _names(subset) or frame.collect_schema().names()
    there = pl.sum_horizontal(pl.col(name).is_not_null().cast(pl.Int32) for name in names)
    least = thresh if thresh is not None else (len(names) if how == "any" else 1)
    return frame.filter(there >= least)


def _fillna(frame: Frame, _: str, value: Any, subset: Any = None) -> Frame:
    if isinstance(value, Mapping):
        return frame.with_columns(pl.col(name).fill_null(item) for name, item in value.items())
    schema = frame.collect_schema()
    fits = {str: lambda t: t == pl.String(), bool: lambda t: t == pl.Boolean()}
    check = fits.get(type(value), lambda t: t.is_numeric())
    names = [name for name in _names(subset) or schema.names() if check(schema[name])]
    return frame.with_columns(
        pl.col(name).fill_null(pl.lit(value).cast(schema[name])) for name in names
    )


def _replace(frame: Frame, _: str, to_replace: Any, value: Any = None, subset: Any = None) -> Frame:
    mapping = to_replace if isinstance(to_replace, Mapping) else None
    if mapping is None:
        old = to_replace if isinstance(to_replace, list) else [to_replace]
        new = value if isinstance(value, list) else [value] * len(old)
        mapping = dict(zip(old, new, strict=True))
    names = _names(subset) or frame.collect_schema().names()
    kinds = {type(key) for key in mapping}
    schema = frame.collect_schema()
    fitting = [n for n in names if (schema[n] == pl.String()) == (kinds == {str})]
    return frame.with_columns(pl.col(name).replace(mapping) for name in fitting)


def _group_by(frame: Frame, _: str, *cols: Any) -> Any:
    return frame.group_by(_columns(cols))


def _agg(frame: Any, dialect: str, *exprs: Any, **named: Any) -> Frame:
    if len(exprs) == 1 and isinstance(exprs[0], Mapping):
        functions = [
            compile_sql(f"{function}({column})", dialect).alias(f"{function}({column})")
            for column, function in exprs[0].items()
        ]
        return frame.agg(functions)  # type: ignore[no-any-return]
    if isinstance(frame, pl.LazyFrame):
        return frame.select(*exprs, **named)
    return frame.agg(*exprs, **named)  # type: ignore[no-any-return]


def _count(frame: Any, _: str) -> Frame:
    counted = pl.len().cast(pl.Int64).alias("count")
    if isinstance(frame, pl.LazyFrame):
        return frame.select(counted)
    return frame.agg(counted)  # type: ignore[no-any-return]


def _each(function: str) -> Callable[..., Frame]:
    polars = {"avg": "mean"}.get(function, function)

    def aggregate(frame: Any, _: str, *cols: Any) -> Frame:
        found = [getattr(pl.col(name), polars)().alias(f"{function}({name})") for name in cols]
        if not found:
            raise TransformError(f"`{function}` needs the columns to aggregate")
        return frame.agg(found) if hasattr(frame, "agg") else frame.select(found)  # type: ignore[no-any-return]

    return aggregate


_HOW = {
    "inner": "inner", "left": "left", "leftouter": "left", "right": "right", "rightouter": "right",
    "outer": "full", "full": "full", "fullouter": "full", "semi": "semi", "leftsemi": "semi",
    "anti": "anti", "leftanti": "anti", "cross": "cross",
}  # fmt: skip


def _join(frame: Frame, dialect: str, other: Frame, on: Any = None, how: str = "inner") -> Frame:
    kind = _HOW.get(how.replace("_", "").lower())
    if kind is None:
        raise TransformError(f"`{how}` is no kind of join", expected=", ".join(_HOW))
    if on is None or kind == "cross":
        return frame.join(other, how="cross", suffix="_right")
    if isinstance(on, pl.Expr):
        if kind != "inner":
            raise TransformError("a join on a condition is an inner join", hint="use names in `on`")
        return frame.join_where(other, on)
    keys = _names(on)
    if kind in ("semi", "anti"):
        return frame.join(other, on=keys, how=kind, nulls_equal=False)  # type: ignore[arg-type]
    return frame.join(
        other,
        on=keys,
        how=kind,  # type: ignore[arg-type]
        coalesce=True,
        maintain_order="left" if kind == "left" else "none",
    )


def _union(frame: Frame, _: str, other: Frame) -> Frame:
    mine, theirs = frame.collect_schema(), other.collect_schema()
    if len(mine) != len(theirs):
        raise TransformError(
            f"the frames of a union have {len(mine)} and {len(theirs)} columns",
            hint="`unionByName` with `allowMissingColumns: true` fills with null",
        )
    renamed = other.rename(dict(zip(theirs.names(), mine.names(), strict=True)))
    return pl.concat([frame, renamed], how="vertical_relaxed")


def _union_by_name(
    frame: Frame,
    _: str,
    other: Frame,
    allowMissingColumns: bool = False,  # noqa: N803, FBT001, FBT002
) -> Frame:
    mine, theirs = frame.collect_schema().names(), other.collect_schema().names()
    if not allowMissingColumns and set(mine) != set(theirs):
        different = sorted(set(mine) ^ set(theirs))
        raise TransformError(
            f"the columns of the two frames differ: {', '.join(different)}",
            hint="`allowMissingColumns: true` fills with null",
        )
    return pl.concat([frame, other], how="diagonal_relaxed")


def _intersect(frame: Frame, _: str, other: Frame) -> Frame:
    names = frame.collect_schema().names()
    return frame.unique(keep="any").join(other, on=names, how="semi", nulls_equal=True)


def _subtract(frame: Frame, _: str, other: Frame) -> Frame:
    names = frame.collect_schema().names()
    return frame.unique(keep="any").join(other, on=names, how="anti", nulls_equal=True)


def _numbered(frame: Frame, names: list[str]) -> Frame:
    return frame.with_columns(pl.int_range(pl.len()).over(names).alias("__laktory_copy"))


def _all_of(how: str) -> Callable[..., Frame]:
    def apply(frame: Frame, _: str, other: Frame) -> Frame:
        names = frame.collect_schema().names()
        keys = [*names, "__laktory_copy"]
        left, right = _numbered(frame, names), _numbered(other, names)
        joined = left.join(right, on=keys, how=how, nulls_equal=True)  # type: ignore[arg-type]
        return joined.drop("__laktory_copy")

    return apply


def _melt(
    frame: Frame,
    _: str,
    ids: Any,
    values: Any = None,
    variableColumnName: str = "variable",  # noqa: N803
    valueColumnName: str = "value",  # noqa: N803
) -> Frame:
    return frame.unpivot(
        on=_names(values) or None,
        index=_names(ids),
        variable_name=variableColumnName,
        value_name=valueColumnName,
    )


def _to_df(frame: Frame, _: str, *cols: str) -> Frame:
    names = frame.collect_schema().names()
    return frame.rename(dict(zip(names, cols, strict=True)))


PORTABLE_METHODS: Mapping[str, Callable[..., Any]] = {
    "select": _select,
    "select_expr": _select_expr,
    "with_column": _with_column,
    "with_columns": _with_columns,
    "with_columns_map": lambda frame, d, colsMap: _with_columns(frame, d, colsMap),  # noqa: N803
    "with_column_renamed": _renamed,
    "with_columns_renamed": lambda frame, d, colsMap: _rename(frame, d, colsMap),  # noqa: N803
    "rename": _rename,
    "drop": _drop,
    "to_df": _to_df,
    "filter": _filter,
    "drop_duplicates": _drop_duplicates,
    "distinct": _drop_duplicates,
    "order_by": _order_by,
    "limit": lambda frame, _, num: frame.head(num),
    "head": lambda frame, _, n=1: frame.head(n),
    "offset": lambda frame, _, num: frame.slice(num),
    "sample": _sample,
    "dropna": _dropna,
    "fillna": _fillna,
    "replace": _replace,
    "group_by": _group_by,
    "agg": _agg,
    "count": _count,
    **{name: _each(name) for name in ("sum", "avg", "mean", "min", "max")},
    "join": _join,
    "cross_join": lambda frame, _, other: frame.join(other, how="cross"),
    "union": _union,
    "union_by_name": _union_by_name,
    "intersect": _intersect,
    "intersect_all": _all_of("semi"),
    "subtract": _subtract,
    "except_all": _all_of("anti"),
    "melt": _melt,
}
"""Canonical portable name to what it does: `method(frame, dialect, *args, **kwargs)`."""
