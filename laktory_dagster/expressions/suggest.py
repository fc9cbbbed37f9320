"""What a misspelt name was probably meant to be."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

MAX_NAME = 100


def did_you_mean(name: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate closest to `name`, or None when nothing is near.

    Case and underscores count for little: `withColumn` finds `with_column`.
    """
    if not name or len(name) > MAX_NAME:
        return None
    folded: dict[str, str] = {}
    for candidate in candidates:
        folded.setdefault(_fold(candidate), candidate)
    matches = get_close_matches(_fold(name), folded, n=1, cutoff=0.65)
    return folded[matches[0]] if matches else None


def hint_for(name: str, candidates: Iterable[str]) -> str | None:
    """Return "did you mean `x`?" for the closest candidate, or None when nothing is near."""
    match = did_you_mean(name, candidates)
    return None if match is None else f"did you mean `{match}`?"


def _fold(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


def with_article(name: str) -> str:
    """Return the name of a format with its article: `a CSV`, `an AVRO`."""
    return f"{'an' if name[:1] in ('A', 'E', 'I', 'N', 'O', 'X') else 'a'} {name}"
