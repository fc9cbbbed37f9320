"""Files of a format as one lazy frame, whatever small differences their schemas have."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import polars as pl

from laktory_dagster.engines.base import Written
from laktory_dagster.engines.polars.casts import cast_to
from laktory_dagster.engines.polars.drift import FileSchema, unify
from laktory_dagster.engines.polars.paths import exactly
from laktory_dagster.engines.polars.reader_options import TUNING, own_options, take_encoding
from laktory_dagster.engines.polars.schemas import parse_schema
from laktory_dagster.engines.polars.text_content import (
    MARK,
    end_of,
    has_old_line_ends,
    holds_lines,
    is_marked,
    with_newlines,
)
from laktory_dagster.engines.polars.typed_text import known_type, scan_text
from laktory_dagster.engines.storage.listing import Listing, damaged_file
from laktory_dagster.engines.storage.store import open_store
from laktory_dagster.errors import ReadError, TransformError, UnsupportedError
from laktory_dagster.models.sources import AUTO_LOADER, FileSource, SourceOptions

INFER_ROWS = 1_000
WHOLE = 16_000_000
"""Bytes of JSON lines up to which all of them are looked at for columns."""
LINES = ("JSONL", "NDJSON")
_BINARY = ("PARQUET", "IPC", "AVRO")
Cast = Callable[[pl.Expr, pl.DataType, pl.DataType], pl.Expr]
Scan = Callable[[Sequence[str], pl.Schema | None], pl.LazyFrame]


def scan_listing(listing: Listing, form: str, source: SourceOptions) -> pl.LazyFrame:
    """Return the rows of all files lazily; columns of `key=value` folders come last.

    Raises:
        ReadError: a file cannot be read, or the files' schemas differ more than is allowed.
        UnsupportedError: the format is not one of this engine.
    """
    reader = _Reader(listing, form, source)
    if getattr(source, "schema_definition", None) is None and len(listing.files) == 1:
        return _hive(listing, lambda paths: reader.scan(paths, None))
    return scan_stream(listing, form, source, None)[0]


def scan_stream(
    listing: Listing, form: str, source: SourceOptions, known: pl.Schema | None
) -> tuple[pl.LazyFrame, pl.Schema]:
    """Return the rows of files lazily, and the schema of these together with what is `known`."""
    reader = _Reader(listing, form, source)
    declared = getattr(source, "schema_definition", None)
    if declared is not None:
        schema = parse_schema(declared)
        return _hive(listing, lambda paths: reader.declared(paths, schema), schema), schema
    before = [] if known is None else [("what the stream has read before", known)]
    schemas = reader.schemas([file.path for file in listing.files], before)
    rule = getattr(source, "schema_evolution", None) or "freeze"
    unified, is_same = unify(
        schemas, rule, is_json=form in ("JSON", *LINES), is_excel=form == "EXCEL"
    )
    frame = _hive(listing, lambda paths: reader.unified(paths, unified, is_same=is_same))
    return frame, unified


def scan_written(listing: Listing, form: str, written: Written) -> pl.LazyFrame:
    """Return text files that a node wrote, in the types and the order that its columns had."""
    in_folders = {name for file in listing.files for name, _ in file.partition}
    storage = listing.storage_options
    frame = _hive(listing, lambda paths: scan_text(paths, form, written, storage, in_folders))
    if not in_folders or not written.columns:
        return frame
    have = frame.collect_schema()
    wanted = {c.name: known_type(c.type) for c in written.columns if c.name in have}
    return frame.select(
        cast_to(pl.col(name), have[name], kind).alias(name)
        if name in in_folders and kind is not None
        else pl.col(name)
        for name, kind in wanted.items()
    )


def _hive(
    listing: Listing,
    scan: Callable[[Sequence[str]], pl.LazyFrame],
    declared: pl.Schema | None = None,
) -> pl.LazyFrame:
    """Return the scan with the values of partition folders as columns.

    They have the type that is declared for them, else their narrowest one.
    """
    groups: dict[tuple[tuple[str, str | None], ...], list[str]] = {}
    for file in listing.files:
        groups.setdefault(file.partition, []).append(file.path)
    if list(groups) == [()]:
        return scan([file.path for file in listing.files])
    names = list(dict.fromkeys(name for values in groups for name, _ in values))
    types = {name: _narrowest([dict(v).get(name) for v in groups]) for name in names}
    types |= {name: dtype for name, dtype in (declared or {}).items() if name in types}
    frames = []
    for values, paths in groups.items():
        given = dict(values)
        constants = [
            cast_to(pl.lit(given.get(name), pl.String), pl.String(), types[name]).alias(name)
            for name in names
        ]
        frames.append(scan(paths).with_columns(constants))
    return pl.concat(frames, how="vertical")


def _narrowest(values: Sequence[str | None]) -> pl.DataType:
    series = pl.Series([value for value in values if value is not None], dtype=pl.String)
    if series.is_empty():
        return pl.String()
    is_whole = series.str.contains(r"^-?(0|[1-9][0-9]*)$").all()
    if is_whole and series.cast(pl.Int64, strict=False).null_count() == 0:
        return pl.Int64()
    is_dated = series.str.contains(r"^\d{4}-\d{2}-\d{2}$").all()
    if is_dated and series.str.to_date("%Y-%m-%d", strict=False).null_count() == 0:
        return pl.Date()
    return pl.String()


class _Reader:
    """Reads files of one format with the options of one source."""

    def __init__(self, listing: Listing, form: str, source: SourceOptions) -> None:
        self._storage = listing.storage_options or None
        self._form = form
        self._source = source
        self._place = listing.version.key
        given: dict[str, Any] = getattr(source, "reader_settings", {})
        wanted = {
            name: value
            for name, value in given.items()
            if name not in TUNING and not name.startswith(AUTO_LOADER)
        }
        self._options = own_options(wanted, form)
        self._encoding = take_encoding(self._options, form)

    def scan(self, paths: Sequence[str], schema: pl.Schema | None) -> pl.LazyFrame:
        """Return files of equal schema in one scan."""
        form = self._form
        if form == "JSON":
            return self._json(paths, schema)
        scans: Mapping[str, Scan] = {
            "CSV": self._csv,
            "JSONL": self._lines,
            "NDJSON": self._lines,
            "PARQUET": self._parquet,
            "IPC": self._ipc,
            "AVRO": self._eager,
            "EXCEL": self._eager,
        }
        if form not in scans:
            raise UnsupportedError(
                f"the Polars engine does not read {form}",
                expected=f"one of JSON, DELTA, {', '.join(scans)}",
                hint="read it on Spark (`dataframe_type: SPARK`)",
            )
        if form not in _BINARY:
            return scans[form](paths, schema)
        try:
            frame = scans[form](paths, schema)
            frame.collect_schema()
        except pl.exceptions.ComputeError as error:
            raise damaged_file(paths[0], _first_line(error), form) from error
        return frame

    def schema(self, path: str) -> pl.Schema:
        """Return one file's schema. Raises ReadError with the file's name."""
        try:
            return self.scan([path], None).collect_schema()
        except (pl.exceptions.PolarsError, OSError, ValueError) as error:
            raise ReadError(f"{path} cannot be read: {_first_line(error)}") from error

    def schemas(self, paths: Sequence[str], before: Sequence[FileSchema]) -> list[FileSchema]:
        """Return the schemas of files behind those of others.

        A column without any value shows no type: it is text only where no other file has more.
        """
        found = [*before, *((path, self.schema(path)) for path in paths)]
        if self._form not in ("CSV", "EXCEL"):
            return found
        typed = {name for _, schema in found for name, t in schema.items() if t != pl.String()}
        for place, (path, schema) in enumerate(found[len(before) :], len(before)):
            texts = [name for name in schema if name in typed and schema[name] == pl.String()]
            if texts:
                nulls = self.scan([path], None).select(pl.col(texts).is_null().all()).collect()
                empty = {name: pl.Null() for name in texts if nulls[name].item()}
                found[place] = (path, pl.Schema({**schema, **empty}))
        return found

    def unified(self, paths: Sequence[str], schema: pl.Schema, *, is_same: bool) -> pl.LazyFrame:
        """Return files whose schemas fit into one."""
        if is_same and self._form not in ("AVRO", "EXCEL"):
            return self.scan(paths, schema if self._form in ("JSON", *LINES) else None)
        if self._form in LINES:
            return self._lines(paths, schema)
        frames = [self._filled(self.scan([path], None), schema, _strict_cast) for path in paths]
        return pl.concat(frames, how="vertical")

    def declared(self, paths: Sequence[str], schema: pl.Schema) -> pl.LazyFrame:
        """Return exactly the declared columns; a value that does not fit its type is null."""
        if self._form == "CSV":
            texts = pl.Schema(dict.fromkeys(schema, pl.String()))
            return self._filled(self._csv(paths, texts), schema, cast_to)
        if self._form in LINES or (self._form == "JSON" and self._all_lines(paths)):
            # Polars knows no small integers here, and reads no `"7"` as a number.
            texts = pl.Schema({name: _as_text(dtype) for name, dtype in schema.items()})
            options = {**self._options, "ignore_errors": True}
            frame = pl.scan_ndjson(
                self._line_sources(paths), schema=texts, storage_options=self._storage, **options
            )
            return self._filled(frame, schema, cast_to)
        frames = [self._filled(self.scan([path], None), schema, cast_to) for path in paths]
        return pl.concat(frames, how="vertical")

    def _filled(self, frame: pl.LazyFrame, schema: pl.Schema, cast: Cast) -> pl.LazyFrame:
        """Return exactly the columns of a schema; those the frame lacks are null in every row."""
        have = frame.collect_schema()
        if not have:
            # Polars counts the rows of no columns only here, and a `select` of constants gives one.
            return pl.DataFrame(schema=schema).clear(frame.collect().height).lazy()
        missing = [pl.lit(None, schema[name]).alias(name) for name in schema if name not in have]
        casts = [self._cast(n, have[n], schema[n], cast) for n in schema if n in have]
        return frame.with_columns(*missing, *casts).select(schema.names())

    def _cast(self, name: str, have: pl.DataType, want: pl.DataType, cast: Cast) -> pl.Expr:
        column = pl.col(name)
        try:
            if self._form == "JSON" and cast is cast_to:
                return _json_cast(column, have, want).alias(name)
            return cast(column, have, want).alias(name)
        except TransformError as error:
            if self._form == "JSON":
                return pl.lit(None, want).alias(name)
            where = f"{self._place}: the column `{name}`"
            raise ReadError(f"{where}: {error.message}", hint=error.hint) from error

    def _infer(self) -> dict[str, Any]:
        infer = getattr(self._source, "infer_schema", None)
        if "infer_schema_length" in self._options:
            return {}
        return {"infer_schema_length": None if infer is True else INFER_ROWS}

    def _csv(self, paths: Sequence[str], schema: pl.Schema | None) -> pl.LazyFrame:
        source = self._source
        options: dict[str, Any] = {**self._infer(), **self._options}
        if isinstance(source, FileSource):
            options.setdefault("has_header", source.header)
            if source.infer_schema is False:
                options["infer_schema"] = False
        if not {"schema", "new_columns", "with_column_names"} & set(options) and schema is None:
            options |= {} if options.get("has_header", True) else {"with_column_names": _numbered}
        if schema is not None:
            options.pop("infer_schema_length", None)
            options |= {
                "schema": schema,
                "missing_columns": "insert",
                "extra_columns": "ignore",
            }
        return pl.scan_csv(self._text_sources(paths), storage_options=self._storage, **options)

    def _lines(self, paths: Sequence[str], schema: pl.Schema | None) -> pl.LazyFrame:
        if schema is None and "infer_schema_length" not in self._options:
            schema = self._line_columns(paths[0])
        sources = self._line_sources(paths)
        return pl.scan_ndjson(
            sources, schema=schema, storage_options=self._storage, **self._options
        )

    def _line_columns(self, path: str) -> pl.Schema:
        """Return the columns of JSON lines, of which a later one may have more than the first.

        All lines of a local file count up to a size, else the first and the last ones.
        """
        is_local = "://" not in path
        is_zipped = path.endswith(".gz")
        size = Path(path).stat().st_size * (10 if is_zipped else 1) if is_local else WHOLE + 1
        infers = {**self._infer(), **({"infer_schema_length": None} if size <= WHOLE else {})}
        sources = self._line_sources([path])
        options = {**self._options, **infers, "storage_options": self._storage}
        first = pl.scan_ndjson(sources, **options).collect_schema()
        if infers["infer_schema_length"] is None or is_zipped or not is_local:
            return first
        options["infer_schema_length"] = None
        last = pl.scan_ndjson(io.BytesIO(end_of(path)), **options).collect_schema()
        return unify([(path, first), (path, last)], "add", is_json=True)[0]

    def _line_sources(self, paths: Sequence[str]) -> list[str] | list[IO[bytes]]:
        """Return the files, or their contents where one starts with a byte order mark.

        Polars reads no JSON lines behind such a mark, and takes either files or contents.
        """
        if self._encoding or any("://" not in path and is_marked(path) for path in paths):
            return self._opened(paths)
        return exactly(paths)

    def _text_sources(self, paths: Sequence[str]) -> list[str] | list[IO[bytes]]:
        """Return the files of CSV, or their contents where Polars does not read them as they are.

        Of lines that end in a carriage return alone it makes one, and no row.
        """
        local = [path for path in paths if "://" not in path]
        if self._encoding is None and (
            "eol_char" in self._options or not any(map(has_old_line_ends, local))
        ):
            return exactly(paths)
        contents = (with_newlines(self._content(path)) for path in paths)
        opened: list[IO[bytes]] = [io.BytesIO(content) for content in contents]
        return opened

    def _opened(self, paths: Sequence[str]) -> list[IO[bytes]]:
        return [io.BytesIO(self._content(path).removeprefix(MARK)) for path in paths]

    def _parquet(self, paths: Sequence[str], schema: pl.Schema | None) -> pl.LazyFrame:
        return pl.scan_parquet(
            exactly(paths),
            schema=schema,
            storage_options=self._storage,
            hive_partitioning=False,
            **self._options,
        )

    def _ipc(self, paths: Sequence[str], _: pl.Schema | None) -> pl.LazyFrame:
        return pl.scan_ipc(exactly(paths), storage_options=self._storage, **self._options)

    def _eager(self, paths: Sequence[str], _: pl.Schema | None) -> pl.LazyFrame:
        frames = []
        for path in paths:
            content = io.BytesIO(self._content(path))
            if self._form == "AVRO":
                frames.append(pl.read_avro(content, **self._options))
            else:
                frames.append(self._excel(path, content))
        return pl.concat(frames, how="vertical").lazy()

    def _excel(self, path: str, content: io.BytesIO) -> pl.DataFrame:
        try:
            frame: Any = pl.read_excel(content, **self._options)
        except TypeError:
            raise
        except Exception as error:
            # The reader's own library raises errors of its own.
            problem = f"the file is no Excel workbook: {_first_line(error)}"
            if "sheet" in problem:
                raise ReadError(f"{path}: {_first_line(error)}") from error
            raise damaged_file(path, problem, "EXCEL") from error
        if not isinstance(frame, pl.DataFrame):
            raise ReadError(
                f"{path}: the options name {len(frame)} sheets",
                expected="one sheet by `sheet_name` or `sheet_id`",
            )
        return frame

    def _content(self, path: str) -> bytes:
        if "://" in path:
            parent, _, name = path.rpartition("/")
            content = open_store(parent, self._storage or {}).read(name) or b""
        else:
            content = Path(path).read_bytes()
        content = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
        if self._encoding is None:
            return content
        try:
            return content.decode(self._encoding).encode()
        except UnicodeError as error:
            raise damaged_file(path, f"the file is not in {self._encoding}", self._form) from error

    def _json(self, paths: Sequence[str], schema: pl.Schema | None) -> pl.LazyFrame:
        lines = [path for path in paths if self._holds_lines(path)]
        frames = [self._lines(lines, schema)] if lines else []
        frames += [self._document(path, schema) for path in paths if path not in lines]
        return frames[0] if len(frames) == 1 else pl.concat(frames, how="diagonal")

    def _document(self, path: str, schema: pl.Schema | None) -> pl.LazyFrame:
        try:
            frame = pl.read_json(self._content(path), infer_schema_length=None)
        except pl.exceptions.PolarsError as error:
            problem = f"the file is no JSON: {_first_line(error)}"
            raise damaged_file(path, problem, "JSON") from error
        return frame.lazy() if schema is None else self._filled(frame.lazy(), schema, cast_to)

    def _all_lines(self, paths: Sequence[str]) -> bool:
        return all(self._holds_lines(path) for path in paths)

    def _holds_lines(self, path: str) -> bool:
        """Return whether a JSON file has a document per line, rather than an array or one.

        The file decides, not `multiline`, whose meaning differs between the reference's engines.
        """
        return holds_lines(self._first_bytes(path))

    def _first_bytes(self, path: str) -> bytes:
        if "://" in path or self._encoding is not None:
            return self._content(path)[:1_000_000]
        opener = gzip.open if path.endswith(".gz") else open
        with opener(path, "rb") as file:
            first = b""
            while not first.strip():
                line = file.readline(16_000_000)
                if not line:
                    break
                first = line
        return bytes(first)


def _strict_cast(value: pl.Expr, _: pl.DataType, want: pl.DataType) -> pl.Expr:
    return value.cast(want)


def _as_text(dtype: Any) -> pl.DataType:
    """Return a type with all that is not nested as text."""
    if isinstance(dtype, pl.List):
        return pl.List(_as_text(dtype.inner))
    if isinstance(dtype, pl.Struct):
        return pl.Struct({field.name: _as_text(field.dtype) for field in dtype.fields})
    return pl.String()


def _json_cast(value: pl.Expr, have: pl.DataType, want: pl.DataType) -> pl.Expr:
    """Return values of a document as the texts of lines are cast: nothing nested, cut or counted."""
    if have.is_nested() and want == pl.String():
        text = pl.struct(value.alias("v")).struct.json_encode()
        return pl.when(value.is_not_null()).then(text.str.slice(5, text.str.len_chars() - 6))
    if have == pl.Boolean() and want.is_numeric():
        return pl.lit(None, want)
    if have.is_float() and want.is_integer():
        value = pl.when(value == value.round()).then(value)
    return cast_to(value, have, want)


def _numbered(names: list[str]) -> list[str]:
    """Return the names of columns without a header; versions of Polars count from 0 or from 1."""
    return [f"column_{number}" for number in range(1, len(names) + 1)]


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
