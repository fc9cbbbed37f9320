"""Python-like expressions (`pl.col("a").sum()`), read into checked trees and never evaluated.

A string is an expression if it parses as Python and holds a call rooted at one of `ROOTS`; then
every part of it must be allowed. Any other string is a literal.
"""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass
from functools import lru_cache

from laktory_dagster.errors import ExpressionError
from laktory_dagster.expressions.grammar import ROOTS, check_tree, holds_rooted_call
from laktory_dagster.expressions.naming import output_names
from laktory_dagster.expressions.project_methods import project_methods
from laktory_dagster.expressions.secret_text import refuse_secrets
from laktory_dagster.expressions.spark_types import with_type_names

MAX_LENGTH = 10_000

_MAY_HOLD_CALL = re.compile(r"\b(?:(?:pl|F|nw)\s*\.|(?:col|lit|expr|sql_expr)\s*[.(])")
_STARTS_AS_CALL = re.compile(r"[\s(\[]*(?:(?:pl|F|nw)(?:\.\w+)+|col|lit|expr|sql_expr)\(")
_MAY_BE_TYPE = re.compile(r"\s*(?:pl|nw)\.[A-Z]")
_LITERAL_HINT = "if the text itself is meant, write `{value: ...}` around it"


@dataclass(frozen=True, eq=False)
class Expression:
    """A checked expression.

    `roots` are the names it starts from. `columns` are those it reads, None when that cannot be
    known (selectors, `*`, regular expressions). `output_names` are the names of its results where
    they are known without the frame.
    """

    text: str
    tree: ast.expr
    roots: frozenset[str]
    columns: frozenset[str] | None = None
    output_names: tuple[str, ...] | None = None

    @property
    def output_name(self) -> str | None:
        """Return the name of its one result, or None when unknown or when there are several."""
        names = self.output_names
        return names[0] if names is not None and len(names) == 1 else None

    def __eq__(self, other: object) -> bool:
        """Compare by text: equal texts have equal trees."""
        return isinstance(other, Expression) and other.text == self.text

    def __hash__(self) -> int:
        """Hash by text."""
        return hash(self.text)


def parse_argument(text: str) -> Expression | None:
    """Return the expression that a string argument is, or None for a literal string.

    Raises:
        ExpressionError: It is such a call, with something in it that is forbidden or unknown.
    """
    if "${{" in text:
        raise _template_error(text)
    if "(" not in text or _MAY_HOLD_CALL.search(text) is None:
        return None
    return _parse_call(text, project_methods())


def parse_data_type(text: str) -> Expression | None:
    """Return the data type that a string names (`pl.Float64`, `pl.Datetime("us")`), or None.

    Raises:
        ExpressionError: It starts as one of `pl.` or `nw.`, but there is none such.
    """
    if _MAY_BE_TYPE.match(text) is None:
        return None
    return _parse_type(text)


def _template_error(text: str) -> ExpressionError:
    return ExpressionError(
        "`${{ }}` runs Python code, which a pipeline file may not",
        hint="write a variable `${vars.name}` and set its value where the pipeline is started",
        offset=text.index("${{"),
    )


@lru_cache(maxsize=4096)
def _parse_call(text: str, added: frozenset[str]) -> Expression | None:
    tree = _syntax_tree(text)
    if tree is None or not holds_rooted_call(tree):
        return None
    refuse_secrets(text)
    found = check_tree(text, tree, added)
    return Expression(text, tree, found.roots, found.columns, output_names(tree))


@lru_cache(maxsize=1024)
def _parse_type(text: str) -> Expression | None:
    tree = _syntax_tree(text)
    if tree is None:
        return None
    found = check_tree(text, tree)
    if not found.is_type:
        return None
    return Expression(text, tree, found.roots, frozenset(), None)


def _syntax_tree(text: str) -> ast.expr | None:
    """Return the tree, or None when the text is no Python. Newlines are free, as in brackets."""
    starts_as_call = _STARTS_AS_CALL.match(text) is not None
    if len(text) > MAX_LENGTH:
        if starts_as_call:
            raise ExpressionError(
                f"the expression has {len(text):,} characters",
                expected=f"at most {MAX_LENGTH:,} characters",
                hint="split it over several columns",
            )
        return None
    try:
        return _compile(text.strip())
    except SyntaxError as error:
        if "\n" in text.strip():
            try:
                return _compile(f"({text.strip()}\n)")
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                pass
        if starts_as_call:
            raise _unreadable(text, error) from None
    except (RecursionError, MemoryError):
        raise ExpressionError(
            "the expression is nested too deeply", hint="split it over several columns"
        ) from None
    except ValueError:  # a null byte, which no expression holds
        return None
    return None


def _compile(text: str) -> ast.expr:
    with warnings.catch_warnings():
        # An invalid escape such as "\d" in a pattern is fine: it means what it says.
        warnings.simplefilter("ignore")
        tree = ast.parse(text, mode="eval").body
    return with_type_names(tree) if "Type(" in text else tree


def _unreadable(text: str, error: SyntaxError) -> ExpressionError:
    return ExpressionError(
        f"the expression cannot be read: {error.msg}",
        hint=_LITERAL_HINT,
        offset=min(max((error.offset or 1) - 1, 0), len(text)) if error.lineno == 1 else None,
    )


__all__ = ["ROOTS", "Expression", "parse_argument", "parse_data_type"]
