"""Polars' own frame methods, called as they are but where Polars 2 took something away."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import narwhals as nw
import polars as pl
from polars.lazyframe.group_by import LazyGroupBy

from laktory_dagster.engines.polars.casts import cast_to
from laktory_dagster.engines.polars.groups import Groups
from laktory_dagster.engines.polars.portable import as_condition
from laktory_dagster.engines.polars.schemas import parse_type
from laktory_dagster.engines.polars.steps import StepScope
from laktory_dagster.errors import TransformError
from laktory_dagster.expressions import catalog

_TIMES = (pl.Date, pl.Datetime, pl.Time, pl.Boolean)


def call_method(
    frame: pl.LazyFrame, scope: StepScope, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Any:
    """Return what a method of Polars' lazy frame gives; of a frame in memory if only that has it."""
    special = _SPECIAL.get(name)
    if special is not None:
        return special(frame, scope, *args, **kwargs)
    if name in catalog.eager_methods("polars"):
        # Such a method needs all rows at once, in memory.
        found = getattr(frame.collect(), name)(*map(_in_memory, args), **kwargs)
    elif not hasattr(frame, name):
        raise TransformError(f"`{name}` is for groups", hint="add a step `group_by` before it")
    else:
        found = getattr(frame, name)(*args, **kwargs)
    if isinstance(found, LazyGroupBy):
        return Groups(frame, found, None)
    return found


def call_grouped(groups: Groups, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Return what a method of Polars' grouped frame gives."""
    return getattr(groups.native, name)(*args, **kwargs)


def call_narwhals(
    frame: pl.LazyFrame, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Any:
    """Return what a method of narwhals gives, for arguments that Polars' own does not take."""
    wrapped = [nw.from_native(arg) if isinstance(arg, pl.LazyFrame) else arg for arg in args]
    return getattr(nw.from_native(frame), name)(*wrapped, **kwargs).to_native()


def _in_memory(value: Any) -> Any:
    return value.collect() if isinstance(value, pl.LazyFrame) else value


def _filter(
    frame: pl.LazyFrame, scope: StepScope, *predicates: Any, **constraints: Any
) -> pl.LazyFrame:
    return frame.filter(*[as_condition(p, scope) for p in predicates], **constraints)


def _cast(frame: pl.LazyFrame, scope: StepScope, dtypes: Any, strict: bool = True) -> pl.LazyFrame:
    """Cast columns; texts become times by their ISO spelling, which Polars 2 no longer does."""
    pairs = dtypes if isinstance(dtypes, Mapping) else dict.fromkeys(scope.schema.names(), dtypes)
    wanted: dict[str, pl.DataType] = {}
    for key, dtype in pairs.items():
        for name in _selected(frame, key):
            wanted[name] = _type_of(dtype)
    return frame.with_columns(
        _as_type(name, scope.schema[name], dtype, strict=strict) for name, dtype in wanted.items()
    )


def _type_of(dtype: Any) -> pl.DataType:
    """Return a type of Polars, given as such or by a portable name."""
    if isinstance(dtype, str):
        return parse_type(dtype)
    found: pl.DataType = dtype if isinstance(dtype, pl.DataType) else dtype()
    return found


def _selected(frame: pl.LazyFrame, key: Any) -> list[str]:
    if isinstance(key, str):
        return frame.select(pl.col(key)).collect_schema().names()
    if isinstance(key, pl.Expr):
        return frame.select(key).collect_schema().names()
    schema = frame.collect_schema()
    return [name for name, kind in schema.items() if kind == key]


def _as_type(name: str, source: pl.DataType, target: pl.DataType, *, strict: bool) -> pl.Expr:
    if isinstance(target, _TIMES) and source == pl.String:
        return cast_to(pl.col(name), source, target).alias(name)
    return pl.col(name).cast(target, strict=strict)


def _group_by(
    frame: pl.LazyFrame,
    scope: StepScope,
    *by: Any,
    maintain_order: bool = False,
    drop_null_keys: bool = False,
    **named_by: Any,
) -> Groups:
    """Group; `drop_null_keys` is narwhals' way to leave out rows without a key."""
    keys = [key for value in by for key in (value if isinstance(value, list | tuple) else [value])]
    if drop_null_keys:
        columns = [pl.col(key) if isinstance(key, str) else key for key in keys]
        frame = frame.filter(pl.all_horizontal(column.is_not_null() for column in columns))
    native = frame.group_by(*keys, maintain_order=maintain_order, **named_by)
    return Groups.of(frame, native, [*keys, *[v.alias(k) for k, v in named_by.items()]])


def _explode(
    frame: pl.LazyFrame, scope: StepScope, *columns: Any, empty_as_null: bool = True, **options: Any
) -> pl.LazyFrame:
    """Make a row of each item; an empty list gives a null, as on narwhals and before Polars 2."""
    return frame.explode(*columns, empty_as_null=empty_as_null, **options)


def _pivot(
    frame: pl.LazyFrame, scope: StepScope, on: Any, on_columns: Any = None, **options: Any
) -> pl.LazyFrame:
    """Turn values into columns; without `on_columns` the values are looked up, in memory."""
    if on_columns is None:
        return frame.collect().pivot(on, **options).lazy()
    return frame.pivot(on, on_columns, **options)


def _approx_n_unique(frame: pl.LazyFrame, scope: StepScope) -> pl.LazyFrame:
    return frame.select(pl.all().approx_n_unique())


def _melt(
    frame: pl.LazyFrame,
    scope: StepScope,
    id_vars: Any = None,
    value_vars: Any = None,
    variable_name: str | None = None,
    value_name: str | None = None,
) -> pl.LazyFrame:
    """Turn columns into rows, by the name that `unpivot` had."""
    names = {"variable_name": variable_name, "value_name": value_name}
    return frame.unpivot(value_vars, index=id_vars, **names)


def _with_row_count(
    frame: pl.LazyFrame, scope: StepScope, name: str = "row_nr", offset: int = 0
) -> pl.LazyFrame:
    return frame.with_row_index(name, offset)


def _same(frame: pl.LazyFrame, scope: StepScope, *_: Any, **__: Any) -> pl.LazyFrame:
    return frame


_SPECIAL: Mapping[str, Callable[..., Any]] = {
    "approx_n_unique": _approx_n_unique,
    "cache": _same,
    "cast": _cast,
    "clone": _same,
    "explode": _explode,
    "filter": _filter,
    "group_by": _group_by,
    "lazy": _same,
    "melt": _melt,
    "pivot": _pivot,
    "with_row_count": _with_row_count,
}
