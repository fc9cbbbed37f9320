"""`laktory-dagster schema`: the JSON Schema that editors complete and explain with."""

from __future__ import annotations

import click

from laktory_dagster.cli.command import Command
from laktory_dagster.cli.screen import Screen


class SchemaCommand(Command):
    """Always prints one JSON document, and so has no `--json`."""

    with_json = False


@click.command(cls=SchemaCommand)
@click.pass_obj
def schema(screen: Screen) -> None:
    """Print the JSON Schema of pipeline files, for completion and hover in editors."""
    from laktory_dagster.project.schema import json_schema

    screen.document(json_schema())
