"""What of `pl.` and `nw.` the Spark engine lacks is named before a run."""

from __future__ import annotations

import pytest

from laktory_dagster.engines.spark import expressions, polars_columns
from laktory_dagster.expressions import catalog
from laktory_dagster.expressions.polars_on_spark import (
    MORE_FUNCTIONS,
    MORE_METHODS,
    missing_on_spark,
)
from laktory_dagster.expressions.python import parse_argument
from laktory_dagster.models import Pipeline
from laktory_dagster.project import plan_of


def test_the_lists_are_what_the_engine_implements() -> None:
    own = {*polars_columns.METHODS, *polars_columns.AS_NARWHALS, *expressions._TIME_METHODS}
    assert {*own, *expressions._SAME_MEANING} - catalog.expression_methods("nw") == MORE_METHODS
    functions = {name for name in polars_columns.FUNCTIONS if "." not in name}
    assert functions - set(catalog.expression_functions("nw")) == MORE_FUNCTIONS


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("pl.col('a').hash() + 1", (".hash",)),
        ("nw.col('a').str.replace('a', 'b')", (".str.replace",)),
        ("pl.when(pl.col('a').is_not_null()).then(pl.int_range(3))", ("pl.int_range",)),
        ("pl.col('a').dt.strftime('%Y').str.to_uppercase().alias('b')", ()),
        ("pl.col('a').cast(pl.Float64, strict=False).sum().over('g')", ()),
        ("pl.col('a').cum_sum() + 1", (".cum_sum() without over(order_by=...)",)),
        ("nw.col('a').first().over('g')", (".first() without over(order_by=...)",)),
        ("(pl.col('a').shift(1) + pl.col('a').last()).over('g', order_by='t')", ()),
        ("nw.col('a').first(order_by='t')", ()),
        (
            "pl.col('a').fill_null(0) + pl.col('a').fill_null(strategy='forward')",
            (".fill_null(strategy=...) without over(order_by=...)",),
        ),
        ("pl.col('a').rank('ordinal').over('g', order_by='t')", (".rank().over(order_by=...)",)),
        ("pl.col('a').rank('ordinal').over('g')", ()),
        ("pl.col('a').quantile(0.5)", ('.quantile(interpolation="nearest")',)),
        ("pl.col('a').quantile(0.5, 'linear')", ()),
        (
            "pl.col('a').dt.convert_time_zone('Asia/Tokyo')",
            ('.dt.convert_time_zone("Asia/Tokyo")',),
        ),
        ("pl.col('a').dt.convert_time_zone('UTC').dt.replace_time_zone(None)", ()),
        ("(F.col('a') + pl.lit(1)).eqNullSafe(F.lit(2))", ()),
    ],
)
def test_what_has_no_equal_is_found(text: str, missing: tuple[str, ...]) -> None:
    expression = parse_argument(text)
    assert expression is not None
    assert missing_on_spark(expression) == missing


def test_validate_names_it() -> None:
    node = {
        "name": "n",
        "source": {"path": "in.jsonl", "format": "JSONL"},
        "transformer": {"nodes": [{"with_column": {"name": "c", "expr": "pl.col('a').hash()"}}]},
    }
    plan_of(Pipeline(name="p", dataframe_type="POLARS", nodes=[node]))
    with pytest.raises(Exception, match=r"`\.hash` has no equal on spark"):
        plan_of(Pipeline(name="p", dataframe_type="SPARK", nodes=[node]))
