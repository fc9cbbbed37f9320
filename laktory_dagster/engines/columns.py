"""How a batch fits the schema of a stored table, on every engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from laktory_dagster.errors import SchemaChangedError, WriteError

Type = TypeVar("Type")

_RANK = {name: rank for rank, name in enumerate(("int8", "int16", "int32", "int64"), start=1)}
_FLOATS = {"float32": 2, "float64": 3}
"""The widest rank of integers that a float holds without loss."""
_EXACT = {"float32": 24, "float64": 53}
"""The power of two up to which a float holds every whole number."""
_WIDTH = {**_RANK, "float32": 5, "float64": 6}


@dataclass(frozen=True)
class SchemaFit(Generic[Type]):
    """How a batch fits a stored schema.

    `batch` are the types in which its columns are written, `table` the schema afterwards; `added`
    names columns that the table gets, `widened` stored columns that change their type. `inexact`
    (columns of the batch) and `inexact_stored` (widened ones) are integers that become floats, which
    hold all of them only up to the limit that is given here.
    """

    batch: dict[str, Type]
    table: dict[str, Type]
    added: tuple[str, ...] = ()
    widened: tuple[str, ...] = ()
    inexact: Mapping[str, int] = field(default_factory=dict)
    inexact_stored: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Fitting(Generic[Type]):
    """What an engine knows of its types: their portable spelling, and its type of 64-bit floats."""

    spelt: Callable[[Type], str]
    double: Type

    def fit(
        self,
        batch: Mapping[str, Type],
        stored: Mapping[str, Type],
        evolution: str,
        table: str,
        *,
        may_lack: bool = False,
    ) -> SchemaFit[Type]:
        """Return how a batch is added to a stored table.

        Args:
            batch: columns of the batch, in types that the format holds.
            stored: columns of the table.
            evolution: `freeze` (same names, types or values that lose nothing), `add` (new columns too, and
                columns may be missing), `widen` (wider numbers too).
            table: what errors call the table.
            may_lack: columns may be missing whatever `evolution` says (a merge of some columns).

        Raises:
            SchemaChangedError: with the difference column by column.
        """
        added = [name for name in batch if name not in stored]
        missing = [name for name in stored if name not in batch]
        grows = evolution in ("add", "widen")
        problems = [] if grows else [f"+ {n}: {self.spelt(batch[n])} is new" for n in added]
        if not (grows or may_lack):
            problems += [f"- {n}: {self.spelt(stored[n])} is missing" for n in missing]
        written, changed = dict(batch), {}
        for name in (name for name in batch if name in stored):
            have, want = batch[name], stored[name]
            if have == want or _fits_into(self.spelt(have), self.spelt(want)):
                written[name] = want
            elif evolution == "widen" and (wider := self._common(have, want)) is not None:
                written[name] = wider
                if wider != want:
                    changed[name] = wider
            elif self._limit(have, want):
                written[name] = want
            else:
                kinds = f"stored as {self.spelt(want)}, now {self.spelt(have)}"
                problems.append(f"~ {name}: {kinds}")
        if problems:
            raise SchemaChangedError(
                f"{table}: the batch does not fit the stored schema:\n    "
                + "\n    ".join(problems),
                hint=_evolution_hint(
                    evolution, added, missing, may_widen=self._may_widen(batch, stored)
                ),
            )
        after = {**stored, **changed, **{name: written[name] for name in added}}
        inexact = {
            n: limit for n in batch if n in stored and (limit := self._limit(batch[n], after[n]))
        }
        old = {n: limit for n in changed if (limit := self._limit(stored[n], after[n]))}
        return SchemaFit(written, after, tuple(added), tuple(changed), inexact, old)

    def _limit(self, have: Type, want: Type) -> int:
        """Return up to which number integers of a type are exact as a float; 0 where all or none are."""
        names = self.spelt(have), self.spelt(want)
        is_float_of_integers = names[0] in _RANK and names[1] in _EXACT
        return 2 ** _EXACT[names[1]] if is_float_of_integers and not _fits_into(*names) else 0

    def _may_widen(self, batch: Mapping[str, Type], stored: Mapping[str, Type]) -> bool:
        """Return whether wider numbers would hold what is stored and what comes."""
        both = [(batch[name], stored[name]) for name in batch if name in stored]
        changed = [(have, want) for have, want in both if have != want]
        return bool(changed) and all(self._common(*pair) is not None for pair in changed)

    def _common(self, have: Type, want: Type) -> Type | None:
        names = self.spelt(have), self.spelt(want)
        if not all(name in _WIDTH for name in names):
            return None
        if (names[0] in _RANK) == (names[1] in _RANK):
            return have if _WIDTH[names[0]] > _WIDTH[names[1]] else want
        return self.double


def _fits_into(have: str, want: str) -> bool:
    """Return whether every value of one type is a value of the other."""
    if have not in _WIDTH or want not in _WIDTH or _WIDTH[have] > _WIDTH[want]:
        return False
    return want not in _FLOATS or have in _FLOATS or _RANK[have] <= _FLOATS[want]


def _evolution_hint(
    evolution: str, added: Sequence[str], missing: Sequence[str], *, may_widen: bool
) -> str:
    if evolution == "freeze" and (added or missing):
        return "`schema_evolution: add` takes new and missing columns, `widen` wider numbers too"
    if evolution != "widen" and may_widen:
        return (
            "`schema_evolution: widen` on the sink of a DELTA table that is appended to takes wider "
            "numbers and rewrites the table; or cast the column to its stored type"
        )
    return "cast the column to its stored type, or rewrite the table with `mode: OVERWRITE`"


def require_declared(wanted: Mapping[str, Type], columns: Sequence[str], table: str) -> None:
    """Raise WriteError for a column that a sink declares and the rows do not have."""
    missing = [name for name in wanted if name not in columns]
    if missing:
        raise WriteError(
            f"{table}: the sink declares the column `{missing[0]}`, which the rows do not have",
            expected=f"one of {', '.join(columns)}",
        )


def quoted(name: str) -> str:
    """Return a name as the SQL of Spark, and conditions on a Delta table, take it."""
    return "`" + name.replace("`", "``") + "`"


def not_exact(column: str, limit: int, table: str) -> SchemaChangedError:
    """Return the error for whole numbers that the float they are to become cannot tell apart."""
    return SchemaChangedError(
        f"{table}: `{column}` holds integers beyond 2**{limit.bit_length() - 1}, which its type in "
        f"the table ({'float32' if limit == 2**24 else 'float64'}) cannot tell apart",
        hint=f"cast `{column}` to decimal(20,0) or to string, and rewrite the table with "
        "`mode: OVERWRITE`",
    )
