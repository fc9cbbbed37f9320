"""What README, docs and the files of the project say is so."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import click
import polars as pl
import pytest
import yaml

from laktory_dagster import models
from laktory_dagster.cli.main import program

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *ROOT.glob("docs/**/*.md"),
]


def blocks(page: str, language: str) -> list[str]:
    """Return the fenced blocks of a page in one language."""
    text = (ROOT / page).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_generated_pages_are_current() -> None:
    done = subprocess.run(
        [sys.executable, "tools/reference.py", "--check"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text()
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)

    missing = [t for t in targets if "://" not in t and not (page.parent / t).exists()]

    assert missing == []


@pytest.mark.parametrize("page", ["README.md", "docs/getting-started.md"])
def test_pipelines_of_the_docs_are_valid(page: str) -> None:
    pipelines = [block for block in blocks(page, "yaml") if "nodes:" in block]

    assert pipelines
    for text in pipelines:
        models.Pipeline.model_validate_yaml(text)


def test_the_readme_pipeline_has_ten_lines_and_runs(tmp_path: Path) -> None:
    (text,) = blocks("README.md", "yaml")
    (tmp_path / "events").mkdir()
    rows = '{"symbol": "A", "close": 2.5}\n{"symbol": null, "close": 1.0}\n{"symbol": "B", "close": -1}\n'
    (tmp_path / "events/day.json").write_text(rows)
    (tmp_path / "prices.yaml").write_text(text)

    assert len(text.splitlines()) == 10
    with (tmp_path / "prices.yaml").open() as file:
        pipeline = models.Pipeline.model_validate_yaml(file)
    pipeline.execute()

    found = pipeline.nodes_dict["slv_prices"].output_df.collect()
    assert found.select("symbol", "close").rows() == [("A", 2.5)]
    pipeline.close()


def test_the_readme_shows_a_picture_that_is_there() -> None:
    (path,) = re.findall(r"!\[[^]]+\]\(([^)]+)\)", (ROOT / "README.md").read_text())

    assert (ROOT / path).read_bytes().startswith(b"\x89PNG")


def test_getting_started_ends_as_it_says(tmp_path: Path) -> None:
    (text,) = [b for b in blocks("docs/getting-started.md", "yaml") if "nodes:" in b]
    (tmp_path / "events").mkdir()
    (tmp_path / "events/day.json").write_text(blocks("docs/getting-started.md", "json")[0])
    (tmp_path / "prices.yaml").write_text(text)

    with (tmp_path / "prices.yaml").open() as file:
        models.Pipeline.model_validate_yaml(file).execute()

    tables = tmp_path / "warehouse/main/default"
    assert pl.read_delta(str(tables / "slv_prices")).height == 2
    (rejected,) = pl.read_delta(str(tables / "slv_prices_quarantine")).to_dicts()
    assert (rejected["symbol"], rejected["_failed_rules"]) == ("ALDR", ["price is positive"])


def test_the_cli_page_names_every_command_and_option() -> None:
    text = (ROOT / "docs/cli.md").read_text()
    shared = {"--help", "--version"}

    for name, command in program.commands.items():
        assert f"`{name} " in text or f"`{name}`" in text
        for parameter in command.params:
            if isinstance(parameter, click.Option) and name != "dev":
                assert any(o in text or o in shared for o in parameter.opts), parameter.opts


def test_every_key_of_the_table_of_added_keys_exists() -> None:
    from laktory_dagster.models import node, pipeline, sinks, sources

    text = (ROOT / "docs/language.md").read_text().split("## Keys that Laktory does not have")[1]
    keys = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    known: set[str] = set()
    for model in (
        pipeline.Pipeline, node.PipelineNode, sources.FileSource, sources.AssetSource,
        sinks.SinkOptions,
    ):  # fmt: skip
        known |= set(model.model_fields)

    assert keys
    assert set(keys) <= known


def test_every_pair_of_names_is_accepted() -> None:
    from laktory_dagster.models import expectation, node, pipeline, sinks, sources, transformer

    text = (ROOT / "docs/language.md").read_text().split("## Names of both schemas")[1]
    table = text.split("##")[0]
    pairs = re.findall(r"^\| `(\w+)` \| `(\w+)(?:: \[\.\.\])?` \|", table, re.MULTILINE)
    others: set[frozenset[str]] = set()
    for model in (
        pipeline.Pipeline, node.PipelineNode, sources.FileSource, sinks.SinkOptions,
        transformer.SqlStep, expectation.Expectation,
    ):  # fmt: skip
        others |= {frozenset(pair) for pair in (model.other_names | model.singular).items()}

    assert len(pairs) >= 10
    assert {frozenset(pair) for pair in pairs} <= others


def test_constraints_pin_names_and_nothing_else() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()

    assert lines[0].startswith("#")
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9a-z.+!]+", line) for line in lines[1:])
    names = {line.split("==")[0] for line in lines[1:]}
    assert {"dagster", "polars", "deltalake", "pydantic", "ruff"} <= names
    assert "databricks-sdk" not in names


def test_the_hooks_run_what_make_runs() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    makefile = (ROOT / "Makefile").read_text()

    for hook in hooks:
        command = hook["entry"].removeprefix(".venv/bin/")
        if not command.startswith("laktory-dagster"):
            assert f"$(BIN)/{command}" in makefile


def test_make_explains_its_targets() -> None:
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)

    named = {line.split()[0] for line in done.stdout.splitlines()}
    assert {"demo", "test", "lint", "bench", "help"} <= named
