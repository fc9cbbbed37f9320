"""What a YAML parser's error means to the person who wrote the text."""

from __future__ import annotations

import yaml

from laktory_dagster.config.positions import location_of
from laktory_dagster.config.problems import Problems, Unreadable
from laktory_dagster.config.texts import place_at
from laktory_dagster.errors import Location

_ADVICE = (
    ("tab character", "indent with spaces; YAML allows no tabs there"),
    ("unknown escape", "double the backslash, or use single quotes"),
    ("Unicode character escape", "write the character itself"),
    ("quoted scalar", "close the quote"),
    ("mapping values are not allowed", "put quotes around a text that holds `: `"),
    ("cannot start any token", "put quotes around a text that starts with this character"),
    ("could not find expected ':'", "write `key: value`, with a space after the colon"),
    ("flow", "close the bracket; quote a text with `${`, `{` or `,` inside [ ] and { }"),
    ("did not find expected", "check the indentation, and that quotes and brackets are closed"),
)


def unreadable(error: Exception, text: str, shown: str, problems: Problems) -> Unreadable:
    """Note the parser's error at its line and column; return what to raise."""
    if isinstance(error, UnicodeEncodeError):
        return problems.stop(
            "the text holds half a character (a lone surrogate)",
            place_at(text[: error.start], shown),
            hint="remove it",
        )
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return _at_mark(error, text, shown, problems)
    position = getattr(error, "position", 0) or 0
    before = text.encode("utf-8", "replace")[:position].decode("utf-8", "replace")
    reason = getattr(error, "reason", None) or str(error).partition("\n")[0]
    return problems.stop(
        f"malformed YAML: {reason}", place_at(before, shown), hint="remove control characters"
    )


def _at_mark(error: yaml.MarkedYAMLError, text: str, shown: str, problems: Problems) -> Unreadable:
    problem, context = error.problem or "malformed YAML", error.context or ""
    place = location_of(shown, error.problem_mark)
    began = location_of(shown, error.context_mark) if error.context_mark else place
    if "quoted scalar" in context or "simple key" in context or place.line > len(text.splitlines()):
        place = began
    message = f"malformed YAML: {problem}"
    if context:
        message += f" ({context}, from line {began.line})"
    hint = _advice(f"{problem} {context}", text, place)
    return problems.stop(message, place, hint=hint)


def _advice(words: str, text: str, place: Location) -> str | None:
    lines = text.splitlines()
    near = lines[place.line - 1] if 0 < place.line <= len(lines) else ""
    if "\t" in near[: len(near) - len(near.lstrip())]:
        return _ADVICE[0][1]
    if near.strip() in ("...", "…"):
        return "replace the placeholder `...` by what it stands for, or remove the line"
    if "\ufeff" in near:
        return "remove the byte-order mark inside the text"
    return next((advice for part, advice in _ADVICE if part in words), None)
