"""Optional libraries, imported by name with advice where they are missing."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

from laktory_dagster.errors import MissingDependencyError

_EXTRAS = {
    "polars": "polars",
    "deltalake": "polars",
    "fastexcel": "polars",
    "xlsxwriter": "polars",
    "dagster": "dagster",
    "dagster_pyspark": "spark",
    "dagster_webserver": "ui",
    "watchfiles": "ui",
    "pyspark": "spark",
    "delta": "spark",
    "databricks": "databricks",
}


def require(module: str) -> ModuleType:
    """Return the imported module.

    Raises:
        MissingDependencyError: it is not installed; the message names the extra that brings it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        root = module.split(".", maxsplit=1)[0]
        if error.name is not None and error.name.split(".")[0] != root:
            raise
        raise MissingDependencyError.for_module(root, _EXTRAS.get(root, "all")) from error


def is_installed(module: str) -> bool:
    """Return whether a library is there, without importing it."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False
