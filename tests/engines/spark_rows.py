"""Rows of many Spark frames by one query: planning a frame is cheap, running a query is not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import reduce
from typing import Any

from pyspark.sql import functions as F  # noqa: N812

Row = tuple[Any, ...]


def rows_of(frames: Mapping[str, Any]) -> dict[str, list[Row]]:
    """Return the rows of each frame, by its name, in an order of their own.

    Values come as JSON has them: dates and times are text.
    """
    texts = [
        frame.select(
            F.lit(name).alias("name"),
            F.to_json(F.struct(*map(_quoted, frame.columns)), {"ignoreNullFields": "false"}).alias(
                "row"
            ),
        )
        for name, frame in frames.items()
    ]
    found: dict[str, list[Row]] = {name: [] for name in frames}
    for name, row in reduce(lambda one, other: one.union(other), texts).collect():
        found[name].append(tuple(json.loads(row).values()))
    return {name: sorted(rows, key=str) for name, rows in found.items()}


def _quoted(name: str) -> Any:
    return F.col("`" + name.replace("`", "``") + "`")
