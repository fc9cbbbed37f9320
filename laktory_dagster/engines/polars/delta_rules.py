"""What a Delta table itself demands of its rows, whoever made it.

Files that are added to a log by their names are checked by nobody else: constraints, columns that
are never null, columns that are computed from others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import polars as pl
from deltalake import DeltaTable, TableFeatures

from laktory_dagster.engines.columns import quoted
from laktory_dagster.engines.polars.expressions import compile_condition
from laktory_dagster.engines.polars.problems import plain_text
from laktory_dagster.errors import ExpressionError, UnsupportedError, WriteError

_CONSTRAINT = "delta.constraints."
_INVARIANT = "delta.invariants"
_GENERATED = "delta.generationExpression"


def rules_of(table: DeltaTable, *, replaced: bool) -> dict[str, str]:
    """Return the conditions, in SQL by what messages call them, that all rows have to meet.

    Those of columns go with the columns when all of a table is replaced, its constraints stay.
    """
    rules = {
        f"the constraint `{key.removeprefix(_CONSTRAINT)}`": str(condition)
        for key, condition in (table.metadata().configuration or {}).items()
        if key.startswith(_CONSTRAINT)
    }
    for field in () if replaced else table.schema().fields:
        name, told = quoted(field.name), field.metadata
        if not field.nullable:
            rules[f"the column `{field.name}`, which is never null"] = f"{name} IS NOT NULL"
        if _INVARIANT in told:
            condition = json.loads(told[_INVARIANT])["expression"]["expression"]
            rules[f"the invariant of the column `{field.name}`"] = condition
        if _GENERATED in told:
            what = f"the column `{field.name}`, which is generated"
            rules[what] = f"{name} <=> ({told[_GENERATED]})"
    return rules


def refuse_mapped(table: DeltaTable, name: str) -> None:
    """Raise UnsupportedError for a table whose files call its columns by names of their own.

    Files with the table's names would be files of nulls to every reader.
    """
    mode = (table.metadata().configuration or {}).get("delta.columnMapping.mode", "none")
    if mode != "none":
        raise UnsupportedError(
            f"{name} maps its columns (`delta.columnMapping.mode` is `{mode}`), which Polars does "
            "not write",
            hint="write the table with `dataframe_type: SPARK`",
        )


def hold_to(rules: Mapping[str, str], rows: pl.LazyFrame, table: str) -> None:
    """Raise WriteError for rows that do not meet the conditions; null is not met either."""
    for what, condition in rules.items():
        found = _broken(rows, what, condition, table)
        if found:
            raise WriteError(
                f"{table}: {found:,} rows break {what}: {condition}",
                hint="drop such rows, or set them aside by an expectation",
            )


def _broken(rows: pl.LazyFrame, what: str, condition: str, table: str) -> int:
    try:
        met = compile_condition(condition, "spark", None, rows.collect_schema())
        broken = rows.select((~met.fill_null(value=False)).sum()).collect()
    except (ExpressionError, pl.exceptions.PolarsError) as error:
        raise WriteError(
            f"{table}: the Polars engine cannot tell whether rows keep {what}: {condition}: "
            f"{plain_text(error)}",
            hint="write the table with `dataframe_type: SPARK`",
        ) from error
    return int(broken.item() or 0)


def allow_times_without_zone(table: DeltaTable, schema: Mapping[str, pl.DataType]) -> None:
    """Make a table fit for times without a zone, which older ones are not.

    It is a commit of its own, which harms nobody if no other follows.
    """
    features = table.protocol().writer_features or ()
    if "timestampNtz" not in features and any(map(_has_naive, schema.values())):
        table.alter.add_feature(
            TableFeatures.TimestampWithoutTimezone, allow_protocol_versions_increase=True
        )


def _has_naive(dtype: Any) -> bool:
    if isinstance(dtype, pl.Struct):
        return any(_has_naive(field.dtype) for field in dtype.fields)
    if isinstance(dtype, pl.List):
        return _has_naive(dtype.inner)
    return isinstance(dtype, pl.Datetime) and dtype.time_zone is None
