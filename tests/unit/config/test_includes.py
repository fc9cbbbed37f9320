"""Included files: every spelling of both eras, their places, and what they may not do."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from laktory_dagster.config.includes import MAX_INCLUDE_DEPTH, append_lines
from laktory_dagster.config.reader import Document, read_document
from laktory_dagster.errors import DeclarationError


def project(folder: Path, files: dict[str, str]) -> Path:
    """Write files and return the path of `main.yaml`."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder / "main.yaml"


def read(folder: Path, files: dict[str, str], **options: Any) -> Document:
    return read_document(project(folder, files), **options)


def failing(folder: Path, files: dict[str, str], **options: Any) -> DeclarationError:
    with pytest.raises(DeclarationError) as caught:
        read(folder, files, **options)
    return caught.value


PARTS = {
    "source.yaml": "path: in\n",
    "base.yaml": "a: 1\nb: 2\n",
    "nodes.yaml": "- x: 1\n- x: 2\n",
    "q.sql": "SELECT 1\n# kept\n",
    "data.json": '{"k": [1, null, true]}\n',
    "empty.yaml": "# nothing\n",
    "parts/b.yml": "n: b\n",
    "parts/a.yaml": "n: a\n",
    "parts/deep/c.yaml": "n: c\n",
    "parts/notes.txt": "not read\n",
    "lists/1.yaml": "- 1\n- 2\n",
    "lists/2.yaml": "n: 3\n",
    "lists/3.yaml": "",
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${include.source.yaml}", {"path": "in"}),
        ("'${include.source.yaml}'", {"path": "in"}),
        ('"${include.source.yaml}"', {"path": "in"}),
        ("!use source.yaml", {"path": "in"}),
        ("!use 'source.yaml'", {"path": "in"}),
        ("!use ./parts/../source.yaml", {"path": "in"}),
        ("!use nodes.yaml", [{"x": 1}, {"x": 2}]),
        ("!use q.sql", "SELECT 1\n# kept\n"),
        ("${include.q.sql}", "SELECT 1\n# kept\n"),
        ("!use data.json", {"k": [1, None, True]}),
        ("!use empty.yaml", None),
        ("!use parts", [{"n": "a"}, {"n": "b"}, {"n": "c"}]),
        ("{k: !use source.yaml}", {"k": {"path": "in"}}),
        ("[!use source.yaml, !use q.sql]", [{"path": "in"}, "SELECT 1\n# kept\n"]),
        ("\n  <<: ${include.base.yaml}\n  b: 9", {"a": 1, "b": 9}),
        ("\n  b: 9\n  <<: ${include.base.yaml}", {"a": 1, "b": 9}),
        ("\n  <<: !update base.yaml\n  c: 3", {"a": 1, "b": 2, "c": 3}),
        ("\n  <<: !update base.yaml\n  <<: !update source.yaml", {"a": 1, "b": 2, "path": "in"}),
        ("\n  <<: !update empty.yaml\n  c: 3", {"c": 3}),
        ("\n  <<: [!use base.yaml, !use source.yaml]", {"a": 1, "b": 2, "path": "in"}),
        ("\n  - x: 0\n  -< ${include.nodes.yaml}\n  - x: 3", [{"x": i} for i in range(4)]),
        ("\n  -< ${include.nodes.yaml}  # both\n", [{"x": 1}, {"x": 2}]),
        ("\n- x: 0\n-< ${include.nodes.yaml}", [{"x": i} for i in range(3)]),
        ("\n  - x: 0\n  - !extend nodes.yaml", [{"x": i} for i in range(3)]),
        ("\n  - !extend source.yaml", [{"path": "in"}]),
        ("\n  - !extend empty.yaml\n  - 1", [1]),
        ("\n  - !extend lists", [1, 2, {"n": 3}]),
        ("!extend nodes.yaml", [{"x": 1}, {"x": 2}]),
        ("|\n  -< ${include.nodes.yaml}\n", "-< ${include.nodes.yaml}\n"),
        ("|\n  ${include.nodes.yaml}\n", "${include.nodes.yaml}\n"),
        (">-\n  a\n  -< ${include.nodes.yaml}\n", "a -< ${include.nodes.yaml}"),
        ("a ${include.q.sql}", "a ${include.q.sql}"),
        ("!!str ${include.q.sql}", "${include.q.sql}"),
    ],
)
def test_every_spelling(tmp_path: Path, text: str, value: object) -> None:
    document = read(tmp_path, PARTS | {"main.yaml": f"name: p\nv: {text}\n"})

    assert document.data == {"name": "p", "v": value}


