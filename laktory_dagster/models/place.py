"""Where data lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Place:
    """An absolute path or an object-store URL, with its options (never shown).

    `table` is the name of a table that lies in the catalog of the engine's session, wherever that
    keeps it; at `uri` are then its receipts only.
    """

    uri: str
    storage_options: Mapping[str, str] = field(default_factory=dict, repr=False)
    table: str | None = None

    @property
    def label(self) -> str:
        """Return what people call it."""
        return self.table or self.uri

    @property
    def is_remote(self) -> bool:
        """Return whether it is an object-store URL."""
        return "://" in self.uri and not self.uri.startswith("file://")
