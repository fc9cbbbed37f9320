"""Files of a format as one Spark frame, in the types and the order that every engine gives them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql import types as st

from laktory_dagster.engines.base import Written
from laktory_dagster.engines.spark.casts import cast_to
from laktory_dagster.engines.spark.csv_header import header_of
from laktory_dagster.engines.spark.drift import unify
from laktory_dagster.engines.spark.json_order import in_order, is_lines, key_order
from laktory_dagster.engines.spark.native import held_type, spark_type
from laktory_dagster.engines.spark.paths import literal
from laktory_dagster.engines.spark.problems import SPARK_ERRORS, plain_text, require_avro
from laktory_dagster.engines.spark.schemas import ddl, parse_schema, parse_type, struct_of
from laktory_dagster.engines.spark.scope import column
from laktory_dagster.engines.spark.time_formats import spark_pattern
from laktory_dagster.engines.storage.listing import Listing
from laktory_dagster.errors import ReadError, UnsupportedError
from laktory_dagster.models.sources import FileSource, SourceOptions

LINES = ("JSONL", "NDJSON")
READERS = {
    "CSV": "csv",
    "JSON": "json",
    **dict.fromkeys(LINES, "json"),
    "PARQUET": "parquet",
    "ORC": "orc",
    "AVRO": "avro",
    "TEXT": "text",
    "XML": "xml",
    "BINARYFILE": "binaryFile",
}
TEXT_OPTIONS = {
    "separator": "sep",
    "delimiter": "sep",
    "quote_char": "quote",
    "null_values": "nullValue",
    "null_value": "nullValue",
    "has_header": "header",
    "comment_prefix": "comment",
    "eol_char": "lineSep",
}
"""Options of the other engine's readers under Spark's names."""


def scan_listing(spark: Any, listing: Listing, form: str, source: SourceOptions) -> Any:
    """Return the rows of all files; columns of `key=value` folders come last.

    Raises:
        ReadError: a file cannot be read, or the files' schemas differ more than is allowed.
        UnsupportedError: the format is not one of this engine.
    """
    if form == "XML" and "rowTag" not in (getattr(source, "reader_settings", None) or {}):
        raise ReadError(
            f"{listing.version.key}: XML needs the name of the element that is a row",
            hint="set `read_options: {rowTag: name}`",
        )
    if form not in READERS:
        raise UnsupportedError(
            f"the Spark engine does not read {form}",
            expected=f"one of DELTA, {', '.join(READERS)}",
            hint="read it on Polars (`dataframe_type: POLARS`)",
        )
    files = _Files(spark, listing, form, source)
    declared = getattr(source, "schema_definition", None)
    try:
        if declared is not None:
            return files.declared(parse_schema(declared))
        return files.inferred()
    except SPARK_ERRORS as error:
        text = plain_text(error)
        hint = "mend or remove it, or set `bad_files: quarantine` on the source"
        if text.endswith("matches 0 files"):
            # It looks for the columns of CSV with a reader that knows no escaped marks.
            text = "Spark takes the marks in its path for a pattern"
            hint = "give the folder and the file names without `[`, `{`, `*` and `?`"
        problem = f"{listing.version.key} cannot be read: {text}"
        raise require_avro(error, "read") or ReadError(problem, hint=hint) from error


def scan_stream(
    spark: Any, listing: Listing, form: str, source: SourceOptions, known: st.StructType | None
) -> tuple[Any, st.StructType]:
    """Return the rows of files lazily, and the schema of these together with what is `known`."""
    frame = scan_listing(spark, listing, form, source)
    declared = getattr(source, "schema_definition", None)
    if declared is not None or known is None:
        return frame, frame.schema
    rule = getattr(source, "schema_evolution", None) or "freeze"
    before = ("what the stream has read before", known)
    # JSON has neither fixed columns nor kinds of numbers.
    rule = "widen" if form in ("JSON", *LINES) else rule
    schema, is_same = unify([before, (listing.files[0].path, frame.schema)], rule)
    return frame if is_same else cast_columns(frame, schema), schema


_FORMATS: Mapping[type[st.DataType], str] = {
    st.DateType: "dateFormat",
    st.TimestampType: "timestampFormat",
    st.TimestampNTZType: "timestampNTZFormat",
}
"""The option that says how a time is written in a text, by the type that is declared."""


class _Files:
    """One source's files and how Spark reads them."""

    def __init__(self, spark: Any, listing: Listing, form: str, source: SourceOptions) -> None:
        self._spark = spark
        self._listing = listing
        self._form = form
        self._source = source
        self._paths = [file.path for file in listing.files]
        given = dict(getattr(source, "reader_settings", None) or {})
        self._options: dict[str, Any] = {
            TEXT_OPTIONS.get(str(name), str(name)): value for name, value in given.items()
        }

    def _reader(self, options: Mapping[str, Any]) -> Any:
        reader = self._spark.read.format(READERS[self._form])
        if any(file.partition for file in self._listing.files):
            reader = reader.option("basePath", _base(self._listing))
        given: dict[str, Any] = {**options, **self._options}
        for name, value in given.items():
            reader = reader.option(name, _option(value))
        return reader

    def _load(
        self, options: Mapping[str, Any], schema: st.StructType | None, paths: Sequence[str]
    ) -> Any:
        reader = self._reader(options)
        if schema is not None:
            reader = reader.schema(schema)
        return reader.load([literal(path) for path in paths])

    def inferred(self) -> Any:
        """Return the rows in the types that their files have or show."""
        if self._form == "CSV":
            return self._csv()
        if self._form in ("JSON", *LINES):
            return self._json(None)
        if self._form == "PARQUET":
            return self._parquet()
        return self._load({}, None, self._paths)

    def declared(self, schema: st.StructType) -> Any:
        """Return exactly the declared columns; a value that does not fit its type is null."""
        if self._form == "CSV":
            return self._declared_csv(schema)
        if self._form in ("JSON", *LINES):
            return cast_columns(self._timed(self._json(_as_read(schema)), schema), schema)
        return cast_columns(self._load({}, None, self._paths), schema)

    def _timed(self, frame: Any, schema: st.StructType) -> Any:
        """Return the frame with the texts read as times that have a format of their own."""
        texts = [f.name for f in frame.schema if isinstance(f.dataType, st.StringType)]
        times = {}
        for field in schema:
            pattern = self._options.get(_FORMATS.get(type(field.dataType), ""))
            if pattern and field.name in texts:
                moment = F.try_to_timestamp(column(field.name), F.lit(pattern))
                times[field.name] = moment.cast(ddl(field.dataType))
        return frame.withColumns(times) if times else frame

    def _csv_options(self) -> dict[str, Any]:
        header = self._source.header if isinstance(self._source, FileSource) else True
        return {
            "header": header,
            "mode": "PERMISSIVE",
            "multiLine": True,
            "escape": '"',
            "enforceSchema": True,
        }

    @property
    def _has_header(self) -> bool:
        given = {**self._csv_options(), **self._options}["header"]
        return str(given).lower() != "false"

    def _declared_csv(self, schema: st.StructType) -> Any:
        """Return the declared columns of files whose headers may differ."""
        groups: dict[tuple[str, ...], list[str]] = {tuple(schema.names): self._paths}
        if self._has_header:
            groups = {}
            for path in self._paths:
                # Of remote files one stands for all: to look into each takes a job each.
                groups.setdefault(
                    self._header(self._paths[0] if "://" in path else path), []
                ).append(path)
        parts = [
            self._load(self._csv_options(), _texts(names), paths) for names, paths in groups.items()
        ]
        frames = [cast_columns(self._timed(part, schema), schema) for part in parts]
        return reduce(lambda whole, frame: whole.unionByName(frame), frames)

    def _header(self, path: str) -> tuple[str, ...]:
        """Return the names in the header of a file."""
        found = header_of(path, self._options)
        if found is None:
            frame = self._load({**self._csv_options(), "inferSchema": False}, None, [path])
            found = self._own_columns(frame.schema).names
        return tuple(found)

    def _csv(self) -> Any:
        options = self._csv_options()
        infers = getattr(self._source, "infer_schema", None) is not False
        if not (infers or self._has_header):
            return self._numbered(self._load(options, None, self._paths))
        schemas = [(path, self._csv_schema(path, infers=infers)) for path in self._paths]
        schema, is_same = unify(schemas, self._rule())
        if is_same:
            return self._numbered(self._load(options, schema, self._paths))
        return self._several(schemas, schema, options)

    def _csv_schema(self, path: str, *, infers: bool) -> st.StructType:
        if not infers:
            return _texts(self._header(path))
        found = self._load({**self._csv_options(), "inferSchema": True}, None, [path]).schema
        own = _found_in_text(self._own_columns(found))
        names = header_of(path, self._options) if self._has_header else None
        if names is None or len(names) != len(own.fields):
            return own
        return struct_of({n: f.dataType for n, f in zip(names, own.fields, strict=True)})

    def _several(
        self,
        schemas: Sequence[tuple[str, st.StructType]],
        schema: st.StructType,
        options: Mapping[str, Any],
    ) -> Any:
        """Return files with different columns, those of the same read at once."""
        groups: dict[str, tuple[st.StructType, list[str]]] = {}
        for path, own in schemas:
            groups.setdefault(own.json(), (own, []))[1].append(path)
        folders = [column(name) for name in self._partitions]
        frames = []
        for own, paths in groups.values():
            frame = self._load(options, own, paths)
            frames.append(frame.select(*casts_to(frame, schema), *folders))
        return reduce(lambda whole, frame: whole.unionByName(frame), frames)

    @property
    def _partitions(self) -> list[str]:
        """Return the columns that are names of folders."""
        return list(dict.fromkeys(n for file in self._listing.files for n, _ in file.partition))

    def _own_columns(self, schema: st.StructType) -> st.StructType:
        return st.StructType([f for f in schema.fields if f.name not in self._partitions])

    def _numbered(self, frame: Any) -> Any:
        """Return the frame with the names that columns without a header have on every engine."""
        if self._has_header:
            return frame
        names = [f"column_{name[2:]}" if name.startswith("_c") else name for name in frame.columns]
        return frame.toDF(*names)

    def _rule(self) -> str:
        return getattr(self._source, "schema_evolution", None) or "freeze"

    def _parquet(self) -> Any:
        if any("://" in path for path in self._paths):
            return self._load({"mergeSchema": self._rule() != "freeze"}, None, self._paths)
        schemas = [(path, _footer_schema(path)) for path in self._paths]
        schema, is_same = unify(schemas, self._rule())
        if is_same:
            return self._load({}, None, self._paths)
        return self._several(schemas, schema, {})

    def _json(self, schema: st.StructType | None) -> Any:
        documents = [] if self._form in LINES else [p for p in self._paths if not is_lines(p)]
        lines = [path for path in self._paths if path not in documents]
        groups = [(False, lines), (True, documents)]
        parts = [
            self._load({"multiLine": multiline, "mode": "PERMISSIVE"}, schema, paths)
            for multiline, paths in groups
            if paths
        ]
        whole = parts[0]
        for part in parts[1:]:
            whole = whole.unionByName(part, allowMissingColumns=True)
        if schema is not None:
            return whole
        self._refuse_corrupt(whole)
        return in_order(whole, key_order(self._paths))

    def _refuse_corrupt(self, frame: Any) -> None:
        if "_corrupt_record" in frame.columns:
            raise ReadError(
                f"{self._listing.version.key} has lines that are no JSON",
                hint="mend the file, or declare `schema_definition` on the source",
            )


