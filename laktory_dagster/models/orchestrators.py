"""Where a pipeline is deployed: a declarative pipeline or a job on Databricks. Kept as declared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from laktory_dagster.models.base import Flag, Model, Names, Whole

Json = dict[str, Any]
Jsons = list[dict[str, Any]]


class ResourceOptions(Model):
    """Options of the deployed resources, kept as declared: `{depends_on: [x]}`."""

    name: str | None = None
    """Name of the resource among those that are deployed."""
    depends_on: Names = ()
    """Resources to create first."""
    provider: str | None = None
    """Provider."""
    ignore_changes: Names = ()
    """Fields whose drift is left alone."""
    aliases: Names = ()
    """Former names."""
    delete_before_replace: Flag | None = None
    """Delete before creating anew."""
    import_: str | None = None
    """Existing resource to take over."""
    parent: str | None = None
    """Parent resource."""
    replace_on_changes: Names = ()
    """Fields whose change replaces the resource."""
    is_enabled: Flag | None = None
    """Deploy it at all."""


class DeployedResource(Model):
    """What every deployed resource may say of itself, kept as declared: `{name_prefix: dev_}`."""

    other_names: ClassVar[Mapping[str, str]] = {"resource_options": "options"}

    name: str | None = None
    """Name in the workspace; by default the pipeline's."""
    name_prefix: str | None = None
    """Put before the name."""
    name_suffix: str | None = None
    """Put after the name."""
    resource_name: str | None = None
    """Name of the resource among those that are deployed."""
    options: ResourceOptions | None = None
    """Options of the deployed resource."""
    lookup_existing: Json | None = None
    """Existing resource to use."""
    variables: Json = {}
    """Values of variables inside of it."""
    access_controls: Jsons = []
    """Who may see and run it."""
    config_file: Json | None = None
    """The deployed pipeline file."""
    requirements_file: Json | None = None
    """The deployed list of packages."""
    budget_policy_id: str | None = None
    """Budget it is billed to."""
    usage_policy_id: str | None = None
    """Usage policy it is billed to."""
    run_as: Json | None = None
    """Identity it runs as."""
    environment: Json | None = None
    """Packages of serverless compute."""
    tags: dict[str, str] = {}
    """Tags in the workspace."""
    timeouts: Json | None = None
    """Time limits of its deployment."""


class DeclarativePipeline(DeployedResource):
    """A Databricks declarative pipeline: `{catalog: dev, target: finance}`."""

    other_names: ClassVar[Mapping[str, str]] = {
        **DeployedResource.other_names,
        "schema": "target",
    }

    databricks_quality_monitor_enabled: Flag | None = None
    """Monitoring of all tables."""
    parameters: Json = {}
    """Parameters of its runs."""
    allow_duplicate_names: Flag | None = None
    """Another pipeline may have this name."""
    catalog: str | None = None
    """Catalog of its tables."""
    channel: Literal["CURRENT", "PREVIEW"] | None = None
    """Release channel of the runtime."""
    clusters: Jsons = []
    """Clusters."""
    configuration: dict[str, str] = {}
    """Settings that its code can read."""
    continuous: Flag | None = None
    """Runs all the time."""
    development: Flag | None = None
    """Keeps its cluster, does not retry."""
    edition: str | None = None
    """Product edition."""
    libraries: Jsons = []
    """Code to run."""
    notifications: Jsons = []
    """Whom to tell."""
    photon: Flag | None = None
    """Vectorised engine."""
    serverless: Flag | None = None
    """Serverless compute."""
    storage: str | None = None
    """Root folder of its tables."""
    target: str | None = None
    """Schema of its tables."""
    root_path: str | None = None
    """Root folder of its code."""
    node_name_prefix: str | None = None
    """Prefix of its flows."""


class DatabricksJob(DeployedResource):
    """A Databricks job with a task per node: `{max_concurrent_runs: 1, tags: {team: data}}`."""

    always_running: Flag | None = None
    """Keep it running."""
    data_profiling_config_task: Json | None = None
    """Task that profiles the tables."""
    deployment: Json | None = None
    """How it was deployed."""
    edit_mode: str | None = None
    """Whether it can be edited in the workspace."""
    environment_variables: Json | None = None
    """Variables of its tasks' processes."""
    existing_cluster_id: str | None = None
    """Cluster of all tasks."""
    job_clusters: Jsons | None = None
    """Job clusters."""
    job_cluster: Jsons | None = None
    """Job clusters."""
    library: Jsons | None = None
    """Packages of all tasks."""
    new_cluster: Json | None = None
    """Cluster of all tasks."""
    parameter: Jsons | None = None
    """Job parameters."""
    parent_path: str | None = None
    """Folder of the job."""
    task: Jsons | None = None
    """Tasks; replaced by those of the nodes."""
    triggers: Json | None = None
    """What starts a run."""
    clusters: Jsons = []
    """Job clusters."""
    continuous: Json | None = None
    """Runs all the time."""
    control_run_state: Flag | None = None
    """Keep a continuous run alive."""
    description: str | None = None
    """Description."""
    email_notifications: Json | None = None
    """Whom to mail."""
    environments: Jsons = []
    """Packages of serverless tasks."""
    format: str | None = None
    """Task format."""
    git_source: Json | None = None
    """Repository of its code."""
    health: Json | None = None
    """Health rules."""
    laktory_version: str | None = None
    """Version of the package to install."""
    max_concurrent_runs: Whole | None = None
    """Runs at a time."""
    max_retries: Whole | None = None
    """Retries of a task."""
    min_retry_interval_millis: Whole | None = None
    """Pause between retries, milliseconds."""
    node_max_retries: Whole | None = None
    """Retries of a node's task."""
    notebook_path: str | None = None
    """Notebook that runs a node."""
    notification_settings: Json | None = None
    """Which notifications to send."""
    parameters: Jsons = []
    """Job parameters."""
    performance_target: str | None = None
    """Serverless performance mode."""
    queue: Json | None = None
    """Queueing of runs."""
    retry_on_timeout: Flag | None = None
    """Retry a task that ran too long."""
    schedule: Json | None = None
    """Quartz schedule."""
    serverless_environment_version: str | None = None
    """Version of the serverless environment."""
    tasks: Jsons = []
    """Tasks; replaced by those of the nodes."""
    timeout_seconds: Whole | None = None
    """Time limit of a run, seconds."""
    trigger: Json | None = None
    """What starts a run."""
    webhook_notifications: Json | None = None
    """Whom to call."""


class WorkspaceFile(Model):
    """The deployed pipeline file: `{path: /.laktory/pipelines/prices.json}`."""

    path: str | None = None
    """Path in the workspace."""
    access_controls: Jsons = []
    """Who may read it."""
