"""The order of tests: those of one kind of Spark session follow each other."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of Spark behind the others, and those of Spark Connect last."""
    items.sort(key=lambda item: [bool(item.get_closest_marker(n)) for n in ("connect", "spark")])
