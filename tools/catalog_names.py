"""Write the names and parameters that expressions may use, read from the installed libraries.

    python tools/catalog_names.py        # rewrites laktory_dagster/expressions/catalog_data/*.json

Needs polars, narwhals and pyspark. A signature is a list of parameters, each with the marks
`*` (takes any number), `**` (any name), a leading `-` (by name only), a trailing `=` (has a
default) and a trailing `$` (a string given there names a column).
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import narwhals as nw
import polars as pl
from polars.lazyframe.group_by import LazyGroupBy
from pyspark.sql import Column, DataFrame, DataFrameNaFunctions, GroupedData
from pyspark.sql import functions as spark_functions
from sqlglot.expressions import FUNCTION_BY_NAME

TARGET = Path(__file__).resolve().parents[1] / "laktory_dagster/expressions/catalog_data"
PROBE = "probe_column"
OTHER = "other_column"

DENIED = re.compile(
    r"^_|map_|_map$|^map$|^pipe|^write|^sink_|^foreach|^collect(?!_list$|_set$)|serialize|^register|^inspect$"
    r"|^(?:cum_)?(?:fold|reduce)$|^(?:sql|sql_expr|expr|apply|applyIn|cogroup|defer|meta|remote)$"
    r"|udf|udtf|^call_|reflect|^java_method$|^broadcast$|InPandas|InArrow|^mapIn|^toPandas"
    r"|^to_(?:native|pandas|torch|numpy|jax|init_repr)$|^transformWith|^mergeInto$|^transform$"
    r"|checkpoint|Checkpoint|^pandas_api$|^execute$|^observe$|^profile|^show|^from_"
    r"|^glimpse$|^iter_"
)
ALLOWED_ANYWAY = {"map_from_arrays", "map_from_entries", "map_concat", "map_keys", "map_values"}
ALLOWED_ANYWAY |= {"map_contains_key", "map_entries", "from_json", "from_csv", "from_epoch"}
ALLOWED_ANYWAY |= {"from_utc_timestamp", "from_unixtime", "from_avro", "from_protobuf", "from_xml"}
ALLOWED_ANYWAY |= {
    "create_map",
    "str_to_map",
    "bitmap_and_agg",
    "bitmap_bit_position",
    "bitmap_count",
}
ALLOWED_ANYWAY |= {"bitmap_bucket_number", "bitmap_construct_agg", "bitmap_or_agg"}


LEFT_OUT = {"eager", "allow_object"}
"""Parameters that would compute at once, or hold Python objects."""


def is_denied(name: str) -> bool:
    """Return whether a name never enters the catalogue."""
    return name not in ALLOWED_ANYWAY and DENIED.search(name) is not None


def parameters(function: Callable[..., Any], *, bound: bool) -> list[inspect.Parameter]:
    """Return the parameters without `self`."""
    found = list(inspect.signature(function).parameters.values())
    return found[1:] if bound else found


def encode(function: Callable[..., Any], columns: Iterable[str] = (), *, bound: bool) -> list[str]:
    """Return the signature in the notation of the module's docstring."""
    marks = []
    for parameter in parameters(function, bound=bound):
        if parameter.name in LEFT_OUT:
            continue
        prefix = {
            inspect.Parameter.VAR_POSITIONAL: "*",
            inspect.Parameter.VAR_KEYWORD: "**",
            inspect.Parameter.KEYWORD_ONLY: "-",
        }.get(parameter.kind, "")
        suffix = "" if parameter.default is inspect.Parameter.empty else "="
        suffix += "$" if parameter.name in columns else ""
        marks.append(prefix + parameter.name + suffix)
    return marks


def returns(function: Any, wanted: str) -> bool:
    """Return whether the annotation of the result names one of the wanted types."""
    annotation = getattr(function, "__annotations__", {}).get("return", "")
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
    return re.search(rf"\b(?:{wanted})\b", text) is not None


def takes_columns(
    build: Callable[..., Any],
    found: list[inspect.Parameter],
    reads: Callable[[Any], set[str]],
    column: Callable[[str], Any],
) -> list[str]:
    """Return the parameters in which a string turns out to name a column."""
    columns = []
    for probed in found:
        given, named = probe_call(found, probed, column)
        try:
            if PROBE in reads(build(*given, **named)):
                columns.append(probed.name)
        except Exception:  # noqa: BLE001 - what refuses the string takes no column there
            continue
    return columns


