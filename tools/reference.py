"""Write what is generated from the models: docs/yaml-reference.md and the JSON Schema.

python tools/reference.py            # rewrites both
python tools/reference.py --check    # exit code 1 when one of them is not current
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic_core import PydanticUndefined

from laktory_dagster import models
from laktory_dagster.models import expectation, node, orchestrators, pipeline, sinks, sources
from laktory_dagster.models import transformer as steps
from laktory_dagster.models.base import Model
from laktory_dagster.project.schema import json_schema

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/yaml-reference.md"
SCHEMA = ROOT / "schema/laktory-dagster.schema.json"

CHAPTERS: dict[str, tuple[type[Model], ...]] = {
    "Pipeline": (
        models.Pipeline,
        pipeline.Environment,
        pipeline.Schedule,
        pipeline.Parameter,
        pipeline.Udf,
    ),
    "Node": (models.PipelineNode, node.OwnStep),
    "Sources": (
        sources.SourceOptions,
        sources.FileSource,
        sources.TableSource,
        sources.NodeSource,
        sources.MemorySource,
        sources.CustomSource,
        sources.AssetSource,
        sources.DedupeOptions,
        sources.Sample,
        sources.Watermark,
        sources.SourceCdc,
        sources.MethodCall,
        sources.CustomFunction,
    ),
    "Transformer": (
        steps.Transformer,
        steps.MethodStep,
        steps.SqlStep,
        steps.ColumnStep,
        steps.ColumnsStep,
        steps.Column,
    ),
    "Expectations": (expectation.Expectation, expectation.Tolerance),
    "Sinks": (
        sinks.SinkOptions,
        sinks.FileSink,
        sinks.TableSink,
        sinks.ViewSink,
        sinks.MergeOptions,
        sinks.TableMetadata,
        sinks.ColumnMetadata,
    ),
    "Deployment": (
        orchestrators.DeclarativePipeline,
        orchestrators.DatabricksJob,
        orchestrators.WorkspaceFile,
        orchestrators.ResourceOptions,
    ),
}
SHARED = (sources.SourceOptions, sources.ReadOptions, sinks.SinkOptions, steps.StepOptions)

INTRODUCTION = """\
# YAML reference

Every key of a pipeline file. This page is written by `make docs` from the models that read the
files, and a test holds the two together. [language.md](language.md) says what the keys do together.

A key under *also* is another name of the same key; both may stand in one file, though not twice for
one thing. A key without a default is required.
"""


def page() -> str:
    """Return the whole reference page."""
    parts = [INTRODUCTION]
    for title, chapter in CHAPTERS.items():
        parts.append(f"## {title}\n")
        parts += [section(model) for model in chapter]
    return "\n".join(parts)


def section(model: type[Model]) -> str:
    """Return the heading, the description and the table of one model."""
    about = "\n".join(line.strip() for line in (model.__doc__ or "").strip().splitlines())
    about, _, _example = about.partition("\nExample:")
    lines = [f"### {model.__name__}\n", about.strip(), ""]
    inherited = shared_parent(model)
    if inherited is not None:
        lines += [f"With all keys of [{inherited.__name__}](#{inherited.__name__.lower()}).", ""]
    rows = list(field_rows(model, inherited))
    if rows:
        lines += ["| Key | Type | Default | Meaning |", "|---|---|---|---|", *rows, ""]
    return "\n".join(lines)


def shared_parent(model: type[Model]) -> type[Model] | None:
    """Return the base whose keys are described once, in a section of its own."""
    return next(
        (base for base in model.__mro__[1:] if base in (sources.SourceOptions, sinks.SinkOptions)),
        None,
    )


def field_rows(model: type[Model], inherited: type[Model] | None) -> Iterator[str]:
    """Yield a row for each field of the model itself."""
    definition = model.model_json_schema(mode="validation")
    if "$ref" in definition:
        definition = definition["$defs"][definition["$ref"].rsplit("/", 1)[-1]]
    properties = definition["properties"]
    for name, field in model.model_fields.items():
        if inherited is not None and name in inherited.model_fields:
            continue
        others = [other for other, own in model.other_names.items() if own == name]
        others += [one for one, many in model.singular.items() if many == name]
        also = f" (also {', '.join(f'`{other}`' for other in others)})" if others else ""
        default = default_text(field.get_default(call_default_factory=True))
        about = " ".join((field.description or "").split()).replace("|", "\\|")
        kind = type_text(properties.get(name, {})).replace("|", "\\|")
        yield f"| `{name}`{also} | {kind} | {default} | {about} |"


def default_text(value: Any) -> str:
    """Return a default as YAML writes it; nothing for a required key."""
    if value is PydanticUndefined:
        return ""
    if isinstance(value, tuple):
        value = list(value)
    return f"`{json.dumps(value)}`"


def type_text(schema: dict[str, Any]) -> str:
    """Return the type that a JSON Schema describes, in words."""
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return " ".join(f"`{value}`" for value in schema["enum"])
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            options = [type_text(option) for option in schema[choice]]
            return " or ".join(dict.fromkeys(option for option in options if option != "null"))
    if schema.get("type") == "array":
        items = schema.get("items") or {}
        return f"list of {type_text(items)}" if items else "list"
    if schema.get("type") == "object":
        values = schema.get("additionalProperties")
        return (
            f"mapping to {type_text(values)}" if isinstance(values, dict) and values else "mapping"
        )
    return str(schema.get("type", "any"))


def schema_text() -> str:
    """Return the JSON Schema as the repository keeps it."""
    return json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Write or check both files."""
    wanted = {PAGE: page(), SCHEMA: schema_text()}
    if "--check" in sys.argv[1:]:
        stale = [path for path, text in wanted.items() if not same(path, text)]
        for path in stale:
            print(f"{path.relative_to(ROOT)} is not current; run `make docs`", file=sys.stderr)
        sys.exit(bool(stale))
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def same(path: Path, text: str) -> bool:
    """Return whether a file holds this text."""
    return path.is_file() and path.read_text() == text


if __name__ == "__main__":
    main()
