"""The budgets of the code's shape: sizes, cycles, types, docstrings."""

from __future__ import annotations

import ast
import inspect
import io
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

import laktory_dagster

PACKAGE = Path(laktory_dagster.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
MAX_FUNCTION_LINES = 60
MAX_MODULE_LINES = 500
MODULE_P95_LINES = 350
LEAST_TESTS = 1.2
"""Lines of test code for each line of code."""
TESTS = Path(__file__).parents[1]
_NO_CODE = (
    *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT),
    *(tokenize.ENCODING, tokenize.ENDMARKER),
)
Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(path: Path) -> Iterator[Function]:
    """Yield every function of a module, nested ones included."""
    for found in ast.walk(ast.parse(path.read_text())):
        if isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef):
            yield found


def length_without_docstring(function: Function) -> int:
    """Return the lines of a function less those of its docstring."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_functions_and_modules_stay_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_MODULE_LINES
    long = [f.name for f in functions(path) if length_without_docstring(f) > MAX_FUNCTION_LINES]
    assert long == []


def test_most_modules_are_short() -> None:
    sizes = sorted(len(path.read_text().splitlines()) for path in MODULES)

    assert sizes[int(0.95 * (len(sizes) - 1))] <= MODULE_P95_LINES


def code_lines(path: Path) -> int:
    """Return the lines of a module that hold code: no blank ones, comments or docstrings."""
    text = path.read_text()
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    kept = [token for token in tokens if token.type not in _NO_CODE]
    lines = {line for token in kept for line in range(token.start[0], token.end[0] + 1)}
    for found in ast.walk(ast.parse(text)):
        if isinstance(found, ast.Module | ast.ClassDef | Function) and ast.get_docstring(found):
            first = found.body[0]
            lines -= set(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return len(lines)


def test_there_is_more_test_code_than_code() -> None:
    code, tests = (sum(map(code_lines, folder.rglob("*.py"))) for folder in (PACKAGE, TESTS))

    assert tests >= LEAST_TESTS * code


def test_public_definitions_are_documented() -> None:
    missing = []
    for path in MODULES:
        tree = ast.parse(path.read_text())
        for found in ast.iter_child_nodes(tree):
            public = isinstance(found, ast.ClassDef | ast.FunctionDef) and found.name[0] != "_"
            if public and ast.get_docstring(found) is None:
                missing.append(f"{path.relative_to(PACKAGE)}:{found.name}")

    assert missing == []


def test_public_names_of_the_package_exist() -> None:
    for name in laktory_dagster.__all__:
        assert getattr(laktory_dagster, name) is not None


def test_modules_import_each_other_without_a_cycle() -> None:
    graph = {module_name(path): set(top_level_imports(path)) for path in MODULES}
    state: dict[str, int] = {}

    def visit(name: str, trail: tuple[str, ...]) -> None:
        if state.get(name) == 2:
            return
        assert state.get(name) != 1, " -> ".join((*trail, name))
        state[name] = 1
        for other in graph.get(name, ()):
            visit(other, (*trail, name))
        state[name] = 2

    for name in graph:
        visit(name, ())


def module_name(path: Path) -> str:
    """Return the dotted name of a module of the package."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def top_level_imports(path: Path) -> Iterator[str]:
    """Yield the modules of the package that a module imports when it is loaded."""
    names = {module_name(other) for other in MODULES}
    for statement in ast.parse(path.read_text()).body:
        if isinstance(statement, ast.ImportFrom) and statement.module:
            for alias in statement.names:
                full = f"{statement.module}.{alias.name}"
                if full in names:
                    yield full
                elif statement.module in names:
                    yield statement.module
        elif isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names if alias.name in names)


def test_every_model_module_is_free_of_engines() -> None:
    for path in (PACKAGE / "models").glob("*.py"):
        text = inspect.cleandoc(path.read_text())
        assert "import polars" not in text
        assert "import dagster" not in text
