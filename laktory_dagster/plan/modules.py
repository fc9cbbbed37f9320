"""Modules of a project: their texts are read, they are never imported."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from laktory_dagster.models.calls import EXPRESSION_DECORATORS, FRAME_DECORATORS


@dataclass(frozen=True)
class Namespaces:
    """`namespace.method` of what modules register, each with the version of its module.

    `steps` are the methods of frames, `methods` those of expressions.
    """

    steps: dict[str, str] = field(default_factory=dict)
    methods: dict[str, str] = field(default_factory=dict)


def module_text(folder: Path, module: str) -> str | None:
    """Return the text of a module below a folder, None where there is none."""
    parts = module.split(".")
    if not all(part.isidentifier() for part in parts):
        return None
    stem = folder.joinpath(*parts)
    for path in (stem.with_suffix(".py"), stem / "__init__.py"):
        if path.is_file():
            return path.read_text(encoding="utf-8", errors="replace")
    return None


def hash_of(text: str) -> str:
    """Return what the version of a module's functions is."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def namespaces_of(folder: Path, module: str) -> Namespaces:
    """Return the namespaces that a module registers itself, or imports from the same folder."""
    found = Namespaces()
    pending, seen = [module], set[str]()
    while pending:
        name = pending.pop()
        text = None if name in seen else module_text(folder, name)
        seen.add(name)
        if text is None:
            continue
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError):
            continue
        version = hash_of(text)
        found.steps.update(dict.fromkeys(_registered_methods(tree, FRAME_DECORATORS), version))
        more = dict.fromkeys(_registered_methods(tree, EXPRESSION_DECORATORS), version)
        found.methods.update(more)
        package = name if _is_package(folder, name) else name.rpartition(".")[0]
        pending += _imported(tree, package)
    return found


def _is_package(folder: Path, module: str) -> bool:
    return folder.joinpath(*module.split("."), "__init__.py").is_file()


def _registered_methods(tree: ast.Module, decorators: Collection[str]) -> Iterator[str]:
    for statement in tree.body:
        if not isinstance(statement, ast.ClassDef):
            continue
        names = (_registered_name(d, decorators) for d in statement.decorator_list)
        namespaces = [name for name in names if name is not None]
        for part in statement.body:
            if isinstance(part, ast.FunctionDef) and not part.name.startswith("_"):
                yield from (f"{namespace}.{part.name}" for namespace in namespaces)


def _registered_name(decorator: ast.expr, decorators: Collection[str]) -> str | None:
    """Return the name in `@lk.api.register_anyframe_namespace("name")`, None of other decorators."""
    match decorator:
        case ast.Call(
            func=ast.Attribute(attr=name) | ast.Name(id=name), args=[ast.Constant(value=str(value))]
        ) if name in decorators:
            return value
    return None


def _imported(tree: ast.Module, package: str) -> Iterator[str]:
    """Return the modules that a module of a package may import from beside or below it."""
    for statement in tree.body:
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom):
            above = package.split(".")[: max(0, package.count(".") + 2 - statement.level)]
            base = [*above] if statement.level else []
            base += statement.module.split(".") if statement.module else []
            yield ".".join(base)
            yield from (".".join([*base, alias.name]) for alias in statement.names)
