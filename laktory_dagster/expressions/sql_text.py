"""SQL text to a syntax tree: placeholders marked, size bounded, errors with their place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import ParseError, SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from laktory_dagster.errors import ExpressionError
from laktory_dagster.expressions.dialect import tokens_of
from laktory_dagster.expressions.intervals import span_of
from laktory_dagster.expressions.suggest import did_you_mean

MARK = "\ue000"
"""Begins the identifier that stands for `{df}`, `{sources.x}` or `{nodes.x}`."""

MAX_LENGTH = 100_000
MAX_DEPTH = 100
MAX_PREFIX_RUN = 50

_PLACEHOLDER = r"\{(?P<name>[^{}\n]*)\}"
_COMMENT = r"--[^\n]*|/\*.*?\*/"
_BACKSLASH_STRINGS = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`[^`]*`"""
_PLAIN_STRINGS = r"""'[^']*'|"[^"]*"|`[^`]*`"""
_REFERENCE = re.compile(r"df|(?:sources|nodes)\.[^`\"'\\;\x00-\x1f]+")
_BACKSLASH_DIALECTS = frozenset({"spark", "databricks", "hive", "spark2", "bigquery", "mysql"})
_OPENING = frozenset({TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE, TokenType.CASE})
_CLOSING = frozenset({TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE, TokenType.END})
_QUERY_STARTS = frozenset({TokenType.SELECT, TokenType.WITH, TokenType.FROM, TokenType.L_PAREN})
_AFTER_COMMA = frozenset({TokenType.COMMA, TokenType.FROM, TokenType.R_PAREN})
_PREFIXES = frozenset({TokenType.NOT, TokenType.DASH, TokenType.TILDE, TokenType.PLUS})


@dataclass(frozen=True)
class MarkedSql:
    """SQL with every placeholder as a quoted identifier that begins with `MARK`.

    `shifts` are the places in `text` after which it is one character longer than the original.
    """

    text: str
    shifts: tuple[int, ...] = ()

    def offset(self, position: int) -> int:
        """Return the place in the original text, counted from 0."""
        return max(position - sum(1 for shift in self.shifts if shift < position), 0)


def mark_placeholders(text: str, dialect: str) -> MarkedSql:
    """Return the text with its placeholders marked; those in strings and comments stay.

    Raises:
        ExpressionError: A placeholder is none of `{df}`, `{sources.x}`, `{nodes.x}`.
    """
    if MARK in text or "\0" in text:
        raise ExpressionError("the SQL holds a control character", hint="remove it")
    strings = _BACKSLASH_STRINGS if dialect in _BACKSLASH_DIALECTS else _PLAIN_STRINGS
    quote = _quote(dialect)
    pattern = re.compile(f"{strings}|{_COMMENT}|{_PLACEHOLDER}", re.DOTALL)
    parts: list[str] = []
    shifts: list[int] = []
    last = length = 0
    for match in pattern.finditer(text):
        name = match.group("name")
        if name is None:
            continue
        _check_placeholder(name, match.start())
        before = text[last : match.start()]
        parts += [before, quote, MARK, name.strip().ljust(len(name)), quote]
        length += len(before) + len(name) + 3
        shifts.append(length - 1)
        last = match.end()
    return MarkedSql("".join([*parts, text[last:]]), tuple(shifts))


def _quote(dialect: str) -> str:
    return "`" if dialect in _BACKSLASH_DIALECTS else '"'


def _check_placeholder(name: str, offset: int) -> None:
    if _REFERENCE.fullmatch(name.strip()):
        return
    head = name.strip().split(".", 1)[0]
    near = did_you_mean(head, ("df", "sources", "nodes"))
    example = {"sources": "{sources.name}", "nodes": "{nodes.name}"}.get(near or "", "{df}")
    raise ExpressionError(
        f"`{{{name[:60]}}}` names no table",
        expected="{df}, {sources.name} or {nodes.name}",
        hint=f"did you mean `{example}`?" if near else "write struct literals as `struct(...)`",
        offset=offset,
    )


