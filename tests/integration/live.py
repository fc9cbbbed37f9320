"""A real code server, webserver and daemon on loopback, and a client of their GraphQL."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tests.instances import put_databases
from tests.ports import free_port

Found = TypeVar("Found")

ROOT = Path(__file__).parents[2]
LOCATION = "laktory_dagster"
REPOSITORY = "__repository__"
FINISHED = frozenset({"SUCCESS", "FAILURE", "CANCELED"})
START_SECONDS = 120.0
RUN_SECONDS = 120.0

INSTANCE = """\
telemetry: {enabled: false}
run_coordinator:
  module: dagster.core.run_coordinator
  class: QueuedRunCoordinator
  config:
    dequeue_interval_seconds: 1
    max_concurrent_runs: 4
    tag_concurrency_limits:  # one run of a pipeline at a time
      - {key: laktory/pipeline, value: {applyLimitPerUniqueValue: true}, limit: 1}
"""
WORKSPACE = """\
load_from:
  - grpc_server: {{host: 127.0.0.1, port: {port}, location_name: {location}}}
"""

LOCATION_STATUS = """
{ workspaceOrError {
  __typename
  ... on Workspace {
    locationEntries {
      name loadStatus
      locationOrLoadError { __typename ... on PythonError { message stack } }
    }
  }
  ... on PythonError { message }
} }
"""
DAEMONS = "{ instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } } }"
LAUNCH = """
mutation ($params: ExecutionParams!) { launchRun(executionParams: $params) {
  __typename
  ... on LaunchRunSuccess { run { runId } }
  ... on PythonError { message }
  ... on InvalidSubsetError { message }
  ... on RunConfigValidationInvalid { errors { message } }
} }
"""
SCHEDULE = """
query ($schedule: ScheduleSelector!) { scheduleOrError(scheduleSelector: $schedule) {
  __typename
  ... on Schedule {
    id cronSchedule executionTimezone pipelineName
    scheduleState { status ticks { status timestamp runIds } }
  }
} }
"""
START_SCHEDULE = """
mutation ($schedule: ScheduleSelector!) { startSchedule(scheduleSelector: $schedule) {
  __typename
  ... on ScheduleStateResult { scheduleState { status } }
  ... on PythonError { message }
} }
"""
STOP_SCHEDULE = """
mutation ($id: String!) { stopRunningSchedule(id: $id) {
  __typename
  ... on ScheduleStateResult { scheduleState { status } }
  ... on PythonError { message }
} }
"""
REEXECUTE = """
mutation ($params: ReexecutionParams!) { launchRunReexecution(reexecutionParams: $params) {
  __typename
  ... on LaunchRunSuccess { run { runId } }
  ... on PythonError { message }
} }
"""
RUN = """
query ($run: ID!) { runOrError(runId: $run) { ... on Run { runId status parentRunId rootRunId } } }
"""
METADATA = """
metadataEntries {
  __typename label
  ... on IntMetadataEntry { intValue }
  ... on FloatMetadataEntry { floatValue }
  ... on TextMetadataEntry { text }
  ... on PathMetadataEntry { path }
  ... on TableSchemaMetadataEntry { schema { columns { name type } } }
}
"""
EVENTS = """
query ($run: ID!, $after: String) { logsForRun(runId: $run, afterCursor: $after) {
  ... on EventConnection {
    cursor hasMore
    events {
      __typename
      ... on MessageEvent { message level stepKey }
      ... on MaterializationEvent { assetKey { path } %METADATA% }
      ... on AssetCheckEvaluationEvent { evaluation { checkName success } }
    }
  }
} }
""".replace("%METADATA%", METADATA)
ASSET = """
query ($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) {
  __typename
  ... on AssetNode {
    isObservable isExecutable isMaterializable groupName kinds jobNames
    staleStatus
    staleCauses { key { path } category reason }
    dependencyKeys { path }
    dependedByKeys { path }
    assetMaterializations { runId tags { key value } %METADATA% }
    assetObservations { runId tags { key value } }
    assetChecksOrError { ... on AssetChecks { checks {
      name blocking
      executionForLatestMaterialization { runId status evaluation { severity success %METADATA% } }
    } } }
  }
} }
""".replace("%METADATA%", METADATA)


@dataclass(frozen=True)
class Live:
    """A running instance, driven by GraphQL only."""

    address: str
    logs: Path

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """Return the data of a query or mutation; an error in it fails the test."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(
            f"{self.address}/graphql", body, {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                found = json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()) from error
        assert not found.get("errors"), found["errors"]
        data: dict[str, Any] = found["data"]
        return data

    def launch(self, job: str, keys: Sequence[Sequence[str]] | None = None) -> str:
        """Put a run of a job, or of some of its assets, into the queue; return its id."""
        selector: dict[str, Any] = {
            "repositoryLocationName": LOCATION,
            "repositoryName": REPOSITORY,
            "jobName": job,
        }
        if keys is not None:
            selector["assetSelection"] = [{"path": list(key)} for key in keys]
        return self._launched("launchRun", LAUNCH, {"selector": selector, "runConfigData": {}})

    def reexecute(self, run: str, strategy: str) -> str:
        """Put a re-execution of a run into the queue; return its id."""
        params = {"parentRunId": run, "strategy": strategy, "useParentRunTags": True}
        return self._launched("launchRunReexecution", REEXECUTE, params)

    def _launched(self, mutation: str, query: str, params: Mapping[str, Any]) -> str:
        found = self.ask(query, params=params)[mutation]
        assert found["__typename"] == "LaunchRunSuccess", found
        return str(found["run"]["runId"])

    def run(self, run: str) -> dict[str, Any]:
        """Return a run's ids and status."""
        found: dict[str, Any] = self.ask(RUN, run=run)["runOrError"]
        return found

    def wait(self, *runs: str) -> list[str]:
        """Return the statuses of runs as soon as all of them are finished."""

        def finished() -> list[str] | None:
            found = [self.run(run)["status"] for run in runs]
            return found if FINISHED.issuperset(found) else None

        return until(finished, RUN_SECONDS, lambda: self._stuck(runs))

    def _stuck(self, runs: Sequence[str]) -> str:
        daemon = (self.logs / "daemon.log").read_text()[-2_000:]
        return f"{[self.run(run) for run in runs]}\n{daemon}"

    def events(self, run: str) -> list[dict[str, Any]]:
        """Return all events of a run."""
        found: list[dict[str, Any]] = []
        after: str | None = None
        while True:
            page = self.ask(EVENTS, run=run, after=after)["logsForRun"]
            found += page["events"]
            after = page["cursor"]
            if not page["hasMore"]:
                return found

    def materialized(self, run: str) -> dict[str, str]:
        """Return what a run says of each node it materialized: `done`, or `reused`."""
        found = [e for e in self.events(run) if e["__typename"] == "MaterializationEvent"]
        names = [event["assetKey"]["path"][-1] for event in found]
        assert len(names) == len(set(names)), f"materialized twice: {names}"
        said = [metadata(event["metadataEntries"])["laktory/status"] for event in found]
        return dict(zip(names, said, strict=True))

    def errors(self, run: str) -> str:
        """Return all error messages of a run."""
        return "\n".join(e["message"] for e in self.events(run) if e.get("level") == "ERROR")

    def schedule(self, name: str) -> dict[str, Any]:
        """Return what GraphQL knows of a schedule, its ticks included."""
        found: dict[str, Any] = self.ask(SCHEDULE, schedule=_selector(name))["scheduleOrError"]
        assert found["__typename"] == "Schedule", found
        return found

    def start_schedule(self, name: str) -> str:
        """Start a schedule; return its status."""
        found = self.ask(START_SCHEDULE, schedule=_selector(name))["startSchedule"]
        assert found["__typename"] == "ScheduleStateResult", found
        return str(found["scheduleState"]["status"])

    def stop_schedule(self, name: str) -> str:
        """Stop a schedule; return its status."""
        found = self.ask(STOP_SCHEDULE, id=self.schedule(name)["id"])["stopRunningSchedule"]
        assert found["__typename"] == "ScheduleStateResult", found
        return str(found["scheduleState"]["status"])

    def asset(self, *key: str) -> dict[str, Any]:
        """Return what GraphQL knows of an asset."""
        found: dict[str, Any] = self.ask(ASSET, key={"path": list(key)})["assetNodeOrError"]
        assert found["__typename"] == "AssetNode", found
        return found


