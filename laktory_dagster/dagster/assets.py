"""Nodes as assets: an op per node, or one fused step for all of a pipeline."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from laktory_dagster.dagster.checks import check_result
from laktory_dagster.dagster.graph import FUSED, AssetGraph, sources_of
from laktory_dagster.dagster.io_managers import Committed, LaktoryIOManager
from laktory_dagster.dagster.keys import IO_MANAGER, SPARK, folded
from laktory_dagster.dagster.limits import TimeLimit
from laktory_dagster.dagster.resume import resumed_runs
from laktory_dagster.execution.context import RunOptions
from laktory_dagster.execution.results import NodeResult, NodeStatus
from laktory_dagster.execution.runner import Commit, iterate
from laktory_dagster.execution.session import RunSession
from laktory_dagster.models.sources import AssetSource
from laktory_dagster.plan.definition import Plan, PlanNode

# Dagster's own tags, documented with data versions; it exports no names for them.
DATA_VERSION_TAG = "dagster/data_version"
DATA_VERSION_IS_USER_PROVIDED_TAG = "dagster/data_version_is_user_provided"
INPUT_VERSION_TAG = "dagster/input_data_version"
MAX_OPS = 300
MAX_DEPTH = 500


def build_assets(
    graph: AssetGraph,
    plan: Plan,
    steps: str | None = None,
    *,
    in_process: bool = True,
    resources: Collection[str] = (IO_MANAGER,),
) -> list[dg.AssetsDefinition]:
    """Return the assets of a plan.

    Args:
        graph: keys and dependencies of all plans that load together.
        plan: the plan.
        steps: `node`, `fused`, or `auto` and None to decide by size: fused above 300 nodes or a
            depth of 500, and where every step starts a process.
        in_process: whether steps share a process.
        resources: keys of what the steps need.
    """
    if _is_fused(plan, steps or plan.pipeline.steps, in_process=in_process):
        own, rest = _apart(graph, plan)
        assets = [_step(graph, plan, [node], resources) for node in own]
        return [*assets, _step(graph, plan, rest, resources)] if rest else assets
    return [_step(graph, plan, [node], resources) for node in plan.nodes.values()]


def _apart(graph: AssetGraph, plan: Plan) -> tuple[list[PlanNode], list[PlanNode]]:
    """Return the nodes with a step of their own, and those of the fused one.

    Dagster names the outputs of an op after their assets and checks, and takes some for one: the
    check `b` of the node `a`, and the node `a_b`. The later of such nodes cannot be in the same op.
    """
    own: list[PlanNode] = []
    rest: list[PlanNode] = []
    taken: set[str] = set()
    for node in plan.nodes.values():
        checks = graph.check_specs(plan, node).values()
        names = {check.get_python_identifier() for check in checks}
        names.add(graph.key(plan, node.name).to_python_identifier())
        if _leaves_fused_step(node) or names & taken:
            own.append(node)
        else:
            rest.append(node)
            taken |= names
    return own, rest


def _leaves_fused_step(node: PlanNode) -> bool:
    """Return whether a node is declared apart, or has an input that Dagster must load first."""
    return node.declared.step is not None or bool(_asset_inputs([node]))


def _is_fused(plan: Plan, steps: str, *, in_process: bool) -> bool:
    if steps != "auto":
        return steps == "fused"
    return not in_process or len(plan.nodes) > MAX_OPS or _depth(plan) > MAX_DEPTH


def _depth(plan: Plan) -> int:
    depth: dict[str, int] = {}
    for node in plan.nodes.values():
        above = (depth[name] for name in (*node.upstream, *node.after))
        depth[node.name] = 1 + max(above, default=0)
    return max(depth.values(), default=0)


def _step(
    graph: AssetGraph, plan: Plan, nodes: Sequence[PlanNode], resources: Collection[str]
) -> dg.AssetsDefinition:
    """Return one op for these nodes."""
    specs = [graph.spec(plan, node) for node in nodes]
    names = {spec.key: node.name for spec, node in zip(specs, nodes, strict=True)}
    single = nodes[0] if len(nodes) == 1 else None
    own = single.declared.step if single is not None else None
    inputs = _asset_inputs(nodes)

    @dg.multi_asset(
        name=graph.op_name(plan, single.name if single is not None else FUSED),
        specs=specs,
        check_specs=[spec for node in nodes for spec in graph.check_specs(plan, node).values()],
        ins={name: dg.AssetIn(key=key) for name, key in inputs.items()},
        can_subset=True,
        required_resource_keys=set(resources),
        op_tags=own.tags if own else None,
        pool=re.sub(r"\s", "_", own.pool) if own and own.pool else None,
        retry_policy=_retry_policy(own) if own else None,
        # The graph gives each check its node's key; Dagster would look for it node by node.
        allow_arbitrary_check_specs=True,
    )
    def step(context: dg.AssetExecutionContext, **loaded: Any) -> Iterator[Any]:
        frames = {"/".join(inputs[name].path): frame for name, frame in loaded.items()}
        chosen = context.selected_asset_keys
        selected = {name for key, name in names.items() if key in chosen}
        checked = {c.asset_key for c in context.selected_asset_check_keys} - set(chosen)
        alone = {key: name for key, name in names.items() if key in checked}
        yield from _check_only(context, graph, plan, alone, frames)
        yield from _run(
            context, graph, plan, [n for n in graph.order(plan) if n in selected], frames
        )

    return step


def _asset_inputs(nodes: Sequence[PlanNode]) -> dict[str, dg.AssetKey]:
    """Return the users' assets that nodes read, by the name of the op's input."""
    sources = (source for node in nodes for source in sources_of(node))
    assets = dict.fromkeys(source.asset for source in sources if isinstance(source, AssetSource))
    # The number keeps apart what folds to one name, and away from words that Dagster reserves.
    return {
        f"{folded(asset)}_{number}": dg.AssetKey(asset.split("/"))
        for number, asset in enumerate(assets)
    }


def _retry_policy(own: Any) -> dg.RetryPolicy | None:
    if not own.retries:
        return None
    return dg.RetryPolicy(max_retries=own.retries, delay=own.retry_delay_seconds or None)


def run_options(
    context: dg.AssetExecutionContext, io: LaktoryIOManager, frames: Mapping[str, Any]
) -> RunOptions:
    """Return the options of Dagster's run; re-executions inherit the root run and its start."""
    run = context.run
    root = run.root_run_id or run.run_id
    record = context.instance.get_run_record_by_id(root)
    started = record.create_timestamp if record is not None else datetime.now(UTC)
    if started.tzinfo is None:
        started = started.replace(tzinfo=UTC)
    return RunOptions(
        run_id=run.run_id,
        root_run_id=root,
        logical_time=started.astimezone(UTC),
        warehouse=io.warehouse,
        full_refresh=io.full_refresh,
        assets=frames,
        spark=getattr(context.resources, SPARK, None),
        attempt_id=[run.run_id, *(r.run_id for r in resumed_runs(context.instance, run))][-1],
    )


