"""Processes to be killed, forked from one that has imported what they need.

Run as a module it is that one: a line of JSON names a module and gives its `main` a specification,
the answer is the exit code of the child that ran it.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import signal
import subprocess
import sys
import traceback
from functools import cache
from pathlib import Path
from typing import Any

from laktory_dagster.engines.registry import open_engine

MODULES = ("tests.engines.killed_stream", "laktory_dagster.execution.api")
SECONDS = 120


def run_forked(module: str, spec: dict[str, Any]) -> int:
    """Return how a process ended that ran a module's `main` on Polars: its exit code."""
    parent = _parent()
    assert parent.stdin is not None
    assert parent.stdout is not None
    parent.stdin.write(json.dumps([module, json.dumps(spec)]) + "\n")
    parent.stdin.flush()
    return int(parent.stdout.readline())


@cache
def _parent() -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "ignore", "-m", "tests.engines.forked"]
    root = Path(__file__).parents[2]
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
        module, text = json.loads(line)
        child = os.fork()
        if child == 0:
            _run(module, text)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _run(module: str, text: str) -> None:
    code = 1
    try:
        signal.alarm(SECONDS)
        os.dup2(2, 1)  # The answers of the parent go there.
        importlib.import_module(module).main(text)
        code = 0
    except BaseException:  # noqa: BLE001 - nothing may go back into the parent's loop
        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    _serve()