def _selector(schedule: str) -> dict[str, str]:
    return {
        "repositoryLocationName": LOCATION,
        "repositoryName": REPOSITORY,
        "scheduleName": schedule,
    }


def metadata(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the values of metadata entries by label."""
    values = ("intValue", "floatValue", "text", "path", "schema")
    found: dict[str, Any] = {}
    for entry in entries:
        held = [entry[name] for name in values if name in entry]
        found[entry["label"]] = held[0] if held else None
    return found


def until(ask: Callable[[], Found | None], seconds: float, describe: Callable[[], str]) -> Found:
    """Return the first answer that is not None; fail with a description when none comes."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = ask()
        if found is not None:
            return found
        time.sleep(0.3)
    raise AssertionError(f"not within {seconds} s: {describe()}")


@contextmanager
def live_instance(pipelines: Path, home: Path) -> Iterator[Live]:
    """Serve a folder of pipelines: a code server, a webserver and a daemon until the block ends.

    Args:
        pipelines: what `definitions.py` of the repository loads.
        home: an empty folder for the instance and the logs of the three processes.
    """
    code, web = free_port(), free_port()
    (home / "dagster.yaml").write_text(INSTANCE)
    put_databases(home)
    workspace = home / "workspace.yaml"
    workspace.write_text(WORKSPACE.format(port=code, location=LOCATION))
    environ = {
        **os.environ,
        "DAGSTER_HOME": str(home),
        "DAGSTER_DISABLE_TELEMETRY": "yes",
        "LAKTORY_DAGSTER_PIPELINES": str(pipelines),
        # For the code server, which is a module of the tests.
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).strip(
            os.pathsep
        ),
    }
    commands = {
        "code": ["python", "-m", "tests.integration.code_server", "api", "grpc", "-h", "127.0.0.1", "-p", str(code),
                 "-f", str(ROOT / "definitions.py"), "--location-name", LOCATION],
        "web": ["dagster-webserver", "-h", "127.0.0.1", "-p", str(web), "-w", str(workspace)],
        "daemon": ["dagster-daemon", "run", "-w", str(workspace)],
    }  # fmt: skip
    live = Live(f"http://127.0.0.1:{web}", home)
    with ExitStack() as stack:
        # One after the other: the other two would wait for the code server anyhow.
        for name, ready in (("code", _listens(code)), ("web", _loaded(live)), ("daemon", None)):
            server = stack.enter_context(_process(name, commands[name], environ, home))
            if ready is not None:
                _wait_for(name, server, ready, home)
        _wait_for("daemon", server, _daemons_are_well(live), home)
        yield live


