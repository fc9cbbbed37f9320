"""What every model shares: strict, frozen, both names of every field, lean dumps."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Self, TextIO

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    SerializerFunctionWrapHandler,
    Strict,
    model_serializer,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

Flag = Annotated[bool, Strict()]
Whole = Annotated[int, Strict()]
Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]


def _one_or_many(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_one_or_many)]


def unserializable(value: Any) -> Any:
    """Return a value inside of a declaration that JSON does not have, None where all is plain."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, BaseModel):
            pending.extend(item.__dict__.values())
        elif isinstance(item, Mapping):
            pending.extend(item.values())
        elif isinstance(item, (list, tuple)):
            pending.extend(item)
        elif item is not None and not isinstance(item, (str, int, float)):
            return item
    return None


def need_one(keys: Iterable[str]) -> JsonSchemaValue:
    """Return the JSON Schema of a mapping that has one of these keys, or merges others."""
    return {"anyOf": [{"required": [key]} for key in (*keys, "<<")]}


class Model(BaseModel):
    """Base of all declarations.

    Unknown keys are errors. A field may have other names (those of the other schema era, listed in
    `other_names`) and a singular form (`source` for `sources`, in `singular`); Python, YAML, JSON
    and the JSON Schema accept all of them, dumps use the canonical one, singular where one is held.
    A dump leaves out every field that holds its default.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        arbitrary_types_allowed=True,
        use_attribute_docstrings=True,
        protected_namespaces=(),
        ser_json_inf_nan="constants",
    )

    other_names: ClassVar[Mapping[str, str]] = {}
    singular: ClassVar[Mapping[str, str]] = {}
    kept_if_given: ClassVar[frozenset[str]] = frozenset()
    """Fields that mean something else left out than given with their default."""

    @model_validator(mode="before")
    @classmethod
    def _accept_all_names(cls, data: Any) -> Any:
        if not isinstance(data, Mapping) or not (cls.other_names or cls.singular):
            return data
        renamed: dict[str, Any] = {}
        written: dict[str, str] = {}
        for key, value in data.items():
            name = cls.other_names.get(key, key)
            plural = cls.singular.get(name)
            if plural is not None:
                if value is None:
                    continue
                name, value = plural, [value]  # noqa: PLW2901
            if name in renamed:
                raise PydanticCustomError(
                    "given_twice",
                    "`{key}` is another name of `{name}`, which is given too",
                    {"key": key, "name": written[name]},
                )
            renamed[name], written[name] = value, key
        return renamed

    @model_serializer(mode="wrap")
    def _dump_lean(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        dumped = handler(self)
        lean: dict[str, Any] = {}
        plural_to_singular = {many: one for one, many in self.singular.items()}
        for name in type(self).model_fields:
            if name not in dumped:
                continue
            value = getattr(self, name)
            if self._says_nothing(name, value):
                continue
            one = plural_to_singular.get(name)
            if one is not None and len(value) == 1:
                lean[one] = dumped[name][0]
            else:
                lean[name] = dumped[name]
        return lean

    def _says_nothing(self, name: str, value: Any) -> bool:
        """Return whether a field is the same when it is left out."""
        if name in self.kept_if_given and name in self.model_fields_set:
            return False
        field = type(self).model_fields[name]
        return not field.is_required() and bool(
            value == field.get_default(call_default_factory=True)
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return the JSON Schema with every accepted name of every field as a property."""
        schema = handler.resolve_ref_schema(handler(core_schema))
        properties = schema.get("properties", {})
        for one, many in cls.singular.items():
            if many in properties:
                items = properties[many].get("items", {})
                about = properties[many].get("description", "")
                single = [items, {"type": "null"}] if items else []
                properties[one] = {
                    **({"anyOf": single} if single else {}),
                    "description": f"{about} (the only one of `{many}`)",
                }
        for other, name in cls.other_names.items():
            if name in properties:
                properties[other] = {**properties[name], "title": f"Same as `{name}`"}
        names: dict[str, list[str]] = {}
        for other, name in (*cls.other_names.items(), *cls.singular.items()):
            names.setdefault(name, [name]).append(other)
        required = schema.get("required", [])
        if required:
            schema["required"] = [name for name in required if name not in names]
        several = [names[name] for name in required if name in names]
        if several:
            schema["allOf"] = [need_one(spellings) for spellings in several]
        return schema

    @classmethod
    def model_validate_yaml(
        cls,
        source: str | TextIO,
        vars: Mapping[str, Any] | None = None,  # noqa: A002
    ) -> Self:
        """Return the model that a YAML text or an open text file declares.

        Args:
            source: the text or the file.
            vars: values of `${vars.x}` that come before the declared ones.

        Raises:
            DeclarationError: with all problems found, each at its line and column.
        """
        load = importlib.import_module("laktory_dagster.project.load")
        model: Self = load.model_from_yaml(cls, source, vars)
        return model

    @classmethod
    def model_validate_json_file(cls, file: TextIO) -> Self:
        """Return the model that an open JSON file declares, as `model_validate_yaml` does.

        Raises:
            DeclarationError: with all problems found, each at its line and column.
        """
        return cls.model_validate_yaml(file)

    def model_dump_yaml(self) -> str:
        """Return the declaration as YAML; reading it back gives an equal model."""
        writer = importlib.import_module("laktory_dagster.config.writer")
        text: str = writer.dump_yaml(self.model_dump(mode="json"))
        return text

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((type(self), self.__dict__.get("name")))
