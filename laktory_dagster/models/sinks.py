"""Where a node's rows go: files, tables, views."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Discriminator, Tag

from laktory_dagster.models.base import Flag, Model, Names
from laktory_dagster.models.columns import Columns
from laktory_dagster.models.names import Name, TableName
from laktory_dagster.models.parts import Part
from laktory_dagster.models.sources import (
    CustomCall,
    DataframeApi,
    DataframeType,
    FileFormat,
    MethodCall,
    with_calls,
)

WriteMode = Annotated[
    Literal["OVERWRITE", "APPEND", "IGNORE", "ERROR", "MERGE", "COMPLETE", "UPDATE"],
    BeforeValidator(lambda value: "ERROR" if value == "ERRORIFEXISTS" else value),
]
SchemaEvolution = Literal["freeze", "add", "widen"]


class MergeOptions(Model):
    """How MERGE applies changes to a table: `{primary_keys: [id], order_by: changed_at}`."""

    primary_keys: Names = ()
    """Columns that identify a row; by default the node's `primary_keys`."""
    order_by: str | None = None
    """Column that orders changes of one key; the latest wins, older than the stored is ignored."""
    delete_where: str | None = None
    """Condition under which a change deletes its row."""
    include_columns: Names | None = None
    """The only columns to write."""
    exclude_columns: Names | None = None
    """Columns not to write."""
    ignore_null_updates: Flag = False
    """Null in a change leaves the stored value."""
    null_equals_null: Flag = False
    """Null keys are equal to each other."""
    scd_type: Literal[1, 2] = 1
    """1 overwrites, 2 keeps history."""
    start_at_column_name: str = "__start_at"
    """Start of validity (history)."""
    end_at_column_name: str = "__end_at"
    """End of validity (history)."""


class ColumnMetadata(Model):
    """What a catalog says of a column: `{name: close, comment: closing price}`."""

    name: str
    """Column."""
    comment: str | None = None
    """Description."""
    tags: dict[str, str] | list[Any] | None = None
    """Tags in the catalog."""


class TableMetadata(Model):
    """What a catalog says of a table: `{comment: Prices, owner: team:finance}`."""

    comment: str | None = None
    """Description."""
    owner: str | None = None
    """An address or `team:name`; the asset's owner in Dagster."""
    properties: dict[str, str] = {}
    """Table properties."""
    tags: dict[str, str] | list[Any] | None = None
    """Tags in the catalog."""
    columns: tuple[ColumnMetadata, ...] = ()
    """Descriptions of columns."""


class SinkOptions(Part):
    """What every sink can do."""

    other_names: ClassVar[Mapping[str, str]] = {
        "writer_options": "write_options",
        "writer_kwargs": "write_options",
        "checkpoint_path": "checkpoint_location",
        "schema": "schema_definition",
        "dataframe_backend": "dataframe_type",
    }

    type: str | None = None
    """Kind of sink as the newer schema writes it; the fields already say it."""
    mode: WriteMode | None = None
    """How to write; by default OVERWRITE, and APPEND for a stream."""
    is_quarantine: Flag = False
    """Takes the rows that a QUARANTINE rule rejects."""
    write_options: dict[str, Any] = {}
    """Options of the engine's own writer."""
    cluster_by: Names | None = None
    """Columns of liquid clustering, up to four (Delta on Spark and Databricks)."""
    writer_methods: tuple[MethodCall, ...] = ()
    """Methods of the writer: `partitionBy`; on Spark also `clusterBy`, `option` and `options`."""
    checkpoint_location: str | None = None
    """Where a stream keeps its progress."""
    merge_cdc_options: MergeOptions | None = None
    """How MERGE applies changes."""
    custom_writer: CustomCall | None = None
    """Function of the project that writes the frame in place of the engine."""
    schema_definition: Columns = None
    """Types to write, column to type."""
    as_stream: Flag | None = None
    """Write as a stream; follows from the source."""
    reset_mode: Literal["DROP", "TRUNCATE"] = "DROP"
    """What a reset does to the table."""
    is_primary: Flag | None = None
    """The sink that readers of the node read; by default the first one."""
    shared: Flag | dict[str, Any] = False
    """Several nodes write this target."""
    dataframe_type: DataframeType | None = None
    """Engine; by default the node's."""
    dataframe_api: DataframeApi | None = None
    """What functions of the project get: NARWHALS frames, or the engine's own (NATIVE)."""
    metadata: TableMetadata | None = None
    """What the catalog says of the table."""
    databricks_quality_monitor: dict[str, Any] | None = None
    """Monitoring of the table on Databricks."""
    databricks_data_profiling_config: dict[str, Any] | None = None
    """Profiling of the table on Databricks."""
    schema_evolution: SchemaEvolution | None = None
    """What may change in the stored schema: nothing (freeze), new columns (add), wider types."""
    null_keys: Literal["error", "quarantine"] = "error"
    """What a null in a merge key does."""
    on_empty: Literal["write", "skip", "fail"] = "write"
    """What an empty result does."""

    @property
    def writer_settings(self) -> dict[str, Any]:
        """All options of the writer, those that its methods set included."""
        return with_calls(self.write_options, self.writer_methods)

    def write(self, frame: Any, spark: Any = None) -> None:
        """Write a frame here, as a node without steps and rules does.

        Args:
            frame: a frame of Polars, Spark or Narwhals.
            spark: session to use on the Spark engine.

        Raises:
            LaktoryDagsterError: it cannot be written.
        """
        importlib.import_module("laktory_dagster.execution.parts").write_part(self, frame, spark)


class FileSink(SinkOptions):
    """A file, or a folder for Delta: `{path: ./out/prices.parquet, format: PARQUET}`."""

    path: str
    """Path or URL. Relative paths start at the pipeline file's folder."""
    format: FileFormat = "DELTA"
    """Format to write."""
    storage_options: dict[str, str] = {}
    """Credentials and end point of an object store."""


class TableSink(SinkOptions):
    """A table by name: `{schema_name: finance, table_name: prices}`."""

    table_name: TableName
    """Name of one to three parts."""
    schema_name: Name | None = None
    """Schema, where the name does not say it."""
    catalog_name: Name | None = None
    """Catalog, where the name does not say it."""
    format: Literal["DELTA", "PARQUET", "ORC", "AVRO"] = "DELTA"
    """Format of the table's files."""
    table_type: Literal["TABLE", "VIEW"] = "TABLE"
    """A VIEW stores nothing."""
    view_definition: str | None = None
    """Query of a VIEW; the same as a transformer with this one step."""
    table_properties: dict[str, Any] = {}
    """Properties of the table in a catalog."""
    warehouse: str | None = None
    """Kind of warehouse in the older schema (DATABRICKS)."""


class ViewSink(SinkOptions):
    """A view that lives inside the pipeline: `{pipeline_view_name: latest_prices}`."""

    pipeline_view_name: Name
    """Name of the view."""


def _sink_kind(value: Any) -> str | None:
    keys = value if isinstance(value, Mapping) else getattr(type(value), "model_fields", {})
    for key, tag in (
        ("path", "<file>"),
        ("table_name", "<table>"),
        ("pipeline_view_name", "<view>"),
    ):
        if key in keys:
            return tag
    return None


Sink = Annotated[
    Annotated[FileSink, Tag("<file>")]
    | Annotated[TableSink, Tag("<table>")]
    | Annotated[ViewSink, Tag("<view>")],
    Discriminator(
        _sink_kind,
        custom_error_type="no_sink",
        custom_error_message="a sink needs one of `path`, `table_name`, `pipeline_view_name`",
    ),
]
"""Any sink; its kind follows from the field that names the target."""
