"""Numbers with a point in SQL of a pipeline that declares Polars, and casts of either strictness."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from laktory_dagster import models

ROWS = pl.DataFrame({"n": [3, None], "x": [1.5, 2.0], "s": ["2024-03-01T08:00:00", "no"]})


def computed(step: dict[str, Any], **keys: Any) -> pl.Series:
    node = {"name": "x", "source": {"df": ROWS}, "transformer": {"nodes": [step]}}
    pipeline = models.Pipeline.model_validate({"name": "p", "nodes": [node], **keys})
    pipeline.execute(write_sinks=False)
    return pipeline.nodes_dict["x"].output_df.collect()["o"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1.5", [1.5, 1.5]),
        ("-0.5", [-0.5, -0.5]),
        ("n * 1.5", [4.5, None]),
        ("n / 60.0", [0.05, None]),
        ("ROUND(n * 1.0 / 7, 2)", [0.43, None]),
        ("COALESCE(n, 0.5)", [3.0, 0.5]),
        ("CASE WHEN n > 1 THEN 1.5 ELSE 0 END", [1.5, 0.0]),
    ],
)
def test_numbers_with_a_point_are_floats_in_polars_sql(
    expression: str, expected: list[float | None]
) -> None:
    query = {"expr": f"SELECT {expression} AS o FROM {{df}}"}
    found = computed(query, dataframe_backend="POLARS")
    assert found.dtype == pl.Float64
    assert found.to_list() == pytest.approx(expected)


def test_they_stay_exact_where_a_decimal_is_asked_for() -> None:
    query = {"expr": "SELECT CAST(0.125 AS DECIMAL(10, 3)) AS o FROM {df}"}
    assert computed(query, dataframe_backend="POLARS").to_list() == [Decimal("0.125")] * 2


def test_a_quantile_takes_its_share_as_it_is() -> None:
    query = {"expr": "SELECT QUANTILE_CONT(x, 0.5) AS o FROM {df}"}
    assert computed(query, dataframe_backend="POLARS").to_list() == [1.75]


@pytest.mark.parametrize("strict", ["", ", strict=False", ", strict=True"])
def test_a_cast_gives_null_for_what_does_not_fit(strict: str) -> None:
    step = {"func_name": "select", "func_kwargs": {"o": f"pl.col('s').cast(pl.Datetime{strict})"}}
    found = computed(step, dataframe_backend="POLARS").dt.replace_time_zone(None)
    assert found.to_list() == [datetime(2024, 3, 1, 8), None]  # noqa: DTZ001


@pytest.mark.parametrize(("method", "expected"), [("head()", "2024-"), ("tail()", "00:00")])
def test_head_and_tail_of_texts_are_five_characters(method: str, expected: str) -> None:
    step = {"func_name": "select", "func_kwargs": {"o": f"nw.col('s').str.{method}"}}
    assert computed(step, dataframe_backend="POLARS").to_list() == [expected, "no"]
