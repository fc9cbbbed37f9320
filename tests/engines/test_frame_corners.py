"""Frame methods at the edges of their arguments: nulls, NaN, empty keys, spellings of joins."""

from __future__ import annotations

import math
from typing import Any

import pytest

from laktory_dagster.engines.base import Engine
from laktory_dagster.errors import TransformError
from tests.engines.transforming import rows, sorted_rows, step, types

NAN = math.nan
DATA: dict[str, list[Any]] = {
    "k": ["a", "b", None, "a", None],
    "n": [1, None, 3, 1, None],
    "x": [1.5, NAN, None, -2.0, 0.0],
    "b": [True, False, None, True, None],
    "s": ["", "y", None, "", "z"],
}
OTHER: dict[str, list[Any]] = {"k": ["a", None, "c", "a"], "z": ["p", "q", "r", "t"]}
FRAMES: dict[str, Any] = {
    "nodes.other": OTHER,
    "nodes.floats": {"n": [1.5, 1.0], "k": ["a", "e"]},
    "nodes.swapped": {"k": ["a", None], "n": [1, 3]},
}


def shown(engine: Engine, *steps: Any, data: Any = DATA) -> list[tuple[Any, ...]]:
    """Return sorted rows, a NaN as its name."""
    found = sorted_rows(engine, data, *steps, frames=FRAMES)
    return [tuple("NaN" if v != v else v for v in row) for row in found]


class TestDropna:
    """NaN counts as missing, in columns of floats."""

    @pytest.mark.parametrize(
        ("dropped", "kept"),
        [
            (step("dropna"), [""]),
            (step("dropna", how="any"), [""]),
            (step("dropna", how="all"), ["", "", "y", "z"]),
            (step("dropna", thresh=1), ["", "", "y", "z", None]),
            (step("dropna", thresh=3), ["", "", "y"]),
            (step("dropna", thresh=4), ["", ""]),
            (step("dropna", subset=["x"]), ["", "", "z"]),
            (step("dropna", subset="x"), ["", "", "z"]),
            (step("dropna", "all", None, ["n", "x"]), ["", "", "z", None]),
            (step("dropna", how="all", thresh=2, subset=["k", "n"]), ["", ""]),
        ],
    )
    def test_rows_that_stay(
        self, engine: Engine, dropped: dict[str, Any], kept: list[str | None]
    ) -> None:
        wanted = {

        }["dropna"]
        found = [row[0] for row in shown(engine, dropped, step("select", "s"))]
        assert sorted(found, key=str) == sorted(wanted, key=str)

    def test_an_unknown_column_is_named(self, engine: Engine) -> None:
        with pytest.raises(TransformError, match="there is no column `nope`"):
            rows(engine, DATA, step("dropna", subset=["nope"]))
