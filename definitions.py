"""What `dagster dev` loads: the folder named by `LAKTORY_DAGSTER_PIPELINES`, or the examples."""

from pathlib import Path

from laktory_dagster import build_definitions
from laktory_dagster.dagster.stand_ins import with_stand_ins
from laktory_dagster.settings import Settings

defs = with_stand_ins(
    build_definitions(Settings.from_environment().pipelines or Path(__file__).parent / "examples")
)
