"""A server of Spark Connect in a process of its own; it prints its port, and ends with its input.

Called with the configuration of its session as JSON.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def main() -> None:
    from laktory_dagster.engines.spark.session import open_session
    from laktory_dagster.settings import SparkSettings

    conf = {
        **json.loads(sys.argv[1]),
        "spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin",
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": "0",
    }
    session: Any = open_session(None, SparkSettings(conf=conf))
    service = "org.apache.spark.sql.connect.service.SparkConnectService$"
    print(getattr(getattr(session.spark._jvm, service), "MODULE$").localPort(), flush=True)
    sys.stdin.read()
    session.close()


if __name__ == "__main__":
    main()
