"""`run` and `dev` as a user types them, in processes of their own, with a real instance."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from tests.forked import run_program
from tests.instances import put_databases
from tests.ports import free_port

PROGRAM = "laktory_dagster.cli.main"

PIPELINE = """\
name: prices
steps: {steps}
variables: {{factor: 1}}
nodes:
  - name: brz
    source: {{path: ./events.csv, format: CSV}}
    sink: {{table_name: brz}}
  - name: slv
    source: {{node_name: brz}}
    transformer:
      nodes:
        - with_column: {{name: close, type: double, sql_expr: "close * ${{vars.factor}}"}}
    expectations:
      - {{name: positive, expression: close > 0, action: QUARANTINE}}
    sink: {{table_name: slv}}
  - name: other
    source: {{path: ./other.csv, format: CSV}}
    sink: {{table_name: other}}
  - name: after_other
    source: {{node_name: other}}
    sink: {{table_name: after_other, mode: APPEND}}
environments:
  dev: {{schema_prefix: dev_}}
"""


class Project:
    """A folder with a pipeline of which one branch lacks its data."""

    def __init__(self, folder: Path, steps: str) -> None:
        self.folder = folder
        self.file = folder / "prices.yaml"
        self.file.write_text(PIPELINE.format(steps=steps))
        (folder / "pyproject.toml").touch()
        put_databases(folder / ".dagster_home")
        (folder / "events.csv").write_text("symbol,close\nALDR,85.5\nBRKN,-1\n")

    def complete(self) -> None:
        (self.folder / "other.csv").write_text("x\n1\n2\n")

    def call(
        self, *arguments: object, cwd: Path | None = None, **environ: str
    ) -> subprocess.CompletedProcess[str]:
        words = map(str, arguments)
        return run_program(
            PROGRAM, *words, cwd=cwd or self.folder, environ=self.environ() | environ
        )

    def command(self, *arguments: object) -> list[str]:
        return [sys.executable, "-m", PROGRAM, *map(str, arguments)]

    def environ(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("LAKTORY_DAGSTER")}
        kept.pop("DAGSTER_HOME", None)
        return kept

    def document(self, *arguments: object) -> tuple[int, dict[str, Any]]:
        done = self.call(*arguments, "--json")
        return done.returncode, json.loads(done.stdout)

    def table(
        self, name: str, warehouse: str = "warehouse", schema: str = "default"
    ) -> pl.DataFrame:
        return pl.read_delta(str(self.folder / warehouse / "main" / schema / name))

    def instance(self) -> dg.DagsterInstance:
        return dg.DagsterInstance.from_config(str(self.folder / ".dagster_home"))


def statuses(document: dict[str, Any]) -> dict[str, str]:
    return {node["node"]: node["status"] for node in document["nodes"]}


@pytest.fixture(params=["node", "fused"])
def project(tmp_path: Path, request: pytest.FixtureRequest) -> Project:
    return Project(tmp_path, request.param)


@pytest.fixture
def plain_project(tmp_path: Path) -> Project:
    return Project(tmp_path, "auto")


def test_a_run_ends_with_a_table_and_the_way_to_the_ui(plain_project: Project) -> None:
    plain_project.complete()

    done = plain_project.call("run", "prices.yaml")

    assert done.returncode == 0, done.stderr
    (row,) = [line.split() for line in done.stdout.splitlines() if line.startswith("slv  ")][:1]
    assert row[1:6] == ["done", "2", "1", "0", "1"]
    assert "default.slv" in done.stdout
    assert "positive" in done.stdout
    assert "dev prices.yaml" in done.stdout
    assert re.search(r"Tables are below: +warehouse$", done.stdout, re.MULTILINE)
    assert "Traceback" not in done.stderr
    assert plain_project.table("slv").select("symbol", "close").rows() == [("ALDR", 85.5)]


def test_the_run_is_in_the_instance_that_the_project_names(plain_project: Project) -> None:
    plain_project.complete()

    code, document = plain_project.document("run", "prices.yaml")

    assert code == 0
    assert ".dagster_home" in (plain_project.folder / ".env").read_text()
    with plain_project.instance() as instance:
        run = instance.get_run_by_id(document["run_id"])
        assert run is not None
        assert run.status is dg.DagsterRunStatus.SUCCESS
        # What only a retry needs is in tags that the UI hides.
        shown = {tag: text for tag, text in run.tags.items() if not tag.startswith(".dagster/")}
        assert not [tag for tag, text in shown.items() if "prices.yaml" in text or "{" in text]
        assert ".dagster/laktory_options" not in run.tags
        event = instance.get_latest_materialization_event(dg.AssetKey(["prices", "slv"]))
        assert event is not None
        assert event.run_id == document["run_id"]


def test_the_document_tells_all(project: Project) -> None:
    project.complete()

    code, document = project.document("run", "prices.yaml")

    assert (code, document["succeeded"]) == (0, True)
    assert statuses(document) == dict.fromkeys(["brz", "slv", "other", "after_other"], "done")
    slv = next(node for node in document["nodes"] if node["node"] == "slv")
    assert (slv["rows_in"], slv["rows_out"], slv["rows_quarantined"]) == (2, 1, 1)
    assert slv["checks"] == [
        {"name": "positive", "action": "QUARANTINE", "passed": False, "failed_rows": 1}
    ]


def test_a_failed_node_leaves_its_siblings_and_a_retry_does_the_rest(project: Project) -> None:
    code, first = project.document("run", "prices.yaml")

    assert code == 1
    assert statuses(first) == {
        "brz": "done", "slv": "done", "other": "failed", "after_other": "skipped",
    }  # fmt: skip
    message = next(node["message"] for node in first["nodes"] if node["node"] == "other")
    assert str(project.folder / "other.csv") in message

    project.complete()
    code, second = project.document("run", "--retry", first["run_id"])

    assert code == 0
    assert statuses(second) == {"other": "done", "after_other": "done"}
    with project.instance() as instance:
        run = instance.get_run_by_id(second["run_id"])
        assert run is not None
        assert (run.parent_run_id, run.root_run_id) == (first["run_id"], first["run_id"])
    code, third = project.document("run", "--retry", second["run_id"])
    assert code == 2
    assert "finished all of its nodes" in third["message"]


def test_a_failure_is_told_to_people_with_the_way_on(plain_project: Project) -> None:
    done = plain_project.call("run", "prices.yaml")

    assert done.returncode == 1
    assert "run --retry" in done.stdout
    assert str(plain_project.folder / "other.csv") in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_the_printed_retry_finds_the_run_of_a_folder_without_a_project(tmp_path: Path) -> None:
    (tmp_path / "pipelines").mkdir()
    project = Project(tmp_path / "pipelines", "auto")
    (project.folder / "pyproject.toml").unlink()
    project.file = project.file.rename(project.folder / "my prices.yaml")
    text = project.file.read_text()
    project.file.write_text(text.replace("action: QUARANTINE", "action: FAIL"))

    failed = project.call("run", project.file.relative_to(tmp_path), cwd=tmp_path)

    assert failed.returncode == 1
    (said,) = re.findall(r"What is left of it: .* run (--retry .*)", failed.stdout)
    assert f"failures '{project.file}' slv" in failed.stderr
    project.complete()
    project.file.write_text(text)
    again = project.call("run", *shlex.split(said), cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert not (tmp_path / ".dagster_home").exists()


def test_a_retry_from_the_project_itself_needs_no_path(plain_project: Project) -> None:
    failed = plain_project.call("run", "prices.yaml")

    assert re.search(r"run --retry \S+$", failed.stdout, re.MULTILINE)


def test_options_reach_the_run_and_its_retry(plain_project: Project) -> None:
    code, first = plain_project.document(
        "run", "prices.yaml", "--warehouse", "elsewhere", "--env", "dev", "--var", "factor=2",
        "--select", "slv", "--select", "other", "--select", "brz",
    )  # fmt: skip

    assert code == 1
    assert statuses(first) == {"brz": "done", "slv": "done", "other": "failed"}
    assert plain_project.table("slv", "elsewhere", "dev_default")["close"].to_list() == [171.0]

    plain_project.complete()
    code, second = plain_project.document("run", "--retry", first["run_id"][:8])

    assert statuses(second) == {"other": "done"}
    assert plain_project.table("other", "elsewhere", "dev_default").height == 2
    assert not (plain_project.folder / "warehouse").exists()


def test_a_full_refresh_replaces_what_appends_stored(plain_project: Project) -> None:
    plain_project.complete()

    plain_project.call("run", "prices.yaml")
    plain_project.call("run", "prices.yaml")
    assert plain_project.table("after_other").height == 4

    assert plain_project.call("run", "prices.yaml", "--full-refresh").returncode == 0
    assert plain_project.table("after_other").height == 2


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        ((), "name the pipeline"),
        (("nothing.yaml",), "nothing.yaml"),
        (("prices.yaml", "--select", "slw"), "slv"),
        (("prices.yaml", "--var", "x"), "--var NAME=VALUE"),
        (("prices.yaml", "--env", "prod"), "dev"),
        (("--retry", "0000"), "no run"),
        (("--retry", "0000", "--env", "dev"), "keeps the options"),
    ],
)
def test_wrong_input_is_told_before_anything_runs(
    plain_project: Project, arguments: tuple[str, ...], advice: str
) -> None:
    done = plain_project.call("run", *arguments)

    assert done.returncode == 2
    assert advice in done.stderr
    assert not (plain_project.folder / "warehouse").exists()


def test_what_a_function_prints_does_not_spoil_the_document(plain_project: Project) -> None:
    talk = "import os\n\n\ndef talk(frame):\n    print('hello')\n    os.system('echo shell')\n    return frame\n"
    (plain_project.folder / "talking.py").write_text(talk)
    plain_project.file.write_text(
        "name: prices\nudfs: [{module_name: talking, function_name: talk}]\nnodes:\n"
        "  - name: a\n    source: {path: ./events.csv, format: CSV}\n    sink: {table_name: a}\n"
        "    transformer: {nodes: [{func_name: talk}]}\n"
    )

    done = plain_project.call("run", "prices.yaml", "--json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["succeeded"] is True
    assert "hello" in done.stderr
    shown = plain_project.call("preview", "prices.yaml", "a", "--json")
    assert len(json.loads(shown.stdout)["rows"]) == 2
    assert "hello" in shown.stderr


COUNTED = """\
name: counted
nodes:
  - name: n
    primary_keys: [id]
    source: {path: ./in.csv, format: CSV}
    expectations:
      - {name: rarely, expression: x <> 3, action: FAIL, tolerance: {abs: 1}}
      - {name: small, expression: x < 9, action: WARN}
      - {name: positive, expression: x > 0, action: DROP}
    sink: {table_name: n, mode: MERGE, null_keys: quarantine, merge_cdc_options: {order_by: x}}
