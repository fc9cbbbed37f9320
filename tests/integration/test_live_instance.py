"""What the UI does: a live webserver and daemon run pipelines, seen through GraphQL alone."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars import selectors as cs

from tests.forked import run_program
from tests.integration.live import REEXECUTE, Live, live_instance, metadata, until

MODES = ("node", "fused")
STRATEGIES = ("FROM_FAILURE", "FROM_ASSET_FAILURE")
BOTH_MODES = pytest.mark.parametrize("steps", MODES)
EVERY_RETRY = pytest.mark.parametrize(
    ("steps", "strategy"), [(steps, strategy) for steps in MODES for strategy in STRATEGIES]
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.xdist_group("live")]

PIPELINE = """\
name: {name}
steps: {steps}
{extra}
nodes:
  - name: brz
    layer: BRONZE
    source: {{path: ./{name}_rows.parquet, format: PARQUET}}
    sink: {{schema_name: fin, table_name: brz}}
  - name: slv
    source: {{node_name: brz}}
    expectations:
      - {{name: price is there, expression: price IS NOT NULL, action: DROP}}
      - {{name: few rows, expression: count(*) < 100, type: AGGREGATE, action: FAIL}}
    sink: {{schema_name: fin, table_name: slv}}
  - name: counts
    source: {{node_name: brz}}
    transformer:
      nodes:
        - sql_expr: SELECT COUNT(*) AS n FROM {{df}}
    sink: {{schema_name: fin, table_name: counts, mode: APPEND}}
  - name: sums
    source: {{node_name: slv}}
    transformer:
      nodes:
        - sql_expr: SELECT symbol, SUM(price) AS total FROM {{df}} GROUP BY symbol
    sink: {{schema_name: fin, table_name: sums}}
  - name: both
    source: {{node_name: sums}}
    transformer:
      nodes:
        - sql_expr: SELECT s.symbol, s.total, c.n FROM {{df}} s CROSS JOIN {{nodes.counts}} c
    sink: {{schema_name: fin, table_name: both}}
  - name: tail
    step: {{retries: 0}}
    source: {{node_name: counts}}
    transformer:
      nodes:
        - sql_expr: SELECT n + 1 AS m FROM {{df}}
    sink: {{schema_name: fin, table_name: tail}}
"""
NODES = ("brz", "slv", "counts", "sums", "both", "tail")
ROWS = [
    {"id": 1, "symbol": "A", "price": 10.0},
    {"id": 2, "symbol": "A", "price": 2.5},
    {"id": 3, "symbol": "B", "price": None},
    {"id": 4, "symbol": "B", "price": 7.5},
]
EVERY_MINUTE = 'schedule: {cron: "* * * * *", timezone: Europe/Berlin}'


def retried(steps: str, strategy: str) -> str:
    """Return the name of the pipeline that loses a commit and is re-executed by a strategy."""
    return f"lost_{steps}_{strategy.lower()}"


def folder(root: Path, pipeline: str, table: str) -> Path:
    return root / pipeline / "warehouse" / "main" / "fin" / table


def rows(root: Path, pipeline: str, table: str) -> list[dict[str, Any]]:
    """Return a table's rows without the columns of layers, in the order of their values."""
    found = pl.read_delta(str(folder(root, pipeline, table)))
    return found.drop(cs.starts_with("_")).sort(pl.all(), nulls_last=True).to_dicts()


def commits(root: Path, pipeline: str, table: str) -> int:
    """Return how often a table was written: the number of entries in its log."""
    log = folder(root, pipeline, table) / "_delta_log"
    return sum(entry.is_file() for entry in log.glob("*.json"))


def write_rows(root: Path, pipeline: str, found: list[dict[str, Any]]) -> None:
    pl.DataFrame(found).write_parquet(root / pipeline / f"{pipeline}_rows.parquet")


def stored_rows(root: Path, pipeline: str) -> list[dict[str, Any]]:
    return pl.read_parquet(root / pipeline / f"{pipeline}_rows.parquet").to_dicts()


