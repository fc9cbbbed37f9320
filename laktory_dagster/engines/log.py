"""The log of a Delta table, whoever reads it."""

from __future__ import annotations

from typing import Any, Protocol


class Log(Protocol):
    """The commits of one Delta table."""

    def latest(self) -> int | None:
        """Return the table's version, None where there is no table."""
        ...

    def versions(self) -> list[int]:
        """Return the versions whose commits are still known, newest first."""
        ...

    def info(self, version: int) -> dict[str, Any]:
        """Return what a commit says of itself (`commitInfo`); empty where it is cleaned up."""
        ...

    def actions(self, version: int, kind: str) -> list[dict[str, Any]]:
        """Return the actions of one kind of a commit, as the log spells them."""
        ...
