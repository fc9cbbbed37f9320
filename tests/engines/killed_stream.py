"""A process that runs a stream and is killed at a named point: `python -m ... SPEC_AS_JSON`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.engines.killed_writer import kill_at
from tests.engines.streaming import Feed

RULE = {"name": "known", "expr": "v <> 'bad'", "action": "QUARANTINE"}


def feed_of(engine: str, folder: Path, mode: str) -> Feed:
    """Return the stream of the kill tests: a table of good rows, another one of bad ones."""
    out: dict[str, Any] = {"table_name": "out", "mode": mode}
    if mode == "MERGE":
        out["merge_cdc_options"] = {"primary_keys": ["id"], "order_by": "at"}
    aside = {"table_name": "aside", "is_quarantine": True}
    return Feed(engine, folder, sink=out, node={"sinks": [out, aside], "expectations": [RULE]})


def main(text: str) -> None:
    spec = json.loads(text)
    feed = feed_of(spec["engine"], Path(spec["folder"]), spec["mode"])
    if spec.get("point"):
        kill_at(spec["point"], spec["when"], spec["nth"])
    options: dict[str, Any] = {}
    if spec["engine"] == "spark":
        from tests.sessions import shared_session

        options["spark"] = shared_session(spec["session"])
    feed.run(**options)


if __name__ == "__main__":
    main(sys.argv[1])
