"""The program `laktory-dagster`."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from laktory_dagster import __version__
from laktory_dagster.cli.command import INTERRUPTED, show_interrupted
from laktory_dagster.cli.dev import dev
from laktory_dagster.cli.look import failures, preview
from laktory_dagster.cli.plan import plan
from laktory_dagster.cli.run import run
from laktory_dagster.cli.schema import schema
from laktory_dagster.cli.screen import Screen
from laktory_dagster.cli.validate import validate


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="laktory-dagster")
def program() -> None:
    """Lakehouse pipelines declared in YAML, run as Dagster assets.

    Exit codes: 0 done, 1 a node or a check failed, 2 the input is wrong.
    """


for _command in (validate, plan, run, preview, failures, dev, schema):
    program.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and exit with its code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    # A program without a terminal may start this one with its output closed (`>&-`).
    sys.stdout = sys.stdout or Path(os.devnull).open("w")  # noqa: SIM115
    sys.stderr = sys.stderr or Path(os.devnull).open("w")  # noqa: SIM115
    # Libraries make many objects that stay; to look through them so often is a tenth of a short run.
    gc.set_threshold(20_000, 20, 20)
    try:
        code = program.main(
            args=given,
            prog_name="laktory-dagster",
            standalone_mode=False,
        )
    except click.ClickException as error:
        if "--json" in given:
            found = {"error": type(error).__name__, "message": error.format_message()}
            Screen().document(found)
        else:
            error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        show_interrupted(Screen(), "--json" in given)
        sys.exit(INTERRUPTED)
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
