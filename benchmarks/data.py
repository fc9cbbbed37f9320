"""Events like those of the stock-prices example, in any number, made by Polars from a seed."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import polars as pl

EXAMPLE = Path(__file__).parents[1] / "examples" / "stock_prices"
SYMBOLS = 500
ROWS_PER_FILE = 1_000_000


def events(first: int, rows: int) -> pl.LazyFrame:
    """Return events `first` to `first + rows`: nested prices; 2% redelivered, 1% faulty."""
    index = pl.int_range(first, first + rows, eager=True).alias("i")
    day = (pl.col("i") // SYMBOLS) % 20_000
    noise = pl.col("i").hash(7) % 1_000
    close = (20 + noise / 10).round(2)
    traded_on = pl.lit("1970-01-01").str.to_date() + pl.duration(days=day)
    return (
        pl.LazyFrame({"i": index})
        .with_columns(i=pl.when(pl.col("i") % 50 == 49).then(pl.col("i") - 1).otherwise("i"))
        .select(
            event_id=pl.format("evt-{}", "i"),
            name=pl.lit("stock_price"),
            producer=pl.lit("closing-bell"),
            created_at=pl.format("{}T21:05:02Z", traded_on.cast(pl.String)),
            data=pl.struct(
                symbol=pl.format("S{}", pl.col("i") % SYMBOLS),
                traded_on=traded_on.cast(pl.String),
                open=(close - 0.3).round(2),
                high=close + 1,
                low=pl.when(noise == 0).then(-1.0).otherwise((close - 1).round(2)),
                close=close,
                volume=noise * 1_000 + pl.col("i") % 977,
            ),
        )
    )


def make(folder: Path, rows: int) -> None:
    """Write a project with the example's pipeline and so many events; keep it if it is there."""
    done = folder / "done"
    if done.exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "data" / "events").mkdir(parents=True)
    for index, first in enumerate(range(0, rows, ROWS_PER_FILE)):
        count = min(ROWS_PER_FILE, rows - first)
        path = folder / "data" / "events" / f"part-{index:03}.json"
        events(first, count).sink_ndjson(path)
    companies = pl.DataFrame({"symbol": [f"S{i}" for i in range(SYMBOLS)]}).with_columns(
        company=pl.format("Company {}", "symbol"),
        sector=pl.format("Sector {}", pl.col("symbol").hash(3) % 11),
        currency=pl.lit("USD"),
    )
    companies.write_csv(folder / "data" / "companies.csv")
    declare(folder, "POLARS")
    done.touch()


def declare(folder: Path, engine: str) -> Path:
    """Write the example's pipeline for an engine into the project and return the file."""
    text = (EXAMPLE / "pipeline.yaml").read_text()
    text = text.replace(
        "name: stock_prices\n", f"name: stock_prices\ndataframe_type: {engine}\n", 1
    )
    file = folder / ("pipeline.yaml" if engine == "POLARS" else f"{engine.lower()}.yaml")
    # Ten rows measure start-up; the example's own minimum would refuse them.
    file.write_text(text.replace("count(*) > 1000", "count(*) > 1"))
    return file


if __name__ == "__main__":
    make(Path(sys.argv[1]), int(sys.argv[2]))
