"""Namespaces that a project adds: `func_name: finance.with_total`, `nw.col("x").finance.double()`.

A class that takes a frame or an expression is registered under a name; its public methods are then
functions of the project, or methods of expressions. Registering also makes the namespace an attribute
of the library's own class, so that Python code may write the same.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from laktory_dagster._optional import require
from laktory_dagster.errors import SettingsError

Class = TypeVar("Class", bound=type)

_MARK = "_laktory_namespace"
_registered: dict[tuple[str, str], type] = {}
_methods: dict[str, str] = {}


class _Namespace:
    """The attribute of a frame or an expression that gives its namespace."""

    def __init__(self, made_by: type) -> None:
        self._made_by = made_by

    def __get__(self, instance: Any, owner: type) -> Any:
        return self._made_by if instance is None else self._made_by(instance)


def register_anyframe_namespace(name: str) -> Callable[[Class], Class]:
    """Return the decorator of a class that takes a Narwhals frame, lazy or not."""
    return _frame_namespace(name, "narwhals", "DataFrame", "LazyFrame")


def register_dataframe_namespace(name: str) -> Callable[[Class], Class]:
    """Return the decorator of a class that takes a Narwhals DataFrame."""
    return _frame_namespace(name, "narwhals", "DataFrame")


def register_lazyframe_namespace(name: str) -> Callable[[Class], Class]:
    """Return the decorator of a class that takes a Narwhals LazyFrame."""
    return _frame_namespace(name, "narwhals", "LazyFrame")


def register_expr_namespace(name: str) -> Callable[[Class], Class]:
    """Return the decorator of a class that takes a Narwhals expression."""
    return _expression_namespace(name, "narwhals", "Expr")


def register_spark_dataframe_namespace(name: str) -> Callable[[Class], Class]:
    """Return the decorator of a class that takes a Spark DataFrame."""
    return _frame_namespace(name, "pyspark.sql", "DataFrame")


def register_spark_column_namespace(name: str) -> Callable[[Class], Class]:
    """Return the decorator of a class that takes a Spark column."""
    return _expression_namespace(name, "pyspark.sql", "Column")


def _attached(name: str, library: str, *classes: str) -> Callable[[Class], Class]:
    owners = [getattr(require(library), each) for each in classes]
    if not name.isidentifier() or name == "laktory" or not all(_is_free(o, name) for o in owners):
        raise SettingsError(
            f"a namespace cannot be named `{name}`",
            expected="an identifier that is no attribute of frames or expressions, nor `laktory`",
        )

    def decorate(made_by: Class) -> Class:
        for owner in owners:
            setattr(owner, name, _Namespace(made_by))
        return made_by

    return decorate


def _is_free(owner: type, name: str) -> bool:
    return isinstance(owner.__dict__.get(name), _Namespace) or not hasattr(owner, name)


def _frame_namespace(name: str, library: str, *classes: str) -> Callable[[Class], Class]:
    attach = _attached(name, library, *classes)

    def decorate(made_by: Class) -> Class:
        setattr(made_by, _MARK, (name, "from_native" if library == "narwhals" else "to_native"))
        _registered[made_by.__module__, made_by.__qualname__] = made_by
        return attach(made_by)

    return decorate


def _expression_namespace(name: str, library: str, owner: str) -> Callable[[Class], Class]:
    attach = _attached(name, library, owner)

    def decorate(made_by: Class) -> Class:
        methods = (method for method in dir(made_by) if not method.startswith("_"))
        register_methods((f"{name}.{method}" for method in methods), made_by.__module__)
        return attach(made_by)

    return decorate


def register_methods(names: Iterable[str], module: str) -> None:
    """Let expressions call these methods, named `namespace.method`, from now on."""
    _methods.update(dict.fromkeys(names, module))


def registered_methods(belongs: Callable[[str], bool] = bool) -> frozenset[str]:
    """Return the methods registered so far, by a module whose name belongs, for expressions to call."""
    return frozenset(name for name, module in _methods.items() if belongs(module))


def registered_namespaces(belongs: Callable[[str], bool]) -> tuple[type, ...]:
    """Return the classes registered so far whose module, by its name, belongs."""
    return tuple(found for (module, _), found in _registered.items() if belongs(module))


def namespace_functions(candidates: Iterable[Any]) -> dict[str, Callable[..., Any]]:
    """Return the methods of the registered classes among some values, as `namespace.method`."""
    functions: dict[str, Callable[..., Any]] = {}
    for made_by in candidates:
        if not isinstance(made_by, type) or _MARK not in made_by.__dict__:
            continue
        name, conversion = made_by.__dict__[_MARK]
        for method in dir(made_by):
            if not method.startswith("_") and callable(getattr(made_by, method)):
                functions[f"{name}.{method}"] = _as_function(made_by, method, conversion)
    return functions


def _as_function(made_by: type, method: str, conversion: str) -> Callable[..., Any]:
    """Return a method of a namespace as a function of a frame, native or of Narwhals."""

    @functools.wraps(getattr(made_by, method))
    def function(frame: Any, *args: Any, **kwargs: Any) -> Any:
        takes = functools.partial(getattr(require("narwhals"), conversion), pass_through=True)
        own = made_by(takes(frame))
        given = {key: takes(value) for key, value in kwargs.items()}
        return getattr(own, method)(*map(takes, args), **given)

    return function