"""


def test_counts_of_a_run_add_up_for_its_reader(plain_project: Project) -> None:
    plain_project.file.write_text(COUNTED)
    # Seven rows: one without a key, one dropped, and five changes of three keys.
    (plain_project.folder / "in.csv").write_text("id,x\n1,1\n1,2\n2,3\n3,4\n3,10\n,5\n4,-1\n")

    code, document = plain_project.document("run", "prices.yaml")

    (node,) = document["nodes"]
    assert code == 0
    assert (node["rows_in"], node["rows_dropped"], node["rows_quarantined"]) == (7, 1, 1)
    assert (node["rows_out"], node["rows_stored"]) == (5, 3)
    assert [(check["name"], check["failed_rows"]) for check in node["checks"]] == [
        ("rarely", 1), ("small", 1), ("positive", 1), ("null_key", 1),
    ]  # fmt: skip
    shown = plain_project.call("run", "prices.yaml").stdout
    assert "n  5 rows, 3 stored" in shown
    assert re.search(
        r"^n +done +7 +5 +1 +1 +3 +main.default.n, main.default.n_quarantine *$",
        shown,
        re.MULTILINE,
    )
    assert re.search(r"^n +rarely +FAIL, tolerated +1 *$", shown, re.MULTILINE)
    assert re.search(r"^n +null_key +QUARANTINE +1 *$", shown, re.MULTILINE)


def test_failures_are_the_rows_that_the_last_run_rejected(plain_project: Project) -> None:
    plain_project.file.write_text(COUNTED)
    table = plain_project.folder / "in.csv"
    table.write_text("id,x\n1,1\n1,2\n2,3\n3,4\n3,10\n,5\n4,-1\n")
    plain_project.call("run", "prices.yaml")

    _, found = plain_project.document("failures", "prices.yaml", "n")
    assert sorted((row["x"], row["_action"]) for row in found["rows"]) == [
        (-1, "DROP"), (5, "QUARANTINE"),
    ]  # fmt: skip
    table.write_text("id,x\n1,3\n2,3\n")
    assert plain_project.call("run", "prices.yaml").returncode == 1
    _, found = plain_project.document("failures", "prices.yaml", "n")
    assert [(row["x"], row["_action"]) for row in found["rows"]] == [(3, "FAIL")] * 2
    table.write_text("id,x\n1,3\n")
    plain_project.call("run", "prices.yaml")
    assert "rejected no row" in plain_project.call("failures", "prices.yaml", "n").stdout


def test_a_secret_in_the_path_of_a_file_is_told_to_nobody(plain_project: Project) -> None:
    plain_project.file.write_text(
        "name: prices\nnodes:\n"
        "  - {name: a, source: {path: ./events.csv, format: CSV}, "
        "sink: {path: '${secrets.lake.account}/a.csv', format: CSV}}\n"
        "  - {name: b, source: {path: './bad-${secrets.lake.account}', format: CSV, "
        "bad_files: quarantine}, sink: {table_name: b}}\n"
    )
    (plain_project.folder / "bad-CANARY").mkdir()
    (plain_project.folder / "bad-CANARY" / "empty.csv").touch()
    shutil.copy(plain_project.folder / "events.csv", plain_project.folder / "bad-CANARY")

    done = plain_project.call(
        "run", "prices.yaml", "--json", LAKTORY_DAGSTER_SECRET_LAKE_ACCOUNT="CANARY"
    )

    assert done.returncode == 0, done.stdout
    assert (plain_project.folder / "CANARY" / "a.csv").is_file()
    assert "CANARY" not in done.stdout + done.stderr
    kept = (plain_project.folder / ".dagster_home").rglob("*")
    assert not [file for file in kept if file.is_file() and b"CANARY" in file.read_bytes()]


def test_the_way_to_the_ui_can_be_typed_as_it_is_shown(plain_project: Project) -> None:
    plain_project.file.rename(plain_project.folder / "my prices.yaml")

    done = plain_project.call("run", "my prices.yaml", "--select", "brz")

    assert "dev 'my prices.yaml'" in done.stdout


def test_an_interrupt_ends_the_run_and_says_so(plain_project: Project) -> None:
    slow = "import time\n\n\ndef wait(frame):\n    time.sleep(60)\n    return frame\n"
    (plain_project.folder / "slow.py").write_text(slow)
    plain_project.file.write_text(
        "name: prices\nudfs: [{module_name: slow, function_name: wait}]\nnodes:\n"
        "  - {name: a, source: {path: ./events.csv, format: CSV}, sink: {table_name: a}}\n"
        "  - name: b\n    source: {node_name: a}\n    sink: {table_name: b}\n"
        "    transformer: {nodes: [{func_name: wait}]}\n"
    )
    process = subprocess.Popen(
        plain_project.command("run", "prices.yaml"), cwd=plain_project.folder,
        env=plain_project.environ(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not (plain_project.folder / "warehouse/main/default/a/_delta_log").exists():
        assert time.monotonic() < deadline
        time.sleep(0.2)
    time.sleep(1)

    # As a terminal does: to all processes of the group.
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)

    assert process.returncode == 130, err
    assert "was cancelled" in out
    assert "Traceback" not in out + err
    with plain_project.instance() as instance:
        (run,) = instance.get_runs()
        assert run.status is dg.DagsterRunStatus.CANCELED
    assert not (plain_project.folder / "warehouse/main/default/b").exists()


def test_runs_every_so_often_take_what_is_new(plain_project: Project) -> None:
    folder = plain_project.folder
    (folder / "landing").mkdir()
    (folder / "landing/1.json").write_text('{"id": 1}\n')
    plain_project.file.write_text(
        "name: prices\nnodes:\n- name: n\n"
        "  source: {path: ./landing, format: JSON, as_stream: true}\n"
        "  sink: {table_name: n}\n"
    )
    process = subprocess.Popen(
        plain_project.command("run", "prices.yaml", "--every", "1"), cwd=folder,
        env=plain_project.environ(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    receipts = folder / "warehouse/main/default/n/_laktory/receipts"
    deadline = time.monotonic() + 60
    for number in (2, 3):
        while len(list((receipts.parent / "checkpoint/offsets").glob("*"))) < number - 1:
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.2)
        (folder / f"landing/{number}.json").write_text(f'{{"id": {number}}}\n')
    while len(list((receipts.parent / "checkpoint/offsets").glob("*"))) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)

    assert process.returncode in (0, 130), err
    assert "Traceback" not in out + err
    table = pl.read_delta(str(folder / "warehouse/main/default/n"))
    assert sorted(table["id"]) == [1, 2, 3]
    with plain_project.instance() as instance:
        assert len(instance.get_runs()) >= 3


def test_an_interrupt_that_hits_a_finalizer_is_not_lost(plain_project: Project) -> None:
    (plain_project.folder / "unlucky.py").write_text(
        "import os, signal, time\n\n\nclass Interrupted:\n    def __del__(self):\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n        time.sleep(1)\n\n\n"
        "def wait(frame):\n    Interrupted()\n    time.sleep(60)\n    return frame\n"
    )
    plain_project.file.write_text(
        "name: prices\nudfs: [{module_name: unlucky, function_name: wait}]\nnodes:\n"
        "- name: n\n  source: {path: ./events.csv, format: CSV}\n  sink: {table_name: n}\n"
        "  transformer: {nodes: [{func_name: wait}]}\n"
    )
    started = time.monotonic()

    done = plain_project.call("run", "prices.yaml")

    assert done.returncode == 130, done.stderr
    assert time.monotonic() - started < 50
    assert "was cancelled" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    with plain_project.instance() as instance:
        (run,) = instance.get_runs()
        assert run.status is dg.DagsterRunStatus.CANCELED


@pytest.mark.parametrize("more", [["--json"], ["--retry", "x"]])
def test_many_runs_are_neither_one_document_nor_a_retry(
    plain_project: Project, more: list[str]
) -> None:
    done = plain_project.call("run", "prices.yaml", "--every", "1", *more)
    assert done.returncode == 2
    assert "`--every` makes many runs" in done.stdout + done.stderr


WAITING = """\
name: prices
steps: {steps}
nodes:
  - name: brz
    source: {{path: ./landing, format: JSON, as_stream: true}}
    sink: {{table_name: brz}}
  - {{name: seen, source: {{path: ./landing, format: JSON, as_stream: true}}}}
  - {{name: slv, source: {{node_name: brz}}, sink: {{table_name: slv}}}}
  - {{name: gld, source: {{node_name: slv}}, sink: {{table_name: gld}}}}
  - {{name: other, source: {{path: ./events.csv, format: CSV}}, sink: {{table_name: other}}}}
