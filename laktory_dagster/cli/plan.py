"""`laktory-dagster plan`: what would run, in which order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

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
from laktory_dagster.errors import SelectionError

if TYPE_CHECKING:
    from laktory_dagster.plan.definition import Plan


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

    plans = load_plans(path, env, parse_variables(variables))
    pairs = _selected(plans, select)
    if as_json:
        documents = [explain.explain_json(found, names) for found, names in pairs]
        screen.document(documents[0] if len(plans) == 1 else documents)
    elif mermaid:
        screen.say(
            "\n".join(explain.explain_mermaid(found, names).rstrip() for found, names in pairs)
        )
    else:
        screen.say("\n".join(explain.explain_text(found, names).rstrip() for found, names in pairs))


def _selected(plans: Sequence[Plan], terms: Sequence[str]) -> list[tuple[Plan, tuple[str, ...]]]:
    """Return the plans that have what is selected, with their nodes of it.

    Raises:
        SelectionError: none has all of it.
    """
    from laktory_dagster.plan.selection import select as select_nodes

    found = []
    refused: SelectionError | None = None
    for candidate in plans:
        try:
            found.append((candidate, select_nodes(candidate, selection(terms))))
        except SelectionError as error:
            refused = refused or error
    if refused is not None and not found:
        raise refused
    return found
