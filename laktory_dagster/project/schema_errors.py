"""Pydantic's errors in plain words: one diagnostic per cause, at a path of the declaration."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from laktory_dagster.errors import Diagnostic
from laktory_dagster.expressions.suggest import did_you_mean, hint_for
from laktory_dagster.models import Pipeline, PipelineNode
from laktory_dagster.models.base import Model
from laktory_dagster.models.names import normalised
from laktory_dagster.models.sinks import SinkOptions
from laktory_dagster.models.sources import SourceOptions
from laktory_dagster.models.transformer import StepOptions, Transformer
from laktory_dagster.project.model_paths import ModelPlace, Path, value_at, written_path

_WRONG_TYPES = {
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "float_type": "a number",
    "int_type": "a whole number",
    "list_type": "a list",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "string_type": "a text",
    "tuple_type": "a list",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "int_parsing": "a whole number",
    "bool_parsing": "true or false",
    "none_required": "nothing",
}
_LIMITS = {
    "greater_than_equal": "at least {ge}",
    "greater_than": "more than {gt}",
    "less_than_equal": "at most {le}",
    "less_than": "less than {lt}",
    "string_too_short": "at least {min_length} characters",
    "string_too_long": "at most {max_length} characters",
    "too_short": "at least {min_length} items",
    "too_long": "at most {max_length} items",
}
_SHOWN = 60
_SINGULAR = {many: one for one, many in PipelineNode.singular.items()}
# The keys of which one says what kind of thing a mapping is.
_KINDS: Mapping[type[Model], tuple[str, ...]] = {
    SourceOptions: (
        "path", "table_name", "node_name", "data", "df", "custom_reader", "asset",
    ),
    StepOptions: ("func_name", "sql_expr", "expr", "with_column", "with_columns", "nodes"),
    SinkOptions: ("path", "table_name", "pipeline_view_name"),
}  # fmt: skip


def diagnostics_of(error: ValidationError, model: type[Model], data: Any) -> list[Diagnostic]:
    """Return what a model found wrong with plain data.

    Args:
        error: what validation raised.
        model: the model of the data.
        data: the plain data, under the names that the user wrote.
    """
    groups: dict[Path, list[_Problem]] = {}
    for details in error.errors(include_url=False):
        problem = _Problem(details, model, data)
        groups.setdefault(problem.root, []).append(problem)
    misspelt = {problem.meant() for problems in groups.values() for problem in problems}
    found = list(_repeated_names(data)) if issubclass(model, Pipeline) else []
    for root, problems in groups.items():
        chosen = _of_chosen_member(problems)
        if chosen and all(problem.in_union for problem in problems):
            found.append(_of_union(root, chosen) if len(chosen) > 1 else _of_one(chosen[0]))
        else:
            found.extend(_of_one(p) for p in problems if not _follows(p, misspelt))
    return _without_followers(found)


def keys_given_twice(error: ValidationError, model: type[Model], data: Any) -> list[Path]:
    """Return where keys stand that another name of theirs makes too many.

    What else is wrong with the mapping around such a key is not known before it is gone.
    """
    details = (item for item in error.errors(include_url=False) if item["type"] == "given_twice")
    problems = [_Problem(item, model, data) for item in details]
    return [(*problem.written, str(problem.context["key"])) for problem in problems]


def written_paths(error: ValidationError, model: type[Model], data: Any) -> list[Path]:
    """Return where an error's problems stand, under the names that the user wrote."""
    return [_Problem(item, model, data).written for item in error.errors(include_url=False)]


class _Problem:
    """One error of pydantic, with its path in the declaration and the model it happened in.

    `written` is the path under the names that the user wrote.
    `root` is the path of the value that several errors may be about: of a union that it fits none
    of the members of, else the path itself.
    """

    def __init__(self, details: ErrorDetails, start: type[Model], data: Any) -> None:
        self.details = details
        place = ModelPlace(start, details["type"] == "extra_forbidden")
        for part in details["loc"]:
            place.enter(part)
        self.path = tuple(place.path)
        self.written = written_path(self.path, data)
        self.in_union = place.union_at is not None
        self.root = self.path[: place.union_at]
        self.model = place.model()
        self.beside = value_at(self.path[:-1], data)
        self.input = details.get("input")
        self.kind = details["type"]
        self.context: Mapping[str, Any] = details.get("ctx") or {}

    def meant(self) -> Path | None:
        """Return the path that a misspelt key was probably meant to be, None for other errors."""
        if self.kind != "extra_forbidden":
            return None
        name = did_you_mean(str(self.path[-1]), _keys(self.model))
        return None if name is None else (*self.path[:-1], self.model.other_names.get(name, name))


