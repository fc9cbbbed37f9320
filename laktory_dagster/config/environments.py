"""Environments: what differs between dev and prod, chosen by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from laktory_dagster.errors import SettingsError
from laktory_dagster.expressions.suggest import did_you_mean


@dataclass(frozen=True)
class EnvironmentOverlay:
    """The values of one environment; None where it says nothing."""

    name: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    warehouse: str | None = None
    catalog: str | None = None
    schema_prefix: str = ""
    engine: str | None = None


def overlay(data: Mapping[str, Any], name: str | None) -> EnvironmentOverlay:
    """Return the overlay that `environments:` of a declaration holds under this name.

    Raises:
        SettingsError: the file has environments, and none of this name.
    """
    if name is None:
        return EnvironmentOverlay()
    environments = data.get("environments")
    if not isinstance(environments, Mapping):
        environments = {}
    if name not in environments:
        match = did_you_mean(name, environments)
        raise SettingsError(
            f"the pipeline `{data.get('name')}` declares no environment `{name}`",
            expected=f"one of {', '.join(map(str, environments))}" if environments else None,
            hint=f"did you mean `{match}`?" if match else "declare it under `environments:`",
        )
    values = environments[name] or {}
    engine = values.get("dataframe_type")
    return EnvironmentOverlay(
        name=name,
        variables=values.get("variables") or {},
        warehouse=values.get("warehouse"),
        catalog=values.get("catalog"),
        schema_prefix=values.get("schema_prefix") or "",
        engine={"PYSPARK": "spark"}.get(engine, engine.lower()) if engine else None,
    )
