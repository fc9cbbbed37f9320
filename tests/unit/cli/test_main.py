"""The commands that need no Dagster, as a user types them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner, Result

from laktory_dagster import __version__
from laktory_dagster.cli.main import program

GOOD = """\
name: prices
variables: {smallest: 0}
nodes:
  - name: brz_prices
    layer: BRONZE
    tags: [ingest]
    source: {path: ./events.csv, format: CSV}
    sink: {table_name: brz_prices}
  - name: slv_prices
    layer: SILVER
    source: {node_name: brz_prices}
    transformer:
      nodes:
        - with_column: {name: close, type: double, sql_expr: close}
        - with_column: {name: symbol, type: string, sql_expr: symbol}
    expectations:
      - {name: positive, expression: "close > ${vars.smallest}", action: DROP}
    sink: {table_name: slv_prices}
environments:
  dev: {schema_prefix: dev_}
"""
BAD = """\
name: prices
nodes:
  - name: brz_prices
    sorce: {path: ./events.csv}
    sink: {table_name: brz_prices}
  - name: slv_prices
    source: {node_name: brz_price}
    sink: {table_name: slv_prices, mode: UPSERT}
"""
ROWS = "symbol,close\nALDR,85.6\nBRKN,-1\nALDR,86\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a pipeline and its data."""
    (tmp_path / "prices.yaml").write_text(GOOD)
    (tmp_path / "events.csv").write_text(ROWS)
    return tmp_path


def call(*arguments: object) -> Result:
    return CliRunner().invoke(program, [str(argument) for argument in arguments])


def test_the_version() -> None:
    assert call("--version").output == f"laktory-dagster, version {__version__}\n"


@pytest.mark.parametrize(
    "command", ["validate", "plan", "run", "preview", "failures", "dev", "schema"]
)
def test_every_command_explains_itself(command: str) -> None:
    result = call(command, "--help")

    assert result.exit_code == 0
    assert "Usage:" in result.output


class TestValidate:
    """`validate PATH...`."""

    def test_a_good_file(self, folder: Path) -> None:
        result = call("validate", folder / "prices.yaml")

        assert (result.exit_code, result.stdout) == (0, "prices: 2 nodes, no errors\n")

    def test_all_problems_at_their_places(self, folder: Path) -> None:
        bad = folder / "bad.yaml"
        bad.write_text(BAD)

        result = call("validate", bad)

        assert result.exit_code == 2
        assert f"{bad}:4:5: error:" in result.stderr
        assert f"{bad}:8:" in result.stderr
        assert "`source`" in result.stderr
        assert "OVERWRITE" in result.stderr

    def test_a_folder_and_a_file_together(self, folder: Path, tmp_path: Path) -> None:
        other = tmp_path / "other"
        other.mkdir()
        (other / "bad.yaml").write_text(BAD.replace("prices", "other"))

        result = call("validate", folder / "prices.yaml", other)

        assert result.exit_code == 2
        assert "prices: 2 nodes, no errors" in result.stdout
        assert "1 file" in result.stderr

    def test_json_is_one_document(self, folder: Path) -> None:
        (folder / "bad.yaml").write_text(BAD.replace("name: prices", "name: others"))

        result = call("validate", folder, "--json")
        document = json.loads(result.stdout)

        assert result.exit_code == 2
        assert result.stderr == ""
        assert document["valid"] is False
        assert [pipeline["name"] for pipeline in document["pipelines"]] == ["prices"]
        assert {error["line"] for error in document["errors"]} >= {4, 8}

    def test_a_path_that_is_not_there(self, folder: Path) -> None:
        result = call("validate", folder / "nothing.yaml")

        assert result.exit_code == 2
        assert "nothing.yaml" in result.stderr
        assert "Traceback" not in result.stderr

    def test_a_folder_without_pipelines(self, tmp_path: Path) -> None:
        result = call("validate", tmp_path)

        assert result.exit_code == 2
        assert "declares a pipeline" in result.stderr

    def test_a_variable_of_the_command_line(self, folder: Path) -> None:
        text = GOOD.replace("variables: {smallest: 0}\n", "")
        (folder / "prices.yaml").write_text(text)

        without = call("validate", folder / "prices.yaml")
        with_it = call("validate", folder / "prices.yaml", "--var", "smallest=1")

        assert (without.exit_code, with_it.exit_code) == (2, 0)
        assert "smallest" in without.stderr

    def test_an_environment_that_is_not_there(self, folder: Path) -> None:
        result = call("validate", folder / "prices.yaml", "--env", "prod")

        assert result.exit_code == 2
        assert "prod" in result.stderr
        assert "dev" in result.stderr


