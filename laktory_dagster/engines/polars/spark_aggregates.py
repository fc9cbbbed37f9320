"""Spark's aggregates and window functions on Polars columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from laktory_dagster.engines.polars.scope import Scope
from laktory_dagster.engines.polars.spark_names import plain
from laktory_dagster.errors import ExpressionError

_SMALL = (pl.Int8, pl.Int16, pl.Int32, pl.UInt8, pl.UInt16, pl.UInt32)


@dataclass(frozen=True)
class Ranking:
    """A function of a row's place, which `over(..., order_by=...)` makes a column."""

    name: str
    buckets: int = 1

    def over(
        self,
        partition_by: Any = None,
        *more: Any,
        order_by: Any = None,
        descending: bool = False,
        nulls_last: bool = False,
    ) -> pl.Expr:
        """Return the column. Ties have one rank; `row_number` counts them on."""
        if order_by is None:
            raise ExpressionError(
                f"`F.{self.name}()` needs an order",
                expected=f'`F.{self.name}().over("key", order_by="time")`',
            )
        keys = list(order_by) if isinstance(order_by, list | tuple) else [order_by]
        order = [pl.col(key) if isinstance(key, str) else key for key in keys]
        groups = [pl.lit(1) if partition_by is None else partition_by, *more]
        ranked = self._ranked(order)
        return ranked.over(
            *groups, order_by=order, descending=descending, nulls_last=nulls_last
        ).alias(self.name)

    def _ranked(self, order: list[pl.Expr]) -> pl.Expr:
        """Return the rank among the rows of a group that are in order."""
        place, rows = pl.int_range(1, pl.len() + 1), pl.len()
        if self.name == "row_number":
            return place.cast(pl.Int32)
        if self.name == "ntile":
            return self._bucket(place - 1, rows).cast(pl.Int32)
        begins = (place == 1) | pl.any_horizontal(key.ne_missing(key.shift(1)) for key in order)
        if self.name == "dense_rank":
            return begins.cum_sum().cast(pl.Int32)
        least = pl.when(begins).then(place).forward_fill()
        if self.name == "rank":
            return least.cast(pl.Int32)
        if self.name == "percent_rank":
            share: pl.Expr = (least - 1) / (rows - 1)
            return pl.when(rows > 1).then(share).otherwise(0.0)
        last: pl.Expr = pl.when(begins.shift(-1, fill_value=True)).then(place).backward_fill()
        return last / rows

    def _bucket(self, place: pl.Expr, rows: pl.Expr) -> pl.Expr:
        """Return the bucket of `ntile`: the first ones hold one row more."""
        size, more = rows // self.buckets, rows % self.buckets
        in_larger = place < more * (size + 1)
        larger = place // (size + 1)
        smaller = (place - more) // pl.max_horizontal(size, 1)
        return pl.when(in_larger).then(larger).otherwise(smaller) + 1


def _count(value: pl.Expr) -> pl.Expr:
    if plain(value) is None:
        return pl.lit(0, dtype=pl.Int64)
    if value.meta.is_literal(allow_aliasing=True) or value.meta.has_multiple_outputs():
        return pl.len().cast(pl.Int64)
    return value.count().cast(pl.Int64)


def _count_distinct(*values: pl.Expr) -> pl.Expr:
    columns = [column for value in values for column in _listed(value)]
    if len(columns) == 1:
        return columns[0].drop_nulls().n_unique().cast(pl.Int64)
    complete = pl.all_horizontal(column.is_not_null() for column in columns)
    named = [column.alias(str(index)) for index, column in enumerate(columns)]
    return pl.struct(named).filter(complete).n_unique().cast(pl.Int64)


def _listed(value: Any) -> list[pl.Expr]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _is_float(scope: Scope, value: pl.Expr) -> bool:
    kind = scope.type_of(value)
    return kind is not None and kind.is_float()


def _max(scope: Scope, value: pl.Expr) -> pl.Expr:
    """Return the greatest value: NaN is greater than any number."""
    return value.nan_max() if _is_float(scope, value) else value.max()


