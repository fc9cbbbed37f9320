"""Checks of sources: formats, names, conditions, places."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from laktory_dagster.errors import ExpressionError, InvalidInputError
from laktory_dagster.expressions.sql import SqlExpression, parse_condition
from laktory_dagster.models import FileSource, MemorySource, TableSource
from laktory_dagster.models.sinks import TableSink
from laktory_dagster.models.sources import (
    AUTO_LOADER,
    VERSION_OPTIONS,
    AssetSource,
    CustomSource,
    ReadOptions,
    SourceOptions,
)
from laktory_dagster.plan import locations
from laktory_dagster.plan.context import NodeContext
from laktory_dagster.plan.method_checks import OPTION_METHODS, check_methods
from laktory_dagster.plan.steps import Path
from laktory_dagster.plan.type_checks import check_schema

_OF_CHANGES = {
    name.lower()
    for name in (
        "readChangeFeed",
        "readChangeData",
        "startingVersion",
        "startingTimestamp",
        "endingVersion",
        "endingTimestamp",
    )
}
"""Options of a Delta source that make other rows of it than those of one version."""
FORMATS_NOT_READ = {"polars": ("BINARYFILE", "ORC", "TEXT", "XML"), "spark": ("EXCEL", "IPC")}
HINT_OF_TOTALS = "compute the total as a column first: `sum(a) OVER ()`"
_UNITS = "microsecond|millisecond|second|minute|hour|day|week|month|year"
_DELAY = re.compile(
    rf"\s*(?:interval\s)?(?:\s*\d+(?:\.\d+)?\s+(?:{_UNITS})s?\b)+\s*\Z", re.IGNORECASE
)
_SUFFIX_FORMATS = {
    ".csv": ("CSV",),
    ".parquet": ("PARQUET",),
    ".json": ("JSON", "JSONL", "NDJSON"),
    ".jsonl": ("JSON", "JSONL", "NDJSON"),
    ".ndjson": ("JSON", "JSONL", "NDJSON"),
    ".avro": ("AVRO",),
    ".xlsx": ("EXCEL",),
    ".ipc": ("IPC",),
    ".arrow": ("IPC",),
    ".feather": ("IPC",),
    ".orc": ("ORC",),
}


def check_sources(context: NodeContext) -> None:
    """Report what is wrong with a node's sources."""
    seen: set[str] = set()
    for index, source in enumerate(context.node.sources):
        path = (*context.path, "sources", index)
        check_source(source, path, context)
        if source.name in seen:
            context.findings.error(
                f"two sources of the node are named `{source.name}`", (*path, "name")
            )
        if source.name:
            seen.add(source.name)


def check_source(source: SourceOptions, path: Path, context: NodeContext) -> None:
    """Report what is wrong with one source of a node or of a step's arguments."""
    if source.dataframe_type is not None and source.dataframe_type.lower() != context.engine:
        context.findings.error(
            f"this source asks for {source.dataframe_type}, its node runs on {context.engine}",
            (*path, "dataframe_type"),
            hint="a node runs on one engine; set `dataframe_type` on the node",
        )
    if source.watermark is not None and not _DELAY.match(source.watermark.threshold):
        context.findings.error(
            f"`{source.watermark.threshold}` is no time that a row may be late",
            (*path, "watermark", "threshold"),
            expected="a time such as `10 minutes` or `1 hour 30 minutes`",
        )
    if source.filter is not None:
        _check_filter(source.filter, (*path, "filter"), context)
    _check_selects(source, path, context)
    if isinstance(source, FileSource):
        _check_file(source, path, context)
    elif isinstance(source, TableSource):
        check_table_name(source, path, context)
    elif isinstance(source, MemorySource):
        _check_memory(source, path, context)
    elif isinstance(source, CustomSource):
        check_function_name(source.custom_reader.func_name, (*path, "custom_reader"), context)
    elif isinstance(source, AssetSource):
        _check_asset(source.asset, (*path, "asset"), context)
    if isinstance(source, ReadOptions):
        _check_reader(source, path, context)


def _check_reader(source: ReadOptions, path: Path, context: NodeContext) -> None:
    for name in source.reader_settings:
        if name.startswith(AUTO_LOADER):
            context.findings.warn(
                f"`{name}` is an option of Databricks' Auto Loader and does nothing here",
                (*path, "read_options", name),
                hint="types are found by reading; `schema_definition` declares them",
                at_key=True,
            )
    if isinstance(source, TableSource) or getattr(source, "format", None) == "DELTA":
        _check_table_options(source, path, context)
    if context.engine == "spark":
        check_methods(source.reader_methods, OPTION_METHODS, (*path, "reader_methods"), context)
    elif source.reader_methods:
        context.findings.error(
            "`reader_methods` are calls of Spark's reader; this node runs on polars",
            (*path, "reader_methods"),
            hint="use `read_options`",
            at_key=True,
        )


