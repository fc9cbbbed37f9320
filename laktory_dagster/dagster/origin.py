"""Where the UI finds the pipeline of a run that the command line made, to re-execute it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from laktory_dagster.dagster.home import LOCATION_MODULE, location_name


def job_origin(job: str, env: str | None, variables: Mapping[str, Any]) -> RemoteJobOrigin:
    """Return the job as a code location has it; the UI looks for it by the names alone.

    A run with variables of its own names a location that nobody serves: a re-execution there would
    run something else.
    """
    name = location_name(env) + (" with --var" if variables else "")
    target = LoadableTargetOrigin(module_name=LOCATION_MODULE)
    location = ManagedGrpcPythonEnvCodeLocationOrigin(target, name)
    return RemoteJobOrigin(RemoteRepositoryOrigin(location, SINGLETON_REPOSITORY_NAME), job)
