"""Checks of sinks: what a mode needs, and what an engine can write."""

from __future__ import annotations

import os
import pathlib

from laktory_dagster.errors import InvalidInputError
from laktory_dagster.expressions.sql import SqlExpression
from laktory_dagster.expressions.suggest import with_article
from laktory_dagster.models import FileSink, MergeOptions, TableSink, ViewSink
from laktory_dagster.models.sinks import SinkOptions
from laktory_dagster.plan import locations
from laktory_dagster.plan.context import NodeContext
from laktory_dagster.plan.layouts import check_layout
from laktory_dagster.plan.method_checks import (
    CLUSTER_METHODS,
    OPTION_METHODS,
    PARTITION_METHODS,
    check_methods,
)
from laktory_dagster.plan.source_checks import (
    check_function_name,
    check_suffix,
    check_table_name,
)
from laktory_dagster.plan.step_checks import check_expression
from laktory_dagster.plan.steps import Path
from laktory_dagster.plan.targets import sets_rows_aside
from laktory_dagster.plan.type_checks import check_schema

FORMATS_NOT_WRITTEN = {
    "polars": ("BINARYFILE", "ORC", "TEXT", "XML"),
    "spark": ("BINARYFILE", "EXCEL", "IPC"),
}
_TABLE_FORMATS_NOT_WRITTEN = {"polars": ("AVRO", "ORC"), "spark": ()}
_DECLARATIONS = (".yaml", ".yml", ".py", ".toml")
_LONGEST = 255
_WRITER_METHODS = {
    "polars": (*PARTITION_METHODS, *CLUSTER_METHODS),
    "spark": (*PARTITION_METHODS, *CLUSTER_METHODS, *OPTION_METHODS),
}


def check_sinks(context: NodeContext) -> None:
    """Report what is wrong with a node's sinks."""
    node = context.node
    _check_primary(context)
    for index, sink in enumerate(node.sinks):
        path = (*context.path, "sinks", index)
        _check_sink(sink, path, context)
        _check_mode(sink, path, context)
        check_layout(sink, locations.sink_format(sink), path, context)
        check_schema(sink.schema_definition, (*path, "schema_definition"), context)
        if sink.custom_writer is not None:
            _check_custom(sink, path, context)
        if sink.is_quarantine and not sets_rows_aside(node):
            context.findings.warn(
                "this sink takes rejected rows, and no expectation has `action: QUARANTINE`",
                (*path, "is_quarantine"),
                at_key=True,
            )


def _check_primary(context: NodeContext) -> None:
    """Warn of a second sink, or a quarantine, that readers of the node are to read.

    Laktory takes both, and writes `is_primary: true` itself where it writes all that it knows.
    """
    has_one = False
    for index, sink in enumerate(context.node.sinks):
        message = None
        if sink.is_primary and sink.is_quarantine:
            message = "a quarantine is not what the readers of the node read"
        elif sink.is_primary and has_one:
            message = "two sinks of the node are primary: the first one is read"
        elif sink.is_primary:
            has_one = True
        if message is not None:
            place = (*context.path, "sinks", index, "is_primary")
            context.findings.warn(message, place, at_key=True)


def _check_sink(sink: SinkOptions, path: Path, context: NodeContext) -> None:
    if isinstance(sink, FileSink):
        _check_format(sink.format, FORMATS_NOT_WRITTEN[context.engine], path, context)
        check_suffix(sink.path, sink.format, path, context)
        _check_destination(sink.path, (*path, "path"), context)
        if any(character in sink.path for character in "*?["):
            context.findings.error(
                "the path of a sink is one place, not a pattern", (*path, "path")
            )
    elif isinstance(sink, TableSink):
        _check_format(sink.format, _TABLE_FORMATS_NOT_WRITTEN[context.engine], path, context)
        check_table_name(sink, path, context)
        if context.common.plan.session_has_tables and sink.format != "DELTA":
            context.findings.error(
                f"a table of the Spark session's catalog is DELTA, not {sink.format}",
                (*path, "format"),
                hint="leave `format` out",
            )
        if sink.table_type == "VIEW" and context.engine == "polars":
            context.findings.warn(
                "polars has no catalog that keeps a view: its readers compute it",
                (*path, "table_type"),
                hint="leave the sink out: a node without a sink is a view",
            )
    known = _WRITER_METHODS[context.engine]
    check_methods(sink.writer_methods, known, (*path, "writer_methods"), context)


def _check_destination(file: str, path: Path, context: NodeContext) -> None:
    """Report a path that rows must not, or cannot, be written to."""
    if file.startswith(("http://", "https://")):
        context.findings.error(
            "rows cannot be written to a web address",
            path,
            expected="a path, or the URL of an object store (`s3://`, `abfss://`, `gs://`)",
        )
        return
    plan = context.common.plan
    try:
        uri = locations.file_place(plan, file).uri
    except InvalidInputError:
        return  # The walk over the written places reports it.
    place = pathlib.Path(uri)
    if "://" not in uri and any(len(os.fsencode(part)) > _LONGEST for part in place.parts):
        context.findings.error("a part of the path is longer than 255 bytes", path)
        return
    if "://" not in uri and plan.folder.resolve().is_relative_to(place.resolve()):
        context.findings.error(
            "rows would be stored around the pipeline file and all that lies beside it",
            path,
            hint="name a folder of its own, such as `./out`",
        )
    elif _is_same_file(place, plan.file) or place.suffix.lower() in _DECLARATIONS:
        context.findings.error(
            f"rows would replace `{place.name}`, which is no file of data",
            path,
            hint="name a file or a folder of its own",
        )


