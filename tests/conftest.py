"""The order of tests: those of a Spark session first, as one piece of work each."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of Spark and of Spark Connect in front of the others.

    They are the long pieces of work, each for one process; the other tests then fill up the
    process that ends first.
    """
    items.sort(key=lambda item: [not item.get_closest_marker(n) for n in ("spark", "connect")])
