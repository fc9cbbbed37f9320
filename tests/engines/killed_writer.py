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
from laktory_dagster.models import MergeOptions
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


def as_declared(more: dict[str, Any]) -> dict[str, Any]:
    """Return options of a target out of their JSON."""
    found = dict(more)
    if "partition_by" in found:
        found["partition_by"] = tuple(found["partition_by"])
    if "merge" in found:
        found["merge"] = MergeOptions(**found["merge"])
    return found


def main(text: str) -> None:
    spec = json.loads(text)
    desk = Desk(open_engine("polars"), Path(spec["folder"]))
    keys = tuple(spec.get("primary_keys", ()))
    more = as_declared(spec.get("more", {}))
    target = desk.target(spec["name"], spec["format"], spec["mode"], primary_keys=keys, **more)
    targets = [target]
    rules = []
    if spec.get("quarantine"):
        targets.insert(0, desk.aside("quarantine", spec["format"]))
        rules = [rule("known", "symbol <> 'bad'", "QUARANTINE")]
    if spec.get("point"):
        kill_at(spec["point"], spec["when"], spec.get("nth", 1))
    columns = spec.get("columns", ["symbol", "close"])
    rows = pl.DataFrame(spec["rows"], schema=columns, orient="row")
    if "naive" in spec:
        rows = rows.with_columns(pl.col(spec["naive"]).str.to_datetime(time_unit="us"))
    desk.write(rows, *targets, rules=rules, run=spec["run"])
