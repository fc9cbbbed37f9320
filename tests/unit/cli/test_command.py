"""How commands end: exit codes, messages, logs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from laktory_dagster.cli.command import Command
from laktory_dagster.errors import (
    DeclarationError,
    Diagnostic,
    ExpectationFailedError,
    Location,
    SettingsError,
)

BROKEN = DeclarationError(
    [
        Diagnostic(
            "unknown key `sorce`",
            path=("nodes", 0, "sorce"),
            hint="did you mean `source`?",
            location=Location("p.yaml", 3, 5),
        )
    ]
)


def run_raising(error: BaseException, *arguments: str) -> Result:
    """Run a command whose work raises."""

    @click.command(cls=Command)
    def failing(as_json: bool) -> None:
        raise error

    return CliRunner().invoke(failing, list(arguments))


def test_an_interrupt_is_a_document_too() -> None:
    result = run_raising(KeyboardInterrupt(), "--json")

    assert result.exit_code == 130
    assert json.loads(result.stdout)["error"] == "Interrupted"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BROKEN, 2),
        (SettingsError("no such folder"), 2),
        (ExpectationFailedError("rule `x` failed"), 1),
        (ValueError("boom"), 1),
        (KeyboardInterrupt(), 130),
    ],
)
def test_the_kind_of_error_decides_the_exit_code(error: BaseException, code: int) -> None:
    assert run_raising(error).exit_code == code


def test_an_error_is_shown_with_place_and_hint_and_without_traceback() -> None:
    result = run_raising(BROKEN)

    assert result.stdout == ""
    assert result.stderr.startswith("p.yaml:3:5: error: unknown key `sorce`")
    assert "Hint: did you mean `source`?" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_error_is_a_document_with_json() -> None:
    result = run_raising(BROKEN, "--json")

    assert json.loads(result.stdout)["diagnostics"][0]["line"] == 3
    assert result.stderr == ""


def test_an_unexpected_error_is_one_line_that_names_the_log() -> None:
    result = run_raising(ValueError("boom\nand more"))

    (line,) = result.stderr.splitlines()
    assert line.startswith("unexpected ValueError: boom (traceback in ")
    log = Path(re.search(r"traceback in (\S+),", line)[1])  # type: ignore[index]
    assert "ValueError: boom" in log.read_text()
    log.unlink()


def test_debug_shows_the_traceback() -> None:
    assert "Traceback" in run_raising(SettingsError("x"), "--debug").stderr
    assert "Traceback" in run_raising(ValueError("x"), "--debug").stderr


def test_a_wrong_option_is_clicks_own_error() -> None:
    result = run_raising(ValueError("never reached"), "--nonsense")

    assert result.exit_code == 2
    assert "No such option" in result.stderr
