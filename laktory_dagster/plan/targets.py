"""Where nodes write, and which of them write to one place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from laktory_dagster.errors import InvalidInputError
from laktory_dagster.models import FileSink, MethodStep, PipelineNode, TableSink, TableSource
from laktory_dagster.models.place import Place
from laktory_dagster.models.sinks import SinkOptions
from laktory_dagster.models.sources import FileSource
from laktory_dagster.plan import locations
from laktory_dagster.plan.definition import Plan
from laktory_dagster.plan.findings import Findings
from laktory_dagster.plan.ordering import Needs, reachable
from laktory_dagster.plan.steps import Path, argument_frames, placed_steps


@dataclass(frozen=True, slots=True)
class WrittenPlace:
    """A place that a node writes; `path` is where the declaration says so."""

    node: str
    uri: str
    path: Path
    is_shared: bool = False
    is_quarantine: bool = False


def written_places(
    plan: Plan, node: PipelineNode, path: Path, findings: Findings
) -> Iterator[WrittenPlace]:
    """Yield the places that a node writes, the default quarantine included.

    A path that is not usable, or lies outside of the data roots, goes to the findings.
    """
    primary: tuple[Place, Path, str] | None = None
    for index, sink in enumerate(node.sinks):
        if not isinstance(sink, (FileSink, TableSink)) or _is_view(sink):
            continue
        where = (*path, "sinks", index)
        try:
            is_table = isinstance(sink, TableSink)
            warehouse = locations.warehouse_root(plan) if is_table else ""
            place = locations.sink_place(plan, sink, warehouse)
        except InvalidInputError as error:
            findings.wrong_text(error, where)
            continue
        yield WrittenPlace(node.name, place.uri, where, bool(sink.shared), sink.is_quarantine)
        if primary is None and not sink.is_quarantine:
            primary = (place, where, locations.sink_format(sink))
    if primary is not None and sets_rows_aside(node) and not node.quarantine_sinks:
        place, _ = locations.quarantine_of(primary[0], primary[2])
        yield WrittenPlace(node.name, place.uri, primary[1], is_quarantine=True)


def _place_of(plan: Plan, stored: FileSource | TableSource) -> Place:
    if isinstance(stored, FileSource):
        return locations.file_place(plan, stored.path)
    return locations.table_place(plan, stored, locations.warehouse_root(plan))


def _is_view(sink: SinkOptions) -> bool:
    return isinstance(sink, TableSink) and sink.table_type == "VIEW"


def sets_rows_aside(node: PipelineNode) -> bool:
    """Return whether some rows of a node may go to a quarantine."""
    rules = any(rule.action == "QUARANTINE" for rule in node.expectations)
    return rules or any(sink.null_keys == "quarantine" for sink in node.data_sinks)


def check_collisions(written: Sequence[WrittenPlace], needs: Needs, findings: Findings) -> None:
    """Report nodes that write one place: an error, or a warning where one needs the other.

    A place inside of another one is an error.
    """
    first: dict[str, WrittenPlace] = {}
    for place in written:
        # File systems and catalogs that fold case make one place of two.
        known = first.setdefault(place.uri.casefold(), place)
        if known is not place and not (known.is_shared and place.is_shared):
            _report(known, place, needs, findings)
    for uri, place in first.items():
        outer = _around(uri, first)
        if outer is not None:
            _report_nested(outer, place, findings)


def _around(uri: str, places: Mapping[str, WrittenPlace]) -> WrittenPlace | None:
    """Return the place that another one lies in, None where there is none."""
    folder = uri.rpartition("/")[0]
    while folder:
        if folder in places:
            return places[folder]
        folder = folder.rpartition("/")[0]
    return None


def _report_nested(outer: WrittenPlace, inner: WrittenPlace, findings: Findings) -> None:
    one, other = (
        f"{place.uri} ({'the rejected rows' if place.is_quarantine else 'the target'} of "
        f"`{place.node}`)"
        for place in (outer, inner)
    )
    findings.error(
        f"{other} lies inside of {one}: what reads or cleans the outer one meets the files of both",
        inner.path,
        hint="give each a folder of its own",
    )


def _report(first: WrittenPlace, second: WrittenPlace, needs: Needs, findings: Findings) -> None:
    if first.node == second.node:
        findings.error(
            f"node `{second.node}` writes {second.uri} twice",
            second.path,
            hint="remove one of the sinks, or give it another name",
        )
        return
    names = f"nodes `{first.node}` and `{second.node}` write one target, {second.uri}"
    if first.is_quarantine != second.is_quarantine:
        names += " (one of them its rejected rows)"
    order = _later(first.node, second.node, needs)
    if order is None:
        findings.error(names, second.path, hint="give one of them another name or path")
    else:
        findings.warn(f"{names}; `{order}` comes later and wins", second.path)


def _later(one: str, other: str, needs: Needs) -> str | None:
    """Return the one of two nodes that needs the other, or None."""
    if one in reachable(needs, [other]):
        return other
    return one if other in reachable(needs, [one]) else None


def check_unnamed_reads(
    plan: Plan,
    nodes: Mapping[str, PipelineNode],
    written: Sequence[WrittenPlace],
    needs: Needs,
    findings: Findings,
) -> None:
    """Warn where a node reads by path or table name what another one writes, and not after it."""
    writers = {place.uri: place.node for place in written}
    for index, node in enumerate(nodes.values()):
        for source, path in _placed_sources(node, index):
            uri = _uri_of(plan, source)
            writer = writers.get(uri) if uri else None
            if writer is None or writer == node.name:
                continue
            later = _later(node.name, writer, needs)
            if later is None:
                findings.warn(
                    f"node `{node.name}` reads what node `{writer}` writes, in no certain order",
                    path,
                    hint=f"write `node_name: {writer}`, or add it to `depends_on`",
                )
            elif later == writer:
                findings.warn(
                    f"node `{node.name}` reads what node `{writer}` writes, which runs after it: "
                    "it gets the rows of an earlier run",
                    path,
                )


def _placed_sources(node: PipelineNode, index: int) -> Iterator[tuple[object, Path]]:
    """Yield the sources of a node, those among the arguments of its steps included."""
    for number, source in enumerate(node.sources):
        yield source, ("nodes", index, "sources", number)
    for placed in placed_steps(node.transformer, ("nodes", index, "transformer")):
        if isinstance(placed.step, MethodStep):
            for frame in argument_frames(placed.step, placed.path):
                yield frame.value, frame.path


def check_own_reads(
    plan: Plan,
    nodes: Mapping[str, PipelineNode],
    written: Sequence[WrittenPlace],
    findings: Findings,
) -> None:
    """Warn where a node writes among the files that it reads."""
    places: dict[str, list[WrittenPlace]] = {}
    for place in written:
        places.setdefault(place.node, []).append(place)
    for node in nodes.values():
        read = {_uri_of(plan, source) for source in node.sources if isinstance(source, FileSource)}
        for place in places.get(node.name, ()):
            if any(uri is not None and _is_among(place.uri, uri) for uri in read):
                findings.warn(
                    f"node `{node.name}` writes {place.uri} among the files that it reads: the "
                    "next run reads its own rows",
                    place.path,
                    hint="write to a folder that no source of the node names",
                )


def _is_among(written: str, read: str) -> bool:
    if any(character in read for character in "*?["):
        return fnmatchcase(written, read)
    return written.startswith(f"{read}/")


def _uri_of(plan: Plan, source: object) -> str | None:
    if not isinstance(source, (FileSource, TableSource)) or source.mock_df is not None:
        return None
    try:
        return _place_of(plan, source).uri
    except InvalidInputError:
        return None
