"""Variables and parameters: `${vars.x}` and `${params.x}` replaced by values, nothing evaluated."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from laktory_dagster.config.scalars import plain_scalar
from laktory_dagster.errors import DeclarationError, Diagnostic
from laktory_dagster.expressions.suggest import did_you_mean

ENVIRONMENT_PREFIX = "LAKTORY_DAGSTER_VAR_"
MAX_CHAIN = 30
MAX_DEPTH = 150
MAX_VALUES = 2_000_000
CHARACTERS_PER_VALUE = 32
_REFERENCE = re.compile(r"\$\{\s*([A-Za-z_]+)\.([^{}]*)\}")
_NAME = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_OPEN = re.compile(r"\$\{\s*(?:vars|params|secrets)\.[^}]*\Z")
_LEFT = re.compile(r"\$\{\{|\$\{\s*(?:vars?|params|include)\.")
"""What a text may not hold once its variables are filled in."""
_ADVICE = {
    "resources": "name the resource itself; nothing is deployed while a pipeline runs",
    "settings": "use `${vars.x}` with a variable of the file, the environment or `--var`",
    "include": "an included file stands alone as a value: `key: !use path.yaml`",
    "env": f"use `${{vars.x}}` and set the variable {ENVIRONMENT_PREFIX}X",
    "variables": "write `${vars.x}`",
    "param": "write `${params.x}`",
    "parameters": "write `${params.x}`",
    "secret": "write `${secrets.scope.key}`",
}
_KINDS = ("vars", "params", "secrets")
_CASE_ADVICE = {kind: f"write it in small letters: `${{{kind}.x}}`" for kind in ("var", *_KINDS)}
_DEPLOYED = frozenset(
    {
        "dlt", "databricks_dlt", "databricks_job", "orchestrator", "airflow", "workspacefile",
        "options", "resource_options", "lookup_existing",
    }
)  # fmt: skip
"""Keys of a pipeline that only speak of its deployment, whose tool knows the other resources."""
_AS_DECLARED = ("variables", "environments", "parameters")
_MISSING = object()
UNSET = object()
"""A parameter that only a run gives. Until then it is nothing as a whole value, in a name `x` and in
any other text `0`, so that what surrounds it can be checked."""
_PART_OF_NAME = re.compile(r"[\w./-]*")


@dataclass
class _Substitution:
    """One pass over the data; collects every problem."""

    variables: Mapping[str, Any]
    parameters: Mapping[str, Any]
    problems: list[Diagnostic] = field(default_factory=list)
    path: list[str | int] = field(default_factory=list)
    _in_key: bool = False
    _resolving: list[str] = field(default_factory=list)
    _resolved: dict[str, tuple[Any, int]] = field(default_factory=dict)
    _folded: dict[str, dict[str, str]] = field(default_factory=dict)
    # How much each reference being resolved expands to; the first is the document itself.
    _sizes: list[int] = field(default_factory=lambda: [0])

    def apply(self, value: Any) -> Any:
        """Return the value with its references replaced."""
        if isinstance(value, str):
            return self._text(value) if "${" in value else value
        if not isinstance(value, (Mapping, list, tuple)):
            return value
        if len(self.path) > MAX_DEPTH:
            self.problem(f"the values nest deeper than {MAX_DEPTH} levels")
            return None
        steps = value.items() if isinstance(value, Mapping) else enumerate(value)
        changed = dict(self._changes(steps))
        if isinstance(value, Mapping):
            return self._renamed(value, changed)
        return [changed.get(i, old) for i, old in enumerate(value)] if changed else value

    def _changes(self, steps: Iterable[tuple[Any, Any]]) -> Iterator[tuple[Any, Any]]:
        """Yield the items that references change; all others are kept as they are."""
        for step, old in steps:
            if isinstance(old, str):
                if "${" not in old:
                    continue
            elif not isinstance(old, (dict, list, tuple, Mapping)):
                continue
            self.path.append(step)
            new = self.apply(old)
            self.path.pop()
            if new is not old:
                yield step, new

    def _renamed(self, mapping: Mapping[Any, Any], changed: dict[Any, Any]) -> Mapping[Any, Any]:
        names = [name for name in mapping if isinstance(name, str) and "${" in name]
        if not names:
            return {**mapping, **changed} if changed else mapping
        filled: dict[Any, Any] = {}
        for name, old in mapping.items():
            key = self._key(name) if name in names else name
            if key in filled:
                self.problem(f"`{name}` becomes `{key}`, a key that stands here already")
            filled[key] = changed.get(name, old)
        return filled

    def _key(self, name: str) -> str:
        self.path.append(name)
        self._in_key = True
        key = _as_text(self._text(name))
        self._in_key = False
        self.path.pop()
        return key

    def _text(self, text: str) -> Any:
        if "${{" in text:
            self.problem("`${{ }}` is not evaluated", hint="use `${vars.x}` with a value")
            return text
        if _OPEN.search(text):
            self.problem(f"`{text[:80]}` lacks a closing brace", hint="write `${vars.x}`")
            return text
        whole = _REFERENCE.fullmatch(text.strip())
        if whole:
            value = self._replaced(whole, text)
            return None if value is UNSET else value

        def replaced(match: re.Match[str]) -> str:
            value = self._replaced(match, match.group(0))
            if isinstance(value, (dict, list)):
                self.problem(f"`{match.group(0)}` is no single value")
            if value is UNSET:
                return "x" if _PART_OF_NAME.fullmatch(_REFERENCE.sub("", text)) else "0"
            return _as_text(value)

        before = len(self.problems)
        filled = _REFERENCE.sub(replaced, text)
        if len(self.problems) == before and _LEFT.search(filled):
            self.problem(
                f"`{text[:80]}` becomes a reference when its variables are filled in",
                hint="write the whole `${vars.x}` in one place; `!use` takes variables in its path",
            )
        self._sizes[-1] += _size(filled)
        return filled if self._within_caps() else text

    def _replaced(self, match: re.Match[str], text: str) -> Any:
        kind, name = match.group(1), match.group(2).strip()
        if kind == "var":  # As asset bundles of Databricks write it.
            kind = "vars"
        if kind == "resources" and next(filter(_is_key, self.path), None) in _DEPLOYED:
            return text
        advice = _ADVICE.get(kind) or _CASE_ADVICE.get(kind.lower(), "")
        if advice and kind not in _KINDS:
            self.problem(f"`{text}` is not known here", hint=advice)
            return text
        if kind not in _KINDS:
            return text
        if not _NAME.fullmatch(name) or (kind == "secrets" and "." not in name):
            example = "${secrets.scope.key}" if kind == "secrets" else f"${{{kind}.name}}"
            self.problem(f"`{text}` is no reference", expected=f"`{example}`")
            return text
        if kind == "secrets" or not self._within_caps():
            return text
        return self._value(kind, name, text)

    def _value(self, kind: str, name: str, text: str) -> Any:
        reference = f"{kind}.{name}"
        known = self._resolved.get(reference)
        if known is None:
            if reference in self._resolving:
                cycle = " -> ".join((*self._resolving, reference))
                self.problem(f"variables refer to each other: {cycle}")
                return text
            if len(self._resolving) >= MAX_CHAIN:
                self.problem(f"a chain of more than {MAX_CHAIN} variables")
                return text
            raw = self._look_up(kind, name)
            if raw is _MISSING:
                self._unknown(kind, name)
                return text
            self._resolving.append(reference)
            self._sizes.append(_size(raw))
            value = self.apply(raw)
            self._resolving.pop()
            known = self._resolved[reference] = (value, self._sizes.pop())
        value, size = known
        self._sizes[-1] += size
        return value if self._within_caps() else text

    def _look_up(self, kind: str, name: str) -> Any:
        """Return the raw value: by exact name, by name in another case, then inside a mapping."""
        known = self.variables if kind == "vars" else self.parameters
        if kind not in self._folded:
            self._folded[kind] = {str(key).lower(): key for key in known}
        key = name if name in known else self._folded[kind].get(name.lower())
        if key is not None:
            return known[key]
        head, _, rest = name.partition(".")
        if rest and (head in known or head.lower() in self._folded[kind]):
            return _inside(self._value(kind, head, f"${{{kind}.{head}}}"), rest)
        return _from_environment(name) if kind == "vars" else _MISSING

    def _unknown(self, kind: str, name: str) -> None:
        known = self.variables if kind == "vars" else self.parameters
        match = did_you_mean(name, map(str, known))
        hint = f"did you mean `${{{kind}.{match}}}`?" if match else _how_to_give(kind, name)
        self.problem(f"`${{{kind}.{name}}}` has no value", hint=hint)

    def _within_caps(self) -> bool:
        if self._sizes[-1] <= MAX_VALUES:
            return True
        message = "the variables expand to too much"
        if not any(problem.message == message for problem in self.problems):
            characters = MAX_VALUES * CHARACTERS_PER_VALUE
            expected = f"at most {MAX_VALUES:,} values, or {characters:,} characters"
            self.problem(message, expected=expected)
        return False

    def problem(self, message: str, **parts: Any) -> None:
        """Note a problem at the present place, once."""
        found = Diagnostic(message, tuple(self.path), at_key=self._in_key, **parts)
        if found not in self.problems:
            self.problems.append(found)


def _is_key(part: str | int) -> bool:
    return isinstance(part, str)


def _how_to_give(kind: str, name: str) -> str:
    if kind == "params":
        return f"declare it under `parameters: {{{name}: {{default: ...}}}}`"
    return f"declare it under `variables:`, or give `--var {name}=VALUE`"


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _inside(value: Any, path: str) -> Any:
    for part in path.split("."):
        if not isinstance(value, Mapping):
            return _MISSING
        folded = {str(key).lower(): key for key in value}
        key = part if part in value else folded.get(part.lower())
        if key is None:
            return _MISSING
        value = value[key]
    return value


def _size(value: Any) -> int:
    """Return how many values there are; a long text counts as several."""
    total, pending = 0, [value]
    while pending:
        item = pending.pop()
        total += 1
        if isinstance(item, str):
            total += len(item) // CHARACTERS_PER_VALUE
        elif isinstance(item, Mapping):
            pending.extend(item.values())
        elif isinstance(item, (list, tuple)):
            pending.extend(item)
    return total


def _from_environment(name: str) -> Any:
    text = os.environ.get(ENVIRONMENT_PREFIX + re.sub(r"[^A-Z0-9]", "_", name.upper()))
    return _MISSING if text is None else given_value(text)


def given_value(text: str) -> Any:
    """Return what a text from a command line or the environment means: `10` is a number.

    A text stays one unless the value is written back the same way: `007` and `1.10` do.
    """
    value = plain_scalar(text) if text else text
    return value if value is not None and _as_text(value) == text else text


def fill_text(text: str, variables: Mapping[str, Any]) -> tuple[Any, tuple[str, ...]]:
    """Return a text with its `${vars.x}` replaced, and what is wrong with it."""
    work = _Substitution(variables, {})
    filled = work.apply(text)
    return filled, tuple(problem.message for problem in work.problems)


def substitute(
    data: Any,
    variables: Mapping[str, Any],
    parameters: Mapping[str, Any] | None = None,
    *,
    place: Callable[[Diagnostic], Diagnostic] = lambda diagnostic: diagnostic,
) -> Any:
    """Return the data with every `${vars.x}` and `${params.x}` replaced, sharing what stays the same.

    A text that is nothing but a reference takes the value with its type; inside a longer text it is
    formatted. Names fold case where the exact one is missing; `${vars.x.y}` reads inside a mapping.
    A variable that is not given may come from the environment as `LAKTORY_DAGSTER_VAR_<NAME>`.
    `${secrets.scope.key}` stays as it is, and so do the `variables`, `environments` and
    `parameters` of a pipeline themselves.

    Args:
        data: plain data: a pipeline, or a list of them.
        variables: values of `${vars.x}`; they may refer to each other.
        parameters: values of `${params.x}`.
        place: adds the place in the text to a diagnostic.

    Raises:
        DeclarationError: with every reference that has no value.
    """
    work = _Substitution(variables, parameters or {})
    if isinstance(data, list):
        result: Any = []
        for index, item in enumerate(data):
            work.path.append(index)
            result.append(_pipeline(item, work))
            work.path.pop()
    else:
        result = _pipeline(data, work)
    if work.problems:
        raise DeclarationError([place(problem) for problem in work.problems])
    return result


def _pipeline(data: Any, work: _Substitution) -> Any:
    if not isinstance(data, Mapping):
        return work.apply(data)
    declared = {key: data[key] for key in _AS_DECLARED if key in data}
    filled = work.apply({key: value for key, value in data.items() if key not in declared})
    return {key: declared[key] if key in declared else filled[key] for key in data}
