"""Checks of streams: what can be read as one, how its target may be written, what lies between."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from laktory_dagster.errors import ExpressionError
from laktory_dagster.expressions.grouping import is_aggregating
from laktory_dagster.expressions.portable import CANONICAL
from laktory_dagster.expressions.sql import parse_query
from laktory_dagster.models import FileSink, FileSource, MethodStep, TableSource
from laktory_dagster.models.sinks import SinkOptions, ViewSink
from laktory_dagster.models.sources import NodeSource, SourceOptions
from laktory_dagster.models.transformer import LeafStep, SqlStep, flat_steps
from laktory_dagster.plan import locations
from laktory_dagster.plan.context import NodeContext
from laktory_dagster.plan.definition import Edge, EdgeKind, PlanNode
from laktory_dagster.plan.findings import Findings
from laktory_dagster.plan.steps import Path, argument_frames, placed_steps

_STREAMABLE = (FileSource, TableSource, NodeSource)
_GROUPING = ("group_by", "group_by_dynamic", "rolling", "agg", "laktory.groupby_and_agg")


def reads_streams(sources: Iterable[SourceOptions]) -> bool:
    """Return whether one of the sources is a stream."""
    return any(source.as_stream for source in sources)


def check_streams(context: NodeContext) -> None:
    """Report what is wrong with the streams of one node."""
    node, path = context.node, context.path
    _check_kinds(context)
    _check_arguments(context)
    if not reads_streams(node.sources):
        return
    steps = flat_steps(node.transformer)
    aggregates = any(_aggregates(step, context.dialect) for step in steps)
    for index, sink in enumerate(node.sinks):
        if not isinstance(sink, ViewSink) and sink.custom_writer is None:
            _check_sink(sink, (*path, "sinks", index), context, aggregates=aggregates)
    if aggregates:
        context.findings.warn(
            "the steps aggregate a stream: each batch is aggregated for itself",
            (*path, "transformer"),
            hint="aggregate in a node of its own that reads this one without `as_stream`",
        )


def _check_kinds(context: NodeContext) -> None:
    streams = [source for source in context.node.sources if source.as_stream]
    for index, source in enumerate(context.node.sources):
        if source.as_stream and source.mock_df is None and not isinstance(source, _STREAMABLE):
            context.findings.error(
                "only files, tables and nodes can be read as a stream",
                (*context.path, "sources", index, "as_stream"),
                hint="leave `as_stream` out",
                at_key=True,
            )
    if len(streams) > 1:
        context.findings.warn(
            "the node reads several streams: rows of different batches never meet in a join",
            (*context.path, "sources"),
            hint="join a stream with a source that is none, or join stored tables",
        )


def _check_arguments(context: NodeContext) -> None:
    for placed in placed_steps(context.node.transformer, (*context.path, "transformer")):
        if not isinstance(placed.step, MethodStep):
            continue
        for argument in argument_frames(placed.step, placed.path):
            if argument.value.as_stream:
                context.findings.error(
                    "a source among the arguments of a step is read as a whole",
                    (*argument.path, "as_stream"),
                    hint="leave `as_stream` out, or make it a source of the node",
                    at_key=True,
                )


def _aggregates(step: LeafStep, dialect: str) -> bool:
    """Return whether a step makes one row of several."""
    if isinstance(step, MethodStep):
        return CANONICAL.get(step.func_name, step.func_name) in _GROUPING
    if not isinstance(step, SqlStep):
        return False
    try:
        return is_aggregating(parse_query(step.sql_expr, dialect))
    except ExpressionError:
        return False


def _check_sink(sink: SinkOptions, path: Path, context: NodeContext, *, aggregates: bool) -> None:
    place = (*path, "mode")
    if sink.mode == "OVERWRITE":
        context.findings.error(
            "a stream adds to its target; OVERWRITE would keep the last batch only",
            place,
            expected="APPEND (the default of a stream) or MERGE",
            hint="to replace the table at each run, leave `as_stream` out of the source",
        )
    elif sink.mode in ("IGNORE", "ERROR"):
        context.findings.error(
            f"a stream writes batch after batch; {sink.mode} writes once",
            place,
            expected="APPEND (the default of a stream) or MERGE",
        )
    elif sink.mode is None and _is_one_file(sink):
        context.findings.error(
            "a stream adds to its target, and one file cannot be appended to",
            (*path, "path"),
            hint="name a folder (a path without an ending), or use `format: DELTA`",
        )
    else:
        _check_state(sink, place, context, aggregates=aggregates)
        _check_order(sink, place, context)


def _check_order(sink: SinkOptions, path: Path, context: NodeContext) -> None:
    """Warn where changes of one key may meet in one batch and nothing says which comes last."""
    ordered = sink.merge_cdc_options is not None and sink.merge_cdc_options.order_by is not None
    mode = "" if sink.mode == "MERGE" else "`mode: MERGE` with "
    if sink.mode in ("MERGE", "UPDATE") and not ordered and not context.node.drop_duplicates:
        context.findings.warn(
            "rows of one key that come in one batch and differ will be refused: nothing says which "
            "is the latest",
            path,
            hint=f"name the column that does: {mode}`merge_cdc_options: {{order_by: changed_at}}`",
        )


def _is_one_file(sink: SinkOptions) -> bool:
    return (
        isinstance(sink, FileSink)
        and sink.format != "DELTA"
        and locations.has_file_suffix(sink.path)
    )


def _check_state(sink: SinkOptions, path: Path, context: NodeContext, *, aggregates: bool) -> None:
    """Report modes that need totals from batch to batch, which no engine keeps here."""
    if sink.mode == "COMPLETE" or (sink.mode == "UPDATE" and aggregates):
        context.findings.error(
            f"no totals are kept from batch to batch, which mode {sink.mode} needs",
            path,
            hint="leave `as_stream` out and write `mode: OVERWRITE`, which gives the same table",
        )
    elif sink.mode == "UPDATE" and locations.sink_format(sink) != "DELTA":
        context.findings.error(
            f"UPDATE needs a DELTA target, this one is {locations.sink_format(sink)}",
            path,
            hint="write `format: DELTA`",
        )
    elif sink.mode == "UPDATE" and not context.node.primary_keys:
        context.findings.error(
            "UPDATE needs the columns that identify a row",
            path,
            hint="give the node `primary_keys: [...]`; UPDATE then merges as MERGE does",
        )


def check_stream_edges(
    nodes: Mapping[str, PlanNode], edges: Iterable[Edge], findings: Findings
) -> None:
    """Report what nodes between which a stream runs do not agree on."""
    for node in nodes.values():
        for index, source in enumerate(node.declared.sources):
            upstream = nodes.get(getattr(source, "node_name", ""))
            if upstream is not None and source.mock_df is None:
                path = ("nodes", node.index, "sources", index)
                _check_edge(node, source, upstream, path, findings)
    for edge in edges:
        upstream = nodes.get(edge.upstream)
        in_step = edge.kind in (EdgeKind.SQL, EdgeKind.ARGUMENT)
        if upstream is None or not in_step or not upstream.is_view:
            continue
        if reads_streams(upstream.declared.sources):
            findings.error(
                f"the view `{edge.upstream}` reads a stream, and a step reads it as a whole",
                ("nodes", nodes[edge.downstream].index),
                hint=f"make it a source: `{{node_name: {edge.upstream}, as_stream: true}}`",
            )


def _check_edge(
    node: PlanNode, source: SourceOptions, upstream: PlanNode, path: Path, findings: Findings
) -> None:
    streams = reads_streams(upstream.declared.sources)
    if upstream.is_view and source.as_stream and not streams:
        findings.error(
            f"node `{node.name}` reads the view `{upstream.name}` as a stream, and the view stores "
            "nothing and reads no stream",
            (*path, "as_stream"),
            hint=f"set `as_stream: true` on the source of `{upstream.name}`, or give it a sink",
            at_key=True,
        )
    elif upstream.is_view and streams and not source.as_stream:
        findings.error(
            f"node `{node.name}` reads the view `{upstream.name}` as a whole, and the view reads a "
            "stream",
            path,
            hint=f"set `as_stream: true` here as well, or give `{upstream.name}` a sink",
        )
    elif not upstream.is_view and source.as_stream and _replaces(upstream, streams=streams):
        findings.warn(
            f"node `{node.name}` reads node `{upstream.name}` as a stream, whose table is replaced "
            "at each run; the second run will refuse to go on",
            (*path, "as_stream"),
            hint=f"let `{upstream.name}` append (`mode: APPEND`, or a stream of its own)",
        )


def _replaces(upstream: PlanNode, *, streams: bool) -> bool:
    mode = upstream.declared.sink.mode or ("APPEND" if streams else "OVERWRITE")
    return mode in ("OVERWRITE", "COMPLETE") and upstream.declared.sink.custom_writer is None
