"""Functions of a project: what readers, steps and writers of its own get and hand back."""

from __future__ import annotations

import json
import tempfile
import traceback
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from laktory_dagster import api, models
from laktory_dagster.errors import RunFailedError, SettingsError
from laktory_dagster.plan.explain import explain_json
from laktory_dagster.project import load_plan, load_project
from tests.sessions import ENGINES, shared_session

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


FRAMES = """
import narwhals as nw

import laktory_dagster as lk


@lk.api.register_expr_namespace("lake")
class LakeExpressions:
    def __init__(self, expression):
        self._expression = expression

    def double(self):
        return self._expression * 2


@lk.api.register_anyframe_namespace("lake")
class LakeFrames:
    def __init__(self, frame):
        self._frame = frame

    def with_double(self, column, laktory_context=None):
        name = laktory_context.node.name
        return self._frame.with_columns(nw.col(column).lake.double().alias(name))

    def joined(self, other):
        return self._frame.join(other, on="a").to_native()
"""
NAMESPACES = """
name: spaces
imports: [lake]
nodes:
  - name: b
    source: {{data: {{a: [1, 2]}}}}
    transformer:
      nodes:
        - {{func_name: lake.{method}, func_args: [a]}}
        - {{func_name: lake.joined, func_args: [{{data: {{a: [2], c: [9]}}}}]}}
"""


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "__init__.py").write_text("from .frames import LakeFrames\n")
    (tmp_path / "lake" / "frames.py").write_text(FRAMES)
    return tmp_path


def test_methods_of_a_registered_namespace_are_functions(lake: Path) -> None:
    (lake / "pipeline.yaml").write_text(NAMESPACES.format(method="with_double"))
    with (lake / "pipeline.yaml").open() as file:
        made = models.Pipeline.model_validate_yaml(file)
    made.execute()
    found = made.nodes_dict["b"].output_df.collect()
    assert found.to_dict(as_series=False) == {"a": [2], "b": [4], "c": [9]}


def test_validate_knows_the_methods_of_a_namespace_without_importing_it(lake: Path) -> None:
    (lake / "pipeline.yaml").write_text(NAMESPACES.format(method="with_duble"))
    (lake / "lake" / "frames.py").write_text(FRAMES + "\nraise RuntimeError('imported')\n")
    problem = load_project(lake / "pipeline.yaml").problems[0]
    (diagnostic,) = problem.error.diagnostics
    assert diagnostic.hint == "did you mean `lake.with_double`?"


def test_a_change_of_a_namespace_is_a_change_of_the_node(lake: Path) -> None:
    (lake / "pipeline.yaml").write_text(NAMESPACES.format(method="with_double"))
    versions = []
    for factor in ("* 2", "* 3"):
        (lake / "lake" / "frames.py").write_text(FRAMES.replace("* 2", factor))
        (plan,) = load_project(lake / "pipeline.yaml").plans
        versions.append(plan.nodes["b"].code_version)
    assert versions[0] != versions[1]


def test_a_program_uses_the_namespaces_that_it_registers() -> None:
    @api.register_anyframe_namespace("of_this_test")
    class OfThisTest:
        def __init__(self, frame: Any) -> None:
            self._frame = frame

        def plus(self, by: int) -> Any:
            return self._frame.to_native().with_columns(b=pl.col("a") + by)

    step = models.DataFrameMethod(func_name="of_this_test.plus", func_args=[2])
    node = models.PipelineNode(
        name="n", source=models.MemorySource(data={"a": [1]}), transformer={"nodes": [step]}
    )
    assert node.execute(write_sinks=False).collect().rows() == [(1, 3)]
    assert hasattr(OfThisTest, "plus")


@pytest.mark.parametrize("name", ["filter", "laktory", "no name"])
def test_a_namespace_hides_nothing(name: str) -> None:
    with pytest.raises(SettingsError, match="cannot be named"):
        api.register_anyframe_namespace(name)


def test_a_module_of_the_reference_says_what_to_import(tmp_path: Path) -> None:
    (tmp_path / "lake.py").write_text("import laktory as lk\n\ndef f(frame):\n    return frame\n")
    text = "name: p\nimports: [lake]\nnodes: [{name: n, source: {data: [{a: 1}]}}]\n"
    (tmp_path / "pipeline.yaml").write_text(text)
    with (tmp_path / "pipeline.yaml").open() as file:
        made = models.Pipeline.model_validate_yaml(file)
    with pytest.raises(SettingsError, match="import laktory_dagster as laktory"):
        made.execute()


METHODS = """
import laktory_dagster as lk
import narwhals as nw


@lk.api.register_expr_namespace("finance")
class Finance:
    def __init__(self, expr):
        self._expr = expr

    def scaled(self, by=2):
        return self._expr * by

    def share(self, *, of):
        return (self._expr / of.sum()).alias("share")
"""
PLAIN = """\
@pl.api.register_expr_namespace("plain")
class Plain:
    def __init__(self, expr):
        self._expr = expr

    def halved(self):
        return self._expr / 2
"""
WITH_METHODS = """
name: spaces
imports: [money]
nodes:
  - name: n
    source: {{data: {{g: [1, 1, 2], x: [1.0, 3.0, 4.0]}}}}
    transformer:
      nodes:
        - func_name: with_columns
          func_args: ['(nw.col("x") + 1).finance.share(of=nw.col("x") + 1)']
          func_kwargs:
            a: nw.col("x").finance.{method}()
            b: nw.col("x").finance.scaled(by=nw.col("g")) + pl.col("x")
            c: nw.when(nw.col("x").finance.scaled() > 5).then(nw.lit("high")).otherwise(nw.lit("low"))
    expectations:
      - {{name: small, expression: nw.col("x").finance.scaled(10) < 35, action: DROP}}
    sink: {{table_name: n}}
"""