"""


@pytest.mark.parametrize("refresh", [[], ["--full-refresh"]])
def test_a_stream_that_waits_for_its_first_rows_is_no_failure(
    project: Project, refresh: list[str]
) -> None:
    (project.folder / "landing").mkdir()
    steps = "fused" if "steps: fused" in project.file.read_text() else "node"
    project.file.write_text(WAITING.format(steps=steps))

    code, document = project.document("run", "prices.yaml", *refresh)

    assert (code, document["succeeded"]) == (0, True)
    found = statuses(document)
    assert found.pop("other") == "done"
    assert found == dict.fromkeys(["brz", "seen", "slv", "gld"], "skipped")
    said = {node["node"]: node["message"] for node in document["nodes"]}
    assert said["brz"] == "`brz` waits for ./landing: nothing has come yet"
    assert said["slv"] == said["gld"] == said["brz"]
    assert said["seen"] == "`seen` waits for ./landing: nothing has come yet"
    with project.instance() as instance:
        assert instance.get_latest_materialization_event(dg.AssetKey(["prices", "brz"])) is None
    if refresh:
        return
    shown = project.call("run", "prices.yaml")
    assert re.search(r"^brz +skipped *$", shown.stdout, re.MULTILINE)
    assert "waits for ./landing" in shown.stderr

    (project.folder / "landing/1.json").write_text('{"id": 1}\n')
    for _ in range(2):
        code, document = project.document("run", "prices.yaml")
        assert (code, set(statuses(document).values())) == (0, {"done"})
    assert project.table("gld")["id"].to_list() == [1]


@pytest.fixture
def served(plain_project: Project) -> Iterator[tuple[Project, int, subprocess.Popen[str]]]:
    port = free_port()
    process = subprocess.Popen(
        plain_project.command("dev", "prices.yaml", "--port", port), cwd=plain_project.folder,
        env=plain_project.environ(), stdout=(plain_project.folder / "out.txt").open("w"),
        stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    yield plain_project, port, process
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


def assets_at(port: int) -> set[str]:
    query = json.dumps({"query": "{ assetNodes { assetKey { path } } }"}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql", query, {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            found = json.load(answer)["data"]["assetNodes"]
    except OSError:
        return set()
    return {"/".join(asset["assetKey"]["path"]) for asset in found}


def wait_for(port: int, asset: str, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while asset not in assets_at(port):
        assert time.monotonic() < deadline, f"{asset} did not appear"
        time.sleep(0.5)


@pytest.mark.slow
def test_dev_follows_the_file(served: tuple[Project, int, subprocess.Popen[str]]) -> None:
    project, port, process = served
    wait_for(port, "prices/slv")

    text = project.file.read_text()
    project.file.write_text(text.replace("name: after_other\n", "name: renamed\n"))
    wait_for(port, "prices/renamed")
    project.file.write_text(text.replace("sink:", "snk:"))
    deadline = time.monotonic() + 60
    while "`snk`" not in (project.folder / "out.txt").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.5)
    project.file.write_text(text)
    wait_for(port, "prices/after_other")

    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 0
