"""A secret that a run uses is told by nothing that the run says or leaves behind."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from laktory_dagster.errors import RunFailedError, SettingsError
from laktory_dagster.execution.preview import preview_node
from laktory_dagster.project import plan_of
from tests.unit.execution.declared import declared, failed, files, give, ids

SECRET = "hunter2-se'cret"
FUNCTIONS = """
import subprocess


class Odd(Exception):
    def __init__(self, token):
        self.token = token

    def __str__(self):
        return f"odd {self.token}"


def opened(token):
    open(f"/nowhere/{token}")


def called(token):
    subprocess.run(["false", token], check=True)


def odd(token):
    raise Odd(token)


def undecoded(token):
    (token.encode() + b"\\xff").decode()


def grouped(token):
    raise ExceptionGroup("several", [ValueError(token), Odd(token)])


def noted(token):
    error = ValueError("plain")
    error.add_note(f"with {token}")
    raise error


def keyed(token):
    {}[token]


def caused(token):
    try:
        raise Odd(token)
    except Odd as error:
        raise ValueError("outer") from error


def meanwhile(token):
    try:
        raise Odd(token)
    except Odd:
        raise ValueError("outer")


def step(df, token):
    opened(token)


def write(df, token):
    odd(token)
"""
READERS = (
    "opened", "called", "odd", "undecoded", "grouped", "noted", "keyed", "caused", "meanwhile",
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAKTORY_DAGSTER_SECRET_S_K", SECRET)
    (tmp_path / "fns.py").write_text(FUNCTIONS)
    give(tmp_path, *ids(1))
    return tmp_path


def all_of(error: BaseException) -> str:
    """Return what Python, logs and Dagster show of an error: its causes and notes as well."""
    return "".join(traceback.format_exception(error)) + repr(error)


@pytest.mark.parametrize("reader", READERS)
def test_an_error_of_a_reader_tells_no_secret(folder: Path, reader: str) -> None:
    source = f'{{custom_reader: {{func_name: fns.{reader}, func_args: ["${{secrets.s.k}}"]}}}}'

    error = failed(declared(folder, f"- {{name: a, source: {source}}}", "imports: [fns]"))

    assert SECRET not in all_of(error)
    assert "hunter2" not in all_of(error)
    assert f"the reader `fns.{reader}` failed" in str(error)


@pytest.mark.parametrize(
    "part",
    [
        'transformer: {nodes: [{func_name: fns.step, func_args: ["${secrets.s.k}"]}]}',
        "sink: {path: o, custom_writer: {func_name: fns.write, func_args: ['${secrets.s.k}']}}",
    ],
)
def test_an_error_of_a_step_or_a_writer_tells_no_secret(folder: Path, part: str) -> None:
    nodes = f"- name: a\n  source: {{path: in.jsonl, format: JSONL}}\n  {part}"

    error = failed(declared(folder, nodes, "imports: [fns]"))

    assert "hunter2" not in all_of(error)


def test_what_an_error_says_beside_the_secret_is_kept(folder: Path) -> None:
    source = '{custom_reader: {func_name: fns.opened, func_args: ["${secrets.s.k}"]}}'

    error = failed(declared(folder, f"- {{name: a, source: {source}}}", "imports: [fns]"))

    assert "/nowhere/***" in all_of(error)
    assert 'open(f"/nowhere/{token}")' in all_of(error)


def test_an_error_without_a_secret_is_the_one_that_was_raised(folder: Path) -> None:
    (folder / "plain.py").write_text("def fail(token):\n    raise KeyError('plain')\n")
    source = '{custom_reader: {func_name: plain.fail, func_args: ["${secrets.s.k}"]}}'

    error = failed(declared(folder, f"- {{name: a, source: {source}}}", "imports: [plain]"))

    assert isinstance(error.failures[0].error.__cause__, KeyError)


PATHS = """
- name: a
  source: {path: "in/${secrets.s.k}/x.parquet", format: PARQUET}
  sink: {path: "out/${secrets.s.k}/x.parquet", format: PARQUET}
"""


@pytest.mark.parametrize("content", [None, b"PAR1 cut off"])
@pytest.mark.parametrize(
    "look",
    [
        lambda pipeline: pipeline.execute(),
        lambda pipeline: pipeline.nodes_dict["a"].execute(),
        lambda pipeline: pipeline.nodes_dict["a"].source.read().collect(),
        lambda pipeline: preview_node(plan_of(pipeline), "a"),
    ],
    ids=["pipeline", "node", "source", "preview"],
)
def test_no_way_to_look_at_a_source_tells_its_secret_path(
    folder: Path, look: Callable[[Any], Any], content: bytes | None
) -> None:
    place = folder / "in" / SECRET
    place.mkdir(parents=True)
    if content is not None:
        (place / "x.parquet").write_bytes(content)

    with pytest.raises(Exception, match=r"\*\*\*/x\.parquet") as caught:
        look(declared(folder, PATHS))

    assert "hunter2" not in all_of(caught.value)


def test_no_result_and_no_note_beside_the_data_tells_a_secret_path(folder: Path) -> None:
    nodes = """
    - name: a
      source: {path: in.jsonl, format: JSONL}
      expectations: [{name: r, expression: id > 5, action: QUARANTINE}]
      sink: {path: "out/${secrets.s.k}/t", format: PARQUET}
    - name: b
      source: {node_name: a}
      sinks: [{table_name: b}, {path: "out/${secrets.s.k}/b.csv", format: CSV}]
    """
    pipeline = declared(folder, nodes)

    result = pipeline.execute()

    assert "hunter2" not in repr(result.to_dict())
    assert "***" in result["a"].targets[-1].uri
    assert "hunter2" not in repr(pipeline) + pipeline.model_dump_json()
    assert not [name for name, content in files(folder).items() if b"hunter2" in content]


def test_a_stream_names_its_files_without_the_secret(folder: Path) -> None:
    landing = f"in/{SECRET}"
    give(folder, *ids(1), name=f"{landing}/a.jsonl")
    source = '{path: "in/${secrets.s.k}", format: JSONL, as_stream: true}'
    pipeline = declared(folder, f"- {{name: a, source: {source}, sink: {{table_name: a}}}}")
    pipeline.execute()
    give(folder, *ids(1, 2), name=f"{landing}/a.jsonl")

    error = failed(pipeline)

    assert "***/a.jsonl changed after a batch had read it" in str(error)
    assert "hunter2" not in all_of(error)
    assert not [name for name, content in files(folder).items() if b"hunter2" in content]


RENAMED = """\
  source: {path: in.jsonl, format: JSONL}
  transformer: {nodes: [{func_name: rename, func_args: [{id: '${secrets.s.none}'}]}]}"""


@pytest.mark.parametrize(
    "place",
    [
        '  source: {path: "${secrets.s.none}/x.csv", format: CSV}',
        '  source: {path: in.jsonl, format: JSONL}\n  sink: {path: "${secrets.s.none}/x", format: CSV}',
        "  source: {path: in.jsonl, format: JSONL, read_options: {comment: '${secrets.s.none}'}}",
        RENAMED,
    ],
)
def test_a_secret_that_is_not_there_names_its_variable(folder: Path, place: str) -> None:
    with pytest.raises((SettingsError, RunFailedError)) as caught:
        declared(folder, f"- name: a\n{place}").execute()

    assert "the secret `s.none` is not there" in str(caught.value)
    assert "set the variable LAKTORY_DAGSTER_SECRET_S_NONE" in str(caught.value)
    assert "node `a`" in all_of(caught.value)
