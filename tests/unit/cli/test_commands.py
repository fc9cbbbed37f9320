"""Commands as they are typed: exit codes, one JSON document, what a person reads.

Every expectation is written by hand from the pipelines below.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from laktory_dagster import models
from laktory_dagster.cli.main import main, program

SHOP = """\
name: shop
variables: {least: 0}
environments:
  dev: {schema_prefix: dev_, variables: {least: 8}}
  wide: {warehouse: wide}
nodes:
  - name: brz
    layer: BRONZE
    add_layer_columns: false
    tags: [daily]
    source: {data: [{id: 1, v: 5}, {id: 2, v: -1}, {id: 3, v: 9}, {id: 4, v: null}]}
    sink: {path: "brz_${vars.least}.parquet", format: PARQUET}
  - name: slv
    source: {node_name: brz}
    transformer:
      nodes:
        - {with_column: {name: twice, type: int, sql_expr: v * 2}}
        - {func_name: drop, func_args: [v]}
    expectations:
      - {name: enough, expression: "twice > ${vars.least}", action: QUARANTINE}
    sink: {schema_name: s, table_name: slv, format: PARQUET}
  - name: look
    source: {node_name: slv}
"""
BROKEN = "name: broken\nnodes:\n  - {name: n, sorce: {path: x}}\n  - {name: m, source: {node_name: zz}}\n"
DOUBTFUL = "name: doubtful\nnodes:\n  - {name: n, source: {path: x.csv}}\n"
SETTINGS = ("WAREHOUSE", "ENGINE", "ENV", "DATA_ROOTS", "ALLOW_MODULES")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working directory, with a good, a broken and a doubtful pipeline."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop.yaml").write_text(SHOP)
    (tmp_path / "broken.yaml").write_text(BROKEN)
    (tmp_path / "doubtful.yaml").write_text(DOUBTFUL)
    (tmp_path / "empty").mkdir()
    return tmp_path


def call(*arguments: object, **env: str) -> Result:
    clean: dict[str, str | None] = dict.fromkeys(f"LAKTORY_DAGSTER_{name}" for name in SETTINGS)
    runner = CliRunner(env={**clean, **env})
    return runner.invoke(program, [str(argument) for argument in arguments])


# Arguments, exit code, a part of what stands on standard error (or of the document).
ENDINGS: list[tuple[str, int, str]] = [
    ("validate shop.yaml", 0, ""),
    ("validate shop.yaml doubtful.yaml", 0, ""),
    ("validate doubtful.yaml", 0, "the path ends in `.csv`, and its format is JSON"),
    ("validate broken.yaml", 2, "unknown key `sorce`"),
    ("validate shop.yaml broken.yaml", 2, "there is no node `zz`"),
    ("validate .", 2, "unknown key `sorce`"),
    ("validate gone.yaml", 2, "there is no file or folder"),
    ("validate shop.yaml gone.yaml", 2, "gone.yaml"),
    ("validate empty", 2, "no file below empty declares a pipeline"),
    ("validate shop.yaml --env dev", 0, ""),
    ("validate shop.yaml --env dve", 2, "did you mean `dev`?"),
    ("validate shop.yaml --var least=2", 0, ""),
    ("validate shop.yaml --var least", 2, "is no assignment"),
    ("validate shop.yaml --var =2", 2, "is no assignment"),
    ("validate shop.yaml --var least=1 --var least=2", 2, "is given twice"),
    ("validate shop.yaml --var least=x", 0, ""),
    ("plan shop.yaml", 0, ""),
    ("plan shop.yaml --select slv*", 0, ""),
    ("plan shop.yaml --select slw", 2, "did you mean `slv`?"),
    ("plan shop.yaml --select ,", 2, "the selection is empty"),
    ("plan shop.yaml --select slv --select nope", 2, "`nope` selects nothing"),
    ("plan broken.yaml", 2, "unknown key `sorce`"),
    ("plan gone.yaml", 2, "there is no file or folder"),
    ("plan empty", 2, "declares a pipeline"),
    ("preview shop.yaml slv", 0, ""),
    ("preview shop.yaml slw", 2, "did you mean `slv`?"),
    ("preview shop.yaml slv --step 3", 2, "from 0 (the source) to 2"),
    ("preview broken.yaml n", 2, "unknown key `sorce`"),
    ("preview doubtful.yaml n", 1, "x.csv"),
    ("failures shop.yaml slv", 0, ""),
    ("failures shop.yaml look", 2, "is a view and keeps no rejected rows"),
    ("failures shop.yaml slw", 2, "did you mean `slv`?"),
]


@pytest.mark.parametrize(("line", "code", "words"), ENDINGS, ids=[row[0] for row in ENDINGS])
def test_how_a_command_ends(folder: Path, line: str, code: int, words: str) -> None:
    for_people = call(*line.split())
    for_programs = call(*line.split(), "--json")

    assert (for_people.exit_code, for_programs.exit_code) == (code, code)
    assert words in for_people.stderr
    assert "Traceback" not in for_people.stderr
    assert for_programs.stderr == ""
    document = json.loads(for_programs.stdout)
    assert words in json.dumps(document, ensure_ascii=False)
    if code and not line.startswith("validate"):
        assert for_people.stdout == ""
        assert document["error"].endswith("Error")


USAGE = [
    ("", 2, "Usage: laktory-dagster"),
    ("nonsense", 2, "No such command 'nonsense'"),
    ("validate", 2, "Missing argument 'PATHS...'"),
    ("plan", 2, "Missing argument 'PATH'"),
    ("plan a b", 2, "unexpected extra argument"),
    ("preview shop.yaml", 2, "Missing argument 'NODE'"),
    ("preview shop.yaml slv --rows 0", 2, "'--rows'"),
    ("preview shop.yaml slv --rows many", 2, "'--rows'"),
    ("preview shop.yaml slv --step -1", 2, "'--step'"),
    ("failures shop.yaml slv --rows 1001", 2, "'--rows'"),
    ("validate shop.yaml --warehouse x", 2, "No such option"),
    ("schema --select x", 2, "No such option"),
    ("dev --port 0", 2, "'--port'"),
]


@pytest.mark.parametrize(("line", "code", "words"), USAGE, ids=[row[0] for row in USAGE])
@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_a_wrong_call_says_so_in_the_way_that_was_asked_for(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    line: str,
    code: int,
    words: str,
    as_json: bool,
) -> None:
    arguments = [*line.split(), *(["--json"] if as_json and line else [])]

    with pytest.raises(SystemExit) as ended:
        main(arguments)

    shown = capsys.readouterr()
    assert ended.value.code == code
    if not as_json or not line:
        assert words in shown.err
        assert shown.out == ""
        return
    document = json.loads(shown.out)
    assert set(document) == {"error", "message"}
    assert shown.err == ""
    assert words in document["message"] or "--json" in document["message"]


@pytest.mark.parametrize(
    "command", ["validate", "plan", "run", "preview", "failures", "dev", "schema"]
)
def test_help_names_every_option_that_the_documentation_shares(command: str) -> None:
    shared = {
        "validate": "--env --var --json --debug",
        "plan": "--select --mermaid --env --var --json --debug",
        "run": "--select --var --warehouse --env --full-refresh --retry --every --json --debug",
        "preview": "--rows --step --warehouse --env --var --json --debug",
        "failures": "--rows --warehouse --env --var --json --debug",
        "dev": "--port --host --env --debug",
        "schema": "--debug",
    }
    shown = call(command, "-h").stdout
    options = {word.strip(",[]") for word in shown.split() if word.startswith("--")}
    assert options == {*shared[command].split(), "--help"}


class TestValidate:
    """What `validate` prints."""

    def test_one_line_for_each_good_pipeline(self, folder: Path) -> None:
        result = call("validate", "doubtful.yaml", "shop.yaml")
        assert result.stdout == "doubtful: 1 node, no errors\nshop: 3 nodes, no errors\n"
        assert result.stderr == (
            "doubtful.yaml:3:30: warning: the path ends in `.csv`, and its format is JSON "
            "(at nodes[0].sources[0].path)\n"
            "  3 |   - {name: n, source: {path: x.csv}}\n"
            "                                   ^\n"
            "  Hint: write `format: CSV`\n"
        )

    def test_every_problem_and_how_many(self, folder: Path) -> None:
        result = call("validate", ".")
        assert result.stdout.splitlines() == [
            "doubtful: 1 node, no errors",
            "shop: 3 nodes, no errors",
        ]
        lines = result.stderr.splitlines()
        assert [line for line in lines if line.startswith("broken.yaml:")] == [
            "broken.yaml:3:15: error: unknown key `sorce` (at nodes[0].sorce)",
            "broken.yaml:4:35: error: there is no node `zz` (at nodes[1].sources[0].node_name)",
        ]
        assert lines[-1] == "2 problems in 1 file"

    def test_the_document(self, folder: Path) -> None:
        document = json.loads(call("validate", "broken.yaml", "doubtful.yaml", "--json").stdout)
        assert document["valid"] is False
        assert [error["line"] for error in document["errors"]] == [3, 4]
        assert document["errors"][0] == {
            "severity": "error",
            "message": "unknown key `sorce`",
            "path": "nodes[0].sorce",
            "hint": "did you mean `source`?",
            "file": "broken.yaml",
            "line": 3,
            "column": 15,
        }
        (pipeline,) = document["pipelines"]
        assert (pipeline["name"], pipeline["nodes"]) == ("doubtful", 1)
        assert Path(pipeline["file"]).resolve() == folder / "doubtful.yaml"
        assert [warning["severity"] for warning in pipeline["warnings"]] == ["warning"]

    def test_a_machines_environment_counts_only_where_the_file_knows_it(self, folder: Path) -> None:
        result = call("validate", "shop.yaml", "doubtful.yaml", LAKTORY_DAGSTER_ENV="dev")
        assert result.exit_code == 0
        assert call("plan", "shop.yaml", LAKTORY_DAGSTER_ENV="dev").stdout.count("dev_s") == 1


class TestPlan:
    """What `plan` prints."""

    def test_the_whole_plan(self, folder: Path) -> None:
        assert call("plan", "shop.yaml").stdout == (
            "pipeline shop: 3 nodes\n"
            "1. brz (polars, BRONZE)\n"
            "     reads  inline rows\n"
            "     writes file brz_0.parquet (PARQUET, OVERWRITE)\n"
            "2. slv (polars)\n"
            "     reads  node brz\n"
            "     does   column twice\n"
            "     does   drop\n"
            "     checks enough: twice > 0 (QUARANTINE)\n"
            "     writes table main.s.slv (PARQUET, OVERWRITE)\n"
            "3. look (polars)\n"
            "     reads  node slv\n"
            "     view   stored nowhere, computed for each consumer\n"
        )

    @pytest.mark.parametrize(
        ("options", "names"),
        [
            ("", ["brz", "slv", "look"]),
            ("--select slv", ["slv"]),
            ("--select *slv", ["brz", "slv"]),
            ("--select slv*", ["slv", "look"]),
            ("--select daily --select look", ["brz", "look"]),
            ("--select daily,look", ["brz", "look"]),
            ("--select tag:daily*", ["brz", "slv", "look"]),
            ("--select layer:bronze", ["brz"]),
            ("--select *", ["brz", "slv", "look"]),
        ],
    )
    def test_selections(self, folder: Path, options: str, names: list[str]) -> None:
        document = json.loads(call("plan", "shop.yaml", *options.split(), "--json").stdout)
        assert [node["name"] for node in document["nodes"]] == names

    @pytest.mark.parametrize(
        ("options", "rule", "table"),
        [
            ("", "twice > 0", "main.s.slv"),
            ("--env dev", "twice > 8", "main.dev_s.slv"),
            ("--var least=3", "twice > 3", "main.s.slv"),
            ("--env dev --var least=3", "twice > 3", "main.dev_s.slv"),
            ("--var least=abc --env wide", "twice > abc", "main.s.slv"),
        ],
    )
    def test_environments_and_variables(
        self, folder: Path, options: str, rule: str, table: str
    ) -> None:
        shown = call("plan", "shop.yaml", *options.split()).stdout
        assert f"checks enough: {rule} (QUARANTINE)\n" in shown
        assert f"writes table {table} (" in shown

    def test_several_pipelines(self, folder: Path) -> None:
        (folder / "broken.yaml").unlink()
        shown = call("plan", ".").stdout
        documents = json.loads(call("plan", ".", "--json").stdout)
        drawn = call("plan", ".", "--mermaid").stdout

        assert [line for line in shown.splitlines() if line.startswith("pipeline")] == [
            "pipeline doubtful: 1 node",
            "pipeline shop: 3 nodes",
        ]
        assert [document["pipeline"] for document in documents] == ["doubtful", "shop"]
        assert drawn.count("graph LR") == 2

    def test_a_selection_leaves_out_the_pipelines_that_lack_it(self, folder: Path) -> None:
        (folder / "broken.yaml").unlink()

        shown = call("plan", ".", "--select", "layer:bronze")
        documents = json.loads(call("plan", ".", "--select", "slv", "--json").stdout)

        assert shown.exit_code == 0
        assert [line for line in shown.stdout.splitlines() if line.startswith("pipeline")] == [
            "pipeline shop: 1 of 3 nodes"
        ]
        # Of a folder it is a list, however many pipelines are left.
        assert [document["pipeline"] for document in documents] == ["shop"]

    def test_a_selection_that_no_pipeline_has_is_an_error(self, folder: Path) -> None:
        (folder / "broken.yaml").unlink()

        done = call("plan", ".", "--select", "slv,nowhere")

        assert (done.exit_code, done.stdout) == (2, "")
        assert "selects nothing" in done.stderr

    def test_a_drawing_of_a_selection(self, folder: Path) -> None:
        assert call("plan", "shop.yaml", "--mermaid", "--select", "slv*").stdout == (
            'graph LR\n    n1["slv"]\n    n2(["look"])\n    n1 --> n2\n'
        )


def rows_of(result: Result) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(result.stdout)["rows"]
    return rows


class TestPreviewAndFailures:
    """What `preview` and `failures` print; neither writes."""

    def files(self, folder: Path) -> set[str]:
        return {path.name for path in folder.iterdir()}

    def test_a_table_for_people(self, folder: Path) -> None:
        before = self.files(folder)
        result = call("preview", "shop.yaml", "slv")

        assert [line.split() for line in result.stdout.splitlines()] == [
            ["id", "twice"],
            ["1", "10"],
            ["3", "18"],
            [],
            ["id:", "int64,", "twice:", "int32"],
            [
                "QUARANTINE",
                "`enough`",
                "fails",
                "on",
                "2",
                "of",
                "these",
                "rows:",
                "twice",
                ">",
                "0",
            ],
        ]
        assert result.stderr == (
            "From at most 1000 rows of each source; computed, since they store nothing yet: brz. "
            "Nothing was written.\n"
        )
        assert self.files(folder) == before

    def test_a_document_for_programs(self, folder: Path) -> None:
        document = json.loads(call("preview", "shop.yaml", "slv", "--env", "dev", "--json").stdout)
        (check,) = document.pop("checks")
        assert document == {
            "node": "slv",
            "columns": {"id": "int64", "twice": "int32"},
            "rows": [{"id": 1, "twice": 10}, {"id": 3, "twice": 18}],
            "computed": ["brz"],
            "source_rows": 1000,
        }
        assert (check["name"], check["failed_rows"], check["checked_rows"]) == ("enough", 2, 4)

    @pytest.mark.parametrize(
        ("options", "rows"),
        [
            ("--step 0", [{"id": i, "v": v} for i, v in ((1, 5), (2, -1), (3, 9), (4, None))]),
            ("--step 0 --rows 2", [{"id": 1, "v": 5}, {"id": 2, "v": -1}]),
            ("--step 1 --rows 1", [{"id": 1, "v": 5, "twice": 10}]),
            ("--step 2 --rows 2", [{"id": 1, "twice": 10}, {"id": 2, "twice": -2}]),
            ("--rows 1", [{"id": 1, "twice": 10}]),
            ("--var least=17", [{"id": 3, "twice": 18}]),
        ],
    )
    def test_steps_rows_and_variables(
        self, folder: Path, options: str, rows: list[dict[str, Any]]
    ) -> None:
        assert rows_of(call("preview", "shop.yaml", "slv", *options.split(), "--json")) == rows

    def test_what_is_stored_is_read_from_the_warehouse_that_is_named(self, folder: Path) -> None:
        with (
            (folder / "shop.yaml").open() as file,
            models.Pipeline.model_validate_yaml(file) as shop,
        ):
            shop.execute(warehouse=str(folder / "lake"))

        stored = call("preview", "shop.yaml", "look", "--warehouse", "lake", "--json")
        elsewhere = call("preview", "shop.yaml", "look", "--warehouse", "other", "--json")

        assert json.loads(stored.stdout)["computed"] == []
        assert json.loads(elsewhere.stdout)["computed"] == ["slv"]
        assert rows_of(stored) == [{"id": 1, "twice": 10}, {"id": 3, "twice": 18}]
        assert not (folder / "other").exists()

        rejected = call("failures", "shop.yaml", "slv", "--warehouse", "lake", "--json")
        document = json.loads(rejected.stdout)
        assert (document["node"], document["stored"]) == ("slv", 2)
        found = [(row["id"], row["twice"], row["_failed_rules"]) for row in document["rows"]]
        assert found == [(2, -2, ["enough"]), (4, None, ["enough"])]

        shown = call("failures", "shop.yaml", "slv", "--warehouse", "lake", "--rows", 1)
        assert shown.stdout.split()[:2] == ["_action", "_failed_rules"]
        assert len(shown.stdout.strip().splitlines()) == 2
        assert shown.stderr == "1 of 2 stored rows; --rows shows more.\n"

        nothing = call("failures", "shop.yaml", "slv", "--warehouse", "other")
        assert nothing.stdout == "The last run of slv rejected no row, or it has not run yet.\n"

    def test_data_cannot_steer_a_terminal(self, folder: Path) -> None:
        text = (
            'name: p\nnodes: [{name: n, source: {data: [{"a": "\\e[31mred\\a", "b": "x\\ny"}]}}]\n'
        )
        (folder / "red.yaml").write_text(text)
        shown = call("preview", "red.yaml", "n").stdout
        assert "\x1b" not in shown
        assert "\\x1b[31mred\\x07" in shown
        assert "x\\ny" in shown
        assert rows_of(call("preview", "red.yaml", "n", "--json")) == [
            {"a": "\x1b[31mred\x07", "b": "x\ny"}
        ]


def test_the_schema_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["schema"])
    assert ended.value.code == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["title"] == "laktory-dagster pipeline"
    assert shown.err == ""