@contextmanager
def _process(
    name: str, command: Sequence[str], environ: Mapping[str, str], home: Path
) -> Iterator[subprocess.Popen[bytes]]:
    program = str(Path(sys.executable).with_name(command[0]))
    with (home / f"{name}.log").open("wb") as log:
        server = subprocess.Popen(
            [program, *command[1:]], env=dict(environ), stdout=log, stderr=log, cwd=home
        )
        try:
            yield server
        finally:
            server.terminate()
            try:
                server.wait(30)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait(30)


def _wait_for(
    name: str, server: subprocess.Popen[bytes], ready: Callable[[], bool], home: Path
) -> None:
    log = home / f"{name}.log"

    def answer() -> bool | None:
        assert server.poll() is None, log.read_text()
        return ready() or None

    until(answer, START_SECONDS, log.read_text)


def _listens(port: int) -> Callable[[], bool]:
    def ready() -> bool:
        with closing(socket.socket()) as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", port)) == 0

    return ready


def _loaded(live: Live) -> Callable[[], bool]:
    def ready() -> bool:
        try:
            found = live.ask(LOCATION_STATUS)["workspaceOrError"]
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False
        entries = found.get("locationEntries") or []
        for entry in entries:
            loaded = entry["locationOrLoadError"]
            assert not loaded or loaded["__typename"] != "PythonError", loaded
        return bool(entries) and all(entry["loadStatus"] == "LOADED" for entry in entries)

    return ready


def _daemons_are_well(live: Live) -> Callable[[], bool]:
    def ready() -> bool:
        found = live.ask(DAEMONS)["instance"]["daemonHealth"]["allDaemonStatuses"]
        healthy = {daemon["daemonType"] for daemon in found if daemon["healthy"]}
        return healthy >= {"QUEUED_RUN_COORDINATOR", "SCHEDULER"}

    return ready
