"""JSON files of which the end is looked at before they are read: cut off, or no JSON at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from laktory_dagster.engines.storage.listing import problem_of

CUT = "the JSON is cut off (its last line is not complete)"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"a": 1}\n{"a": 2}\n', None),
        ('[{"a": 1}]', None),
        ('{"a": 1}\n\n  \n', None),
        ('{"a": 1}\n{"a": 2', CUT),
        ('{"a": 1}\n{"a": "he', CUT),
        ('[\n  {"a": 1},\n  {"a": 2},', CUT),
        ('{\n  "a": 12', CUT),
        ("[\n  true,\n  fal", CUT),
        ("[\n  1,\n  null,\n", CUT),
        ('{"a": "' + "x" * 500, CUT),
        ('{"a": 1}\nhello\n', "the file is no JSON (its last line is `hello`)"),
        ("hello world", "the file is no JSON (its last line is `hello world`)"),
        ("id,v\n1,a\nb,2", "the file is no JSON (its last line is `b,2`)"),
        ('{"a": 1}\nError: größe\n', "the file is no JSON (its last line is `Error: größe`)"),
        ('{"a": 1}\ntruely\n', "the file is no JSON (its last line is `truely`)"),
    ],
)
@pytest.mark.parametrize("extension", ["json", "jsonl", "ndjson"])
def test_what_the_end_of_a_file_says(
    tmp_path: Path, text: str, problem: str | None, extension: str
) -> None:
    path = tmp_path / f"x.{extension}"
    path.write_text(text, encoding="utf-8")
    assert problem_of(str(path)) == problem


def test_other_files_may_end_as_they_like(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("id\nhello")
    assert problem_of(str(path)) is None
