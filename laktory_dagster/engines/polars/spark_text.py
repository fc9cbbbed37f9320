"""Spark's functions of texts on Polars columns. Positions count characters from 1."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from laktory_dagster.engines.polars.scope import Scope
from laktory_dagster.engines.polars.spark_names import as_column, plain
from laktory_dagster.errors import ExpressionError


def text(value: Any) -> pl.Expr:
    """Return the value as a text."""
    column: pl.Expr = as_column(value)
    return column.cast(pl.String)


def like_pattern(pattern: str, escape: str = "\\") -> str:
    """Return the regular expression of a LIKE pattern: `%` any text, `_` any sign."""
    parts, quoted = [], False
    for sign in pattern:
        if quoted or sign not in (escape, "%", "_"):
            parts.append(re.escape(sign))
            quoted = False
        elif sign == escape:
            quoted = True
        else:
            parts.append(".*" if sign == "%" else ".")
    return f"(?s)^{''.join(parts)}$"


def substring(value: pl.Expr, start: Any, length: Any = None) -> pl.Expr:
    """Return a part of a text; a start below zero counts from the end."""
    value = text(value)
    length = plain(length)
    if isinstance(length, pl.Expr):
        # Without a length Polars would take all that is left.
        value, length = pl.when(length.is_not_null()).then(value), length.clip(lower_bound=0)
    if isinstance(length, int):
        length = max(length, 0)
    if isinstance(start, int):
        if start > 0:
            return value.str.slice(start - 1, length)
        if start == 0:
            return value.str.slice(0, length)
        if length is None:
            return value.str.slice(start)
        return _substring_from_end(value, start, length)
    offset = pl.when(start > 0).then(start - 1).otherwise(start).cast(pl.Int64)
    return value.str.slice(offset, length)


def _substring_from_end(value: pl.Expr, start: int, length: Any) -> pl.Expr:
    """A text shorter than the start loses what lies before it, as on Spark."""
    begin = value.str.len_chars().cast(pl.Int64) + start
    kept = (pl.lit(length) + begin.clip(upper_bound=0)).clip(lower_bound=0)
    return value.str.slice(begin.clip(lower_bound=0), kept)


_IN_REPLACEMENT = re.compile(r"\\(.)|\$(\d+)", re.DOTALL)


def java_replacement(replacement: str) -> str:
    r"""Return a replacement with groups in `${1}`, so that a letter may follow; `\$` is a sign."""

    def written(found: re.Match[str]) -> str:
        return f"${{{found.group(2)}}}" if found.group(2) else found.group(1).replace("$", "$$")

    return _IN_REPLACEMENT.sub(written, replacement)


def regexp_replace(value: pl.Expr, pattern: Any, replacement: Any, position: int = 1) -> pl.Expr:
    """Return the text with every match replaced."""
    if position != 1:
        raise ExpressionError("`regexp_replace` from a later position has no equal on Polars")
    if isinstance(replacement, str):
        replacement = java_replacement(replacement)
    return text(value).str.replace_all(plain(pattern), plain(replacement))


def _regexp_extract(value: pl.Expr, pattern: str, idx: int = 1) -> pl.Expr:
    found = text(value).str.extract(plain(pattern), idx)
    return pl.when(value.is_not_null()).then(found.fill_null(""))


def _regexp_extract_all(value: pl.Expr, pattern: Any, idx: Any = 1) -> pl.Expr:
    pattern, idx = plain(pattern), plain(idx)
    whole = text(value).str.extract_all(pattern)
    if idx == 0:
        return whole
    return whole.list.eval(pl.element().str.extract(pattern, idx))


def split(value: pl.Expr, pattern: Any, limit: int = -1) -> pl.Expr:
    """Return the parts between the matches of a regular expression; `limit` parts at most."""
    pattern, limit = plain(pattern), plain(limit)
    if limit > 0:
        if re.escape(pattern) != pattern:
            raise ExpressionError("`split` by a pattern with a limit has no equal on Polars")
        parts = text(value).str.splitn(pattern, limit)
        fields = [parts.struct.field(f"field_{index}") for index in range(limit)]
        return pl.when(value.is_not_null()).then(pl.concat_list(fields).list.drop_nulls())
    parts = text(value).str.split(pattern, literal=False)
    return pl.when(parts.list.len() == 0).then(pl.lit([""])).otherwise(parts)


def _split_part(value: pl.Expr, delimiter: Any, part: Any) -> pl.Expr:
    if not plain(delimiter):
        # Nothing splits nothing: the whole text is the only part.
        parts = pl.concat_list(text(value))
    else:
        parts = text(value).str.split(plain(delimiter))
    number = plain(part)
    if isinstance(number, pl.Expr):
        index = pl.when(number > 0).then(number - 1).otherwise(number)
        parts = pl.when(number.is_not_null()).then(parts)
    else:
        index = number - 1 if number > 0 else number
    found = parts.list.get(index, null_on_oob=True)
    return pl.when(value.is_not_null() & parts.is_not_null()).then(found.fill_null(""))


def _initcap(value: pl.Expr) -> pl.Expr:
    word = pl.element()
    capital = word.str.slice(0, 1).str.to_uppercase() + word.str.slice(1).str.to_lowercase()
    return text(value).str.split(" ").list.eval(capital).list.join(" ")


def _locate(part: Any, value: pl.Expr, pos: int = 1) -> pl.Expr:
    whole = text(value)
    part = plain(part)
    if isinstance(part, pl.Expr):
        found = (
            pl.when(part == "").then(1).when(part.is_not_null()).then(_located(part, whole, pos))
        )
        return pl.when(whole.is_not_null()).then(found).cast(pl.Int32)
    if part == "":
        return pl.when(whole.is_not_null()).then(1).cast(pl.Int32)
    if pos < 1:
        return pl.when(whole.is_not_null()).then(0).cast(pl.Int32)
    return _located(part, whole, pos)


def _located(part: Any, whole: pl.Expr, pos: int) -> pl.Expr:
    rest = whole.str.slice(pos - 1) if pos > 1 else whole
    before = rest.str.split(part).list.first()
    place = before.str.len_chars().cast(pl.Int32) + pos
    found = rest.str.contains(part, literal=True)
    return pl.when(found).then(place).when(whole.is_not_null()).then(0).cast(pl.Int32)


def _instr(value: pl.Expr, part: Any) -> pl.Expr:
    return _locate(part, value)


def _padded(side: str) -> Callable[..., pl.Expr]:
    def padded(value: pl.Expr, length: int, pad: str = " ") -> pl.Expr:
        length, pad = max(plain(length), 0), plain(pad)
        whole = text(value)
        fill = (pad * length)[:length]
        missing = (length - whole.str.len_chars().cast(pl.Int64)).clip(lower_bound=0)
        filling = pl.lit(fill).str.slice(0, missing)
        parts = [filling, whole] if side == "left" else [whole, filling]
        return pl.concat_str(parts).str.slice(0, length)

    return padded


def _trimmed(function: str) -> Callable[..., pl.Expr]:
    def trimmed(value: pl.Expr, trim: Any = " ") -> pl.Expr:
        stripped: pl.Expr = getattr(text(value).str, function)(plain(trim))
        return stripped

    return trimmed


def concat_texts(*values: pl.Expr) -> pl.Expr:
    """Return texts put together; null where one is null."""
    return pl.concat_str([value.cast(pl.String) for value in values])


def _translate(value: pl.Expr, matching: str, replace: str) -> pl.Expr:
    table = {sign: replace[i : i + 1] for i, sign in reversed(list(enumerate(matching)))}
    return text(value).str.replace_many(list(table), list(table.values()))


def _replace(value: pl.Expr, search: Any, replace: Any = "") -> pl.Expr:
    if plain(search) == "":
        return text(value)
    return text(value).str.replace_all(plain(search), plain(replace), literal=True)


def _repeat(value: pl.Expr, count: Any) -> pl.Expr:
    count = count.clip(lower_bound=0) if isinstance(count, pl.Expr) else max(count, 0)
    repeated = text(value).repeat_by(count).list.join("")
    return pl.when(value.is_not_null()).then(repeated)


def _end(function: str) -> Callable[..., pl.Expr]:
    """Return `left` or `right`, whose length may be a column."""

    def end(value: pl.Expr, length: Any) -> pl.Expr:
        length = plain(length)
        whole = text(value)
        if isinstance(length, pl.Expr):
            whole, length = pl.when(length.is_not_null()).then(whole), length.clip(lower_bound=0)
        else:
            length = max(length, 0)
        found: pl.Expr = getattr(whole.str, function)(length)
        return found

    return end


def _regexp_substr(value: pl.Expr, pattern: Any) -> pl.Expr:
    return text(value).str.extract(plain(pattern), 0)


def _format_string(pattern: str, *values: pl.Expr) -> pl.Expr:
    parts = re.split(r"(%.)", pattern)
    if not {part for part in parts if part.startswith("%")} <= {"%s", "%d", "%%"}:
        raise ExpressionError("`format_string` takes only %s and %d on Polars")
    signs = {"%s": "{}", "%d": "{}", "%%": "%"}
    return pl.format(
        "".join(signs.get(part, part) for part in parts),
        *[value.cast(pl.String).fill_null("null") for value in values],
    )


def like(value: pl.Expr, pattern: Any, escape: Any = None) -> pl.Expr:
    """Return whether the whole text fits a LIKE pattern."""
    return text(value).str.contains(_like(pattern, escape))


def ilike(value: pl.Expr, pattern: Any, escape: Any = None) -> pl.Expr:
    """Return whether the whole text fits a LIKE pattern, in any case."""
    return text(value).str.contains("(?i)" + _like(pattern, escape))


def _like(pattern: Any, escape: Any) -> str:
    if isinstance(plain(pattern), pl.Expr):
        raise ExpressionError(
            "the pattern of `like` is a constant on Polars",
            hint="`F.contains` and `F.startswith` take columns",
        )
    return like_pattern(str(plain(pattern)), "\\" if escape is None else str(plain(escape)))


def rlike(value: pl.Expr, pattern: Any) -> pl.Expr:
    """Return whether a regular expression matches somewhere."""
    return text(value).str.contains(plain(pattern))


def length(scope: Scope, value: pl.Expr) -> pl.Expr:
    """Return the characters of a text, or the bytes of a binary value."""
    return value.bin.size().cast(pl.Int32) if scope.type_of(value) == pl.Binary else _length(value)


def _length(value: pl.Expr) -> pl.Expr:
    return text(value).str.len_chars().cast(pl.Int32)


def _upper(value: pl.Expr) -> pl.Expr:
    return text(value).str.to_uppercase()


def _lower(value: pl.Expr) -> pl.Expr:
    return text(value).str.to_lowercase()


TEXTS: Mapping[str, Callable[..., Any]] = {
    "base64": lambda value: value.cast(pl.Binary).bin.encode("base64"),
    "bit_length": lambda value: (text(value).str.len_bytes() * 8).cast(pl.Int32),
    "btrim": _trimmed("strip_chars"),
    "char_length": _length,
    "character_length": _length,
    "contains": lambda value, part: text(value).str.contains(plain(part), literal=True),
    "endswith": lambda value, end: text(value).str.ends_with(plain(end)),
    "format_string": _format_string,
    "get_json_object": lambda value, path: text(value).str.json_path_match(path),
    "ilike": ilike,
    "initcap": _initcap,
    "instr": _instr,
    "lcase": _lower,
    "left": _end("head"),
    "like": like,
    "locate": _locate,
    "lower": _lower,
    "lpad": _padded("left"),
    "ltrim": _trimmed("strip_chars_start"),
    "octet_length": lambda value: text(value).str.len_bytes().cast(pl.Int32),
    "position": _locate,
    "regexp": rlike,
    "regexp_count": lambda value, pattern: (
        text(value).str.count_matches(plain(pattern)).cast(pl.Int32)
    ),
    "regexp_extract": _regexp_extract,
    "regexp_extract_all": _regexp_extract_all,
    "regexp_like": rlike,
    "regexp_replace": regexp_replace,
    "regexp_substr": _regexp_substr,
    "repeat": _repeat,
    "replace": _replace,
    "right": _end("tail"),
    "rlike": rlike,
    "rpad": _padded("right"),
    "rtrim": _trimmed("strip_chars_end"),
    "split": split,
    "split_part": _split_part,
    "startswith": lambda value, start: text(value).str.starts_with(plain(start)),
    "substr": substring,
    "substring": substring,
    "translate": _translate,
    "trim": _trimmed("strip_chars"),
    "ucase": _upper,
    "upper": _upper,
}
