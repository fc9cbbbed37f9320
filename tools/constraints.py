"""Write constraints.txt: the versions in this environment of all that the extras bring.

    python tools/constraints.py        # rewrites constraints.txt

Only what the package with its extras `ui`, `spark` and `dev` needs, with no path and no index address.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

TARGET = Path(__file__).resolve().parents[1] / "constraints.txt"
ROOT = "laktory-dagster"
EXTRAS = ("ui", "spark", "dev")
HEADER = "# Versions that the tests ran with. Written by tools/constraints.py.\n"


def requirements_of(name: str, extras: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield what a package needs here: name and extras of each requirement."""
    try:
        declared = distribution(name).requires or []
    except PackageNotFoundError:
        return
    for text in declared:
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield canonicalize_name(requirement.name), tuple(sorted(requirement.extras))


def closure() -> dict[str, str]:
    """Return the version of every package that the root needs, by name."""
    pending = [(ROOT, EXTRAS)]
    seen: set[tuple[str, tuple[str, ...]]] = set()
    versions: dict[str, str] = {}
    while pending:
        item = pending.pop()
        if item in seen:
            continue
        seen.add(item)
        name, extras = item
        pending.extend(requirements_of(name, extras))
        if name != ROOT:
            try:
                versions[name] = distribution(name).version
            except PackageNotFoundError:
                continue
    return versions


def main() -> None:
    """Rewrite the file."""
    lines = [f"{name}=={version}\n" for name, version in sorted(closure().items())]
    TARGET.write_text(HEADER + "".join(lines))


if __name__ == "__main__":
    main()
