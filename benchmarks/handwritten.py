"""The stock-prices example as one would write it by hand: the same reads, steps and writes.

Tables that need no second look stream straight into Delta. The silver table has two outputs and
counts, so it is computed once in memory and written from there.
"""

from __future__ import annotations

import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

KEYS = ["symbol", "traded_on"]
PRICES = ["open", "high", "low", "close"]
TYPES = {"symbol": pl.String, **dict.fromkeys(PRICES, pl.Float64), "volume": pl.Int64}


def bronze(project: Path, tables: Path, now: pl.Expr) -> None:
    """Store the events and the companies as they came."""
    events = pl.scan_ndjson(project / "data" / "events" / "*.json").with_columns(_bronze_at=now)
    events.sink_delta(tables / "brz_stock_prices", mode="overwrite")
    if pl.scan_delta(tables / "brz_stock_prices").select(pl.len()).collect().item() <= 1:
        raise SystemExit("the feed did not deliver")
    companies = pl.scan_csv(project / "data" / "companies.csv").with_columns(_bronze_at=now)
    companies.sink_delta(tables / "brz_companies", mode="overwrite")


def latest(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Return one row per key, the same one on every run: the latest, then the least.

    Only keys that stand several times are sorted, as the package does it too.
    """
    others = [c for c in frame.collect_schema().names() if c not in (*KEYS, "_tstamp")]
    counted = frame.with_columns(_copies=pl.len().over(KEYS))
    ordered = counted.filter(pl.col("_copies") > 1).sort(
        "_tstamp", *others, descending=[True] + [False] * len(others), nulls_last=True
    )
    repeated = ordered.unique(KEYS, keep="first", maintain_order=True)
    return pl.concat([counted.filter(pl.col("_copies") == 1), repeated]).drop("_copies")


def silver(tables: Path, now: pl.Expr) -> None:
    """Flatten, join, dedupe, check, and set bad rows aside."""
    data = pl.col("data").struct
    companies = pl.scan_delta(tables / "brz_companies").select(
        "symbol", "company", "sector", "currency"
    )
    frame = (
        pl.scan_delta(tables / "brz_stock_prices")
        .with_columns(data.field(name).cast(kind) for name, kind in TYPES.items())
        .with_columns(traded_on=data.field("traded_on").str.to_date())
        .join(companies.unique("symbol"), on="symbol", how="left")
        .with_columns(_tstamp=pl.col("created_at").str.to_datetime(time_zone="UTC"))
        .select(*KEYS, *PRICES, "volume", "company", "sector", "currency", "_tstamp", "_bronze_at")
        .pipe(latest)
        .with_columns(_silver_at=now)
    )
    rules = {
        "prices": pl.all_horizontal(pl.col(PRICES) > 0),
        "range": pl.col("low") <= pl.col("high"),
        "company": pl.col("symbol").is_null() | pl.col("company").is_not_null(),
        "volume": pl.col("volume").is_not_null(),
    }
    there = pl.col("symbol").is_not_null()
    sound = pl.all_horizontal(rules[name].fill_null(value=False) for name in list(rules)[:3])
    checked = frame.with_columns(_sound=sound, _there=there).collect()
    counts = checked.select(
        (~rule.fill_null(value=False)).sum().alias(name) for name, rule in rules.items()
    )
    print(counts.row(0, named=True))
    good = checked.filter("_sound", "_there").drop("_sound", "_there")
    good.write_delta(tables / "slv_stock_prices", mode="overwrite")
    bad = checked.filter(~pl.col("_sound")).drop("_sound", "_there")
    bad.write_delta(tables / "slv_stock_prices_quarantine", mode="overwrite")


def gold(tables: Path, now: pl.Expr) -> None:
    """Write the two reports."""
    returns = (
        pl.scan_delta(tables / "slv_stock_prices")
        .sort("symbol", "traded_on")
        .with_columns(daily_return=pl.col("close") / pl.col("close").shift(1).over("symbol") - 1)
        .collect()
        .lazy()
    )
    companies = (
        returns.group_by("symbol", "company", "sector")
        .agg(
            trading_days=pl.len(),
            lowest=pl.col("low").min(),
            highest=pl.col("high").max(),
            mean_volume=pl.col("volume").mean().round(0),
            volatility=pl.col("daily_return").std().round(5),
        )
        .sort("symbol")
        .with_columns(_gold_at=now)
        .collect()
    )
    if not companies.select(
        ((pl.col("lowest") > 0) & (pl.col("highest") >= pl.col("lowest"))).all()
    ).item():
        raise SystemExit("prices make no range")
    companies.write_delta(tables / "gld_companies", mode="overwrite")
    day = pl.col("traded_on").dt
    sectors = (
        returns.group_by("sector", year=day.year(), month=day.month())
        .agg(
            companies=pl.col("symbol").n_unique(),
            traded_value=(pl.col("close") * pl.col("volume")).sum().round(2),
            mean_return=pl.col("daily_return").mean().round(6),
        )
        .sort("sector", "month")
        .with_columns(_gold_at=now)
    )
    sectors.sink_delta(tables / "gld_sectors_by_month", mode="overwrite")


def main(project: Path, tables: Path) -> None:
    """Run all nodes in order."""
    shutil.rmtree(tables, ignore_errors=True)
    tables.mkdir(parents=True)
    now = pl.lit(datetime.now(UTC)).cast(pl.Datetime("us", "UTC"))
    bronze(project, tables, now)
    silver(tables, now)
    gold(tables, now)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
