"""Reading YAML: strict scalars, one clear error with its place, caps, includes."""

from __future__ import annotations

import gc
import io
import math
import time
from pathlib import Path

import pytest

from laktory_dagster.config.reader import MAX_BYTES, read_document
from laktory_dagster.errors import DeclarationError


def value_of(text: str) -> object:
    return read_document(f"name: {text}\n").data["name"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-7", -7),
        ("0x1F", 31),
        ("0o17", 15),
        ("1e3", 1000.0),
        ("1.5", 1.5),
        (".5", 0.5),
        (".inf", math.inf),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("Off", "Off"),
        ("0777", "0777"),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("2024-01-01", "2024-01-01"),
        ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z"),
        ("'12'", "12"),
        ('"true"', "true"),
        ("!!str 12", "12"),
        ("=", "="),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    found = value_of(text)

    assert found == value
    assert type(found) is type(value)


def test_keys_are_always_texts() -> None:
    assert read_document("on: 1\n1: 2\ntrue: 3\nname: p\n").data == {
        "on": 1,
        "1": 2,
        "true": 3,
        "name": "p",
    }


def failing(text: str | Path) -> DeclarationError:
    with pytest.raises(DeclarationError) as caught:
        read_document(text)
    return caught.value


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("name: p\n\tnodes: []\n", (2, 1), "spaces"),
        ("name: 'p\nnodes: []\n", (1, 7), "quote"),
        ("name: [a\n", (2, 1), "brackets"),
        ("name: p\nname: q\n", (2, 1), "first in line 1"),
        ("name: a: b\n", (1, 8), "quotes"),
        ("name: p\nx: !!python/name:os.system\n", (2, 4), "not allowed"),
        ("name: p\nx: !thing 1\n", (2, 4), "not allowed"),
        ("name: p\nx: *nowhere\n", (2, 4), "names no anchor"),
        ("name: p\n---\nname: q\n", (2, 1), "several documents"),
        ("? [a, b]\n: 1\n", (1, 3), "must be a text"),
        ("- 1\n- 2\n", (1, 1), "no pipeline"),
        ("just a text\n", (1, 1), "no pipeline"),
    ],
)
def test_malformed_texts_give_one_error_with_its_place(
    text: str, place: tuple[int, int], words: str
) -> None:
    error = failing(text)

    (found,) = error.diagnostics
    assert found.location is not None
    assert (found.location.line, found.location.column) == place
    assert words in str(error)


def test_the_error_shows_the_line_with_a_caret() -> None:
    snippet = failing("name: p\nkind: !!python/name:os.system x\n").diagnostics[0].snippet

    assert snippet is not None
    line, caret = snippet.splitlines()
    assert line[caret.index("^") :].startswith("!!python")


@pytest.mark.parametrize("text", ["", "   \n", "# nothing\n"])
def test_an_empty_text_is_an_error(text: str) -> None:
    assert "empty" in str(failing(text))


