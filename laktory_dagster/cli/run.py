"""`laktory-dagster run`: run a pipeline through Dagster, here and now."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from laktory_dagster.cli.command import FAILED, INTERRUPTED, Command
from laktory_dagster.cli.inputs import (
    env_option,
    load_one_plan,
    parse_variables,
    select_option,
    selection,
    var_option,
    warehouse_option,
)
from laktory_dagster.cli.screen import Screen, cell
from laktory_dagster.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from laktory_dagster.dagster.launch import NodeReport, RunReport

_MARKS = {"done": ("✓", "green"), "reused": ("=", "green"), "failed": ("✗", "red")}
LONGEST_PAUSE = 366 * 24 * 3600
_OTHER_MARK = ("-", "yellow")
_COUNTS = {
    "rows in": "rows_in",
    "rows out": "rows_out",
    "dropped": "rows_dropped",
    "quarantined": "rows_quarantined",
    "rows stored": "rows_stored",
}


@click.command(cls=Command)
@click.argument("path", type=click.Path(path_type=Path), required=False)
@select_option
@var_option
@warehouse_option
@env_option
@click.option("--full-refresh", is_flag=True, help="Replace what appends and merges had stored.")
@click.option("--retry", metavar="RUN_ID", help="Run again what an earlier run did not finish.")
@click.option(
    "--every",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    help="Run again and again, as often as this (0: without a pause), until Ctrl-C. For streams.",
)
@click.pass_context
def run(
    ctx: click.Context,
    path: Path | None,
    select: tuple[str, ...],
    variables: tuple[str, ...],
    warehouse: str | None,
    env: str | None,
    full_refresh: bool,
    retry: str | None,
    every: float | None,
    as_json: bool,
) -> None:
    """Run the pipeline at PATH, or what is left of an earlier run, through Dagster."""
    from laktory_dagster.dagster import launch

    screen: Screen = ctx.obj
    on_node = _ignore if as_json else _progress(screen)
    if every is not None and (retry is not None or as_json):
        raise SettingsError(
            "`--every` makes many runs; it goes with neither `--retry` nor `--json`"
        )
    if every is not None and not every <= LONGEST_PAUSE:
        raise SettingsError(f"`--every` is {every} seconds", expected="at most a year of them")
    if retry is not None:
        if select or variables or warehouse or env or full_refresh:
            raise SettingsError("`--retry` keeps the options of the earlier run; give none of them")
        with screen.alone():
            report = launch.retry_run(retry, path or Path.cwd(), on_node)
        _end(ctx, report, as_json=as_json)
        return
    if path is None:
        raise SettingsError("name the pipeline to run", expected="a YAML file or a folder")
    options = launch.LaunchOptions(
        selection=selection(select),
        warehouse=_absolute(warehouse),
        full_refresh=full_refresh,
        environment=env,
        variables=parse_variables(variables),
    )
    plan = load_one_plan(path, env, options.variables)
    if every is None:
        with screen.alone():
            report = launch.start_run(plan, options, on_node)
        _end(ctx, report, as_json=as_json)
    else:
        for report in launch.repeat_runs(plan, options, on_node, every):
            _end(ctx, report)


def _end(ctx: click.Context, report: RunReport, *, as_json: bool = False) -> None:
    """Show how a run ended, and end with it unless it is done."""
    if as_json:
        ctx.obj.document(report.to_dict())
    else:
        _summarise(ctx.obj, report)
    if report.cancelled:
        ctx.exit(INTERRUPTED)
    if not report.succeeded:
        ctx.exit(FAILED)


def _absolute(warehouse: str | None) -> str | None:
    if not warehouse:
        # `--warehouse "$UNSET"` is not the working directory.
        return None
    # A retry may start in another folder.
    return warehouse if "://" in warehouse else str(Path(warehouse).absolute())


def _ignore(_node: NodeReport) -> None:
    return


def _progress(screen: Screen) -> Callable[[NodeReport], None]:
    def show(node: NodeReport) -> None:
        mark, style = _MARKS.get(node.status, _OTHER_MARK)
        word = "row" if node.rows_out == 1 else "rows"
        rows = "" if node.rows_out is None else f"  {node.rows_out:,} {word}"
        if node.rows_stored not in (None, node.rows_out):
            rows += f", {node.rows_stored:,} stored"
        seconds = "" if node.seconds is None else f"  {node.seconds:.2f} s"
        screen.say(f"{mark} {node.node}{rows}{seconds}", style=style)
        if node.message:
            screen.warn(_indented(node.message), style=None)

    return show


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())


def _summarise(screen: Screen, report: RunReport) -> None:
    screen.say("")
    screen.table([_row(node) for node in report.nodes], ["node", "status", *_COUNTS, "stored as"])
    _show_failed_checks(screen, report)
    for error in report.errors:
        screen.warn(error, style=None)
    screen.say("")
    if report.succeeded:
        screen.say(f"Run {report.run_id} of {report.pipeline}: done in {report.seconds:.1f} s.")
    else:
        word = "was cancelled" if report.cancelled else "failed"
        screen.say(f"Run {report.run_id} of {report.pipeline} {word}.", style="red")
        screen.say(f"  What is left of it:   {_retry_command(report)}")
    if any("/" not in target for node in report.nodes for target in node.targets):
        screen.say(f"  Tables are below:     {_relative(report.warehouse)}")
    screen.say(f"  This run in the UI:   {_ui_command(report)}")


def _row(node: NodeReport) -> dict[str, Any]:
    counts = {title: _count(getattr(node, field)) for title, field in _COUNTS.items()}
    targets = ", ".join(node.targets) or ("a view" if node.status == "done" else "")
    return {"node": node.node, "status": node.status, **counts, "stored as": targets}


def _count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _show_failed_checks(screen: Screen, report: RunReport) -> None:
    failed = [
        {
            "node": node.node,
            "check": check.name,
            "action": f"{check.action}, tolerated" if check.passed else check.action,
            "failed rows": cell(check.failed_rows),
        }
        for node in report.nodes
        for check in node.checks
        if check.failed_rows or not check.passed
    ]
    if failed:
        screen.say("")
        screen.say("Rules that some rows do not meet:")
        screen.table(failed, ["node", "check", "action", "failed rows"])


def _program() -> str:
    installed = Path(sys.executable).parent / "laktory-dagster"
    found = shutil.which("laktory-dagster")
    if found is not None and Path(found) == installed:
        return "laktory-dagster"
    return _relative(installed)


def _retry_command(report: RunReport) -> str:
    from laktory_dagster.dagster.home import project_root

    command = f"{_program()} run --retry {report.run_id}"
    if project_root(Path.cwd()) == report.project_root or report.file is None:
        return command
    # From here the instance of another folder would be asked.
    return f"{command} {shlex.quote(_relative(report.file))}"


def _ui_command(report: RunReport) -> str:
    if report.project_root == Path.cwd() and (report.project_root / "workspace.yaml").is_file():
        return f"{Path(_program()).parent / 'dagster'} dev"
    where = "" if report.file is None else f" {shlex.quote(_relative(report.file))}"
    return f"{_program()} dev{where}"


def _relative(path: Path | str) -> str:
    # `.venv/bin/python` is a link out of the project, so the path must not be resolved.
    return os.path.relpath(path) if Path(path).is_relative_to(Path.cwd()) else str(path)
