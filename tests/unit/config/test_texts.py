"""Bytes to text, and the notes of what is wrong with it."""

from __future__ import annotations

import codecs
import io
from pathlib import Path

import pytest

from laktory_dagster.config.positions import snippet_of
from laktory_dagster.config.problems import MAX_PROBLEMS, Problems, Unreadable
from laktory_dagster.config.texts import (
    MAX_BYTES,
    decoded,
    place_at,
    text_of_file,
    text_of_stream,
)
from laktory_dagster.errors import DeclarationError, Location


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", ""),
        (b"a: 1\r\n", "a: 1\r\n"),
        ("é 🎉".encode(), "é 🎉"),
        (codecs.BOM_UTF8 + b"a", "a"),
        (codecs.BOM_UTF8, ""),
        ("\ufeffa", "a"),
        ("a\ufeff", "a\ufeff"),
    ],
)
def test_utf_8_is_read_without_its_mark(content: bytes | str, text: str) -> None:
    assert decoded(content, "p.yaml", Problems()) == text


@pytest.mark.parametrize(
    ("content", "words", "line", "column"),
    [
        ("a: 1\n".encode("utf-16-le"), "", 0, 0),
        (codecs.BOM_UTF16_LE + "a: 1\n".encode("utf-16-le"), "UTF-16", 1, 1),
        (codecs.BOM_UTF16_BE + "a: 1\n".encode("utf-16-be"), "UTF-16", 1, 1),
        (b"a: \xe9\n", "byte 0xe9", 1, 4),
        ("é: 1\nü: ".encode() + b"\xff", "byte 0xff", 2, 4),
        (codecs.BOM_UTF8 + b"\xc3", "byte 0xc3", 1, 1),
        (b"x" * (MAX_BYTES + 1), "larger than 16,777,216 bytes", 1, 1),
    ],
)
def test_other_encodings_are_named_at_their_place(
    content: bytes, words: str, line: int, column: int
) -> None:
    problems = Problems()

    if not words:
        # Without a mark it is UTF-8 with NUL characters, which the parser refuses.
        assert "\0" in decoded(content, "p.yaml", problems)
        return
    with pytest.raises(Unreadable):
        decoded(content, "p.yaml", problems)

    (found,) = problems.found
    assert words in found.message
    assert found.location == Location("p.yaml", line, column)


def test_no_more_than_the_cap_is_read_of_a_stream() -> None:
    class Endless(io.StringIO):
        asked = 0

        def read(self, size: int | None = -1) -> str:
            assert size is not None
            assert size > 0
            self.asked = size
            return "x" * size

    stream = Endless()

    with pytest.raises(Unreadable):
        text_of_stream(stream, "p.yaml", Problems())
    assert stream.asked == MAX_BYTES + 1


def test_a_closed_stream_is_a_problem() -> None:
    stream, problems = io.StringIO("a"), Problems()
    stream.close()

    with pytest.raises(Unreadable):
        text_of_stream(stream, "p.yaml", problems)
    assert "cannot be read" in problems.found[0].message


def test_a_missing_file_is_told_where_it_was_asked_for(tmp_path: Path) -> None:
    problems = Problems(texts={"main.yaml": "x: !use gone\n"})

    with pytest.raises(Unreadable):
        text_of_file(tmp_path / "gone", "gone", problems, Location("main.yaml", 1, 4))

    (found,) = problems.found
    assert found.message == "gone does not exist"
    assert found.snippet == "  1 | x: !use gone\n         ^"


@pytest.mark.parametrize(
    ("before", "line", "column"), [("", 1, 1), ("ab", 1, 3), ("ab\n", 2, 1), ("a\n\nbc", 3, 3)]
)
def test_the_place_after_a_text(before: str, line: int, column: int) -> None:
    assert place_at(before, "f") == Location("f", line, column)


def test_problems_are_kept_once_and_up_to_a_hundred() -> None:
    problems = Problems()
    problems.raise_if_any()

    for number in (1, 1, *range(MAX_PROBLEMS + 50)):
        problems.note("wrong", Location("f", number, 1))

    assert len(problems.found) == MAX_PROBLEMS
    with pytest.raises(DeclarationError) as caught:
        problems.raise_if_any()
    assert list(caught.value.diagnostics) == problems.found


@pytest.mark.parametrize(
    ("text", "line", "column", "snippet"),
    [
        ("ab\ncd\n", 2, 2, "  2 | cd\n       ^"),
        ("\tab\n", 1, 2, "  1 |  ab\n       ^"),
        ("a\x00b", 1, 3, "  1 | a?b\n        ^"),
        ("ab", 2, 1, None),
        ("ab", 0, 1, None),
        ("", 1, 1, None),
    ],
)
def test_snippets(text: str, line: int, column: int, snippet: str | None) -> None:
    assert snippet_of(text, line, column) == snippet