def test_byte_order_marks_and_encodings(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_bytes("\ufeffname: p\n".encode())
    assert read_document(path).data == {"name": "p"}

    path.write_bytes("name: p\n".encode("utf-16"))
    assert "UTF-16" in str(failing(path))

    path.write_bytes(b"name: p\nx: \xff\n")
    (found,) = failing(path).diagnostics
    assert found.location is not None
    assert (found.location.line, found.location.column) == (2, 4)


def test_control_characters_are_an_error() -> None:
    assert "control characters" in str(failing("name: a\x00b\n"))


def test_an_alias_bomb_is_refused_at_once() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    started = time.process_time()

    assert "aliases" in str(failing("\n".join(lines)))
    assert time.process_time() - started < 1


def test_depth_and_size_are_capped() -> None:
    assert "nests deeper" in str(failing("name: " + "[" * 10_000 + "]" * 10_000))
    assert "bytes" in str(failing("x" * (MAX_BYTES + 1)))


def test_reading_leaves_the_garbage_collector_as_it_was() -> None:
    assert gc.isenabled()
    read_document("name: p\n")
    assert gc.isenabled()


def test_merge_keys_give_way_to_the_mappings_own_keys() -> None:
    data = read_document(
        "base: &base {a: 1, b: 2}\nmore: &more {b: 3, c: 4}\nname:\n  <<: [*base, *more]\n  a: 9\n"
    ).data

    assert data["name"] == {"a": 9, "b": 2, "c": 4}


def test_open_files_and_lists_of_pipelines_are_read() -> None:
    assert read_document(io.StringIO("- name: a\n- name: b\n")).data == [
        {"name": "a"},
        {"name": "b"},
    ]


@pytest.mark.parametrize("key", ["resources", "backend", "dags"])
def test_files_of_other_kinds_are_refused_with_advice(key: str) -> None:
    assert "give each pipeline" in str(failing(f"name: x\n{key}: {{}}\n")) or key == "dags"


def test_positions_find_values_keys_and_their_ancestors() -> None:
    document = read_document("name: p\nnodes:\n  - name: a\n    source: {path: x}\n")
    locate = document.positions.locate

    def place(*path: str | int, key: bool = False) -> tuple[int, int]:
        found = locate(path, key=key)
        assert found is not None
        return found.line, found.column

    assert place("nodes", 0, "source", "path") == (4, 20)
    assert place("nodes", 0, "source", "path", key=True) == (4, 14)
    assert place("nodes", 0, "sources", 0, "path") == (4, 20)
    assert place("nodes", 0, "missing") == (3, 5)


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "main.yaml"


def test_includes_of_both_eras(tmp_path: Path) -> None:
    main = write(
        tmp_path,
        main_DOT_yaml=(
            "name: p\n"
            "source: ${include.source.yaml}\n"
            "target:\n  <<: ${include.base.yaml}\n  b: 9\n"
            "nodes:\n  - x: 0\n  -< ${include.nodes.yaml}\n  - !extend nodes.yaml\n"
            "query: ${include.q.sql}\n"
            "used: !use source.yaml\n"
            "merged:\n  <<: !update base.yaml\n"
        ),
        source_DOT_yaml="path: in\n",
        base_DOT_yaml="a: 1\nb: 2\n",
        nodes_DOT_yaml="- x: 1\n- x: 2\n",
        q_DOT_sql="SELECT 1\n",
    )

    assert read_document(main).data == {
        "name": "p",
        "source": {"path": "in"},
        "target": {"a": 1, "b": 9},
        "nodes": [{"x": 0}, {"x": 1}, {"x": 2}, {"x": 1}, {"x": 2}],
        "query": "SELECT 1\n",
        "used": {"path": "in"},
        "merged": {"a": 1, "b": 2},
    }


def test_positions_point_into_included_files(tmp_path: Path) -> None:
    main = write(
        tmp_path, main_DOT_yaml="name: p\nx: !use sub/y.yaml\n", sub__y_DOT_yaml="\nz: 1\n"
    )

    place = read_document(main).positions.locate(["x", "z"])

    assert place is not None
    assert (Path(place.file).name, place.line, place.column) == ("y.yaml", 2, 4)


def test_includes_stay_below_the_root(tmp_path: Path) -> None:
    (tmp_path / "secret.yaml").write_text("a: 1\n")
    inside = tmp_path / "project"
    inside.mkdir()
    main = inside / "main.yaml"
    (inside / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    for path in ("../secret.yaml", str(tmp_path / "secret.yaml"), "link.yaml"):
        main.write_text(f"name: p\nx: !use {path}\n")
        assert "leaves the project root" in str(failing(main))


def test_include_cycles_and_missing_files_are_named(tmp_path: Path) -> None:
    main = write(
        tmp_path, main_DOT_yaml="name: !use a.yaml\n", a_DOT_yaml="x: !use b.yaml\n",
        b_DOT_yaml="x: !use a.yaml\n",
    )  # fmt: skip
    assert "a.yaml -> b.yaml -> a.yaml" in str(failing(main))

    main.write_text("name: !use gone.yaml\n")
    assert "does not exist" in str(failing(main))
