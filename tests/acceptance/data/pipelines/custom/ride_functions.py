"""What the pipeline `custom` reads and writes with."""

from pathlib import Path
from typing import Any

import polars as pl


def numbers(upto: int = 3) -> pl.LazyFrame:
    return pl.LazyFrame({"n": list(range(upto))})


def to_text(df: Any, mark: str = "-") -> None:
    native = df.to_native() if hasattr(df, "to_native") else df
    rows = native.lazy().collect()["n"].to_list()
    Path("made.csv").write_text("n\n" + "".join(f"{n}\n" for n in rows))
    Path("marks.txt").write_text(mark * len(rows))