def _run(
    context: dg.AssetExecutionContext,
    graph: AssetGraph,
    plan: Plan,
    selected: Sequence[str],
    frames: Mapping[str, Any],
) -> Iterator[Any]:
    io: LaktoryIOManager = getattr(context.resources, IO_MANAGER)
    session = io.session(plan, run_options(context, io, frames))
    session.assets.update(frames)
    session.asset_versions.update(_asset_versions(context, frames))
    failed: list[NodeResult] = []
    skipped: list[NodeResult] = []
    for result in _results(session, selected, lambda prepared: io.commit(session, prepared)):
        key = graph.key(plan, result.node)
        if result.status in (NodeStatus.DONE, NodeStatus.REUSED):
            # No log line: each costs as much as the write of a small node, and the
            # materialization says it all.
            read = _versions_read(graph, plan, session, result.node)
            yield from _observations(context, io, read)
            yield dg.MaterializeResult(
                asset_key=key,
                value=Committed(result, _rows_stored(session, plan.nodes[result.node], result)),
                tags={f"{INPUT_VERSION_TAG}/{k.to_user_string()}": v for k, v in read.items()},
                check_results=_selected_checks(context, graph, plan, result),
                data_version=dg.DataVersion(result.data_version) if result.data_version else None,
            )
        elif result.status is NodeStatus.FAILED:
            failed.append(result)
            context.log.error("[%s] %s", result.node, result.message, exc_info=result.error)
            yield from _selected_checks(context, graph, plan, result)
        else:
            skipped.append(result)
            context.log.warning("[%s] %s: %s", result.node, result.status.value, result.message)
            yield from _selected_checks(context, graph, plan, result)
    if failed:
        raise _failure(failed, skipped)


