"""The lazy frame of a node: its sources read, its chain and its layer's steps added."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from laktory_dagster.config.secrets import mask_known
from laktory_dagster.engines.base import (
    BatchId,
    Frame,
    InputVersion,
    LayerRequest,
    ReadResult,
    TransformRequest,
)
from laktory_dagster.errors import TransformError
from laktory_dagster.execution.context import RunOptions
from laktory_dagster.models.calls import LaktoryContext
from laktory_dagster.models.sources import SourceOptions
from laktory_dagster.models.transformer import flat_steps
from laktory_dagster.plan.definition import PlanNode

if TYPE_CHECKING:
    from laktory_dagster.execution.reading import Reader
    from laktory_dagster.execution.session import RunSession


@dataclass(frozen=True)
class NodeFrame:
    """The frame of a node before its rules, the versions and places of what it reads."""

    frame: Frame
    data_version: str
    bad_files: tuple[str, ...]
    sources: tuple[str, ...]


def node_frame(
    session: RunSession, reader: Reader, node: PlanNode, steps: int | None = None
) -> NodeFrame:
    """Return the lazy frame of a node after its layer steps and before its rules.

    Args:
        session: the run.
        reader: reads its sources, as a whole or what is new in them.
        node: the node.
        steps: stop after so many steps of the chain, without the layer steps.
    """
    engine = session.engine(node.engine)
    reads = [reader.read(source, node) for source in node.declared.sources]
    used: list[ReadResult] = list(reads)

    def read_argument(source: SourceOptions) -> Frame:
        result = reader.read(source, node)
        used.append(result)
        return result.frame

    frames = {
        f"sources.{source.name}": read.frame
        for source, read in zip(node.declared.sources, reads, strict=True)
        if source.name
    }
    for upstream in reader.nodes_in_text(node):
        result = reader.read_node(upstream, node)
        used.append(result)
        frames[f"nodes.{upstream}"] = result.frame
    chain = tuple(map(session.secrets.reveal_step, flat_steps(node.declared.transformer)))
    request = TransformRequest(
        steps=chain if steps is None else chain[:steps],
        dialect=node.dialect,
        frames=frames,
        read=read_argument,
        functions=session.functions,
        context=LaktoryContext(node.declared, session.plan.pipeline),
        dataframe_api=node.declared.dataframe_api or session.plan.pipeline.dataframe_api,
        timestamp=reader.moment,
    )
    first = reads[0] if reads else ReadResult(engine.from_native([]), ())
    frame = engine.transform(first.frame, request)
    if steps is None:
        frame = engine.apply_layer(frame, _layer_request(node, first, reader.moment))
    versions = [version for read in used for version in read.inputs]
    bad_files = tuple(mask_known(path) for read in used for path in read.bad_files)
    sources = tuple(dict.fromkeys(mask_known(version.key) for version in versions))
    if reader.batch_id is None:
        data_version = _data_version(node, versions, session.options)
    else:
        data_version = batch_version(node, reader.batch_id)
    return NodeFrame(frame, data_version, bad_files, sources)


def _layer_request(node: PlanNode, source: ReadResult, moment: datetime) -> LayerRequest:
    layer = node.layer
    drop: tuple[str, ...] = ()
    if layer.drop_source_columns and layer.produced is not None:
        stamps = {"_bronze_at", "_silver_at", "_gold_at"}
        spared = layer.produced | stamps
        drop = tuple(column for column in source.columns if column not in spared)
        _refuse_to_drop_keys(node, drop)
    return LayerRequest(
        time_expression=layer.time_expression,
        drop_columns=drop,
        dedupe=layer.dedupe,
        dedupe_subset=layer.dedupe_subset,
        dedupe_order=layer.dedupe_order,
        keep=layer.keep,
        stamp=layer.stamp,
        timestamp=moment,
        dialect=node.dialect,
        reference_order=layer.reference_order,
    )


def _data_version(node: PlanNode, versions: Sequence[InputVersion], options: RunOptions) -> str:
    parts = [node.code_version, options.partition or ""]
    parts += sorted(f"{version.key}={version.version}" for version in versions)
    modes = {sink.mode for sink in node.declared.data_sinks}
    if "APPEND" in modes:
        # Every new run appends again: the same inputs give another table.
        parts.append(options.root_run_id)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def batch_version(node: PlanNode, batch: BatchId | None) -> str:
    """Return the data version that a batch gives its node, or that of a stream before any."""
    parts = [node.code_version, f"{batch.checkpoint}/{batch.batch}" if batch else "no batch"]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _refuse_to_drop_keys(node: PlanNode, drop: Sequence[str]) -> None:
    lost = [key for key in node.declared.primary_keys if key in drop]
    if lost and not node.layer.reference_order:
        raise TransformError(
            f"node `{node.name}` drops its primary key {', '.join(f'`{key}`' for key in lost)} "
            "as a source column that no step produced",
            hint="select it in a step, or set `drop_source_columns: false`",
        )
