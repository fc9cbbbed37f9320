"""The pipeline: nodes, how they run, where they are deployed."""

from __future__ import annotations

import importlib
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    PrivateAttr,
    model_validator,
)
from pydantic_core import PydanticCustomError

from laktory_dagster.errors import InvalidInputError
from laktory_dagster.models.base import Flag, Model, Names, Whole, unserializable
from laktory_dagster.models.names import Name, Prefix, normalised
from laktory_dagster.models.node import PipelineNode
from laktory_dagster.models.orchestrators import (
    DatabricksJob,
    DeclarativePipeline,
    ResourceOptions,
    WorkspaceFile,
)
from laktory_dagster.models.sources import DataframeApi, DataframeType, MemorySource

_ORCHESTRATORS = {
    "DLT": "DLT",
    "DATABRICKS_DLT": "DLT",
    "DATABRICKS_PIPELINE": "DLT",
    "LAKEFLOW_DECLARATIVE_PIPELINE": "DLT",
    "SPARK_DECLARATIVE_PIPELINE": "DLT",
    "DATABRICKS_JOB": "DATABRICKS_JOB",
    "LAKEFLOW_JOB": "DATABRICKS_JOB",
    "AIRFLOW": "AIRFLOW",
}
_BLOCK_OF = {"DLT": "dlt", "DATABRICKS_JOB": "databricks_job", "AIRFLOW": "airflow"}
BLOCKS = tuple(_BLOCK_OF.values())
"""Fields that the newer `orchestrator: {type: ..., ...}` becomes."""


class Udf(Model):
    """A Python function of the project: `{module_name: udfs, function_name: double}`."""

    module_name: str
    """Module under the project root, or allowed in settings."""
    function_name: str
    """Function in it; the name to use in `func_name`."""
    module_path: str | None = None
    """Folder of the module; by default the pipeline file's."""


class Parameter(Model):
    """A value that a run may give: `{default: EUR}`."""

    kept_if_given: ClassVar[frozenset[str]] = frozenset({"default"})

    default: Any = None
    """Value of `${params.x}` when the run gives none; without `default` every run must give one."""
    description: str | None = None
    """What it is for."""


class Schedule(Model):
    """When the pipeline runs: `{cron: "0 6 * * *", timezone: Europe/Berlin}`."""

    other_names: ClassVar[Mapping[str, str]] = {
        "cron_schedule": "cron",
        "time_zone": "timezone",
        "execution_timezone": "timezone",
    }

    cron: str
    """Five fields: minute, hour, day of month, month, day of week."""
    timezone: str = "UTC"
    """Name of the time zone of those fields."""
    enabled: Flag = True
    """Running from the start; otherwise it is switched on in the UI."""


class Environment(Model):
    """What differs in an environment: `{warehouse: /data/dev, schema_prefix: dev_}`."""

    other_names: ClassVar[Mapping[str, str]] = {"dataframe_backend": "dataframe_type"}

    variables: dict[str, Any] = {}
    """Values of `${vars.x}`."""
    warehouse: str | None = None
    """Root folder of the tables."""
    catalog: Name | None = None
    """Catalog of tables that name none."""
    schema_prefix: Prefix | None = None
    """Put before every schema."""
    dataframe_type: DataframeType | None = None
    """Engine."""


def _orchestrator_name(value: Any) -> Any:
    if isinstance(value, Mapping):
        # What is left of the newer form: a block whose `type` says nothing that is known.
        raise PydanticCustomError(
            "orchestrator",
            "`orchestrator.type` must be LAKEFLOW_JOB, LAKEFLOW_DECLARATIVE_PIPELINE, "
            "SPARK_DECLARATIVE_PIPELINE or AIRFLOW; schedules and runs are Dagster's work here",
        )
    return _ORCHESTRATORS.get(value, value) if isinstance(value, str) else value


