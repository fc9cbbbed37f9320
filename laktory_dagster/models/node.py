"""A node: read, transform, check, write."""

from __future__ import annotations

import importlib
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, PrivateAttr, model_validator
from pydantic_core import PydanticCustomError

from laktory_dagster.models.base import Flag, Model, Names, Number, Whole
from laktory_dagster.models.expectation import Expectation
from laktory_dagster.models.names import Name
from laktory_dagster.models.sinks import Sink, ViewSink
from laktory_dagster.models.sources import DataframeApi, DataframeType, Dedupe, Source
from laktory_dagster.models.transformer import Transformer, flat_steps

if TYPE_CHECKING:
    from laktory_dagster.models.pipeline import Pipeline

Layer = Literal["BRONZE", "SILVER", "GOLD"]


class OwnStep(Model):
    """A step of the node's own in Dagster: `{retries: 2, timeout_seconds: 600}`."""

    retries: Annotated[Whole, Field(ge=0)] = 0
    """Times to try again."""
    retry_delay_seconds: Annotated[Number, Field(ge=0)] = 0
    """Pause between tries, seconds."""
    timeout_seconds: Annotated[Whole, Field(gt=0)] | None = None
    """Time limit, seconds."""
    pool: str | None = None
    """Concurrency pool."""
    tags: dict[str, str] = {}
    """Tags of the op."""


def _own_step(value: Any) -> Any:
    return {} if value == "own" else value