def _follows(problem: _Problem, misspelt: Container[Path | None]) -> bool:
    """Return whether an error only follows from another one, or is reported in another way."""
    missing_by_slip = problem.kind == "missing" and problem.path in misspelt
    return missing_by_slip or problem.kind == "duplicate_node"


def _of_chosen_member(problems: Sequence[_Problem]) -> list[_Problem]:
    """Return the errors of the member that the value was meant for, where that is clear."""
    inner = [problem for problem in problems if len(problem.path) > len(problem.root)]
    return inner or list(problems)


def _of_union(path: Path, problems: Sequence[_Problem]) -> Diagnostic:
    """Return one diagnostic for a value that fits no member of a union."""
    words: dict[str, None] = {}
    for problem in problems:
        word = _WRONG_TYPES.get(problem.kind) or problem.context.get("expected")
        words[str(word or _sentence(problem.details["msg"])).replace("'", "")] = None
    shown = problems[0]
    return Diagnostic(
        f"`{_name(shown.written)}` cannot be {_shown(shown.input)}", shown.path, " or ".join(words)
    )


def _of_one(problem: _Problem) -> Diagnostic:
    kind, path = problem.kind, problem.path
    if kind == "extra_forbidden":
        return _unknown_key(problem)
    if kind == "missing":
        return _missing_key(problem)
    if kind == "literal_error":
        return _wrong_choice(problem)
    if kind in _WRONG_TYPES:
        message = f"`{_name(problem.written)}` cannot be {_shown(problem.input)}"
        return Diagnostic(message, path, _WRONG_TYPES[kind], _type_hint(problem))
    if kind in _LIMITS:
        message = f"`{_name(problem.written)}` cannot be {_shown(problem.input)}"
        return Diagnostic(message, path, _LIMITS[kind].format(**problem.context))
    if kind == "given_twice":
        path = (*path, str(problem.context["key"]))
        return Diagnostic(problem.details["msg"], path, hint="remove one of them", at_key=True)
    if kind == "orchestrator":
        return Diagnostic(problem.details["msg"], (*path, "type"))
    if kind in ("no_sink", "no_step") or (kind == "no_source" and "sources" in path):
        return _no_kind(problem)
    return Diagnostic(_sentence(problem.details["msg"]), path)


def _unknown_key(problem: _Problem) -> Diagnostic:
    key = str(problem.path[-1])
    known = _keys(problem.model)
    other = _chosen_kind(problem, key)
    if other is not None:
        message = f"`{key}` cannot stand beside `{other}`"
        hint = "each of them says another kind: keep one"
        return Diagnostic(message, problem.path, hint=hint, at_key=True)
    return Diagnostic(
        f"unknown key `{key}`",
        problem.path,
        expected=f"one of {', '.join(known)}" if len(known) <= 12 else None,
        hint=_key_hint(problem.model, key, known),
        at_key=True,
    )


def _key_hint(model: type[Model], key: str, known: Sequence[str]) -> str | None:
    if model is Transformer and key in _KINDS[StepOptions]:
        return _form_hint("transformer", None)
    if key == "variables":
        return "declare them under `variables:` of the pipeline, for all of its nodes"
    return hint_for(key, known)


def _chosen_kind(problem: _Problem, key: str) -> str | None:
    """Return the key that already says the kind of what has this key too, or None."""
    keys = next((k for base, k in _KINDS.items() if issubclass(problem.model, base)), ())
    if key not in keys or not isinstance(problem.beside, Mapping):
        return None
    known = _keys(problem.model)
    return next((name for name in keys if name in known and name in problem.beside), None)


def _keys(model: type[Model]) -> list[str]:
    return [*model.model_fields, *model.other_names, *model.singular]


def _missing_key(problem: _Problem) -> Diagnostic:
    *parent, key = problem.path
    return Diagnostic(f"the key `{key}` is missing", tuple(parent), hint=_about(problem, str(key)))


def _about(problem: _Problem, key: str) -> str | None:
    field = problem.model.model_fields.get(key)
    return field.description if field is not None else None


def _wrong_choice(problem: _Problem) -> Diagnostic:
    expected = str(problem.context.get("expected", ""))
    choices = [choice.strip("'") for choice in expected.replace(" or ", ", ").split(", ")]
    value = problem.input
    hint = None
    if isinstance(value, str):
        match = did_you_mean(value, choices)
        hint = f"did you mean `{match}`?" if match else None
    return Diagnostic(
        f"`{_name(problem.written)}` cannot be {_shown(value)}",
        problem.path,
        f"one of {', '.join(choices)}",
        hint,
    )


