"""Which functions a step may name, and whether it names one with arguments that fit."""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from laktory_dagster.expressions.catalog import Signature, frame_methods, is_refused
from laktory_dagster.expressions.portable import LAKTORY, PORTABLE, UNSUPPORTED
from laktory_dagster.expressions.suggest import hint_for
from laktory_dagster.models import MethodStep, Pipeline, PipelineNode
from laktory_dagster.models.calls import PROJECT_MODULES
from laktory_dagster.models.namespaces import registered_methods
from laktory_dagster.models.transformer import flat_steps
from laktory_dagster.plan.context import NodeContext
from laktory_dagster.plan.modules import hash_of, module_text, namespaces_of
from laktory_dagster.plan.steps import PlacedStep
from laktory_dagster.settings import Settings

_OTHER_ENGINE = {"polars": "spark", "spark": "polars"}


@dataclass(frozen=True)
class ProjectFunctions:
    """The functions that a project registers, by the names that steps may use.

    `versions` maps a name to a hash of the module that holds it, where its file is found; `methods`
    does so for the methods that expressions may call.
    `are_open` says that an imported module could not be looked at, so that there may be more.
    """

    names: frozenset[str] = frozenset()
    versions: Mapping[str, str] = field(default_factory=dict)
    methods: Mapping[str, str] = field(default_factory=dict)
    are_open: bool = False


def is_importable(module: str, folder: Path, settings: Settings) -> bool:
    """Return whether a module lies in the project's folder or is allowed by name."""
    return module_text(folder, module) is not None or settings.allows(module)


def project_functions(
    pipeline: Pipeline, folder: Path, settings: Settings, brought: Collection[str] = ()
) -> ProjectFunctions:
    """Return the functions that `udfs` and `imports` register. Modules are read, never imported."""
    names = set(brought)
    versions: dict[str, str] = {}
    # Those of the program itself; what other pipelines of it have loaded is not this one's.
    own = registered_methods(lambda module: not module.startswith(PROJECT_MODULES))
    methods = dict.fromkeys(own, "")
    are_open = False
    for udf in pipeline.udfs:
        known = {udf.function_name, f"{udf.module_name}.{udf.function_name}"}
        names |= known
        text = module_text(folder / (udf.module_path or ""), udf.module_name)
        if text is not None:
            versions.update(dict.fromkeys(known, hash_of(text)))
    for module in pipeline.imports:
        namespaces = namespaces_of(folder, module)
        names |= set(namespaces.steps)
        versions.update(namespaces.steps)
        methods.update(namespaces.methods)
        text = module_text(folder, module)
        found = None if text is None else _functions_in(text)
        if text is None or found is None:
            are_open = are_open or text is not None or settings.allows(module)
            continue
        known = {*found, *(f"{module}.{name}" for name in found)}
        names |= known
        versions.update(dict.fromkeys(known, hash_of(text)))
    return ProjectFunctions(frozenset(names), versions, methods, are_open)


def _functions_in(text: str) -> tuple[str, ...] | None:
    """Return the public functions of a module, None where it may bring others than its own."""
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError):
        return None
    names: list[str] = []
    for statement in body:
        if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            names.append(statement.name)
        elif isinstance(statement, ast.ImportFrom):
            names.extend(alias.asname or alias.name for alias in statement.names)
        elif isinstance(statement, ast.Assign):
            names.extend(t.id for t in statement.targets if isinstance(t, ast.Name))
        elif not isinstance(statement, (ast.Import, ast.Expr, ast.AnnAssign)):
            return None
    return None if "*" in names else tuple(n for n in names if not n.startswith("_"))


def called_functions(node: PipelineNode, registered: ProjectFunctions) -> dict[str, str]:
    """Return the project's functions and methods that a node calls, each with its version."""
    steps = flat_steps(node.transformer) if registered.names else ()
    called = [step.func_name for step in steps if isinstance(step, MethodStep)]
    found = {name: registered.versions.get(name, "") for name in called if name in registered.names}
    text = repr(node) if registered.methods else ""
    return found | {m: v for m, v in registered.methods.items() if f".{m}(" in text}


def check_function(placed: PlacedStep, context: NodeContext) -> None:
    """Report a step whose function is not there or does not take its arguments."""
    step = placed.step
    assert isinstance(step, MethodStep)  # noqa: S101 - the caller looked
    name = step.func_name
    if name in context.common.functions:
        return
    signatures = _signatures(name, context.engine)
    if not signatures:
        if not context.common.functions_open:
            _report_unknown(name, placed, context)
        return
    for argument, value in step.func_kwargs.items():
        engines, why, hint = UNSUPPORTED.get((name, argument), ((), "", ""))
        if context.engine in engines and value is not None:
            path = (*placed.path, "func_kwargs", argument)
            context.findings.error(f"`{argument}` {why}", path, hint=hint)
    given = len(step.func_args), list(step.func_kwargs)
    problems = [signature.problem(*given) for signature in signatures]
    if all(problems):
        context.findings.error(
            f"`{name}` {problems[0]}",
            (*placed.path, "func_name"),
            expected=_usage(name, signatures[0]),
        )


def _signatures(name: str, engine: str) -> tuple[Signature, ...]:
    """Return how a function may be called, the engine's own way first."""
    if name in LAKTORY:
        return (LAKTORY[name],)
    own = frame_methods("spark" if engine == "spark" else "polars")
    books = (own, PORTABLE, frame_methods("narwhals"))
    return tuple(book[name] for book in books if name in book)


def _usage(name: str, signature: Signature) -> str:
    positional = [p for p in signature.required if p not in signature.keyword_only]
    parts = [*positional, *(f"{p}=..." for p in signature.optional)]
    if signature.var_args:
        parts.insert(len(positional), f"*{signature.var_args_name or 'args'}")
    return f"`{name}({', '.join(parts)})`"


def _report_unknown(name: str, placed: PlacedStep, context: NodeContext) -> None:
    engine = context.engine
    own = frame_methods("spark" if engine == "spark" else "polars")
    other = frame_methods("polars" if engine == "spark" else "spark")
    known = [*sorted(context.common.functions), *LAKTORY, *own, *PORTABLE]
    hint = hint_for(name, known)
    if name in other:
        message = f"`{name}` is a method of {_OTHER_ENGINE[engine]} frames, this node is {engine}'s"
        hint = hint or f"set `dataframe_type: {_OTHER_ENGINE[engine].upper()}`, or use SQL"
    elif is_refused(name):
        message = f"`{name}` is not allowed in a pipeline file: it runs code, reads or writes"
        hint = "register a Python function under `udfs`, or declare a source or a sink"
    else:
        message = f"there is no function `{name}` on {engine}"
        hint = hint or "register a Python function of the project under `udfs`"
    context.findings.error(
        message,
        (*placed.path, "func_name"),
        expected=f"a method of {engine} frames, a portable or `laktory.` name, or a `udfs` entry",
        hint=hint,
    )
