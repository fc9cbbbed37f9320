"""Paths as Polars takes them: a pattern, unless its marks are escaped."""

from __future__ import annotations

import glob
from collections.abc import Sequence


def exactly(paths: Sequence[str]) -> list[str]:
    """Return paths that name these files only, though `*`, `?` or `[` stand in a name."""
    return [path if "://" in path else glob.escape(path) for path in paths]
