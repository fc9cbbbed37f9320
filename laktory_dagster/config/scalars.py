"""Plain scalars as YAML 1.2's core schema reads them."""

from __future__ import annotations

import re

_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\Z")
_OCTAL = re.compile(r"0o[0-7]+\Z")
_HEX = re.compile(r"0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(
    r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z", re.ASCII
)
_WORDS: dict[str, object] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_NUMBER_STARTS = frozenset("-+.0123456789")
_TAGS: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (float, int),
    "bool": (bool,),
    "null": (type(None),),
}
MAX_DIGITS = 400


def plain_scalar(text: str) -> object:
    """Return the value of an unquoted scalar: null, a boolean, a number, or the text itself.

    `yes`, `on`, `0777`, `1:30` and `2024-01-01` are texts: YAML 1.2 knows no such scalars, or
    (`0777`) two versions of YAML read different numbers.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_STARTS or len(text) > MAX_DIGITS:
        return text
    if _INT.match(text):
        return int(text)
    if _FLOAT.match(text):
        return float(text)
    if _HEX.match(text):
        return int(text, 16)
    if _OCTAL.match(text):
        return int(text, 8)
    return text


def tagged_scalar(tag: str, text: str) -> object:
    """Return the value of a scalar with one of YAML's own tags (`str`, `int` ...; `!` is `str`).

    Raises:
        KeyError: no tag that may stand here.
        ValueError: the text is no value of that type.
    """
    if tag in ("str", "!"):
        return text
    types = _TAGS[tag]
    value = plain_scalar(text)
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        raise ValueError(text)
    return float(value) if tag == "float" and isinstance(value, int) else value
