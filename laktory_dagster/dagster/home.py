"""Where Dagster's instance lies: `DAGSTER_HOME`, else a folder kept beside the project.

The folder is named in the project's `.env`, which `dagster dev` reads, so that the UI shows what
the command line ran.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping
from pathlib import Path

import dagster as dg

from laktory_dagster.errors import SettingsError
from laktory_dagster.settings import Settings

VARIABLE = "DAGSTER_HOME"
FOLDER = ".dagster_home"
LOCATION = "laktory_dagster"
"""The name of the code location, here and in `workspace.yaml`."""
LOCATION_MODULE = "laktory_dagster.dagster.location"
_MARKS = ("pyproject.toml", ".git", "workspace.yaml", "dagster.yaml")
# Without the sign-up dialog, which would hide the first look at the graph.
_INSTANCE_CONFIG = "telemetry:\n  enabled: false\nnux:\n  enabled: false\n"


def location_name(env: str | None) -> str:
    """Return the name of the code location that serves pipelines in an environment."""
    if env is None or env == Settings.from_environment().env:
        return LOCATION
    return f"{LOCATION}:{env}"


def project_root(path: Path) -> Path:
    """Return the nearest folder at or above the path that holds a project, else the path's own."""
    start = path.resolve()
    folder = start if start.is_dir() else start.parent
    for candidate in (folder, *folder.parents):
        if any((candidate / mark).exists() for mark in _MARKS):
            return candidate
    return folder


def instance_home(path: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of the instance for the project of this path; it exists afterwards.

    Raises:
        SettingsError: `DAGSTER_HOME` is no absolute path, or the folder cannot be made.
    """
    named = environ.get(VARIABLE)
    if named:
        return _existing(Path(named))
    root = project_root(path)
    written = _read_name(root / ".env")
    # A project that was moved still names its old place.
    if written is not None and (written.is_dir() or written.name != FOLDER):
        return _existing(written)
    home = _existing(root / FOLDER)
    _write_name(root / ".env", home)
    return home


def use_home(path: Path, environ: MutableMapping[str, str] = os.environ) -> Path:
    """Return the folder of the instance, and name it in the environment of this process."""
    home = instance_home(path, environ)
    environ[VARIABLE] = str(home)
    return home


def open_instance() -> dg.DagsterInstance:
    """Return the instance that the environment names.

    Raises:
        SettingsError: its configuration or its databases are broken.
    """
    try:
        return dg.DagsterInstance.get()
    except Exception as error:
        # Dagster lists every option that it has.
        said = "\n".join(line[:200] for line in str(error).splitlines()[:5])
        raise SettingsError(
            f"Dagster's instance in {os.environ.get(VARIABLE)} does not open: {said}",
            hint=f"mend what is in that folder, or set {VARIABLE} to another one",
        ) from error


def _existing(home: Path) -> Path:
    if not home.is_absolute():
        raise SettingsError(
            f"{VARIABLE} is `{home}`", expected="an absolute path", hint="Dagster demands it"
        )
    try:
        home.mkdir(parents=True, exist_ok=True)
        if home.name == FOLDER and not (home / "dagster.yaml").exists():
            (home / "dagster.yaml").write_text(_INSTANCE_CONFIG)
            (home / ".gitignore").write_text("*\n")
    except OSError as error:
        raise SettingsError(
            f"the folder of Dagster's instance cannot be made: {error}",
            hint=f"set {VARIABLE} to a folder that can be written",
        ) from error
    return home


def _read_name(file: Path) -> Path | None:
    values = [_value(line) for line in _lines(file)]
    # Of several the last one counts for Dagster; an empty one names nothing.
    given = [value for value in values if value is not None][-1:]
    return Path(given[0]) if given and given[0] else None


def _lines(file: Path) -> list[str]:
    # The other lines are the user's own, of whatever encoding.
    return file.read_text("utf-8", "surrogateescape").splitlines() if file.is_file() else []


def _value(line: str) -> str | None:
    """Return what a line says of the variable, None for a line about something else."""
    name, equals, value = line.partition("=")
    is_named = equals and name.strip().removeprefix("export ").strip() == VARIABLE
    return value.strip().strip("\"'") if is_named else None


def _write_name(file: Path, home: Path) -> None:
    lines = [line for line in _lines(file) if _value(line) is None]
    text = "\n".join([*lines, f'{VARIABLE}="{home}"']) + "\n"
    try:
        file.write_text(text, "utf-8", "surrogateescape")
    except OSError as error:
        raise SettingsError(
            f"{file} cannot be written: {error}", hint=f"set {VARIABLE} in the environment"
        ) from error
