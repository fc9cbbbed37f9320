"""Keys of the pipeline and of what it is deployed as, written as those of `field_tables`."""

from __future__ import annotations

from laktory_dagster import models
from laktory_dagster.models import orchestrators
from laktory_dagster.models.base import Model
from tests.unit.models.field_tables import Place

EVERY_RESOURCE = """
name | r | "r" | 3
name_prefix | a | "a" | 3
name_suffix | a | "a" | 3
resource_name | a | "a" | 3
options | {provider: p} | {"provider": "p"} | x
resource_options>options | {name: o} | {"name": "o"} | x
lookup_existing | {a: 1} | {"a": 1} | x
variables | {a: 1} | {"a": 1} | x
access_controls | [{a: 1}] | [{"a": 1}] | x
config_file | {a: 1} | {"a": 1} | x
requirements_file | {a: 1} | {"a": 1} | x
budget_policy_id | a | "a" | 3
usage_policy_id | a | "a" | 3
run_as | {a: 1} | {"a": 1} | x
environment | {a: 1} | {"a": 1} | x
tags | {a: b} | {"a": "b"} | x
timeouts | {a: 1} | {"a": 1} | x
"""
OF_JOB = """
always_running | true | = | x
control_run_state | false | = | x
retry_on_timeout | true | = | x
max_concurrent_runs | 2 | = | 2.5
max_retries | 2 | = | '2'
min_retry_interval_millis | 2 | = | x
node_max_retries | 2 | = | true
timeout_seconds | 2 | = | x
"""
OF_JOB += "".join(
    f'{key} | a | "a" | 3\n'
    for key in (
        "edit_mode", "existing_cluster_id", "parent_path", "description", "format",
        "laktory_version", "notebook_path", "performance_target", "serverless_environment_version",
    )
)  # fmt: skip
OF_JOB += "".join(
    f'{key} | {{a: 1}} | {{"a": 1}} | x\n'
    for key in (
        "data_profiling_config_task", "deployment", "environment_variables", "new_cluster",
        "triggers", "continuous", "email_notifications", "git_source", "health",
        "notification_settings", "queue", "schedule", "trigger", "webhook_notifications",
    )
)  # fmt: skip
OF_JOB += "".join(
    f'{key} | [{{a: 1}}] | [{{"a": 1}}] | x\n'
    for key in (
        "job_clusters", "job_cluster", "library", "parameter", "task", "clusters", "environments",
        "parameters", "tasks",
    )
)  # fmt: skip

