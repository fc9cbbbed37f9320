"""Columns on their way into a store: types that a format holds, and what may change in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.sql import types as st

from laktory_dagster.engines.spark.schemas import parse_schema, portable
from laktory_dagster.engines.spark.scope import column
from laktory_dagster.errors import SchemaChangedError, WriteError

Types = dict[str, st.DataType]
_RANK: Mapping[type[st.DataType], int] = {
    st.ByteType: 1,
    st.ShortType: 2,
    st.IntegerType: 3,
    st.LongType: 4,
    st.FloatType: 5,
    st.DoubleType: 6,
}
_EXACT: Mapping[type[st.DataType], int] = {st.FloatType: 2, st.DoubleType: 3}
"""The widest rank of integers that a float holds without loss."""


def types_of(frame: Any) -> Types:
    """Return the columns of a frame with their types, whether they may be null left out."""
    return {field.name: _nullable(field.dataType) for field in frame.schema.fields}


def _nullable(dtype: st.DataType) -> st.DataType:
    if isinstance(dtype, st.ArrayType):
        return st.ArrayType(_nullable(dtype.elementType))
    if isinstance(dtype, st.MapType):
        return st.MapType(_nullable(dtype.keyType), _nullable(dtype.valueType))
    if isinstance(dtype, st.StructType):
        return st.StructType([st.StructField(f.name, _nullable(f.dataType)) for f in dtype.fields])
    if isinstance(dtype, (st.CharType, st.VarcharType)):
        return st.StringType()
    return dtype


def stored_types(types: Types, table: str, known: Types) -> Types:
    """Return the types in which a Delta table holds these columns.

    A column without a type (all null) takes the type `known` for it, else string.

    Raises:
        WriteError: a column of a type that Delta has no place for (intervals), or of a name that
            it does not take.
    """
    return {
        name: known[name]
        if isinstance(dtype, st.NullType) and name in known
        else _stored(dtype, name, table)
        for name, dtype in types.items()
    }


def _remedy(dtype: st.DataType, column: str) -> str:
    if isinstance(dtype, st.DayTimeIntervalType):
        return f"write it as a number: nw.col('{column}').dt.total_microseconds()"
    return f"write it as text: F.col('{column}').cast('string')"


_FORBIDDEN = " ,;{}()\n\t="


def _stored(dtype: st.DataType, name: str, table: str) -> st.DataType:
    forbidden = next((letter for letter in name if letter in _FORBIDDEN), None)
    if forbidden is not None:
        raise WriteError(
            f"{table}: Delta on Spark takes no column name with {forbidden!r}: `{name}`",
            hint="rename the column, for example in `selects` of the source",
        )
    if isinstance(dtype, st.NullType):
        return st.StringType()
    if isinstance(dtype, st.ArrayType):
        return st.ArrayType(_stored(dtype.elementType, name, table))
    if isinstance(dtype, st.StructType):
        return st.StructType(
            [st.StructField(f.name, _stored(f.dataType, f.name, table)) for f in dtype.fields]
        )
    if isinstance(dtype, (st.DayTimeIntervalType, st.YearMonthIntervalType, st.TimeType)):
        raise WriteError(
            f"{table}: Delta has no type for the column `{name}` ({portable(dtype)})",
            hint=_remedy(dtype, name),
        )
    return dtype


def cast_to(frame: Any, want: Types) -> Any:
    """Return the frame with the columns of other types cast."""
    have = types_of(frame)
    changes = {
        name: column(name).cast(dtype) for name, dtype in want.items() if have[name] != dtype
    }
    return frame.withColumns(changes) if changes else frame


def declared_types(definition: Any, types: Types, table: str) -> Types:
    """Return the types that a sink declares for columns of the batch.

    Raises:
        WriteError: a declared column is not there.
    """
    if definition is None:
        return {}
    wanted = {field.name: field.dataType for field in parse_schema(definition).fields}
    missing = [name for name in wanted if name not in types]
    if missing:
        raise WriteError(
            f"{table}: the sink declares the column `{missing[0]}`, which the rows do not have",
            expected=f"one of {', '.join(types)}",
        )
    return wanted


@dataclass(frozen=True)
class SchemaFit:
    """How a batch fits a stored schema.

    `batch` are the types in which its columns are written, `table` the schema afterwards; `added`
    names columns that the table gets, `widened` stored columns that change their type, `inexact`
    those where 64-bit integers become floats, which hold them exactly only up to 2**53.
    """

    batch: Types
    table: Types
    added: tuple[str, ...] = ()
    widened: tuple[str, ...] = ()
    inexact: tuple[str, ...] = ()


def fit_schema(
    batch: Types, stored: Types, evolution: str, table: str, *, may_lack: bool = False
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
    problems = [] if grows else [f"+ {n}: {portable(batch[n])} is new" for n in added]
    if not (grows or may_lack):
        problems += [f"- {n}: {portable(stored[n])} is missing" for n in missing]
    written, changed = dict(batch), {}
    for name in (name for name in batch if name in stored):
        have, want = batch[name], stored[name]
        if have == want or _fits_into(have, want):
            written[name] = want
        elif evolution == "widen" and (wider := _common(have, want)) is not None:
            written[name] = changed[name] = wider
        else:
            problems.append(f"~ {name}: stored as {portable(want)}, now {portable(have)}")
    if problems:
        raise SchemaChangedError(
            f"{table}: the batch does not fit the stored schema:\n    " + "\n    ".join(problems),
            hint=_evolution_hint(evolution, added, missing),
        )
    after = {**stored, **changed, **{name: written[name] for name in added}}
    inexact = [
        n
        for n, want in stored.items()
        if n in batch
        and isinstance(after[n], st.DoubleType)
        and any(isinstance(t, st.LongType) for t in (batch[n], want))
    ]
    return SchemaFit(written, after, tuple(added), tuple(changed), tuple(inexact))


def _evolution_hint(evolution: str, added: Sequence[str], missing: Sequence[str]) -> str:
    if evolution == "freeze" and (added or missing):
        return "`schema_evolution: add` takes new and missing columns, `widen` wider numbers too"
    return "cast the column to its stored type, or rewrite the table with `mode: OVERWRITE`"


def _fits_into(have: st.DataType, want: st.DataType) -> bool:
    """Return whether every value of one type is a value of the other."""
    ranks = _RANK.get(type(have)), _RANK.get(type(want))
    if ranks[0] is None or ranks[1] is None or ranks[0] > ranks[1]:
        return False
    exact = _EXACT.get(type(want))
    return exact is None or isinstance(have, st.FractionalType) or ranks[0] <= exact


def _common(have: st.DataType, want: st.DataType) -> st.DataType | None:
    ranks = _RANK.get(type(have)), _RANK.get(type(want))
    if ranks[0] is None or ranks[1] is None:
        return None
    if isinstance(have, st.IntegralType) == isinstance(want, st.IntegralType):
        return have if ranks[0] > ranks[1] else want
    return st.DoubleType()
