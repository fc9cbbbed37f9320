"""What sources and sinks share: a place in a node, and rows that can be read there."""

from __future__ import annotations

import importlib
import weakref
from typing import Any

from pydantic import PrivateAttr

from laktory_dagster.models.base import Model


class Part(Model):
    """A source or a sink."""

    _node: weakref.ref[Any] | None = PrivateAttr(default=None)
    _alone: Any = PrivateAttr(default=None)

    def read(self, spark: Any = None) -> Any:
        """Return the rows of this source, or what is stored at this sink, lazily.

        Args:
            spark: session to use on the Spark engine.

        Raises:
            LaktoryDagsterError: it cannot be read, or the pipeline around it is wrong.
        """
        return importlib.import_module("laktory_dagster.execution.parts").read_part(self, spark)
