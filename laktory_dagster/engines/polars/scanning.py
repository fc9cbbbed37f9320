"""Reading back what this engine has just written, exactly those files and nothing else."""

from __future__ import annotations

import io
from collections.abc import Sequence

import polars as pl

from laktory_dagster.engines.base import Written
from laktory_dagster.engines.polars.paths import exactly
from laktory_dagster.engines.polars.typed_text import scan_text
from laktory_dagster.engines.storage.layout import Layout
from laktory_dagster.engines.storage.receipts import TEXT


def scan_files(
    layout: Layout, form: str, names: Sequence[str], written: Written | None = None
) -> pl.LazyFrame | None:
    """Return the rows of files of one format lazily; None where no file holds anything.

    JSON lines without rows are files without a byte, which say nothing about columns. Text comes
    back in the types that `written` names.
    """
    names = [name for name in names if layout.store.size(name)]
    if not names:
        return None
    paths = [layout.store.url(name) for name in names]
    options = layout.store.storage_options or None
    if form == "PARQUET":
        base = layout.uri if any("=" in name.rpartition("/")[0] for name in names) else None
        return pl.scan_parquet(
            exactly(paths),
            storage_options=options,
            hive_partitioning=base is not None,
            missing_columns="insert",
        )
    if form in TEXT:
        return scan_text(paths, form, written or Written(), options)
    if form == "IPC":
        return pl.scan_ipc(exactly(paths), storage_options=options)
    contents = (layout.store.read(name) or b"" for name in names)
    frames = [_read(form, io.BytesIO(content)) for content in contents]
    return pl.concat(frames, how="diagonal").lazy()


def _read(form: str, content: io.BytesIO) -> pl.DataFrame:
    return pl.read_avro(content) if form == "AVRO" else pl.read_excel(content)