def _no_kind(problem: _Problem) -> Diagnostic:
    """Return the diagnostic of a source, sink or step that none of its keys identifies."""
    hint = None
    key = problem.written[-1]
    if isinstance(problem.input, (list, tuple)) and key in PipelineNode.singular:
        hint = f"several stand under `{PipelineNode.singular[str(key)]}`"
    elif isinstance(problem.input, str) and problem.kind != "no_step" and "{" not in problem.input:
        hint = f"write `{{path: {problem.input[:_SHOWN]}}}`"
    elif isinstance(problem.input, Mapping):
        kinds = dict.fromkeys(key for keys in _KINDS.values() for key in keys)
        near = [(key, did_you_mean(str(key), kinds)) for key in problem.input]
        hint = next((f"`{key}`: did you mean `{name}`?" for key, name in near if name), None)
    return Diagnostic(_sentence(problem.details["msg"]), problem.path, hint=hint)


def _repeated_names(data: Any) -> Iterator[Diagnostic]:
    """Yield the nodes of a declaration whose name another one before them has."""
    nodes = data.get("nodes") if isinstance(data, Mapping) else None
    seen: dict[str, tuple[int, str]] = {}
    for index, node in enumerate(nodes if isinstance(nodes, list) else ()):
        name = node.get("name") if isinstance(node, Mapping) else None
        if not isinstance(name, str):
            continue
        first, other = seen.setdefault(normalised(name), (index, name))
        if first != index:
            message = f"two nodes are named `{name}`"
            if other != name:
                message = f"the names `{other}` and `{name}` are the same once Dagster folds them"
            yield Diagnostic(
                f"{message} (the other one is nodes[{first}])",
                ("nodes", index, "name"),
                hint="rename one of them",
            )


def _type_hint(problem: _Problem) -> str | None:
    value = problem.input
    if problem.kind.startswith("bool") and isinstance(value, str):
        return _flag_hint(value.strip().lower())
    if problem.kind == "string_type" and isinstance(value, (int, float)):
        return f'put quotes around it: `"{_shown(value).strip("`")}"`'
    if problem.kind.startswith("int") and isinstance(value, str):
        return _whole_hint(value.strip().replace("_", ""))
    if _WRONG_TYPES[problem.kind] in ("a list", "a mapping"):
        return _form_hint(_name(problem.written), value)
    return None


def _flag_hint(text: str) -> str | None:
    if text in ("true", "false"):
        return f"write it without quotes: `{text}`"
    if text in ("yes", "on", "y"):
        return "write `true`"
    return "write `false`" if text in ("no", "off", "n") else None


def _whole_hint(digits: str) -> str | None:
    """Return how to write a number that stands in quotes, after a zero, or with `_` inside."""
    if not digits.isdecimal():
        return None
    plain = digits.lstrip("0") or "0"
    return f"write it without quotes: `{digits}`" if plain == digits else f"write `{plain}`"


def _form_hint(key: str, value: Any) -> str | None:
    """Return how to write what stands in place of a list or a mapping."""
    if key == "transformer":
        return "the steps stand under `nodes`: `transformer: {nodes: [...]}`"
    if isinstance(value, Mapping):
        single = _SINGULAR.get(key)
        return f"a single one stands under `{single}`" if single else "put `- ` before each item"
    return None


def _without_followers(diagnostics: Sequence[Diagnostic]) -> list[Diagnostic]:
    """Leave out what only follows from another one: at the same path, or repeated."""
    kept: dict[tuple[Path, str], Diagnostic] = {}
    for diagnostic in diagnostics:
        kept.setdefault((diagnostic.path, diagnostic.message), diagnostic)
    return list(kept.values())


def _name(path: Path) -> str:
    """Return the last key of a path: the item of a list goes by the list's name."""
    names = [part for part in path if isinstance(part, str)]
    if not names:
        return "the declaration"
    last = path[-1]
    return f"{names[-1]}[{last}]" if isinstance(last, int) else names[-1]


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    if isinstance(value, BaseModel):
        return f"a {type(value).__name__}"
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "`true`" if value else "`false`"
    text = str(value)
    return f"`{text[:_SHOWN]}...`" if len(text) > _SHOWN else f"`{text}`"


def _sentence(message: str) -> str:
    return message.removeprefix("Value error, ").removeprefix("Assertion failed, ")