class Pipeline(Model):
    """A lakehouse pipeline.

    Example:
        name: prices
        nodes:
          - name: brz_prices
            source: {path: ./events, format: JSON}
            sink: {table_name: brz_prices}
    """

    other_names: ClassVar[Mapping[str, str]] = {
        "dataframe_backend": "dataframe_type",
        "databricks_dlt": "dlt",
        "resource_options": "options",
        "comment": "description",
    }

    name: Name
    """Unique name."""
    nodes: tuple[PipelineNode, ...] = ()
    """The nodes, in any order."""
    description: str | None = None
    """What the pipeline is for."""
    dataframe_type: DataframeType | None = None
    """Engine of the nodes that name none."""
    dataframe_api: DataframeApi | None = None
    """What functions of the project get: NARWHALS frames, or the engine's own (NATIVE)."""
    orchestrator: Annotated[
        Literal["DLT", "DATABRICKS_JOB", "AIRFLOW"] | None, BeforeValidator(_orchestrator_name)
    ] = None
    """Where it is deployed; AIRFLOW is read and not used, as Dagster runs the pipeline."""
    dlt: DeclarativePipeline | None = None
    """The declarative pipeline it becomes."""
    databricks_job: DatabricksJob | None = None
    """The job it becomes."""
    airflow: dict[str, Any] | None = None
    """What Airflow would be told; kept, not used."""
    udfs: tuple[Udf, ...] = ()
    """Python functions of the project that steps use."""
    imports: Names = ()
    """Modules of the project to import before running."""
    dependencies: Names = ()
    """Packages that a remote machine installs."""
    parameters: dict[str, Parameter] = {}
    """Values that a run may give, `${params.x}`."""
    variables: dict[str, Any] = {}
    """Values of `${vars.x}`."""
    environments: dict[str, Environment] = {}
    """What differs between environments."""
    warehouse: str | None = None
    """Root folder of tables; by default `warehouse/` beside the pipeline file."""
    schedule: Schedule | None = None
    """When it runs."""
    compat: Literal["laktory-0.4"] | None = None
    """`laktory-0.4` runs the layer steps as the reference does."""
    steps: Literal["auto", "node", "fused"] = "auto"
    """Steps in Dagster: one per node, one for all, or by size."""
    sql_dialect: str | None = None
    """Dialect of SQL strings; by default the declared engine's."""
    max_parallel_nodes: Annotated[Whole, Field(ge=1)] | None = None
    """Nodes at a time."""
    samples: Flag | Literal["on", "off"] | None = None
    """`off` keeps values of rows out of metadata and files."""
    tags: dict[str, str] = {}
    """Tags of its assets."""
    workspacefile: WorkspaceFile | None = None
    """The deployed pipeline file."""
    options: ResourceOptions | None = None
    """Options of the deployed resources."""
    lookup_existing: dict[str, Any] | None = None
    """Existing resources to use."""
    databricks_quality_monitor_enabled: Flag | None = None
    """Monitoring of all tables on Databricks."""
    resource_name: str | None = None
    """Name of the deployed resource."""
    root_path: str | None = None
    """Folder of checkpoints and logs on a remote machine."""

    _folder: Path | None = PrivateAttr(default=None)
    _file: Path | None = PrivateAttr(default=None)
    _positions: Any = PrivateAttr(default=None)
    _template: Any = PrivateAttr(default=None)
    _without_value: tuple[str, ...] = PrivateAttr(default=())
    _environment: Any = PrivateAttr(default=None)
    _session: Any = PrivateAttr(default=None)

    @model_validator(mode="before")
    @classmethod
    def _orchestrator_block(cls, data: Any) -> Any:
        """Turn the newer `orchestrator: {type: ..., ...}` into the name and its block."""
        if not isinstance(data, Mapping) or not isinstance(data.get("orchestrator"), Mapping):
            return data
        block = dict(data["orchestrator"])
        kind = block.pop("type", None)
        kind = _ORCHESTRATORS.get(kind) if isinstance(kind, str) else None
        if kind is None:
            return data
        name = _BLOCK_OF[kind]
        names = (name, *(other for other, own in cls.other_names.items() if own == name))
        twice = next((key for key in names if key in data), None)
        if twice is not None:
            raise PydanticCustomError(
                "given_twice",
                "`{key}` says the same as the block of `orchestrator`, which is given too",
                {"key": twice},
            )
        return {**data, "orchestrator": kind, name: block}

    @model_validator(mode="before")
    @classmethod
    def _name_nodes(cls, data: Any) -> Any:
        """Give nodes without a name one that stays the same from run to run."""
        if not isinstance(data, Mapping) or not isinstance(data.get("nodes"), (list, tuple)):
            return data
        nodes = [
            {"name": f"node_{index}", **node}
            if isinstance(node, Mapping) and "name" not in node
            else node
            for index, node in enumerate(data["nodes"], start=1)
        ]
        return {**data, "nodes": nodes}

    @model_validator(mode="after")
    def _adopt_nodes(self) -> Pipeline:
        seen: dict[str, str] = {}
        for node in self.nodes:
            folded = normalised(node.name)
            if folded in seen:
                raise PydanticCustomError(
                    "duplicate_node",
                    "two nodes are named `{name}`"
                    if seen[folded] == node.name
                    else "the names `{other}` and `{name}` are the same once Dagster folds them",
                    {"name": node.name, "other": seen[folded]},
                )
            seen[folded] = node.name
        # Nodes know their pipeline; a node declared once in Python may stand in several.
        nodes = tuple(node.model_copy() for node in self.nodes)
        object.__setattr__(self, "nodes", nodes)
        for node in nodes:
            node._pipeline = weakref.ref(self)
            node._alone = None
            node._outcome = None
            chain = () if node.transformer is None else (node.transformer,)
            for part in (*node.sources, *node.sinks, *chain):
                part._node = weakref.ref(node)
        return self

    def _refuse_frames(self) -> None:
        for node in self.nodes:
            for source in node.sources:
                frame = source.df if isinstance(source, MemorySource) else None
                mock = source.mock_df
                if frame is not None or not (mock is None or isinstance(mock, (list, dict))):
                    raise InvalidInputError(
                        f"node `{node.name}` holds a frame in memory and cannot be serialized",
                        hint="declare the rows as `data:`, or store them and name the file",
                    )

    def _refuse_what_json_has_not(self) -> None:
        for node in self.nodes:
            found = unserializable(node)
            if found is not None:
                raise InvalidInputError(
                    f"node `{node.name}` holds a value of the type {type(found).__name__}, "
                    "which would come back from JSON and YAML as another one",
                    hint="write it as a text or a number, and let a step cast it",
                )

    def model_dump(self, **options: Any) -> dict[str, Any]:
        """Return plain data.

        Raises:
            InvalidInputError: a node holds a frame in memory, or `mode="json"` is asked for and one
                holds a value, such as a date, that JSON does not have.
        """
        self._refuse_frames()
        if options.get("mode") == "json":
            self._refuse_what_json_has_not()
        return super().model_dump(**options)

    def model_dump_json(self, **options: Any) -> str:
        """Return JSON.

        Raises:
            InvalidInputError: a node holds a frame in memory, or a value that JSON does not have.
        """
        self._refuse_frames()
        self._refuse_what_json_has_not()
        return super().model_dump_json(**options)

    @property
    def nodes_dict(self) -> dict[str, PipelineNode]:
        """Return the nodes by name."""
        return {node.name: node for node in self.nodes}

    @property
    def sorted_node_names(self) -> list[str]:
        """Return the names of the nodes in the order they run. Raises DeclarationError."""
        return list(importlib.import_module("laktory_dagster.project").plan_of(self).nodes)

    @property
    def sorted_nodes(self) -> list[PipelineNode]:
        """Return the nodes in the order they run. Raises DeclarationError."""
        return [self.nodes_dict[name] for name in self.sorted_node_names]

    @property
    def checks(self) -> tuple[Any, ...]:
        """Return the last run's CheckResult of every expectation of all nodes."""
        return tuple(check for node in self.nodes for check in node.checks)

    def inject_vars(self, vars: Mapping[str, Any] | None = None) -> Pipeline:  # noqa: A002
        """Return the pipeline with the values of its variables; this one stays as it is.

        Args:
            vars: values of `${vars.x}` that come before the declared ones.

        Raises:
            DeclarationError: a variable has no value, or what it gives is wrong.
        """
        load = importlib.import_module("laktory_dagster.project.load")
        filled: Pipeline = load.with_values(self, vars or {}, {})
        return filled

    def execute(self, spark: Any = None, **options: Any) -> Any:
        """Run the pipeline in this process, without Dagster, and return its RunResult.

        Args:
            spark: session to use on the Spark engine.
            options: `write_sinks` (False hands frames over without writing), `full_refresh`,
                `refresh`, `udfs` (Python functions by name), `selects`, `params`, `warehouse`.

        Raises:
            DeclarationError: the declaration is wrong; nothing ran.
            RunFailedError: nodes failed; the error holds the result of the others.
        """
        api = importlib.import_module("laktory_dagster.execution.api")
        return api.execute_pipeline(self, spark=spark, **options)

    def close(self) -> None:
        """Close the session that `execute` opened, if any."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
