"""Where a node's rows come from: files, tables, other nodes, memory, readers of the user."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    field_validator,
)
from pydantic_core import PydanticCustomError

from laktory_dagster.models.base import Flag, Model, Names, Number, Whole
from laktory_dagster.models.columns import Columns
from laktory_dagster.models.names import Name, TableName
from laktory_dagster.models.parts import Part

DataframeType = Annotated[
    Literal["POLARS", "SPARK"],
    BeforeValidator(lambda value: "SPARK" if value == "PYSPARK" else value),
]
DataframeApi = Literal["NARWHALS", "NATIVE"]
FileFormat = Annotated[
    Literal[
        "AVRO", "BINARYFILE", "CSV", "DELTA", "EXCEL", "IPC", "JSON", "JSONL", "NDJSON", "ORC",
        "PARQUET", "PYARROW", "TEXT", "XML",
    ],
    # Parquet files by the name of the library that the reference reads them with.
    AfterValidator(lambda value: "PARQUET" if value == "PYARROW" else value),
]  # fmt: skip


class Watermark(Model):
    """How late a row of a stream may be: `{column: created_at, threshold: 10 minutes}`."""

    column: str
    """Event-time column."""
    threshold: str
    """Delay, for instance `1 hour`."""


class Sample(Model):
    """A random share of the rows: `{fraction: 0.1, seed: 7}`."""

    fraction: Annotated[Number, Field(ge=0, le=1)]
    """Share of the rows, from 0 to 1."""
    seed: Whole | None = None
    """Makes the choice repeatable."""


class DedupeOptions(Model):
    """Which rows are the same, and which one stays: `{subset: [symbol], keep: any}`."""

    subset: Names = ()
    """Columns that make two rows the same; empty means all."""
    keep: Literal["first", "any"] = "first"
    """`first` is the same row on every engine and run; `any` is the engine's cheapest choice."""


Dedupe = Annotated[
    Flag | Names | DedupeOptions,
    BeforeValidator(lambda value: [value] if isinstance(value, str) else value),
]


class SourceCdc(Model):
    """Change-data-capture options for declarative pipelines.

    Written as `{primary_keys: [id], sequence_by: changed_at}`.
    """

    primary_keys: Names
    """Columns that identify a row."""
    sequence_by: str
    """Column or expression that orders the changes."""
    scd_type: Literal[1, 2] | None = None
    """1 overwrites, 2 keeps history."""
    apply_as_deletes: str | None = None
    """Condition under which a change deletes its row."""
    apply_as_truncates: str | None = None
    """Condition under which a change empties the table."""
    columns: Names | None = None
    """Columns to keep in the target."""
    except_columns: Names | None = None
    """Columns to leave out of the target."""
    ignore_null_updates: Flag | None = None
    """Null in a change leaves the stored value."""
    track_history_columns: Names | None = None
    """Columns whose change makes a new version."""
    track_history_except_columns: Names | None = None
    """Columns whose change makes no new version."""


class MethodCall(Model):
    """A method called on a reader or a writer: `{name: option, args: [mode, PERMISSIVE]}`."""

    name: str
    """Name of the method."""
    args: tuple[Any, ...] = ()
    """Positional arguments."""
    kwargs: dict[str, Any] = {}
    """Named arguments."""

    @property
    def set_options(self) -> dict[str, Any]:
        """What a call of `option` or `options` sets; nothing for other methods."""
        if self.name == "options" and not self.args:
            return dict(self.kwargs)
        given = (*self.args, *(self.kwargs[key] for key in ("key", "value") if key in self.kwargs))
        match given:
            case (str() as name, value) if self.name == "option":
                return {name: value}
        return {}

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are named, one by one or as lists."""
        return tuple(
            str(name)
            for given in self.args
            for name in (given if isinstance(given, list | tuple) else [given])
        )


def with_calls(options: Mapping[str, Any], calls: Iterable[MethodCall]) -> dict[str, Any]:
    """Return options together with those that calls set after them."""
    return {**options, **{name: v for call in calls for name, v in call.set_options.items()}}


class CustomFunction(Model):
    """A registered Python function with its arguments: `{func_name: pkg.read, func_args: [1]}`."""

    func_name: str
    """Dotted name of a function in a module that the project allows."""
    func_args: tuple[Any, ...] = ()
    """Positional arguments."""
    func_kwargs: dict[str, Any] = {}
    """Named arguments."""


CustomCall = Annotated[
    CustomFunction,
    BeforeValidator(lambda value: {"func_name": value} if isinstance(value, str) else value),
]


class SourceOptions(Part):
    """What every source can do with its rows.

    Applied on every engine in one order: `filter`, `selects`, `renames`, `drops`,
    `drop_duplicates`, `sample`, `limit`.
    """

    other_names: ClassVar[Mapping[str, str]] = {"dataframe_backend": "dataframe_type"}

    name: Name | None = None
    """Name for `{sources.name}` in SQL and arguments."""
    type: str | None = None
    """Kind of source as the newer schema writes it; the fields already say it."""
    as_stream: Flag = False
    """Process only what is new since the last run."""
    filter: str | None = None
    """SQL condition, or an expression, that rows must meet."""
    selects: Names | dict[str, str] | None = None
    """Columns to keep (nested as `a.b`), or a mapping from column to its new name."""
    renames: dict[str, str] = {}
    """Old name to new name."""
    drops: Names = ()
    """Columns to leave out; missing ones are ignored."""
    drop_duplicates: Dedupe | None = None
    """True for whole rows, or the columns that make rows the same."""
    sample: Sample | None = None
    """A random share of the rows."""
    limit: Annotated[Whole, Field(ge=0)] | None = None
    """At most this many rows."""
    watermark: Watermark | None = None
    """Lateness of a stream (Spark)."""
    broadcast: Flag = False
    """Hint that the frame is small enough to send to every worker (Spark; free on Polars)."""
    cdc: SourceCdc | None = None
    """Change-data-capture options for declarative pipelines."""
    mock_df: Any = None
    """Rows to use in place of the source: a frame, or inline data. The options still apply."""
    dataframe_type: DataframeType | None = None
    """Engine; by default the node's."""
    dataframe_api: DataframeApi | None = None
    """What functions of the project get: NARWHALS frames, or the engine's own (NATIVE)."""

    @field_validator("selects", mode="before")
    @classmethod
    def _selects_not_empty(cls, value: Any) -> Any:
        if isinstance(value, (list, tuple, dict)) and not value:
            raise PydanticCustomError("empty_selects", "`selects` keeps no column; leave it out")
        return value


