"""Engines by name, loaded by string: the only way to reach one."""

from __future__ import annotations

import importlib
from typing import Any

from laktory_dagster._optional import require
from laktory_dagster.engines.base import Engine
from laktory_dagster.errors import UnsupportedError

_ENGINES = {
    "polars": (
        "laktory_dagster.engines.polars.engine",
        "PolarsEngine",
        ("polars", "deltalake", "pyarrow"),
    ),
    "spark": (
        "laktory_dagster.engines.spark.engine",
        "SparkEngine",
        ("pyspark", "pyarrow"),
    ),
}


def engine_of(frame: Any) -> str | None:
    """Return the engine whose library made a frame, None for a frame of another library."""
    library = type(frame).__module__.partition(".")[0]
    return next(
        (name for name, (*_, libraries) in _ENGINES.items() if library == libraries[0]), None
    )


def open_engine(name: str, **options: Any) -> Engine:
    """Return a new engine. The caller closes it.

    Raises:
        UnsupportedError: no engine has this name.
        MissingDependencyError: its library is not installed.
    """
    if name not in _ENGINES:
        raise UnsupportedError(
            f"the engine `{name}` is not there yet",
            expected=f"one of {', '.join(_ENGINES)}",
            hint="set `dataframe_type: POLARS`, or leave it out: Polars is the default",
        )
    module, class_name, libraries = _ENGINES[name]
    for library in libraries:
        require(library)
    engine: Engine = getattr(importlib.import_module(module), class_name)(**options)
    return engine