def _check_table_options(source: ReadOptions, path: Path, context: NodeContext) -> None:
    for name, value in source.reader_settings.items():
        at = (*path, "read_options", name)
        if name in VERSION_OPTIONS and not str(value).isdecimal():
            context.findings.error(
                f"`{value}` is no version of a Delta table", at, expected="a whole number"
            )
        elif name == "timestampAsOf":
            context.findings.error(
                "a table is not read as of a time here", at, hint="name a version: `versionAsOf: 3`"
            )
        elif name.lower() in _OF_CHANGES and str(value).lower() != "false":
            context.findings.error(
                f"`{name}` reads the changes of a table, which are not read here",
                at,
                hint="`as_stream: true` reads what is new since the last run",
                at_key=True,
            )
        elif name.startswith(AUTO_LOADER) or name in VERSION_OPTIONS:
            continue
        elif getattr(source, "format", None) == "DELTA":
            context.findings.warn(
                f"`{name}` does nothing here: of a Delta table only `versionAsOf` is an option",
                at,
                at_key=True,
            )


def _check_filter(text: str, path: Path, context: NodeContext) -> None:
    try:
        condition = parse_condition(text, context.dialect)
        if hasattr(condition, "render") and context.dialect != context.engine_dialect:
            condition.render(context.engine_dialect)
    except ExpressionError as error:
        context.findings.wrong_text(error, path)
        return
    if isinstance(condition, SqlExpression) and condition.is_aggregate:
        context.findings.error(
            "the filter speaks of all rows at once",
            path,
            hint=HINT_OF_TOTALS,
        )


def _check_selects(source: SourceOptions, path: Path, context: NodeContext) -> None:
    """Report selected columns that would get one name, or none: Spark then has two, and Polars none.

    Of `renames` to one name, all but one may be missing.
    """
    selects = source.selects or ()
    names = tuple(selects.values() if isinstance(selects, dict) else selects)
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        context.findings.error(f"two columns would be named `{twice}`", (*path, "selects"))
    for key, given in (("selects", names), ("renames", source.renames.values())):
        if not all(name.strip() for name in given):
            context.findings.error("a column would have no name", (*path, key))


def _check_file(source: FileSource, path: Path, context: NodeContext) -> None:
    if source.format in FORMATS_NOT_READ[context.engine]:
        context.findings.error(
            f"{context.engine} does not read {source.format}",
            (*path, "format"),
            hint="store the data in another format, such as PARQUET",
        )
    check_suffix(source.path, source.format, path, context)
    check_schema(source.schema_definition, (*path, "schema_definition"), context)
    try:
        locations.file_place(context.common.plan, source.path)
    except InvalidInputError as error:
        context.findings.wrong_text(error, (*path, "path"))


def check_suffix(file: str, declared: str, path: Path, context: NodeContext) -> None:
    """Warn about a path whose ending says another format than the declared one."""
    formats = _SUFFIX_FORMATS.get(PurePosixPath(file.removesuffix(".gz")).suffix.lower())
    if formats is not None and declared not in formats:
        context.findings.warn(
            f"the path ends in `{PurePosixPath(file).suffix}`, and its format is {declared}",
            (*path, "path"),
            hint=f"write `format: {formats[0]}`",
        )


def check_table_name(table: TableSource | TableSink, path: Path, context: NodeContext) -> None:
    """Report a table whose parts are named twice and differ, or that the engine cannot reach."""
    if context.common.plan.session_has_tables and context.engine == "polars":
        context.findings.error(
            "tables by name are those of the Spark session's catalog, and this node runs on polars",
            path,
            hint="set `dataframe_type: SPARK`, or leave LAKTORY_DAGSTER_SPARK_TABLES unset",
        )
    *above, _ = table.table_name.split(".")
    named = {"schema_name": above[-1:], "catalog_name": above[:-1]}
    for key, part in named.items():
        other = getattr(table, key)
        if part and other is not None and other != part[0]:
            context.findings.error(
                f"`table_name` says `{part[0]}`, `{key}` says `{other}`",
                (*path, key),
                hint="write it once",
            )


def _check_asset(key: str, path: Path, context: NodeContext) -> None:
    if not all(part.strip() for part in key.split("/")):
        context.findings.error(
            f"`{key}` is no key of an asset: a part of it is empty",
            path,
            expected="its parts joined by slashes, such as `raw/prices`",
        )


def _check_memory(source: MemorySource, path: Path, context: NodeContext) -> None:
    if source.data is not None and source.df is not None:
        context.findings.error("a source has either `data` or `df`", path)
    if isinstance(source.df, (str, int, float)):
        context.findings.error(
            f"`{source.df}` is no frame",
            (*path, "df"),
            hint="`df` is a frame that Python hands over; rows in the file stand under `data`",
        )
    if isinstance(source.data, dict):
        lengths = {name: len(values) for name, values in source.data.items()}
        if len(set(lengths.values())) > 1:
            shown = ", ".join(f"{name}: {count}" for name, count in lengths.items())
            context.findings.error(
                f"the columns of `data` differ in length ({shown})", (*path, "data")
            )


def check_function_name(name: str, path: Path, context: NodeContext) -> None:
    """Report a reader or writer that is no dotted name of a Python function."""
    parts = name.split(".")
    known = name in context.common.functions
    if known or (len(parts) > 1 and all(p.isidentifier() and p[0] != "_" for p in parts)):
        return
    if context.common.functions_open and name.isidentifier():
        return
    context.findings.error(
        f"`{name}` names no function of the project",
        path,
        expected="`module.function`, or a name registered under `udfs`",
    )
