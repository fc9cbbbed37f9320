"""The order of tests, Spark's first, and the examples of property tests, the same in each run."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# What fails here fails everywhere; `HYPOTHESIS_PROFILE=explore` looks for new examples.
settings.register_profile("repeatable", derandomize=True)
settings.register_profile("explore", derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of Spark and of Spark Connect in front of the others.

    They are the long pieces of work, each for one process; the other tests then fill up the
    process that ends first.
    """
    items.sort(key=lambda item: [not item.get_closest_marker(n) for n in ("spark", "connect")])
