"""Casts from any type to any other with one meaning: what does not fit becomes null.

Times are UTC; numbers cast to times are seconds since 1970, as on Spark.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import polars as pl

from laktory_dagster.engines.polars.schemas import portable
from laktory_dagster.errors import TransformError

UTC_TIMESTAMP = pl.Datetime("us", "UTC")

_TRUE = ("true", "t", "yes", "y", "1")
_FALSE = ("false", "f", "no", "n", "0")
_NESTED = (pl.List, pl.Array, pl.Struct)
_ISO_DATE = r"^(\d{4}-\d{1,2}-\d{1,2})(?:[ T].*)?$"
_YEAR_OR_MONTH = r"^(\d{4})(?:-(\d{1,2}))?$"
_TIME_PATTERNS = (
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S%.fZ",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%d",
    "%Y-%m-%dT%H:%M:%S%.f%#z",
    None,
)
"""Spellings of a time, common ones first; None for all others."""
_SAMPLE = 20
_ISO_TIME = r"^(\d{4}-\d{1,2}-\d{1,2})[ T](\d{1,2}:\d{2})(:\d{2}(?:\.\d+)?)?\s*(\S+)?$"


def cast_to(value: pl.Expr, source: pl.DataType, target: pl.DataType) -> pl.Expr:
    """Return the value as `target`; a single value that does not fit is null.

    Args:
        value: an expression of type `source`.
        source: its type.
        target: the type wanted.

    Raises:
        TransformError: no value of the one type can be one of the other.
    """
    if source == target or source == pl.Null:
        return value if source == target else value.cast(target)
    if isinstance(target, _NESTED):
        return _to_nested(value, source, target)
    if isinstance(source, _NESTED) and target != pl.String:
        raise _impossible(source, target)
    if isinstance(source, pl.Categorical | pl.Enum):
        return cast_to(value.cast(pl.String), pl.String(), target)
    if isinstance(target, pl.Datetime):
        return _to_timestamp(value, source, target)
    convert = _CONVERSIONS.get(type(target))
    if convert is not None:
        return convert(value, source)
    return _to_number(value, source, target)


def cast_unknown(value: pl.Expr, target: pl.DataType) -> pl.Expr:
    """Return the value as `target` whatever simple type it has: by way of its text.

    A number is not read as a time, since nobody can tell whether it counts seconds.
    """
    if target == pl.Date:
        return text_to_date(value.cast(pl.String))
    if isinstance(target, pl.Datetime):
        return _to_timestamp(value.cast(pl.String), pl.String(), target)
    if target == pl.Boolean:
        return _to_boolean(value.cast(pl.String), pl.String())
    return value.cast(target, strict=False)


def text_to_date(text: pl.Expr) -> pl.Expr:
    """Return the date at the start of an ISO text, null where there is none."""
    trimmed = text.str.strip_chars()
    month = trimmed.str.extract(_YEAR_OR_MONTH, 2).fill_null("1")
    first = pl.concat_str(trimmed.str.extract(_YEAR_OR_MONTH, 1), month, pl.lit("1"), separator="-")
    day = pl.coalesce(trimmed.str.extract(_ISO_DATE, 1), first)
    return day.str.to_date("%Y-%m-%d", strict=False)


def text_to_timestamp(text: pl.Expr) -> pl.Expr:
    """Return the time of an ISO text in UTC, null where there is none.

    The time may be missing, or its seconds; a text without a zone is UTC.
    """
    return text.map_batches(_times_of, return_dtype=UTC_TIMESTAMP, is_elementwise=True)


def _times_of(texts: pl.Series) -> pl.Series:
    """Try one spelling after another, each on what those before it left: most data has just one."""
    texts = texts.str.strip_chars()
    found = pl.Series(texts.name, [None], dtype=UTC_TIMESTAMP).new_from_index(0, len(texts))
    for pattern in _likely_first(texts):
        open_ones = found.is_null() & texts.is_not_null()
        if not open_ones.any():
            return found
        rest = texts.set(~open_ones, None)
        found = found.zip_with(~open_ones, _parsed_times(rest, pattern))
    return found


def _likely_first(texts: pl.Series) -> Sequence[str | None]:
    """Return the spellings, those that fit the first texts best in front."""
    sample = texts.drop_nulls().head(_SAMPLE)
    if sample.is_empty():
        return ()
    return sorted(
        _TIME_PATTERNS, key=lambda p: _parsed_times(sample, p).null_count() if p else _SAMPLE + 1
    )


def _parsed_times(texts: pl.Series, pattern: str | None) -> pl.Series:
    if pattern is not None:
        return texts.str.to_datetime(
            pattern, strict=False, time_unit="us", time_zone="UTC" if "%#z" in pattern else None
        ).cast(UTC_TIMESTAMP)
    frame = pl.DataFrame({"text": texts})
    text = pl.col("text")
    seconds = text.str.extract(_ISO_TIME, 3).fill_null(":00")
    zone = text.str.extract(_ISO_TIME, 4).replace(["Z", "UTC", "z"], "+00:00").fill_null("+00:00")
    parts = [text.str.extract(_ISO_TIME, 1), pl.lit(" "), text.str.extract(_ISO_TIME, 2)]
    whole = pl.concat_str(*parts, seconds, zone).str.to_datetime(
        "%Y-%m-%d %H:%M:%S%.f%#z", strict=False, time_unit="us", time_zone="UTC"
    )
    return frame.select(whole).to_series()


def _to_number(value: pl.Expr, source: pl.DataType, target: pl.DataType) -> pl.Expr:
    """Return a value as a number, or as one of the types that Polars itself casts to."""
    if isinstance(source, pl.Datetime) and target.is_float():
        micros = value.dt.epoch("us")
        return (micros // 1_000_000 + (micros % 1_000_000) / 1_000_000).cast(target)
    if isinstance(source, pl.Datetime) and target.is_numeric():
        return value.dt.epoch("s").cast(target, strict=False)
    if source == pl.String and isinstance(target, pl.Decimal):
        return _to_decimal(value.str.strip_chars(), target)
    if isinstance(target, pl.Decimal) and (source.is_float() or source.is_decimal()):
        exact = value
        if source.is_float():
            exact = value.cast(pl.Decimal(38, min(target.scale + 4, 37)), strict=False)
        rounded = exact.round(target.scale, mode="half_away_from_zero")
        return rounded.cast(target, strict=False)
    if source == pl.String and target.is_numeric():
        return value.str.strip_chars().cast(target, strict=False)
    return value.cast(target, strict=False)


def _to_decimal(text: pl.Expr, target: pl.Decimal) -> pl.Expr:
    """Return the number with halves rounded up; Polars alone would cut digits off."""
    whole = (target.precision or 38) - target.scale
    exact = text.cast(pl.Decimal(38, max(38 - whole - 1, target.scale)), strict=False)
    return exact.round(target.scale, mode="half_away_from_zero").cast(target, strict=False)


def _to_time(value: pl.Expr, source: pl.DataType) -> pl.Expr:
    if source == pl.String:
        return value.str.strip_chars().str.to_time("%H:%M:%S%.f", strict=False)
    return value.cast(pl.Time, strict=False)


def _to_boolean(value: pl.Expr, source: pl.DataType) -> pl.Expr:
    if source == pl.String:
        word = value.str.strip_chars().str.to_lowercase()
        return (
            pl.when(word.is_in(_TRUE))
            .then(pl.lit(value=True))
            .when(word.is_in(_FALSE))
            .then(pl.lit(value=False))
        )
    if source.is_numeric():
        return value != 0
    if source == pl.Boolean:
        return value
    raise _impossible(source, pl.Boolean())


def _to_date(value: pl.Expr, source: pl.DataType) -> pl.Expr:
    if source == pl.String:
        return text_to_date(value)
    if isinstance(source, pl.Datetime):
        return _in_utc(value, source).dt.date()
    raise _impossible(source, pl.Date())


def _to_timestamp(value: pl.Expr, source: pl.DataType, target: pl.Datetime) -> pl.Expr:
    if source == pl.String:
        moment = text_to_timestamp(value)
    elif isinstance(source, pl.Datetime):
        moment = _in_utc(value, source)
    elif source == pl.Date:
        moment = value.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    elif source.is_numeric():
        if source.is_float():
            micros = (value.cast(pl.Float64) * 1e6).round()
        else:
            micros = (value.cast(pl.Int64) if source.is_integer() else value) * 1_000_000
        moment = micros.cast(pl.Int64, strict=False).cast(UTC_TIMESTAMP)
    else:
        raise _impossible(source, target)
    if target.time_zone is None:
        moment = moment.dt.replace_time_zone(None)
    elif target.time_zone != "UTC":
        moment = moment.dt.convert_time_zone(target.time_zone)
    return moment.dt.cast_time_unit(target.time_unit)


def _in_utc(value: pl.Expr, source: pl.Datetime) -> pl.Expr:
    if source.time_zone is None:
        return value.dt.replace_time_zone("UTC")
    return value if source.time_zone == "UTC" else value.dt.convert_time_zone("UTC")


def _to_text(value: pl.Expr, source: pl.DataType) -> pl.Expr:
    if isinstance(source, pl.Datetime):
        text = _in_utc(value, source).dt.strftime("%Y-%m-%d %H:%M:%S%.f")
        return text.str.replace(r"(\.\d*[1-9])0+$", "$1")
    if source.is_float():
        return value.map_batches(_float_texts, return_dtype=pl.String, is_elementwise=True)
    if isinstance(source, pl.Struct):
        parts = [
            cast_to(value.struct.field(f.name), _instance(f.dtype), pl.String()).fill_null("null")
            for f in source.fields
        ]
        listed = pl.concat_str(pl.lit("{"), pl.concat_str(parts, separator=", "), pl.lit("}"))
        return pl.when(value.is_not_null()).then(listed)
    if isinstance(source, pl.List | pl.Array):
        inner = _instance(source.inner)
        items = value.arr.to_list() if isinstance(source, pl.Array) else value
        texts = items.list.eval(cast_to(pl.element(), inner, pl.String()).fill_null("null"))
        return pl.concat_str(pl.lit("["), texts.list.join(", "), pl.lit("]"))
    return value.cast(pl.String, strict=False)


_NAMED_FLOATS = {"inf": "Infinity", "-inf": "-Infinity"}


def _float_texts(values: pl.Series) -> pl.Series:
    """Return floats as Java writes them: `1.0E7` from ten millions on and below a thousandth."""
    texts = values.cast(pl.String)
    size = values.abs()
    far = ((size >= 1e7) | ((size < 1e-3) & (size != 0))) & values.is_not_nan()
    if not far.any():
        return texts
    written = {text: _in_java(text) for text in texts.filter(far).unique().drop_nulls()}
    return texts.zip_with(~far.fill_null(value=False), texts.replace(written))


def float_text(value: float) -> str:
    """Return a finite number as Java writes it."""
    is_far = value != 0 and not 1e-3 <= abs(value) < 1e7
    return _in_java(repr(value)) if is_far else repr(value)


def _in_java(text: str) -> str:
    if text in _NAMED_FLOATS:
        return _NAMED_FLOATS[text]
    number = Decimal(text).normalize()
    sign, digits, _ = number.as_tuple()
    shown = "".join(map(str, digits))
    return f"{'-' if sign else ''}{shown[0]}.{shown[1:] or '0'}E{number.adjusted()}"


def _to_nested(value: pl.Expr, source: pl.DataType, target: pl.DataType) -> pl.Expr:
    if isinstance(target, pl.Struct) and isinstance(source, pl.Struct):
        there = {field.name: _instance(field.dtype) for field in source.fields}
        fields = [
            cast_to(value.struct.field(field.name), there[field.name], _instance(field.dtype))
            if field.name in there
            else pl.lit(None, dtype=field.dtype).alias(field.name)
            for field in target.fields
        ]
        named = [field.alias(part.name) for field, part in zip(fields, target.fields, strict=True)]
        return pl.when(value.is_not_null()).then(pl.struct(*named))
    if isinstance(source, pl.List | pl.Array) and isinstance(target, pl.List):
        inner = _instance(source.inner)
        items = value.arr.to_list() if isinstance(source, pl.Array) else value
        return items.list.eval(cast_to(pl.element(), inner, _instance(target.inner)))
    if isinstance(source, pl.List | pl.Array) and isinstance(target, pl.Array):
        return value.cast(target, strict=False)
    raise _impossible(source, target)


def _instance(dtype: Any) -> pl.DataType:
    found: pl.DataType = dtype if isinstance(dtype, pl.DataType) else dtype()
    return found


def _impossible(source: pl.DataType, target: pl.DataType) -> TransformError:
    hint = "write `type: null` to keep the type it has" if target == pl.String else None
    if source == pl.String and isinstance(target, _NESTED):
        hint = "read the text with `F.from_json` or `.str.json_decode`, with `type: null`"
    return TransformError(f"{portable(source)} cannot be cast to {portable(target)}", hint=hint)


_CONVERSIONS: Mapping[type[pl.DataType], Callable[[pl.Expr, pl.DataType], pl.Expr]] = {
    pl.Boolean: _to_boolean,
    pl.Date: _to_date,
    pl.String: _to_text,
    pl.Time: _to_time,
}
