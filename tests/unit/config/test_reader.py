"""Reading YAML: strict scalars, one clear error with its place, caps, includes."""

from __future__ import annotations

import gc
import io
import math
import time
from dataclasses import replace
from pathlib import Path

import pytest

from laktory_dagster.config.reader import read_document
from laktory_dagster.config.texts import MAX_BYTES
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
        ("True", True),
        ("TRUE", True),
        ("tRUE", "tRUE"),
        ("false", False),
        ("False", False),
        ("Null", None),
        ("NULL", None),
        ("nULL", "nULL"),
        ("+12", 12),
        ("0", 0),
        ("-0", 0),
        ("00", "00"),
        ("007.5", "007.5"),
        ("0x", "0x"),
        ("0X1F", "0X1F"),
        ("0b11", "0b11"),
        ("0o8", "0o8"),
        ("-0x1F", "-0x1F"),
        ("1.", 1.0),
        ("-.5", -0.5),
        ("1E-3", 0.001),
        ("1e+3", 1000.0),
        ("1e", "1e"),
        ("e3", "e3"),
        ("1.2.3", "1.2.3"),
        (".", "."),
        ("+", "+"),
        ("-.inf", -math.inf),
        ("+.INF", math.inf),
        ("inf", "inf"),
        ("nan", "nan"),
        ("y", "y"),
        ("N", "N"),
        ("190:20:30", "190:20:30"),
        ("12e03", 12000.0),
        ("1,000", "1,000"),
        ("\u0661\u0662", "\u0661\u0662"),
        ("9" * 30, int("9" * 30)),
        ("9" * 500, "9" * 500),
        ("|-\n  12", "12"),
        (">-\n  true", "true"),
        ("! 12", "12"),
        ("!!int '12'", 12),
        ("!!float 3", 3.0),
        ("!!float '1e3'", 1000.0),
        ("!!bool 'true'", True),
        ("!!null ''", None),
        ("!!str", ""),
        ("🎉 é", "🎉 é"),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text: str, value: object) -> None:
    found = value_of(text)

    assert found == value
    assert type(found) is type(value)


def test_not_a_number_is_a_number() -> None:
    for text in (".nan", ".NaN", ".NAN"):
        assert math.isnan(float(value_of(text)))  # type: ignore[arg-type]


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
        ("name: [a\n", (1, 7), "close the bracket"),
        ("name: p\nname: q\n", (2, 1), "first in line 1"),
        ("name: a: b\n", (1, 8), "quotes"),
        ("name: p\nx: !!python/name:os.system\n", (2, 4), "not allowed"),
        ("name: p\nx: !thing 1\n", (2, 4), "not allowed"),
        ("name: p\nx: *nowhere\n", (2, 4), "names no anchor"),
        ("name: p\n---\nname: q\n", (2, 1), "several documents"),
        ("? [a, b]\n: 1\n", (1, 3), "must be a text"),
        ("- 1\n- 2\n", (1, 1), "no pipeline"),
        ("[]\n", (1, 1), "no pipeline"),
        ("pipeline.yaml\n", (1, 1), "the name of a file"),
        ("a: {b: 1\n", (1, 4), "close the bracket"),
        ("a: {b: ${vars.x}}\n", (1, 9), "quote a text with `${`"),
        ("a: @x\n", (1, 4), "put quotes"),
        ("a: `x`\n", (1, 4), "put quotes"),
        ("a: %x\n", (1, 4), "put quotes"),
        ('a: "C:\\q"\n', (1, 4), "double the backslash"),
        ("a: 1\nb\nc: 2\n", (2, 1), "key: value"),
        ("a:\n  - b\n c: d\n", (3, 2), "indentation"),
        ("a:\n  - b: 1\n  ...\n  - c: 2\n", (3, 3), "placeholder"),
        ("- a\nb: 1\n", (2, 1), "indentation"),
        ("a: b\n\ufeffc: d\n", (2, 2), "byte-order mark"),
        ("a: \ud800\n", (1, 4), "lone surrogate"),
        ("é: é\n日本: x\x01\n", (2, 6), "control characters"),
        ("a: b\x07\n", (1, 5), "control characters"),
        ("!!python/name:os.system a: 1\n", (1, 1), "`!!python/name:os.system`"),
        ("a: !!binary aGk=\n", (1, 4), "`!!binary`"),
        ("a: !!set {b}\n", (1, 4), "`!!set`"),
        ("a: !!timestamp 2024-01-01\n", (1, 4), "`!!timestamp`"),
        ("a: !!int x\n", (1, 4), "is no `!!int`"),
        ("a: !!bool 1\n", (1, 4), "is no `!!bool`"),
        ("a: !!int true\n", (1, 4), "is no `!!int`"),
        ("a: !use [x]\n", (1, 4), "a path after it"),
        ("%TAG ! tag:yaml.org,2002:python/\n---\na: !name:os.system 1\n", (3, 4), "not allowed"),
        ("a: {b: 1, b: 2}\n", (1, 11), "first in line 1"),
        ("a: 1\n'a': 2\n", (2, 1), "first in line 1"),
        ("a:\n  - b: 1\n    c: 2\n\n    b: 3\n", (5, 5), "first in line 2"),
        ("a: &a [*a]\n", (1, 8), "names no anchor"),
        ("a: &a [1]\n*a : 1\n", (2, 1), "must be a text"),
        ("a: &a 1\nb:\n  <<: *a\n", (3, 3), "merges mappings only"),
        ("b:\n  <<: [{a: 1}, 2]\n", (2, 3), "merges mappings only"),
        ("{? : 1}\n", (1, 4), "a key is missing"),
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


