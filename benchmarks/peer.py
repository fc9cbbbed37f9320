"""Runs the shared pipeline: `peer.py ours|reference PIPELINE_FILE`."""

from __future__ import annotations

import sys
from pathlib import Path


def main(package: str, file: str) -> None:
    """Load and execute the file in one of the two packages."""
    if package == "reference":
        from laktory import models
    else:
        from laktory_dagster import models
    with Path(file).open() as stream:
        pipeline = models.Pipeline.model_validate_yaml(stream)
    pipeline.execute()


if __name__ == "__main__":
    main(*sys.argv[1:])
