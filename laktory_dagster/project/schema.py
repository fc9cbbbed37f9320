"""The JSON Schema of a pipeline file, for completion and hover in editors."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue

from laktory_dagster.models import Pipeline
from laktory_dagster.models.base import need_one

DRAFT = "https://json-schema.org/draft/2020-12/schema"
ID = "laktory-dagster.schema.json"
_REFERENCE = {
    "type": "string",
    "pattern": r"\$\{\s*(vars?|params|secrets)\.[^}]+\}",
    "description": "A variable, `${vars.x}`.",
}
_INCLUDE = {"type": "string", "pattern": r"^\$\{include\.[^}]+\}$", "description": "An include."}
_ENGINE: dict[str, Any] = {"const": "PYSPARK"}
_TEXT: dict[str, Any] = {"type": "string"}
# What a property takes beside the model's own type: spellings that models turn into it.
_ALSO: dict[str, dict[str, Any]] = {
    "action": {"const": "ALLOW"},
    "custom_reader": _TEXT,
    "custom_writer": _TEXT,
    "dataframe_backend": _ENGINE,
    "dataframe_type": _ENGINE,
    "mode": {"const": "ERRORIFEXISTS"},
    "orchestrator": {
        "anyOf": [
            {
                "enum": [
                    "DATABRICKS_DLT",
                    "DATABRICKS_PIPELINE",
                    "LAKEFLOW_DECLARATIVE_PIPELINE",
                    "SPARK_DECLARATIVE_PIPELINE",
                    "LAKEFLOW_JOB",
                ]
            },
            {"type": "object", "required": ["type"], "properties": {"type": _TEXT}},
        ]
    },
    "step": {"const": "own"},
}
# Fields that a file may leave out although every model has them.
_FILLED = {"PipelineNode": "name"}
# Keys of which one has to be there, where none of them is a field that every model has.
_NEED_ONE = {
    "Column": ("sql_expr", "expr"),
    "MemorySource": ("data", "df"),
    "Tolerance": ("abs", "rel"),
}
_ABOUT = ("description", "title", "default")
_VALUES = ("boolean", "integer", "number")
_HOLDERS = frozenset({"array", "object", "$ref"})


class _FileSchema(GenerateJsonSchema):
    """Pydantic's generator; models that hold frames of any library are anything."""

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> JsonSchemaValue:
        return {}


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a pipeline file.

    Every field stands under the names of both schema eras, with its description. Where a value is
    expected a variable may stand, and an include where a mapping or a list is.
    """
    mode: JsonSchemaMode = "validation"
    schema = Pipeline.model_json_schema(schema_generator=_FileSchema, mode=mode)
    definitions: dict[str, Any] = schema.pop("$defs")
    definitions["Pipeline"] = schema
    for name, definition in definitions.items():
        merged = {"^<<$": {"description": "Merges a mapping into this one."}}
        properties = _properties(definition)
        required = [key for key in definition.get("required", []) if key != _FILLED.get(name)]
        definitions[name] = {
            **definition,
            "properties": properties,
            "required": required,
            "patternProperties": merged,
        }
        if name in _NEED_ONE:
            definitions[name]["allOf"] = [need_one(_NEED_ONE[name])]
    reference = {"$ref": "#/$defs/Pipeline"}
    return {
        "$schema": DRAFT,
        "$id": ID,
        "title": "laktory-dagster pipeline",
        "description": Pipeline.__doc__.splitlines()[0] if Pipeline.__doc__ else "",
        "anyOf": [reference, {"type": "array", "minItems": 1, "items": reference}],
        "$defs": dict(sorted(definitions.items())),
    }


def _properties(definition: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _with_alternatives(schema, _ALSO.get(name))
        for name, schema in definition.get("properties", {}).items()
    }


def _with_alternatives(schema: dict[str, Any], also: dict[str, Any] | None) -> dict[str, Any]:
    """Return the schema of a property that also takes a variable or an include."""
    about: dict[str, Any] = {key: schema[key] for key in _ABOUT if key in schema}
    rest = {key: value for key, value in schema.items() if key not in about}
    kinds = _kinds(rest)
    alternatives = [also] if also is not None else []
    if kinds & {*_VALUES, *_HOLDERS, "enum"}:
        alternatives.append(_REFERENCE)
    if kinds & _HOLDERS:
        alternatives.append(_INCLUDE)
    if "array" in kinds and _takes_one(rest):
        alternatives.append({"type": "string"})
    if not alternatives:
        return schema
    members = rest["anyOf"] if set(rest) == {"anyOf"} else [rest]
    return {**about, "anyOf": [*map(_with_open_items, members), *alternatives]}


def _with_open_items(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a list or a mapping whose items may be included too."""
    for key, more in (("items", [_REFERENCE, _INCLUDE]), ("additionalProperties", [_INCLUDE])):
        items = schema.get(key)
        if isinstance(items, dict) and _kinds(items) & {"object", "$ref"}:
            return {**schema, key: {"anyOf": [items, *more]}}
    return schema


def _kinds(schema: dict[str, Any]) -> set[str]:
    kinds = {str(schema["type"])} if "type" in schema else set()
    kinds |= {key for key in ("enum", "$ref") if key in schema}
    for member in schema.get("anyOf", []):
        kinds |= _kinds(member)
    for member in schema.get("oneOf", []):
        kinds |= _kinds(member)
    return kinds


def _takes_one(schema: dict[str, Any]) -> bool:
    """Return whether a list of names may be a single name."""
    members = [schema, *schema.get("anyOf", [])]
    return any(member.get("items") == {"type": "string"} for member in members)
