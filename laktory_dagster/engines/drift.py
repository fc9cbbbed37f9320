"""One schema for several files, by the declared rule and never by their order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from laktory_dagster.errors import ReadError

Type = TypeVar("Type")


@dataclass(frozen=True)
class Drift(Generic[Type]):
    """What an engine knows of its types.

    `common` gives the type that holds the values of two, None where there is none; with its last
    argument also of two kinds of numbers.
    """

    spelt: Callable[[Type], str]
    is_number: Callable[[Type], bool]
    common: Callable[[Type, Type, bool], Type | None]

    def unify(
        self,
        files: Sequence[tuple[str, Mapping[str, Type]]],
        rule: str,
        *,
        is_json: bool = False,
        is_excel: bool = False,
    ) -> dict[str, Type]:
        """Return the columns of all files together.

        `freeze` allows no difference but the units and zones of times, which are no other values,
        `add` missing columns (null), `widen` also wider numbers. JSON has neither fixed columns nor
        kinds of numbers, so there both are always allowed; a spreadsheet has no kinds of numbers.

        Raises:
            ReadError: the files differ more than the rule allows; it names both and the columns.
        """
        first_path, first = files[0]
        merged, origin = dict(first), dict.fromkeys(first, first_path)
        numbers = rule == "widen" or is_json or is_excel
        for path, columns in files[1:]:
            if rule == "freeze" and not is_json and set(columns) != set(merged):
                raise _different_columns(first_path, first, path, columns)
            for name, kind in columns.items():
                have = merged.setdefault(name, kind)
                origin.setdefault(name, path)
                common = have if have == kind else self.common(have, kind, numbers)
                if common is None:
                    raise self._different_types(name, (origin[name], have), (path, kind), rule)
                merged[name] = common
        return merged

    def _different_types(
        self, name: str, one: tuple[str, Type], other: tuple[str, Type], rule: str
    ) -> ReadError:
        hint = "declare `schema_definition` on the source"
        if rule != "widen" and self.is_number(one[1]) and self.is_number(other[1]):
            hint = "`schema_evolution: widen` on the source reads both as the wider type"
        return ReadError(
            f"the column `{name}` is {self.spelt(one[1])} in {one[0]} and {self.spelt(other[1])} in "
            f"{other[0]}",
            expected="one type in all files",
            hint=hint,
        )


def common_fields(
    one: Mapping[str, Type],
    other: Mapping[str, Type],
    common: Callable[[Type, Type], Type | None],
) -> dict[str, Type] | None:
    """Return the fields of two structs together, None where two of one name do not fit."""
    fields = dict(one)
    for name, kind in other.items():
        found = common(fields.setdefault(name, kind), kind)
        if found is None:
            return None
        fields[name] = found
    return fields


def _different_columns(
    first: str, columns: Mapping[str, object], path: str, others: Mapping[str, object]
) -> ReadError:
    parts = []
    if missing := [name for name in columns if name not in others]:
        parts.append(f"lacks {', '.join(f'`{name}`' for name in missing)}")
    if added := [name for name in others if name not in columns]:
        parts.append(f"adds {', '.join(f'`{name}`' for name in added)}")
    return ReadError(
        f"{path} {' and '.join(parts)}, compared with {first}",
        expected="files with the same columns",
        hint="`schema_evolution: add` on the source fills missing columns with null",
    )
