"""Every mistake stands at its line and column, with its line and a caret, whatever it is written in.

The texts mark their own mistakes with `⟦`; lines and columns are counted from these marks.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.project.marked import check_carets, found_in, places_of, unmarked

NODE = "name: p\nnodes:\n  - name: n\n    source: {path: a.json}\n"
STEPS = NODE + "    transformer:\n      nodes:\n"

# What is wrong, the text, part of each message in the order of the text.
TEXTS: list[tuple[str, str, list[str]]] = [
    ("key in block style", NODE + "    ⟦layr: GOLD\n", ["unknown key `layr`"]),
    ("value in block style", NODE + "    layer: ⟦GLD\n", ["`layer` cannot be `GLD`"]),
    ("value after many blanks", NODE + "    layer:      ⟦GLD   # late\n", ["`GLD`"]),
    ("value on the next line", NODE + "    layer:\n      ⟦GLD\n", ["`GLD`"]),
    ("value in double quotes", NODE + '    layer: ⟦"GLD"\n', ["`GLD`"]),
    ("value in single quotes", NODE + "    layer: ⟦'GLD'\n", ["`GLD`"]),
    ("key in quotes", NODE + '    ⟦"layr": GOLD\n', ["`layr`"]),
    ("value with an anchor", NODE + "    layer: ⟦&a GLD\n", ["`GLD`"]),
    ("value with a tag", NODE + "    layer: ⟦!!str GLD\n", ["`GLD`"]),
    ("literal text", STEPS + "        - sql_expr: ⟦|\n            SELEC a\n", ["`SELEC`"]),
    ("folded text", STEPS + "        - expr: ⟦>-\n            SELECT\n            a FROM x\n", ["`x`"]),
    ("plain text of several lines", NODE + "    timestamp_key: ⟦a\n      b\n      c\n    layer: SILVER\n", ["near `c`"]),
    ("key with `?`", NODE + "    ? ⟦layr\n    : GOLD\n", ["`layr`"]),
    ("empty value", NODE + "    sinks:⟦\n", ["`sinks` cannot be empty"]),
    ("item of a list", NODE + "    tags:\n      - a\n      - ⟦3\n", ["`tags[1]` cannot be `3`"]),
    ("item at the key's column", NODE + "    tags:\n    - ⟦{a: b}\n", ["`tags[0]` cannot be a mapping"]),
    ("item of a nested list", STEPS + "        - func_name: select\n          func_args: [[a, ⟦'pl.colx(1)']]\n", ["`pl.colx`"]),
    ("one line", "{name: p, nodes: [{name: n, source: {path: a}, ⟦layr: x}]}", ["`layr`"]),
    ("flow over lines", "{name: p,\n nodes: [\n  {name: n,\n   source: {path: a,\n    ⟦frmat: CSV}}]}\n", ["`frmat`"]),
    ("JSON", '{\n  "name": "p",\n  "nodes": [\n    {"name": "n", "source": {"path": "a"}, ⟦"layr": 1}\n  ]\n}', ["`layr`"]),
    ("JSON with tabs", '{\n\t"name": "p",\n\t"nodes": [\n\t\t{"name": "n", "source": {"path": "a", "limit": ⟦-1}}\n\t]\n}', ["`-1`"]),
    ("tabs between values", "name: p\nnodes:\n  - {name: n,\tsource: {path: a},\t⟦layr: x}\n", ["`layr`"]),
    ("tabs before a comment", NODE + "    layer: ⟦GLD\t# gold\n", ["`GLD`"]),
    ("byte-order mark", "\ufeffname: ⟦3\nnodes: []\n", ["`name` cannot be `3`"]),
    ("byte-order mark, later line", "\ufeffname: p\nnodes: ⟦3\n", ["`nodes` cannot be `3`"]),
    ("CRLF", (NODE + "    ⟦layr: GOLD\n").replace("\n", "\r\n"), ["`layr`"]),
    ("CR", (NODE + "    layer: ⟦GLD\n").replace("\n", "\r"), ["`GLD`"]),
    ("CRLF in a literal text", (STEPS + "        - sql_expr: |\n            SELECT 1 AS a\n          ⟦typo: 1\n").replace("\n", "\r\n"), ["`typo`"]),
    ("no last line break", NODE + "    layer: ⟦GLD", ["`GLD`"]),
    ("letters of other scripts before", NODE + "    {}: 1\n".format("⟦größe") , ["`größe`"]),
    ("wide letters before", "name: p\nnodes: [{name: n, source: {path: '日本🎉'}, ⟦layr: x}]\n", ["`layr`"]),
    ("combining letters before", "name: p\nnodes: [{name: n, source: {path: 'e\u0301'}, ⟦layr: x}]\n", ["`layr`"]),
    ("comments and blank lines", "# c\n\nname: p\n# ⟧\n\nnodes:\n\n  # x\n  - name: n\n    # y\n    ⟦sorce: 1\n", ["unknown key `sorce`"]),
    ("document start", "---\nname: p\nnodes: ⟦x\n", ["`nodes` cannot be `x`"]),
    ("directive", "%YAML 1.2\n---\nname: p\nnodes: ⟦x\n", ["`nodes`"]),
    ("list of one pipeline", "- name: p\n  nodes:\n    - {name: n, source: {path: a}, ⟦layr: x}\n", ["`layr`"]),
    ("merged mapping", "name: p\nnodes:\n  - &a {name: a, source: {path: x}, ⟦layr: x}\n  - {<<: *a, name: b}\n", ["`layr`"]),
    ("own key beside a merged one", "name: p\nnodes:\n  - &a {name: a, source: {path: x}}\n  - {<<: *a, name: b, ⟦layr: x}\n", ["`layr`"]),
    ("own value over a merged one", "name: p\nnodes:\n  - &a {name: a, source: {path: x}, layer: GOLD}\n  - {<<: *a, name: b, layer: ⟦x}\n", ["`layer` cannot be `x`"]),
    ("alias of a value", "name: p\nnodes:\n  - {name: a, source: &s {path: x, ⟦frmat: y}}\n  - {name: b, source: *s}\n", ["`frmat`"]),
    ("alias of a text", "name: p\nnodes:\n  - {name: a, source: {path: x}, layer: &l ⟦GLD}\n  - {name: b, source: {path: x}, layer: *l}\n".replace("&l ⟦GLD", "⟦&l GLD"), ["`GLD`"]),
    ("merge of several", "name: p\nnodes:\n  - &a {name: a, source: {path: x}}\n  - {<<: [*a, {⟦layr: 1}], name: b}\n", ["`layr`"]),
    ("variable as a value", "name: p\nvariables: {l: GLD}\n" + NODE[8:] + "    layer: ⟦${vars.l}\n", ["`layer` cannot be `GLD`"]),
    ("mistake inside a variable", "name: p\nvariables: {s: {pth: x}}\nnodes: [{name: n, source: ⟦'${vars.s}'}]\n", ["a source needs one of"]),
    ("unknown variable in a key", NODE + "    step: {tags: {⟦'${vars.k}': x}}\n", ["`${vars.k}` has no value"]),
    ("unknown variable in a text", NODE + "    description: ⟦a ${vars.k} b\n", ["`${vars.k}` has no value"]),
    ("unknown parameter", NODE + "    description: ⟦${params.k}\n", ["`${params.k}` has no value"]),
    ("old singular of a list", STEPS + "        - {func_name: select, func_args: [symbol]}\n    primary_key: ⟦symbl\n", ["column `symbl`"]),
    ("new name of a key", STEPS + "        - {func_name: select, func_args: [symbol]}\n    layer: SILVER\n    time_column: ⟦symbl\n", ["column `symbl`"]),
    ("key of a sink that goes with another", NODE + "    sink: {path: o, ⟦merge_cdc_options: {order_by: a}}\n", ["without `mode: MERGE`"]),
    ("newer orchestrator", "name: p\nnodes: []\norchestrator: {type: LAKEFLOW_JOB, ⟦max_retrys: 2}\n", ["unknown key `max_retrys`"]),
    ("type of the orchestrator", "name: p\nnodes: []\norchestrator:\n  max_retries: 2\n  type: ⟦CRON\n", ["`orchestrator.type` must be"]),
    ("type of the orchestrator is a list", "name: p\nnodes: []\norchestrator: {type: ⟦[LAKEFLOW_JOB]}\n", ["`orchestrator.type` must be"]),
    ("missing type of the orchestrator", "name: p\nnodes: []\norchestrator: ⟦{max_retries: 2}\n", ["`orchestrator.type` must be"]),
    ("two blocks of one job", "name: p\nnodes: []\norchestrator: {type: LAKEFLOW_JOB}\n⟦databricks_job: {}\n", ["`databricks_job` says the same"]),
    ("value of an environment", "name: p\nnodes: []\nenvironments:\n  dev:\n    ⟦wharehouse: x\n", ["`wharehouse`"]),
    ("cron", "name: p\nnodes: []\nschedule:\n  cron: ⟦0 6 * *\n  timezone: ⟦Mars/Base\n", ["has 4 fields", "no time zone `Mars/Base`"]),
    ("imports", "name: p\nimports: [⟦'a b']\nnodes: []\n", ["`a b` is no name of a module"]),
    ("dialect", "name: p\nsql_dialect: ⟦sparc\nnodes: []\n", ["no SQL dialect `sparc`"]),
    ("a dangling node", NODE + "    depends_on: [⟦zz]\n", ["there is no node `zz`"]),
    ("a dangling node without a list", NODE + "    depends_on: ⟦zz\n", ["there is no node `zz`"]),
    ("a frame of no source", STEPS + "        - func_name: union\n          func_args:\n            - ⟦'{sources.zz}'\n", ["no source named `zz`"]),
    ("a frame without quotes", STEPS + "        - func_name: union\n          func_kwargs: {other: ⟦{nodes.zz}}\n", ["there is no node `zz`"]),
    ("two rules of one name in Dagster", NODE + "    expectations:\n      - {name: a b, expr: x}\n      - {name: ⟦a-b, expr: x}\n", ["the rules `a b` and `a-b`"]),
    ("a rule over all rows", NODE + "    expectations:\n      - name: r\n        expression: ⟦count(*) > 0\n", ["speaks of all rows"]),
    ("a type", STEPS + "        - with_columns:\n            - {name: a, type: int, expr: b}\n            - {name: c, type: ⟦strng, expr: b}\n", ["no type `strng`"]),
    ("a chain inside a chain", STEPS + "        - nodes:\n            - nodes:\n                - {func_name: ⟦slect}\n", ["no function `slect`"]),
    ("a source among arguments", STEPS + "        - func_name: join\n          func_kwargs: {other: {path: x, ⟦frmat: y}}\n", ["`frmat`"]),
    ("a source deep among arguments", STEPS + "        - func_name: join\n          func_args: [[{k: {node_name: ⟦zz}}]]\n", ["there is no node `zz`"]),
    ("several at once", "⟦nam: p\nnodes:\n  - name: a\n    layer: ⟦SILVR\n    source: {path: a, ⟦frmat: CSV}\n  - name: ⟦a\n    source: {path: b}\n    sink: ⟦{mode: APPEND}\nparameters: ⟦3\n", ["unknown key `nam`", "`SILVR`", "`frmat`", "two nodes are named `a`", "a sink needs one of", "`parameters`"]),
    ("several in one line", "{name: p, nodes: [{name: a, source: {path: a, ⟦b: 1, ⟦c: 2}, ⟦d: 3}], ⟦e: 4}", ["`b`", "`c`", "`d`", "`e`"]),
    ("several arguments", STEPS + "        - func_name: select\n          func_args: [⟦pl.colx('a'), b, ⟦\"F.uper('a')\"]\n          func_kwargs: {x: ⟦\"nw.col('a').maen()\"}\n", ["`pl.colx`", "`F.uper`", "`.maen`"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "messages"), [row[1:] for row in TEXTS], ids=[r[0] for r in TEXTS]
)
def test_mistakes_stand_where_the_text_marks_them(text: str, messages: list[str]) -> None:
    clean, places = unmarked(text)

    found = found_in(clean)

    assert places_of(found) == places
    for item, message in zip(found, messages, strict=True):
        assert message in item.message
        assert str(item.location).startswith("<string>:")
    check_carets(found, clean)


@pytest.mark.parametrize(("text", "messages"), [row[1:] for row in TEXTS[::6]])
def test_a_file_and_an_open_file_give_the_same_places(
    tmp_path: Path, text: str, messages: list[str]
) -> None:
    clean, places = unmarked(text)
    file = tmp_path / "ä p.yaml"
    file.write_bytes(clean.encode())

    found = found_in(file)
    with file.open("rb") as opened:
        from_open = found_in(opened)

    assert places_of(found) == places == places_of(from_open)
    assert len(found) == len(messages)
    for item in (*found, *from_open):
        assert item.location is not None
        assert item.location.file == str(file)


# The files of a project, each with its marks; `main.yaml` is read.
INCLUDED: list[tuple[str, dict[str, str]]] = [
    ("a node", {"main.yaml": "name: p\nnodes:\n  - ${include.n.yaml}\n", "n.yaml": "name: n\n\n⟦sorce: {path: x}\n"}),
    ("a merged mapping", {"main.yaml": "name: p\nnodes:\n  - <<: ${include.b.yaml}\n    name: n\n    ⟦lyr: x\n", "b.yaml": "source: {path: x}\nlayer: ⟦GLD\n"}),
    ("a list that is appended", {"main.yaml": "name: p\nnodes:\n  - {name: a, source: {path: x}}\n  -< ${include.more.yaml}\n", "more.yaml": "- {name: b, source: {path: x}}\n- {name: c, ⟦srce: 1}\n"}),
    ("a step in a folder", {"main.yaml": "name: p\nnodes:\n  - name: n\n    source: {path: x}\n    transformer: !use parts/chain.yaml\n", "parts/chain.yaml": "nodes:\n  - !use steps/one.yaml\n", "parts/steps/one.yaml": "# a step\nfunc_name: ⟦slect\n"}),
    ("SQL", {"main.yaml": "name: p\nnodes:\n  - name: n\n    source: {path: x}\n    transformer: {nodes: [{sql_expr: !use q.sql}]}\n", "q.sql": "⟦SELECT a\nFROM {nodes.zz}\n"}),
    ("BOM and CRLF", {"main.yaml": "name: p\nnodes:\n  - !use n.yaml\n", "n.yaml": "\ufeffname: n\r\nsource:\r\n  path: x\r\n  limit: ⟦-1\r\n"}),
    ("JSON", {"main.yaml": "name: p\nnodes: [!use n.json]\n", "n.json": '{"name": "n", "source": {"path": "x",\n "limit": ⟦1.5}}'}),
    ("a folder", {"main.yaml": "name: p\nnodes: !use d\n", "d/1.yaml": "{name: a, source: {path: x}}\n", "d/2.yaml": "{name: b, source: {path: x}, ⟦layr: 1}\n"}),
    ("twice the same", {"main.yaml": "name: p\nnodes:\n  - {name: a, source: !use s.yaml}\n  - {name: b, source: !use s.yaml}\n", "s.yaml": "path: x\nformat: ⟦csv\n"}),
    ("mistakes in all files", {"main.yaml": "⟦nam: p\nnodes:\n  - !use n.yaml\n", "n.yaml": "name: n\nsource: !use s.yaml\n⟦layr: 1\n", "s.yaml": "path: x\n⟦frmat: y\n"}),
    ("a file that is not there", {"main.yaml": "name: p\nnodes:\n  - !use n.yaml\n", "n.yaml": "name: n\nsource: ⟦!use gone.yaml\n"}),
]  # fmt: skip


@pytest.mark.parametrize("files", [row[1] for row in INCLUDED], ids=[row[0] for row in INCLUDED])
def test_mistakes_in_included_files_stand_in_these(tmp_path: Path, files: dict[str, str]) -> None:
    expected: list[tuple[str, int, int]] = []
    for name, text in files.items():
        clean, places = unmarked(text)
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(clean.encode())
        expected += [(name, *place) for place in places]

    found = found_in(tmp_path / "main.yaml")

    places_found = []
    for item in found:
        assert item.location is not None
        file = Path(item.location.file)
        places_found.append(
            (str(file.relative_to(tmp_path)), item.location.line, item.location.column)
        )
        check_carets([item], file.read_bytes().decode())
    assert sorted(places_found) == sorted(expected)


def test_a_whole_message_as_a_person_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text(NODE + "    sink: {path: out, mode: APEND}\n    primary_kee: id\n")

    first, second = found_in(file)

    assert first.render() == (
        f"{file}:5:29: error: `mode` cannot be `APEND` (at nodes[0].sinks[0].mode)\n"
        "  5 |     sink: {path: out, mode: APEND}\n"
        "                                  ^\n"
        "  Expected: one of OVERWRITE, APPEND, IGNORE, ERROR, MERGE, COMPLETE, UPDATE\n"
        "  Hint: did you mean `APPEND`?"
    )
    assert second.to_dict() == {
        "severity": "error",
        "message": "unknown key `primary_kee`",
        "path": "nodes[0].primary_kee",
        "hint": "did you mean `primary_key`?",
        "file": str(file),
        "line": 6,
        "column": 5,
    }


def test_the_caret_of_a_long_line_stays_under_its_mistake() -> None:
    text = f"name: p\nnodes: [{{name: n, source: {{path: a, filter: '{'x' * 300}'}}, layr: 1}}]\n"

    (found,) = found_in(text)

    assert found.snippet is not None
    shown, caret = found.snippet.split("\n")
    assert shown[caret.index("^") :] == "layr: 1}]"
    assert len(shown) < 200
