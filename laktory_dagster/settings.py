"""What the machine decides and no pipeline file can: roots, allowed modules, default engine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from laktory_dagster.errors import SettingsError

PREFIX = "LAKTORY_DAGSTER_"
ENGINES = ("polars", "spark")


@dataclass(frozen=True)
class Settings:
    """Settings of this machine.

    `warehouse` is the root folder of tables; `engine` (`polars` or `spark`) the one for pipelines
    that name none; `pipelines` the folder or file that `definitions.py` loads; `data_roots` the
    only folders and URLs that may be read and written, when there are any; `allow_modules` the
    modules outside of the project that pipelines may use; `env` the environment to choose;
    `home` the folder where relative paths of settings start.
    """

    warehouse: str | None = None
    engine: str | None = None
    pipelines: str | None = None
    data_roots: tuple[str, ...] = ()
    allow_modules: tuple[str, ...] = ()
    env: str | None = None
    home: Path = field(default_factory=Path.cwd)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Return the settings that the `LAKTORY_DAGSTER_*` variables hold.

        Args:
            environ: the variables; by default those of the process.

        Raises:
            SettingsError: a value is not usable.
        """
        given = os.environ if environ is None else environ
        home = Path.cwd()
        return cls(
            warehouse=_place(_text(given, "WAREHOUSE"), home),
            engine=_engine(_text(given, "ENGINE")),
            pipelines=_place(_text(given, "PIPELINES"), home),
            data_roots=_roots(_text(given, "DATA_ROOTS"), home),
            allow_modules=_modules(_text(given, "ALLOW_MODULES")),
            env=_text(given, "ENV"),
            home=home,
        )

    def allows(self, module: str) -> bool:
        """Return whether pipelines may use a module that is not the project's."""
        return any(module == name or module.startswith(f"{name}.") for name in self.allow_modules)


def _text(environ: Mapping[str, str], name: str) -> str | None:
    value = environ.get(PREFIX + name, "").strip()
    if "\x00" in value:
        raise SettingsError(f"{PREFIX}{name} holds a NUL character")
    return value or None


def _engine(value: str | None) -> str | None:
    if value is None:
        return None
    name = value.lower().removeprefix("py")
    if name not in ENGINES:
        raise SettingsError(f"{PREFIX}ENGINE is `{value}`", expected=f"one of {', '.join(ENGINES)}")
    return name


def _place(value: str | None, home: Path) -> str | None:
    if value is None or "://" in value:
        return value
    return str(home / Path(value).expanduser())


def _roots(value: str | None, home: Path) -> tuple[str, ...]:
    """Return the parts between `os.pathsep`; the colon inside of `s3://` is no separator."""
    if value is None:
        return ()
    joined: list[str] = []
    for part in value.split(os.pathsep):
        if part.startswith("//") and joined:
            joined[-1] += os.pathsep + part
        elif part.strip():
            joined.append(part.strip())
    return tuple(place for part in joined if (place := _place(part, home)))


def _modules(value: str | None) -> tuple[str, ...]:
    names = tuple(name.strip() for name in (value or "").split(",") if name.strip())
    for name in names:
        if not all(part.isidentifier() for part in name.split(".")):
            raise SettingsError(
                f"{PREFIX}ALLOW_MODULES names `{name}`", expected="names of Python modules"
            )
    return names
