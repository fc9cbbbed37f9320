"""Streams of every kind that a user or another program gives the command line.

Each command runs in a process of its own: what is looked at are its bytes. Where a stream is closed
or full the process is a new interpreter, which has a say in that.
"""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
import termios
import threading
from fcntl import ioctl
from pathlib import Path

import pytest

from tests.forked import run_program_at, run_program_for_bytes

PIPELINE = """\
name: shop
nodes:
  - name: a
    description: Café ✓
    source: {data: [{name: "Zoë", note: "%s"}]}
    sink: {path: a.parquet, format: PARQUET}
"""
PROGRAM = "laktory_dagster.cli.main"
INTERPRETER = [sys.executable, "-m", PROGRAM]
CSI = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shop.yaml").write_text(PIPELINE % ("word " * 30), encoding="utf-8")
    return tmp_path


def environ(**given: str) -> dict[str, str]:
    # Of the environment `COLUMNS` counts before the terminal, and processes of tests may have it.
    ours = ("LAKTORY_", "NO_COLOR", "COLUMNS", "LINES")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    return {**kept, "TERM": "xterm-256color", **given}


def call(folder: Path, line: str, *more: str, **given: str) -> subprocess.CompletedProcess[bytes]:
    words = [*line.split(), *more]
    return run_program_for_bytes(PROGRAM, *words, cwd=folder, environ=environ(**given))


def in_terminal(folder: Path, line: str, columns: int = 80, **given: str) -> str:
    """Return what a command prints on a terminal of so many columns."""
    master, slave = pty.openpty()
    ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    shown = bytearray()
    reader = threading.Thread(target=_read_all, args=(master, shown))
    reader.start()
    terminal = Path(os.ttyname(slave))
    code = run_program_at(
        PROGRAM, *line.split(), cwd=folder, environ=environ(**given), out=terminal, err=terminal
    )
    os.close(slave)
    reader.join()
    os.close(master)
    assert code in (0, 2)
    return shown.decode("utf-8").replace("\r\n", "\n")


def _read_all(master: int, shown: bytearray) -> None:
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:  # Linux says so when the other end is closed.
            return
        if not part:
            return
        shown += part


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_what_an_encoding_lacks_is_written_out(folder: Path, encoding: str) -> None:
    done = call(folder, "preview shop.yaml a", PYTHONIOENCODING=encoding)

    assert done.returncode == 0, done.stderr
    name = {"ascii": "Zo\\xeb"}.get(encoding, "Zoë")
    assert name in done.stdout.decode(encoding)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_document_is_json_in_every_encoding(folder: Path, encoding: str) -> None:
    done = call(folder, "preview shop.yaml a --json", PYTHONIOENCODING=encoding)

    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout.decode(encoding))["rows"]
    assert row["name"] == "Zoë"


@pytest.mark.parametrize("encoding", ["ascii", "utf-8", "utf-8:surrogateescape"])
def test_a_path_of_no_encoding_is_told_in_valid_json(folder: Path, encoding: str) -> None:
    path = os.fsdecode(b"gone\xff.yaml")
    done = call(folder, "validate --json", path, PYTHONIOENCODING=encoding)

    assert done.returncode == 2
    assert "gone\udcff.yaml" in json.loads(done.stdout.decode("utf-8"))["message"]


def test_a_path_of_no_encoding_is_told_to_people(folder: Path) -> None:
    path = os.fsdecode(b"gone\xff.yaml")
    done = call(folder, "validate", path, PYTHONIOENCODING="utf-8:strict")

    assert done.returncode == 2
    assert b"there is no file or folder" in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("closed", "line", "code"),
    [
        (">&-", "plan shop.yaml", 0),
        (">&- 2>&-", "plan shop.yaml", 0),
        ("2>&-", "validate gone.yaml", 2),
        (">&-", "validate gone.yaml --json", 2),
        ("<&- >&-", "preview shop.yaml a", 0),
    ],
)
def test_a_closed_stream_changes_no_exit_code(
    folder: Path, closed: str, line: str, code: int
) -> None:
    command = f"{shlex.join(INTERPRETER)} {line} {closed}"

    done = subprocess.run(
        ["/bin/sh", "-c", command], cwd=folder, env=environ(), capture_output=True, check=False
    )

    assert done.returncode == code, done.stderr
    assert b"Traceback" not in done.stderr


def test_a_full_disk_behind_the_output_is_an_error(folder: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*INTERPRETER, "plan", "shop.yaml"], cwd=folder, env=environ(),
            stdout=full, stderr=subprocess.PIPE, check=False,
        )  # fmt: skip

    assert done.returncode == 1
    assert b"No space left on device" in done.stderr


def test_a_terminal_gets_colours_and_a_pipe_none(folder: Path) -> None:
    shown = in_terminal(folder, "preview shop.yaml a")
    piped = call(folder, "preview shop.yaml a").stdout.decode()

    assert CSI.search(shown)
    assert not CSI.search(piped)


def test_no_color_is_respected(folder: Path) -> None:
    colours = re.compile(r"\x1b\[[0-9;]*3[0-9][0-9;]*m")
    text = "validate gone.yaml shop.yaml"

    assert not colours.search(in_terminal(folder, text, NO_COLOR="1"))


@pytest.mark.parametrize("columns", [20, 40, 80])
def test_a_table_fits_the_terminal(folder: Path, columns: int) -> None:
    shown = CSI.sub("", in_terminal(folder, "preview shop.yaml a", columns))

    table = shown.split("\n\n")[0].splitlines()
    assert max(len(line) for line in table) <= columns
    assert "Zoë" in shown
    # The last column is folded and so keeps all that it has.
    assert shown.split("\n\n")[0].count("word") >= 29


def test_a_pipe_gets_whole_lines_whatever_the_terminal(folder: Path) -> None:
    done = call(folder, "preview shop.yaml a", COLUMNS="20")

    assert b"word " * 29 + b"word" in done.stdout


def test_a_document_on_a_terminal_is_json_without_colours(folder: Path) -> None:
    shown = in_terminal(folder, "preview shop.yaml a --json", 30)

    assert json.loads(shown)["rows"][0]["name"] == "Zoë"
