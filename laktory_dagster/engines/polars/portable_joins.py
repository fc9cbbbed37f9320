"""Spark's methods of two frames, on Polars."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import polars as pl

from laktory_dagster.engines.polars.problems import missing_column
from laktory_dagster.engines.polars.spark_operators import key_type, read_as
from laktory_dagster.engines.polars.steps import StepScope
from laktory_dagster.errors import TransformError
from laktory_dagster.expressions.suggest import hint_for

How = Literal["inner", "left", "right", "full", "semi", "anti", "cross"]

_COPY = "__laktory_copy"
_KEY, _THEIRS = "__laktory_key_", "__laktory_other_"
_HOW: Mapping[str, How] = {
    "inner": "inner",
    "cross": "cross",
    **dict.fromkeys(("left", "leftouter"), "left"),
    **dict.fromkeys(("right", "rightouter"), "right"),
    **dict.fromkeys(("full", "outer", "fullouter"), "full"),
    **dict.fromkeys(("semi", "leftsemi"), "semi"),
    **dict.fromkeys(("anti", "leftanti"), "anti"),
}


def join_kind(how: str) -> How:
    """Return the kind of a join by any of Spark's names.

    Raises:
        TransformError: there is no such kind.
    """
    kind = _HOW.get(str(how).replace("_", "").lower())
    if kind is None:
        raise TransformError(
            f"`{how}` is no kind of join",
            expected="inner, left, right, outer, semi, anti or cross",
            hint=hint_for(str(how), _HOW),
        )
    return kind


def require_columns(frame: pl.LazyFrame, names: list[str]) -> None:
    """Raise TransformError if a frame has not all of these columns."""
    columns = frame.collect_schema().names()
    for name in names:
        if name not in columns:
            raise missing_column(name, columns)


def _join(
    frame: pl.LazyFrame, scope: StepScope, other: pl.LazyFrame, on: Any = None, how: str = "inner"
) -> pl.LazyFrame:
    """Join with one copy of the keys, which come first; nulls meet nothing."""
    kind = join_kind(how)
    conditions = on if isinstance(on, list | tuple) else [on]
    if on is None:
        return _cross_join(frame, scope, other)
    if not all(isinstance(item, str) for item in conditions):
        return _join_where(frame, other, conditions, kind)
    keys = list(conditions)
    require_columns(frame, keys)
    require_columns(other, keys)
    joined = join_by_keys(frame, other, keys, keys, kind)
    names = joined.collect_schema().names()
    if kind == "right":
        names = _left_before_right(names, frame, keys)
    return joined.select([*keys, *(name for name in names if name not in keys)])


def join_by_keys(
    frame: pl.LazyFrame,
    other: pl.LazyFrame,
    keys: Sequence[str],
    other_keys: Sequence[str],
    how: How,
    suffix: str = "_right",
) -> pl.LazyFrame:
    """Join with one copy of the keys; those of different types meet as Spark compares them."""
    how = "inner" if how == "cross" else how  # with keys it is one, as on Spark
    mine, theirs = frame.collect_schema(), other.collect_schema()
    targets = {
        place: target
        for place, (key, other_key) in enumerate(zip(keys, other_keys, strict=True))
        if (target := key_type(mine[key], theirs[other_key])) is not None
    }
    left_on, right_on = list(keys), list(other_keys)
    for place, target in targets.items():
        key, other_key = keys[place], other_keys[place]
        left_on[place] = right_on[place] = f"{_KEY}{place}"
        met = read_as(pl.col(key), mine[key], target).alias(f"{_KEY}{place}")
        frame = frame.with_columns(met)
        met = read_as(pl.col(other_key), theirs[other_key], target).alias(f"{_KEY}{place}")
        other = other.with_columns(met).rename({other_key: f"{_THEIRS}{place}"})
    coalesce = None if how in ("semi", "anti") else True
    joined = frame.join(
        other, left_on=left_on, right_on=right_on, how=how, coalesce=coalesce, suffix=suffix
    )
    shown = [
        pl.coalesce(*names).alias(keys[place])
        for place in targets
        if (names := _shown_keys(keys[place], f"{_THEIRS}{place}", how))
    ]
    added = [f"{mark}{place}" for place in targets for mark in (_KEY, _THEIRS)]
    return joined.with_columns(shown).drop(added, strict=False) if targets else joined


def _shown_keys(key: str, theirs: str, how: How) -> tuple[str, ...]:
    """Return the columns of which a key takes its value, where that is not the left one alone."""
    return {"right": (theirs,), "full": (key, theirs)}.get(how, ())


def _left_before_right(names: list[str], frame: pl.LazyFrame, keys: list[str]) -> list[str]:
    left = [name for name in frame.collect_schema().names() if name not in keys]
    return [*left, *(name for name in names if name not in left)]


def _join_where(
    frame: pl.LazyFrame, other: pl.LazyFrame, conditions: Any, kind: How
) -> pl.LazyFrame:
    if kind not in ("inner", "cross"):
        raise TransformError(
            f"a {kind} join needs the names of its keys", hint="write the columns in `on`, or SQL"
        )
    joined: pl.LazyFrame = frame.join_where(other, *conditions)
    return joined


def _cross_join(frame: pl.LazyFrame, scope: StepScope, other: pl.LazyFrame) -> pl.LazyFrame:
    return frame.join(other, how="cross")


def _union(frame: pl.LazyFrame, scope: StepScope, other: pl.LazyFrame) -> pl.LazyFrame:
    """Put the rows of both, columns by their place."""
    mine, theirs = frame.collect_schema().names(), other.collect_schema().names()
    if len(mine) != len(theirs):
        raise TransformError(
            f"the frames of a union have {len(mine)} and {len(theirs)} columns",
            hint="`unionByName` with `allowMissingColumns: true` fills with null",
        )
    renamed = other.select(pl.col(t).alias(m) for t, m in zip(theirs, mine, strict=True))
    return pl.concat([frame, renamed], how="vertical_relaxed")


def _union_by_name(
    frame: pl.LazyFrame, scope: StepScope, other: pl.LazyFrame, allow_missing: bool = False
) -> pl.LazyFrame:
    mine, theirs = frame.collect_schema().names(), other.collect_schema().names()
    different = sorted(set(mine) ^ set(theirs))
    if different and not allow_missing:
        raise TransformError(
            f"the columns of the two frames differ: {', '.join(different)}",
            hint="`allowMissingColumns: true` fills with null",
        )
    return pl.concat([frame, other], how="diagonal_relaxed")


def _aligned(frame: pl.LazyFrame, other: pl.LazyFrame) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """Return both frames with the names of the first and with types that compare."""
    mine, theirs = frame.collect_schema(), other.collect_schema()
    if len(mine) != len(theirs):
        raise TransformError(f"the frames have {len(mine)} and {len(theirs)} columns")
    pairs = zip(theirs.names(), mine.items(), strict=True)
    renamed = other.select(pl.col(name).alias(m) for name, (m, _) in pairs)
    whole = pl.concat([frame.clear(), renamed.clear()], how="vertical_relaxed").collect_schema()
    return frame.cast(whole), renamed.cast(whole)


def _as_set(how: Literal["semi", "anti"]) -> Callable[..., pl.LazyFrame]:
    def compared(frame: pl.LazyFrame, scope: StepScope, other: pl.LazyFrame) -> pl.LazyFrame:
        left, right = _aligned(frame, other)
        names = left.collect_schema().names()
        return left.unique().join(right, on=names, how=how, nulls_equal=True)

    return compared


def _as_bag(how: Literal["semi", "anti"]) -> Callable[..., pl.LazyFrame]:
    """Return the method that keeps how often a row stands: the second of one meets the second."""

    def compared(frame: pl.LazyFrame, scope: StepScope, other: pl.LazyFrame) -> pl.LazyFrame:
        left, right = _aligned(frame, other)
        names = left.collect_schema().names()
        copy = pl.int_range(pl.len()).over(names).alias(_COPY)
        left, right = left.with_columns(copy), right.with_columns(copy)
        return left.join(right, on=[*names, _COPY], how=how, nulls_equal=True).drop(_COPY)

    return compared


SEVERAL: Mapping[str, Callable[..., pl.LazyFrame]] = {
    "cross_join": _cross_join,
    "except_all": _as_bag("anti"),
    "intersect": _as_set("semi"),
    "intersect_all": _as_bag("semi"),
    "join": _join,
    "subtract": _as_set("anti"),
    "union": _union,
    "union_by_name": _union_by_name,
}
