"""What a user declares: `from laktory_dagster import models`.

The classes go by the names of the reference as well, of both schemas (`FileDataSource`, `PolarsChain`).
"""

import importlib
from collections.abc import Callable
from typing import Any

from pydantic import TypeAdapter

from laktory_dagster.models.calls import LaktoryContext
from laktory_dagster.models.expectation import Expectation, Tolerance
from laktory_dagster.models.node import OwnStep, PipelineNode
from laktory_dagster.models.orchestrators import (
    DatabricksJob,
    DeclarativePipeline,
    WorkspaceFile,
)
from laktory_dagster.models.pipeline import Environment, Parameter, Pipeline, Schedule, Udf
from laktory_dagster.models.sinks import (
    FileSink,
    MergeOptions,
    Sink,
    TableMetadata,
    TableSink,
    ViewSink,
)
from laktory_dagster.models.sources import (
    AssetSource,
    CustomFunction,
    CustomSource,
    FileSource,
    MemorySource,
    MethodCall,
    NodeSource,
    Source,
    SourceCdc,
    TableSource,
    Watermark,
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


def _orchestrator(kind: str) -> Callable[..., dict[str, Any]]:
    """Return what makes the block of an orchestrator of this kind."""
    return lambda **fields: {"type": kind, **fields}


def _text_of_expression(expr: str, **_: Any) -> str:
    """Return the text of an expression, whose kind follows from it."""
    return expr


_NAMES_OF_THE_REFERENCE = {
    "AirflowOrchestrator": _orchestrator("AIRFLOW"),
    "CustomDataSource": CustomSource,
    "CustomReader": CustomFunction,
    "CustomWriter": CustomFunction,
    "DataFrameColumn": _as_written,
    "DataFrameColumnExpr": _text_of_expression,
    "DataFrameDataSource": MemorySource,
    "DataFrameExpr": SqlStep,
    "DataFrameMethod": MethodStep,
    "DataFrameSchema": _as_written,
    "DataFrameTransformer": Transformer,
    "DataQualityExpectation": Expectation,
    "DataSinkMergeCDCOptions": MergeOptions,
    "DataSinkSharedOptions": _as_written,
    "DataSourceCDC": SourceCdc,
    "ExpectationTolerance": Tolerance,
    "FileDataSink": FileSink,
    "FileDataSource": FileSource,
    "HiveMetastoreDataSink": TableSink,
    "HiveMetastoreDataSource": TableSource,
    "LakeflowDeclarativePipelineOrchestrator": _orchestrator("LAKEFLOW_DECLARATIVE_PIPELINE"),
    "LakeflowJobOrchestrator": _orchestrator("LAKEFLOW_JOB"),
    "MemoryDataSource": MemorySource,
    "PipelineDatabricksJob": DatabricksJob,
    "PipelineNodeDataSource": NodeSource,
    "PipelineNodeExpectation": Expectation,
    "PipelineParameter": Parameter,
    "PipelineUDF": Udf,
    "PipelineViewDataSink": ViewSink,
    "PipelineWorkspaceFile": WorkspaceFile,
    "PolarsChain": Transformer,
    "PolarsChainNode": _chain_node,
    "PolarsChainNodeColumn": Column,
    "ReaderWriterMethod": MethodCall,
    "SparkChain": Transformer,
    "SparkChainNode": _chain_node,
    "SparkChainNodeColumn": Column,
    "SparkDeclarativePipelineOrchestrator": _orchestrator("SPARK_DECLARATIVE_PIPELINE"),
    "TableDataSink": TableSink,
    "TableDataSinkMetadata": TableMetadata,
    "TableDataSource": TableSource,
    "UnityCatalogDataSink": TableSink,
    "UnityCatalogDataSource": TableSource,
    "Watermark": Watermark,
}


def __getattr__(name: str) -> Any:
    if name in _NAMES_OF_THE_REFERENCE:
        return _NAMES_OF_THE_REFERENCE[name]
    if name == "DataQualityCheck":
        return importlib.import_module("laktory_dagster.execution.results").CheckResult
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
