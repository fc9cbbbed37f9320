"""The stock-prices example on Spark: as this package runs it, and as one would write it by hand.

    python -m benchmarks.spark hand|ours PROJECT TABLES

Both take a session of the same settings, started before the clock. Prints one line of JSON: seconds
and CPU seconds (of Python and of Spark's Java) of the work, seconds of the session's start, peak
memory of Java in MB, and how many Spark contexts the process made.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pyspark

from benchmarks.data import declare
from laktory_dagster import build_definitions
from laktory_dagster.engines.registry import open_engine

KEYS = ["symbol", "traded_on"]
PRICES = ["open", "high", "low", "close"]


def by_hand(spark: Any, project: Path, tables: Path) -> None:
    """Run all nodes in order; each batch with several outputs is computed once and kept."""
    from pyspark.sql import functions as F  # noqa: N812

    now = F.lit(datetime.now(UTC)).cast("timestamp")
    bronze(spark, project, tables, now)
    silver(spark, tables, now)
    gold(spark, tables, now)


def written(frame: Any, tables: Path, name: str) -> None:
    """Write a Delta table."""
    frame.write.format("delta").mode("overwrite").option("overwriteSchema", "true").save(
        str(tables / name)
    )


def stored(spark: Any, tables: Path, name: str) -> Any:
    """Return a Delta table."""
    return spark.read.format("delta").load(str(tables / name))


def bronze(spark: Any, project: Path, tables: Path, now: Any) -> None:
    """Store the events and the companies as they came; too few events are stored nowhere."""
    events = spark.read.json(str(project / "data" / "events")).withColumn("_bronze_at", now)
    events.persist()
    if events.count() <= 1:
        raise SystemExit("the feed did not deliver")
    written(events, tables, "brz_stock_prices")
    events.unpersist()
    companies = spark.read.csv(
        str(project / "data" / "companies.csv"), header=True, inferSchema=True
    )
    written(companies.withColumn("_bronze_at", now), tables, "brz_companies")


def silver(spark: Any, tables: Path, now: Any) -> None:
    """Flatten, join, dedupe, check, and set bad rows aside."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F  # noqa: N812

    companies = stored(spark, tables, "brz_companies")
    companies = companies.select("symbol", "company", "sector", "currency").dropDuplicates(
        ["symbol"]
    )
    types = {"symbol": "string", **dict.fromkeys(PRICES, "double"), "volume": "long"}
    frame = (
        stored(spark, tables, "brz_stock_prices")
        .select(
            *(F.col(f"data.{name}").cast(kind).alias(name) for name, kind in types.items()),
            F.to_date("data.traded_on").alias("traded_on"),
            F.to_timestamp("created_at").alias("_tstamp"),
            "_bronze_at",
            "event_id",
        )
        .join(companies, "symbol", "left")
    )
    others = [c for c in frame.columns if c not in (*KEYS, "_tstamp")]
    order = Window.partitionBy(*KEYS).orderBy(F.col("_tstamp").desc_nulls_last(), *others)
    frame = frame.withColumn("_rank", F.row_number().over(order)).filter("_rank = 1")
    frame = frame.drop("_rank", "event_id").withColumn("_silver_at", now)
    rules = {
        "prices": "open > 0 AND high > 0 AND low > 0 AND close > 0",
        "range": "low <= high",
        "company": "symbol IS NULL OR company IS NOT NULL",
        "volume": "volume IS NOT NULL",
    }
    failed = {f"_{name}": ~F.coalesce(F.expr(rule), F.lit(False)) for name, rule in rules.items()}
    aside = F.col("_prices") | F.col("_range") | F.col("_company")
    checked = frame.withColumns(failed).withColumn("_aside", aside).persist()
    counts = [F.count("*"), *(F.count_if(name).alias(name) for name in failed)]
    print(checked.agg(*counts).first().asDict(), file=sys.stderr)
    good = checked.filter("NOT _aside AND symbol IS NOT NULL")
    written(good.select(*frame.columns), tables, "slv_stock_prices")
    bad = checked.filter("_aside")
    written(bad.select(*frame.columns), tables, "slv_stock_prices_quarantine")
    checked.unpersist()


