"""Every error of the package, as one tree.

LaktoryDagsterError
├── InvalidInputError            something given is wrong; nothing ran (exit code 2)
│   ├── DeclarationError         a pipeline file or model; carries every Diagnostic found
│   ├── ExpressionError          a string that is no allowed expression or SQL
│   ├── SelectionError           a selection that names nothing
│   ├── SettingsError            a setting or an option of the command line
│   ├── UnsupportedError         declared correctly, but this engine cannot do it
│   └── MissingDependencyError   a library that an extra would bring
└── ExecutionError               a run went wrong (exit code 1)
    ├── ReadError                a source could not be read
    │   └── SourceChangedError   what a stream had read is not there as it was
    ├── CheckpointError          a stream's checkpoint and its table do not fit together
    ├── TransformError           a step of a transformer failed
    ├── WriteError               a target could not be written
    │   ├── SchemaChangedError   the batch does not fit the stored schema
    │   ├── TargetExistsError    mode ERROR met an existing target
    │   ├── MergeKeyError        null or duplicate keys in a merge
    │   └── TargetBusyError      another run holds the target
    ├── ExpectationFailedError   a FAIL rule did not hold; nothing was published
    ├── CancelledError           the run was asked to stop
    └── RunFailedError           nodes failed; the run's result is attached
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """How serious a diagnostic is: an error stops, a warning is shown."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a text: file name (or `<string>`), line and column, both from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        """Return `file:line:column`, the form that editors make clickable."""
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One problem of a declaration: what, where, what was expected, how to mend it.

    `path` is the path in the declaration (`("nodes", 3, "sinks", 0, "mode")`); `location` and
    `snippet` (the line with a caret) are added where the text is known.
    """

    message: str
    path: tuple[str | int, ...] = ()
    expected: str | None = None
    hint: str | None = None
    severity: Severity = Severity.ERROR
    location: Location | None = None
    snippet: str | None = None
    at_key: bool = False

    def at(self, location: Location | None, snippet: str | None = None) -> Diagnostic:
        """Return the same diagnostic with its place in the text."""
        return replace(self, location=location, snippet=snippet)

    def dotted_path(self) -> str:
        """Return the path as users write it: `nodes[3].sinks[0].mode`."""
        text = ""
        for part in self.path:
            if isinstance(part, int):
                text += f"[{part}]"
            else:
                text += f".{part}" if text else part
        return text

    def render(self) -> str:
        """Return the text for a person: place, message, path, snippet, expectation, hint."""
        where = f"{self.location}: " if self.location else ""
        inside = f" (at {self.dotted_path()})" if self.path else ""
        lines = [f"{where}{self.severity.value}: {self.message}{inside}"]
        if self.snippet:
            lines.append(self.snippet)
        if self.expected:
            lines.append(f"  Expected: {self.expected}")
        if self.hint:
            lines.append(f"  Hint: {self.hint}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for `--json`: keys with a value only."""
        plain: dict[str, Any] = {"severity": self.severity.value, "message": self.message}
        if self.path:
            plain["path"] = self.dotted_path()
        if self.expected:
            plain["expected"] = self.expected
        if self.hint:
            plain["hint"] = self.hint
        if self.location:
            place = self.location
            plain |= {"file": place.file, "line": place.line, "column": place.column}
        return plain


class LaktoryDagsterError(Exception):
    """The root: every error that this package raises on purpose."""

    exit_code = 1

    def __init__(
        self, message: str, *, hint: str | None = None, expected: str | None = None
    ) -> None:
        """Keep the parts apart, so that logs, `--json` and Dagster can show them their own way."""
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.expected = expected

    def __str__(self) -> str:
        """Return message, expectation and hint, each on its own line."""
        lines = [self.message]
        if self.expected:
            lines.append(f"  Expected: {self.expected}")
        if self.hint:
            lines.append(f"  Hint: {self.hint}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for `--json`."""
        plain = {"error": type(self).__name__, "message": self.message}
        if self.expected:
            plain["expected"] = self.expected
        if self.hint:
            plain["hint"] = self.hint
        return plain


class InvalidInputError(LaktoryDagsterError):
    """Something given is wrong; nothing ran."""

    exit_code = 2


class DeclarationError(InvalidInputError, ValueError):
    """A declaration is wrong. Holds all that was found, errors first."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        """Keep the diagnostics in the order of the text."""
        self.diagnostics = tuple(diagnostics)
        super().__init__("\n".join(diagnostic.render() for diagnostic in self.diagnostics))

    @classmethod
    def single(cls, message: str, **parts: Any) -> DeclarationError:
        """Return the error of one diagnostic; `parts` are fields of `Diagnostic`."""
        return cls([Diagnostic(message, **parts)])

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for `--json`: one entry per diagnostic."""
        found = [diagnostic.to_dict() for diagnostic in self.diagnostics]
        return {"error": type(self).__name__, "diagnostics": found}


class ExpressionError(InvalidInputError, ValueError):
    """A string is no allowed expression or SQL. `offset` counts characters from 0."""

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        expected: str | None = None,
        offset: int | None = None,
    ) -> None:
        """Keep where in the string the problem starts."""
        super().__init__(message, hint=hint, expected=expected)
        self.offset = offset


class SelectionError(InvalidInputError):
    """A selection names no node, tag or layer of the plan."""


class SettingsError(InvalidInputError):
    """A setting or an option of the command line is wrong."""


class UnsupportedError(InvalidInputError):
    """Declared correctly, but the chosen engine cannot do it."""


class MissingDependencyError(InvalidInputError, ImportError):
    """A library is missing that one of the extras would bring."""

    @classmethod
    def for_module(cls, module: str, extra: str) -> MissingDependencyError:
        """Return the error that names the extra to install."""
        return cls(
            f"the Python package `{module}` is not installed",
            hint=f'pip install "laktory-dagster[{extra}]"',
        )


class ExecutionError(LaktoryDagsterError):
    """A run went wrong. `node` names the node where it is known."""

    node: str | None = None


class ReadError(ExecutionError):
    """A source could not be read."""


class SourceChangedError(ReadError):
    """What a stream had read, or is to read again, is not there as it was."""


class CheckpointError(ExecutionError):
    """A stream's checkpoint and its table do not fit together; nothing was read or written."""


class TransformError(ExecutionError):
    """A step of a transformer failed."""


class WriteError(ExecutionError):
    """A target could not be written; its old data is as it was."""


class SchemaChangedError(WriteError):
    """The batch does not fit the stored schema and `schema_evolution` forbids the change."""


class TargetExistsError(WriteError):
    """Mode ERROR met an existing target."""


class MergeKeyError(WriteError):
    """A merge has null keys, or several rows with one key."""


class TargetBusyError(WriteError):
    """Another run holds the target."""


@dataclass(frozen=True)
class FailedExpectation:
    """Which rule failed, on how many of the rows it saw."""

    name: str
    failed_rows: int | None
    checked_rows: int | None
    detail: str = ""


class ExpectationFailedError(ExecutionError):
    """A FAIL rule did not hold; the candidate was rejected, nothing was published.

    `checks` holds the CheckResult of every rule of the node.
    """

    def __init__(
        self, message: str, failures: Sequence[FailedExpectation] = (), **parts: Any
    ) -> None:
        """Keep the rules beside the text."""
        super().__init__(message, **parts)
        self.failures = tuple(failures)
        self.checks: tuple[Any, ...] = ()


class CancelledError(ExecutionError):
    """The run was asked to stop; nothing of the running node was committed."""


@dataclass
class RunFailure:
    """One node's failure inside a run."""

    node: str
    error: BaseException
    skipped: tuple[str, ...] = field(default=())


class RunFailedError(ExecutionError):
    """Nodes failed. `result` is the run's RunResult with everything that did finish."""

    def __init__(self, message: str, result: Any, failures: Sequence[RunFailure]) -> None:
        """Keep the result and the failures for callers that go on with them."""
        super().__init__(message)
        self.result = result
        self.failures = tuple(failures)