def probe_call(
    found: list[inspect.Parameter], probed: inspect.Parameter, column: Callable[[str], Any]
) -> tuple[list[Any], dict[str, Any]]:
    """Return arguments with the probe in one parameter and something fitting in the required."""
    named: dict[str, Any] = {}
    given: list[Any] = []
    several = probed.kind is inspect.Parameter.VAR_POSITIONAL
    for parameter in found:
        if parameter is probed:
            value: Any = PROBE
        elif parameter.default is not inspect.Parameter.empty or parameter.kind in (
            inspect.Parameter.VAR_POSITIONAL,
            inspect.Parameter.VAR_KEYWORD,
        ):
            continue
        else:
            text = str(parameter.annotation)
            value = column(OTHER) if "Expr" in text else 1 if "int" in text else "1d"
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            named["output"] = value
        elif several or parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
            given.append(value)
        else:
            named[parameter.name] = value
    return given, named


def polars_reads(expression: Any) -> set[str]:
    """Return the root columns of a Polars expression."""
    if not isinstance(expression, pl.Expr):
        expression = expression.otherwise(1) if hasattr(expression, "otherwise") else expression
    if not isinstance(expression, pl.Expr):
        expression = expression.then(1).otherwise(1)
    return set(expression.meta.root_names())


_FRAME = nw.from_native(pl.LazyFrame({OTHER: [1]}))


def narwhals_reads(expression: Any) -> set[str]:
    """Return the probe if Narwhals misses it in a frame that has not got it."""
    if not isinstance(expression, nw.Expr) and not hasattr(expression, "otherwise"):
        expression = expression.then(1)
    try:
        _FRAME.select(expression).collect_schema()
    except nw.exceptions.ColumnNotFoundError as error:
        return {PROBE} if f'"{PROBE}"' in str(error) else set()
    return set()


def functions_of(
    module: Any,
    wanted: str,
    reads: Callable[[Any], set[str]] | None,
    column: Callable[[str], Any] | None,
) -> dict[str, list[str]]:
    """Return the public functions of a module that give an expression."""
    found = {}
    for name in sorted(dir(module)):
        function = getattr(module, name)
        if is_denied(name) or not inspect.isfunction(function) or not returns(function, wanted):
            continue
        columns = column_parameters(function, bound=False)
        if reads is not None and column is not None:
            columns = takes_columns(function, parameters(function, bound=False), reads, column)
        found[name] = encode(function, columns, bound=False)
    return found


def column_parameters(function: Callable[..., Any], *, bound: bool) -> list[str]:
    """Return the parameters annotated as column or name of a column."""
    return [
        parameter.name
        for parameter in parameters(function, bound=bound)
        if "ColumnOrName" in str(parameter.annotation)
    ]


def methods_of(owner: Any, wanted: str | None, prefix: str = "") -> dict[str, list[str]]:
    """Return the public methods of a class by name, signatures without columns."""
    found = {}
    for name in sorted(dir(owner)):
        method = inspect.getattr_static(owner, name)
        method = getattr(method, "__func__", method)
        if is_denied(name) or not inspect.isfunction(method):
            continue
        if wanted is None or returns(method, wanted):
            found[prefix + name] = encode(method, bound=True)
    return found


def expression_methods(
    subject: Any,
    spaces: Iterable[str],
    reads: Callable[[Any], set[str]],
    column: Callable[[str], Any],
) -> dict[str, list[str]]:
    """Return the methods of an expression with those of its namespaces as `space.method`."""
    found = {}
    for space in ("", *spaces):
        owner = getattr(subject, space) if space else subject
        for name in methods_of(type(owner), "Expr|ExprT|ChainedThen|Then|ChainedWhen|When|Self"):
            method = getattr(owner, name)
            columns = takes_columns(method, parameters(method, bound=False), reads, column)
            key = f"{space}.{name}" if space else name
            found[key] = encode(method, columns, bound=False)
    return found


def data_types(module: Any, base: type) -> list[str]:
    """Return the names of the data types a module offers."""
    return sorted(
        name
        for name in dir(module)
        if isinstance(kind := getattr(module, name), type)
        and issubclass(kind, base)
        and not is_denied(name)
        and name not in ("DataType", "BaseExtension", "Extension", "Object", "Unknown")
    )


def polars_catalog() -> dict[str, Any]:
    """Return what Polars offers."""
    subject = pl.col(OTHER)
    functions = functions_of(pl, "Expr|When", polars_reads, pl.col)
    functions["col"] = ["name$", "*more_names$"]
    functions["sql_expr"] = ["sql"]
    spaces = ("str", "dt", "list", "struct", "arr", "cat", "bin", "name")
    methods = expression_methods(subject, spaces, polars_reads, pl.col)
    methods |= when_methods(pl.when(True), polars_reads, pl.col)
    return {
        "functions": functions,
        "types": [*data_types(pl, pl.DataType), "Field"],
        "selectors": methods_of_module(pl.selectors),
        "methods": methods,
        "lazy": methods_of(pl.LazyFrame, "LazyFrame|LazyGroupBy"),
        "eager": methods_of(pl.DataFrame, "DataFrame|GroupBy|DynamicGroupBy|RollingGroupBy"),
        "grouped": methods_of(LazyGroupBy, "LazyFrame|LazyGroupBy"),
        "sql": sql_functions(),
    }


