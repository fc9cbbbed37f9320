"""Names in Dagster: asset keys of nodes, and names that Dagster accepts."""

from __future__ import annotations

import re
from typing import Any

import dagster as dg
from dagster._core.definitions.utils import DISALLOWED_NAMES

from laktory_dagster.errors import SettingsError

SPARK = "spark"
"""Key of the resource that holds the Spark session of a run."""
IO_MANAGER = "laktory"
NO_ASSET = "laktory_no_asset"
"""Key of the IO manager of users' assets that are not there."""


def folded(name: str) -> str:
    """Return a name with everything that Dagster refuses in ops, groups and checks as `_`."""
    return re.sub(r"[^A-Za-z0-9_]", "_", name)


def asset_key(name: str) -> dg.AssetKey:
    """Return the default asset key of `pipeline.node`: `[pipeline, node]`.

    `pipeline/node` is the same, for a pipeline that has a dot in its own name.

    Raises:
        SettingsError: it is of neither form.
    """
    pipeline, _, node = name.partition("/" if "/" in name else ".")
    if not (pipeline and node) or "/" in node:
        raise SettingsError(f"`{name}` is no node", expected="`pipeline.node`")
    return dg.AssetKey([pipeline, node])


def node_input(name: str, **options: Any) -> dg.AssetIn:
    """Return the input of a user's asset that takes the rows of a node.

    The parameter gets a lazy frame of the engine (`pl.LazyFrame` on Polars), or a frame in memory
    where it is annotated with one.

    Args:
        name: `pipeline.node`, or `pipeline/node`.
        options: further options of `dagster.AssetIn`.
    """
    return dg.AssetIn(key=asset_key(name), input_manager_key=IO_MANAGER, **options)


def job_name(pipeline: str) -> str:
    """Return the name of a pipeline's job: its own, with `_` after a word that Dagster reserves.

    So has `config_`, which would else share its job with `config`.
    """
    name = folded(pipeline)
    return f"{name}_" if name.rstrip("_") in DISALLOWED_NAMES else name


def op_name(pipeline: str, part: str) -> str:
    """Return the name of an op of a pipeline: of a node, or of `all` or `sources` together."""
    return f"{folded(pipeline)}__{folded(part)}"


def file_key(path: str) -> dg.AssetKey:
    """Return the key of external files: `["files", slug of the path]`."""
    slug = re.sub(r"[^A-Za-z0-9_]+", "_", path).strip("_") or "root"
    return dg.AssetKey(["files", slug])
