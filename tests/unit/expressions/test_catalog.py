"""The catalogue holds what the libraries have, and nothing that runs code or leaves the frame."""

from __future__ import annotations

import narwhals as nw
import polars as pl
import pytest

from laktory_dagster.expressions import catalog
from laktory_dagster.expressions.catalog import Signature

DANGEROUS = [
    "collect",
    "collect_async",
    "foreach",
    "foreachPartition",
    "from_native",
    "inspect",
    "map_batches",
    "map_elements",
    "mapInPandas",
    "pipe",
    "read_csv",
    "scan_parquet",
    "serialize",
    "sink_parquet",
    "sql",
    "to_native",
    "toPandas",
    "transform",
    "write",
    "write_csv",
    "writeStream",
]


@pytest.mark.parametrize("name", DANGEROUS)
def test_dangerous_names_are_nowhere(name: str) -> None:
    for engine in ("polars", "spark", "narwhals"):
        assert name not in catalog.frame_methods(engine)
    for root in ("pl", "nw"):
        assert name not in catalog.expression_functions(root)
        assert name not in catalog.expression_methods(root)


@pytest.mark.parametrize("name", ["udf", "pandas_udf", "reflect", "java_method", "call_function"])
def test_spark_functions_that_run_code_are_left_out(name: str) -> None:
    assert name not in catalog.expression_functions("F")
    assert catalog.is_refused(name) or name == "call_function"


@pytest.mark.parametrize("name", ["map_elements", "str.__class__", "write_delta", "rolling_map"])
def test_refused_names_are_known_as_such(name: str) -> None:
    assert catalog.is_refused(name)


@pytest.mark.parametrize("name", ["sum", "str.contains", "with_columns", "filter"])
def test_ordinary_names_are_not_refused(name: str) -> None:
    assert not catalog.is_refused(name)


def test_polars_frame_methods_exist() -> None:
    from polars.lazyframe.group_by import LazyGroupBy

    for name in catalog.frame_methods("polars").keys() - {
        "approx_n_unique",
        "melt",
        "with_row_count",
    }:
        assert any(hasattr(owner, name) for owner in (pl.LazyFrame, pl.DataFrame, LazyGroupBy))


def test_polars_expression_methods_exist() -> None:
    column = pl.col("a")
    for name in catalog.expression_methods("pl"):
        if name.startswith("laktory.") or name in ("then", "when", "otherwise"):
            continue
        found = column
        for part in name.split("."):
            found = getattr(found, part)
        assert callable(found)


def test_polars_functions_and_types_exist() -> None:
    for name in catalog.expression_functions("pl"):
        if "laktory" not in name:
            owner = pl.selectors if name.startswith("selectors.") else pl
            assert callable(getattr(owner, name.removeprefix("selectors.")))
    for name in catalog.data_types("pl"):
        assert hasattr(pl, name)


def test_narwhals_functions_exist() -> None:
    for name in catalog.expression_functions("nw"):
        # The reference adds `sql_expr` to the library.
        if "." not in name and name != "sql_expr":
            assert callable(getattr(nw, name))


@pytest.mark.parametrize(
    ("engine", "method"),
    [
        ("polars", "with_columns"),
        ("polars", "join"),
        ("polars", "group_by"),
        ("polars", "agg"),
        ("polars", "sample"),
        ("spark", "withColumn"),
        ("spark", "dropDuplicates"),
        ("spark", "groupBy"),
        ("spark", "pivot"),
        ("spark", "na.fill"),
        ("narwhals", "with_columns"),
        ("narwhals", "agg"),
    ],
)
def test_frame_methods(engine: catalog.FrameEngine, method: str) -> None:
    assert method in catalog.frame_methods(engine)


def test_eager_and_grouped_methods_are_told_apart() -> None:
    assert "transpose" in catalog.eager_methods("polars")
    assert "filter" not in catalog.eager_methods("polars")
    assert "agg" in catalog.grouped_methods("polars")
    assert "filter" not in catalog.grouped_methods("polars")


def test_methods_of_a_bare_column_are_those_of_every_library() -> None:
    names = catalog.expression_methods("col")
    assert {"isNull", "is_null", "str.to_uppercase"} <= names
    assert "isNull" not in catalog.expression_methods("pl")


JOIN = Signature(("other",), ("on", "how"), keyword_only=frozenset({"how"}))


@pytest.mark.parametrize(
    ("args", "kwargs", "problem"),
    [
        (1, [], None),
        (2, ["how"], None),
        (0, ["other"], None),
        (0, [], "needs the argument `other`"),
        (3, [], "takes at most 2 positional arguments, 3 given"),
        (1, ["other"], "gets the argument `other` twice"),
        (1, ["hwo"], "has no argument `hwo`; did you mean `how`?"),
        (1, ["x"], "has no argument `x`"),
    ],
)
def test_signature_problems(args: int, kwargs: list[str], problem: str | None) -> None:
    assert JOIN.problem(args, kwargs) == problem


def test_open_signatures_take_anything() -> None:
    anything = Signature((), (), var_args=True, var_kwargs=True, var_args_name="exprs")
    assert anything.problem(7, ["a", "b"]) is None
    assert anything.parameter_at(5) == "exprs"


def test_parameters_that_compute_at_once_are_left_out() -> None:
    signature = catalog.function_signatures("pl")["date_range"]
    assert "eager" not in signature.optional


def test_columns_among_the_parameters() -> None:
    functions = catalog.function_signatures("pl")
    assert functions["sum"].columns == {"names"}
    assert functions["lit"].columns == frozenset()
    over = catalog.method_signatures("pl", "over")[0]
    assert {"partition_by", "order_by"} <= over.columns


@pytest.mark.parametrize("name", ["abs", "strpos", "array_agg", "cast", "date_trunc", "strftime"])
def test_sql_functions_of_polars(name: str) -> None:
    assert name in catalog.sql_functions()


@pytest.mark.parametrize("name", ["nvl", "repeat", "md5", "read_csv", "struct"])
def test_sql_functions_that_polars_has_not(name: str) -> None:
    assert name not in catalog.sql_functions()


def test_every_name_of_spark_is_in_the_spark_that_is_installed() -> None:
    """What `validate` lets pass has to be there when the pipeline runs."""
    from pyspark.sql import DataFrame, GroupedData
    from pyspark.sql import functions as spark

    names = catalog.expression_functions("F") - {
        n for n in catalog.expression_functions("F") if "laktory" in n
    }
    assert [name for name in sorted(names) if not hasattr(spark, name)] == []
    methods = [name for name in catalog.frame_methods("spark") if not name.startswith("na.")]
    assert [n for n in methods if not hasattr(DataFrame, n) and not hasattr(GroupedData, n)] == []


@pytest.mark.parametrize("name", ["create_map", "str_to_map", "from_xml", "bitmap_count"])
def test_functions_of_maps_are_none_that_run_code(name: str) -> None:
    assert name in catalog.expression_functions("F")


@pytest.mark.parametrize("name", ["hmac", "vector_sum", "jaro_winkler_similarity"])
def test_functions_of_later_versions_of_spark_are_unknown(name: str) -> None:
    assert name not in catalog.expression_functions("F")
