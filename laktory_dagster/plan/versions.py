"""Versions of code: hashes of what changes a node's result, and of a plan as a whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel

from laktory_dagster.models import PipelineNode
from laktory_dagster.models.sinks import SinkOptions
from laktory_dagster.models.sources import SourceOptions
from laktory_dagster.models.transformer import SqlStep, StepOptions
from laktory_dagster.plan.definition import LayerSteps, Plan

_NODE_PARTS = ("sources", "transformer", "expectations", "primary_keys", "timestamp_key", "sinks")
# What describes, schedules or authenticates changes no row.
_NO_RESULT = frozenset(
    {
        "storage_options", "metadata", "databricks_data_profiling_config", "warehouse",
        "dataframe_api", "checkpoint_location", "schema_location", "broadcast", "reset_mode", "unit",
        # A source, a step and a sink can only repeat the node's engine, which counts by itself.
        "dataframe_type", "polars", "spark",
    }
)  # fmt: skip
# What only says again what the other keys say, or names a step for people.
_LABELS: Mapping[type[BaseModel], frozenset[str]] = {
    SourceOptions: frozenset({"type"}),
    SinkOptions: frozenset({"type"}),
    SqlStep: frozenset({"type"}),
    StepOptions: frozenset({"name"}),
}


def code_version(
    node: PipelineNode,
    *,
    engine: str,
    dialect: str,
    layer: LayerSteps,
    functions: Mapping[str, str],
) -> str:
    """Return a hash of all that changes the node's result, 32 hexadecimal digits.

    Args:
        node: the declaration; its name, description and tags do not count.
        engine: name of the engine.
        dialect: SQL dialect of its strings.
        layer: its layer steps, which stand for the layer's options.
        functions: the project's functions that it calls, each with the hash of its module.
    """
    parts: dict[str, Any] = {name: _plain(getattr(node, name)) for name in _NODE_PARTS}
    parts |= {"engine": engine, "dialect": dialect, "functions": sorted(functions.items())}
    parts["layer"] = [
        layer.layer, layer.time_expression, layer.drop_source_columns,
        sorted(layer.produced or ()), layer.dedupe, layer.dedupe_subset, layer.dedupe_order,
        layer.keep, layer.stamp, layer.reference_order,
    ]  # fmt: skip
    return _digest(parts)


def plan_hash(plan: Plan) -> str:
    """Return a hash of a plan: of its nodes' versions, its edges, and where its tables lie."""
    nodes = [(node.name, node.code_version) for node in plan.nodes.values()]
    edges = [(edge.upstream, edge.downstream, edge.kind.value) for edge in plan.edges]
    return _digest([plan.name, nodes, edges, plan.catalog, plan.schema_prefix])


def _plain(value: Any) -> Any:
    """Return plain data of a declaration: what was set, under its canonical names."""
    if isinstance(value, BaseModel):
        defaults = _counted(type(value))
        return {
            name: _plain(item)
            for name, item in value.__dict__.items()
            # Python code may have put more beside the fields.
            if name in defaults and not _is_default(item, defaults[name])
        }
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    # A frame in memory: its rows are an input, and have no version.
    return type(value).__qualname__


@cache
def _counted(kind: type[BaseModel]) -> Mapping[str, Any]:
    """Return the fields of a model that may change a row, each with its default."""
    left_out = _NO_RESULT.union(*(names for of, names in _LABELS.items() if issubclass(kind, of)))
    fields = kind.model_fields.items()
    return {name: field.default for name, field in fields if name not in left_out}


def _is_default(value: Any, default: Any) -> bool:
    if value is default:
        return True
    # A frame compares column by column, and so never equals a default.
    plain = isinstance(value, (str, int, float, bool, tuple, dict, list, BaseModel))
    return plain and type(value) is type(default) and value == default


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
