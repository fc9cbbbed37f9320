"""Texts in SQL that are compared with dates and numbers: one that is none is an error, not null."""

from __future__ import annotations

from datetime import datetime

from pyspark.sql import types as st
from sqlglot import exp

from laktory_dagster.engines.spark.schemas import portable
from laktory_dagster.errors import ExpressionError

_COMPARED = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE)
_TIMES = (st.DateType, st.TimestampType, st.TimestampNTZType)


def check_texts(tree: exp.Expr, schema: st.StructType) -> None:
    """Raise ExpressionError for a text that no value of the column beside it can be.

    Spark would read it as null, and the comparison would silently hold for no row.
    """
    types = {field.name.lower(): field.dataType for field in schema.fields}
    for node in tree.find_all(*_COMPARED):
        for side, other in ((node.this, node.expression), (node.expression, node.this)):
            if isinstance(side, exp.Column) and isinstance(other, exp.Literal) and other.is_string:
                kind = types.get(side.name.lower()) if not side.table else None
                if kind is not None and not _fits(other.name, kind):
                    raise ExpressionError(f"`'{other.name}'` is no {portable(kind)}")


def _fits(text: str, kind: st.DataType) -> bool:
    try:
        if isinstance(kind, _TIMES):
            datetime.fromisoformat(text.strip())
        elif isinstance(kind, st.NumericType):
            float(text)
    except ValueError:
        return False
    return True
