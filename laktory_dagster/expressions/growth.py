"""Functions whose result is as long as a number in the declaration says, and how long it may be.

A value of every row would be that long: `lpad(s, 10000000000)` asks for ten gigabytes a row.
"""

from __future__ import annotations

from collections.abc import Iterable

MAX_LENGTH = 1_000_000
_FILLS = frozenset(
    {
        "array_repeat", "extend_constant", "ljust", "lpad", "ones", "pad", "pad_end", "pad_start",
        "repeat", "repeat_by", "rjust", "rpad", "space", "zeros", "zfill",
    }
)  # fmt: skip
_RANGES = frozenset({"arange", "generate_series", "int_range", "int_ranges", "range", "sequence"})


def grows_too_long(name: str, numbers: Iterable[float | None]) -> bool:
    """Return whether a call gives values of more than a million characters or items.

    Args:
        name: the function or method, after its namespaces.
        numbers: for each argument the number that it is, None for anything else.
    """
    short = name.rpartition(".")[2].lower()
    if short in _FILLS:
        return any(abs(number or 0) > MAX_LENGTH for number in numbers)
    if short not in _RANGES:
        return False
    ends = [number or 0 for number in numbers][:2]
    return bool(ends) and abs(ends[-1] - (ends[0] if len(ends) > 1 else 0)) > MAX_LENGTH
