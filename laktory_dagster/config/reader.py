"""YAML text to plain data with positions: strict, capped, and never running anything."""

from __future__ import annotations

import codecs
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import yaml

from laktory_dagster.config.builder import Builder
from laktory_dagster.config.includes import Includes, append_lines
from laktory_dagster.config.positions import Positions, snippet_of
from laktory_dagster.errors import DeclarationError, Diagnostic, Location

MAX_BYTES = 16 * 1024 * 1024
STRING = "<string>"
_FOREIGN = {
    "resources": "a stack file: give each pipeline a file of its own and name its resources there",
    "backend": "a stack file: give each pipeline a file of its own",
    "dags": "an Airflow file: schedules are `schedule: {cron: ...}` in the pipeline",
    "default_args": "an Airflow file: schedules are `schedule: {cron: ...}` in the pipeline",
}


@dataclass(frozen=True)
class Document:
    """What a text declares: plain data, the place of every part, and the files that were read.

    `data` is a mapping, or a list of mappings where the text holds several pipelines.
    """

    data: Any
    positions: Positions
    path: Path | None
    text: str
    files: tuple[Path, ...] = field(default=())


def read_document(
    source: str | Path | TextIO, *, project_root: Path | None = None, name: str | None = None
) -> Document:
    """Return the data of a YAML file, an open file or a text, includes resolved.

    Args:
        source: a Path, an open text file, or the text itself.
        project_root: includes may not leave it; by default the file's folder.
        name: shown in messages in place of `<string>`.

    Raises:
        DeclarationError: the YAML is malformed, too large, or no pipeline.
    """
    path, text, shown = _text_of(source, name)
    folder = (path.parent if path else Path.cwd()).resolve()
    includes = Includes(project_root.resolve() if project_root else folder, _parse)
    includes.texts[shown] = text
    with _without_gc():
        builder = _parse(text, shown, folder, includes)
    data, spot = builder.result()
    positions = Positions(spot, includes.texts)
    _refuse_foreign(data, positions)
    files = (*((path,) if path else ()), *includes.files)
    return Document(data, positions, path, text, files)


@contextmanager
def _without_gc() -> Iterator[None]:
    # Building many small containers triggers full collections that find nothing.
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _text_of(source: str | Path | TextIO, name: str | None) -> tuple[Path | None, str, str]:
    if isinstance(source, Path):
        shown = name or str(source)
        try:
            raw = source.read_bytes()
        except OSError as error:
            raise DeclarationError.single(
                f"the file {source} cannot be read: {error.strerror}"
            ) from error
        return source.resolve(), _decode(raw, shown), shown
    if isinstance(source, str):
        _check_size(len(source.encode("utf-8", "surrogatepass")), name or STRING)
        return None, source.removeprefix("\ufeff"), name or STRING
    text: str | bytes = source.read()
    origin = getattr(source, "name", None)
    path = Path(origin).resolve() if isinstance(origin, str) and Path(origin).is_file() else None
    shown = name or (str(origin) if path else STRING)
    if isinstance(text, bytes):
        return path, _decode(text, shown), shown
    _check_size(len(text), shown)
    return path, text.removeprefix("\ufeff"), shown


def _check_size(size: int, shown: str) -> None:
    if size > MAX_BYTES:
        raise DeclarationError.single(
            f"{shown} has {size:,} bytes",
            expected=f"at most {MAX_BYTES:,} bytes",
            hint="keep data in files, and split the pipeline",
        )


def _decode(raw: bytes, shown: str) -> str:
    _check_size(len(raw), shown)
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DeclarationError.single(
            f"{shown} is UTF-16", expected="UTF-8", hint="save it as UTF-8"
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line = before.count(b"\n") + 1
        column = error.start - (before.rfind(b"\n") + 1) + 1
        raise DeclarationError.single(
            f"byte 0x{raw[error.start]:02x} is no UTF-8",
            location=Location(shown, line, column),
            expected="a file in UTF-8",
        ) from error


def _parse(text: str, shown: str, folder: Path, includes: Includes) -> Builder:
    """Return the builder that has read one text."""
    prepared = append_lines(text)
    builder = Builder(shown, folder, includes)
    try:
        for event in yaml.parse(prepared, Loader=yaml.CSafeLoader):
            builder.take(event)
    except yaml.YAMLError as error:
        raise DeclarationError([_diagnose(error, text, shown)]) from None
    except UnicodeEncodeError as error:
        raise DeclarationError.single(
            "the text holds half a character (a lone surrogate)",
            location=Location(shown, text[: error.start].count("\n") + 1, 1),
        ) from None
    return builder


def _diagnose(error: yaml.YAMLError, text: str, shown: str) -> Diagnostic:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        if error.context_mark is not None and "quoted scalar" in (error.context or ""):
            mark = error.context_mark
        line, column = mark.line + 1, mark.column + 1
        problem = error.problem or "malformed YAML"
        hint = _advice(problem, text, line)
        if error.context and error.context_mark is not None:
            problem = f"{problem} ({error.context}, from line {error.context_mark.line + 1})"
        return Diagnostic(
            f"malformed YAML: {problem}",
            location=Location(shown, line, column),
            snippet=snippet_of(text, line, column),
            hint=hint,
        )
    position = getattr(error, "position", 0) or 0
    before = text[:position] if isinstance(position, int) else ""
    line = before.count("\n") + 1
    column = len(before) - (before.rfind("\n") + 1) + 1
    return Diagnostic(
        f"malformed YAML: {getattr(error, 'reason', None) or str(error).splitlines()[0]}",
        location=Location(shown, line, column),
        snippet=snippet_of(text, line, column),
        hint="remove control characters",
    )


def _advice(problem: str, text: str, line: int) -> str | None:
    lines = text.splitlines()
    near = lines[line - 1] if 0 < line <= len(lines) else ""
    if "\t" in near[: len(near) - len(near.lstrip())] or "cannot start any token" in problem:
        return "indent with spaces; YAML allows no tabs there"
    if "quoted scalar" in problem or "end of stream" in problem:
        return "close the quote or bracket"
    if "mapping values are not allowed" in problem:
        return "put quotes around a text that holds `: `"
    if "did not find expected" in problem:
        return "check the indentation, and that quotes and brackets are closed"
    return None


def _refuse_foreign(data: Any, positions: Positions) -> None:
    if isinstance(data, dict):
        for key, advice in _FOREIGN.items():
            if key in data and "nodes" not in data:
                place = positions.locate([key], key=True)
                raise DeclarationError.single(
                    f"`{key}:` makes this {advice}",
                    path=(key,),
                    location=place,
                    snippet=positions.snippet(place) if place else None,
                    expected="a pipeline with `name` and `nodes`",
                )
        return
    if isinstance(data, list) and data and all(isinstance(item, dict) for item in data):
        return
    place = positions.locate([])
    raise DeclarationError.single(
        "the text declares no pipeline" if data is not None else "the text is empty",
        location=place,
        snippet=positions.snippet(place) if place else None,
        expected="a mapping with `name` and `nodes`",
    )
