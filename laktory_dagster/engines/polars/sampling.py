"""A share of the rows, the same ones for the same seed."""

from __future__ import annotations

import polars as pl

_ROW = "__laktory_row"
_SPACE = float(2**64)


def sample(
    frame: pl.LazyFrame, fraction: float, seed: int, *, with_replacement: bool = False
) -> pl.LazyFrame:
    """Return about `fraction` of the rows, chosen by their place; lazily.

    With replacement each row comes `fraction` times on average, at least its whole part.
    """
    chance = pl.col(_ROW).hash(seed) / _SPACE
    numbered = frame.with_row_index(_ROW)
    if not with_replacement:
        return numbered.filter(chance < fraction).drop(_ROW)
    copies = pl.lit(int(fraction)) + (chance < fraction - int(fraction)).cast(pl.Int64)
    index = pl.int_ranges(0, copies).alias(_ROW)
    return numbered.with_columns(index).explode(_ROW, empty_as_null=False).drop(_ROW)
