"""A server of Spark Connect in a process of its own, which ends with its input.

It prints its port and the number of its Java process.

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
    java = session.spark._jvm
    port = getattr(getattr(java, service), "MODULE$").localPort()
    print(port, java.java.lang.ProcessHandle.current().pid(), flush=True)
    sys.stdin.read()
    session.close()


if __name__ == "__main__":
    main()
