"""`transformer.execute(frame)`: what a chain makes of a frame, without a pipeline around it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import narwhals as nw
import polars as pl
import pytest

from laktory_dagster import models
from laktory_dagster.engines.base import Engine
from laktory_dagster.errors import DeclarationError
from tests.engines.frames import collected

ROWS = pl.DataFrame({"a": [1, 2, 3], "s": ["x", "y", "x"]})
CHAIN: list[dict[str, Any]] = [
    {"func_name": "filter", "func_args": ['nw.col("a") > 1']},
    {"expr": "SELECT s, SUM(a) AS total FROM {df} GROUP BY s"},
]


def transformer(*steps: dict[str, Any]) -> models.Transformer:
    return models.Transformer.model_validate({"nodes": list(steps)})


def test_a_chain_gives_a_frame_of_its_engine(engine: Engine) -> None:
    frame = engine.from_native(ROWS)
    found = transformer(*CHAIN).execute(frame)
    assert type(found) is type(frame)
    assert collected(found).sort("s").rows() == [("x", 3), ("y", 2)]


def test_steps_name_other_frames(engine: Engine) -> None:
    prices = engine.from_native(pl.DataFrame({"s": ["x"], "price": [2.5]}))
    joined = {
        "func_name": "join",
        "func_kwargs": {"other": {"node_name": "prices"}, "on": ["s"], "how": "inner"},
    }
    in_sql = {"expr": "SELECT d.a, p.price FROM {df} d JOIN {nodes.prices} p ON d.s = p.s"}
    for step in (joined, in_sql):
        found = transformer(step).execute(engine.from_native(ROWS), {"prices": prices})
        assert collected(found).select("a", "price").sort("a").rows() == [(1, 2.5), (3, 2.5)]


def test_functions_of_the_program_are_steps(engine: Engine) -> None:
    def renamed(frame: Any, to: str) -> Any:
        return nw.from_native(frame).rename({"a": to}).to_native()

    step = {"func_name": "renamed", "func_args": ["b"]}
    found = transformer(step).execute(engine.from_native(ROWS), udfs=[renamed])
    assert collected(found).columns == ["b", "s"]


def test_the_kind_of_the_frame_stays() -> None:
    eager = transformer(*CHAIN).execute(ROWS)
    lazy = transformer(*CHAIN).execute(ROWS.lazy())
    assert isinstance(eager, pl.DataFrame)
    assert isinstance(lazy, pl.LazyFrame)
    assert eager.sort("s").equals(lazy.collect().sort("s"))
    assert isinstance(transformer(*CHAIN).execute(nw.from_native(ROWS)), nw.DataFrame)
    assert isinstance(transformer(*CHAIN).execute(nw.from_native(ROWS.lazy())), nw.LazyFrame)


def test_the_declaration_and_the_frame_stay_as_they_are() -> None:
    chain = transformer(*CHAIN)
    before = chain.model_dump_json()
    first, second = chain.execute(ROWS), chain.execute(ROWS)
    assert first.sort("s").equals(second.sort("s"))
    assert chain.model_dump_json() == before
    assert ROWS.shape == (3, 2)


def test_a_wrong_step_is_named() -> None:
    with pytest.raises(DeclarationError, match="there is no function `filtr`"):
        transformer({"func_name": "filtr"}).execute(ROWS)


def test_a_frame_of_any_engine_is_written_to_a_sink(engine: Engine, tmp_path: Path) -> None:
    sink = models.FileSink(path=str(tmp_path / "t"), format="DELTA")
    sink.write(engine.from_native(ROWS))
    sink.write(nw.from_native(engine.from_native(ROWS)), spark=getattr(engine, "spark", None))
    assert pl.read_delta(str(tmp_path / "t")).sort("a").equals(ROWS)
