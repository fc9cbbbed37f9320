"""Processes of their own, forked from one that has imported what they need.

Run as a module it is that one: a line of JSON says what a child does and where, the answer is the
child's exit code.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from laktory_dagster.engines.registry import open_engine

MODULES = (
    "dagster",
    "laktory_dagster.cli.main",
    "laktory_dagster.dagster.definitions",
    "laktory_dagster.execution.api",
    "tests.engines.killed_stream",
)
SECONDS = 120


def run_forked(module: str, spec: dict[str, Any]) -> int:
    """Return how a process ended that ran a module's `main` on Polars: its exit code."""
    return _ask({"module": module, "argument": json.dumps(spec)})


def run_program(
    module: str, *arguments: str, cwd: Path, environ: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Return what a process said, and its exit code, that ran a module's `main` with arguments."""
    done = run_program_for_bytes(module, *arguments, cwd=cwd, environ=environ)
    return subprocess.CompletedProcess(
        arguments, done.returncode, done.stdout.decode(), done.stderr.decode()
    )


def run_program_for_bytes(
    module: str, *arguments: str, cwd: Path, environ: Mapping[str, str]
) -> subprocess.CompletedProcess[bytes]:
    """Return what `run_program` does, with its output as it was written."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        code = run_program_at(module, *arguments, cwd=cwd, environ=environ, out=out, err=err)
        return subprocess.CompletedProcess(arguments, code, out.read_bytes(), err.read_bytes())


def run_program_at(
    module: str, *arguments: str, cwd: Path, environ: Mapping[str, str], out: Path, err: Path
) -> int:
    """Return how a process ended that wrote to these files, or terminals."""
    request = {"module": module, "argument": arguments, "out": str(out), "err": str(err)}
    return _ask({**request, "cwd": str(cwd), "environ": dict(environ)})


def _ask(request: dict[str, Any]) -> int:
    parent = _parent()
    assert parent.stdin is not None
    assert parent.stdout is not None
    parent.stdin.write(json.dumps(request) + "\n")
    parent.stdin.flush()
    return int(parent.stdout.readline())


@cache
def _parent() -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "ignore", "-m", "tests.forked"]
    root = Path(__file__).parents[1]
    parent = subprocess.Popen(
        command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    atexit.register(parent.wait)
    atexit.register(parent.stdin.close)
    return parent


def _serve() -> None:
    for name in MODULES:
        importlib.import_module(name)
    # It imports the rest, and starts no thread that a child would miss: nothing is computed here.
    open_engine("polars").close()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _run(json.loads(line))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _run(request: dict[str, Any]) -> None:
    code = 1
    try:
        signal.alarm(SECONDS)
        _settle(request)
        importlib.import_module(request["module"]).main(request["argument"])
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:  # noqa: BLE001 - nothing may go back into the parent's loop
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _settle(request: dict[str, Any]) -> None:
    """Take the place of a process that was started where the request says."""
    if "out" not in request:
        os.dup2(2, 1)  # The answers of the parent go there.
        return
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for name, stream in (("out", 1), ("err", 2)):
        os.dup2(os.open(request[name], os.O_WRONLY | os.O_CREAT | os.O_NOCTTY), stream)
    os.environ.clear()
    os.environ.update(request["environ"])
    # As a new interpreter reads it.
    encoding, _, errors = os.environ.get("PYTHONIOENCODING", "").partition(":")
    if encoding:
        sys.stdout.reconfigure(encoding=encoding, errors=errors or "strict")  # type: ignore[union-attr]
        sys.stderr.reconfigure(encoding=encoding, errors="backslashreplace")  # type: ignore[union-attr]
    os.chdir(request["cwd"])
    # As `python -m` has it.
    sys.path[0] = request["cwd"]


if __name__ == "__main__":
    _serve()
