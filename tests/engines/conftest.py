"""One body for every engine: the `engine` fixture."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from laktory_dagster.engines.base import Engine
from laktory_dagster.engines.registry import open_engine


@pytest.fixture(params=["polars"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """An open engine of each kind."""
    found = open_engine(request.param)
    yield found
    found.close()
