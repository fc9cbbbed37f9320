"""What tests of reading on Polars share: files put into a folder, and the rows of a source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl

from laktory_dagster.engines.registry import open_engine
from tests.engines.test_read_files import read

Content = bytes | str | Callable[[Path], Any]


def put(folder: Path, files: Mapping[str, Content]) -> Path:
    """Write files by their names below a folder; a function writes its file itself."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if callable(content):
            content(path)
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def frame_of(path: Path | str, form: str, **options: Any) -> pl.DataFrame:
    """Return the rows of a source on Polars, in its order."""
    with closing(open_engine("polars")) as engine:
        found: pl.DataFrame = read(engine, path, form, **options).frame.collect()
    return found


def rows_at(path: Path | str, form: str, **options: Any) -> list[dict[str, Any]]:
    """Return the rows of a source on Polars as mappings."""
    return frame_of(path, form, **options).to_dicts()


def set_aside(
    path: Path | str, form: str, **options: Any
) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the rows of the files that can be read, and the names of those that cannot."""
    with closing(open_engine("polars")) as engine:
        result = read(engine, path, form, bad_files="quarantine", **options)
        return result.frame.collect().to_dicts(), [Path(name).name for name in result.bad_files]
