"""Secrets: references until they are used, and masked however a text writes them."""

from __future__ import annotations

import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from laktory_dagster.config.secrets import (
    find_secrets,
    mask,
    resolve,
    secret_values,
    variable_of,
)
from laktory_dagster.config.variables import substitute
from laktory_dagster.errors import SettingsError

DATA = {
    "uri": "s3://${secrets.aws.id}@bucket",
    "options": {"key": "a ${secrets.s3.access-key} b", "other": ["${ secrets.s3.other.part }"]},
    "number": 3,
    "nested": ("${secrets.aws.id}", None),
}


def test_references_are_found_everywhere() -> None:
    assert find_secrets(DATA) == {("aws", "id"), ("s3", "access-key"), ("s3", "other.part")}
    assert find_secrets({"a": "${secrets.x} ${vars.y.z} secrets.a.b"}) == set()


def test_variables_leave_references_alone() -> None:
    assert substitute({"uri": DATA["uri"]}, {"secrets": "x"}) == {"uri": DATA["uri"]}


@pytest.mark.parametrize(
    ("scope", "key", "name"),
    [
        ("s3", "access-key", "LAKTORY_DAGSTER_SECRET_S3_ACCESS_KEY"),
        ("my.scope", "Key", "LAKTORY_DAGSTER_SECRET_MY_SCOPE_KEY"),
        ("a", "b.c", "LAKTORY_DAGSTER_SECRET_A_B_C"),
    ],
)
def test_each_secret_has_a_variable(scope: str, key: str, name: str) -> None:
    assert variable_of(scope, key) == name


def test_a_secret_is_resolved_when_it_is_used() -> None:
    environ = {"LAKTORY_DAGSTER_SECRET_S3_ACCESS_KEY": "canary ${secrets.s3.access-key}"}

    assert resolve("a ${secrets.s3.access-key} b", environ) == (
        "a canary ${secrets.s3.access-key} b"
    )
    assert resolve("no reference", environ) == "no reference"


def test_the_environment_of_the_process_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKTORY_DAGSTER_SECRET_LATE_KEY", "canary")

    assert resolve("${secrets.late.key}") == "canary"


def test_a_missing_secret_names_its_variable_and_no_value() -> None:
    environ = {variable_of("s3", "key"): "canary"}

    with pytest.raises(SettingsError, match="LAKTORY_DAGSTER_SECRET_S3_OTHER") as caught:
        resolve("${secrets.s3.key} ${secrets.s3.other}", environ)

    assert "canary" not in str(caught.value)


def test_the_values_behind_references() -> None:
    environ = {
        variable_of("aws", "id"): "one",
        variable_of("s3", "access-key"): "two",
        variable_of("s3", "other.part"): "three",
        variable_of("not", "used"): "four",
    }

    assert secret_values(DATA, environ) == {"one", "two", "three"}
    with pytest.raises(SettingsError):
        secret_values(DATA, {})


def test_longer_values_are_masked_first() -> None:
    assert mask("x canary y can", ["can", "canary"]) == "x *** y ***"
    assert mask("nothing", ["", "canary"]) == "nothing"
    assert mask("abcdef abab", ["ab", "bcdef"]) == "*** ******"


@given(
    st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12), st.text(max_size=5)
)
@example("**", "")
def test_a_value_is_masked_in_every_spelling(value: str, around: str) -> None:
    for spelling in (
        value,
        quote(value, safe=""),
        quote_plus(value),
        json.dumps(value)[1:-1],
        repr(value)[1:-1],
    ):
        assert mask(f"<{spelling}>", [value]).replace("***", "") in ("<>", "", "<", ">"), around
