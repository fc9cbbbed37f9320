"""What a node stores as text comes back with the types and values that it had."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from laktory_dagster import models
from tests.engines.frames import collected

PLAIN = pl.DataFrame(
    {
        "code": ["007", 'a;"b"\nc', "", None],
        "n": [1, 2, 3, None],
        "price": [Decimal("1.50"), None, Decimal("-2.00"), Decimal("0.00")],
        "ratio": [1.5, None, 0.25, 1e300],
        "day": [date(2024, 2, 29), None, date(1999, 12, 31), date(2024, 1, 1)],
        "at": [datetime(2024, 1, 1, 5, 0, 0, 123456), None, None, None],  # noqa: DTZ001
        "zoned": [datetime(2024, 1, 1, 5), None, None, None],  # noqa: DTZ001
        "hour": [time(1, 2, 3), None, None, None],
        "ok": [True, False, None, None],
        "kind": ["x", "x", "y", "y"],
    },
    schema_overrides={"n": pl.UInt8, "zoned": pl.Datetime("us", "UTC"), "price": pl.Decimal(9, 2)},
)
NESTED = pl.DataFrame(
    {
        "code": ["01", "02"],
        "numbers": [[1, 2], None],
        "none": [[], []],
        "part": [{"a": 1, "b": "2024-01-01"}, None],
        "days": [[date(2024, 1, 1)], None],
        "moments": [[datetime(2024, 1, 1, 5, 0, 0, 123456), None], []],  # noqa: DTZ001
        "ticket": [{"at": datetime(2024, 1, 1, 5), "price": Decimal("1.50")}, None],  # noqa: DTZ001
        "parts": [[{"no": 7, "hour": time(1, 2, 3)}], None],
        "kind": ["x", "y"],
    },
    schema_overrides={
        "none": pl.List(pl.String),
        "moments": pl.List(pl.Datetime("us", "UTC")),
        "ticket": pl.Struct({"at": pl.Datetime("us"), "price": pl.Decimal(9, 2)}),
        "parts": pl.List(pl.Struct({"no": pl.UInt8(), "hour": pl.Time()})),
    },
)
CSV_OPTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"separator": ";", "null_value": "NA"},
    {"include_header": False},
    {"date_format": "%d/%m/%Y", "datetime_format": "%d.%m.%Y %H-%M-%S%.f"},
    {"decimal_comma": True, "separator": ";"},
    {"line_terminator": "\r\n"},
    {"sep": "|", "quote": "'"},
)


def pipeline_of(frame: pl.DataFrame, sink: dict[str, Any]) -> models.Pipeline:
    return models.Pipeline.model_validate(
        {
            "name": "p",
            "dataframe_type": "POLARS",
            "nodes": [
                {"name": "first", "source": {"df": frame}, "sink": sink},
                {"name": "second", "source": {"node_name": "first"}},
            ],
        }
    )


def assert_handed_over(frame: pl.DataFrame, sink: dict[str, Any]) -> None:
    with pipeline_of(frame, sink) as pipeline:
        pipeline.execute()
        for node in pipeline.nodes:
            found = collected(node.output_df)
            assert_frame_equal(found, frame, check_row_order=False)


@pytest.mark.parametrize("options", CSV_OPTIONS, ids=str)
def test_one_csv_file(tmp_path: Path, options: dict[str, Any]) -> None:
    sink = {"path": str(tmp_path / "t.csv"), "format": "CSV", "write_options": options}
    assert_handed_over(PLAIN, sink)


@pytest.mark.parametrize("form", ["JSON", "NDJSON"])
@pytest.mark.parametrize("frame", [PLAIN, NESTED], ids=["plain", "nested"])
def test_one_file_of_json_lines(tmp_path: Path, form: str, frame: pl.DataFrame) -> None:
    assert_handed_over(frame, {"path": str(tmp_path / "t.json"), "format": form})


@pytest.mark.parametrize("form", ["CSV", "NDJSON"])
@pytest.mark.parametrize("options", [{}, {"partition_by": ["kind"]}], ids=str)
def test_folders(tmp_path: Path, form: str, options: dict[str, Any]) -> None:
    sink = {"path": f"{tmp_path}/t/", "format": form, "write_options": options}
    assert_handed_over(PLAIN, sink)


def test_an_append_is_read_back_whole(tmp_path: Path) -> None:
    sink = {"path": f"{tmp_path}/t/", "format": "CSV", "mode": "APPEND"}
    with pipeline_of(PLAIN, sink) as pipeline:
        pipeline.execute()
        pipeline.execute()
        found = collected(pipeline.nodes_dict["second"].output_df)
    assert_frame_equal(found, pl.concat([PLAIN, PLAIN]), check_row_order=False)


def test_a_file_of_somebody_else_is_read_by_its_source_options(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("code;n\n007;1\n")
    source = {"path": str(tmp_path / "t.csv"), "format": "CSV", "read_options": {"separator": ";"}}
    with models.Pipeline.model_validate(
        {"name": "p", "dataframe_type": "POLARS", "nodes": [{"name": "x", "source": source}]}
    ) as pipeline:
        pipeline.execute()
        found = collected(pipeline.nodes_dict["x"].output_df)
    assert found.rows() == [(7, 1)]
