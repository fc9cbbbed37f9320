"""How a sink lays out its rows: the columns of its folders and of its clustering."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from laktory_dagster.models.sinks import SinkOptions
from laktory_dagster.plan.context import NodeContext
from laktory_dagster.plan.method_checks import CLUSTER_METHODS, PARTITION_METHODS
from laktory_dagster.plan.steps import Path

_PARTITION, _CLUSTER = "partition_by", "cluster_by"
_MOST_CLUSTERED = 4  # As many as Delta takes.


@dataclass(frozen=True)
class LayoutPart:
    """Columns that are named at one place of a sink; `path` leads to it from the sink."""

    clusters: bool
    given: Any
    path: Path

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the names among what is given."""
        values = [self.given] if isinstance(self.given, str) else self.given
        listed = values if isinstance(values, (list, tuple)) else ()
        return tuple(name for name in listed if isinstance(name, str))

    @property
    def is_well_formed(self) -> bool:
        """Return whether what is given is a column, or some."""
        given = self.given
        return isinstance(given, str) or (
            isinstance(given, (list, tuple)) and len(self.columns) == len(given) > 0
        )


def layout_of(sink: SinkOptions) -> tuple[LayoutPart, ...]:
    """Return every place at which a sink names columns for its layout."""
    return tuple(_parts(sink))


def _parts(sink: SinkOptions) -> Iterator[LayoutPart]:
    outer = sink.write_options
    for options, path in (
        (outer, ("write_options",)),
        (outer.get("delta_write_options"), ("write_options", "delta_write_options")),
    ):
        if isinstance(options, Mapping) and options.get(_PARTITION) not in (None, [], ()):
            yield LayoutPart(clusters=False, given=options[_PARTITION], path=(*path, _PARTITION))
    for index, call in enumerate(sink.writer_methods):
        if call.name in (*PARTITION_METHODS, *CLUSTER_METHODS):
            clusters = call.name in CLUSTER_METHODS
            yield LayoutPart(clusters, call.columns, ("writer_methods", index))
    if sink.cluster_by:
        yield LayoutPart(clusters=True, given=sink.cluster_by, path=(_CLUSTER,))


def check_layout(sink: SinkOptions, form: str, path: Path, context: NodeContext) -> None:
    """Report a layout that its writer does not know, or that names no columns or one twice.

    Args:
        sink: the sink.
        form: the format of its rows.
        path: where the sink is declared.
        context: the node and where problems go.
    """
    parts = layout_of(sink)
    for part in parts:
        if not part.is_well_formed:
            context.findings.error(
                f"`{_named(part, sink)}` names no columns",
                (*path, *part.path),
                expected="a column, or a list of columns",
            )
    partitioned = [name for part in parts if not part.clusters for name in part.columns]
    twice = next((name for name in partitioned if partitioned.count(name) > 1), None)
    if twice is not None:
        place = next(part.path for part in parts if not part.clusters and twice in part.columns)
        context.findings.error(f"rows are partitioned by `{twice}` twice", (*path, *place))
    clustered = [part for part in parts if part.clusters]
    if clustered:
        _check_clustering(clustered, bool(partitioned), form, path, context)


def _named(part: LayoutPart, sink: SinkOptions) -> str:
    *_, last = part.path
    return sink.writer_methods[last].name if isinstance(last, int) else last


def _check_clustering(
    parts: list[LayoutPart], is_partitioned: bool, form: str, path: Path, context: NodeContext
) -> None:
    """Report clustering that the writer does not know: only Delta has it, and not on Polars."""
    columns = dict.fromkeys(name for part in parts for name in part.columns)
    at = (*path, *parts[0].path)
    if not (form == "DELTA" and context.engine == "spark"):
        writer = f"{context.engine} does not cluster" if form == "DELTA" else "only Delta clusters"
        context.findings.warn(
            f"rows are not clustered: {writer}",
            at,
            hint="write `partition_by` in `write_options` where readers choose rows by few values",
        )
    elif len(columns) > _MOST_CLUSTERED:
        context.findings.error(
            f"a table is clustered by {_MOST_CLUSTERED} columns at most, here are {len(columns)}",
            at,
        )
    elif is_partitioned:
        context.findings.error(
            "a partitioned Delta table cannot be clustered",
            at,
            hint="give either `cluster_by` or `partition_by`",
        )
