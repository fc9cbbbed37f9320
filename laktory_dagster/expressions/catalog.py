"""The names that exist: functions, methods and frame methods of the libraries.

Read once from `catalog_data/*.json`, which `tools/catalog_names.py` writes from the installed
libraries; a name that may run code or leave the machine is not in there (see `is_refused`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from laktory_dagster.expressions.suggest import did_you_mean

FrameEngine = Literal["polars", "spark", "narwhals"]
Root = Literal["pl", "F", "nw", "col", "lit", "expr", "sql_expr"]

_LIBRARIES = {"pl": ("polars",), "nw": ("narwhals",), "F": ("spark", "polars")}
_ANY_LIBRARY = ("polars", "spark", "narwhals")
_REFUSED = re.compile(
    r"(?:^|\.)_|(?:^|\.)(?:map|map_\w+|pipe\w*|write\w*|sink_\w+|foreach\w*|collect(?!_list|_set)\w*|\w*serialize"
    r"|register\w*|fold|reduce|apply\w*|inspect|rolling_map|cum_fold|cum_reduce|meta|call_\w+"
    r"|\w*udf|\w*udtf|reflect|try_reflect|java_method|read_\w+|scan_\w+|toPandas|to_pandas"
    r"|transform\w*|sql|SQLContext|Config|plugins|io|api|Window)(?:\.|$)"
)


@dataclass(frozen=True, slots=True)
class Signature:
    """The parameters of a callable, `self` left out.

    `required` and `optional` are in order; those in `keyword_only` are given by name only. In
    `columns` a string names a column of the frame.
    """

    required: tuple[str, ...]
    optional: tuple[str, ...]
    var_args: bool = False
    var_kwargs: bool = False
    keyword_only: frozenset[str] = frozenset()
    columns: frozenset[str] = frozenset()
    var_args_name: str | None = None
    var_kwargs_name: str | None = None

    def names_columns(self, place: int | str) -> bool:
        """Return whether a string names a column there: at a position (from 0) or under a name."""
        if isinstance(place, int):
            return self.parameter_at(place) in self.columns
        known = place in self.required or place in self.optional
        return (place if known else self.var_kwargs_name) in self.columns

    def problem(self, args: int, kwargs: Sequence[str]) -> str | None:
        """Return what is wrong with that many positional and these named arguments, or None."""
        positional = self.positional()
        if args > len(positional) and not self.var_args:
            return f"takes at most {len(positional)} positional arguments, {args} given"
        for name in kwargs:
            if name in positional[:args]:
                return f"gets the argument `{name}` twice"
            if name not in self.required and name not in self.optional and not self.var_kwargs:
                return f"has no argument `{name}`{self._suggestion(name)}"
        filled = {*positional[:args], *kwargs}
        missing = [name for name in self.required if name not in filled]
        if missing:
            return "needs the argument " + ", ".join(f"`{name}`" for name in missing)
        return None

    def positional(self) -> tuple[str, ...]:
        """Return the parameters that may be given by position, in order."""
        return tuple(n for n in (*self.required, *self.optional) if n not in self.keyword_only)

    def parameter_at(self, index: int) -> str | None:
        """Return the parameter that the positional argument at `index` (from 0) fills."""
        positional = self.positional()
        return positional[index] if index < len(positional) else self.var_args_name

    def _suggestion(self, name: str) -> str:
        near = did_you_mean(name, (*self.required, *self.optional))
        return f"; did you mean `{near}`?" if near else ""


def _decode(marks: Sequence[str]) -> Signature:
    required, optional, keyword_only, columns = [], [], [], []
    var_args_name = None
    var_kwargs_name = None
    for mark in marks:
        name = mark.strip("*-$=")
        if mark.endswith("$"):
            columns.append(name)
        if mark.startswith("**"):
            var_kwargs_name = name
        elif mark.startswith("*"):
            var_args_name = name
        elif "=" in mark:
            optional.append(name)
        else:
            required.append(name)
        if mark.startswith("-"):
            keyword_only.append(name)
    return Signature(
        tuple(required),
        tuple(optional),
        var_args_name is not None,
        var_kwargs_name is not None,
        frozenset(keyword_only),
        frozenset(columns),
        var_args_name,
        var_kwargs_name,
    )


@cache
def _library(name: str) -> dict[str, Any]:
    path = Path(__file__).parent / "catalog_data" / f"{name}.json"
    data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return data


def _section(libraries: Collection[str], *sections: str) -> dict[str, Signature]:
    found: dict[str, Signature] = {}
    for library in libraries:
        for section in sections:
            for name, marks in _library(library)[section].items():
                found.setdefault(name, _decode(marks))
    return found


_LAKTORY_EXPRESSIONS: Mapping[str, Sequence[str]] = {
    "compare": ["x$", "y=$", "where=", "operator=", "default="],
    "convert_units": ["x=$", "input_unit=", "output_unit="],
    "current_timestamp": [],
    "roundp": ["x=$", "p="],
    "row_number": [],
    "sql_expr": ["expr="],
    "string_split": ["x=$", "pattern=", "key="],
    "uuid": [],
}


@cache
def function_signatures(root: str) -> Mapping[str, Signature]:
    """Return the functions under `pl`, `nw` or `F`, `selectors.` and `laktory.` included.

    Empty for the roots that are functions themselves (`col`, `lit`, `expr`, `sql_expr`).
    """
    if root not in _LIBRARIES:
        return {}
    library = _LIBRARIES[root][0]
    found = _section([library], "functions")
    for name, marks in _library(library)["selectors"].items():
        found[f"selectors.{name}"] = _decode(marks)
    for name, marks in _LAKTORY_EXPRESSIONS.items():
        found[f"laktory.{name}"] = _decode(marks)
        if root != "F":
            found[f"Expr.laktory.{name}"] = _decode(marks)
            found[f"expr.laktory.{name}"] = _decode(marks)
    if root == "nw":
        found["sql_expr"] = found["laktory.sql_expr"]
    return found


@cache
def _methods(library: str) -> Mapping[str, Signature]:
    laktory = {f"laktory.{name}": _decode(m) for name, m in _LAKTORY_EXPRESSIONS.items()}
    return _section([library], "methods") | laktory


def method_signatures(root: str, method: str) -> tuple[Signature, ...]:
    """Return how an expression of this root takes the method; empty when it has none such.

    Methods of a namespace are named `str.contains`. A bare `col` or `expr` may be of any library,
    and `F` runs on both engines, so that there may be several signatures.
    """
    libraries = _LIBRARIES.get(root, _ANY_LIBRARY)
    return tuple(_methods(library)[method] for library in libraries if method in _methods(library))


@cache
def expression_functions(root: str) -> frozenset[str]:
    """Return the names of the functions under a root."""
    return frozenset(function_signatures(root))


@cache
def expression_methods(root: str) -> frozenset[str]:
    """Return the names of the methods of an expression of this root."""
    libraries = _LIBRARIES.get(root, _ANY_LIBRARY)
    return frozenset(name for library in libraries for name in _methods(library))


@cache
def data_types(root: str) -> frozenset[str]:
    """Return the names of the data types under `pl` or `nw`."""
    libraries = _LIBRARIES.get(root, ())
    return frozenset(_library(libraries[0])["types"]) if libraries else frozenset()


_OF_OLDER_VERSIONS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "polars": {
        "approx_n_unique": [],
        "melt": ["id_vars=", "value_vars=", "variable_name=", "value_name="],
        "with_row_count": ["name=", "offset="],
    }
}
"""Frame methods that Polars had when the older schema was written, and no longer has."""


@cache
def frame_methods(engine: FrameEngine) -> Mapping[str, Signature]:
    """Return the methods of a frame that give a frame, those of a grouped frame included.

    Of a name in several classes, the lazy frame's signature counts, then the eager frame's; `pivot`
    may find its columns among the rows, as on a frame in memory.
    """
    older = {n: _decode(marks) for n, marks in _OF_OLDER_VERSIONS.get(engine, {}).items()}
    found = older | _section([engine], "lazy", "eager", "grouped")
    in_memory = _section([engine], "eager")
    return {**found, "pivot": in_memory["pivot"]} if "pivot" in in_memory else found


@cache
def eager_methods(engine: FrameEngine) -> Mapping[str, Signature]:
    """Return the methods that only a frame in memory has (`sample`, `transpose` on Polars)."""
    lazy = _section([engine], "lazy")
    return {n: s for n, s in _section([engine], "eager").items() if n not in lazy}


@cache
def grouped_methods(engine: FrameEngine) -> Mapping[str, Signature]:
    """Return the methods of what `group_by` gives (`agg`, `pivot` on Spark)."""
    return _section([engine], "grouped")


@cache
def sql_functions() -> frozenset[str]:
    """Return the functions that Polars SQL knows, in lower case."""
    return frozenset(_library("polars")["sql"])


def is_refused(name: str) -> bool:
    """Return whether a name is left out on purpose: it runs code, reads, writes or collects."""
    return _REFUSED.search(name) is not None
