"""What tests of streams share: files that arrive, and a pipeline that reads only the new ones."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
from deltalake import DeltaTable

from laktory_dagster import models

Row = Mapping[str, Any]


@dataclass
class Feed:
    """A folder into which files come, a node that reads it as a stream, and the node's table."""

    engine: str
    folder: Path
    source: Mapping[str, Any] = field(default_factory=dict)
    sink: Mapping[str, Any] = field(default_factory=lambda: {"table_name": "out"})
    node: Mapping[str, Any] = field(default_factory=dict)
    more: tuple[Mapping[str, Any], ...] = ()

    @property
    def landing(self) -> Path:
        folder = self.folder / "landing"
        folder.mkdir(exist_ok=True)
        return folder

    @property
    def table(self) -> Path:
        return self.folder / "lake/main/default/out"

    @property
    def checkpoint(self) -> Path:
        return self.table / "_laktory/checkpoint"

    def drop(self, name: str, *rows: Row) -> None:
        """Put a file of JSON lines, as a whole, into the folder."""
        text = "".join(f"{json.dumps(row)}\n" for row in rows)
        hidden = self.folder / f"{name}.tmp"
        hidden.write_text(text)
        hidden.rename(self.landing / f"{name}.jsonl")

    def declared(self) -> models.Pipeline:
        source = {"path": str(self.landing), "format": "JSONL", "as_stream": True, **self.source}
        node = {"name": "out", "source": source, "sinks": [dict(self.sink)], **self.node}
        return models.Pipeline(
            name="p",
            warehouse=str(self.folder / "lake"),
            dataframe_type=self.engine.upper(),
            nodes=[node, *self.more],
        )

    def run(self, **options: Any) -> Any:
        """Run the pipeline and return the result of the stream's node."""
        with self.declared() as pipeline:
            return pipeline.execute(**options)["out"]

    def rows(self, name: str = "out") -> list[dict[str, Any]]:
        """Return the rows of a table, read by another tool, in the order of their text."""
        table = DeltaTable(str(self.folder / "lake/main/default" / name)).to_pyarrow_table()
        return in_order(pl.DataFrame(table).to_dicts())


def in_order(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Return rows in an order of their own."""
    return sorted((dict(row) for row in rows), key=str)
