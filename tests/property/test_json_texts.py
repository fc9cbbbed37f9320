"""`from_json` on Polars: whatever the texts are beside each other, each gives what it gives on Spark."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as some

from laktory_dagster.engines.registry import open_engine
from tests.engines.transforming import rows

KINDS = {"a": "BIGINT", "b": "DOUBLE", "c": "STRING", "d": "BOOLEAN"}
NESTED = {"a": "INT", "x": "STRING"}
SCHEMA = ", ".join(f"{name} {kind}" for name, kind in KINDS.items())
SCHEMA += f", s STRUCT<{', '.join(f'{name}: {kind}' for name, kind in NESTED.items())}>"
# As they stand in the text, since `1.0` and `1` are one number and two spellings.
VALUES = [
    *("1", "-7", "0", "1.0", "2.5", "1e3", "true", "false", "null", "99999999999999999999"),
    *('"x"', '"7"', '""', '"say \\"a\\": 1.0"', '"\\u00e9"', "[1]", "{}", "nope", "NaN", "01"),
    *('{"a": 1}', '{"a": 2, "x": "q"}', '{"x": true, "a": 1.5}', '{"a": 1, "a": 2}', "3000000000"),
]
FIELDS = some.tuples(some.sampled_from([*KINDS, "s", "other"]), some.sampled_from(VALUES))
OBJECTS = some.lists(FIELDS, max_size=6).map(
    lambda fields: f"{{{', '.join(f'{json.dumps(name)}: {value}' for name, value in fields)}}}"
)
PLAIN = some.integers(-9, 9).map(
    lambda n: f'{{"a": {n}, "b": {n}.5, "c": "t{n}", "d": true, "s": {{"a": {n}, "x": "y"}}}}'
)
TEXTS = some.one_of(
    PLAIN, PLAIN, OBJECTS, some.sampled_from(["", " ", "5", "[]", "{", "{} x", None])
)


def wanted(value: Any, kind: str) -> Any:
    """Return what of a JSON value fits a type of Spark, by its kind alone; else null."""
    if kind == "STRING":
        is_text = value is None or isinstance(value, str)
        return value if is_text else json.dumps(value, separators=(",", ":"))
    if kind == "BOOLEAN":
        return value if isinstance(value, bool) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return {"NaN": float("nan")}.get(value) if (kind, value) == ("DOUBLE", "NaN") else None
    if kind == "DOUBLE":
        return float(value)
    limit = 2 ** (31 if kind == "INT" else 63)
    return value if isinstance(value, int) and -limit <= value < limit else None


def parsed(text: str | None) -> dict[str, Any] | None:
    """Return the columns of a text: null without one, nulls where it is no object."""
    if text is None or not text.strip():
        return None
    try:
        found = json.loads(text)
    except ValueError:
        found = {}
    found = found if isinstance(found, dict) else {}
    inner = found.get("s")
    columns = {name: wanted(found.get(name), kind) for name, kind in KINDS.items()}
    fields = (
        {name: wanted(inner.get(name), NESTED[name]) for name in NESTED}
        if isinstance(inner, dict)
        else None
    )
    return {**columns, "s": fields}


@given(some.lists(TEXTS, min_size=1, max_size=12), some.sampled_from([1, 60]))
@settings(max_examples=60, deadline=None)
def test_each_text_is_read_by_itself(texts: list[str | None], times: int) -> None:
    frame = pl.DataFrame({"t": texts * times}, schema={"t": pl.String})
    query = {"sql_expr": f"SELECT from_json(t, '{SCHEMA}') AS r FROM {{df}}"}

    found = [row[0] for row in rows(open_engine("polars"), frame, query)]

    assert repr(found) == repr([parsed(text) for text in texts] * times)


def test_a_text_of_many_fields_is_read() -> None:
    names = [f"k{number}" for number in range(150)]
    text = json.dumps({name: number for number, name in enumerate(names)})
    schema = ", ".join(f"{name} BIGINT" for name in names)
    query = {"sql_expr": f"SELECT from_json(t, '{schema}') AS r FROM {{df}}"}
    twice = text.replace('"k0": 0', '"k149": 0')

    found = rows(open_engine("polars"), pl.DataFrame({"t": [text, twice]}), query)

    assert list(found[0][0].values()) == list(range(150))
    assert list(found[1][0].values()) == [None, *range(1, 150)]
