"""Columns on their way into a store: types that a format holds, and what may change in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from laktory_dagster.engines.polars.schemas import column_types
from laktory_dagster.errors import SchemaChangedError, WriteError

_INTEGERS: Mapping[type[pl.DataType], pl.DataType] = {
    pl.UInt8: pl.Int16(),
    pl.UInt16: pl.Int32(),
    pl.UInt32: pl.Int64(),
    pl.UInt64: pl.Int64(),
    pl.Int128: pl.Decimal(38, 0),
    pl.UInt128: pl.Decimal(38, 0),
}
_RANK: Mapping[type[pl.DataType], int] = {
    pl.Int8: 1,
    pl.Int16: 2,
    pl.Int32: 3,
    pl.Int64: 4,
    pl.Float32: 5,
    pl.Float64: 6,
}
_EXACT: Mapping[type[pl.DataType], int] = {pl.Float32: 2, pl.Float64: 3}
"""The widest rank of integers that a float holds without loss."""


def stored_types(schema: pl.Schema, table: str, known: Mapping[str, pl.DataType]) -> pl.Schema:
    """Return the types in which a Delta table holds these columns, the nearest that lose nothing.

    Categories become strings, unsigned integers the next wider signed ones (`uint64` becomes
    `int64` and fails on values beyond it), nanoseconds microseconds. A column without a type (all
    null) takes the type `known` for it, else string.

    Raises:
        WriteError: a column of a type that Delta has no place for (duration, time, objects).
    """
    return pl.Schema(
        (name, known[name] if dtype == pl.Null and name in known else _stored(dtype, name, table))
        for name, dtype in schema.items()
    )


def _stored(dtype: pl.DataType, column: str, table: str) -> pl.DataType:
    if isinstance(dtype, pl.List):
        return pl.List(_stored(_inner(dtype), column, table))
    if isinstance(dtype, pl.Array):
        return pl.List(_stored(_inner(dtype), column, table))
    if isinstance(dtype, pl.Struct):
        fields = [pl.Field(f.name, _stored(_kind(f.dtype), column, table)) for f in dtype.fields]
        return pl.Struct(fields)
    if isinstance(dtype, (pl.Categorical, pl.Enum, pl.Null)):
        return pl.String()
    if isinstance(dtype, pl.Datetime):
        return pl.Datetime("us", "UTC" if dtype.time_zone else None)
    if isinstance(dtype, (pl.Duration, pl.Time, pl.Object)):
        raise WriteError(
            f"{table}: Delta has no type for the column `{column}` ({dtype})",
            hint=_remedy(dtype, column),
        )
    return _INTEGERS.get(type(dtype), dtype)


def _remedy(dtype: pl.DataType, column: str) -> str:
    if isinstance(dtype, pl.Duration):
        return f"write it as a number: pl.col('{column}').dt.total_microseconds()"
    if isinstance(dtype, pl.Time):
        return f"write it as text: pl.col('{column}').dt.to_string('%H:%M:%S%.f')"
    return f"cast `{column}` to a type that can be stored, or drop it"


def _inner(dtype: pl.List | pl.Array) -> pl.DataType:
    return _kind(dtype.inner)


def _kind(dtype: Any) -> pl.DataType:
    kind: pl.DataType = dtype() if isinstance(dtype, type) else dtype
    return kind


def cast_to(frame: pl.LazyFrame, have: pl.Schema, want: Mapping[str, pl.DataType]) -> pl.LazyFrame:
    """Return the frame with the columns of other types cast; a value that does not fit fails."""
    changes = [pl.col(name).cast(dtype) for name, dtype in want.items() if have[name] != dtype]
    return frame.with_columns(changes) if changes else frame


@dataclass(frozen=True)
class SchemaFit:
    """How a batch fits a stored schema.

    `batch` are the types in which its columns are written. `table` is the schema afterwards;
    `added` names columns that the table gets, `widened` stored columns that change their type, `inexact` those
    where 64-bit integers become floats, which hold them exactly only up to 2**53.
    """

    batch: pl.Schema
    table: pl.Schema
    added: tuple[str, ...] = ()
    widened: tuple[str, ...] = ()
    inexact: tuple[str, ...] = ()


def fit_schema(
    batch: pl.Schema,
    stored: pl.Schema,
    evolution: str,
    table: str,
    *,
    may_lack: bool = False,
) -> SchemaFit:
    """Return how a batch is added to a stored table.

    Args:
        batch: columns of the batch, in types that the format holds.
        stored: columns of the table.
        evolution: `freeze` (same names, types that lose nothing), `add` (new columns too, and
            columns may be missing), `widen` (wider numbers too).
        table: what errors call the table.
        may_lack: columns may be missing whatever `evolution` says (a merge of some columns).

    Raises:
        SchemaChangedError: with the difference column by column.
    """
    added = [name for name in batch if name not in stored]
    missing = [name for name in stored if name not in batch]
    grows = evolution in ("add", "widen")
    problems = [] if grows else [f"+ {name}: {batch[name]} is new" for name in added]
    if not (grows or may_lack):
        problems += [f"- {name}: {stored[name]} is missing" for name in missing]
    written, changed = dict(batch.items()), {}
    for name in (name for name in batch if name in stored):
        have, want = batch[name], stored[name]
        if have == want or _fits_into(have, want):
            written[name] = want
        elif evolution == "widen" and (wider := _common(have, want)) is not None:
            written[name] = changed[name] = wider
        else:
            problems.append(f"~ {name}: stored as {_spelt(want)}, now {_spelt(have)}")
    if problems:
        raise SchemaChangedError(
            f"{table}: the batch does not fit the stored schema:\n    " + "\n    ".join(problems),
            hint=_evolution_hint(evolution, added, missing),
        )
    after = {**dict(stored.items()), **changed, **{name: written[name] for name in added}}
    inexact = [
        n for n, want in stored.items() if n in batch and _is_inexact(batch[n], want, after[n])
    ]
    return SchemaFit(
        pl.Schema(written), pl.Schema(after), tuple(added), tuple(changed), tuple(inexact)
    )


def _is_inexact(have: pl.DataType, stored: pl.DataType, after: pl.DataType) -> bool:
    return after == pl.Float64 and pl.Int64 in (have, stored)


def _spelt(dtype: pl.DataType) -> str:
    return column_types(pl.Schema({"x": dtype}))[0].type


def _evolution_hint(evolution: str, added: Sequence[str], missing: Sequence[str]) -> str:
    if evolution == "freeze" and (added or missing):
        return "`schema_evolution: add` takes new and missing columns, `widen` wider numbers too"
    return "cast the column to its stored type, or rewrite the table with `mode: OVERWRITE`"


def _fits_into(have: pl.DataType, want: pl.DataType) -> bool:
    """Return whether every value of one type is a value of the other."""
    ranks = _RANK.get(type(have)), _RANK.get(type(want))
    if ranks[0] is None or ranks[1] is None or ranks[0] > ranks[1]:
        return False
    exact = _EXACT.get(type(want))
    return exact is None or have.is_float() or ranks[0] <= exact


def _common(have: pl.DataType, want: pl.DataType) -> pl.DataType | None:
    ranks = _RANK.get(type(have)), _RANK.get(type(want))
    if ranks[0] is None or ranks[1] is None:
        return None
    if have.is_integer() == want.is_integer():
        return have if ranks[0] > ranks[1] else want
    return pl.Float64()
