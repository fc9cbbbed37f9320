"""Functions of a project: what readers, steps and writers of its own get and hand back."""

from __future__ import annotations

import json
import tempfile
import traceback
from pathlib import Path

import polars as pl
import pytest

from laktory_dagster import models
from laktory_dagster.plan.explain import explain_json
from laktory_dagster.project import load_plan

FUNCTIONS = """
import json
from pathlib import Path

import polars as pl


def read(first, *, count, laktory_context):
    name = f"{laktory_context.pipeline.name}.{laktory_context.node.name}"
    assert laktory_context.source.limit == 3
    return pl.DataFrame({"a": range(first, first + count), "by": name})


def double(frame, column, laktory_context=None):
    return frame.with_columns(pl.col(column) * 2, node=pl.lit(laktory_context.node.name))


def write(frame, header, *, laktory_context, footer="-"):
    path = Path(laktory_context.sink.path)
    rows = frame.collect().rows()
    path.write_text(json.dumps([header, *rows, footer]))


def read_with(*args, **kwargs):
    Path("seen-reader.json").write_text(json.dumps([args, kwargs]))
    return pl.DataFrame({"a": [1]})


def step_with(frame, *args, **kwargs):
    Path("seen-step.json").write_text(json.dumps([args, kwargs]))
    return frame


def write_with(frame, *args, laktory_context, **kwargs):
    Path("seen-writer.json").write_text(json.dumps([args, kwargs]))


def telling(frame, token):
    raise RuntimeError({"token": token, "url": f"https://x/?t={token}"})


def broken(frame):
    raise RuntimeError("the printer is on fire")
"""

PIPELINE = """
name: own
udfs:
  - {{module_name: own_functions, function_name: double}}
nodes:
  - name: numbers
    source:
      custom_reader: {{func_name: own_functions.read, func_args: [5], func_kwargs: {{count: 9}}}}
      limit: 3
    transformer:
      nodes:
        - {{func_name: double, func_args: [a]}}
    sinks:
      - path: {path}
        format: JSON
        custom_writer: {writer}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "own_functions.py").write_text(FUNCTIONS)
    return tmp_path


def pipeline(folder: Path, writer: str) -> models.Pipeline:
    file = folder / "pipeline.yaml"
    file.write_text(PIPELINE.format(path=folder / "out.json", writer=writer))
    with file.open() as opened:
        return models.Pipeline.model_validate_yaml(opened)


def test_reader_step_and_writer_get_arguments_and_context(folder: Path) -> None:
    writer = "{func_name: own_functions.write, func_args: [head], func_kwargs: {footer: foot}}"
    pipeline(folder, writer).execute()
    assert json.loads((folder / "out.json").read_text()) == [
        "head",
        [10, "own.numbers", "numbers"],
        [12, "own.numbers", "numbers"],
        [14, "own.numbers", "numbers"],
        "foot",
    ]


def test_a_writer_by_name_alone_that_fails_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder / "temporary"))
    with pytest.raises(Exception, match="the printer is on fire") as caught:
        pipeline(folder, "own_functions.broken").execute()
    assert "numbers" in str(caught.value)
    assert "out.json" in str(caught.value)
    assert not list((folder / "temporary").iterdir())
    assert not (folder / "out.json").exists()


def test_nothing_is_written_by_a_run_without_sinks(folder: Path) -> None:
    made = pipeline(folder, "own_functions.broken")
    made.execute(write_sinks=False)
    frame = made.nodes_dict["numbers"].output_df
    assert isinstance(frame, pl.LazyFrame)
    assert frame.select(pl.col("a").sum()).collect().item() == 36
    assert not (folder / "out.json").exists()


NARWHALS = """
name: api
{api}
nodes:
  - name: n
    source: {{data: [{{a: 1}}]}}
    transformer:
      nodes: [{{func_name: {module}.kind}}]
    sinks: [{{path: out.json, format: JSON, custom_writer: {module}.store}}]
"""
KIND = """
{imports}
from pathlib import Path


def kind(frame):
    return frame.with_columns(pl.lit(type(frame).__module__.split(".")[0]).alias("b")) \\
        if "narwhals" not in type(frame).__module__ else \\
        frame.with_columns(nw.lit("narwhals").alias("b"))


def store(frame):
    Path("out.txt").write_text(type(frame).__module__.split(".")[0])
