"""What reaches a terminal, a program and a pipe that nobody reads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from laktory_dagster.cli.screen import Screen, cell, plain, printable


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (3, 3),
        (1.5, 1.5),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        ("ü", "ü"),
        (Decimal("1.10"), "1.10"),
        (date(2025, 1, 2), "2025-01-02"),
        (datetime(2025, 1, 2, 3, 4, tzinfo=UTC), "2025-01-02T03:04:00+00:00"),
        (timedelta(minutes=2), 120.0),
        (b"\x00\xff", "AP8="),
        ((1, [2.0]), [1, [2.0]]),
        ({1: {"a": float("inf")}}, {"1": {"a": "inf"}}),
    ],
)
def test_values_become_json(value: object, expected: object) -> None:
    assert plain(value) == expected
    json.dumps(plain(value), allow_nan=False)


def test_control_characters_of_data_are_written_out() -> None:
    assert printable("a\x1b[31mred\x07\nb\tc\x9b") == "a\\x1b[31mred\\x07\nb\tc\\x9b"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ""),
        (0, "0"),
        ("two\nlines", "two\\nlines"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ({"a": [1]}, '{"a": [1]}'),
        (datetime(2025, 1, 2, 3, 4), "2025-01-02 03:04:00"),  # noqa: DTZ001
        (date(2025, 1, 2), "2025-01-02"),
    ],
)
def test_a_cell_is_one_line(value: object, expected: str) -> None:
    assert cell(value) == expected


def test_text_with_brackets_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    Screen().say("nodes[3].sinks[0] [bold]x[/bold] :smile:")

    assert capsys.readouterr().out == "nodes[3].sinks[0] [bold]x[/bold] :smile:\n"


def test_long_lines_are_left_whole(capsys: pytest.CaptureFixture[str]) -> None:
    Screen().say("x" * 500)

    assert capsys.readouterr().out == "x" * 500 + "\n"


def test_a_table_holds_every_value(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"symbol": "ALDR", "close": 1.5}, {"symbol": None, "close": 22}]

    Screen().table(rows, ["symbol", "close"])

    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [["symbol", "close"], ["ALDR", "1.5"], ["22"]]


def test_a_document_is_one_json_document(capsys: pytest.CaptureFixture[str]) -> None:
    Screen().document({"rows": [{"x": float("nan")}], "word": "é"})

    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"rows": [{"x": "nan"}], "word": "é"}
    assert captured.err == ""


def test_a_reader_that_leaves_does_not_stop_the_work() -> None:
    program = """
import sys
from laktory_dagster.cli.screen import Screen
screen = Screen()
for number in range(20_000):
    screen.say(f"line {number}")
sys.stderr.write("finished")
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    assert process.stderr is not None

    first = process.stdout.readline()
    process.stdout.close()
    said = process.stderr.read().decode()
    code = process.wait(timeout=60)
    process.stderr.close()

    assert first == b"line 0\n"
    assert (code, said) == (0, "finished")
