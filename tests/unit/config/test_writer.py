"""Writing YAML: what is written reads back equal, under both versions of YAML."""

from __future__ import annotations

import math
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from laktory_dagster.config.reader import read_document
from laktory_dagster.config.writer import dump_yaml

AWKWARD = [
    "", " ", "\n", "\n\n", "yes", "No", "on", "OFF", "y", "N", "true", "null", "Null", "~", "NaN",
    ".nan", "0777", "0o7", "0b1", "0x1", "1_000", "1e3", "+1", ".5", "-", "1:30", "2024-01-01",
    "2024-01-01T00:00:00Z", "- a", "-a", ":", "a:", ": a", "a: b", "a,b", "#", "# a", "a #b", "a#b",
    "a\nb", "a\n", "a\n\n", "\na", " a\nb", "a \nb", "a\r\nb", "a\rb", "a\tb", "\ta", " x", "x ",
    "<<", "=", "---", "...", "? x", "| x", "> y", "%a", "@a", "`a", "*a", "&a", "!a", "!use x.yaml",
    "'", '"', "\\", "a\\nb", "{a", "[b", "{nodes.x}", "${vars.x}", "${include.x.yaml}",
    "${include.x.yaml}\n", "a\n-< ${include.x.yaml}\nb", "-< ${include.x}", "\x85", "x\u2028y",
    "a\n\u2029b", "\ufeffx", "\x7f", "\xa0x", "é", "🎉", "日本\n語", "a" * 300, "word " * 100, "x: " * 80,
]  # fmt: skip


@pytest.mark.parametrize("text", AWKWARD)
def test_awkward_texts_read_back_equal_wherever_they_stand(text: str) -> None:
    for data in ({"v": text}, {"v": [text, text]}, {"v": {"k": [{"x": text}]}}, {text: "v"}):
        written = dump_yaml(data)

        assert read_document(written).data == data
        assert yaml.safe_load(written) == data


texts = st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=20)
awkward = st.sampled_from(AWKWARD)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63), st.floats(allow_nan=False), texts,
    awkward,
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts | awkward, inner, max_size=4),
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


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"b": 1, "a": [1, 2]}, "b: 1\na:\n- 1\n- 2\n"),
        ({"a": {"b": {}, "c": []}}, "a:\n  b: {}\n  c: []\n"),
        ({"a": None, "b": True, "c": 1.5}, "a: null\nb: true\nc: 1.5\n"),
        ({"q": "SELECT 1\nFROM x\n"}, "q: |\n  SELECT 1\n  FROM x\n"),
        ({"q": "SELECT 1\nFROM x"}, "q: |-\n  SELECT 1\n  FROM x\n"),
        ({"a": "no", "b": "0777", "c": "plain text"}, "a: 'no'\nb: '0777'\nc: plain text\n"),
        ({"a": ("v", "w")}, "a:\n- v\n- w\n"),
        ({"a": "é 日本"}, "a: é 日本\n"),
        ({"on": 1, "1": 2}, "'on': 1\n'1': 2\n"),
    ],
)
def test_the_text_is_the_one_a_person_would_write(data: Any, text: str) -> None:
    assert dump_yaml(data) == text


def test_a_value_that_stands_twice_is_written_twice() -> None:
    shared = {"k": [1]}

    assert dump_yaml({"a": shared, "b": shared}) == "a:\n  k:\n  - 1\nb:\n  k:\n  - 1\n"


def test_long_texts_stay_in_one_line() -> None:
    assert dump_yaml({"a": "word " * 100 + "end"}).count("\n") == 1


def test_numbers_that_are_none_read_back() -> None:
    data = read_document(dump_yaml({"a": math.inf, "b": -math.inf, "c": math.nan})).data

    assert (data["a"], data["b"]) == (math.inf, -math.inf)
    assert math.isnan(data["c"])


def test_what_is_no_plain_value_is_refused() -> None:
    with pytest.raises(yaml.YAMLError):
        dump_yaml({"a": object()})
