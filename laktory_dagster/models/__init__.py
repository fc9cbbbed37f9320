"""What a user declares: `from laktory_dagster import models`."""

from laktory_dagster.models.calls import LaktoryContext
from laktory_dagster.models.expectation import Expectation, Tolerance
from laktory_dagster.models.node import OwnStep, PipelineNode
from laktory_dagster.models.orchestrators import DatabricksJob, DeclarativePipeline
from laktory_dagster.models.pipeline import Environment, Parameter, Pipeline, Schedule, Udf
from laktory_dagster.models.sinks import FileSink, MergeOptions, Sink, TableSink, ViewSink
from laktory_dagster.models.sources import (
    AssetSource,
    CustomSource,
    FileSource,
    MemorySource,
    NodeSource,
    Source,
    TableSource,
)
from laktory_dagster.models.transformer import (
    Column,
    ColumnsStep,
    ColumnStep,
    MethodStep,
    SqlStep,
    Step,
    Transformer,
)

__all__ = [
    "AssetSource", "Column", "ColumnStep", "ColumnsStep", "CustomSource", "DatabricksJob",
    "DeclarativePipeline", "Environment", "Expectation", "FileSink", "FileSource", "LaktoryContext", "MemorySource",
    "MergeOptions", "MethodStep", "NodeSource", "OwnStep", "Parameter", "Pipeline", "PipelineNode",
    "Schedule", "Sink", "Source", "SqlStep", "Step", "TableSink", "TableSource", "Tolerance",
    "Transformer", "Udf", "ViewSink",
]  # fmt: skip
