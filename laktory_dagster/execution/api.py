"""What `pipeline.execute()` and `node.execute()` do: run in this process, without Dagster."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from laktory_dagster.errors import InvalidInputError, RunFailedError, RunFailure
from laktory_dagster.execution.context import RunOptions
from laktory_dagster.execution.results import NodeStatus, RunResult, in_own_words
from laktory_dagster.execution.runner import run_plan
from laktory_dagster.execution.session import RunSession
from laktory_dagster.models import Pipeline, PipelineNode
from laktory_dagster.models.calls import PROJECT_MODULES
from laktory_dagster.models.namespaces import namespace_functions, registered_namespaces
from laktory_dagster.plan.definition import Plan
from laktory_dagster.plan.selection import select
from laktory_dagster.project import plan_of

Functions = Mapping[str, Callable[..., Any]] | Sequence[Callable[..., Any]] | None


def execute_pipeline(
    pipeline: Pipeline,
    spark: Any = None,
    *,
    write_sinks: bool = True,
    full_refresh: bool = False,
    refresh: str = "INCREMENTAL",
    udfs: Functions = (),
    selects: str | Sequence[str] | None = None,
    params: Mapping[str, Any] | None = None,
    warehouse: str | None = None,
) -> RunResult:
    """Run a declared pipeline and return its RunResult; nodes then hold `output_df` and `checks`.

    Args:
        pipeline: the declaration; it is not changed.
        spark: session to use on the Spark engine.
        write_sinks: False hands frames over between nodes and writes nothing.
        full_refresh: replace what appends and merges had stored.
        refresh: the same under the newer schema's name: `FULL`, else `INCREMENTAL`.
        udfs: Python functions that steps may name.
        selects: a selection as in `plan.selection`.
        params: values of `${params.x}`.
        warehouse: root folder of tables for this run.

    Raises:
        DeclarationError: the declaration is wrong; nothing ran.
        InvalidInputError: there is no such `refresh`; nothing ran.
        RunFailedError: nodes failed; it holds the result of the others.
    """
    if refresh.upper() not in ("FULL", "INCREMENTAL"):
        raise InvalidInputError(f"`refresh={refresh}` is not known", hint="use FULL or INCREMENTAL")
    functions = {**namespace_functions(_of_the_caller()), **_by_name(udfs)}
    plan = plan_of(pipeline, params=params, functions=tuple(functions))
    options = RunOptions.new(
        warehouse=warehouse,
        write=write_sinks,
        full_refresh=full_refresh or refresh.upper() == "FULL",
        functions=functions,
        spark=spark,
    )
    selected = select(plan, selects)
    result = _run(pipeline, plan, options, selected)
    _raise_failures(result)
    return result


def execute_node(node: PipelineNode, spark: Any = None, **options: Any) -> Any:
    """Run one node on what its sources store and return its `output_df`.

    A node that stands in no pipeline runs as the only one of a pipeline of its name.

    Raises:
        InvalidInputError: the pipeline of the node is gone.
        RunFailedError: it failed.
    """
    if "write_sink" in options:  # the name in the older schema, where a node has one sink
        options["write_sinks"] = options.pop("write_sink")
    if node._pipeline is None:
        node._alone = node._alone or Pipeline(name=node.name, nodes=(node,))
        alone = node._alone.nodes[0]
        try:
            execute_pipeline(node._alone, spark, **options)
        finally:
            node._outcome = alone._outcome
        return node.output_df
    pipeline = node._pipeline()
    if pipeline is None:
        raise InvalidInputError(
            f"the pipeline of node `{node.name}` is gone",
            hint="keep the Pipeline in a variable, and run `pipeline.nodes_dict[name].execute()`",
        )
    execute_pipeline(pipeline, spark, selects=[node.name], **options)
    return node.output_df


def _run(pipeline: Pipeline, plan: Plan, options: RunOptions, selected: Sequence[str]) -> RunResult:
    pipeline.close()
    session = RunSession(plan, options)
    # The session outlives the call, since the frames of the result need it.
    pipeline._session = session
    result = run_plan(plan, options, selected, session=session)
    nodes = pipeline.nodes_dict
    for name, outcome in result.nodes.items():
        nodes[name]._outcome = outcome
    return result


def _raise_failures(result: RunResult) -> None:
    failures = [
        RunFailure(node.node, node.error)
        for node in result.nodes.values()
        if node.status is NodeStatus.FAILED and node.error is not None
    ]
    if not failures:
        return
    if len(failures) == 1 and isinstance(failures[0].error, InvalidInputError):
        raise failures[0].error
    skipped = [n.node for n in result.nodes.values() if n.status is NodeStatus.SKIPPED]
    lines = [f"{f.node}: {in_own_words(f.node, str(f.error))}" for f in failures]
    if skipped:
        lines.append(f"not run because of that: {', '.join(skipped)}")
    error = RunFailedError("\n".join(lines), result, failures)
    raise error from failures[0].error


def _of_the_caller() -> Sequence[type]:
    """Return the namespaces that the calling program registered itself, in no module of a project."""
    return registered_namespaces(lambda module: not module.startswith(f"{PROJECT_MODULES}."))


def _by_name(functions: Functions) -> dict[str, Callable[..., Any]]:
    if isinstance(functions, Mapping):
        return dict(functions)
    for function in functions or ():
        if not hasattr(function, "__name__"):
            raise InvalidInputError(
                f"`udfs` holds {function!r}, which is no function",
                hint="give functions, or a mapping of names to them",
            )
    return {function.__name__: function for function in functions or ()}
