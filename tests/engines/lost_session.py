"""A process whose Spark session dies in mid-run: `python -m ... KIND FOLDER`.

Prints a JSON line for each of two runs: the error of the first, the rows of the second.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from laktory_dagster import models
from laktory_dagster.engines.spark.session import is_connect
from laktory_dagster.errors import LaktoryDagsterError
from tests.sessions import QUICK, connect_server


def lose(frame: Any) -> Any:
    """Kill the Java process behind a frame, once."""
    spark = frame.sparkSession
    java = connect_server()[1] if is_connect(spark) else java_of(spark)
    os.kill(java, signal.SIGKILL)
    return frame


def java_of(spark: Any) -> int:
    return int(spark.sparkContext._jvm.java.lang.ProcessHandle.current().pid())


def run(folder: Path, function: Any) -> dict[str, Any]:
    pipeline = models.Pipeline(
        name="p",
        warehouse=str(folder / "lake"),
        dataframe_type="SPARK",
        nodes=[
            {
                "name": "n",
                "source": {"path": str(folder / "rows.parquet"), "format": "PARQUET"},
                "transformer": {"nodes": [{"func_name": "pass_on"}]},
                "sink": {"table_name": "n"},
            }
        ],
    )
    with pipeline:
        try:
            result = pipeline.execute(udfs={"pass_on": function})
        except LaktoryDagsterError as error:
            return {"error": type(error).__name__, "message": str(error)}
    return {"rows": result["n"].rows_out}


def main(kind: str, folder: Path) -> None:
    os.environ["LAKTORY_DAGSTER_SPARK_CONF"] = ";".join(f"{k}={v}" for k, v in QUICK.items())
    if kind == "connect":
        os.environ["LAKTORY_DAGSTER_SPARK_REMOTE"] = f"sc://127.0.0.1:{connect_server()[0]}"
    print(json.dumps(run(folder, lose)), flush=True)
    if kind == "connect":
        connect_server.cache_clear()
        os.environ["LAKTORY_DAGSTER_SPARK_REMOTE"] = f"sc://127.0.0.1:{connect_server()[0]}"
    print(json.dumps(run(folder, lambda frame: frame)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
