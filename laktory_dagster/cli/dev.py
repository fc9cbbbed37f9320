"""`laktory-dagster dev`: Dagster's UI on a pipeline that is being written."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from laktory_dagster._optional import require
from laktory_dagster.cli.command import FAILED, Command
from laktory_dagster.cli.inputs import env_option, load
from laktory_dagster.cli.screen import Screen
from laktory_dagster.errors import SettingsError

_WATCHED = (".yaml", ".yml", ".sql", ".py")
_LOCATIONS = "{ workspaceOrError { ... on Workspace { locationEntries { name } } } }"
_RELOAD = """
mutation Reload($name: String!) {
  reloadRepositoryLocation(repositoryLocationName: $name) {
    ... on WorkspaceLocationEntry {
      locationOrLoadError { __typename ... on PythonError { message } }
    }
    ... on PythonError { message }
  }
}
"""


class DevCommand(Command):
    """Runs until it is interrupted, and so has no `--json`."""

    with_json = False


@click.command(cls=DevCommand)
@click.argument("path", type=click.Path(path_type=Path), default=Path())
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True)
@env_option
@click.pass_context
def dev(ctx: click.Context, path: Path, port: int, host: str, env: str | None) -> None:
    """Open Dagster's UI on PATH, and follow every change of its YAML until Ctrl-C."""
    require("dagster_webserver")
    watchfiles = require("watchfiles")
    from laktory_dagster.dagster.home import instance_home

    screen: Screen = ctx.obj
    _check_free(host, port)
    report_problems(screen, path, env)
    environ = dict(os.environ)
    environ["DAGSTER_HOME"] = str(instance_home(path))
    environ["LAKTORY_DAGSTER_PIPELINES"] = str(path.resolve())
    if env is not None:
        environ["LAKTORY_DAGSTER_ENV"] = env
    workspace = Path(tempfile.mkdtemp(prefix="laktory_dagster_dev_"), "workspace.yaml")
    workspace.write_text(json.dumps(_workspace(env)))
    arguments = ["dev", "-h", host, "-p", str(port), "-w", str(workspace)]
    server = subprocess.Popen([sys.executable, "-m", "dagster", *arguments], env=environ)  # noqa: S603
    stop = threading.Event()
    watcher = threading.Thread(
        target=_follow,
        args=(screen, path, env, f"http://{host}:{port}/graphql", watchfiles, stop),
        daemon=True,
    )
    watcher.start()
    try:
        code = server.wait()
    except KeyboardInterrupt:
        code = 0
    finally:
        stop.set()
        _end(server)
        shutil.rmtree(workspace.parent, ignore_errors=True)
    if code:
        ctx.exit(FAILED)


def _check_free(host: str, port: int) -> None:
    """Raise SettingsError if nothing can be served there: Dagster would wait on, without a page."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        raise SettingsError(
            f"the UI cannot be served at {host}, port {port}: {error.strerror}",
            hint="choose another port with `--port`, or end what serves there",
        ) from error


def _workspace(env: str | None) -> dict[str, Any]:
    """Return Dagster's workspace; runs of the command line name this location."""
    from laktory_dagster.dagster.home import LOCATION_MODULE, location_name

    module = {
        "module_name": LOCATION_MODULE,
        "location_name": location_name(env),
        "working_directory": str(Path.cwd()),
    }
    return {"load_from": [{"python_module": module}]}


def report_problems(screen: Screen, path: Path, env: str | None) -> bool:
    """Print what is wrong with the pipelines at a path; return whether nothing is."""
    project = load(path, env)
    for problem in project.problems:
        screen.warn(str(problem.error), style=None)
    for plan in project.plans:
        for warning in plan.warnings:
            screen.warn(warning.render())
    nodes = sum(len(plan.nodes) for plan in project.plans)
    if not project.problems:
        screen.say(f"pipelines: {len(project.plans)}, nodes: {nodes}, no errors", style="green")
    return not project.problems


def _follow(
    screen: Screen, path: Path, env: str | None, url: str, watchfiles: Any, stop: threading.Event
) -> None:
    folder = path if path.is_dir() else path.parent
    for changed in _changes(watchfiles, folder, stop):
        screen.say(f"changed: {', '.join(sorted(changed))}")
        try:
            report_problems(screen, path, env)
            # A broken pipeline is reloaded too: its asset then shows the error in the UI.
            for problem in reload_locations(url):
                screen.warn(problem)
        except Exception as error:  # noqa: BLE001 - the next change must be seen as well
            screen.warn(f"not reloaded: {error}")


def _changes(watchfiles: Any, folder: Path, stop: threading.Event) -> Iterator[set[str]]:
    def is_source(_change: Any, name: str) -> bool:
        # A run's own files (`.dagster_home`, `warehouse/_laktory`) are no change of the project.
        inside = Path(name).relative_to(folder.resolve()).parts
        hidden = any(part.startswith((".", "_")) for part in inside[:-1])
        return name.endswith(_WATCHED) and not hidden

    for changes in watchfiles.watch(folder.resolve(), watch_filter=is_source, stop_event=stop):
        yield {Path(name).name for _, name in changes}


def reload_locations(url: str) -> list[str]:
    """Reload every code location of a running webserver; return what went wrong.

    Raises:
        OSError: the webserver does not answer.
    """
    found = _ask(url, _LOCATIONS, {})["workspaceOrError"].get("locationEntries", [])
    problems = []
    for entry in found:
        answer = _ask(url, _RELOAD, {"name": entry["name"]})["reloadRepositoryLocation"]
        loaded = answer.get("locationOrLoadError") or answer
        if "message" in loaded:
            problems.append(f"{entry['name']}: {loaded['message']}")
    return problems


def _ask(url: str, query: str, variables: dict[str, Any]) -> dict[str, Any]:
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(  # noqa: S310 - http on the host that was given
        url, data=body, headers={"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
            document = json.load(answer)
    except urllib.error.HTTPError as error:
        raise OSError(f"the webserver answered {error.code}") from error
    if document.get("errors"):
        raise OSError(document["errors"][0]["message"])
    data: dict[str, Any] = document["data"]
    return data


def _end(server: subprocess.Popen[bytes]) -> None:
    if server.poll() is None:
        server.send_signal(signal.SIGINT)
        try:
            server.wait(timeout=30)
        except subprocess.TimeoutExpired:
            server.kill()
