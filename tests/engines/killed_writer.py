"""A process that writes once and is killed at a named point.

`point` is `module:function` of the package, `when` is `before` or `after`, `nth` counts calls.
Without a point the process runs to its end.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
from pathlib import Path
from typing import Any

import polars as pl

from laktory_dagster.engines.registry import open_engine
from tests.engines.writing import Desk, rule


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def kill_at(point: str, when: str, nth: int) -> None:
    module_name, _, path = point.partition(":")
    owner: Any = importlib.import_module(module_name)
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    original = getattr(owner, name)
    calls = 0

    def dying(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == nth and when == "before":
            die()
        result = original(*args, **kwargs)
        if calls == nth and when == "after":
            die()
        return result

    setattr(owner, name, dying)


def main(text: str) -> None:
    spec = json.loads(text)
    desk = Desk(open_engine("polars"), Path(spec["folder"]))
    keys = tuple(spec.get("primary_keys", ()))
    target = desk.target(spec["name"], spec["format"], spec["mode"], primary_keys=keys)
    targets = [target]
    rules = []
    if spec.get("quarantine"):
        targets.insert(0, desk.aside("quarantine", spec["format"]))
        rules = [rule("known", "symbol <> 'bad'", "QUARANTINE")]
    if spec.get("point"):
        kill_at(spec["point"], spec["when"], spec.get("nth", 1))
    rows = pl.DataFrame(spec["rows"], schema=["symbol", "close"], orient="row")
    desk.write(rows, *targets, rules=rules, run=spec["run"])
