"""The Spark session of a Dagster run, as a resource."""

from dataclasses import replace
from typing import Any

import dagster as dg
from dagster_pyspark import LazyPySparkResource
from pydantic import Field, PrivateAttr

from laktory_dagster.engines.registry import open_engine
from laktory_dagster.settings import SparkSettings


class SparkResource(LazyPySparkResource):
    """One Spark session for a run: opened by the first node that needs it, closed with the run.

    What it does not say comes from the `LAKTORY_DAGSTER_SPARK_*` variables. Give it to
    `build_definitions(..., spark=SparkResource(...))`; assets of your own use the same session as
    `spark: SparkResource`.
    """

    spark_config: dict[str, Any] = Field(
        default={}, description="Settings of the session, over those that it needs."
    )
    master: str | None = Field(default=None, description="Master of a session on this machine.")
    remote: str | None = Field(
        default=None,
        description="Server of Spark Connect, `sc://host:15002`; `local` for one here.",
    )

    _engine: Any = PrivateAttr(default=None)

    @property
    def spark_session(self) -> Any:
        """Return the session. Raises ExecutionError where it does not start."""
        if self._engine is None:
            self._engine = open_engine("spark", settings=self._settings())
        return self._engine.spark

    def _settings(self) -> SparkSettings:
        own = SparkSettings.from_environment()
        conf = {**own.conf, **{name: str(value) for name, value in self.spark_config.items()}}
        return replace(
            own, remote=self.remote or own.remote, master=self.master or own.master, conf=conf
        )

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Close the session, unless the process had it before."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None
