"""`run` and `run --retry` typed in this process, with an instance of Dagster of their own.

Statuses and rows are worked out by hand from the pipeline: the node `late` fails while its file is
not there, and so do the nodes below it.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
from click.testing import CliRunner, Result

from laktory_dagster.cli.main import program
from tests.instances import put_databases

SHOP = """\
name: shop
variables: {least: 0}
environments:
  dev: {schema_prefix: dev_}
nodes:
  - name: brz
    tags: [daily]
    source: {data: [{id: 1, v: 5}, {id: 2, v: -1}]}
    sink: {table_name: brz, mode: APPEND}
  - name: slv
    source: {node_name: brz}
    expectations:
      - {name: enough, expression: "v > ${vars.least}", action: QUARANTINE}
    sink: {table_name: slv}
  - {name: late, source: {path: late.parquet, format: PARQUET}, sink: {table_name: late}}
  - {name: below, source: {node_name: late}, sink: {table_name: below}}
  - {name: look, source: {node_name: below}}
"""
STRICT = """\
name: strict
nodes:
  - name: a
    source: {data: [{x: 1}, {x: -1}]}
    expectations:
      - {name: "x > 0", expression: x > 0, action: FAIL}
      - {name: few, expression: count(*) < 2, type: AGGREGATE, action: WARN}
    sink: {table_name: a}
"""


INSTANCE = """\
telemetry: {enabled: false}
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
"""


class Place:
    """One folder that is put back for every test to what it was made as, or left as."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "work"
        self._kept = root / "kept"
        self.folder.mkdir()

    def keep(self, state: str) -> None:
        shutil.copytree(self.folder, self._kept / state)

    def put_back(self, state: str) -> None:
        for found in self.folder.iterdir():
            shutil.rmtree(found) if found.is_dir() else found.unlink()
        shutil.copytree(self._kept / state, self.folder, dirs_exist_ok=True)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = Place(tmp_path_factory.mktemp("place"))
    home = place.folder / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text(INSTANCE)
    put_databases(home)
    (place.folder / "pyproject.toml").touch()
    (place.folder / "shop.yaml").write_text(SHOP)
    (place.folder / "strict.yaml").write_text(STRICT)
    place.keep("new")
    return place


