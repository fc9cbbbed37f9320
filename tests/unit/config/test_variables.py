"""Variables and parameters: replaced, never evaluated, bounded, every problem told."""

from __future__ import annotations

import copy
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laktory_dagster.config.variables import fill_text, given_value, substitute
from laktory_dagster.errors import DeclarationError, Diagnostic, Location

VARIABLES: dict[str, Any] = {
    "n": 3,
    "x": 1.5,
    "flag": True,
    "nothing": None,
    "rows": [1, 2],
    "deep": {"x": {"Y": "z"}},
    "Case": "c",
    "with.dot": "d",
    "with-dash": "e",
    "indirect": "<${vars.n}>",
    "typed": "${vars.rows}",
    "link": "${vars.deep}",
    "mixed": {"k": ["${vars.n}", "${secrets.a.b}"]},
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("${vars.n}", 3),
        ("  ${vars.n} ", 3),
        ("${ vars.n }", 3),
        ("${vars.x}", 1.5),
        ("${vars.flag}", True),
        ("${vars.nothing}", None),
        ("${vars.rows}", [1, 2]),
        ("${vars.deep}", {"x": {"Y": "z"}}),
        ("${vars.deep.x.Y}", "z"),
        ("${vars.deep.x.y}", "z"),
        ("${vars.link.x.Y}", "z"),
        ("${vars.case}", "c"),
        ("${vars.CASE}", "c"),
        ("${vars.with.dot}", "d"),
        ("${vars.with-dash}", "e"),
        ("${vars.indirect}", "<3>"),
        ("${vars.typed}", [1, 2]),
        ("${vars.mixed}", {"k": [3, "${secrets.a.b}"]}),
        ("n=${vars.n}, ${vars.flag}, ${vars.x}", "n=3, true, 1.5"),
        ("[${vars.nothing}]", "[]"),
        ("${vars.indirect}${vars.indirect}", "<3><3>"),
        ("${params.day}", "monday"),
        ("${params.day} ${vars.n}", "monday 3"),
        ("${secrets.scope.key}", "${secrets.scope.key}"),
        ("${spark.sql.x} ${bundle.target}", "${spark.sql.x} ${bundle.target}"),
        ("^a${1}$", "^a${1}$"),
        ("{df} $5 {nodes.x}", "{df} $5 {nodes.x}"),
    ],
)
def test_references_are_replaced(text: str, value: object) -> None:
    found = substitute({"v": [text]}, VARIABLES, {"day": "monday"})["v"][0]

    assert found == value
    assert type(found) is type(value)


def test_keys_are_replaced_too() -> None:
    assert substitute({"renames": {"${vars.Case}": 1, "b": 2}}, VARIABLES) == {
        "renames": {"c": 1, "b": 2}
    }
    with pytest.raises(DeclarationError, match="stands here already"):
        substitute({"renames": {"c": 1, "${vars.Case}": 2}}, VARIABLES)


def test_the_data_given_is_left_as_it_was() -> None:
    data = {"a": [{"b": "${vars.n}"}, {"c": 1}]}
    before = copy.deepcopy(data)

    assert substitute(data, VARIABLES) == {"a": [{"b": 3}, {"c": 1}]}
    assert data == before


def test_declarations_of_values_stay_as_declared() -> None:
    data = {
        "name": "${vars.Case}",
        "variables": {"a": "${vars.gone}"},
        "environments": {"dev": {"warehouse": "${vars.gone}"}},
        "parameters": {"day": {"default": "${vars.gone}"}},
        "nodes": [{"variables": "${vars.n}"}],
    }

    filled = substitute(data, VARIABLES)

    assert filled == data | {"name": "c", "nodes": [{"variables": 3}]}
    assert list(filled) == list(data)
    assert substitute([data], VARIABLES) == [filled]


def problems(data: Any, variables: dict[str, Any] | None = None) -> list[Diagnostic]:
    with pytest.raises(DeclarationError) as caught:
        substitute(data, variables or {})
    return list(caught.value.diagnostics)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("${{ 1 + 1 }}", "not evaluated"),
        ("a ${{ vars.x }}", "not evaluated"),
        ("${resources.cluster.id}", "nothing is deployed"),
        ("${settings.root}", "use `${vars.x}`"),
        ("${env.HOME}", "LAKTORY_DAGSTER_VAR_"),
        ("${variables.x}", "write `${vars.x}`"),
        ("${param.x}", "write `${params.x}`"),
        ("${secret.a.b}", "write `${secrets.scope.key}`"),
        ("${secrets.a}", "`${secrets.scope.key}`"),
        ("${vars.}", "`${vars.name}`"),
        ("${vars.a b}", "`${vars.name}`"),
        ("${params.a/b}", "`${params.name}`"),
        ("a ${vars.x", "closing brace"),
        ("a ${include.x.sql}", "!use path.yaml"),
        ("${vars.gone}", "--var gone=VALUE"),
        ("${params.gone}", "parameters: {gone:"),
        ("a ${vars.rows}", "no single value"),
        ("a ${vars.deep}", "no single value"),
        ("${vars.nn}", "did you mean `${vars.n}`?"),
        ("${vars.deep.gone}", "`${vars.deep.gone}` has no value"),
        ("${vars.n.x}", "`${vars.n.x}` has no value"),
    ],
)
def test_what_cannot_be_replaced_is_one_error_with_advice(text: str, words: str) -> None:
    (found,) = problems({"nodes": [{"path": text}]}, {"n": 1, "rows": [1], "deep": {"a": 1}})

    assert found.path == ("nodes", 0, "path")
    assert words in found.render()


