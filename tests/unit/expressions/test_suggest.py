"""What a misspelt name was probably meant to be."""

from __future__ import annotations

import pytest

from laktory_dagster.expressions.suggest import did_you_mean

NAMES = ("with_columns", "withColumn", "drop_duplicates", "filter", "select")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("selct", "select"),
        ("with_colums", "with_columns"),
        ("dropDuplicates", "drop_duplicates"),
        ("FILTER", "filter"),
        ("zzz", None),
        ("", None),
        ("s" * 5000, None),
    ],
)
def test_nearest_name(name: str, meant: str | None) -> None:
    assert did_you_mean(name, NAMES) == meant


def test_the_spelling_of_the_candidate_comes_back() -> None:
    assert did_you_mean("withcolumn", ["withColumn"]) == "withColumn"


def test_no_candidates() -> None:
    assert did_you_mean("select", []) is None
