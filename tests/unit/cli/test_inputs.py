"""What is given on the command line."""

from __future__ import annotations

import pytest

from laktory_dagster.cli.inputs import parse_variables, selection
from laktory_dagster.errors import SettingsError


def test_variables_are_numbers_and_booleans_only_where_written_as_such() -> None:
    pairs = [
        "v=1.10",
        "n=3",
        "x=1.5",
        "on=true",
        "day=2025-01-02",
        "empty=",
        "url=s3://b/k?a=b",
        "w=yes",
    ]

    assert parse_variables(pairs) == {
        "v": "1.10",
        "n": 3,
        "x": 1.5,
        "on": True,
        "day": "2025-01-02",
        "empty": "",
        "url": "s3://b/k?a=b",
        "w": "yes",
    }


@pytest.mark.parametrize("pair", ["n", "=3", " =3", ""])
def test_what_is_no_assignment_is_refused(pair: str) -> None:
    with pytest.raises(SettingsError, match="is no assignment"):
        parse_variables([pair])


def test_a_variable_is_given_once() -> None:
    with pytest.raises(SettingsError, match="`n` is given twice"):
        parse_variables(["n=1", "n=2"])


def test_no_selection_selects_all() -> None:
    assert selection(()) is None
    assert selection(("a", "b*")) == ("a", "b*")
