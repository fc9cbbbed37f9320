"""Reading anything: an equal value, a true place, or one clear error; PyYAML is the oracle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from laktory_dagster.config.environments import overlay
from laktory_dagster.config.reader import Document, read_document
from laktory_dagster.config.variables import substitute
from laktory_dagster.errors import DeclarationError, SettingsError


def outcome(action: Callable[[], Any]) -> Any:
    """Return what an action returns, or the error it raises on purpose."""
    try:
        return action()
    except (DeclarationError, SettingsError) as error:
        return error


WORDS = st.text("abcxyz_", min_size=1, max_size=6).filter(
    # Words that only one of the two versions of YAML reads as a text.
    lambda word: word not in ("y", "n", "yes", "no", "on", "off")
)
PLAIN = st.one_of(WORDS, st.integers(-(10**9), 10**9), st.booleans(), st.none())
TREES = st.recursive(
    PLAIN,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(WORDS, inner, max_size=4)
        # The same object twice makes PyYAML write an anchor and an alias.
        | inner.map(lambda item: [item, {"again": item}])
    ),
    max_leaves=15,
)
STYLES = st.fixed_dictionaries(
    {
        "default_flow_style": st.sampled_from([True, False, None]),
        "indent": st.integers(2, 6),
        "width": st.sampled_from([10, 80, 1000]),
        "explicit_start": st.booleans(),
        "explicit_end": st.booleans(),
        "line_break": st.sampled_from(["\n", "\r\n", "\r"]),
    }
)


@given(st.dictionaries(WORDS, TREES, max_size=5), STYLES)
def test_every_way_to_write_a_value_reads_equal(
    data: dict[str, Any], style: dict[str, Any]
) -> None:
    text = yaml.dump(data, Dumper=yaml.SafeDumper, **style)

    assert read_document(text).data == data


def composed(
    node: yaml.Node, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], bool, yaml.Mark]]:
    """Yield path, whether it is the key, and the mark of every part, as PyYAML composes it."""
    yield path, False, node.start_mark
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield (*path, key.value), True, key.start_mark
            yield from composed(value, (*path, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from composed(item, (*path, index))


@given(st.dictionaries(WORDS, TREES, min_size=1, max_size=5), STYLES)
def test_every_part_has_the_place_where_it_is_written(
    data: dict[str, Any], style: dict[str, Any]
) -> None:
    text = yaml.dump(data, Dumper=yaml.SafeDumper, **style)
    positions = read_document(text).positions

    for path, is_key, mark in composed(yaml.compose(text, Loader=yaml.SafeLoader)):
        found = positions.locate(path, key=is_key)
        assert found is not None
        assert (found.line, found.column) == (mark.line + 1, mark.column + 1), path


PIECES = st.lists(
    st.sampled_from(
        ["a", "b:", "c: ", "- ", "-", " ", "  ", "\n", "\n  ", "\t", "{", "}", "[", "]", ",", ":",
         "'", '"', "|", ">", "&x ", "*x", "!use x.yaml", "!extend ", "!!int ", "!!python/name:a ",
         "<<: ", "? ", "---\n", "...\n", "# c\n", "%YAML 1.1\n", "-< ${include.x.yaml}",
         "${include.x.yaml}", "${vars.a}", "${{", "\0", "\x85", "\ufeff", "\ud800", "é", "🎉", "0o9",
         "1e999", "~", "null", "true", "\\", "@", "`", "=", "nodes: ", "resources: ", "\r"]
    ),
    max_size=25,
).map("".join)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(PIECES)
@example("&x [*x]")
@example("a: &x {<<: *x}")
@example("? &x a\n: *x")
@example("- &x a\n- *x : *x")
@example("<<: <<: a")
@example("!use ''")
@example("a: !use ''\n")
@example("a: !use .\n")
@example("a: !use /\n")
def test_no_text_gives_anything_but_data_or_a_declaration_error(text: str) -> None:
    found = outcome(lambda: read_document(text, project_root=Path("tests/nowhere")).data)

    if isinstance(found, DeclarationError):
        assert found.diagnostics
        assert all(diagnostic.message for diagnostic in found.diagnostics)
    else:
        assert isinstance(found, (dict, list))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
def test_no_bytes_give_anything_but_data_or_a_declaration_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(content)

    found = outcome(lambda: read_document(path))

    assert isinstance(found, Document) or found.diagnostics


REFERENCES = st.lists(
    st.sampled_from(
        ["${vars.a}", "${vars.b}", "${vars.c.k}", "${params.a}", "${secrets.a.b}", "${", "}", "$",
         "{", "${{", "vars.", "a", ".", " ", "${vars.A}", "${var.a}", "${x.y}", "\n"]
    ),
    max_size=8,
).map("".join)  # fmt: skip
VALUES = st.recursive(
    REFERENCES | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(REFERENCES, inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=400, deadline=None)
@given(VALUES, st.fixed_dictionaries({"a": VALUES, "b": VALUES, "c": VALUES}))
def test_no_variables_give_anything_but_data_or_a_declaration_error(
    data: Any, variables: dict[str, Any]
) -> None:
    found = outcome(lambda: substitute({"x": data}, variables, {"a": 1}))

    if isinstance(found, DeclarationError):
        assert all(diagnostic.path[0] == "x" for diagnostic in found.diagnostics)
    else:
        assert "${vars." not in repr(found)
        assert "${{" not in repr(found)


@given(st.dictionaries(WORDS, TREES, max_size=4))
def test_data_without_references_is_left_alone(data: dict[str, Any]) -> None:
    assert substitute(data, {"a": 1}) == data


@given(st.dictionaries(WORDS, VALUES, max_size=3), VALUES)
def test_no_environments_give_anything_but_an_overlay_or_an_error(
    values: dict[str, Any], environments: Any
) -> None:
    for data in ({"environments": {"dev": values}}, {"environments": environments}):
        found = outcome(lambda data=data: overlay(data, "dev"))  # type: ignore[misc]

        assert str(found) if isinstance(found, Exception) else found.name == "dev"
