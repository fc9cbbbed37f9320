"""What a user gives on the command line, turned into values and plans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from laktory_dagster.errors import SettingsError

if TYPE_CHECKING:
    from laktory_dagster.plan.definition import Plan
    from laktory_dagster.project import Project

path_argument = click.argument("path", type=click.Path(path_type=Path))
env_option = click.option(
    "--env", metavar="NAME", help="Overlay of `environments:` to apply.", default=None
)
var_option = click.option(
    "--var", "variables", metavar="K=V", multiple=True, help="Value of ${vars.K}; repeatable."
)
select_option = click.option(
    "--select",
    metavar="S",
    multiple=True,
    help="Nodes, tags or layers; `*x` with all upstream, `x*` with all downstream.",
)
warehouse_option = click.option(
    "--warehouse", metavar="DIR", default=None, help="Root folder of the tables."
)


def parse_variables(pairs: Sequence[str]) -> dict[str, Any]:
    """Return the values of `K=V` pairs; V is a number or a boolean where it is written as one.

    Raises:
        SettingsError: a pair has no `=`, or a name is given twice.
    """
    from laktory_dagster.config.variables import given_value

    values: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise SettingsError(f"`--var {pair}` is no assignment", expected="--var NAME=VALUE")
        if name in values:
            raise SettingsError(f"the variable `{name}` is given twice")
        values[name] = given_value(value)
    return values


def selection(terms: Sequence[str]) -> Sequence[str] | None:
    """Return the terms of `--select`, or None where none was given, which selects all."""
    return terms or None


def load_plans(
    path: Path, env: str | None = None, variables: Mapping[str, Any] | None = None
) -> tuple[Plan, ...]:
    """Return the plans of all pipelines of a file or folder.

    Raises:
        DeclarationError: something in them is wrong.
        InvalidInputError: there is no such path, or no pipeline in it.
    """
    project = load(path, env, variables)
    project.raise_for_problems()
    return project.plans


def load(path: Path, env: str | None = None, variables: Mapping[str, Any] | None = None) -> Project:
    """Return what a file or folder declares, the broken files among it.

    Raises:
        InvalidInputError: there is no such path, or no pipeline in it.
    """
    from laktory_dagster.project import load_project

    project = load_project(path, env=env, variables=variables or {})
    if not project.plans and not project.problems:
        raise SettingsError(
            f"no file below {path} declares a pipeline",
            expected="a YAML file with `name:` and `nodes:`",
        )
    return project


def load_one_plan(
    path: Path, env: str | None = None, variables: Mapping[str, Any] | None = None
) -> Plan:
    """Return the plan of the one pipeline of a file or folder.

    Raises:
        DeclarationError: something in it is wrong.
        InvalidInputError: there is no such path, or not one pipeline in it.
    """
    plans = load_plans(path, env, variables)
    if len(plans) != 1:
        files = [str(plan.file) for plan in plans if plan.file is not None]
        raise SettingsError(
            f"{path} declares {len(plans)} pipelines; this command takes one",
            hint=f"name its file: {', '.join(files[:10])}" if files else None,
        )
    return plans[0]
