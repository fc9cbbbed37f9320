"""How nodes look in Dagster: one object decides, and users override it."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import dagster as dg

from laktory_dagster.dagster.keys import file_key, folded
from laktory_dagster.dagster.metadata import (
    COLUMN_SCHEMA,
    STORAGE_KIND,
    TABLE_NAME,
    URI,
    shown_uri,
    storage_kind,
    table_schema,
)
from laktory_dagster.engines.base import ColumnType
from laktory_dagster.errors import SettingsError
from laktory_dagster.models import Expectation
from laktory_dagster.models.sinks import FileSink, TableSink
from laktory_dagster.models.sources import AssetSource, FileSource, SourceOptions, TableSource
from laktory_dagster.plan import locations
from laktory_dagster.plan.definition import Plan, PlanNode
from laktory_dagster.project.positions import node_location


class LaktoryTranslator:
    """Turns nodes, sources and expectations into Dagster's specs.

    Override `get_asset_spec`, `get_asset_check_spec` or `get_source_asset_spec` and change what
    `super()` gives with `replace_attributes` and `merge_attributes`. Dependencies between nodes are
    made from `get_asset_spec(...).key`.

    Args:
        asset_key: `node` for `[pipeline, node]`, `table` for `[catalog, schema, table]`.
        prefix: put before every key.
    """

    def __init__(
        self, asset_key: Literal["node", "table"] = "node", prefix: str | Sequence[str] = ()
    ) -> None:
        """Choose a preset. Raises SettingsError if it is none."""
        if asset_key not in ("node", "table"):
            raise SettingsError(f"`asset_key` is `{asset_key}`", expected="node or table")
        self.asset_key = asset_key
        self.prefix = (prefix,) if isinstance(prefix, str) else tuple(prefix)

    def get_asset_key(self, plan: Plan, node: PlanNode) -> dg.AssetKey:
        """Return the key of a node's asset by the preset."""
        sink = node.declared.sink
        if self.asset_key == "table" and isinstance(sink, TableSink):
            return dg.AssetKey([*self.prefix, *_table_key(plan, sink)])
        return dg.AssetKey([*self.prefix, plan.name, node.name])

    def get_asset_spec(self, plan: Plan, node: PlanNode) -> dg.AssetSpec:
        """Return the spec of a node's asset, without its dependencies."""
        declared = node.declared
        sink = declared.sink
        owner = sink.metadata.owner if sink is not None and sink.metadata else None
        return dg.AssetSpec(
            key=self.get_asset_key(plan, node),
            description=declared.description,
            group_name=folded(plan.name),
            kinds=_kinds(node),
            owners=_owners(owner),
            tags=_tags(dict.fromkeys(declared.tags, "") | plan.pipeline.tags),
            code_version=node.code_version,
            metadata=_definition_metadata(plan, node),
            skippable=True,
        )

    def get_asset_check_spec(
        self, plan: Plan, node: PlanNode, expectation: Expectation
    ) -> dg.AssetCheckSpec:
        """Return the spec of an expectation's check; FAIL blocks what comes after."""
        return dg.AssetCheckSpec(
            name=folded(expectation.name),
            asset=self.get_asset_key(plan, node),
            description=f"{expectation.name}: `{expectation.expression}`",
            blocking=expectation.action == "FAIL",
            metadata={"action": expectation.action, "type": expectation.type},
        )

    def get_source_asset_spec(self, plan: Plan, source: SourceOptions) -> dg.AssetSpec | None:
        """Return the spec of external data that a source reads; None where there is none."""
        if isinstance(source, TableSource):
            return dg.AssetSpec(
                key=dg.AssetKey([*self.prefix, *_table_key(plan, source)]),
                group_name=folded(plan.name),
                kinds={"table"},
                metadata={TABLE_NAME: ".".join(locations.table_parts(plan, source))},
            )
        if isinstance(source, FileSource):
            place = locations.file_place(plan, source.path)
            return dg.AssetSpec(
                key=dg.AssetKey([*self.prefix, *file_key(shown_uri(source.path)).path]),
                group_name=folded(plan.name),
                kinds={storage_kind(source.format)},
                metadata={URI: shown_uri(place.uri)},
            )
        if isinstance(source, AssetSource):
            return dg.AssetSpec(key=dg.AssetKey(source.asset.split("/")))
        return None


def _table_key(plan: Plan, table: TableSink | TableSource) -> list[str]:
    """Return the parts of a table's name; Dagster takes no blank in them."""
    return [part.replace(" ", "_") for part in locations.table_parts(plan, table)]


def _kinds(node: PlanNode) -> set[str]:
    declared = node.declared
    kinds = {node.engine}
    if declared.layer:
        kinds.add(declared.layer.lower())
    if declared.sink is not None:
        kinds.add(storage_kind(locations.sink_format(declared.sink)))
    else:
        kinds.add("view")
    return kinds


def _owners(owner: str | None) -> list[str]:
    """Return the owner as Dagster's, nothing where it is no address and no team to Dagster."""
    if owner is None:
        return []
    try:
        return list(dg.AssetSpec("any", owners=[owner]).owners)
    except dg.DagsterInvalidDefinitionError:
        return []


def _tags(declared: Mapping[str, str]) -> dict[str, str]:
    """Return tags with everything that Dagster refuses in them as `_`, cut at 63 characters."""
    tags: dict[str, str] = {}
    for key, value in declared.items():
        space, slash, name = key.rpartition("/")
        parts = [_tag_part(part) for part in ([space] if slash else []) + [name]]
        if all(parts):
            tags["/".join(parts)] = _tag_part(value)
    return tags


def _tag_part(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "_", text)[:63]


def _definition_metadata(plan: Plan, node: PlanNode) -> dict[str, Any]:
    found: dict[str, Any] = {}
    sink = node.declared.sink
    if isinstance(sink, TableSink):
        found[TABLE_NAME] = locations.table_name(plan, sink)
        found[STORAGE_KIND] = storage_kind(sink.format)
    elif isinstance(sink, FileSink):
        found[URI] = shown_uri(locations.file_place(plan, sink.path).uri)
        found[STORAGE_KIND] = storage_kind(sink.format)
    columns = _declared_columns(node)
    if columns:
        found[COLUMN_SCHEMA] = table_schema(columns)
    place = node_location(plan, node.name)
    if plan.file is not None and place is not None:
        found["dagster/code_references"] = _code_reference(str(plan.file.absolute()), place.line)
    return found


def _code_reference(file: str, line: int) -> dg.CodeReferencesMetadataValue:
    # The UI's link to the YAML line is in beta in Dagster: nothing that a user could act on.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        reference = dg.LocalFileCodeReference(file_path=file, line_number=line, label="pipeline")
        return dg.CodeReferencesMetadataValue(code_references=[reference])


def _declared_columns(node: PlanNode) -> list[ColumnType]:
    sink = node.declared.sink
    schema = sink.schema_definition if sink is not None else None
    if not isinstance(schema, dict) or "fields" in schema:
        return []
    return [ColumnType(name, str(kind)) for name, kind in schema.items()]