def test_merged_keys_stand_before_the_mappings_own(tmp_path: Path) -> None:
    document = read(tmp_path, PARTS | {"main.yaml": "v:\n  z: 0\n  <<: !update base.yaml\n"})

    assert list(document.data["v"]) == ["a", "b", "z"]


def test_the_files_that_were_read_are_listed(tmp_path: Path) -> None:
    document = read(
        tmp_path, PARTS | {"main.yaml": "a: !use sub/x.yaml\n", "sub/x.yaml": "y: !use ../q.sql\n"}
    )

    assert [path.name for path in document.files] == ["main.yaml", "x.yaml", "q.sql"]
    assert all(path.is_absolute() for path in document.files)


def test_paths_start_at_the_file_that_includes(tmp_path: Path) -> None:
    files = {
        "main.yaml": "a: !use sub/x.yaml\n",
        "sub/x.yaml": "!use y.yaml\n",
        "sub/y.yaml": "1\n",
    }

    assert read(tmp_path, files).data == {"a": 1}


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (("x", "z"), ("y.yaml", 2, 4)),
        (("x", "z", "unknown"), ("y.yaml", 2, 4)),
        (("x",), ("y.yaml", 2, 1)),
        (("l", 0), ("main.yaml", 4, 5)),
        (("l", 1), ("list.yaml", 1, 3)),
        (("l", 2, "k"), ("list.yaml", 2, 7)),
        (("m", "z"), ("y.yaml", 2, 4)),
        (("m", "own"), ("main.yaml", 9, 8)),
        (("q",), ("q.sql", 1, 1)),
        (("d", 1, "n"), ("b.yaml", 1, 4)),
        (("e", 1, "n"), ("b.yaml", 1, 4)),
    ],
)
def test_places_point_into_included_files(
    tmp_path: Path, path: tuple[str | int, ...], place: tuple[str, int, int]
) -> None:
    document = read(
        tmp_path,
        {
            "main.yaml": (
                "name: p\nx: !use sub/y.yaml\nl:\n  - 0\n  - !extend list.yaml\n"
                "m:\n  <<: !use sub/y.yaml\n\n  own: 1\nq: !use q.sql\nd: !use d\n"
                "e:\n  - !extend d\n"
            ),
            "sub/y.yaml": "\nz: 1\n",
            "list.yaml": "- 1\n- {k: 2}\n",
            "q.sql": "SELECT 1",
            "d/a.yaml": "n: 1\n",
            "d/b.yaml": "n: 2\n",
        },
    )

    found = document.positions.locate(path)

    assert found is not None
    assert (Path(found.file).name, found.line, found.column) == place


def test_keys_of_included_and_merged_values_keep_their_places(tmp_path: Path) -> None:
    document = read(
        tmp_path,
        {"main.yaml": "\nx: !use y.yaml\nm:\n  <<: !use y.yaml\n", "y.yaml": "\n\n z: 1\n"},
    )

    def key(*path: str) -> tuple[str, int, int]:
        found = document.positions.locate(path, key=True)
        assert found is not None
        return Path(found.file).name, found.line, found.column

    assert key("x") == ("main.yaml", 2, 1)
    assert key("x", "z") == ("y.yaml", 3, 2)
    assert key("m", "z") == ("y.yaml", 3, 2)


def test_a_snippet_comes_from_the_included_file(tmp_path: Path) -> None:
    document = read(tmp_path, {"main.yaml": "x: !use y.yaml\n", "y.yaml": "z: wrong\n"})
    place = document.positions.locate(["x", "z"])
    assert place is not None

    snippet = document.positions.snippet(place)

    assert snippet == "  1 | z: wrong\n         ^"


