"""Where the data of a plan lies: names and paths turned into places.

Names never become parts of a path unescaped, and nothing lies outside of the plan's data roots.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from laktory_dagster.errors import InvalidInputError, SettingsError
from laktory_dagster.models.place import Place
from laktory_dagster.models.sinks import FileSink, SinkOptions, TableSink
from laktory_dagster.models.sources import TableSource
from laktory_dagster.plan.definition import Plan

DEFAULT_CATALOG = "main"
DEFAULT_SCHEMA = "default"
DEFAULT_WAREHOUSE = "warehouse"
_FLAT_FORMATS = ("CSV", "EXCEL", "TEXT")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_DATA_SUFFIX = re.compile(
    r"(\.(?:avro|csv|tsv|json|jsonl|ndjson|parquet|ipc|arrow|feather|xlsx|orc|txt|xml)"
    r"(?:\.(?:gz|zst|bz2))?)\Z",
    re.IGNORECASE,
)


def warehouse_root(plan: Plan, override: str | None = None) -> str:
    """Return the root folder of tables: `override`, else the plan's, the YAML's, or the default.

    A relative override starts at the working directory, as on a command line; a relative path of
    the declaration at the pipeline file's folder.

    Raises:
        SettingsError: it lies outside of the data roots.
    """
    if override:
        root = _absolute(override, Path.cwd())
    else:
        named = plan.warehouse or plan.pipeline.warehouse or DEFAULT_WAREHOUSE
        root = _absolute(named, plan.folder)
    return _confined(root, plan)


def file_place(plan: Plan, path: str, storage_options: Mapping[str, str] | None = None) -> Place:
    """Return the place of a file, folder or glob of the declaration.

    Raises:
        InvalidInputError: the path is empty or holds a NUL character.
        SettingsError: it lies outside of the data roots, or is a URL without a bucket.
    """
    if not path.strip() or "\x00" in path:
        raise InvalidInputError("a path is empty or holds a NUL character")
    return Place(_confined(_absolute(path, plan.folder), plan), dict(storage_options or {}))


def table_parts(plan: Plan, table: TableSource | TableSink) -> tuple[str, str, str]:
    """Return catalog, schema and name of a table, with the plan's catalog and schema prefix."""
    catalog, schema, name = _named_parts(plan, table)
    return catalog or DEFAULT_CATALOG, schema or plan.schema_prefix + DEFAULT_SCHEMA, name


def _named_parts(plan: Plan, table: TableSource | TableSink) -> tuple[str | None, str | None, str]:
    """Return catalog, schema and name as far as file, plan and environment say them."""
    *above, name = table.table_name.split(".")
    schema = above[-1] if above else table.schema_name
    catalog = above[0] if len(above) == 2 else table.catalog_name
    if schema is None and plan.schema_prefix:
        schema = DEFAULT_SCHEMA
    return catalog or plan.catalog, plan.schema_prefix + schema if schema else None, name


def table_name(plan: Plan, table: TableSource | TableSink) -> str:
    """Return `catalog.schema.table`: one name however much of it was written.

    Where the session has the tables, it is no more than is said.
    """
    if not plan.session_has_tables:
        return ".".join(table_parts(plan, table))
    catalog, schema, name = _named_parts(plan, table)
    # A catalog without a schema would be read as a schema.
    schema = DEFAULT_SCHEMA if catalog and not schema else schema
    return ".".join(part for part in (catalog, schema, name) if part)


def table_place(plan: Plan, table: TableSource | TableSink, warehouse: str) -> Place:
    """Return the folder of a table: `<warehouse>/<catalog>/<schema>/<table>`.

    Where the session has the tables, the place has the name as well.
    """
    folders = "/".join(path_part(part) for part in table_parts(plan, table))
    name = table_name(plan, table) if plan.session_has_tables else None
    return Place(f"{warehouse.rstrip('/')}/{folders}", table=name)


def sink_place(plan: Plan, sink: SinkOptions, warehouse: str) -> Place:
    """Return the place of a sink: a table's own `path`, or where its name lies.

    Raises:
        InvalidInputError: it is a view, which has no place.
    """
    if isinstance(sink, FileSink):
        return file_place(plan, sink.path, sink.storage_options)
    if isinstance(sink, TableSink):
        # As Spark does with the option `path`: an external table.
        path = sink.writer_settings.get("path")
        return (
            file_place(plan, path) if isinstance(path, str) else table_place(plan, sink, warehouse)
        )
    raise InvalidInputError("a view stores nothing and lies nowhere")


def sink_format(sink: SinkOptions) -> str:
    """Return the format in which a sink stores its rows."""
    return str(getattr(sink, "format", "DELTA"))


def quarantine_of(place: Place, form: str) -> tuple[Place, str]:
    """Return where the rejected rows of a target go, and in which format.

    It is `<target>_quarantine`, before the suffix, in the target's format; JSON where that format
    has no place for the list of failed rules.
    """
    uri = place.uri.rstrip("/")
    suffix = _DATA_SUFFIX.search(uri)
    ending = suffix.group(1) if suffix else ""
    base = uri.removesuffix(ending)
    if form in _FLAT_FORMATS:
        ending, form = ".json" if ending else "", "JSON"
    table = f"{place.table}_quarantine" if place.table else None
    return Place(f"{base}_quarantine{ending}", place.storage_options, table), form


def has_file_suffix(path: str) -> bool:
    """Return whether a path ends as a data file does (`.csv`, `.json.gz`)."""
    return _DATA_SUFFIX.search(path) is not None


def path_part(name: str) -> str:
    """Return a name as one part of a path, whatever is in it.

    Letters, digits, `_`, `-`, blanks and inner dots stay; anything else is percent-encoded.
    """
    part = quote(name, safe=" ", errors="surrogatepass")
    if part.strip(".") == "" or part.startswith("."):
        part = part.replace(".", "%2E", 1)
    return part.replace("~", "%7E")


def _absolute(path: str, folder: Path) -> str:
    if path.startswith("file://"):
        path = unquote(urlsplit(path).path)
    scheme = _SCHEME.match(path)
    if scheme is not None and not path[scheme.end() :].strip("/"):
        raise SettingsError(f"`{path}` names no bucket", expected=f"{scheme.group()}bucket/path")
    if scheme is not None:
        return path.rstrip("/")
    if path == "~" or path.startswith("~/"):
        path = str(Path(path).expanduser())
    return os.path.normpath(folder.absolute() / path)


def _confined(uri: str, plan: Plan) -> str:
    if plan.data_roots and not any(_is_below(uri, root) for root in plan.data_roots):
        raise SettingsError(
            f"{uri} lies outside of the data roots",
            expected=f"a place below {' or '.join(plan.data_roots)}",
            hint="move the data, or add its root to LAKTORY_DAGSTER_DATA_ROOTS",
        )
    return uri


def _is_below(uri: str, root: str) -> bool:
    root = root.rstrip("/")
    if _SCHEME.match(uri) or _SCHEME.match(root):
        steps = unquote(uri).split("/")
        return ".." not in steps and (uri == root or uri.startswith(f"{root}/"))
    # A symbolic link that leads out of the root is outside.
    return Path(uri).resolve().is_relative_to(Path(root).resolve())