def _max_by(scope: Scope, value: pl.Expr, by: pl.Expr) -> pl.Expr:
    greatest = value.max_by(by)
    if not _is_float(scope, by):
        return greatest
    is_nan = by.is_nan().fill_null(value=False)
    return pl.when(is_nan.any()).then(value.filter(is_nan).first()).otherwise(greatest)


def _doubled(function: Callable[..., pl.Expr]) -> Callable[..., pl.Expr]:
    """Return the function; of singles it takes doubles."""

    def doubled(scope: Scope, *values: Any) -> pl.Expr:
        return function(*[_double(scope, value) for value in values])

    return doubled


def _double(scope: Scope, value: Any) -> Any:
    is_single = isinstance(value, pl.Expr) and scope.type_of(value) == pl.Float32
    return value.cast(pl.Float64) if is_single else value


def _mean(scope: Scope, value: pl.Expr) -> pl.Expr:
    """Return the average; of decimals it has four digits more."""
    kind = scope.type_of(value)
    if not isinstance(kind, pl.Decimal):
        mean: pl.Expr = _double(scope, value).mean()
        return mean
    scale = min(kind.scale + 4, 38)
    total = value.cast(pl.Decimal(38, scale), strict=False).sum()
    count = value.count()
    precision = min((kind.precision or 38) + 4, 38)
    average: pl.Expr = total / pl.when(count > 0).then(count)
    return average.cast(pl.Decimal(precision, scale))


def _sum(scope: Scope, value: pl.Expr) -> pl.Expr:
    value = _double(scope, value)
    kind = scope.type_of(value)
    if isinstance(kind, _SMALL):
        value = value.cast(pl.Int64)
    total = value.sum()
    if isinstance(kind, pl.Decimal):
        total = total.cast(pl.Decimal(min((kind.precision or 38) + 10, 38), kind.scale))
    # Of no values the sum is null, as in SQL; Polars says 0.
    return pl.when(value.count() > 0).then(total)


def _try_sum(scope: Scope, value: pl.Expr) -> pl.Expr:
    """Return the sum; null where it is no long."""
    kind = scope.type_of(value)
    if kind is None or not kind.is_integer():
        return _sum(scope, value)
    return _sum(scope, value.cast(pl.Int128)).cast(pl.Int64, strict=False)


def _sum_distinct(scope: Scope, value: pl.Expr) -> pl.Expr:
    return _sum(scope, value.unique())


def _first(value: pl.Expr, ignorenulls: bool = False) -> pl.Expr:
    return value.first(ignore_nulls=ignorenulls)


def _last(value: pl.Expr, ignorenulls: bool = False) -> pl.Expr:
    return value.last(ignore_nulls=ignorenulls)


def _quantiles(value: pl.Expr, shares: Any, interpolation: Any, kind: Any) -> pl.Expr:
    """Return the value at a share of the rows, or a list of those at several."""
    shares = plain(shares)
    if not isinstance(shares, list | tuple | pl.Series):
        return value.quantile(shares, interpolation=interpolation).cast(kind)
    found = [value.quantile(share, interpolation=interpolation).cast(kind) for share in shares]
    return pl.when(value.count() > 0).then(pl.concat_list(found))


def _percentile(value: pl.Expr, share: Any, _frequency: Any = None) -> pl.Expr:
    return _quantiles(value, share, "linear", pl.Float64)


def _percentile_approx(scope: Scope, value: pl.Expr, share: Any, _accuracy: Any = None) -> pl.Expr:
    """Return the least value that so many of the rows do not exceed, in its own type."""
    return _quantiles(value, share, "equiprobable", scope.type_of(value) or pl.Float64)


def _moment(function: Callable[[pl.Expr], pl.Expr]) -> Callable[[pl.Expr], pl.Expr]:
    """Return a function that is null where all values are the same: they have no shape."""
    return lambda value: pl.when(value.var(ddof=0) != 0).then(function(value))