def obstacle(root: Path, pipeline: str, table: str) -> Path:
    """Return a folder that, in the place of a table's first log entry, lets no commit through."""
    return folder(root, pipeline, table) / "_delta_log" / "00000000000000000000.json"


def write_pipeline(root: Path, name: str, steps: str, extra: str = "") -> None:
    (root / name).mkdir(parents=True)
    (root / name / "pipeline.yaml").write_text(PIPELINE.format(name=name, steps=steps, extra=extra))
    write_rows(root, name, ROWS)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of pipelines: each in a folder with its own rows and warehouse."""
    root = tmp_path_factory.mktemp("pipelines")
    for steps in MODES:
        write_pipeline(root, f"prices_{steps}", steps)
        for strategy in STRATEGIES:
            name = retried(steps, strategy)
            write_pipeline(root, name, steps)
            for table in ("slv", "both"):
                obstacle(root, name, table).mkdir(parents=True)
                (obstacle(root, name, table) / "in_the_way").touch()
        write_pipeline(root, f"typed_{steps}", steps)
    write_pipeline(root, "ticking", "auto", EVERY_MINUTE)
    write_pipeline(root, "varied", "auto", "variables: {unused: 1}")
    return root


@pytest.fixture(scope="module")
def live(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live_instance(root, tmp_path_factory.mktemp("home")) as live:
        yield live


@pytest.fixture(scope="module", autouse=True)
def started(live: Live) -> str:
    """The status of the schedule after its start; first of all, since a tick takes a minute."""
    return live.start_schedule("ticking_schedule")


def source_key(pipeline: str) -> tuple[str, str]:
    return "files", f"{pipeline}_rows_parquet"


@dataclass(frozen=True)
class Subset:
    """Two of six assets, materialized through the queue."""

    run: str
    status: str
    stale: dict[str, str]
    slv: dict[str, Any]


def stale_statuses(live: Live, pipeline: str) -> dict[str, str]:
    return {node: live.asset(pipeline, node)["staleStatus"] for node in NODES}


@pytest.fixture(scope="module")
def subsets(live: Live) -> dict[str, Subset]:
    """A run of `brz` and `slv` in both step modes, side by side, their source being observed."""
    pipelines = {steps: f"prices_{steps}" for steps in MODES}
    run_together(live, [source_key(name) for name in pipelines.values()])
    runs = {
        steps: live.launch(name, [(name, "brz"), (name, "slv")])
        for steps, name in pipelines.items()
    }
    statuses = live.wait(*runs.values())
    return {
        steps: Subset(
            runs[steps],
            status,
            stale_statuses(live, pipelines[steps]),
            live.asset(pipelines[steps], "slv"),
        )
        for steps, status in zip(MODES, statuses, strict=True)
    }


def run_together(live: Live, keys: Sequence[Sequence[str]]) -> None:
    """Run assets of several pipelines in one run."""
    run = live.launch("__ASSET_JOB", keys)
    assert live.wait(run) == ["SUCCESS"], live.errors(run)


@BOTH_MODES
def test_a_subset_goes_through_the_queue_and_leaves_the_rest(
    live: Live, root: Path, subsets: dict[str, Subset], steps: str
) -> None:
    found = subsets[steps]

    assert found.status == "SUCCESS", live.errors(found.run)
    assert live.materialized(found.run) == {"brz": "done", "slv": "done"}
    steps_of_life = [e["__typename"] for e in live.events(found.run)]
    queued, begun = (f"Run{name}Event" for name in ("Enqueued", "Starting"))
    assert steps_of_life.index(queued) < steps_of_life.index(begun)
    assert commits(root, f"prices_{steps}", "counts") == 0


@BOTH_MODES
def test_a_materialization_says_what_is_stored(
    root: Path, subsets: dict[str, Subset], steps: str
) -> None:
    asset = subsets[steps].slv
    (event,) = asset["assetMaterializations"]
    found = metadata(event["metadataEntries"])

    assert asset["groupName"] == f"prices_{steps}"
    assert set(asset["kinds"]) == {"polars", "deltalake"}
    # One of the four prices is null, and the rule drops its row.
    assert (found["rows_in"], found["rows_out"], found["rows_dropped"]) == (4, 3, 1)
    assert found["dagster/row_count"] == 3
    assert found["dagster/table_name"] == "main.fin.slv"
    assert found["dagster/uri"] == str(folder(root, f"prices_{steps}", "slv"))
    assert found["dagster/column_schema"]["columns"] == [
        {"name": "id", "type": "int64"},
        {"name": "symbol", "type": "string"},
        {"name": "price", "type": "float64"},
        {"name": "_bronze_at", "type": "timestamp[us, UTC]"},
    ]


@BOTH_MODES
def test_checks_of_the_latest_materialization(subsets: dict[str, Subset], steps: str) -> None:
    listed = subsets[steps].slv["assetChecksOrError"]["checks"]
    checks = {check["name"]: check for check in listed}
    done = {name: check["executionForLatestMaterialization"] for name, check in checks.items()}

    assert {name: check["blocking"] for name, check in checks.items()} == {
        "price_is_there": False,
        "few_rows": True,
    }
    assert {name: run["status"] for name, run in done.items()} == {
        "price_is_there": "FAILED",
        "few_rows": "SUCCEEDED",
    }
    assert {name: run["evaluation"]["severity"] for name, run in done.items()} == {
        "price_is_there": "WARN",
        "few_rows": "ERROR",
    }
    counts = metadata(done["price_is_there"]["evaluation"]["metadataEntries"])
    assert (counts["failed_rows"], counts["checked_rows"]) == (1, 4)


@dataclass(frozen=True)
class Round:
    """A run, or a re-execution of the one before it."""

    run: str
    status: str
    commits: dict[str, int]


@pytest.fixture(scope="module")
def histories(live: Live, root: Path) -> dict[str, list[Round]]:
    """Runs that lose commits, re-executed as their faults are mended one by one.

    The first run loses `slv`, the first re-execution `both`; the second loses nothing. All
    pipelines go side by side.
    """
    ways = {retried(steps, way): way for steps in MODES for way in STRATEGIES}
    histories: dict[str, list[Round]] = {name: [] for name in ways}

    def take(runs: dict[str, str]) -> None:
        statuses = live.wait(*runs.values())
        for (name, run), status in zip(runs.items(), statuses, strict=True):
            written = {node: commits(root, name, node) for node in NODES}
            histories[name].append(Round(run, status, written))

    take({name: live.launch(name) for name in ways})
    for mended in ("slv", "both"):
        for name in ways:
            shutil.rmtree(obstacle(root, name, mended))
        take({name: live.reexecute(histories[name][-1].run, way) for name, way in ways.items()})
    return histories


@EVERY_RETRY
def test_a_lost_commit_costs_only_what_depends_on_it(
    live: Live, histories: dict[str, list[Round]], steps: str, strategy: str
) -> None:
    lost = histories[retried(steps, strategy)][0]

    assert lost.status == "FAILURE"
    siblings = {"brz": "done", "counts": "done"}
    # Dagster does not start an op below a failed one; that is what fusing costs `tail`.
    assert live.materialized(lost.run) == siblings | ({"tail": "done"} if steps == "node" else {})
    assert "[slv] main.fin.slv could not be written" in live.errors(lost.run)


@EVERY_RETRY
def test_reexecution_runs_what_is_left_until_every_consumer_is_done(
    live: Live, histories: dict[str, list[Round]], steps: str, strategy: str
) -> None:
    history = histories[retried(steps, strategy)]
    said = [live.materialized(step.run) for step in history]
    done = [{node for node, status in step.items() if status == "done"} for step in said]

    assert [step.status for step in history] == ["FAILURE", "FAILURE", "SUCCESS"]
    # Left behind by a fused step that fails, `tail` is done as soon as none stands before it.
    late = {"fusedFROM_FAILURE": 2, "fusedFROM_ASSET_FAILURE": 1}.get(steps + strategy, 0)
    expected = [{"brz", "counts"}, {"slv", "sums"}, {"both"}]
    expected[late].add("tail")
    assert done == expected
    runs = [live.run(step.run) for step in history]
    assert [run["rootRunId"] for run in runs[1:]] == [history[0].run] * 2
    assert [run["parentRunId"] for run in runs] == [None, history[0].run, history[1].run]


@EVERY_RETRY
def test_reexecution_repeats_nothing_that_is_finished(
    live: Live, root: Path, histories: dict[str, list[Round]], steps: str, strategy: str
) -> None:
    name = retried(steps, strategy)
    said = [live.materialized(step.run) for step in histories[name]]
    again = [{node for node, status in step.items() if status == "reused"} for step in said]

    # Only a fused step that starts once more has to name what it finds done.
    named_again = steps == "fused" and strategy == "FROM_FAILURE"
    finished = [set(), {"brz", "counts"}, {"brz", "counts", "slv", "sums"}]
    assert again == (finished if named_again else [set(), set(), set()])
    written = [step.commits for step in histories[name]]
    assert [step["slv"] for step in written] == [0, 1, 1]
    assert [step["both"] for step in written] == [0, 0, 1]
    assert [(step["brz"], step["counts"]) for step in written] == [(1, 1)] * 3
    assert set(written[-1].values()) == {1}


@EVERY_RETRY
def test_tables_are_right_and_fresh_after_the_last_reexecution(
    live: Live, root: Path, histories: dict[str, list[Round]], steps: str, strategy: str
) -> None:
    name = retried(steps, strategy)

    assert [row["id"] for row in rows(root, name, "slv")] == [1, 2, 4]
    # `counts` appends: a second write in this group of runs would leave two rows.
    assert rows(root, name, "counts") == [{"n": 4}]
    assert rows(root, name, "tail") == [{"m": 5}]
    assert rows(root, name, "both") == [
        {"symbol": "A", "total": 12.5, "n": 4},
        {"symbol": "B", "total": 7.5, "n": 4},
    ]
    assert set(stale_statuses(live, name).values()) == {"FRESH"}


def typed(live: Live, root: Path, pipeline: str, *options: str) -> str:
    """Run a pipeline as a user types it, in the instance of the webserver; return the run."""
    file = str(root / pipeline / "pipeline.yaml")
    environ = {**os.environ, "DAGSTER_HOME": str(live.logs)}
    program = "laktory_dagster.cli.main"
    done = run_program(program, "run", file, *options, cwd=Path.cwd(), environ=environ)
    found = re.search(r"Run (\S+) of ", done.stdout)
    assert found is not None, done.stderr
    return found.group(1)


@BOTH_MODES
def test_runs_of_the_command_line_are_reexecuted_in_the_ui(
    live: Live, root: Path, steps: str
) -> None:
    name = f"typed_{steps}"
    obstacle(root, name, "slv").mkdir(parents=True)
    (obstacle(root, name, "slv") / "in_the_way").touch()
    lost = typed(live, root, name)
    shutil.rmtree(obstacle(root, name, "slv"))
    assert live.run(lost)["status"] == "FAILURE"

    rest = live.reexecute(lost, "FROM_FAILURE")
    assert live.wait(rest) == ["SUCCESS"], live.errors(rest)
    assert live.materialized(rest)["slv"] == "done"
    assert commits(root, name, "brz") == 1
    write_rows(root, name, ROWS[:2])
    again = live.reexecute(rest, "ALL_STEPS")

    assert live.wait(again) == ["SUCCESS"], live.errors(again)
    # The append is made once by all of these runs.
    assert live.materialized(again) == {**dict.fromkeys(NODES, "done"), "counts": "reused"}
    assert [row["id"] for row in rows(root, name, "slv")] == [1, 2]
    assert rows(root, name, "counts") == [{"n": 4}]
    assert (commits(root, name, "brz"), commits(root, name, "slv")) == (2, 2)


def test_a_run_with_variables_of_its_own_is_not_found_in_the_ui(live: Live, root: Path) -> None:
    run = typed(live, root, "varied", "--var", "unused=2")
    params = {"parentRunId": run, "strategy": "ALL_STEPS"}

    with pytest.raises(AssertionError, match="laktory_dagster with --var does not exist"):
        live.ask(REEXECUTE, params=params)


@pytest.fixture(scope="module")
def phases(live: Live, root: Path, subsets: dict[str, Subset]) -> dict[str, list[dict[str, str]]]:
    """The stale statuses of `brz` and `slv` in both step modes while their data changes."""
    names = {steps: f"prices_{steps}" for steps in MODES}
    phases = {steps: [subsets[steps].stale] for steps in MODES}
    more = [*ROWS, {"id": 5, "symbol": "C", "price": 1.0}]
    sources, brz, slv = (
        [source_key(name) for name in names.values()],
        [(name, "brz") for name in names.values()],
        [(name, "slv") for name in names.values()],
    )
    # The last change comes unobserved: only what the nodes say of their data can tell it.
    for data, keys in ((more, sources), (more, brz), (more, slv), (ROWS, brz)):
        for name in names.values():
            if data != stored_rows(root, name):
                write_rows(root, name, data)
        run_together(live, keys)
        for steps, name in names.items():
            phases[steps].append(stale_statuses(live, name))
    return phases


@BOTH_MODES
def test_changed_data_make_downstream_stale_until_it_is_materialized(
    live: Live, root: Path, phases: dict[str, list[dict[str, str]]], steps: str
) -> None:
    seen = [(phase["brz"], phase["slv"]) for phase in phases[steps]]

    before, observed, above, both, unobserved = seen
    assert before == ("FRESH", "FRESH")
    assert observed[0] == "STALE"
    assert above == ("FRESH", "STALE")
    assert both == ("FRESH", "FRESH")
    assert unobserved == ("FRESH", "STALE")
    assert {phase["counts"] for phase in phases[steps]} == {"MISSING"}
    assert [row["id"] for row in rows(root, f"prices_{steps}", "slv")] == [1, 2, 4, 5]


@BOTH_MODES
def test_the_source_is_an_observable_external_asset(
    live: Live, phases: dict[str, list[dict[str, str]]], steps: str
) -> None:
    pipeline = f"prices_{steps}"
    asset = live.asset(*source_key(pipeline))

    assert (asset["isObservable"], asset["isMaterializable"]) == (True, False)
    assert asset["kinds"] == ["parquet"]
    assert asset["dependedByKeys"] == [{"path": [pipeline, "brz"]}]
    assert asset["assetMaterializations"] == []
    found = [{tag["key"]: tag["value"] for tag in e["tags"]} for e in asset["assetObservations"]]
    # Before and after the change of the file.
    assert len({tags["dagster/data_version"] for tags in found}) >= 2


def test_a_declared_schedule_is_there_and_starts(live: Live, started: str) -> None:
    found = live.schedule("ticking_schedule")

    assert started == "RUNNING"
    assert found["scheduleState"]["status"] == "RUNNING"
    assert (found["cronSchedule"], found["executionTimezone"]) == ("* * * * *", "Europe/Berlin")
    assert found["pipelineName"] == "ticking"


def test_the_daemon_ticks_the_schedule_and_its_runs_do_all(live: Live, root: Path) -> None:
    def ticked() -> list[str] | None:
        ticks = live.schedule("ticking_schedule")["scheduleState"]["ticks"]
        ended = all(tick["status"] != "STARTED" for tick in ticks)
        return [run for tick in ticks for run in tick["runIds"]] or None if ended else None

    def describe() -> str:
        return str(live.schedule("ticking_schedule"))

    until(ticked, 100, describe)
    stopped = live.stop_schedule("ticking_schedule")
    # There are several where the tests before this one took minutes.
    runs = until(ticked, 30, describe)

    assert stopped == "STOPPED"
    assert set(live.wait(*runs)) == {"SUCCESS"}, "\n".join(map(live.errors, runs))
    assert [set(live.materialized(run)) for run in runs] == [set(NODES)] * len(runs)
    # Unlike a re-execution, a new run appends again.
    assert rows(root, "ticking", "counts") == [{"n": 4}] * len(runs)