def gold(spark: Any, tables: Path, now: Any) -> None:
    """Write the two reports."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F  # noqa: N812

    before = F.lag("close").over(Window.partitionBy("symbol").orderBy("traded_on"))
    prices = stored(spark, tables, "slv_stock_prices")
    returns = prices.withColumn("daily_return", F.col("close") / before - 1).persist()
    companies = (
        returns.groupBy("symbol", "company", "sector")
        .agg(
            F.count("*").alias("trading_days"),
            F.min("low").alias("lowest"),
            F.max("high").alias("highest"),
            F.round(F.mean("volume"), 0).alias("mean_volume"),
            F.round(F.stddev("daily_return"), 5).alias("volatility"),
        )
        .orderBy("symbol")
        .withColumn("_gold_at", now)
        .persist()
    )
    if companies.filter("NOT (lowest > 0 AND highest >= lowest)").count():
        raise SystemExit("prices make no range")
    written(companies, tables, "gld_companies")
    companies.unpersist()
    sectors = (
        returns.groupBy(
            "sector", F.year("traded_on").alias("year"), F.month("traded_on").alias("month")
        )
        .agg(
            F.countDistinct("symbol").alias("companies"),
            F.round(F.sum(F.col("close") * F.col("volume")), 2).alias("traded_value"),
            F.round(F.mean("daily_return"), 6).alias("mean_return"),
        )
        .orderBy("sector", "month")
        .withColumn("_gold_at", now)
    )
    written(sectors, tables, "gld_sectors_by_month")
    returns.unpersist()


def ours(spark: Any, project: Path, tables: Path) -> None:
    """Run the example's job through Dagster."""
    file = declare(project, "SPARK")
    definitions = build_definitions(file, warehouse=str(tables), spark=Given(spark))
    with dg.DagsterInstance.ephemeral() as instance:
        for job in definitions.get_repository_def().get_all_jobs():
            if not job.name.startswith("__"):
                job.execute_in_process(instance=instance)


class Given:
    """A session that stays open, as a resource."""

    def __init__(self, spark: Any) -> None:
        """Keep it."""
        self.spark_session = spark


def java(spark: Any) -> Path:
    """Return where the system tells of Spark's Java."""
    pid = spark.sparkContext._jvm.java.lang.ProcessHandle.current().pid()
    return Path("/proc") / str(pid)


def cpu_seconds(process: Path) -> float:
    """Return the CPU seconds of this process and of another one so far."""
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK") + time.process_time()


def peak_mb(process: Path) -> float:
    """Return the largest resident memory that a process has had."""
    found = re.search(r"VmHWM:\s+(\d+) kB", (process / "status").read_text())
    return int(found.group(1)) / 1024 if found else 0.0


def measured(work: Callable[[Any, Path, Path], None], project: Path, tables: Path) -> None:
    """Run the work on a fresh session and print what it cost."""
    contexts = 0
    begin = pyspark.SparkContext._do_init

    def counted(self: Any, *args: Any, **kwargs: Any) -> None:
        nonlocal contexts
        contexts += 1
        begin(self, *args, **kwargs)

    pyspark.SparkContext._do_init = counted  # type: ignore[method-assign]
    shutil.rmtree(tables, ignore_errors=True)
    started = time.perf_counter()
    engine: Any = open_engine("spark")
    spark = engine.spark
    spark.range(10).count()
    ready, cpu = time.perf_counter(), cpu_seconds(java(spark))
    work(spark, project, tables)
    figures = {
        "wall": time.perf_counter() - ready,
        "cpu": cpu_seconds(java(spark)) - cpu,
        "start": ready - started,
        "memory": peak_mb(java(spark)),
        "contexts": contexts,
    }
    engine.close()
    print(json.dumps(figures))


if __name__ == "__main__":
    kind, project, tables = sys.argv[1:4]
    measured({"hand": by_hand, "ours": ours}[kind], Path(project), Path(tables))
