"""`laktory-dagster validate`: every problem of pipeline files, before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from laktory_dagster.cli.command import Command
from laktory_dagster.cli.inputs import env_option, load, parse_variables, var_option
from laktory_dagster.cli.screen import Screen

if TYPE_CHECKING:
    from laktory_dagster.project import Project

INVALID = 2


@click.command(cls=Command)
@click.argument("paths", type=click.Path(path_type=Path), nargs=-1, required=True)
@env_option
@var_option
@click.pass_context
def validate(
    ctx: click.Context,
    paths: tuple[Path, ...],
    env: str | None,
    variables: tuple[str, ...],
    as_json: bool,
) -> None:
    """Check pipeline files and folders; prints every problem at its line and column."""
    values = parse_variables(variables)
    projects = [load(path, env, values) for path in paths]
    screen: Screen = ctx.obj
    if as_json:
        screen.document(_document(projects))
    else:
        _report(screen, projects)
    if any(project.problems for project in projects):
        ctx.exit(INVALID)


def _document(projects: list[Project]) -> dict[str, Any]:
    errors = [
        diagnostic.to_dict()
        for project in projects
        for problem in project.problems
        for diagnostic in problem.error.diagnostics
    ]
    pipelines = [
        {
            "name": plan.name,
            "file": None if plan.file is None else str(plan.file),
            "nodes": len(plan.nodes),
            "warnings": [warning.to_dict() for warning in plan.warnings],
        }
        for project in projects
        for plan in project.plans
    ]
    return {"valid": not errors, "pipelines": pipelines, "errors": errors}


def _report(screen: Screen, projects: list[Project]) -> None:
    problems = [problem for project in projects for problem in project.problems]
    plans = [plan for project in projects for plan in project.plans]
    for problem in problems:
        screen.warn(str(problem.error), style=None)
    for plan in plans:
        for warning in plan.warnings:
            screen.warn(warning.render())
    for plan in plans:
        screen.say(f"{plan.name}: {_count(len(plan.nodes), 'node')}, no errors")
    if problems:
        errors = sum(len(problem.error.diagnostics) for problem in problems)
        screen.warn(f"{_count(errors, 'problem')} in {_count(len(problems), 'file')}", style="red")


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
