"""What a person reads: whole messages, typed by hand."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from laktory_dagster.config.reader import read_document
from laktory_dagster.config.variables import substitute
from laktory_dagster.errors import DeclarationError, Diagnostic


def message_of(text: str) -> str:
    with pytest.raises(DeclarationError) as caught:
        read_document(dedent(text).lstrip("\n"), name="prices.yaml")
    return str(caught.value)


def expected(text: str) -> str:
    return dedent(text).strip("\n")


def test_a_key_that_stands_twice() -> None:
    text = """
        name: prices
        nodes:
          - name: brz
            source: {path: in}
            source: {path: out}
        """

    assert message_of(text) == expected("""
        prices.yaml:5:5: error: the key `source` stands twice (first in line 4)
          5 |     source: {path: out}
                  ^
          Hint: remove one of them
        """)


def test_a_quote_that_is_never_closed() -> None:
    text = """
        name: prices
        description: 'Prices
        nodes: []
        """

    found = message_of(text).splitlines()

    assert found[0].startswith(
        "prices.yaml:2:14: error: malformed YAML: found unexpected end of st"
    )
    assert found[1:] == [
        "  2 | description: 'Prices",
        "                   ^",
        "  Hint: close the quote",
    ]


def test_a_tab() -> None:
    found = message_of("name: prices\nnodes:\n\t- name: a\n").splitlines()

    assert found[0].startswith("prices.yaml:3:1: error: malformed YAML: ")
    assert found[1:] == [
        "  3 |  - name: a",
        "      ^",
        "  Hint: indent with spaces; YAML allows no tabs there",
    ]


def test_a_tag_that_would_run_code() -> None:
    assert message_of("name: !!python/object/apply:os.system [ls]\n") == expected("""
        prices.yaml:1:7: error: the tag `!!python/object/apply:os.system` is not allowed here
          1 | name: !!python/object/apply:os.system [ls]
                    ^
          Expected: plain YAML
        """)


def test_a_stack_file() -> None:
    text = """
        name: stack
        organization: okube
        resources:
          pipelines: {}
        """

    assert message_of(text) == (
        "prices.yaml:3:1: error: `resources:` makes this a stack file: give each pipeline a file of "
        "its own and name its resources there (at resources)\n"
        "  3 | resources:\n"
        "      ^\n"
        "  Expected: a mapping with `name` and `nodes`"
    )


def test_an_include_that_is_missing(tmp_path: Path) -> None:
    main = tmp_path / "main.yaml"
    main.write_text("name: prices\nnodes: !use nodes.yaml\n")

    with pytest.raises(DeclarationError) as caught:
        read_document(main, name="main.yaml")

    assert str(caught.value) == expected(f"""
        main.yaml:2:8: error: the included file {tmp_path.resolve()}/nodes.yaml does not exist
          2 | nodes: !use nodes.yaml
                     ^
          Hint: paths start at the folder of the file that includes, or at the project's root
        """)


def test_a_variable_that_nobody_gives() -> None:
    document = read_document(
        "name: p\nnodes:\n- source: {path: '${vars.landng}/x'}\n", name="p.yaml"
    )

    def place(problem: Diagnostic) -> Diagnostic:
        location = document.positions.locate(problem.path)
        assert location is not None
        return problem.at(location, document.positions.snippet(location))

    with pytest.raises(DeclarationError) as caught:
        substitute(document.data, {"landing": "in"}, place=place)

    assert str(caught.value) == expected("""
        p.yaml:3:18: error: `${vars.landng}` has no value (at nodes[0].source.path)
          3 | - source: {path: '${vars.landng}/x'}
                               ^
          Hint: did you mean `${vars.landing}`?
        """)


def test_the_json_form_has_the_same_parts() -> None:
    with pytest.raises(DeclarationError) as caught:
        read_document("a: 1\na: 2\n", name="p.yaml")

    assert caught.value.to_dict() == {
        "error": "DeclarationError",
        "diagnostics": [
            {
                "severity": "error",
                "message": "the key `a` stands twice (first in line 1)",
                "hint": "remove one of them",
                "file": "p.yaml",
                "line": 2,
                "column": 1,
            }
        ],
    }


def test_a_stack_says_which_files_hold_its_pipelines(tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text("a: [\n")
    (tmp_path / "prices.yaml").write_text("name: prices\nnodes: []\n")
    included = "resources:\n  jobs: !use jobs.yaml\n  pipelines:\n    p: !use prices.yaml\n"
    inline = "name: stack\nresources:\n  pipelines:\n    p:\n      name: prices\n      nodes: []\n"
    hints = []
    for text in (included, inline):
        (tmp_path / "stack.yaml").write_text(text)
        with pytest.raises(DeclarationError) as caught:
            read_document(tmp_path / "stack.yaml", name="stack.yaml")
        (diagnostic,) = caught.value.diagnostics
        assert "a stack file" in diagnostic.message
        hints.append(str(diagnostic.hint))

    assert hints[0].startswith(f"run {tmp_path.resolve()}/prices.yaml; ")
    assert hints[1].startswith("move what is below `pipelines.p:` to a file of its own")
