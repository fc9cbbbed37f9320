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


SPELLED = """
name: p
variables: {least: 2}
TYPE
nodes:
- name: n
  source: {data: {a: [1]}}
  transformer:
    nodes:
      - {func_name: filter, func_args: ["a >= ${vars.least}"]}
      - {sql_expr: "SELECT date_format(DATE '2024-03-09', 'dd.MM.yyyy') AS day FROM {df}"}
"""


@pytest.mark.parametrize("declared", ["", "sql_dialect: spark"])
def test_a_chain_of_a_pipeline_is_read_as_there(declared: str) -> None:
    """No engine is declared, so that texts are in Spark's spelling, on a frame of Polars too."""
    made = models.Pipeline.model_validate_yaml(SPELLED.replace("TYPE", declared))
    chain = made.nodes_dict["n"].transformer
    assert chain is not None
    for _ in range(2):
        assert chain.execute(ROWS).rows() == [("09.03.2024",), ("09.03.2024",)]


def test_a_chain_alone_is_read_in_the_spelling_of_spark() -> None:
    step = {"sql_expr": "SELECT date_format(DATE '2024-03-09', 'dd.MM.yyyy') AS day FROM {df}"}
    assert transformer(step).execute(ROWS.head(1)).rows() == [("09.03.2024",)]


def test_functions_of_its_pipeline_are_steps_of_a_chain(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "import polars as pl\n\n\ndef doubled(frame):\n    return frame.select(pl.col('a') * 2)\n"
    )
    (tmp_path / "p.yaml").write_text(
        "name: p\nudfs: [{module_name: own, function_name: doubled}]\nnodes:\n"
        "- {name: n, source: {data: {a: [1]}}, transformer: {nodes: [{func_name: doubled}]}}\n"
    )
    with (tmp_path / "p.yaml").open() as file:
        made = models.Pipeline.model_validate_yaml(file)
    chain = made.nodes_dict["n"].transformer
    assert chain is not None
    assert chain.execute(ROWS).rows() == [(2,), (4,), (6,)]
