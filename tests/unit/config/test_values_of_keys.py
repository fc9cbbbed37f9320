"""What an unquoted scalar is once it is the value of a key, and how much a text may hold.

The values are those of YAML 1.2's core schema, written by hand; the caps are those of the reader,
counted by hand to the last value that passes and the first that does not.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from laktory_dagster import models
from laktory_dagster.errors import DeclarationError, Diagnostic


def node_with(keys: str) -> models.PipelineNode:
    text = f"name: p\nnodes:\n  - {{name: n, source: {{data: []}}, {keys}}}\n"
    return models.Pipeline.model_validate_yaml(text).nodes[0]


def problem_of(text: str) -> Diagnostic:
    with pytest.raises(DeclarationError) as caught:
        models.Pipeline.model_validate_yaml(text)
    (found,) = caught.value.diagnostics
    return found


# A scalar, what it is, and whether a text, a flag, a whole number and a number take it.
SCALARS: list[tuple[str, Any, str]] = [
    ("on", "on", "text"),
    ("Off", "Off", "text"),
    ("yes", "yes", "text"),
    ("NO", "NO", "text"),
    ("y", "y", "text"),
    ("tRue", "tRue", "text"),
    ("true", True, "flag"),
    ("False", False, "flag"),
    ("TRUE", True, "flag"),
    ("null", None, ""),
    ("~", None, ""),
    ("NULL", None, ""),
    ("nil", "nil", "text"),
    ("None", "None", "text"),
    ("12", 12, "whole number"),
    ("+12", 12, "whole number"),
    ("0", 0, "whole number"),
    ("0x1F", 31, "whole number"),
    ("0o17", 15, "whole number"),
    ("017", "017", "text"),
    ("0777", "0777", "text"),
    ("0b11", "0b11", "text"),
    ("1_000", "1_000", "text"),
    ("12.0", 12.0, "number"),
    ("12.", 12.0, "number"),
    (".5", 0.5, "number"),
    ("1e3", 1000.0, "number"),
    ("1E-3", 0.001, "number"),
    ("12e03", 12000.0, "number"),
    ("1e", "1e", "text"),
    ("e3", "e3", "text"),
    (".inf", float("inf"), ""),
    ("-.INF", float("-inf"), ""),
    ("inf", "inf", "text"),
    ("1:30", "1:30", "text"),
    ("190:20:30", "190:20:30", "text"),
    ("2024-01-01", "2024-01-01", "text"),
    ("2024-01-01 10:00:00", "2024-01-01 10:00:00", "text"),
    ("2024-01-01T10:00:00Z", "2024-01-01T10:00:00Z", "text"),
    ("1.10.2", "1.10.2", "text"),
    ("=", "=", "text"),
    ("<", "<", "text"),
    ("'12'", "12", "text"),
    ('"true"', "true", "text"),
    ('"\\u00e9\\n"', "é\n", "text"),
    ("!!str 12", "12", "text"),
    ("!!int '12'", 12, "whole number"),
    ("!!float 3", 3.0, "number"),
    ("!!bool 'false'", False, "flag"),
    ("🎉 é", "🎉 é", "text"),
]


@pytest.mark.parametrize(("scalar", "value", "_kind"), SCALARS, ids=[row[0] for row in SCALARS])
def test_a_scalar_in_inline_rows_keeps_its_type_in_json_and_yaml(
    scalar: str, value: object, _kind: str
) -> None:
    text = f"name: p\nnodes:\n  - name: n\n    source: {{data: [{{x: {scalar}}}, {{x: [{scalar}]}}]}}\n"
    first = models.Pipeline.model_validate_yaml(text)

    for pipeline in (
        first,
        models.Pipeline.model_validate_json(first.model_dump_json()),
        models.Pipeline.model_validate_yaml(first.model_dump_yaml()),
    ):
        flat, nested = pipeline.nodes[0].source.data
        assert flat["x"] == value
        assert type(flat["x"]) is type(value)
        assert nested["x"] == [value]


# The key of a node, the kinds of scalars it takes.
KEYS = [
    ("description", {"text"}),
    ("add_layer_columns", {"flag"}),
    ("drop_source_columns", {"flag"}),
    ("step: {retries", {"whole number"}),
    ("step: {retry_delay_seconds", {"whole number", "number"}),
]


@pytest.mark.parametrize(("key", "kinds"), KEYS)
@pytest.mark.parametrize(("scalar", "value", "kind"), [row for row in SCALARS if row[2]])
def test_a_key_takes_scalars_of_its_type_and_no_others(
    key: str, kinds: set[str], scalar: str, value: Any, kind: str
) -> None:
    closing = "}" if "{" in key else ""
    keys = f"{key}: {scalar}{closing}"
    if kind not in kinds:
        found = problem_of(f"name: p\nnodes:\n  - {{name: n, source: {{data: []}}, {keys}}}\n")
        assert found.message.startswith(f"`{key.rpartition('{')[2]}` cannot be ")
        return
    node = node_with(keys)
    held = node.step if closing else node
    assert getattr(held, key.rpartition("{")[2]) == value


@pytest.mark.parametrize(
    ("keys", "hint"),
    [
        ("add_layer_columns: yes", "write `true`"),
        ("add_layer_columns: Off", "write `false`"),
        ("add_layer_columns: n", "write `false`"),
        ("description: 12", 'put quotes around it: `"12"`'),
        ("description: 1.5", 'put quotes around it: `"1.5"`'),
        ("step: {retries: '3'}", "write it without quotes: `3`"),
        ("description: true", 'put quotes around it: `"true"`'),
    ],
)
def test_a_scalar_of_another_type_says_how_to_write_it(keys: str, hint: str) -> None:
    text = f"name: p\nnodes:\n  - {{name: n, source: {{data: []}}, {keys}}}\n"
    assert problem_of(text).hint == hint


@pytest.mark.parametrize(
    ("key", "kept"),
    [("on", "on"), ("1", "1"), ("true", "true"), ("~", "~"), ("1.0", "1.0"), ("2024-01-01", "2024-01-01"), ("'<<'", "<<"), ("=", "=")],
)  # fmt: skip
def test_a_key_is_a_text_whatever_it_looks_like(key: str, kept: str) -> None:
    text = f"name: p\nvariables: {{{key}: 1}}\nnodes:\n  - {{name: n, source: {{path: x, renames: {{{key}: b}}}}}}\n"
    pipeline = models.Pipeline.model_validate_yaml(text)
    assert (pipeline.variables, pipeline.nodes[0].source.renames) == ({kept: 1}, {kept: "b"})


BLOCKS = [
    ("|\n      a\n      b\n", "a\nb\n"),
    ("|-\n      a\n      b\n", "a\nb"),
    ("|+\n      a\n\n", "a\n\n"),
    (">\n      a\n      b\n\n      c\n", "a b\nc\n"),
    (">-\n      a\n        b\n      c\n", "a\n  b\nc"),
    ("|1\n      a\n", " a\n"),
    ("|\n      true\n", "true\n"),
    ("|\n      # kept\n      a: [b\n", "# kept\na: [b\n"),
    ("|\n      a\n      \tb\n", "a\n\tb\n"),
    ("a\n      b\n\n      c\n", "a b\nc"),
    ('"a\n      b \\\n      c"\n', "a b c"),
    ("'it''s\n      so'\n", "it's so"),
    ("|\r\n      a\r\n      b\r\n", "a\nb\n"),
]


@pytest.mark.parametrize(("block", "value"), BLOCKS)
def test_texts_of_several_lines(block: str, value: str) -> None:
    text = f"name: p\nnodes:\n  - name: n\n    source: {{path: x}}\n    description: {block}"
    node = models.Pipeline.model_validate_yaml(text).nodes[0]
    assert node.description == value
    again = models.PipelineNode.model_validate_yaml(node.model_dump_yaml())
    assert again.description == value


def nested(levels: int, text: str = "variables: {x: %s}") -> str:
    return "name: p\nnodes: []\n" + text % ("[" * levels + "]" * levels)


def test_a_text_nests_a_hundred_levels_and_no_more() -> None:
    """The pipeline and its `variables` are two of them."""
    assert models.Pipeline.model_validate_yaml(nested(98)).name == "p"
    assert "nests deeper than 100 levels" in problem_of(nested(99)).message


def test_an_alias_counts_as_deep_as_what_it_stands_for() -> None:
    text = "name: p\nnodes: []\nvariables: {a: &a %s, b: %s}\n"

    def with_alias(levels: int) -> str:
        return text % ("[" * 40 + "]" * 40, "[" * levels + "*a" + "]" * levels)

    assert models.Pipeline.model_validate_yaml(with_alias(58)).name == "p"
    assert "nests deeper than 100 levels" in problem_of(with_alias(59)).message


def test_aliases_stand_for_half_a_million_values_and_no_more() -> None:
    """A list of 499 texts is 500 values; a thousand aliases of it are all that is allowed."""
    anchored = f"name: p\nnodes: []\nvariables:\n  a: &a [{', '.join(['x'] * 499)}]\n"

    def with_aliases(count: int) -> str:
        return f"{anchored}  b: [{', '.join(['*a'] * count)}]\n"

    assert len(models.Pipeline.model_validate_yaml(with_aliases(1000)).variables["b"]) == 1000
    assert "the aliases expand to more than 500,000 values" in (
        problem_of(with_aliases(1001)).message
    )


def test_a_file_holds_sixteen_mebibytes_and_no_more(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    declared = "name: p\nnodes: []\n"
    for extra, passes in ((0, True), (1, False)):
        file.write_text(declared + "#" * (16 * 1024 * 1024 - len(declared) + extra))
        with file.open() as opened:
            if passes:
                assert models.Pipeline.model_validate_yaml(opened).name == "p"
                continue
            with pytest.raises(DeclarationError, match="larger than 16,777,216 bytes"):
                models.Pipeline.model_validate_yaml(opened)


@pytest.mark.parametrize(
    "text",
    ["name: %s\nnodes: []\n", "name: p\nnodes: [{name: %s, source: {path: x}}]\n",
     "name: p\nnodes: [{name: n, source: {node_name: %s}}]\n",
     "name: p\nnodes: [{name: n, source: {path: x}, expectations: [{name: %s, expr: a}]}]\n"],
)  # fmt: skip
def test_a_name_holds_128_characters_and_no_more(text: str) -> None:
    assert models.Pipeline.model_validate_yaml(text % ("n" * 128)).name
    message = problem_of(text % ("n" * 129)).render()
    assert "128 characters" in message


def test_a_bomb_of_merges_is_refused_in_no_time() -> None:
    lines = ["x0: &x0 {" + ", ".join(f"k{i}: 1" for i in range(100)) + "}"]
    lines += [
        f"x{level}: &x{level} {{{', '.join(f'm{i}: *x{level - 1}' for i in range(20))}}}"
        for level in range(1, 8)
    ]
    assert "aliases expand" in problem_of("\n".join(lines)).message


def test_json_with_escapes_and_without_blanks_is_yaml() -> None:
    declared = {
        "name": "p",
        "nodes": [{"name": "n", "source": {"data": [{'é\n\t"\\': "\u2028/"}]}}],
    }
    for text in (
        json.dumps(declared),
        json.dumps(declared, separators=(",", ":"), ensure_ascii=False),
        json.dumps(declared, indent="\t"),
        json.dumps(declared).replace("/", "\\/"),
    ):
        pipeline = models.Pipeline.model_validate_yaml(text)
        assert json.loads(pipeline.model_dump_json())["nodes"][0]["source"] == {
            "data": [{'é\n\t"\\': "\u2028/"}]
        }


def test_half_of_a_pair_of_json_is_told_how_to_write_it() -> None:
    found = problem_of('{"name": "p", "description": "\\ud83d\\ude00", "nodes": []}')
    assert found.hint == "write the character itself"
    assert found.location is not None
    assert (found.location.line, found.location.column) == (1, 30)
