"""`laktory-dagster preview` and `failures`: a look at rows, nothing is written."""

from __future__ import annotations

from pathlib import Path

import click

from laktory_dagster.cli.command import Command
from laktory_dagster.cli.inputs import (
    env_option,
    load_one_plan,
    parse_variables,
    path_argument,
    var_option,
    warehouse_option,
)
from laktory_dagster.cli.screen import Screen


@click.command(cls=Command)
@path_argument
@click.argument("node")
@click.option("--rows", type=click.IntRange(1, 10_000), default=10, show_default=True)
@click.option("--step", type=click.IntRange(0), help="Stop after so many steps; 0 is the source.")
@warehouse_option
@env_option
@var_option
@click.pass_obj
def preview(
    screen: Screen,
    path: Path,
    node: str,
    rows: int,
    step: int | None,
    warehouse: str | None,
    env: str | None,
    variables: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show the first rows of NODE, computed now from a limited part of its sources."""
    from laktory_dagster.execution.preview import preview_node

    plan = load_one_plan(path, env, parse_variables(variables))
    with screen.alone():
        found = preview_node(plan, node, rows=rows, step=step, warehouse=warehouse)
    columns = [column.name for column in found.columns]
    if as_json:
        screen.document(
            {
                "node": node,
                "columns": {column.name: column.type for column in found.columns},
                "rows": found.rows,
                "computed": found.computed,
                "source_rows": found.source_rows,
                "checks": [check.to_dict() for check in found.checks],
            }
        )
        return
    screen.table(found.rows, columns)
    screen.say("")
    screen.say(", ".join(f"{column.name}: {column.type}" for column in found.columns), style="dim")
    for check in found.checks:
        if not check.passed:
            failed = "" if check.failed_rows is None else f" on {check.failed_rows} of these rows"
            screen.say(f"{check.action} `{check.name}` fails{failed}: {check.expression}")
    note = f"From at most {found.source_rows} rows of each source"
    if found.computed:
        note += f"; computed, since they store nothing yet: {', '.join(found.computed)}"
    screen.warn(f"{note}. Nothing was written.", style="dim")


@click.command(cls=Command)
@path_argument
@click.argument("node")
@click.option("--rows", type=click.IntRange(1, 1_000), default=50, show_default=True)
@warehouse_option
@env_option
@var_option
@click.pass_obj
def failures(
    screen: Screen,
    path: Path,
    node: str,
    rows: int,
    warehouse: str | None,
    env: str | None,
    variables: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show the rows of NODE that its last run rejected, with the rules they failed."""
    from laktory_dagster.execution.preview import failures as rejected_rows

    plan = load_one_plan(path, env, parse_variables(variables))
    found = rejected_rows(plan, node, warehouse=warehouse)
    shown = found[:rows]
    if as_json:
        screen.document({"node": node, "rows": shown, "stored": len(found)})
        return
    if not found:
        screen.say(f"The last run of {node} rejected no row, or it has not run yet.")
        return
    columns = list(dict.fromkeys(name for row in shown for name in row))
    columns.sort(key=lambda name: name not in ("_action", "_failed_rules"))
    screen.table(shown, columns)
    if len(found) > len(shown):
        screen.warn(f"{len(shown)} of {len(found)} stored rows; --rows shows more.", style="dim")