@pytest.mark.parametrize("path", ["../secret.yaml", "link.yaml", "folder/secret.yaml", "linked"])
def test_includes_stay_below_the_root(tmp_path: Path, path: str) -> None:
    (tmp_path / "secret.yaml").write_text("canary: 1\n")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.yaml").write_text("canary: 1\n")
    inside = tmp_path / "project"
    (inside / "linked").mkdir(parents=True)
    (inside / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    (inside / "folder").symlink_to(tmp_path / "outside")
    (inside / "linked" / "x.yaml").symlink_to(tmp_path / "secret.yaml")

    error = failing(inside, {"main.yaml": f"x: !use {path}\n"})

    assert f"leaves the project root {inside}" in str(error)
    assert "canary" not in str(error)


def test_absolute_paths_below_the_root_are_taken_and_others_are_not(tmp_path: Path) -> None:
    inside = tmp_path / "project"
    files = {"main.yaml": f"x: !use {inside}/y.yaml\n", "y.yaml": "1\n"}
    assert read(inside, files).data == {"x": 1}

    assert "leaves the project root" in str(failing(inside, {"main.yaml": "x: !use /etc/x.yaml\n"}))


def test_a_wider_root_may_be_given(tmp_path: Path) -> None:
    (tmp_path / "shared.yaml").write_text("1\n")
    files = {"main.yaml": "x: !use ../shared.yaml\n"}

    assert read(tmp_path / "pipelines", files, project_root=tmp_path).data == {"x": 1}


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("gone.yaml", "does not exist"),
        ("'a\0b.yaml'", "control characters"),
        ('"a\\0b.yaml"', "cannot be read"),
        (f"{'x' * 300}.yaml", "File name too long"),
        ("loop.yaml", "cannot be read"),
        ("secret.env", "neither YAML nor SQL"),
        ("pipe.yaml", "is no file"),
        ("latin.yaml", "is no UTF-8"),
        ("wide.yaml", "is UTF-16"),
        ("🎉.yaml", "does not exist"),
    ],
)
def test_what_cannot_be_included_is_one_clear_error(tmp_path: Path, path: str, words: str) -> None:
    (tmp_path / "loop.yaml").symlink_to(tmp_path / "loop.yaml")
    (tmp_path / "secret.env").write_text("canary")
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9\n")
    (tmp_path / "wide.yaml").write_bytes("a: 1\n".encode("utf-16"))

    error = failing(tmp_path, {"main.yaml": f"name: p\nx: !use {path}\n"})

    (found,) = error.diagnostics
    assert words in found.message
    assert found.location is not None
    assert "canary" not in str(error)


@pytest.mark.parametrize(
    ("files", "cycle"),
    [
        ({"main.yaml": "x: !use main.yaml\n"}, "main.yaml -> main.yaml"),
        (
            {"main.yaml": "x: !use a.yaml\n", "a.yaml": "- x: !use main.yaml\n"},
            "main.yaml -> a.yaml -> main.yaml",
        ),
        (
            {"main.yaml": "x: !use a.yaml\n", "a.yaml": "!use b.yaml\n", "b.yaml": "!use a.yaml\n"},
            "main.yaml -> a.yaml -> b.yaml -> a.yaml",
        ),
        ({"main.yaml": "x: !use d\n", "d/a.yaml": "!use ../d\n"}, "main.yaml -> a.yaml -> a.yaml"),
    ],
)
def test_cycles_are_named(tmp_path: Path, files: dict[str, str], cycle: str) -> None:
    assert f"files include each other: {cycle}" in str(failing(tmp_path, files))


def test_a_file_may_be_included_twice(tmp_path: Path) -> None:
    files = {"main.yaml": "x: !use y.yaml\nz: !use y.yaml\n", "y.yaml": "1\n"}

    assert read(tmp_path, files).data == {"x": 1, "z": 1}


def test_includes_nest_twenty_deep_and_no_deeper(tmp_path: Path) -> None:
    files = {f"{i}.yaml": f"!use {i + 1}.yaml\n" for i in range(MAX_INCLUDE_DEPTH + 1)}
    files["main.yaml"] = "x: !use 0.yaml\n"

    assert "too many includes" in str(failing(tmp_path, files))
    files["19.yaml"] = "end\n"
    assert read(tmp_path, files).data == {"x": "end"}


def test_a_chain_of_files_cannot_hide_depth(tmp_path: Path) -> None:
    deep = "[" * 40 + "!use {}" + "]" * 40
    files = {f"{i}.yaml": deep.format(f"{i + 1}.yaml") for i in range(3)} | {"3.yaml": "1\n"}
    files["main.yaml"] = "x: !use 0.yaml\n"

    assert "nests deeper than 100 levels" in str(failing(tmp_path, files))