PIPELINE_TABLES: list[tuple[type[Model], Place, str]] = [
    (
        models.Pipeline,
        Place("%s", (), {"name": "p", "nodes": "[]"}),
        """
        name | q | "q" | 3
        nodes | [{source: {path: a}}] | [{"name": "node_1", "source": {"path": "a"}}] | 3
        description | d | "d" | 3
        comment>description | d | "d" | 3
        dataframe_type | SPARK | "SPARK" | X
        dataframe_backend>dataframe_type | PYSPARK | "SPARK" | X
        dataframe_api | NATIVE | "NATIVE" | X
        orchestrator | DATABRICKS_DLT | "DLT" | CRON
        dlt | {catalog: c} | {"catalog": "c"} | x
        databricks_dlt>dlt | {target: t} | {"target": "t"} | x
        databricks_job | {max_retries: 1} | {"max_retries": 1} | x
        airflow | {dag_id: d} | {"dag_id": "d"} | x
        udfs | [{module_name: m, function_name: f}] | [{"module_name": "m", "function_name": "f"}] | x
        imports | m | ["m"] | 3
        dependencies | [a, b] | ["a", "b"] | 3
        parameters | {a: {default: 1}} | {"a": {"default": 1}} | x
        variables | {a: 1} | {"a": 1} | [a]
        environments | {dev: {catalog: c}} | {"dev": {"catalog": "c"}} | x
        warehouse | w | "w" | 3
        schedule | {cron: 0 6 * * *} | {"cron": "0 6 * * *"} | 0 6 * * *
        compat | laktory-0.4 | "laktory-0.4" | laktory-0.5
        steps | node | "node" | nodes
        sql_dialect | duckdb | "duckdb" | 3
        max_parallel_nodes | 1 | = | 0
        samples | false | = | 1
        tags | {a: b} | {"a": "b"} | [a]
        workspacefile | {path: x} | {"path": "x"} | x
        options | {provider: p} | {"provider": "p"} | x
        resource_options>options | {provider: p} | {"provider": "p"} | x
        lookup_existing | {a: 1} | {"a": 1} | x
        databricks_quality_monitor_enabled | true | = | yes
        resource_name | r | "r" | 3
        root_path | r | "r" | 3
        """,
    ),
    (
        models.Udf,
        Place(
            "name: p\nudfs: [%s]", ("udfs", 0), {"module_name": "a", "function_name": "b"}
        ),
        'module_name | m | "m" | 3\nfunction_name | f | "f" | 3\nmodule_path | x | "x" | 3',
    ),
    (
        models.Parameter,
        Place("name: p\nparameters: {a: %s}", ("parameters", "a"), {}),
        'default | null | null | -\ndescription | d | "d" | 3',
    ),
    (
        models.Schedule,
        Place("name: p\nschedule: %s", ("schedule",), {"cron": "x"}),
        """
        cron | 0 6 * * * | "0 6 * * *" | 3
        cron_schedule>cron | '@daily' | "@daily" | 3
        timezone | Europe/Berlin | "Europe/Berlin" | 3
        time_zone>timezone | Asia/Tokyo | "Asia/Tokyo" | 3
        execution_timezone>timezone | Asia/Tokyo | "Asia/Tokyo" | 3
        enabled | false | = | off
        """,
    ),
    (
        models.Environment,
        Place("name: p\nenvironments: {dev: %s}", ("environments", "dev"), {}),
        """
        variables | {a: 1} | {"a": 1} | x
        warehouse | w | "w" | 3
        catalog | c | "c" | 3
        schema_prefix | s_ | "s_" | 3
        dataframe_type | POLARS | "POLARS" | X
        dataframe_backend>dataframe_type | PYSPARK | "SPARK" | X
        """,
    ),
    (
        orchestrators.WorkspaceFile,
        Place("name: p\nworkspacefile: %s", ("workspacefile",), {}),
        'path | x | "x" | 3\naccess_controls | [{a: 1}] | [{"a": 1}] | x',
    ),
    (
        orchestrators.ResourceOptions,
        Place("name: p\noptions: %s", ("options",), {}),
        """
        name | a | "a" | 3
        depends_on | a | ["a"] | 3
        provider | a | "a" | 3
        ignore_changes | a | ["a"] | 3
        aliases | a | ["a"] | 3
        delete_before_replace | true | = | yes
        import_ | a | "a" | 3
        parent | a | "a" | 3
        replace_on_changes | a | ["a"] | 3
        is_enabled | false | = | no
        """,
    ),
    (
        models.DatabricksJob,
        Place("name: p\ndatabricks_job: %s", ("databricks_job",), {}),
        EVERY_RESOURCE + OF_JOB,
    ),
    (
        models.DeclarativePipeline,
        Place("name: p\ndlt: %s", ("dlt",), {}),
        EVERY_RESOURCE
        + """
        databricks_quality_monitor_enabled | true | = | yes
        parameters | {a: 1} | {"a": 1} | x
        allow_duplicate_names | true | = | yes
        catalog | c | "c" | 3
        channel | PREVIEW | "PREVIEW" | BETA
        clusters | [{a: 1}] | [{"a": 1}] | x
        configuration | {a: b} | {"a": "b"} | x
        continuous | true | = | yes
        development | false | = | no
        edition | CORE | "CORE" | 3
        libraries | [{a: 1}] | [{"a": 1}] | x
        notifications | [{a: 1}] | [{"a": 1}] | x
        photon | true | = | yes
        serverless | true | = | yes
        storage | s | "s" | 3
        target | t | "t" | 3
        schema>target | t | "t" | 3
        root_path | r | "r" | 3
        node_name_prefix | n | "n" | 3
        """,
    ),
]  # fmt: skip
