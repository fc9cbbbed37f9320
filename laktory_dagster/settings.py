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
class SparkSettings:
    """How a Spark session starts where none is given.

    `remote` is a Spark Connect server (`sc://host:15002`), or `local[*]` for one in this process;
    `master` that of a classic session. `jars` are Delta's where Maven Central is out of reach, and
    `repository` another one that has them. `conf` are further settings of the session, `cache` the
    folder of what starts leave for later ones. With `has_tables`, tables by name are those of the
    session's own catalog, and the warehouse has only their receipts.
    """

    remote: str | None = None
    master: str = "local[*]"
    jars: tuple[str, ...] = ()
    repository: str | None = None
    conf: Mapping[str, str] = field(default_factory=dict)
    cache: Path = field(default_factory=lambda: _cache_home() / "laktory_dagster")
    has_tables: bool = False

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> SparkSettings:
        """Return the settings that the `LAKTORY_DAGSTER_SPARK_*` variables hold.

        `CONF` has `key=value` pairs with `;` between them.

        Raises:
            SettingsError: a value is not usable.
        """
        given = os.environ if environ is None else environ
        cache = _text(given, "SPARK_CACHE")
        return cls(
            remote=_text(given, "SPARK_REMOTE"),
            master=_text(given, "SPARK_MASTER") or "local[*]",
            jars=tuple(j.strip() for j in (_text(given, "SPARK_JARS") or "").split(",") if j),
            repository=_text(given, "SPARK_REPOSITORY"),
            conf=_pairs(_text(given, "SPARK_CONF")),
            cache=Path(cache) if cache else _cache_home() / "laktory_dagster",
            has_tables=_has_tables(_text(given, "SPARK_TABLES")),
        )


def _has_tables(value: str | None) -> bool:
    if value not in (None, "warehouse", "session"):
        raise SettingsError(f"{PREFIX}SPARK_TABLES is `{value}`", expected="warehouse or session")
    return value == "session"


def _cache_home() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _pairs(text: str | None) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in (text or "").split(";") if pair.strip()]
    for key, equals, _ in pairs:
        if not equals or not key.strip():
            raise SettingsError(
                f"{PREFIX}SPARK_CONF has the part `{key}`", expected="key=value;key=value"
            )
    return {key.strip(): value.strip() for key, _, value in pairs}


@dataclass(frozen=True)
class Settings:
    """Settings of this machine.

    `warehouse` is the root folder of tables; `engine` (`polars` or `spark`) the one for pipelines
    that name none; `pipelines` the folder or file that `definitions.py` loads; `data_roots` the
    only folders and URLs that may be read and written, when there are any; `allow_modules` the
    modules outside of the project that pipelines may use; `env` the environment to choose;
    `home` the folder where relative paths of settings start; `spark` how its sessions start.
    """

    warehouse: str | None = None
    engine: str | None = None
    pipelines: str | None = None
    data_roots: tuple[str, ...] = ()
    allow_modules: tuple[str, ...] = ()
    env: str | None = None
    home: Path = field(default_factory=Path.cwd)
    spark: SparkSettings = field(default_factory=SparkSettings)

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
            spark=SparkSettings.from_environment(given),
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
