"""Variables and parameters: `${vars.x}` and `${params.x}` replaced by values, nothing evaluated."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from laktory_dagster.errors import DeclarationError, Diagnostic
from laktory_dagster.expressions.suggest import did_you_mean

ENVIRONMENT_PREFIX = "LAKTORY_DAGSTER_VAR_"
_REFERENCE = re.compile(r"\$\{\s*(vars|params|resources|settings)\.([A-Za-z0-9_.-]+)\s*\}")
_EVALUATED = re.compile(r"\$\{\{")
_ADVICE = {
    "resources": "name the resource itself; nothing is deployed while a pipeline runs",
    "settings": "use `${vars.x}` with a variable of the file, the environment or `--var`",
}
Path = tuple[str | int, ...]


@dataclass
class _Substitution:
    """One pass over the data; collects every problem."""

    variables: Mapping[str, Any]
    parameters: Mapping[str, Any]
    problems: list[Diagnostic] = field(default_factory=list)
    _resolving: list[str] = field(default_factory=list)

    def apply(self, value: Any, path: Path) -> Any:
        if isinstance(value, str):
            return self._text(value, path) if "${" in value else value
        if isinstance(value, dict):
            return {key: self.apply(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.apply(item, (*path, index)) for index, item in enumerate(value)]
        return value

    def _text(self, text: str, path: Path) -> Any:
        if _EVALUATED.search(text):
            self._problem("`${{ }}` is not evaluated", path, hint="use `${vars.x}` with a value")
            return text
        whole = _REFERENCE.fullmatch(text.strip())
        if whole:
            return self._value(whole.group(1), whole.group(2), text, path)

        def replaced(match: re.Match[str]) -> str:
            value = self._value(match.group(1), match.group(2), match.group(0), path)
            if isinstance(value, (dict, list)):
                self._problem(f"`{match.group(0)}` is no single value", path)
            return _as_text(value)

        return _REFERENCE.sub(replaced, text)

    def _value(self, kind: str, name: str, text: str, path: Path) -> Any:
        if kind in _ADVICE:
            self._problem(f"`{text}` is not known here", path, hint=_ADVICE[kind])
            return text
        known = self.variables if kind == "vars" else self.parameters
        reference = f"{kind}.{name}"
        if reference in self._resolving:
            cycle = " -> ".join((*self._resolving, reference))
            self._problem(f"variables refer to each other: {cycle}", path)
            return text
        found, value = _look_up(known, name, kind)
        if not found:
            match = did_you_mean(name, known)
            hint = f"did you mean `${{{kind}.{match}}}`?" if match else _how_to_give(kind, name)
            self._problem(f"`${{{reference}}}` has no value", path, hint=hint)
            return text
        self._resolving.append(reference)
        try:
            return self.apply(value, path)
        finally:
            self._resolving.pop()

    def _problem(self, message: str, path: Path, hint: str | None = None) -> None:
        self.problems.append(Diagnostic(message, path, hint=hint))


def _how_to_give(kind: str, name: str) -> str:
    if kind == "params":
        return f"declare it under `parameters: {{{name}: {{default: ...}}}}`"
    return f"declare it under `variables:`, or give `--var {name}=VALUE`"


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _look_up(known: Mapping[str, Any], name: str, kind: str) -> tuple[bool, Any]:
    if name in known:
        return True, known[name]
    folded = {key.lower(): key for key in known}
    if name.lower() in folded:
        return True, known[folded[name.lower()]]
    head, _, rest = name.partition(".")
    if rest and isinstance(known.get(head), Mapping):
        return _look_up(known[head], rest, kind)
    given = os.environ.get(f"{ENVIRONMENT_PREFIX}{name.upper()}") if kind == "vars" else None
    return given is not None, given


def substitute(
    data: Any,
    variables: Mapping[str, Any],
    parameters: Mapping[str, Any] | None = None,
    *,
    place: Callable[[Diagnostic], Diagnostic] = lambda diagnostic: diagnostic,
) -> Any:
    """Return the data with every `${vars.x}` and `${params.x}` replaced.

    A text that is nothing but a reference takes the value with its type; inside a longer text it is
    formatted. Names fold case where the exact one is missing. A variable that is not given may come
    from the environment as `LAKTORY_DAGSTER_VAR_<NAME>`. `${secrets.scope.key}` stays as it is.

    Args:
        data: plain data.
        variables: values of `${vars.x}`; they may refer to each other.
        parameters: values of `${params.x}`.
        place: adds the place in the text to a diagnostic.

    Raises:
        DeclarationError: with every reference that has no value.
    """
    work = _Substitution(variables, parameters or {})
    kept = ("variables", "environments", "parameters")
    if isinstance(data, dict):
        result: Any = {
            key: value if key in kept else work.apply(value, (key,)) for key, value in data.items()
        }
    else:
        result = work.apply(data, ())
    if work.problems:
        raise DeclarationError([place(problem) for problem in work.problems])
    return result
