"""Lakehouse pipelines declared in YAML, run as Dagster assets on Polars or Spark.

The public names are loaded on first use, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from laktory_dagster import _optional

if TYPE_CHECKING:
    from laktory_dagster import api, models
    from laktory_dagster.dagster.component import LaktoryPipelineComponent
    from laktory_dagster.dagster.definitions import build_definitions
    from laktory_dagster.dagster.keys import asset_key, node_input
    from laktory_dagster.dagster.spark import SparkResource
    from laktory_dagster.dagster.translator import LaktoryTranslator
    from laktory_dagster.project import load_project

__version__ = "0.1.0"

_PUBLIC = {
    "asset_key": "laktory_dagster.dagster.keys",
    "node_input": "laktory_dagster.dagster.keys",
    "build_definitions": "laktory_dagster.dagster.definitions",
    "LaktoryTranslator": "laktory_dagster.dagster.translator",
    "SparkResource": "laktory_dagster.dagster.spark",
    "LaktoryPipelineComponent": "laktory_dagster.dagster.component",
    "load_project": "laktory_dagster.project",
}

_NEEDS = {
    "asset_key": "dagster",
    "node_input": "dagster",
    "build_definitions": "dagster",
    "LaktoryTranslator": "dagster",
    "LaktoryPipelineComponent": "dagster",
    "SparkResource": "dagster_pyspark",
}

__all__ = [
    "LaktoryPipelineComponent",
    "LaktoryTranslator",
    "SparkResource",
    "__version__",
    "api",
    "asset_key",
    "build_definitions",
    "load_project",
    "models",
    "node_input",
]


def __getattr__(name: str) -> Any:
    """Return a public name, importing the module that holds it."""
    if name in ("api", "models"):
        return importlib.import_module(f"laktory_dagster.{name}")
    if name in _PUBLIC:
        if name in _NEEDS:
            _optional.require(_NEEDS[name])
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names that can be loaded here; `dg` loads all of them to find components."""
    return sorted(n for n in __all__ if n not in _NEEDS or _optional.is_installed(_NEEDS[n]))