class TestPlan:
    """`plan PATH`."""

    def test_text_names_the_nodes_in_order(self, folder: Path) -> None:
        result = call("plan", folder / "prices.yaml")

        assert result.exit_code == 0
        assert result.stdout.index("brz_prices") < result.stdout.index("slv_prices")

    def test_a_selection(self, folder: Path) -> None:
        result = call("plan", folder / "prices.yaml", "--select", "tag:ingest", "--json")

        assert [node["name"] for node in json.loads(result.stdout)["nodes"]] == ["brz_prices"]

    def test_a_selection_of_nothing(self, folder: Path) -> None:
        result = call("plan", folder / "prices.yaml", "--select", "slv_price")

        assert result.exit_code == 2
        assert "slv_prices" in result.stderr

    def test_mermaid(self, folder: Path) -> None:
        result = call("plan", folder / "prices.yaml", "--mermaid")

        assert result.stdout.startswith("graph LR\n")
        assert "-->" in result.stdout

    def test_an_environment_changes_what_is_written(self, folder: Path) -> None:
        result = call("plan", folder / "prices.yaml", "--env", "dev")

        assert "dev_default.slv_prices" in result.stdout

    def test_a_broken_file_is_one_document_too(self, folder: Path) -> None:
        (folder / "prices.yaml").write_text(BAD)

        result = call("plan", folder / "prices.yaml", "--json")

        assert result.exit_code == 2
        assert json.loads(result.stdout)["error"] == "DeclarationError"


class TestPreview:
    """`preview PATH NODE`."""

    def test_rows_of_a_node_whose_upstream_stores_nothing_yet(self, folder: Path) -> None:
        result = call("preview", folder / "prices.yaml", "slv_prices", "--json")
        document = json.loads(result.stdout)

        assert result.exit_code == 0
        assert {(row["symbol"], row["close"]) for row in document["rows"]} == {
            ("ALDR", 85.6), ("ALDR", 86.0),
        }  # fmt: skip
        assert [check["failed_rows"] for check in document["checks"]] == [1]
        assert document["columns"]["close"] == "float64"
        assert document["computed"] == ["brz_prices"]
        assert not (folder / "warehouse").exists()

    def test_the_frame_after_a_step(self, folder: Path) -> None:
        result = call("preview", folder / "prices.yaml", "slv_prices", "--step", 0, "--rows", 1)

        assert result.exit_code == 0
        assert "_bronze_at" in result.stdout
        assert "_silver_at" not in result.stdout
        assert "computed, since they store nothing yet: brz_prices" in result.stderr

    @pytest.mark.parametrize(
        ("arguments", "advice"),
        [(("slv_price",), "slv_prices"), (("slv_prices", "--step", 7), "from 0 (the source) to 2")],
    )
    def test_what_is_not_there(
        self, folder: Path, arguments: tuple[object, ...], advice: str
    ) -> None:
        result = call("preview", folder / "prices.yaml", *arguments)

        assert result.exit_code == 2
        assert advice in result.stderr

    def test_a_missing_source_is_a_failure_of_the_run(self, folder: Path) -> None:
        (folder / "events.csv").unlink()

        result = call("preview", folder / "prices.yaml", "brz_prices")

        assert result.exit_code == 1
        assert str(folder / "events.csv") in result.stderr

    def test_a_folder_of_several_pipelines_is_ambiguous(self, folder: Path) -> None:
        (folder / "other.yaml").write_text(
            GOOD.replace("name: prices\n", "name: others\n").replace(
                "table_name: ", "table_name: o_"
            )
        )

        result = call("preview", folder, "slv_prices")

        assert result.exit_code == 2
        assert "other.yaml" in result.stderr


class TestFailures:
    """`failures PATH NODE`."""

    def test_rejected_rows_with_their_rules(self, folder: Path) -> None:
        from laktory_dagster import models

        with (folder / "prices.yaml").open() as file:
            models.Pipeline.model_validate_yaml(file).execute()

        shown = call("failures", folder / "prices.yaml", "slv_prices")
        document = json.loads(
            call("failures", folder / "prices.yaml", "slv_prices", "--json").stdout
        )

        assert "BRKN" in shown.stdout
        (row,) = document["rows"]
        assert (row["symbol"], row["close"], row["_failed_rules"]) == ("BRKN", -1.0, ["positive"])

    def test_before_the_first_run(self, folder: Path) -> None:
        result = call("failures", folder / "prices.yaml", "slv_prices")

        assert result.exit_code == 0
        assert "has not run yet" in result.stdout


def test_the_schema_is_a_json_schema() -> None:
    schema = json.loads(call("schema").stdout)

    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate({"name": "p", "nodes": [{"name": "n", "source": {"path": "x"}}]}, schema)


def test_light_commands_load_no_engine_and_no_dagster(folder: Path) -> None:
    program_text = f"""
import sys
from laktory_dagster.cli.main import main
for arguments in (["validate", {str(folder)!r}], ["plan", {str(folder)!r}], ["schema"]):
    try:
        main(arguments)
    except SystemExit as end:
        assert not end.code, end.code
heavy = {{"dagster", "polars", "deltalake", "pyarrow"}} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run(
        [sys.executable, "-c", program_text], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


def test_a_pipe_that_closes_early_is_no_error(folder: Path) -> None:
    nodes = "".join(
        f"  - {{name: n{i}, source: {{data: [{{x: 1}}]}}, sink: {{table_name: t{i}}}}}\n"
        for i in range(2_000)
    )
    (folder / "big.yaml").write_text(f"name: big\nnodes:\n{nodes}")
    command = f"{sys.executable} -m laktory_dagster.cli.main plan big.yaml | head -1"

    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "pipeline big: 2000 nodes\n"