def _correlation(first: pl.Expr, second: pl.Expr) -> pl.Expr:
    complete = first.is_not_null() & second.is_not_null()
    both = [value.filter(complete) for value in (first, second)]
    vary = (both[0].var(ddof=0) != 0) & (both[1].var(ddof=0) != 0)
    return pl.when(vary).then(pl.corr(*both))


def _product(value: pl.Expr) -> pl.Expr:
    return pl.when(value.count() > 0).then(value.cast(pl.Float64).product())


def _listagg(value: pl.Expr, delimiter: Any = "") -> pl.Expr:
    return pl.when(value.count() > 0).then(value.cast(pl.String).str.join(plain(delimiter)))


def _shifted(sign: int) -> Callable[..., pl.Expr]:
    def shifted(value: pl.Expr, offset: int = 1, default: Any = None) -> pl.Expr:
        return value.shift(sign * offset, fill_value=default)

    return shifted


def _mode(value: pl.Expr, _deterministic: bool = False) -> pl.Expr:
    return value.drop_nulls().mode().min()


def _deviation(ddof: int) -> Callable[[pl.Expr], pl.Expr]:
    return lambda value: value.std(ddof=ddof)


def _variance(ddof: int) -> Callable[[pl.Expr], pl.Expr]:
    return lambda value: value.var(ddof=ddof)


AGGREGATES: Mapping[str, Callable[..., Any]] = {
    "any_value": _first,
    "approxCountDistinct": lambda value, rsd=None: _count_distinct(value),
    "approx_count_distinct": lambda value, rsd=None: _count_distinct(value),
    "array_agg": lambda value: value.drop_nulls().implode(),
    "bool_and": lambda value: pl.when(value.count() > 0).then(value.all()),
    "bool_or": lambda value: pl.when(value.count() > 0).then(value.any()),
    "collect_list": lambda value: value.drop_nulls().implode(),
    "collect_set": lambda value: value.drop_nulls().unique(maintain_order=True).implode(),
    "count": _count,
    "countDistinct": _count_distinct,
    "count_distinct": _count_distinct,
    "count_if": lambda value: value.sum().cast(pl.Int64),
    "cume_dist": lambda: Ranking("cume_dist"),
    "dense_rank": lambda: Ranking("dense_rank"),
    "every": lambda value: pl.when(value.count() > 0).then(value.all()),
    "first": _first,
    "first_value": _first,
    "lag": _shifted(1),
    "last": _last,
    "last_value": _last,
    "lead": _shifted(-1),
    "listagg": _listagg,
    "min": lambda value: value.min(),
    "min_by": lambda value, by: value.min_by(by),
    "mode": _mode,
    "ntile": lambda n: Ranking("ntile", n),
    "percent_rank": lambda: Ranking("percent_rank"),
    "rank": lambda: Ranking("rank"),
    "row_number": lambda: Ranking("row_number"),
    "some": lambda value: pl.when(value.count() > 0).then(value.any()),
    "string_agg": _listagg,
}

_OF_DOUBLES: Mapping[str, Callable[..., pl.Expr]] = {
    "corr": _correlation,
    "covar_pop": lambda first, second: pl.cov(first, second, ddof=0),
    "covar_samp": pl.cov,
    "kurtosis": _moment(lambda value: value.kurtosis()),
    "median": lambda value: value.median(),
    "percentile": _percentile,
    "product": _product,
    "skewness": _moment(lambda value: value.skew()),
    "std": _deviation(1),
    "stddev": _deviation(1),
    "stddev_pop": _deviation(0),
    "stddev_samp": _deviation(1),
    "var_pop": _variance(0),
    "var_samp": _variance(1),
    "variance": _variance(1),
}

SCOPED_AGGREGATES: Mapping[str, Callable[..., Any]] = {
    **{name: _doubled(function) for name, function in _OF_DOUBLES.items()},
    "approx_percentile": _percentile_approx,
    "avg": _mean,
    "max": _max,
    "max_by": _max_by,
    "mean": _mean,
    "percentile_approx": _percentile_approx,
    "sum": _sum,
    "sumDistinct": _sum_distinct,
    "sum_distinct": _sum_distinct,
    "try_sum": _try_sum,
}
