"""Checks of a schedule: five fields of cron, and the time zone they are in."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
# Name, least and greatest value, words that stand for values from the least on.
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of week", 0, 7, _DAYS),
)
_PART = re.compile(r"(?:\*|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>[0-9]+))?\Z")


def cron_problem(cron: str) -> str | None:
    """Return what is wrong with a cron expression of five fields, or None."""
    texts = cron.split()
    if len(texts) != len(_FIELDS):
        return f"`{cron}` has {len(texts)} fields"
    for text, (name, least, greatest, words) in zip(texts, _FIELDS, strict=True):
        if not all(_is_part(part, least, greatest, words) for part in text.lower().split(",")):
            return f"`{text}` is no {name}"
    day, month = texts[2], texts[3].lower()
    if month in ("2", "02", "feb") and set(re.split("[,-]", day)) <= {"30", "31"}:
        return f"`{cron}` never comes: February has no day `{day}`"
    return None


def _is_part(text: str, least: int, greatest: int, words: tuple[str, ...]) -> bool:
    found = _PART.match(text)
    if found is None or found["step"] == "0":
        return False
    values = [_value(found[group], least, words) for group in ("first", "last") if found[group]]
    return all(least <= value <= greatest for value in values) and values == sorted(values)


def _value(text: str, least: int, words: tuple[str, ...]) -> int:
    """Return the number that a text stands for, -1 for none."""
    if text in words:
        return least + words.index(text)
    return int(text) if text.isascii() and text.isdigit() else -1


def is_time_zone(name: str) -> bool:
    """Return whether there is a time zone of this name."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
