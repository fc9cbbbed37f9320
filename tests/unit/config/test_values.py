"""Variables, environments, secrets, and writing YAML."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from laktory_dagster.config.environments import overlay
from laktory_dagster.config.reader import read_document
from laktory_dagster.config.secrets import find_secrets, mask, resolve, variable_of
from laktory_dagster.config.variables import substitute
from laktory_dagster.config.writer import dump_yaml
from laktory_dagster.errors import DeclarationError, SettingsError


def test_a_whole_reference_keeps_the_type_and_a_part_is_formatted() -> None:
    variables = {"n": 3, "flag": True, "rows": [1, 2], "deep": {"x": "y"}, "Case": "c"}

    assert substitute(
        {
            "a": "${vars.n}",
            "b": "n=${vars.n}, ${vars.flag}",
            "c": ["${vars.rows}"],
            "d": "${vars.deep.x}",
            "e": "${vars.case}",
        },
        variables,
    ) == {"a": 3, "b": "n=3, true", "c": [[1, 2]], "d": "y", "e": "c"}


def test_variables_may_refer_to_each_other_but_not_in_a_circle() -> None:
    assert substitute({"x": "${vars.a}"}, {"a": "<${vars.b}>", "b": "z"}) == {"x": "<z>"}

    with pytest.raises(DeclarationError, match=r"vars\.a -> vars\.b -> vars\.a"):
        substitute({"x": "${vars.a}"}, {"a": "${vars.b}", "b": "${vars.a}"})


def test_all_missing_values_are_reported_at_once_with_suggestions() -> None:
    with pytest.raises(DeclarationError) as caught:
        substitute({"x": "${vars.warehose}", "y": ["${params.day}"]}, {"warehouse": "w"})

    first, second = caught.value.diagnostics
    assert first.path == ("x",)
    assert first.hint == "did you mean `${vars.warehouse}`?"
    assert second.path == ("y", 0)
    assert "parameters" in (second.hint or "")


@pytest.mark.parametrize("text", ["${{ 1 + 1 }}", "${resources.x.id}", "${settings.root}"])
def test_what_is_never_evaluated_is_refused_with_advice(text: str) -> None:
    with pytest.raises(DeclarationError, match="Hint"):
        substitute({"x": text}, {})


def test_the_process_environment_is_no_fallback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", "canary")
    with pytest.raises(DeclarationError) as caught:
        substitute({"x": "${vars.SOME_TOKEN}"}, {})
    assert "canary" not in str(caught.value)

    monkeypatch.setenv("LAKTORY_DAGSTER_VAR_DAY", "monday")
    assert substitute({"x": "${vars.day}"}, {}) == {"x": "monday"}


def test_secrets_stay_references_until_they_are_used() -> None:
    data = {"options": {"key": "a ${secrets.s3.access-key} b", "other": ["${secrets.s3.other}"]}}

    assert substitute(data, {}) == data
    assert find_secrets(data) == {("s3", "access-key"), ("s3", "other")}
    environ = {variable_of("s3", "access-key"): "canary"}
    assert resolve(data["options"]["key"], environ) == "a canary b"  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="LAKTORY_DAGSTER_SECRET_S3_OTHER"):
        resolve("${secrets.s3.other}", environ)
    assert mask("x canary y can", ["can", "canary"]) == "x *** y ***"


def test_environments_are_chosen_by_name() -> None:
    data = {
        "name": "p",
        "environments": {
            "dev": {"warehouse": "w", "schema_prefix": "dev_", "dataframe_type": "PYSPARK"}
        },
    }

    found = overlay(data, "dev")
    assert (found.warehouse, found.schema_prefix, found.engine) == ("w", "dev_", "spark")
    assert overlay(data, None).name is None
    with pytest.raises(SettingsError, match="did you mean `dev`"):
        overlay(data, "dve")


texts = st.text(
    alphabet=st.characters(blacklist_categories=("Cs",), blacklist_characters="\x85\u2028\u2029"),
    max_size=20,
)
awkward = st.sampled_from(
    ["yes", "No", "on", "null", "~", "0777", "1e3", "1:30", "2024-01-01", "- a", "a: b", "#", "a\nb",
     " x", "x ", "<<", "=", "${vars.x}", "-<", "!use x", "*a", "&a", "%", "@", "`", "", "0x1", ".5"]
)  # fmt: skip
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63), st.floats(allow_nan=False), texts,
    awkward,
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(texts | awkward.filter(lambda key: key != "<<"), inner, max_size=4)
    ),
    max_leaves=20,
)


def printable(value: Any) -> bool:
    """Return whether YAML can hold every character of the value."""
    try:
        yaml.safe_load(yaml.safe_dump(value, allow_unicode=True))
    except yaml.YAMLError:
        return False
    return True


@given(values.filter(printable))
def test_what_is_written_reads_back_equal(value: Any) -> None:
    text = dump_yaml({"name": value})

    assert read_document(text).data == {"name": value}


@given(scalars.filter(printable))
def test_both_versions_of_yaml_read_the_same(value: Any) -> None:
    text = dump_yaml({"name": value})
    old = yaml.safe_load(text)["name"]

    assert old == value or isinstance(value, float)
