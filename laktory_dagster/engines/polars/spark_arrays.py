"""Spark's functions of arrays, structs and JSON on Polars columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl

from laktory_dagster.engines.polars.exploding import explode, explode_outer
from laktory_dagster.engines.polars.schemas import parse_schema, parse_type
from laktory_dagster.engines.polars.scope import Scope
from laktory_dagster.engines.polars.spark_json import read_json
from laktory_dagster.engines.polars.spark_names import plain
from laktory_dagster.engines.polars.spark_text import concat_texts, length, text
from laktory_dagster.errors import ExpressionError, SettingsError


def _flat(values: Sequence[Any]) -> list[pl.Expr]:
    return [v for value in values for v in (value if isinstance(value, list) else [value])]


def _constant(value: Any) -> Any:
    """Return an element as a column: here a text is a text."""
    return value if isinstance(value, pl.Expr) else pl.lit(value)


def _struct(*values: Any) -> pl.Expr:
    return pl.struct(_flat(values))


def _named_struct(*values: Any) -> pl.Expr:
    names = [pl.select(value).item() for value in values[::2]]
    return pl.struct([v.alias(n) for n, v in zip(names, values[1::2], strict=True)])


def _element_at(value: pl.Expr, place: Any) -> pl.Expr:
    if isinstance(place, int):
        return value.list.get(place - 1 if place > 0 else place, null_on_oob=True)
    if isinstance(place, str):
        return value.struct.field(place)
    index = pl.when(place > 0).then(place - 1).otherwise(place)
    return value.list.get(index, null_on_oob=True)


def item_at(value: pl.Expr, index: Any) -> pl.Expr:
    """Return an item of an array, counted from 0; null before the first and behind the last."""
    place = index if isinstance(index, pl.Expr) else pl.lit(index)
    return value.list.get(pl.when(place >= 0).then(place), null_on_oob=True)


def _join(value: pl.Expr, delimiter: str, null_replacement: str | None = None) -> pl.Expr:
    texts = value.cast(pl.List(pl.String))
    if null_replacement is not None:
        texts = texts.list.eval(pl.element().fill_null(null_replacement))
    return texts.list.join(delimiter, ignore_nulls=True)


def _sorted(value: pl.Expr, asc: bool = True) -> pl.Expr:
    return value.list.sort(descending=not asc, nulls_last=not asc)


def _array_sort(value: pl.Expr) -> pl.Expr:
    return value.list.sort(nulls_last=True)


def _among(value: pl.Expr, item: Any, found: Callable[[pl.Expr, pl.Expr], pl.Expr]) -> pl.Expr:
    """Return what is found in each array of an item of its own; null where either is null."""
    wanted = _constant(item)
    # Inside of lists no other column can be read: it goes with each array as the first item.
    both = pl.concat_list([wanted, value])
    result = both.list.eval(found(pl.element().slice(1), pl.element().first()))
    return pl.when(value.is_not_null() & wanted.is_not_null()).then(result)


def _position(value: pl.Expr, item: Any) -> pl.Expr:
    places = _among(value, item, lambda items, wanted: (items == wanted).arg_true() + 1)
    return pl.when(places.is_not_null()).then(places.list.first().fill_null(0).cast(pl.Int64))


def _removed(value: pl.Expr, item: Any) -> pl.Expr:
    return _among(value, item, lambda items, wanted: items.filter(items.ne_missing(wanted)))


def _contains(value: pl.Expr, item: Any) -> pl.Expr:
    """Return whether an array has an item; null where only a null in it may be the item."""
    wanted = _constant(item)
    found = value.list.contains(wanted)
    has_null = value.list.drop_nulls().list.len() < value.list.len()
    return pl.when(wanted.is_not_null() & (found | ~has_null)).then(found)


def _overlap(first: pl.Expr, second: pl.Expr) -> pl.Expr:
    """Return whether two arrays share an item; null where only a null may be it."""
    found = first.list.set_intersection(second).list.drop_nulls().list.len() > 0
    both = (first.list.len() > 0) & (second.list.len() > 0)
    has_null = (first.list.drop_nulls().list.len() < first.list.len()) | (
        second.list.drop_nulls().list.len() < second.list.len()
    )
    return pl.when(found | ~(both & has_null)).then(found)


def _repeat(value: pl.Expr, count: Any) -> pl.Expr:
    return value.repeat_by(count)


def _slice(value: pl.Expr, start: Any, length: Any) -> pl.Expr:
    if isinstance(start, int):
        start = start - 1 if start > 0 else start
    else:
        start = pl.when(start > 0).then(start - 1).otherwise(start)
    known = pl.all_horizontal(_constant(part).is_not_null() for part in (start, length))
    return pl.when(known).then(value.list.slice(start, length))


def _flatten(value: pl.Expr) -> pl.Expr:
    has_null = value.list.eval(pl.element().is_null()).list.any()
    return pl.when(~has_null).then(value.list.eval(pl.element().list.explode(empty_as_null=False)))


def _from_json(value: pl.Expr, schema: Any, _options: Any = None) -> pl.Expr:
    try:
        is_type = isinstance(schema, str) and "<" in schema.split(" ")[0]
        kind = parse_type(schema) if is_type else pl.Struct(parse_schema(schema))
    except SettingsError as error:
        raise ExpressionError(error.message, expected=error.expected, hint=error.hint) from error
    return read_json(value, kind)


def _concat_lists(first: pl.Expr, item: Any) -> pl.Expr:
    return pl.concat_list([first, _constant(item)])


def _size(value: pl.Expr) -> pl.Expr:
    return value.list.len().cast(pl.Int32)


def _distinct(value: pl.Expr) -> pl.Expr:
    return value.list.unique(maintain_order=True)


def _without(first: pl.Expr, second: pl.Expr) -> pl.Expr:
    """Return the items of one array that are not in another, each once, in their order."""
    left_out = _distinct(second)
    return _distinct(pl.concat_list([left_out, first])).list.slice(left_out.list.len())


ARRAYS: Mapping[str, Callable[..., Any]] = {
    "array_append": _concat_lists,
    "array_compact": lambda value: value.list.drop_nulls(),
    "array_contains": _contains,
    "array_distinct": _distinct,
    "array_except": _without,
    "array_intersect": lambda first, second: _without(first, _without(first, second)),
    "array_join": _join,
    "array_min": lambda value: value.list.min(),
    "array_position": _position,
    "array_prepend": lambda value, item: pl.concat_list([_constant(item), value]),
    "array_remove": _removed,
    "array_repeat": _repeat,
    "array_size": _size,
    "array_sort": _array_sort,
    "array_union": lambda first, second: _distinct(pl.concat_list([first, second])),
    "arrays_overlap": _overlap,
    "cardinality": _size,
    "element_at": _element_at,
    "explode": explode,
    "explode_outer": explode_outer,
    "flatten": _flatten,
    "from_json": _from_json,
    "get": item_at,
    "named_struct": _named_struct,
    "size": _size,
    "slice": _slice,
    "sort_array": _sorted,
    "struct": _struct,
    "try_element_at": _element_at,
}


def _sequence(scope: Scope, start: pl.Expr, stop: pl.Expr, step: Any = None) -> pl.Expr:
    """Return the whole numbers from one to another, in the wider type of both."""
    found = _numbers_between(start, stop, step)
    are_small = all(scope.type_of(end) == pl.Int32 for end in (start, stop))
    return found.cast(pl.List(pl.Int32)) if are_small else found


def _numbers_between(start: pl.Expr, stop: pl.Expr, step: Any) -> pl.Expr:
    if step is None:
        up = pl.int_ranges(start, stop + 1)
        down = pl.int_ranges(start, stop - 1, -1)
        return pl.when(start <= stop).then(up).otherwise(down)
    width = plain(step)
    if not isinstance(width, int):
        raise ExpressionError("the step of `sequence` must be a plain number on Polars")
    return pl.int_ranges(start, stop + (1 if width > 0 else -1), width)


def _is_list(scope: Scope, value: Any) -> bool:
    return isinstance(value, pl.Expr) and isinstance(scope.type_of(value), pl.List)


def _concat(scope: Scope, *values: Any) -> pl.Expr:
    """Return texts or arrays put together; null where one is null."""
    columns = _flat(values)
    if not any(_is_list(scope, column) for column in columns):
        return concat_texts(*columns)
    complete = pl.all_horizontal(column.is_not_null() for column in columns)
    return pl.when(complete).then(pl.concat_list(columns))


def _array(scope: Scope, *values: Any) -> pl.Expr:
    columns = _flat(values)
    if not any(_is_list(scope, column) for column in columns):
        return pl.concat_list(columns)
    # Polars would put the items of lists into one.
    wrapped = pl.concat_list([pl.struct(column.alias("item")) for column in columns])
    return wrapped.list.eval(pl.element().struct.field("item"))


def _reverse(scope: Scope, value: pl.Expr) -> pl.Expr:
    return value.list.reverse() if _is_list(scope, value) else text(value).str.reverse()


def _concat_ws(scope: Scope, sep: Any, *values: Any) -> pl.Expr:
    """Return texts and the items of arrays put together; what is null is left out."""
    parts: list[pl.Expr] = []
    for column in _flat(values):
        if _is_list(scope, column):
            items = column.cast(pl.List(pl.String)).list.drop_nulls()
            parts.append(pl.when(items.list.len() > 0).then(items.list.join(plain(sep))))
        else:
            parts.append(column.cast(pl.String))
    if not parts:
        return pl.lit("")
    return pl.concat_str(parts, separator=plain(sep), ignore_nulls=True)


def _greatest_item(scope: Scope, value: pl.Expr) -> pl.Expr:
    """Return the greatest item; NaN is greater than any number."""
    kind = scope.type_of(value)
    if isinstance(kind, pl.List) and kind.inner.is_float():
        return value.list.eval(pl.element().nan_max()).list.first()
    return value.list.max()


TEXTS_OR_ARRAYS: Mapping[str, Callable[..., Any]] = {
    "array": _array,
    "array_max": _greatest_item,
    "concat": _concat,
    "concat_ws": _concat_ws,
    "length": length,
    "reverse": _reverse,
    "sequence": _sequence,
}
"""Functions whose meaning goes by the type of what they are given."""
