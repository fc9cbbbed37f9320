"""Functions of text, in terms of Polars SQL."""

from __future__ import annotations

import re

from sqlglot import exp

from laktory_dagster.expressions.sql_build import (
    UnexpressedError,
    call,
    cast,
    grouped,
    literal_int,
    literal_text,
    not_null,
)


def concat(node: exp.Expr) -> exp.Expr:
    """Return `a || b`: null if one of them is, unlike Polars' CONCAT."""
    parts = node.expressions
    if node.args.get("coalesce") or not parts:
        return call("CONCAT", *parts)
    result: exp.Expr = grouped(parts[0])
    for part in parts[1:]:
        result = exp.DPipe(this=result, expression=grouped(part))
    return exp.Paren(this=result) if len(parts) > 1 else result


def concat_ws(node: exp.Expr) -> exp.Expr:
    """Return texts put together, or the texts that an aggregate collects."""
    separator, *values = node.expressions
    if len(values) == 1 and values[0].find(exp.ArrayAgg):
        return call("ARRAY_TO_STRING", values[0], separator)
    return call("CONCAT_WS", separator, *values)


def length(node: exp.Expr) -> exp.Expr:
    """Return the length as an integer; Polars' own is unsigned, so that `length(s) - 5` would wrap."""
    return cast(call("LENGTH", node.this), "INT")


def position(node: exp.Expr) -> exp.Expr:
    """Return the place of a text in another, from 1; 0 if it is not in it, null for null."""
    if node.args.get("position") or node.args.get("occurrence"):
        raise UnexpressedError("a start position in `locate` or `instr`")
    text, part = node.this, node.args["substr"]
    found = cast(call("STRPOS", text.copy(), part.copy()), "INT")
    is_there = not_null(text) if literal_text(part) else exp.and_(not_null(text), not_null(part))
    return exp.Case(ifs=[exp.If(this=is_there, true=found)])


def contains(node: exp.Expr) -> exp.Expr:
    """Return whether a text holds another, null for null."""
    found = call("STRPOS", node.this, node.expression)
    positive = exp.GT(this=found, expression=exp.Literal.number(0))
    return exp.Case(ifs=[exp.If(this=not_null(node.this.copy()), true=positive)])


def substring(node: exp.Expr) -> exp.Expr:
    """Return part of a text; a negative start counts from its end, 0 is the first place."""
    text, start, length = node.this, node.args.get("start"), node.args.get("length")
    first = literal_int(start)
    if first is None:
        if start is None or isinstance(start, exp.Literal):
            raise UnexpressedError("this form of `substring`")
        return call("SUBSTR", text, start, *([length] if length is not None else []))
    if first < 0:
        tail = call("RIGHT", text, -first)
        return tail if length is None else call("LEFT", tail, length)
    return call("SUBSTR", text, max(first, 1), *([length] if length is not None else []))


def trim(node: exp.Expr) -> exp.Expr:
    """Return the text without spaces (only spaces) at its ends."""
    name = {"LEADING": "LTRIM", "TRAILING": "RTRIM"}.get(str(node.args.get("position")).upper())
    characters = node.expression or exp.Literal.string(" ")
    if name:
        return call(name, node.this, characters)
    return exp.Trim(this=node.this, expression=characters, position="BOTH")


def regexp_replace(node: exp.Expr) -> exp.Expr:
    """Return the text with every match replaced; groups are numbered by a backslash."""
    if node.args.get("position") or node.args.get("occurrence"):
        raise UnexpressedError("a start position in `regexp_replace`")
    replacement = node.args.get("replacement") or exp.Literal.string("")
    text = literal_text(replacement)
    if text is not None:
        replacement = exp.Literal.string(re.sub(r"\$(\d)", r"\\\1", text))
    return call("REGEXP_REPLACE", node.this, node.expression, replacement, "g")


def regexp_extract(node: exp.Expr) -> exp.Expr:
    """Return a group of the first match, or an empty text."""
    pattern = literal_text(node.expression)
    given = node.args.get("group")
    group = 1 if given is None else literal_int(given)
    if pattern is None or group is None or not 0 <= group <= 8:
        raise UnexpressedError(
            "`regexp_extract` with a pattern that is no plain text",
            'use `pl.col("a").str.extract(...)` in `with_column.expr`',
        )
    # The whole match is a group of its own, so that the groups of the pattern move up by one.
    whole = call(
        "REGEXP_REPLACE", node.this, f"(?s)^.*?({_reanchored(pattern)}).*$", f"\\{group + 1}"
    )
    matches = call("REGEXP_LIKE", node.this.copy(), pattern)
    otherwise = exp.If(this=not_null(node.this.copy()), true=exp.Literal.string(""))
    return exp.Case(ifs=[exp.If(this=matches, true=whole), otherwise])


def _reanchored(pattern: str) -> str:
    if pattern.startswith("^") or pattern.endswith("$") or re.search(r"\\[1-9]", pattern):
        raise UnexpressedError(
            "`regexp_extract` with an anchored pattern",
            'use `pl.col("a").str.extract(...)` in `with_column.expr`',
        )
    return pattern


def regexp_like(node: exp.Expr) -> exp.Expr:
    """Return whether the pattern is found in the text."""
    return call("REGEXP_LIKE", node.this, node.expression)


def split(node: exp.Expr) -> exp.Expr:
    """Return the parts of a text between plain separators."""
    pattern = literal_text(node.expression)
    plain = re.sub(r"\\(\W)|\[(\W)\]", lambda m: m.group(1) or m.group(2), pattern or "")
    meta = re.sub(r"\\\W|\[\W\]", "", pattern or "")
    if pattern is None or re.search(r"[\\^$.|?*+()\[\]{}]", meta) or node.args.get("limit"):
        raise UnexpressedError(
            "`split` by a pattern", "split by plain text, or replace the pattern by one first"
        )
    return call("STRING_TO_ARRAY", node.this, plain)