def _is_same_file(one: pathlib.Path, other: pathlib.Path | None) -> bool:
    try:
        return other is not None and one.samefile(other)
    except OSError:
        return False


def _check_format(
    declared: str, missing: tuple[str, ...], path: Path, context: NodeContext
) -> None:
    if declared in missing:
        context.findings.error(
            f"{context.engine} does not write {declared}",
            (*path, "format"),
            hint="use DELTA or PARQUET",
        )


def _check_mode(sink: SinkOptions, path: Path, context: NodeContext) -> None:
    place = (*path, "mode")
    streams = any(source.as_stream for source in context.node.sources)
    if sink.mode == "MERGE":
        _check_merge(sink, path, context)
    elif sink.merge_cdc_options is not None:
        context.findings.error(
            "`merge_cdc_options` without `mode: MERGE` do nothing",
            (*path, "merge_cdc_options"),
            hint="write `mode: MERGE`",
            at_key=True,
        )
    if sink.mode in ("COMPLETE", "UPDATE") and not streams:
        context.findings.error(
            f"mode {sink.mode} is for streams, and no source of the node has `as_stream: true`",
            place,
            hint="use OVERWRITE or MERGE",
        )
    if (
        sink.mode == "APPEND"
        and isinstance(sink, FileSink)
        and sink.format != "DELTA"
        and locations.has_file_suffix(sink.path)
    ):
        context.findings.error(
            f"{with_article(sink.format)} file cannot be appended to",
            place,
            hint="name a folder (a path without an ending), or use `format: DELTA`",
        )
    if sink.schema_evolution == "widen" and (
        sink.mode == "MERGE" or locations.sink_format(sink) != "DELTA"
    ):
        what = (
            "a merge"
            if sink.mode == "MERGE"
            else f"{with_article(locations.sink_format(sink))} target"
        )
        context.findings.warn(
            f"{what} takes new columns and never wider types: `widen` is `add` here",
            (*path, "schema_evolution"),
            hint="write `schema_evolution: add`, and cast the columns in a step",
        )
    if isinstance(sink, ViewSink) and sink.mode is not None:
        context.findings.error("a view has no mode", place, at_key=True)


def _check_merge(sink: SinkOptions, path: Path, context: NodeContext) -> None:
    options = sink.merge_cdc_options or MergeOptions()
    inside = (*path, "merge_cdc_options")
    if locations.sink_format(sink) != "DELTA":
        context.findings.error(
            f"MERGE needs a DELTA target, this one is {locations.sink_format(sink)}",
            (*path, "mode"),
            hint="write `format: DELTA`",
        )
    if not options.primary_keys and not context.node.primary_keys:
        context.findings.error(
            "MERGE needs the columns that identify a row",
            (*path, "mode"),
            hint="give the node `primary_keys: [...]`",
        )
    if options.include_columns is not None and options.exclude_columns is not None:
        context.findings.error("give either `include_columns` or `exclude_columns`", inside)
    if options.scd_type == 2 and options.order_by is None:
        context.findings.error(
            "`scd_type: 2` needs the column that says when a change was made",
            (*inside, "scd_type"),
            hint="name it: `order_by: changed_at`",
        )
    _check_history(options, inside, context)
    _check_delete(options, (*inside, "delete_where"), context)


def _check_history(options: MergeOptions, path: Path, context: NodeContext) -> None:
    """Report columns of validity that would fall together with each other or with a key."""
    if options.scd_type != 2:
        return
    used = (*options.primary_keys, *context.node.primary_keys, options.order_by or "")
    taken = {name.lower() for name in used}
    for key in ("start_at_column_name", "end_at_column_name"):
        name = getattr(options, key)
        if name.lower() in taken:
            context.findings.error(
                f"the column `{name}` cannot hold a time of validity: it is used already",
                (*path, key),
                hint="give it another name",
            )
        taken.add(name.lower())


def _check_delete(options: MergeOptions, path: Path, context: NodeContext) -> None:
    if options.delete_where is None:
        return
    expression = check_expression(options.delete_where, path, context)
    if isinstance(expression, SqlExpression) and expression.is_aggregate:
        context.findings.error(
            "`delete_where` speaks of all rows at once",
            path,
            expected="a condition on one change, such as `operation = 'D'`",
        )


def _check_custom(sink: SinkOptions, path: Path, context: NodeContext) -> None:
    assert sink.custom_writer is not None  # noqa: S101 - the caller looked
    check_function_name(sink.custom_writer.func_name, (*path, "custom_writer"), context)
    for key in ("mode", "merge_cdc_options"):
        if getattr(sink, key) is not None:
            context.findings.error(
                f"a custom writer decides itself how it writes; `{key}` does nothing",
                (*path, key),
                at_key=True,
            )
