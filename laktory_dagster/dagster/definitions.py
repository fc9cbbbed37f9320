"""Pipelines to Dagster definitions: what a code location loads."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import dagster as dg

from laktory_dagster._garbage import collection_paused, keep_for_good
from laktory_dagster.dagster.assets import build_assets
from laktory_dagster.dagster.external import build_external_assets
from laktory_dagster.dagster.graph import AssetGraph
from laktory_dagster.dagster.io_managers import LaktoryIOManager
from laktory_dagster.dagster.jobs import build_job, build_schedule
from laktory_dagster.dagster.keys import IO_MANAGER, SPARK, folded
from laktory_dagster.dagster.loaded import remember
from laktory_dagster.dagster.translator import LaktoryTranslator
from laktory_dagster.errors import DeclarationError, SettingsError
from laktory_dagster.models import Pipeline
from laktory_dagster.plan.definition import Plan
from laktory_dagster.project import FileProblem, load_project, plan_of
from laktory_dagster.project.loader import without_clashes

Given = str | Path | Plan | Pipeline

MANY_NODES = 1_000
STEPS = (None, "node", "fused", "auto")


def build_definitions(
    pipelines: Given | Sequence[Given],
    *,
    translator: LaktoryTranslator | None = None,
    env: str | None = None,
    variables: Mapping[str, Any] | None = None,
    warehouse: str | None = None,
    steps: str | None = None,
    in_process: bool = True,
    spark: Any = None,
) -> dg.Definitions:
    """Return assets, checks, jobs, schedules and the IO manager of pipelines.

    Under `dagster dev` a pipeline with errors becomes an asset that shows them, and the others
    load; everywhere else it is an error.

    Args:
        pipelines: a file, a folder (all pipelines below it), plans or Pipeline models, or several.
        translator: decides keys, groups, tags and checks.
        env: environment overlay; by default the setting `LAKTORY_DAGSTER_ENV`, for the pipelines
            that declare it.
        variables: values of `${vars.x}`.
        warehouse: root folder of tables; by default what the pipelines and settings say.
        steps: `node`, `fused` or `auto` for all of them; by default what each declares.
        in_process: run jobs in one process. Without it no executor is set, and pipelines are fused.
        spark: the `SparkResource` of the nodes on Spark; without one a run starts a session as the
            settings say.

    Raises:
        DeclarationError: with everything that is wrong, each at its line and column.
        SettingsError: `steps` is none of these.
    """
    if steps not in STEPS:
        raise SettingsError(f"`steps` is `{steps}`", expected="node, fused or auto")
    root = None if warehouse is None else rooted(warehouse, Path.cwd())
    return definitions_with(
        shared_io_manager(root),
        pipelines,
        translator=translator,
        env=env,
        variables=variables,
        warehouse=root,
        steps=steps,
        in_process=in_process,
        spark=spark,
    )


@collection_paused()
def definitions_with(
    io_manager: LaktoryIOManager,
    pipelines: Given | Sequence[Given],
    *,
    translator: LaktoryTranslator | None = None,
    env: str | None = None,
    variables: Mapping[str, Any] | None = None,
    warehouse: str | None = None,
    steps: str | None = None,
    in_process: bool = True,
    spark: Any = None,
) -> dg.Definitions:
    """Return what `build_definitions` does, with this IO manager."""
    plans, problems = _plans(pipelines, env, variables, warehouse)
    if problems and not _shows_problems():
        _raise_first(problems)
    graph = AssetGraph(plans, translator or LaktoryTranslator())
    resources = {IO_MANAGER: io_manager, **({} if spark is None else {SPARK: spark})}
    assets: list[Any] = _placeholders(problems)
    jobs, schedules = [], []
    for plan in plans:
        remember(plan)
        assets += build_assets(graph, plan, steps, in_process=in_process, resources=resources)
        job = build_job(graph, plan)
        jobs.append(job)
        schedule = build_schedule(plan, job)
        schedules += [schedule] if schedule is not None else []
    definitions = dg.Definitions(
        assets=[*assets, *build_external_assets(graph)],
        jobs=jobs,
        schedules=schedules,
        resources=resources,
        executor=dg.in_process_executor if in_process else None,
    )
    if sum(len(plan.nodes) for plan in plans) > MANY_NODES:
        keep_for_good()
    return definitions


@cache
def shared_io_manager(warehouse: str | None = None) -> LaktoryIOManager:
    """Return the IO manager of a warehouse: one object, as Dagster merges no others."""
    return LaktoryIOManager(warehouse=warehouse)


def rooted(warehouse: str, folder: Path) -> str:
    """Return a warehouse as an absolute path, or as the URL that it is."""
    return warehouse if "://" in warehouse else str(folder.absolute() / warehouse)


def _plans(
    pipelines: Given | Sequence[Given],
    env: str | None,
    variables: Mapping[str, Any] | None,
    warehouse: str | None,
) -> tuple[list[Plan], list[FileProblem]]:
    single = isinstance(pipelines, (str, Path, Plan, Pipeline))
    given: Sequence[Given] = [pipelines] if single else pipelines  # type: ignore[list-item, assignment]
    plans: list[Plan] = []
    problems: list[FileProblem] = []
    for item in given:
        if isinstance(item, Plan):
            plans.append(item)
        elif isinstance(item, Pipeline):
            plans.append(plan_of(item, variables=variables))
        else:
            project = load_project(
                item, env=env, variables=variables, is_one_of_many=len(given) > 1
            )
            plans += project.plans
            problems += project.problems
    if warehouse:
        # In the plans, so that the graph knows who reads what another pipeline writes there.
        plans = [replace(plan, warehouse=warehouse) for plan in plans]
    if warehouse or len(given) > 1:
        plans, clashes = without_clashes(plans)
        problems += clashes
    return plans, problems


def _shows_problems() -> bool:
    validating = os.environ.get("DAGSTER_IS_DEFS_VALIDATION_CLI")
    return bool(os.environ.get("DAGSTER_IS_DEV_CLI")) and not validating


def _raise_first(problems: Sequence[FileProblem]) -> NoReturn:
    raise DeclarationError([d for problem in problems for d in problem.error.diagnostics])


def _placeholders(problems: Sequence[FileProblem]) -> list[Any]:
    """Return an asset for each pipeline that does not load, all with different names."""
    found: dict[str, Any] = {}
    for problem in problems:
        name = f"ERROR_in_{folded(problem.path.parent.name)}_{folded(problem.path.stem)}"
        while name in found:
            name += "_"
        found[name] = _placeholder(name, problem)
    return list(found.values())


def _placeholder(name: str, problem: FileProblem) -> dg.AssetsDefinition:
    """Return an asset in the place of a pipeline that does not load; it holds the errors."""
    text = str(problem.error)

    @dg.asset(
        name=name,
        group_name="errors",
        description=f"ERROR: `{problem.path}` does not load.\n\n```\n{text}\n```",
        metadata={"file": dg.MetadataValue.path(str(problem.path))},
        kinds={"yaml", "error"},
        tags={"laktory/error": ""},
    )
    def broken() -> None:
        raise dg.Failure(description=text)

    return broken