VERSION_OPTIONS = ("versionAsOf", "version")
"""Options of a Delta source that name the version to read: Spark's, and that of Polars."""
AUTO_LOADER = "cloudFiles."
"""What the names of options begin with that only Databricks' reader of streams knows."""


class ReadOptions(SourceOptions):
    """A source that a reader with options brings."""

    other_names: ClassVar[Mapping[str, str]] = {
        **SourceOptions.other_names,
        "reader_options": "read_options",
        "reader_kwargs": "read_options",
    }

    read_options: dict[str, Any] = {}
    """Options of the engine's own reader."""
    reader_methods: tuple[MethodCall, ...] = ()
    """Methods to call on the reader (Spark): `option` and `options`."""

    @property
    def reader_settings(self) -> dict[str, Any]:
        """All options of the reader, those that its methods set included."""
        return with_calls(self.read_options, self.reader_methods)


class FileSource(ReadOptions):
    """A file, a folder or a glob: `{path: ./events, format: JSON}`."""

    other_names: ClassVar[Mapping[str, str]] = {
        **ReadOptions.other_names,
        "has_header": "header",
        "schema": "schema_definition",
    }

    path: str
    """Path or URL. Relative paths start at the pipeline file's folder."""
    format: FileFormat = "JSON"
    """Format of the files."""
    header: Flag = True
    """The first line of a CSV file holds the names."""
    multiline: Flag = False
    """Accepted; a JSON file's content says whether it holds lines or one document."""
    infer_schema: Flag | None = None
    """Find the types by reading (CSV, the default), or leave all columns text."""
    schema_definition: Columns = None
    """Column to type: a mapping, or `a INT, b STRING`. Casts are tolerant: a bad value is null."""
    schema_location: str | None = None
    """Where a stream keeps the schema it found."""
    storage_options: dict[str, str] = {}
    """Credentials and end point of an object store."""
    bad_files: Literal["fail", "quarantine"] = "fail"
    """What an unreadable file does: fail the node, or be left out, named and counted."""
    schema_evolution: Literal["freeze", "add", "widen"] | None = None
    """How several files with different columns are read: the same only, added, or widened."""


class TableSource(ReadOptions):
    """A table by name: `{schema_name: finance, table_name: prices}`."""

    table_name: TableName
    """Name of one to three parts."""
    schema_name: Name | None = None
    """Schema, where the name does not say it."""
    catalog_name: Name | None = None
    """Catalog, where the name does not say it."""
    warehouse: str | None = None
    """Kind of warehouse in the older schema (DATABRICKS)."""


class NodeSource(ReadOptions):
    """What another node of the pipeline stored: `{node_name: brz_stock_prices}`."""

    node_name: Name
    """The other node."""


class MemorySource(SourceOptions):
    """Rows in the file, `{data: [{symbol: AAPL}]}`, or a frame handed over in Python (`df`)."""

    kept_if_given: ClassVar[frozenset[str]] = frozenset({"data"})

    data: list[dict[str, Any]] | dict[str, list[Any]] | None = None
    """Rows as a list of mappings, or columns as a mapping of lists."""
    df: Any = None
    """A Polars or Spark frame; such a pipeline cannot be serialized."""


class CustomSource(SourceOptions):
    """A reader of the project: `{custom_reader: my_project.readers.read_feed}`."""

    custom_reader: CustomCall
    """Function that returns a frame; it may take `laktory_context`."""


class AssetSource(SourceOptions):
    """A Dagster asset that is no node: `{asset: raw/prices}`."""

    asset: str
    """Asset key, its parts joined by slashes."""


_SOURCE_KEYS = {
    "path": "<file>",
    "table_name": "<table>",
    "node_name": "<node>",
    "df": "<memory>",
    "data": "<memory>",
    "custom_reader": "<custom>",
    "asset": "<asset>",
}


def source_kind(value: Any) -> str | None:
    """Return the tag of the kind of source that a mapping or a model is; None for no source."""
    if isinstance(value, SourceOptions):
        return next(
            (tag for key, tag in _SOURCE_KEYS.items() if key in type(value).model_fields), None
        )
    if isinstance(value, Mapping):
        return next((tag for key, tag in _SOURCE_KEYS.items() if key in value), None)
    return None


Source = Annotated[
    Annotated[FileSource, Tag("<file>")]
    | Annotated[TableSource, Tag("<table>")]
    | Annotated[NodeSource, Tag("<node>")]
    | Annotated[MemorySource, Tag("<memory>")]
    | Annotated[CustomSource, Tag("<custom>")]
    | Annotated[AssetSource, Tag("<asset>")],
    Discriminator(
        source_kind,
        custom_error_type="no_source",
        custom_error_message=(
            "a source needs one of `path`, `table_name`, `node_name`, `data`, `df`, "
            "`custom_reader`, `asset`"
        ),
    ),
]
"""Any source; its kind follows from the field that names the data."""
