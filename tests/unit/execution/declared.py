"""Pipelines of the tests of runs: declared as text, run in this process, looked at by other tools."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from laktory_dagster import models
from laktory_dagster.errors import RunFailedError
from laktory_dagster.execution.results import NodeResult

Row = Mapping[str, Any]


def declared(folder: Path, nodes: str, head: str = "") -> models.Pipeline:
    """Return the pipeline `p` of these nodes, from a file in the folder; `head` goes before them."""
    body = textwrap.dedent(nodes).strip("\n")
    file = folder / "p.yaml"
    file.write_text(f"name: p\n{textwrap.dedent(head)}\nnodes:\n{body}\n")
    with file.open() as opened:
        return models.Pipeline.model_validate_yaml(opened)


def give(folder: Path, *rows: Row, name: str = "in.jsonl") -> None:
    """Write rows as JSON lines into the folder."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def ids(*values: int) -> list[Row]:
    return [{"id": value} for value in values]


def failed(pipeline: models.Pipeline, **options: Any) -> RunFailedError:
    """Run a pipeline of which some nodes have to fail, and return the error."""
    try:
        pipeline.execute(**options)
    except RunFailedError as error:
        return error
    raise AssertionError("the run succeeded")


def statuses(results: Mapping[str, NodeResult]) -> dict[str, str]:
    return {name: result.status.value for name, result in results.items()}


def table(folder: Path, name: str, warehouse: str = "warehouse") -> pl.DataFrame | None:
    """Return a table of the warehouse, None where there is none."""
    place = folder / warehouse / "main/default" / name
    return pl.read_delta(str(place)) if (place / "_delta_log").is_dir() else None


def stored(folder: Path, name: str, column: str = "id") -> list[Any] | None:
    """Return the sorted values of a column of a table, None where there is no table."""
    found = table(folder, name)
    return None if found is None else sorted(found[column].to_list())


def values(frame: Any, column: str = "id") -> list[Any]:
    """Return the sorted values of a column of a lazy frame."""
    return sorted(frame.collect()[column].to_list())


def files(folder: Path) -> dict[str, bytes]:
    """Return all files below a folder with what they hold."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def duck(rows: Iterable[Row], query: str) -> list[tuple[Any, ...]]:
    """Return what DuckDB makes of rows, which its query names `rows`."""
    rows = pl.DataFrame(list(rows)).to_arrow()
    return duckdb.sql(query).fetchall()