def test_aliases_cannot_hide_depth() -> None:
    chain = "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 3000))

    assert "nests deeper" in str(failing("a0: &a0 [1]\n" + chain))


def test_merging_is_no_nesting() -> None:
    chain = "".join(f"a{i}: &a{i} {{<<: *a{i - 1}, k{i}: {i}}}\n" for i in range(1, 300))

    assert len(read_document("a0: &a0 {k0: 0}\n" + chain).data["a299"]) == 300


def test_values_are_capped() -> None:
    assert "more than 1,000,000 values" in str(failing("a: [" + "1," * 1_000_001 + "]"))


def test_depth_and_size_are_capped() -> None:
    assert "nests deeper" in str(failing("name: " + "[" * 10_000 + "]" * 10_000))
    assert "bytes" in str(failing("x" * (MAX_BYTES + 1)))


def test_reading_leaves_the_garbage_collector_as_it_was() -> None:
    assert gc.isenabled()
    read_document("name: p\n")
    assert gc.isenabled()


def test_a_collector_that_is_off_stays_off_and_frozen_objects_stay_frozen() -> None:
    gc.disable()
    try:
        read_document("name: p\n")
        assert not gc.isenabled()
    finally:
        gc.enable()
    gc.freeze()
    frozen = gc.get_freeze_count()
    try:
        read_document("name: p\n")
        assert gc.get_freeze_count() > frozen // 2 > 0
    finally:
        gc.unfreeze()


def test_a_failed_read_switches_the_collector_on_again() -> None:
    failing("a: [" * 200)

    assert gc.isenabled()


def test_merge_keys_give_way_to_the_mappings_own_keys() -> None:
    data = read_document(
        "base: &base {a: 1, b: 2}\nmore: &more {b: 3, c: 4}\nname:\n  <<: [*base, *more]\n  a: 9\n"
    ).data

    assert data["name"] == {"a": 9, "b": 2, "c": 4}


def test_merge_accepts_lists_in_place_and_nothing() -> None:
    text = "base: &base {a: 1}\nname:\n  <<: [*base, {b: 2}]\nother:\n  <<:\n  c: 3\n"

    data = read_document(text).data

    assert data["name"] == {"a": 1, "b": 2}
    assert data["other"] == {"c": 3}


def test_a_quoted_merge_key_is_a_key_like_any_other() -> None:
    assert read_document("'<<': {a: 1}\n").data == {"<<": {"a": 1}}


def test_merging_leaves_the_anchored_mapping_as_it_was() -> None:
    data = read_document("base: &base {a: 1}\nname: {<<: *base, b: 2}\n").data

    assert data["base"] == {"a": 1}


def test_anchors_stand_on_every_kind_of_value() -> None:
    text = "&k name: &v p\na: &l [1]\nb: &m {c: 2}\nx: [*k, *v, *l, *m]\n*v : 3\n"

    assert read_document(text).data == {
        "name": "p",
        "a": [1],
        "b": {"c": 2},
        "x": ["name", "p", [1], {"c": 2}],
        "p": 3,
    }


def test_placeholders_need_no_quotes() -> None:
    text = "a: [{nodes.x}, {sources.y}, {df}]\nb: {nodes.brz-prices}\nc: {other}\nd: {nodes.x: 1}\n"

    assert read_document(text).data == {
        "a": ["{nodes.x}", "{sources.y}", "{df}"],
        "b": "{nodes.brz-prices}",
        "c": {"other": None},
        "d": {"nodes.x": 1},
    }


def test_all_problems_that_leave_the_text_readable_are_told_at_once() -> None:
    error = failing("name: p\nname: q\nx: !bad 1\ny: *z\nv: 1\nv: 2\nw: [1\n")

    assert [found.location.line for found in error.diagnostics if found.location] == [2, 3, 4, 6, 7]


def test_at_most_a_hundred_problems_are_told() -> None:
    assert len(failing("".join(f"a: {i}\n" for i in range(500))).diagnostics) == 100


