"""Collects what is wrong or doubtful about a declaration."""

from __future__ import annotations

from dataclasses import dataclass, field

from laktory_dagster.errors import Diagnostic, ExpressionError, InvalidInputError, Severity
from laktory_dagster.plan.steps import Path


@dataclass
class Findings:
    """Errors and warnings in the order they were found."""

    errors: list[Diagnostic] = field(default_factory=list)
    warnings: list[Diagnostic] = field(default_factory=list)

    def error(
        self,
        message: str,
        path: Path,
        *,
        expected: str | None = None,
        hint: str | None = None,
        at_key: bool = False,
    ) -> None:
        """Add an error at a path of the declaration."""
        self.errors.append(Diagnostic(message, path, expected, hint, at_key=at_key))

    def warn(
        self, message: str, path: Path, *, hint: str | None = None, at_key: bool = False
    ) -> None:
        """Add a warning at a path of the declaration."""
        self.warnings.append(
            Diagnostic(message, path, hint=hint, severity=Severity.WARNING, at_key=at_key)
        )

    def wrong_text(self, error: InvalidInputError, path: Path) -> None:
        """Add what is wrong with a text: an expression, SQL, a path."""
        message = error.message
        if isinstance(error, ExpressionError) and error.offset:
            message += f" (character {error.offset + 1})"
        self.error(message, path, expected=error.expected, hint=error.hint)