def _asset_versions(context: dg.AssetExecutionContext, keys: Iterable[str]) -> dict[str, str]:
    """Return the data versions of users' assets, as their latest materializations say them."""
    found = {}
    for key in keys:
        event = context.instance.get_latest_materialization_event(dg.AssetKey(key.split("/")))
        stored = event.asset_materialization if event is not None else None
        if stored is not None and DATA_VERSION_TAG in (stored.tags or {}):
            found[key] = stored.tags[DATA_VERSION_TAG]
    return found


def _results(session: RunSession, selected: Sequence[str], commit: Commit) -> Iterator[NodeResult]:
    parallel = session.plan.pipeline.max_parallel_nodes or 1

    def work(publish: Commit) -> Iterator[NodeResult]:
        return iterate(session, selected, commit=publish, parallel=parallel)

    # A node that declares a step is alone in it.
    node = session.plan.nodes[selected[0]] if len(selected) == 1 else None
    own = node.declared.step if node is not None else None
    if node is None or own is None or own.timeout_seconds is None:
        return work(commit)
    return TimeLimit(node, own.timeout_seconds).run(work, commit)


def _rows_stored(session: RunSession, node: PlanNode, result: NodeResult) -> int | None:
    """Return how many rows the node's table holds now; None where nothing says it for free.

    What replaces a table is all that it holds. Else its log says it, or the footers of its files.
    """
    targets = session.targets(node)
    if not targets or (targets[-1].mode == "OVERWRITE" and targets[-1].on_empty != "skip"):
        return result.rows_out
    try:
        state = session.engine(node.engine).inspect(targets[-1].place, targets[-1].format)
        return None if state is None else state.count()
    except Exception:  # noqa: BLE001 - the node is published; a number is not worth losing that
        return None


def _versions_read(
    graph: AssetGraph, plan: Plan, session: RunSession, name: str
) -> dict[dg.AssetKey, str]:
    """Return the versions of the external data that a node of this run has read."""
    versions = session.shared.place_versions
    places = graph.external_places(plan, plan.nodes[name], session.warehouse)
    return {key: versions[place] for key, place in places.items() if place in versions}


def _observations(
    context: dg.AssetExecutionContext, io: LaktoryIOManager, read: Mapping[dg.AssetKey, str]
) -> Iterator[dg.AssetObservation]:
    """Yield, once a run, which versions of external data it reads.

    Without them the first look at a source would call everything stale that was made from it.
    """
    for key, version in read.items():
        if io.is_news(context.run.run_id, key, version):
            tags = {DATA_VERSION_TAG: version, DATA_VERSION_IS_USER_PROVIDED_TAG: "true"}
            yield dg.AssetObservation(asset_key=key, tags=tags)


def _check_only(
    context: dg.AssetExecutionContext,
    graph: AssetGraph,
    plan: Plan,
    nodes: Mapping[dg.AssetKey, str],
    frames: Mapping[str, Any],
) -> Iterator[dg.AssetCheckResult]:
    """Yield checks that were selected without their asset: computed again, nothing is stored."""
    if not nodes:
        return
    io: LaktoryIOManager = getattr(context.resources, IO_MANAGER)
    options = replace(run_options(context, io, frames), write=False)
    with RunSession(plan, options) as session:
        for name in nodes.values():
            result = next(iter(iterate(session, [name])))
            if result.status is NodeStatus.FAILED and not result.checks:
                raise _failure([result], [])
            yield from _selected_checks(context, graph, plan, result)


def _selected_checks(
    context: dg.AssetExecutionContext, graph: AssetGraph, plan: Plan, result: NodeResult
) -> list[dg.AssetCheckResult]:
    specs = graph.check_specs(plan, plan.nodes[result.node])
    found = ((specs[check.name].key, check) for check in result.checks)
    wanted = context.selected_asset_check_keys
    return [check_result(key, check) for key, check in found if key in wanted]


def _failure(failed: Sequence[NodeResult], skipped: Sequence[NodeResult]) -> dg.Failure:
    lines = [f"{result.node}: {result.message}" for result in failed]
    if skipped:
        lines.append(f"not run because of that: {', '.join(result.node for result in skipped)}")
    failure = dg.Failure(
        description="\n".join(lines),
        metadata={"failed": [result.node for result in failed]},
    )
    failure.__cause__ = failed[0].error
    return failure
