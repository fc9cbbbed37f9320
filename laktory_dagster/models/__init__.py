"""What a user declares: `from laktory_dagster import models`.

The classes go by the names of the reference as well, of both schemas (`FileDataSource`, `PolarsChain`).
"""

from typing import Any

from pydantic import TypeAdapter

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


def _chain_node(**fields: Any) -> Any:
    """Return the step of a chain that the fields make: a method, SQL, or columns."""
    return TypeAdapter(Step).validate_python(fields)


def _as_written(**fields: Any) -> dict[str, Any]:
    """Return the fields as the mapping that YAML would hold."""
    return fields


_NAMES_OF_THE_REFERENCE = {
    "CustomDataSource": CustomSource,
    "DataFrameColumn": _as_written,
    "DataFrameDataSource": MemorySource,
    "DataFrameExpr": SqlStep,
    "DataFrameMethod": MethodStep,
    "DataFrameSchema": _as_written,
    "DataFrameTransformer": Transformer,
    "DataQualityExpectation": Expectation,
    "DataSinkMergeCDCOptions": MergeOptions,
    "FileDataSink": FileSink,
    "FileDataSource": FileSource,
    "HiveMetastoreDataSink": TableSink,
    "HiveMetastoreDataSource": TableSource,
    "MemoryDataSource": MemorySource,
    "PipelineNodeDataSource": NodeSource,
    "PipelineNodeExpectation": Expectation,
    "PipelineParameter": Parameter,
    "PipelineViewDataSink": ViewSink,
    "PolarsChain": Transformer,
    "PolarsChainNode": _chain_node,
    "SparkChain": Transformer,
    "SparkChainNode": _chain_node,
    "TableDataSink": TableSink,
    "TableDataSource": TableSource,
    "UnityCatalogDataSink": TableSink,
    "UnityCatalogDataSource": TableSource,
}


def __getattr__(name: str) -> Any:
    if name in _NAMES_OF_THE_REFERENCE:
        return _NAMES_OF_THE_REFERENCE[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
