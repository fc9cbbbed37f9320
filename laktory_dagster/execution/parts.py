"""What `source.read()`, `sink.write(frame)` and `transformer.execute(frame)` do: one part alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from laktory_dagster._optional import require
from laktory_dagster.engines.base import Frame
from laktory_dagster.engines.registry import engine_of
from laktory_dagster.errors import InvalidInputError
from laktory_dagster.execution.context import RunOptions
from laktory_dagster.execution.session import RunSession
from laktory_dagster.models import (
    FileSink,
    FileSource,
    MemorySource,
    NodeSource,
    Pipeline,
    PipelineNode,
    TableSink,
    TableSource,
)
from laktory_dagster.models.sinks import SinkOptions
from laktory_dagster.models.sources import SourceOptions
from laktory_dagster.models.transformer import Transformer
from laktory_dagster.plan.context import DEFAULT_DIALECT, dialect_of
from laktory_dagster.project import plan_of


def read_part(part: SourceOptions | SinkOptions, spark: Any = None) -> Frame:
    """Return the lazy frame of a source, or of what is stored at a sink.

    A part of a pipeline is read as the pipeline reads it; any other by itself, with relative paths
    from the working directory. The session stays open with the pipeline's.

    Raises:
        InvalidInputError: the sink alone does not say where it lies.
        LaktoryDagsterError: the pipeline is wrong, or nothing can be read there.
    """
    node, pipeline = _owners(part)
    if node is None or pipeline is None:
        alone = part if isinstance(part, SourceOptions) else _stored_at(part)
        pipeline = part._alone = Pipeline(
            name="read", nodes=(PipelineNode(name="read", sources=(alone.model_copy(),)),)
        )
        node = pipeline.nodes[0]
        part = node.sources[0]
    if pipeline._session is None:
        pipeline._session = RunSession(plan_of(pipeline), RunOptions.new(spark=spark))
    session: RunSession = pipeline._session
    planned = session.plan.nodes[node.name]
    # The plan holds the part with the values of its variables.
    declared = (*planned.declared.sources, *planned.declared.sinks)
    found = declared[_position(part, node)]
    if isinstance(found, SourceOptions):
        return session.read_source(found, planned)
    if found is planned.declared.sink or planned.is_view:
        return session.read_source(NodeSource(node_name=node.name), planned)
    return session.read_source(_stored_at(found), planned)


def write_part(sink: SinkOptions, frame: Any, spark: Any = None) -> None:
    """Write a frame to a sink; relative paths start where those of its pipeline do.

    Raises:
        LaktoryDagsterError: it cannot be written.
    """
    node, owner = _owners(sink)
    native = _native(frame)
    engine = engine_of(native)
    alone = PipelineNode(
        name="write" if node is None else node.name,
        sources=(MemorySource(df=native),),
        sinks=(sink.model_copy(update={"is_quarantine": False}),),
        primary_keys=() if node is None else node.primary_keys,
        dataframe_type=engine.upper() if engine else None,
    )
    pipeline = Pipeline(name="write", nodes=(alone,))
    if owner is not None:
        pipeline = _in_place_of(pipeline, owner)
    with pipeline:
        pipeline.execute(spark)


def transform_frame(
    transformer: Transformer,
    frame: Any,
    named: Mapping[str, Any],
    udfs: Any = None,
    spark: Any = None,
) -> Any:
    """Return what a chain makes of a frame, as a frame of its kind.

    Raises:
        LaktoryDagsterError: a step is wrong, or cannot be computed.
    """
    native = _native(frame)
    engine = engine_of(native)
    others = [
        PipelineNode(name=name, sources=(MemorySource(df=_native(other)),))
        for name, other in named.items()
    ]
    chain = transformer.model_copy()
    main = PipelineNode(name="df", sources=(MemorySource(df=native),), transformer=chain)
    node, owner = _owners_of_chain(transformer)
    pipeline = Pipeline(
        name="transform",
        nodes=(*others, main),
        dataframe_type=engine.upper() if engine else None,
        sql_dialect=DEFAULT_DIALECT if node is None or owner is None else dialect_of(node, owner),
    )
    if owner is not None:
        pipeline = _in_place_of(pipeline, owner, imports=owner.imports, udfs=owner.udfs)
    pipeline.execute(spark, udfs=udfs, write_sinks=False)
    found = pipeline.nodes[-1].output_df
    # Its session lives as long as the frame may be computed.
    transformer._alone = pipeline
    return _like(frame, native, found)


def _in_place_of(pipeline: Pipeline, owner: Pipeline, **more: Any) -> Pipeline:
    """Return a pipeline with the variables and the place of the one whose part it runs."""
    taken = {"variables": owner.variables, "warehouse": owner.warehouse, **more}
    pipeline = pipeline.model_copy(update=taken)
    pipeline._folder, pipeline._environment = owner._folder, owner._environment
    return pipeline


def _owners_of_chain(chain: Transformer) -> tuple[PipelineNode | None, Pipeline | None]:
    node = chain._node() if chain._node is not None else None
    if node is None or node._pipeline is None or node.transformer is not chain:
        return None, None
    return node, node._pipeline()


def _native(frame: Any) -> Any:
    # Not by looking for `to_native`: a frame of Spark Connect has every name, as a column.
    return require("narwhals").to_native(frame, pass_through=True)


def _like(frame: Any, native: Any, found: Any) -> Any:
    if not hasattr(native, "collect"):  # It was in memory.
        found = found.collect()
    return found if native is frame else require("narwhals").from_native(found)


def _owners(part: SourceOptions | SinkOptions) -> tuple[PipelineNode | None, Pipeline | None]:
    """Return the node and the pipeline that a part stands in; None for what stands in none."""
    node = part._node() if part._node is not None else None
    if node is None or node._pipeline is None or _position(part, node) < 0:
        return None, None
    return node, node._pipeline()


def _position(part: SourceOptions | SinkOptions, node: PipelineNode) -> int:
    parts = (*node.sources, *node.sinks)
    return next((index for index, own in enumerate(parts) if own is part), -1)


def _stored_at(sink: SinkOptions) -> SourceOptions:
    if isinstance(sink, FileSink):
        return FileSource(
            path=sink.path, format=sink.format, storage_options=dict(sink.storage_options)
        )
    if isinstance(sink, TableSink):
        return TableSource(
            table_name=sink.table_name,
            schema_name=sink.schema_name,
            catalog_name=sink.catalog_name,
        )
    raise InvalidInputError(
        "a view stores nothing that could be read",
        hint="read it as the sink of a node in a pipeline",
    )
