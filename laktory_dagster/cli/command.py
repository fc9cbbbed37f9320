"""How every command ends: its exit code, and one clear message when something is wrong."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from laktory_dagster import __version__
from laktory_dagster.cli.screen import Screen
from laktory_dagster.errors import LaktoryDagsterError

INTERRUPTED = 130
FAILED = 1


class Command(click.Command):
    """A command with `--debug` and `--json`, that turns errors into messages and exit codes.

    0: done. 1: a node or a check failed. 2: the input is wrong. 130: interrupted.
    """

    with_json = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Add the options that all commands share."""
        super().__init__(*args, **kwargs)
        if self.with_json:
            self.params.append(
                click.Option(["--json", "as_json"], is_flag=True, help="Print one JSON document.")
            )
        self.params.append(
            click.Option(["--debug"], is_flag=True, help="Show the traceback of an error.")
        )

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; never lets an error out but click's own."""
        debug = ctx.params.pop("debug", False)
        as_json = ctx.params.get("as_json", False)
        screen = ctx.obj = Screen()
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit):
            raise
        except (KeyboardInterrupt, click.Abort):
            show_interrupted(screen, as_json)
            ctx.exit(INTERRUPTED)
        except LaktoryDagsterError as error:
            if debug:
                screen.warn(_masked(traceback.format_exc()), style=None)
            _show(screen, error, as_json)
            ctx.exit(error.exit_code)
        except Exception as error:  # noqa: BLE001 - the last border before the user
            if debug:
                screen.warn(_masked(traceback.format_exc()), style=None)
            _show_unexpected(screen, error, as_json)
            ctx.exit(FAILED)


def show_interrupted(screen: Screen, as_json: bool) -> None:
    """Say that a command was interrupted before it had anything to show."""
    if as_json:
        screen.document({"error": "Interrupted", "message": "interrupted"})
    else:
        screen.warn("interrupted")


def _masked(text: str) -> str:
    # The engine names places as it opened them; no command shows a secret that is in them.
    from laktory_dagster.config.secrets import mask_known

    return mask_known(text)


def _masked_data(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _masked_data(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_masked_data(item) for item in value]
    return _masked(value) if isinstance(value, str) else value


def _show(screen: Screen, error: LaktoryDagsterError, as_json: bool) -> None:
    if as_json:
        screen.document(_masked_data(error.to_dict()))
    else:
        screen.warn(_masked(str(error)), style=None)


def _show_unexpected(screen: Screen, error: Exception, as_json: bool) -> None:
    log = _write_log()
    text = _masked(str(error))
    message = f"unexpected {type(error).__name__}: {text}"
    if as_json:
        document = {"error": type(error).__name__, "message": text, "log": str(log)}
        screen.document(document)
    else:
        screen.warn(f"{message.splitlines()[0]} (traceback in {log}, or with --debug)", style=None)


def _write_log() -> Path:
    handle, name = tempfile.mkstemp(prefix="laktory-dagster-", suffix=".log")
    with os.fdopen(handle, "w") as file:
        file.write(f"laktory-dagster {__version__}, Python {sys.version}\n")
        file.write(_masked(f"{' '.join(sys.argv)}\n\n{traceback.format_exc()}"))
    return Path(name)