def test_problems_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    error = failing(
        tmp_path,
        {
            "main.yaml": "a: 1\na: 2\nx: !use bad.yaml\ny: !use gone.yaml\nz: !use worse.yaml\n",
            "bad.yaml": "k: 'open\n",
            "worse.yaml": "t: !!python/object:x 1\n",
        },
    )

    places = [found.location for found in error.diagnostics]
    assert [(Path(p.file).name, p.line) for p in places if p] == [
        ("main.yaml", 2),
        ("bad.yaml", 1),
        ("main.yaml", 4),
        ("worse.yaml", 1),
    ]
    assert all(found.snippet for found in error.diagnostics)


def test_a_problem_of_a_file_included_twice_is_told_once(tmp_path: Path) -> None:
    files = {"main.yaml": "x: !use y.yaml\nz: !use y.yaml\n", "y.yaml": "a: [\n"}

    assert len(failing(tmp_path, files).diagnostics) == 1


BY_VARIABLE = {
    "dev.yaml": "1\n",
    "prod.yaml": "2\n",
    "other.yaml": "3\n",
}


@pytest.mark.parametrize(
    ("main", "options", "value"),
    [
        ("variables: {e: dev}\nx: !use '${vars.e}.yaml'\n", {}, 1),
        ("x: !use '${vars.e}.yaml'\nvariables: {e: dev}\n", {}, 1),
        ("x: ${include.dev.yaml}\n", {}, 1),
        ("x: !use '${vars.e}.yaml'\n", {"variables": {"e": "prod"}}, 2),
        ("variables: {e: dev}\nx: !use '${vars.e}.yaml'\n", {"variables": {"e": "prod"}}, 2),
        (
            "variables: {e: dev}\nenvironments: {q: {variables: {e: prod}}}\nx: !use ${vars.e}.yaml\n",
            {"environment": "q"},
            2,
        ),
        (
            "environments: {q: {variables: {e: prod}}}\nx: !use ${vars.e}.yaml\n",
            {"environment": "q", "variables": {"e": "other"}},
            3,
        ),
    ],
)
def test_paths_may_use_variables(
    tmp_path: Path, main: str, options: dict[str, Any], value: int
) -> None:
    document = read(tmp_path, BY_VARIABLE | {"main.yaml": main}, **options)

    assert document.data["x"] == value


def test_a_path_with_an_unknown_variable_is_an_error(tmp_path: Path) -> None:
    (found,) = failing(tmp_path, {"main.yaml": "n: 1\nx: !use ${vars.e}.yaml\n"}).diagnostics

    assert "`${vars.e}` has no value" in found.message
    assert found.location is not None
    assert found.location.line == 2


def test_variables_do_not_lead_out_of_the_root(tmp_path: Path) -> None:
    error = failing(
        tmp_path / "p", {"main.yaml": "x: !use ${vars.e}/x.yaml\n"}, variables={"e": "../.."}
    )

    assert "leaves the project root" in str(error)


def test_a_text_includes_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project(tmp_path, PARTS)
    monkeypatch.chdir(tmp_path)

    assert read_document("x: !use source.yaml\n").data == {"x": {"path": "in"}}


def test_an_open_file_includes_from_its_own_folder(tmp_path: Path) -> None:
    main = project(tmp_path, PARTS | {"main.yaml": "x: !use source.yaml\n"})

    with main.open() as file:
        document = read_document(file)

    assert document.data == {"x": {"path": "in"}}
    assert document.path == main.resolve()


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("a: b\n", "a: b\n"),
        ("a:\n-< ${include.x.yaml}\n", "a:\n- !extend 'x.yaml'\n"),
        ("  -<${include.x.yaml}", "  - !extend 'x.yaml'"),
        ("-< ${include.it's.yaml}\r\n", "- !extend 'it''s.yaml'\r\n"),
        ("a: -< ${include.x}\n", "a: -< ${include.x}\n"),
        ("a: |\n  -< ${include.x}\nb:\n-< ${include.y}\n",
         "a: |\n  -< ${include.x}\nb:\n- !extend 'y'\n"),
        ("- |2-  # note\n    -< ${include.x}\n\n    -< ${include.x}\n",
         "- |2-  # note\n    -< ${include.x}\n\n    -< ${include.x}\n"),
        ("a: x |\n", "a: x |\n"),
    ],
)  # fmt: skip
def test_append_lines(text: str, result: str) -> None:
    assert append_lines(text) == result