MORE_SQL_NAMES = """acosd asind atan2d atand cosd cotd sind tand array_get array_lower array_mean
array_upper array_unique bitand bitnot bitor bitxor date_part ifnull log1p octet_length quantile_cont
quantile_disc stdev stdev_samp string_to_array strpos var_samp covar columns char_length nth_value
div mod pow range strftime strptime var trunc truncate log"""
SQL_SYNTAX = ["cast", "extract", "position", "try_cast"]


def sql_functions() -> list[str]:
    """Return the functions that Polars SQL knows, of all that any dialect or Spark knows."""
    names = {*FUNCTION_BY_NAME, *dir(spark_functions), *MORE_SQL_NAMES.split()}
    known = {n.lower() for n in names if re.fullmatch(r"[A-Za-z]\w+", n) and _knows_sql(n)}
    return sorted({name for name in known if "user" not in name} | {*SQL_SYNTAX})


def _knows_sql(name: str) -> bool:
    try:
        pl.sql_expr(f"{name}(a)")
    except Exception as error:  # noqa: BLE001 - a known function complains of its arguments only
        text = str(error)
        return not re.search(
            "unsupported function|parser error|unable to parse|found '|currently support", text
        )
    return True


def when_methods(
    start: Any, reads: Callable[[Any], set[str]], column: Callable[[str], Any]
) -> dict[str, list[str]]:
    """Return `then`, `when` and `otherwise` as if they were methods of an expression."""
    then = start.then(1)
    found = {}
    for owner, name in ((start, "then"), (then, "when"), (then, "otherwise")):
        method = getattr(owner, name, None)
        if method is not None:
            columns = takes_columns(method, parameters(method, bound=False), reads, column)
            found[name] = encode(method, columns, bound=False)
    return found


def methods_of_module(module: Any) -> dict[str, list[str]]:
    """Return the selectors of a `selectors` module."""
    return {
        name: encode(function, bound=False)
        for name in sorted(dir(module))
        if not is_denied(name)
        and inspect.isfunction(function := getattr(module, name))
        and returns(function, "Selector")
    }


def narwhals_catalog() -> dict[str, Any]:
    """Return what Narwhals offers."""
    subject = nw.col(OTHER)
    functions = functions_of(nw, "Expr|When", narwhals_reads, nw.col)
    spaces = ("str", "dt", "list", "struct", "cat", "name")
    methods = expression_methods(subject, spaces, narwhals_reads, nw.col)
    methods |= when_methods(nw.when(nw.col(OTHER) > 0), narwhals_reads, nw.col)
    methods["over"] = ["*partition_by$", "-order_by=$"]
    return {
        "functions": functions,
        "types": [*data_types(nw, nw.dtypes.DType), "Field"],
        "selectors": methods_of_module(nw.selectors),
        "methods": methods,
        "lazy": methods_of(nw.LazyFrame, "LazyFrame|LazyGroupBy|Self"),
        "eager": {},
        "grouped": {"agg": ["*aggs", "**named_aggs"]},
    }


def spark_catalog() -> dict[str, Any]:
    """Return what PySpark offers."""
    functions = functions_of(spark_functions, "Column", None, None)
    functions["expr"] = ["str"]
    frame = methods_of(DataFrame, "DataFrame|GroupedData")
    frame |= methods_of(DataFrameNaFunctions, "DataFrame", "na.")
    return {
        "functions": functions,
        "types": [],
        "selectors": {},
        "methods": methods_of(Column, "Column"),
        "lazy": frame,
        "eager": {},
        "grouped": methods_of(GroupedData, "DataFrame|GroupedData"),
    }


def main() -> None:
    """Write one JSON file per library."""
    TARGET.mkdir(exist_ok=True)
    libraries = {
        "polars": polars_catalog,
        "narwhals": narwhals_catalog,
        "spark": spark_catalog,
    }
    for name, build in libraries.items():
        text = json.dumps(build(), separators=(",", ":"), sort_keys=True)
        (TARGET / f"{name}.json").write_text(text.replace("],", "],\n") + "\n")


if __name__ == "__main__":
    main()
