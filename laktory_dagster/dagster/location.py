"""The code location that `laktory-dagster dev` opens: the pipelines that the settings name."""

from __future__ import annotations

from pathlib import Path

from laktory_dagster.dagster.definitions import build_definitions
from laktory_dagster.dagster.stand_ins import with_stand_ins
from laktory_dagster.settings import Settings

_settings = Settings.from_environment()

defs = with_stand_ins(build_definitions(_settings.pipelines or str(Path.cwd()), env=_settings.env))
