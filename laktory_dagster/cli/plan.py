"""`laktory-dagster plan`: what would run, in which order."""

from __future__ import annotations

from pathlib import Path

import click

from laktory_dagster.cli.command import Command
from laktory_dagster.cli.inputs import (
    env_option,
    load_plans,
    parse_variables,
    path_argument,
    select_option,
    selection,
    var_option,
)
from laktory_dagster.cli.screen import Screen


@click.command(cls=Command)
@path_argument
@select_option
@click.option("--mermaid", is_flag=True, help="Print the graph in mermaid's notation.")
@env_option
@var_option
@click.pass_obj
def plan(
    screen: Screen,
    path: Path,
    select: tuple[str, ...],
    mermaid: bool,
    env: str | None,
    variables: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show what would run: nodes in order, with what each reads, does, checks and writes."""
    from laktory_dagster.plan import explain
    from laktory_dagster.plan.selection import select as select_nodes

    plans = load_plans(path, env, parse_variables(variables))
    chosen = [select_nodes(found, selection(select)) for found in plans]
    pairs = list(zip(plans, chosen, strict=True))
    if as_json:
        documents = [explain.explain_json(found, names) for found, names in pairs]
        screen.document(documents[0] if len(documents) == 1 else documents)
    elif mermaid:
        screen.say(
            "\n".join(explain.explain_mermaid(found, names).rstrip() for found, names in pairs)
        )
    else:
        screen.say("\n".join(explain.explain_text(found, names).rstrip() for found, names in pairs))