def parse_statements(marked: MarkedSql, dialect: str, prefix: str = "") -> list[exp.Expr]:
    """Return the statements of the text, empty ones left out.

    `prefix` is put before the text; places in errors do not count it.

    Raises:
        ExpressionError: The text is no SQL of the dialect, or it is too long or too deep.
    """
    if len(marked.text) > MAX_LENGTH:
        raise ExpressionError(
            f"the SQL has {len(marked.text):,} characters",
            expected=f"at most {MAX_LENGTH:,}",
            hint="split it over several nodes",
        )
    text = prefix + marked.text
    reader = Dialect.get_or_raise(dialect)
    try:
        tokens = tokens_of(text, dialect)
    except SqlglotError as error:
        raise ExpressionError(
            "the SQL cannot be read: a quote is not closed, or a character is out of place"
        ) from error
    _check_tokens(tokens)
    try:
        found = reader.parser().parse(tokens, text)
    except ParseError as error:
        raise _parse_error(error, text, marked, len(prefix)) from None
    except (SqlglotError, ValueError) as error:
        raise ExpressionError(f"the SQL cannot be read: {_first_line(error)}") from None
    except RecursionError:
        raise _too_deep() from None
    # A comment after the last semicolon is read as a statement of its own.
    kept = [s for s in found if isinstance(s, exp.Expr) and not isinstance(s, exp.Semicolon)]
    for statement in kept:
        _keep_times(statement)
        _bracket_intervals(statement)
    return kept


def _keep_times(tree: exp.Expr) -> None:
    """Take away the casts to dates that sqlglot adds to `datediff(HOUR, a, b)`."""
    for node in tree.find_all(exp.DateDiff):
        for side in (node.this, node.expression):
            if node.args.get("unit") and isinstance(side, exp.TsOrDsToDate):
                side.replace(side.this)


def _bracket_intervals(tree: exp.Expr) -> None:
    """Put `- INTERVAL 1 DAY 2 HOURS` as `- (INTERVAL 1 DAY + INTERVAL 2 HOURS)`."""
    for node in list(tree.find_all(exp.Sub)):
        taken = node.expression
        if isinstance(taken, exp.Add) and span_of(taken) is not None:
            taken.replace(exp.Paren(this=taken.copy()))


def _check_tokens(tokens: Sequence[Token]) -> None:
    """Refuse what would nest too deeply, and statements that are no query.

    Before parsing, since the parser recurses, and reads what it does not know as a command.
    """
    kinds = [token.token_type for token in tokens]
    while kinds and kinds[-1] == TokenType.SEMICOLON:
        kinds.pop()
    if TokenType.SEMICOLON in kinds:
        raise ExpressionError(
            "several statements were given",
            expected="one query",
            hint="write each as a step of its own",
        )
    if kinds and kinds[0] not in _QUERY_STARTS:
        raise ExpressionError(
            f"`{tokens[0].text[:40].upper()}` is not allowed: a step may only query",
            expected="one SELECT, WITH or UNION",
        )
    depth = run = 0
    previous = None
    for token in tokens:
        run = run + 1 if token.token_type in _PREFIXES else 0
        if token.token_type in _OPENING:
            depth += 1
        elif token.token_type in _CLOSING:
            depth -= 1
        if token.token_type in _AFTER_COMMA and previous == TokenType.COMMA:
            raise ExpressionError(
                f"something is missing before `{token.text}`",
                hint="remove the comma, or write what follows it",
            )
        previous = token.token_type
        if depth > MAX_DEPTH or run > MAX_PREFIX_RUN:
            raise _too_deep()


def _too_deep() -> ExpressionError:
    return ExpressionError(
        f"the SQL is nested more than {MAX_DEPTH} deep", hint="split it over several nodes"
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200].replace(MARK, "")


def _parse_error(error: ParseError, text: str, marked: MarkedSql, skip: int) -> ExpressionError:
    details = error.errors[0] if error.errors else {}
    description = str(details.get("description") or _first_line(error))
    if "<class" in description:
        description = "something is missing"
    before = len(str(details.get("start_context") or ""))
    line, column = details.get("line"), details.get("col")
    offset = None
    if line and column:
        lines = text.splitlines(keepends=True)
        highlight = str(details.get("highlight") or "")
        position = sum(len(part) for part in lines[: line - 1]) + column - len(highlight)
        offset = marked.offset(max(position - skip, 0))
    elif before:
        offset = marked.offset(max(before - skip, 0))
    near = str(details.get("highlight") or "").strip()
    if MARK in near:
        near = "{" + near.replace(MARK, "").strip('`"') + "}"
    where = f" near `{near[:40]}`" if near else ""
    return ExpressionError(
        f"the SQL cannot be read{where}: {description.rstrip('.')}", offset=offset
    )
