"""What a layer adds to a node after its transformer."""

from __future__ import annotations

from collections.abc import Sequence

from laktory_dagster.models import PipelineNode
from laktory_dagster.models.sources import DedupeOptions
from laktory_dagster.models.transformer import flat_steps
from laktory_dagster.plan.columns import ColumnFlow, column_flow
from laktory_dagster.plan.definition import LayerSteps

TIME_COLUMN = "_tstamp"
LAKTORY_04 = "laktory-0.4"


def stamp_of(layer: str) -> str:
    """Return the column that holds when rows came into a layer: `_silver_at`."""
    return f"_{layer.lower()}_at"


def layer_steps(
    node: PipelineNode, dialect: str, compat: str | None, flow: ColumnFlow | None = None
) -> LayerSteps:
    """Return the layer steps of a node in the documented reading, or in the reference's own.

    Args:
        node: the node.
        dialect: SQL dialect of its strings.
        compat: `laktory-0.4` for the steps as the reference runs them.
        flow: what its transformer does to the columns, where that is known already.
    """
    if compat == LAKTORY_04:
        return _reference_steps(node)
    flow = flow or column_flow(flat_steps(node.transformer), dialect)
    dedupe, subset, keep = _dedupe(node)
    time = node.timestamp_key if node.layer == "SILVER" else None
    drop = node.drop_source_columns
    if drop is None:
        drop = node.layer == "SILVER"
    return LayerSteps(
        layer=node.layer,
        time_expression=time,
        drop_source_columns=drop and flow.produced is not None,
        produced=flow.produced if drop else None,
        dedupe=dedupe,
        dedupe_subset=subset if dedupe else (),
        dedupe_order=_newest_first(node, subset) if dedupe else None,
        keep=keep,
        stamp=_stamp(node),
    )


def _stamp(node: PipelineNode) -> str | None:
    return stamp_of(node.layer) if node.layer and node.add_layer_columns else None


def _newest_first(node: PipelineNode, subset: Sequence[str]) -> str | None:
    """Return the time column by which one of several rows with the same key is kept."""
    if not subset or node.timestamp_key is None:
        return None
    return TIME_COLUMN if node.layer == "SILVER" else node.timestamp_key


def _dedupe(node: PipelineNode) -> tuple[bool, tuple[str, ...], str]:
    """Return whether duplicates go, the columns that make rows the same, and which one stays."""
    asked = node.drop_duplicates
    if node.layer == "BRONZE" or asked is False:
        return False, (), "first"
    if isinstance(asked, DedupeOptions):
        return True, asked.subset or node.primary_keys, asked.keep
    if isinstance(asked, tuple):
        return bool(asked), asked, "first"
    if asked is None:
        streams = any(source.as_stream for source in node.sources)
        return node.layer == "SILVER" and not streams, node.primary_keys, "first"
    return True, node.primary_keys, "first"


def _reference_steps(node: PipelineNode) -> LayerSteps:
    """Return the steps of the reference: stamp before dedupe, source columns dropped by name."""
    dedupe, subset = _reference_dedupe(node)
    drop = node.drop_source_columns
    if drop is None:
        drop = node.layer == "SILVER"
    drop = drop and node.transformer is not None
    return LayerSteps(
        layer=node.layer,
        time_expression=node.timestamp_key if node.layer == "SILVER" else None,
        drop_source_columns=drop,
        produced=frozenset() if drop else None,
        dedupe=dedupe,
        dedupe_subset=subset,
        stamp=_stamp(node),
        keep="any",
        reference_order=True,
    )


def _reference_dedupe(node: PipelineNode) -> tuple[bool, tuple[str, ...]]:
    """Return the reference's truth table: keys count only where `drop_duplicates` was written."""
    asked = node.drop_duplicates
    if node.layer == "BRONZE" or asked is None:
        return False, ()
    if isinstance(asked, DedupeOptions):
        return True, asked.subset
    if isinstance(asked, tuple):
        return bool(asked), asked
    if asked is False and (node.layer != "SILVER" or not node.primary_keys):
        return False, ()
    return True, node.primary_keys