def test_open_files_of_all_kinds_are_read(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_bytes("\ufeffname: é\n".encode())

    for mode, encoding in (("r", "utf-8"), ("r", "utf-8-sig"), ("rb", None)):
        with path.open(mode, encoding=encoding) as file:
            document = read_document(file)  # type: ignore[arg-type]
        assert document.data == {"name": "é"}
        assert document.files == (path.resolve(),)
    assert read_document(io.StringIO("name: é\n")).path is None


def test_an_open_file_in_another_encoding_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_bytes(b"name: \xe9\n")

    with path.open(encoding="utf-8") as file, pytest.raises(DeclarationError, match="UTF-8"):
        read_document(file)


@pytest.mark.parametrize("path", ["gone.yaml", "folder", "a\0b.yaml", "x" * 300])
def test_files_that_cannot_be_read_are_a_clear_error(tmp_path: Path, path: str) -> None:
    (tmp_path / "folder").mkdir()

    (found,) = failing(tmp_path / path).diagnostics

    assert path[:9] in found.message


def test_messages_name_the_file_as_it_was_given(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("a: 1\na: 2\n")

    assert str(failing(path)).startswith(f"{path}:2:1: error: ")
    with pytest.raises(DeclarationError, match=r"^pipelines/p\.yaml:2:1"):
        read_document(path, name="pipelines/p.yaml")
    with pytest.raises(DeclarationError, match=r"^<string>:2:1"):
        read_document("a: 1\na: 2\n")


@pytest.mark.parametrize("text", ["- name: a\n", "- name: a\n- name: b\n"])
def test_a_list_of_pipelines_stays_a_list(text: str) -> None:
    names = [pipeline["name"] for pipeline in read_document(text).data]

    assert names == ["a", "b"][: len(names)]


@pytest.mark.parametrize(
    ("key", "advice"),
    [
        ("resources", "give each pipeline a file of its own"),
        ("backend", "give each pipeline a file of its own"),
        ("organization", "give each pipeline a file of its own"),
        ("terraform", "give each pipeline a file of its own"),
        ("dags", "schedule: {cron: ...}"),
        ("default_args", "schedule: {cron: ...}"),
    ],
)
def test_files_of_other_kinds_are_refused_with_advice(key: str, advice: str) -> None:
    (found,) = failing(f"name: x\n{key}: {{}}\n").diagnostics

    assert advice in found.message
    assert found.location is not None
    assert (found.location.line, found.location.column) == (2, 1)


def test_a_pipeline_may_use_such_words_inside() -> None:
    assert read_document("name: x\nnodes: [{backend: 1, resources: 2}]\n").data["name"] == "x"


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


def test_positions_of_every_part_are_those_of_a_plain_search() -> None:
    keys = [f"key{i}" for i in range(50)]
    text = "".join(f"{key}:\n  - {{in{key}: [v{key}, w{key}]}}\n" for key in keys)
    lines = text.splitlines()
    positions = read_document(text).positions

    for key in keys:
        for path, word, at_key in (
            ((key,), key, True),
            ((key, 0, f"in{key}"), f"in{key}", True),
            ((key, 0, f"in{key}", 0), f"v{key}", False),
            ((key, 0, f"in{key}", 1), f"w{key}", False),
        ):
            found = positions.locate(path, key=at_key)
            assert found is not None
            assert lines[found.line - 1][found.column - 1 :].startswith(word)


def test_positions_know_other_names() -> None:
    document = read_document("nodes:\n  - sinks: [{mode: X}]\n    expr: y\n")
    positions = replace(document.positions, other_names={"sql_expr": ("expr",)})

    found = positions.locate(["nodes", 0, "sql_expr"])

    assert found is not None
    assert (found.line, found.column) == (3, 11)


def test_long_lines_are_cut_around_the_caret() -> None:
    snippet = failing("a: [" + "x, " * 200 + "!bad y" + ", x" * 200 + "]\n").diagnostics[0].snippet

    assert snippet is not None
    line, caret = snippet.splitlines()
    assert len(line) < 180
    assert line[caret.index("^") :].startswith("!bad y")


def test_ten_thousand_nodes_are_read_in_linear_time() -> None:
    def cost(nodes: int) -> float:
        text = "name: p\nnodes:\n" + "".join(
            f"- name: n{i}\n  layer: SILVER\n  source: {{node_name: n{i - 1}}}\n"
            f"  sink: {{table_name: t{i}, mode: OVERWRITE}}\n  transformer:\n    nodes:\n"
            f"    - {{func_name: select, func_args: [a, b]}}\n"
            for i in range(nodes)
        )
        started = time.process_time()
        assert len(read_document(text).data["nodes"]) == nodes
        return time.process_time() - started

    small, large = cost(2_000), cost(10_000)
    print(f"10,000 nodes: {large:.2f} s CPU")
    assert large < max(20 * small, 1)
