"""What the hints of the SQL errors say to write instead is itself allowed."""

from __future__ import annotations

import re

import pytest

from laktory_dagster.expressions.polars_sql import _INSTEAD
from laktory_dagster.expressions.portable import PORTABLE
from laktory_dagster.expressions.python import parse_argument

HINTS = sorted(set(_INSTEAD.values()))


def expressions_in(hint: str) -> list[str]:
    return [code for code in re.findall(r"`([^`]+)`", hint) if code.startswith("pl.")]


@pytest.mark.parametrize("hint", [hint for hint in HINTS if expressions_in(hint)])
def test_expressions_in_hints_are_expressions(hint: str) -> None:
    for code in expressions_in(hint):
        assert parse_argument(code.replace("...", '"a"')) is not None


@pytest.mark.parametrize("hint", [hint for hint in HINTS if "func_name: " in hint])
def test_functions_in_hints_exist(hint: str) -> None:
    from laktory_dagster.expressions.catalog import frame_methods

    name = re.findall(r"func_name: (\w+)", hint)[0]
    assert name in PORTABLE or name in frame_methods("polars")
