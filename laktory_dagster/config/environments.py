"""Environments: what differs between dev and prod, chosen by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from laktory_dagster.config.variables import substitute
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


def overlay(
    data: Mapping[str, Any], name: str | None, variables: Mapping[str, Any] | None = None
) -> EnvironmentOverlay:
    """Return the overlay that `environments:` of a declaration holds under this name.

    `warehouse`, `catalog` and `schema_prefix` may use `${vars.x}`: of `variables` (the command
    line's), of the environment, of the file, in this order. Values of a wrong type are left to the
    models, which say so.

    Raises:
        SettingsError: the file has no environment of this name.
        DeclarationError: a value refers to a variable that nobody gives.
    """
    if name is None:
        return EnvironmentOverlay()
    values = _values(data, name)
    if values is None:
        environments = _mapping(data.get("environments"))
        match = did_you_mean(name, map(str, environments))
        raise SettingsError(
            f"the pipeline `{data.get('name')}` declares no environment `{name}`",
            expected=f"one of {', '.join(map(str, environments))}" if environments else None,
            hint=f"did you mean `{match}`?" if match else "declare it under `environments:`",
        )
    texts = {
        key: values[key]
        for key in ("warehouse", "catalog", "schema_prefix")
        if isinstance(values.get(key), str)
    }
    known = over(variables_of(data, name), variables or {})
    filled = substitute({"environments.": texts}, known)["environments."]
    engine = values.get("dataframe_type", values.get("dataframe_backend"))
    return EnvironmentOverlay(
        name=name,
        variables=_mapping(values.get("variables")),
        warehouse=filled.get("warehouse"),
        catalog=filled.get("catalog"),
        schema_prefix=filled.get("schema_prefix") or "",
        engine=_engine(engine) if isinstance(engine, str) else None,
    )


def variables_of(data: Any, environment: str | None) -> dict[str, Any]:
    """Return the variables that a declaration gives, its environment's over the file's."""
    if not isinstance(data, Mapping):
        return {}
    chosen = _values(data, environment) if environment is not None else None
    return over(_mapping(data.get("variables")), _mapping((chosen or {}).get("variables")))


def over(variables: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    """Return variables with the values of others over theirs, in whatever letter case they are named.

    A reference finds a name in another case where the exact one is missing: what counts more must not
    be missed because of that.
    """
    folded = {str(name).lower(): name for name in variables if name not in others}
    merged = dict(variables)
    for name, value in others.items():
        merged[name if name in variables else folded.get(str(name).lower(), name)] = value
    return merged


def _values(data: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    environments = _mapping(data.get("environments"))
    return _mapping(environments[name]) if name in environments else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _engine(name: str) -> str:
    return {"PYSPARK": "spark"}.get(name.upper(), name.lower())
