"""Functions of the project, from modules under its folder or allowed in settings."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from laktory_dagster.errors import SettingsError
from laktory_dagster.expressions.suggest import hint_for
from laktory_dagster.models.calls import PROJECT_MODULES
from laktory_dagster.models.namespaces import namespace_functions, registered_namespaces
from laktory_dagster.plan.definition import Plan
from laktory_dagster.plan.functions import is_importable
from laktory_dagster.settings import Settings


def load_functions(plan: Plan, settings: Settings) -> dict[str, Callable[..., Any]]:
    """Return the functions that `udfs` and `imports` of the pipeline name, by their `func_name`.

    A function of `udfs` goes by its own name; one of an imported module by its name and by
    `module.name`; a method of a namespace that the module registers by `namespace.method`.

    Raises:
        SettingsError: a module is neither under the project's folder nor allowed, or lacks a name.
    """
    functions: dict[str, Callable[..., Any]] = {}
    for module_name in plan.pipeline.imports:
        if not is_importable(module_name, plan.folder, settings):
            continue  # The plan has warned: a foreign file may import what no step needs.
        module = _load(module_name, plan.folder, None, settings)
        for name, value in vars(module).items():
            if callable(value) and not name.startswith("_"):
                functions.setdefault(name, value)
                functions[f"{module_name}.{name}"] = value
        functions.update(_namespaces_of(module))
    for udf in plan.pipeline.udfs:
        module = _load(udf.module_name, plan.folder, udf.module_path, settings)
        function = _attribute(module, udf.function_name)
        functions[udf.function_name] = function
        functions[f"{udf.module_name}.{udf.function_name}"] = function
    return functions


def _namespaces_of(module: ModuleType) -> dict[str, Callable[..., Any]]:
    """Return the functions of the namespaces that a module, or one inside of it, registers."""
    inside = registered_namespaces(lambda name: f"{name}.".startswith(f"{module.__name__}."))
    return namespace_functions([*vars(module).values(), *inside])


def find_function(
    name: str, plan: Plan, loaded: Mapping[str, Callable[..., Any]], settings: Settings
) -> Callable[..., Any]:
    """Return a function by its dotted name: a loaded one, or one of an allowed module.

    Raises:
        SettingsError: there is no such module or function, or it is not allowed.
    """
    if name in loaded:
        return loaded[name]
    module_name, _, function_name = name.rpartition(".")
    if not module_name:
        raise SettingsError(
            f"the project registers no function `{name}`",
            hint=hint_for(name, loaded) or "name it as `module.function`",
        )
    return _attribute(_load(module_name, plan.folder, None, settings), function_name)


def _attribute(module: ModuleType, name: str) -> Callable[..., Any]:
    function = getattr(module, name, None)
    if not callable(function) or name.startswith("_"):
        raise SettingsError(
            f"the module `{module.__name__}` has no function `{name}`",
            hint=hint_for(name, [key for key in vars(module) if not key.startswith("_")]),
        )
    return function  # type: ignore[no-any-return]


def _load(name: str, folder: Path, below: str | None, settings: Settings) -> ModuleType:
    root = folder.resolve()
    start = (root / below).resolve() if below else root
    if not start.is_relative_to(root):
        raise SettingsError(f"the module path `{below}` leaves the project folder {root}")
    parts = name.split(".")
    for candidate in (
        start.joinpath(*parts).with_suffix(".py"),
        start.joinpath(*parts, "__init__.py"),
    ):
        if candidate.is_file() and candidate.resolve().is_relative_to(root):
            return _load_file(name, candidate.resolve())
    if settings.allows(name):
        return importlib.import_module(name)
    raise SettingsError(
        f"the module `{name}` is neither under {root} nor allowed",
        hint="put it beside the pipeline file, or name it in LAKTORY_DAGSTER_ALLOW_MODULES",
    )


def _load_file(name: str, path: Path) -> ModuleType:
    # A name of our own, so that a project's `udfs.py` never hides a library of that name.
    key = f"{PROJECT_MODULES}.{abs(hash(str(path)))}.{name}"
    known = sys.modules.get(key)
    if known is not None and getattr(known, "_laktory_mtime", None) == path.stat().st_mtime_ns:
        return known
    spec = importlib.util.spec_from_file_location(key, path)
    if spec is None or spec.loader is None:
        raise SettingsError(f"{path} is no Python module")
    module = importlib.util.module_from_spec(spec)
    module.__dict__["_laktory_mtime"] = path.stat().st_mtime_ns
    sys.modules[key] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[key]
        missing = isinstance(error, ModuleNotFoundError) and error.name == "laktory"
        raise SettingsError(
            f"the module {path} cannot be imported: {error!r}",
            hint="write `import laktory_dagster as laktory`: it has the same `api` and `models`"
            if missing
            else None,
        ) from error
    return module
