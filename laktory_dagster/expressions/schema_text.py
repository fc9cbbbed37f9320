"""The columns of a schema that is one text: `a INT, b STRUCT<c: STRING>`."""

from __future__ import annotations

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


def columns_of_text(text: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return each column with the plain types that its type is made of, as SQL names them.

    Raises:
        ExpressionError: the text is no list of columns in Spark's SQL.
    """
    try:
        kind = parse_one(f"CAST(x AS STRUCT<{text}>)", dialect="spark").find(exp.DataType)
    except SqlglotError:
        kind = None
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