@pytest.fixture
def money(tmp_path: Path) -> Path:
    (tmp_path / "money.py").write_text(METHODS)
    (tmp_path / "pipeline.yaml").write_text(WITH_METHODS.format(method="scaled"))
    return tmp_path / "pipeline.yaml"


@pytest.mark.parametrize("engine", ENGINES)
def test_expressions_call_the_methods_that_a_module_registers(money: Path, engine: str) -> None:
    session = None if engine == "polars" else shared_session(engine)
    if session is not None:
        money.write_text(money.read_text() + "dataframe_type: SPARK\n")
    with money.open() as file:
        made = models.Pipeline.model_validate_yaml(file)
    made.execute(spark=session)
    table = pl.read_delta(str(money.parent / "warehouse/main/default/n")).sort("x")
    found = table.to_dict(as_series=False)
    # x + 1 is 2, 4 and 5, of 11; the third row is dropped, since 40 is not below 35.
    assert found.pop("share") == pytest.approx([2 / 11, 4 / 11])
    assert found == {
        "g": [1, 1], "x": [1.0, 3.0], "a": [2.0, 6.0], "b": [2.0, 6.0], "c": ["low", "high"],
    }  # fmt: skip


def test_validate_knows_the_methods_without_importing_the_module(money: Path) -> None:
    money.with_name("money.py").write_text(METHODS + "\nraise RuntimeError('imported')\n")
    assert not load_project(money).problems
    money.write_text(WITH_METHODS.format(method="scald"))
    (diagnostic,) = load_project(money).problems[0].error.diagnostics
    assert "`.finance.scald` does not exist" in diagnostic.message
    assert diagnostic.hint == "did you mean `.finance.scaled`?"


def test_methods_are_those_of_the_modules_that_a_pipeline_imports(money: Path) -> None:
    assert not load_project(money).problems
    money.write_text(money.read_text().replace("imports: [money]\n", ""))
    messages = [d.message for d in load_project(money).problems[0].error.diagnostics]
    assert {message.split("`")[1] for message in messages} == {".finance.share", ".finance.scaled"}
    assert all("does not exist" in message for message in messages)


def test_a_change_of_a_method_is_a_change_of_the_nodes_that_call_it(money: Path) -> None:
    other = "  - {name: other, source: {data: {x: [1]}}}\n"
    money.write_text(money.read_text() + other)
    versions = []
    for factor in ("* by", "* by * 1"):
        money.with_name("money.py").write_text(METHODS.replace("* by", factor))
        (plan,) = load_project(money).plans
        versions.append({name: node.code_version for name, node in plan.nodes.items()})
    assert versions[0]["n"] != versions[1]["n"]
    assert versions[0]["other"] == versions[1]["other"]


def test_a_method_of_narwhals_after_something_else_is_refused_by_name(money: Path) -> None:
    text = money.read_text().replace('nw.col("x").finance.scaled()', 'pl.col("x").finance.scaled()')
    money.write_text(text)
    with money.open() as file:
        made = models.Pipeline.model_validate_yaml(file)
    with pytest.raises(RunFailedError, match="takes expressions of narwhals"):
        made.execute()


def test_methods_may_be_registered_with_polars_itself(tmp_path: Path) -> None:
    (tmp_path / "plain.py").write_text("import polars as pl\n\n\n" + PLAIN)
    (tmp_path / "pipeline.yaml").write_text(
        "name: p\nimports: [plain]\nnodes:\n- name: n\n  source: {data: {x: [3.0]}}\n"
        "  transformer: {nodes: [{with_column: {name: y, type: double, "
        "expr: pl.col('x').plain.halved()}}]}\n"
    )
    with (tmp_path / "pipeline.yaml").open() as file:
        made = models.Pipeline.model_validate_yaml(file)
    assert made.nodes_dict["n"].execute().collect().rows() == [(3.0, 1.5)]


def test_a_program_uses_the_methods_that_it_registers() -> None:
    @api.register_expr_namespace("of_a_test")
    class OfATest:
        def __init__(self, expr: Any) -> None:
            self._expr = expr

        def plus(self, by: int) -> Any:
            return self._expr + by

    made = {"func_name": "with_columns", "func_kwargs": {"b": 'nw.col("a").of_a_test.plus(2)'}}
    node = models.PipelineNode(
        name="n", source=models.MemorySource(data={"a": [1]}), transformer={"nodes": [made]}
    )
    for _ in range(2):
        assert node.execute(write_sinks=False).collect().rows() == [(1, 3)]
    assert hasattr(OfATest, "plus")