def test_all_problems_are_told_at_once_each_at_its_place() -> None:
    found = problems(
        {"x": "${vars.warehose} ${vars.dya}", "y": ["${params.day}"]}, {"warehouse": 1, "day": 2}
    )

    assert [problem.path for problem in found] == [("x",), ("x",), ("y", 0)]
    assert [problem.hint for problem in found][:2] == [
        "did you mean `${vars.warehouse}`?",
        "did you mean `${vars.day}`?",
    ]


def test_the_caller_adds_places() -> None:
    place = Location("p.yaml", 3, 4)

    with pytest.raises(DeclarationError, match=r"^p\.yaml:3:4: error"):
        substitute({"x": "${vars.a}"}, {}, place=lambda problem: problem.at(place))


@pytest.mark.parametrize(
    ("variables", "cycle"),
    [
        ({"a": "${vars.a}"}, "vars.a -> vars.a"),
        ({"a": "${vars.b}", "b": "x ${vars.a}"}, "vars.a -> vars.b -> vars.a"),
        ({"a": ["${vars.b}"], "b": {"k": "${vars.a}"}}, "vars.a -> vars.b -> vars.a"),
    ],
)
def test_cycles_are_named(variables: dict[str, Any], cycle: str) -> None:
    assert problems({"x": "${vars.a}"}, variables)[0].message.endswith(f"each other: {cycle}")


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        (
            {"a0": ["x"] * 10} | {f"a{i}": [f"${{vars.a{i - 1}}}"] * 10 for i in range(1, 30)},
            "expand to too much",
        ),
        (
            {"a0": "x" * 10} | {f"a{i}": f"${{vars.a{i - 1}}} " * 10 for i in range(1, 30)},
            "expand to too much",
        ),
        ({"a0": 1} | {f"a{i}": f"${{vars.a{i - 1}}}" for i in range(1, 5000)}, "a chain of more"),
        ({"a0": 1} | {f"a{i}": [[[[[[f"${{vars.a{i - 1}}}"]]]]]] for i in range(1, 5000)}, "nest"),
    ],
    ids=["values", "text", "chain", "depth"],
)
def test_bombs_are_refused_at_once(variables: dict[str, Any], words: str) -> None:
    started = time.process_time()

    found = problems({"x": "${vars.a29}", "y": f"${{vars.a{len(variables) - 1}}}"}, variables)

    assert words in "\n".join(problem.message for problem in found)
    assert time.process_time() - started < 1


def test_a_short_chain_and_many_uses_are_fine() -> None:
    variables = {"a0": ["v"] * 10} | {f"a{i}": f"${{vars.a{i - 1}}}" for i in range(1, 25)}

    filled = substitute({"x": ["${vars.a24}"] * 10_000}, variables)

    assert filled == {"x": [["v"] * 10] * 10_000}


def test_the_environment_of_the_process_is_no_fallback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", "canary")
    monkeypatch.setenv("LAKTORY_DAGSTER_SECRET_A_B", "canary")

    for text in ("${vars.SOME_TOKEN}", "${vars.LAKTORY_DAGSTER_SECRET_A_B}", "${env.SOME_TOKEN}"):
        with pytest.raises(DeclarationError) as caught:
            substitute({"x": text}, {})
        assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("DAY", "${vars.day}", "monday"),
        ("MY_DAY", "${vars.my-day}", "monday"),
        ("MY_DAY", "${vars.my.day}", "monday"),
        ("DAY", "on ${vars.Day}", "on monday"),
    ],
)
def test_variables_of_the_environment_carry_a_prefix(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, value: str
) -> None:
    monkeypatch.setenv(f"LAKTORY_DAGSTER_VAR_{name}", "monday")

    assert substitute({"x": text}, {}) == {"x": value}


def test_declared_variables_win_over_those_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LAKTORY_DAGSTER_VAR_N", "9")

    assert substitute({"x": "${vars.n}"}, {"n": 3}) == {"x": 3}
    assert substitute({"x": "${vars.n}"}, {}) == {"x": 9}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10", 10),
        ("-3", -3),
        ("1.5", 1.5),
        ("true", True),
        ("false", False),
        ("True", "True"),
        ("007", "007"),
        ("1.10", "1.10"),
        ("1e3", "1e3"),
        ("0x1F", "0x1F"),
        ("+1", "+1"),
        ("null", "null"),
        ("~", "~"),
        ("", ""),
        ("2024-01-01", "2024-01-01"),
        ("monday", "monday"),
    ],
)
def test_a_given_text_is_a_number_only_if_nothing_is_lost(text: str, value: object) -> None:
    found = given_value(text)

    assert found == value
    assert type(found) is type(value)


@given(st.text(max_size=20).filter(lambda text: "${" not in text))
def test_a_given_text_reads_the_same_inside_another(text: str) -> None:
    assert substitute({"x": "<${vars.v}>"}, {"v": given_value(text)}) == {"x": f"<{text}>"}


def test_one_text_can_be_filled_alone() -> None:
    assert fill_text("${vars.n}.yaml", {"n": 3}) == ("3.yaml", ())
    assert fill_text("${vars.m}.yaml", {}) == ("${vars.m}.yaml", ("`${vars.m}` has no value",))


@pytest.mark.parametrize("text", ["${${vars.nothing}vars.n", "${${vars.nothing}{ 1 }}"])
def test_parts_that_join_to_a_reference_are_named(text: str) -> None:
    (found,) = problems({"x": text}, VARIABLES)
    assert found.message == f"`{text}` becomes a reference when its variables are filled in"
