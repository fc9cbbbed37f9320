"""The columns of a schema that is one text: `a INT, b STRUCT<c: STRING>`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from laktory_dagster.errors import ExpressionError

_EXPECTED = "columns with their types, such as `a INT, b STRING`"
_SHOWN = 80
_HOLDERS = ("ARRAY", "MAP", "STRUCT")
_SPARKS = {
    "TIMESTAMPTZ": "TIMESTAMP",
    "TIMESTAMPLTZ": "TIMESTAMP_LTZ",
    "TIMESTAMPNTZ": "TIMESTAMP_NTZ",
}
"""Types under the names that Spark has for them."""


def sql_type(text: str) -> exp.DataType | None:
    """Return a type in Spark's SQL, in which a list is an array too; None for what is none."""
    spelt = re.sub(r"\blist\s*<", "array<", text, flags=re.IGNORECASE)
    try:
        return parse_one(f"CAST(x AS {spelt})", dialect="spark").find(exp.DataType)
    except SqlglotError:
        return None


def split_parts(text: str, mark: str = ",", most: int = -1) -> list[str]:
    """Return the parts between marks that stand in no brackets and in no quotes."""
    parts, depth, is_quoted = [""], 0, False
    for letter in text:
        is_quoted ^= letter == "`"
        depth += 0 if is_quoted else (letter in "<([") - (letter in ">)]")
        if letter == mark and depth == 0 and not is_quoted and len(parts) != most + 1:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def columns_of_text(text: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return each column with the plain types that its type is made of, as SQL names them.

    Raises:
        ExpressionError: the text is no list of columns in Spark's SQL.
    """
    kind = sql_type(f"STRUCT<{text}>")
    fields = kind.expressions if kind is not None else []
    if not fields:
        raise ExpressionError(
            f"the schema `{text[:_SHOWN]}` cannot be read", expected=_EXPECTED, hint=_hint(text)
        )
    columns = []
    for field in fields:
        declared = field.args.get("kind") if isinstance(field, exp.ColumnDef) else None
        if declared is None:
            raise ExpressionError(
                f"a column of the schema `{text[:_SHOWN]}` has no type",
                expected=_EXPECTED,
                hint=_hint(text),
            )
        columns.append((field.name, tuple(_plain_types(declared))))
    return tuple(columns)


def _hint(text: str) -> str | None:
    is_whole = text.strip().lower().startswith("struct<")
    return "write the columns alone, without `struct<...>` around them" if is_whole else None


def _plain_types(kind: exp.Expr) -> Iterator[str]:
    inner = [
        item.args.get("kind") if isinstance(item, exp.ColumnDef) else item
        for item in kind.expressions
    ]
    types = [item for item in inner if isinstance(item, exp.DataType)]
    for item in types:
        yield from _plain_types(item)
    name = kind.this.value if isinstance(kind.this, exp.DType) else kind.sql("spark")
    if not types:
        sizes = ", ".join(item.name for item in kind.expressions)
        name += f"({sizes})" if sizes else ""
    if not types or name not in _HOLDERS:
        yield _SPARKS.get(name, name).lower()