class PipelineNode(Model):
    """One table of a pipeline, from its source to its sinks.

    Example:
        name: slv_prices
        layer: SILVER
        source: {node_name: brz_prices}
        sink: {table_name: slv_prices}
    """

    other_names: ClassVar[Mapping[str, str]] = {
        "comment": "description",
        "expectations_checkpoint_location": "expectations_checkpoint_path",
        "time_column": "timestamp_key",
        "ldp_template": "dlt_template",
        "dataframe_backend": "dataframe_type",
    }
    singular: ClassVar[Mapping[str, str]] = {
        "source": "sources",
        "sink": "sinks",
        "primary_key": "primary_keys",
    }

    name: Name
    """Unique name; also the asset's name in Dagster."""
    sources: tuple[Source, ...] = ()
    """Where the rows come from; the first is `{df}`. None where SQL names all that it reads."""
    sinks: tuple[Sink, ...] = ()
    """Where the rows go; without one the node is a view."""
    transformer: Transformer | None = None
    """Steps between source and sinks."""
    layer: Layer | None = None
    """Medallion layer; adds the layer's steps after the transformer."""
    add_layer_columns: Flag = True
    """Add `_bronze_at`, `_silver_at` or `_gold_at`."""
    drop_source_columns: Flag | None = None
    """Drop source columns that the transformer did not produce; by default in SILVER."""
    drop_duplicates: Dedupe | None = None
    """Remove duplicates: true, or the columns that make rows the same; by default in SILVER."""
    primary_keys: Names = ()
    """Columns that identify a row: for duplicates and for MERGE."""
    timestamp_key: str | None = None
    """Column or SQL expression with the time of a row; SILVER adds it as `_tstamp`."""
    expectations: tuple[Expectation, ...] = ()
    """Rules that the rows must meet."""
    expectations_checkpoint_path: str | None = None
    """Where the checks of a stream keep their progress."""
    description: str | None = None
    """What the table holds."""
    dlt_template: str | None = "DEFAULT"
    """Template in a declarative pipeline; null leaves the node out of the generic one."""
    dataframe_type: DataframeType | None = None
    """Engine; by default the pipeline's."""
    dataframe_api: DataframeApi | None = None
    """What functions of the project get: NARWHALS frames, or the engine's own (NATIVE)."""
    depends_on: Names = ()
    """Nodes to run before this one without reading them."""
    tags: Names = ()
    """For selection."""
    execution_task_name: Name | None = None
    """Task of a job that runs the node."""
    root_path: str | None = None
    """Folder of its checkpoints."""
    samples: Flag | Literal["on", "off"] | None = None
    """`off` keeps values of rows out of metadata and files."""
    step: Annotated[OwnStep | None, BeforeValidator(_own_step)] = None
    """`own`, or its options: a step of its own in Dagster."""

    _pipeline: weakref.ref[Pipeline] | None = PrivateAttr(default=None)
    _alone: Pipeline | None = PrivateAttr(default=None)
    _outcome: Any = PrivateAttr(default=None)

    @model_validator(mode="before")
    @classmethod
    def _query_of_view(cls, data: Any) -> Any:
        """Turn the `view_definition` of a sink into the step that it stands for."""
        if not isinstance(data, Mapping) or data.get("transformer") is not None:
            return data
        sinks = data.get("sinks") or data.get("sink") or ()
        for sink in sinks if isinstance(sinks, list | tuple) else (sinks,):
            query = sink.get("view_definition") if isinstance(sink, Mapping) else None
            if isinstance(query, str):
                return {**data, "transformer": {"nodes": [{"sql_expr": query}]}}
        return data

    @model_validator(mode="after")
    def _check_parts(self) -> PipelineNode:
        if not self.sources and not flat_steps(self.transformer):
            raise PydanticCustomError("no_source", "a node needs a `source`")
        names = [rule.name for rule in self.expectations]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise PydanticCustomError(
                "duplicate_rule", "two expectations are named `{name}`", {"name": twice}
            )
        return self

    @property
    def source(self) -> Any:
        """Return the first source, or None for a node whose SQL names all that it reads."""
        return next(iter(self.sources), None)

    @property
    def sink(self) -> Any:
        """Return the first sink that is no quarantine, or None for a view."""
        return next(iter(self.data_sinks), None)

    @property
    def primary_sink(self) -> Any:
        """Return the sink that readers of the node read, None for a view."""
        return self.sink

    @property
    def data_sinks(self) -> tuple[Any, ...]:
        """Return the sinks that store the node's good rows, the primary one first."""
        found = (
            sink
            for sink in self.sinks
            if not sink.is_quarantine
            and not isinstance(sink, ViewSink)
            and getattr(sink, "table_type", "TABLE") == "TABLE"
        )
        return tuple(sorted(found, key=lambda sink: sink.is_primary is False))

    @property
    def quarantine_sinks(self) -> tuple[Any, ...]:
        """Return the sinks that take the rows a QUARANTINE rule rejects."""
        return tuple(sink for sink in self.sinks if sink.is_quarantine)

    @property
    def is_view(self) -> bool:
        """Return whether nothing is stored."""
        return not self.data_sinks

    def _rules_of(self, *actions: str) -> dict[str, str]:
        rules = (rule for rule in self.expectations if rule.type == "ROW")
        return {rule.name: rule.expression for rule in rules if rule.action in actions}

    @property
    def warning_expectations(self) -> dict[str, str]:
        """Return name to expression of the ROW rules that only warn."""
        return self._rules_of("WARN")

    @property
    def drop_expectations(self) -> dict[str, str]:
        """Return name to expression of the ROW rules that take rows out."""
        return self._rules_of("DROP", "QUARANTINE")

    @property
    def fail_expectations(self) -> dict[str, str]:
        """Return name to expression of the ROW rules that stop the node."""
        return self._rules_of("FAIL")

    @property
    def stage_df(self) -> Any:
        """Return the last run's rows before its expectations, lazily; None before the first run."""
        return None if self._outcome is None else self._outcome.stage_df

    @property
    def output_df(self) -> Any:
        """Return what the last run of this node published, lazily; None before the first run."""
        return None if self._outcome is None else self._outcome.output_df

    @property
    def quarantine_df(self) -> Any:
        """Return the rows that the last run set aside, lazily; None if there were none."""
        return None if self._outcome is None else self._outcome.quarantine_df

    @property
    def checks(self) -> tuple[Any, ...]:
        """Return the last run's CheckResult of every expectation."""
        return () if self._outcome is None else self._outcome.checks

    def execute(self, spark: Any = None, **options: Any) -> Any:
        """Run this node alone on what its sources store and return its `output_df`.

        Args:
            spark: session to use on the Spark engine.
            options: `write_sinks`, `full_refresh`, `refresh`, `udfs`, `params`, `warehouse` as in
                `Pipeline.execute`.

        Raises:
            LaktoryDagsterError: the declaration is wrong, or the node failed.
        """
        api = importlib.import_module("laktory_dagster.execution.api")
        return api.execute_node(self, spark=spark, **options)