@pytest.fixture
def folder(place: Place, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("WAREHOUSE", "ENGINE", "ENV", "DATA_ROOTS", "ALLOW_MODULES"):
        monkeypatch.delenv(f"LAKTORY_DAGSTER_{name}", raising=False)
    monkeypatch.setenv("DAGSTER_HOME", str(place.folder / "home"))
    monkeypatch.chdir(place.folder)
    place.put_back("new")
    return place.folder


def call(line: str) -> Result:
    return CliRunner().invoke(program, line.split())


def document(line: str, code: int) -> dict[str, Any]:
    done = call(f"{line} --json")
    assert done.exit_code == code, done.output
    assert done.stderr == ""
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def statuses(found: dict[str, Any]) -> dict[str, str]:
    return {node["node"]: node["status"] for node in found["nodes"]}


def complete(folder: Path) -> None:
    pl.DataFrame({"x": [1]}).write_parquet(folder / "late.parquet")


def table(folder: Path, name: str, schema: str = "default") -> pl.DataFrame:
    return pl.read_delta(str(folder / "warehouse/main" / schema / name))


@pytest.fixture(scope="module")
def runs_that_failed() -> list[str]:
    return []


@pytest.fixture
def failed(folder: Path, place: Place, runs_that_failed: list[str]) -> str:
    """Return the id of a run that left three of five nodes; it is run once for all tests."""
    if not runs_that_failed:
        runs_that_failed.append(document("run shop.yaml", 1)["run_id"])
        place.keep("failed")
    place.put_back("failed")
    return runs_that_failed[0]


def test_a_failed_node_stops_what_is_below_it_and_nothing_else(folder: Path) -> None:
    found = document("run shop.yaml", 1)

    assert statuses(found) == {
        "brz": "done", "slv": "done", "late": "failed", "below": "skipped", "look": "skipped",
    }  # fmt: skip
    assert not found["succeeded"]
    late = next(node for node in found["nodes"] if node["node"] == "late")
    assert "late.parquet" in late["message"]


def test_the_counts_of_a_node_add_up(folder: Path) -> None:
    found = document("run shop.yaml --select slv --select brz", 0)

    slv = next(node for node in found["nodes"] if node["node"] == "slv")
    counts = {key: slv[f"rows_{key}"] for key in ("in", "out", "dropped", "quarantined", "stored")}
    assert counts == {"in": 2, "out": 1, "dropped": 0, "quarantined": 1, "stored": 1}
    assert slv["targets"] == ["main.default.slv", "main.default.slv_quarantine"]
    assert slv["checks"] == [
        {"name": "enough", "action": "QUARANTINE", "passed": False, "failed_rows": 1}
    ]


def test_a_retry_does_what_is_left_and_appends_nothing_again(folder: Path, failed: str) -> None:
    complete(folder)

    found = document(f"run --retry {failed}", 0)

    assert statuses(found) == {"late": "done", "below": "done", "look": "done"}
    assert table(folder, "brz").height == 2


def test_a_retry_that_fails_again_can_be_retried(folder: Path, failed: str) -> None:
    again = document(f"run --retry {failed}", 1)
    assert statuses(again) == {"late": "failed", "below": "skipped", "look": "skipped"}
    complete(folder)

    last = document(f"run --retry {again['run_id']}", 0)

    assert set(statuses(last).values()) == {"done"}
    with dg.DagsterInstance.get() as instance:
        run = instance.get_run_by_id(last["run_id"])
    assert run is not None
    assert (run.parent_run_id, run.root_run_id) == (again["run_id"], failed)


def test_a_finished_run_has_nothing_left(folder: Path, failed: str) -> None:
    complete(folder)
    done = document(f"run --retry {failed}", 0)["run_id"]

    for line in (f"run --retry {done}", f"run --retry {done[:8]}"):
        assert "finished all of its nodes" in document(line, 2)["message"]


def test_the_earlier_run_still_counts_what_it_left(folder: Path, failed: str) -> None:
    complete(folder)
    document(f"run --retry {failed}", 0)

    # The retry is another run; the same command gives the same work once more.
    again = document(f"run --retry {failed}", 0)

    assert set(statuses(again)) == {"late", "below", "look"}
    assert table(folder, "brz").height == 2


@pytest.mark.parametrize("run_id", ["ffffffff-0000", "zz", "%", "_", "*"])
def test_an_unknown_run_is_named_with_the_instance_that_was_asked(
    folder: Path, failed: str, run_id: str
) -> None:
    found = document(f"run --retry {run_id}", 2)

    assert f"no run begins with `{run_id}`" in found["message"]
    assert str(folder / "home") in found["message"]


def test_an_empty_id_names_no_run(folder: Path, failed: str) -> None:
    done = CliRunner().invoke(program, ["run", "--retry", ""])

    assert (done.exit_code, done.stdout) == (2, "")
    assert "no run begins with ``" in done.stderr


def test_the_start_of_two_ids_is_not_enough(folder: Path, failed: str) -> None:
    other = f"{failed[:4]}0000-0000-4000-8000-000000000000"
    with dg.DagsterInstance.get() as instance:
        instance.create_run_for_job(noop, run_id=other)

    found = document(f"run --retry {failed[:4]}", 2)

    assert "2 runs begin with" in found["message"]


@dg.op
def nothing() -> None: ...


@dg.job
def noop() -> None:
    nothing()


def test_a_run_that_another_program_made_is_left_to_the_ui(folder: Path) -> None:
    with dg.DagsterInstance.get() as instance:
        run_id = noop.execute_in_process(instance=instance).run_id

    found = document(f"run --retry {run_id}", 2)

    assert "was not started by this command" in found["message"]
    assert found["hint"] == "re-execute it in the UI"


def test_a_retry_of_a_pipeline_that_is_gone_names_its_file(folder: Path, failed: str) -> None:
    (folder / "shop.yaml").unlink()

    assert "shop.yaml" in document(f"run --retry {failed}", 2)["message"]


def test_a_retry_of_a_pipeline_that_is_broken_now_says_where(folder: Path, failed: str) -> None:
    (folder / "shop.yaml").write_text(SHOP.replace("node_name: late", "node_name: lat"))

    done = call(f"run --retry {failed}")

    assert done.exit_code == 2
    assert "shop.yaml:16:" in done.stderr
    assert "did you mean `late`?" in done.stderr


def test_a_retry_runs_the_pipeline_as_it_is_now(folder: Path, failed: str) -> None:
    mended = SHOP.replace("path: late.parquet, format: PARQUET", "data: [{x: 1}]")
    (folder / "shop.yaml").write_text(mended)

    found = document(f"run --retry {failed}", 0)

    assert statuses(found) == {"late": "done", "below": "done", "look": "done"}


def test_a_node_that_was_added_since_is_left_over_too(folder: Path, failed: str) -> None:
    complete(folder)
    more = "  - {name: more, source: {node_name: slv}, sink: {table_name: more}}\n"
    (folder / "shop.yaml").write_text(SHOP + more)

    found = document(f"run --retry {failed}", 0)

    assert statuses(found)["more"] == "done"
    assert table(folder, "more").height == 1


def test_a_retry_keeps_the_selection_the_variables_and_the_warehouse(folder: Path) -> None:
    line = "run shop.yaml --select slv* --select late --var least=9 --warehouse wh --env dev"
    first = document(line, 1)
    # `slv` reads `brz`, which nobody has run in this warehouse.
    assert statuses(first) == {"slv": "failed", "late": "failed"}
    document("run shop.yaml --select brz --var least=9 --warehouse wh --env dev", 0)
    complete(folder)

    found = document(f"run --retry {first['run_id']}", 0)

    assert statuses(found) == {"slv": "done", "late": "done"}
    assert found["warehouse"] == str(folder / "wh")
    slv = next(node for node in found["nodes"] if node["node"] == "slv")
    assert (slv["rows_quarantined"], slv["targets"][0]) == (2, "main.dev_default.slv")


@pytest.mark.parametrize(
    "option", ["--select slv", "--var a=1", "--warehouse w", "--env dev", "--full-refresh"]
)
def test_a_retry_takes_no_option_of_a_run(folder: Path, option: str) -> None:
    found = document(f"run --retry abc {option}", 2)

    assert "keeps the options of the earlier run" in found["message"]


def test_a_rejected_candidate_is_a_failed_node_with_its_checks(folder: Path) -> None:
    found = document("run strict.yaml", 1)

    (node,) = found["nodes"]
    assert node["status"] == "failed"
    assert {check["name"]: (check["action"], check["passed"]) for check in node["checks"]} == {
        "x > 0": ("FAIL", False),
        "few": ("WARN", False),
    }
    assert not (folder / "warehouse/main/default/a/_delta_log").exists()


def test_people_are_told_of_rules_that_do_not_hold_and_how_to_go_on(folder: Path) -> None:
    done = call("run strict.yaml")

    assert done.exit_code == 1
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["a", "x", ">", "0", "FAIL", "1"] in lines
    assert ["a", "few", "WARN"] in lines
    assert "run --retry " in done.stdout
    assert "candidate rejected" in done.stderr


def test_an_empty_warehouse_is_not_the_working_directory(folder: Path) -> None:
    done = CliRunner().invoke(
        program, ["run", "shop.yaml", "--select", "brz", "--warehouse", "", "--json"]
    )

    assert done.exit_code == 0
    assert json.loads(done.stdout)["warehouse"] == str(folder / "warehouse")
    assert table(folder, "brz").height == 2


@pytest.mark.parametrize("nodes", ["a", "*a", "a*", "*"])
def test_a_run_of_a_selection_says_nothing_of_the_others(folder: Path, nodes: str) -> None:
    assert set(statuses(document(f"run strict.yaml --select {nodes}", 1))) == {"a"}


def test_the_tags_of_a_run_name_pipeline_environment_and_plan(folder: Path) -> None:
    run_id = document("run shop.yaml --select brz --env dev", 0)["run_id"]
    plain = document("run shop.yaml --select brz", 0)["run_id"]

    with dg.DagsterInstance.get() as instance:
        found = [instance.get_run_by_id(name) for name in (run_id, plain)]

    tags = [run.tags if run else {} for run in found]
    assert [tag["laktory/pipeline"] for tag in tags] == ["shop", "shop"]
    assert [tag["laktory/env"] for tag in tags] == ["dev", "default"]
    # Another schema is another plan.
    assert tags[0]["laktory/plan_hash"] != tags[1]["laktory/plan_hash"]


def test_a_full_refresh_replaces_what_was_appended(folder: Path) -> None:
    for _ in range(2):
        document("run shop.yaml --select brz", 0)
    assert table(folder, "brz").height == 4

    document("run shop.yaml --select brz --full-refresh", 0)

    assert table(folder, "brz").height == 2


BLOCKED = """\
name: blocked
nodes:
  - name: rows
    source: {data: [{x: 1}, {x: -1}]}
    expectations: [{name: pos, expression: x > 0, action: FAIL}]
    sink: {table_name: rows}
  - name: all
    source: {data: [{x: 1}, {x: -1}]}
    expectations: [{name: few, expression: count(*) < 2, type: AGGREGATE, action: FAIL}]
    sink: {table_name: all}
  - name: view
    source: {data: [{x: 1}, {x: -1}]}
    expectations: [{name: pos, expression: x > 0, action: FAIL}]
"""


@pytest.mark.parametrize(
    ("node", "command", "shown"),
    [("rows", "failures", "-1"), ("view", "preview", "FAIL `pos` fails on 1 of these rows")],
)
def test_the_command_that_a_blocked_node_names_shows_why(
    folder: Path, node: str, command: str, shown: str
) -> None:
    (folder / "blocked.yaml").write_text(BLOCKED)
    said = call(f"run blocked.yaml --select {node}").stderr

    (named,) = re.findall(r"`laktory-dagster ([^`]*)`", said)
    assert named == f"{command} {folder / 'blocked.yaml'} {node}"
    done = call(named)
    assert done.exit_code == 0
    assert shown in done.stdout


def test_a_rule_about_all_rows_names_no_command_that_would_show_none(folder: Path) -> None:
    (folder / "blocked.yaml").write_text(BLOCKED)

    said = call("run blocked.yaml --select all").stderr

    assert "expectation `few` does not hold: count(*) < 2; candidate rejected" in said
    assert "laktory-dagster failures" not in said


def test_a_blocked_view_says_nothing_of_a_table(folder: Path) -> None:
    (folder / "blocked.yaml").write_text(BLOCKED)

    (node,) = document("run blocked.yaml --select view", 1)["nodes"]

    assert "candidate rejected" in node["message"]
    assert "stored" not in node["message"]