def cast_columns(frame: Any, schema: st.StructType) -> Any:
    """Return exactly these columns, null where the frame has none."""
    return frame.select(*casts_to(frame, schema))


def casts_to(frame: Any, schema: st.StructType) -> list[Column]:
    """Return these columns of a frame, each cast to its type, null where the frame has none."""
    have = {field.name: field.dataType for field in frame.schema.fields}
    null = st.NullType()
    return [
        cast_to(_column_or_null(f.name, have), have.get(f.name, null), f.dataType).alias(f.name)
        for f in schema.fields
    ]


def _texts(names: Iterable[str]) -> st.StructType:
    return struct_of(dict.fromkeys(names, st.StringType()))


def _column_or_null(name: str, have: Mapping[str, Any]) -> Any:
    return column(name) if name in have else F.lit(None)


def _base(listing: Listing) -> str:
    """Return the folder above the first `key=value` folder."""
    path = Path(next(file.path for file in listing.files if file.partition))
    first = next(i for i, part in enumerate(path.parts) if "=" in part)
    return str(Path(*path.parts[:first]))


def _option(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def _footer_schema(path: str) -> st.StructType:
    try:
        schema = pq.read_schema(path)
    except (OSError, ValueError) as error:
        raise ReadError(f"{path} cannot be read: {error}") from error
    return st.StructType([st.StructField(f.name, spark_type(held_type(f.type))) for f in schema])


def _found_in_text(schema: st.StructType) -> st.StructType:
    """Return the types that CSV columns get: whole numbers are long, times stay text."""
    return st.StructType([st.StructField(f.name, _of_text(f.dataType)) for f in schema.fields])


def _of_text(dtype: st.DataType) -> st.DataType:
    if isinstance(dtype, st.IntegralType):
        return st.LongType()
    if isinstance(dtype, st.DoubleType | st.BooleanType):
        return dtype
    return st.DoubleType() if isinstance(dtype, st.FractionalType) else st.StringType()


def _as_read(schema: st.StructType) -> st.StructType:
    """Return the types in which JSON is read before it is cast: times and numbers as text."""
    return st.StructType([st.StructField(f.name, _as_text(f.dataType)) for f in schema.fields])


def _as_text(dtype: st.DataType) -> st.DataType:
    nested = isinstance(dtype, st.ArrayType | st.StructType | st.MapType)
    return dtype if nested else st.StringType()


_UNDONE = {
    **{name: name for name in ("sep", "quote", "escape", "header", "nullValue", "emptyValue")},
    **{name: name for name in (*_FORMATS.values(), "encoding", "lineSep", "locale")},
    "charToEscapeQuoteEscaping": "charToEscapeQuoteEscaping",
    "charset": "encoding",
    "include_header": "header",
    "line_terminator": "lineSep",
    **TEXT_OPTIONS,
}
"""Options of writers that their readers need, under the names that Spark's have."""
_OF_POLARS = {
    "date_format": ["dateFormat"],
    "datetime_format": ["timestampFormat", "timestampNTZFormat"],
}
"""Formats of Polars' writer, and which those of Spark are."""
_NOTHING = "\0"
"""A null that no text is: with Spark's own, the empty text, an empty text in quotes is null too."""


def scan_written(spark: Any, listing: Listing, form: str, written: Written) -> Any:
    """Return text files that a node wrote, in the types and the order that its columns had."""
    wanted = st.StructType([st.StructField(c.name, parse_type(c.type)) for c in written.columns])
    options = {} if form != "CSV" else {"nullValue": _NOTHING}
    options |= {_UNDONE[n]: v for n, v in written.options.items() if n in _UNDONE}
    for name in _OF_POLARS.keys() & written.options.keys():
        pattern = spark_pattern(written.options[name])
        options |= dict.fromkeys(_OF_POLARS[name], pattern)
    source = FileSource(path=listing.version.key, format=form, read_options=options)
    return _Files(spark, listing, form, source).declared(wanted)