"""


@pytest.mark.parametrize(
    ("imports", "api", "given"),
    [
        ("import polars as pl", "", "polars"),
        ("import narwhals as nw", "", "narwhals"),
        ("import polars as pl\nimport narwhals as nw", "dataframe_api: NATIVE", "polars"),
        ("import polars as pl\nimport narwhals as nw", "dataframe_api: NARWHALS", "narwhals"),
    ],
)
def test_functions_get_the_frames_that_they_work_with(
    folder: Path, monkeypatch: pytest.MonkeyPatch, imports: str, api: str, given: str
) -> None:
    monkeypatch.chdir(folder)
    (folder / "kinds.py").write_text(KIND.format(imports=imports))
    file = folder / "pipeline.yaml"
    text = NARWHALS.format(api=api, module="kinds")
    file.write_text(text.replace("name: api\n", "name: api\nimports: [kinds]\n"))
    with file.open() as opened:
        made = models.Pipeline.model_validate_yaml(opened)
    frame = made.nodes_dict["n"].execute().collect()
    assert frame.rows() == [(1, given)]
    assert (folder / "out.txt").read_text() == given


SECRET = "pl.col('a') S3 & cret"
GIVEN = "'${secrets.api.key}', 'Bearer ${secrets.api.key}!', [1, {deep: '${secrets.api.key}'}]"
SECRETS = """
name: own
imports: [own_functions]
nodes:
  - name: n
    source:
      custom_reader:
        {{func_name: own_functions.read_with, func_args: [{given}], func_kwargs: {{k: [{given}]}}}}
    transformer:
      nodes:
        - {{func_name: {step}, func_args: [{given}], func_kwargs: {{{kwargs}}}}}
    sinks:
      - path: ./out.json
        format: JSON
        custom_writer:
          {{func_name: own_functions.write_with, func_args: [{given}], func_kwargs: {{k: [{given}]}}}}
"""


def secret_pipeline(
    folder: Path, monkeypatch: pytest.MonkeyPatch, step: str, given: str, kwargs: str
) -> models.Pipeline:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("LAKTORY_DAGSTER_SECRET_API_KEY", SECRET)
    file = folder / "own.yaml"
    file.write_text(SECRETS.format(given=given, step=step, kwargs=kwargs))
    with file.open() as opened:
        return models.Pipeline.model_validate_yaml(opened)


@pytest.mark.parametrize("who", ["reader", "step", "writer"])
def test_secrets_among_the_arguments_reach_functions_as_their_values(
    folder: Path, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    made = secret_pipeline(folder, monkeypatch, "step_with", GIVEN, f"k: [{GIVEN}]")

    made.execute()

    values = [SECRET, f"Bearer {SECRET}!", [1, {"deep": SECRET}]]
    seen = json.loads((folder / f"seen-{who}.json").read_text())
    assert seen == [values, {"k": values}]
    told = made.model_dump_json() + repr(made) + str(explain_json(load_plan(folder / "own.yaml")))
    assert SECRET not in told
    assert "${secrets.api.key}" in made.model_dump_json()


def test_a_secret_that_a_function_tells_is_masked(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = secret_pipeline(folder, monkeypatch, "telling", "'${secrets.api.key}'", "")

    with pytest.raises(Exception, match="telling") as raised:
        made.execute()

    told = "".join(traceback.format_exception(raised.value))
    assert "***" in told
    assert "S3 & cret" not in told


def test_the_version_of_a_node_does_not_hang_on_the_value_of_a_secret(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret_pipeline(folder, monkeypatch, "step_with", "'${secrets.api.key}'", "")
    before = load_plan(folder / "own.yaml").nodes["n"].code_version

    monkeypatch.setenv("LAKTORY_DAGSTER_SECRET_API_KEY", "another")

    assert load_plan(folder / "own.yaml").nodes["n"].code_version == before


def test_a_secret_that_is_not_there_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = secret_pipeline(folder, monkeypatch, "step_with", "'${secrets.api.other}'", "")

    with pytest.raises(Exception, match="LAKTORY_DAGSTER_SECRET_API_OTHER"):
        made.execute()


def test_secrets_in_the_options_of_reader_and_writer_are_resolved(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKTORY_DAGSTER_SECRET_API_MARK", "|")
    (folder / "in.csv").write_text("a|b\n1|2\n")
    option = "{separator: '${secrets.api.mark}'}"
    (folder / "own.yaml").write_text(
        "name: own\nnodes:\n  - name: n\n"
        f"    source: {{path: in.csv, format: CSV, read_options: {option}}}\n"
        f"    sink: {{path: out.csv, format: CSV, write_options: {option}}}\n"
    )
    with (folder / "own.yaml").open() as opened:
        models.Pipeline.model_validate_yaml(opened).execute()
    assert (folder / "out.csv").read_text() == "a|b\n1|2\n"
