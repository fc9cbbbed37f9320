"""Frame methods at the edges of their arguments: nulls, NaN, empty keys, spellings of joins."""

from __future__ import annotations

import math
from typing import Any

import pytest

from laktory_dagster.engines.base import Engine
from laktory_dagster.errors import TransformError
from tests.engines.transforming import rows, sorted_rows, step, types

NAN = math.nan
DATA: dict[str, list[Any]] = {
    "k": ["a", "b", None, "a", None],
    "n": [1, None, 3, 1, None],
    "x": [1.5, NAN, None, -2.0, 0.0],
    "b": [True, False, None, True, None],
    "s": ["", "y", None, "", "z"],
}
OTHER: dict[str, list[Any]] = {"k": ["a", None, "c", "a"], "z": ["p", "q", "r", "t"]}
FRAMES: dict[str, Any] = {
    "nodes.other": OTHER,
    "nodes.floats": {"n": [1.5, 1.0], "k": ["a", "e"]},
    "nodes.swapped": {"k": ["a", None], "n": [1, 3]},
}


def shown(engine: Engine, *steps: Any, data: Any = DATA) -> list[tuple[Any, ...]]:
    """Return sorted rows, a NaN as its name."""
    found = sorted_rows(engine, data, *steps, frames=FRAMES)
    return [tuple("NaN" if v != v else v for v in row) for row in found]


class TestDropna:
    """NaN counts as missing, in columns of floats."""

    @pytest.mark.parametrize(
        ("dropped", "kept"),
        [
            (step("dropna"), ["", ""]),
            (step("dropna", how="any"), ["", ""]),
            (step("dropna", how="all"), ["", "", "y", "z", None]),
            (step("dropna", thresh=1), ["", "", "y", "z", None]),
            (step("dropna", thresh=3), ["", "", "y"]),
            (step("dropna", thresh=4), ["", ""]),
            (step("dropna", subset=["x"]), ["", "", "z"]),
            (step("dropna", subset="x"), ["", "", "z"]),
            (step("dropna", "all", None, ["n", "x"]), ["", "", "z", None]),
            (step("dropna", how="all", thresh=2, subset=["k", "n"]), ["", ""]),
        ],
    )
    def test_rows_that_stay(
        self, engine: Engine, dropped: dict[str, Any], kept: list[str | None]
    ) -> None:
        found = [row[0] for row in shown(engine, dropped, step("select", "s"))]
        assert sorted(found, key=str) == sorted(kept, key=str)

    def test_an_unknown_column_is_named(self, engine: Engine) -> None:
        with pytest.raises(TransformError, match="there is no column `nope`"):
            rows(engine, DATA, step("dropna", subset=["nope"]))


class TestFillna:
    """A value is for columns of its kind; the others are left as they are."""

    @pytest.mark.parametrize(
        ("filled", "columns", "expected"),
        [
            (step("fillna", 0), ["n", "x", "s"], [(0, 0.0, "y"), (0, 0.0, "z"), (3, 0.0, None)]),
            (step("fillna", "q"), ["k", "s", "n"], [("b", "y", None), ("q", "q", 3), ("q", "z", None)]),
            (step("fillna", True), ["b", "n"], [(False, None), (True, 3), (True, None)]),
            (step("fillna", 2.9), ["n", "x"], [(2, 0.0), (2, 2.9), (3, 2.9)]),
            (step("fillna", {"n": 7, "s": "q"}), ["n", "s"], [(3, "q"), (7, "y"), (7, "z")]),
            (step("fillna", {"x": 1}), ["x", "n"], [(0.0, None), (1.0, 3), (1.0, None)]),
            (step("fillna", {"n": "x"}), ["n"], [(3,), (None,), (None,)]),
            (step("fillna", "q", subset=["k", "n"]), ["k", "n"], [("b", None), ("q", 3), ("q", None)]),
            (step("fillna", -1, ["n"]), ["n", "x"], [(-1, 0.0), (-1, "NaN"), (3, None)]),
        ],
    )  # fmt: skip
    def test_values_that_come_in(
        self, engine: Engine, filled: dict[str, Any], columns: list[str], expected: list[Any]
    ) -> None:
        others = step("filter", "k IS NULL OR k <> 'a'")
        assert shown(engine, others, filled, step("select", *columns)) == expected

    def test_types_stay(self, engine: Engine) -> None:
        assert types(engine, DATA, step("fillna", 2.5)) == types(engine, DATA)

    def test_an_unknown_column_is_named(self, engine: Engine) -> None:
        with pytest.raises(TransformError, match="there is no column `nope`"):
            rows(engine, DATA, step("fillna", 0, subset=["nope"]))


class TestReplace:
    @pytest.mark.parametrize(
        ("replaced", "column", "expected"),
        [
            (step("replace", 1, 5), "n", [3, 5, 5, None, None]),
            (step("replace", {"a": "A", "": "e"}), "k", ["A", "A", "b", None, None]),
            (step("replace", {"a": "A", "": "e"}), "s", ["e", "e", "y", "z", None]),
            (step("replace", ["a", "b"], ["x", "y"], "k"), "k", ["x", "x", "y", None, None]),
            (step("replace", ["a", "y"], ["x", "q"], "k"), "s", ["", "", "y", "z", None]),
            (step("replace", "a", None), "k", ["b", None, None, None, None]),
            (step("replace", [1, 3], 0), "n", [0, 0, 0, None, None]),
            (step("replace", 1.5, 2), "x", [-2.0, 0.0, 2.0, None, "NaN"]),
            (step("replace", 1.5, 2), "n", [1, 1, 3, None, None]),
            (step("replace", {1: 10}, subset=["n"]), "n", [10, 10, 3, None, None]),
            (step("replace", True, False), "b", [False, False, False, None, None]),
        ],
    )
    def test_values_of_a_column(
        self, engine: Engine, replaced: dict[str, Any], column: str, expected: list[Any]
    ) -> None:
        assert [row[0] for row in shown(engine, replaced, step("select", column))] == expected


class TestJoins:
    """Null meets nothing; the keys come first, once."""

    @pytest.mark.parametrize(
        ("spellings", "expected"),
        [
            (["inner", "INNER"], [("a", 1, "p"), ("a", 1, "t")] * 2),
            (
                ["left", "left_outer", "leftouter", "LEFT"],
                [("a", 1, "p"), ("a", 1, "t")] * 2
                + [("b", None, None), (None, 3, None), (None, None, None)],
            ),
            (
                ["right", "right_outer", "rightouter"],
                [("a", 1, "p"), ("a", 1, "t")] * 2 + [("c", None, "r"), (None, None, "q")],
            ),
            (
                ["outer", "full", "full_outer", "fullouter"],
                [("a", 1, "p"), ("a", 1, "t")] * 2
                + [("b", None, None), ("c", None, "r"), (None, 3, None)]
                + [(None, None, "q"), (None, None, None)],
            ),
            (["semi", "leftsemi", "left_semi"], [("a", 1), ("a", 1)]),
            (["anti", "leftanti", "left_anti"], [("b", None), (None, 3), (None, None)]),
        ],
    )
    def test_kinds_by_any_of_their_names(
        self, engine: Engine, spellings: list[str], expected: list[Any]
    ) -> None:
        for how in spellings:
            joined = step("join", "{nodes.other}", on=["k"], how=how)
            found = shown(engine, step("select", "k", "n"), joined)
            assert found == sorted(expected, key=str), how

    def test_two_keys_and_one_of_them_null(self, engine: Engine) -> None:
        steps = [step("select", "k", "n", "s"), step("join", "{nodes.swapped}", on=["k", "n"])]
        assert shown(engine, *steps) == [("a", 1, ""), ("a", 1, "")]

    def test_a_frame_may_join_itself(self, engine: Engine) -> None:
        steps = [step("select", "k"), step("distinct"), step("join", "{df}", on="k")]
        assert shown(engine, *steps) == [("a",), ("b",)]


class TestSets:
    """Here null equals null, NaN equals NaN and -0.0 equals 0.0; columns go by their place."""

    def test_union_takes_columns_by_place(self, engine: Engine) -> None:
        steps = [step("select", "n", "k"), step("union", "{nodes.floats}")]
        assert types(engine, DATA, *steps, frames=FRAMES) == {"n": "float64", "k": "string"}
        assert len(shown(engine, *steps)) == 7

    def test_union_by_name_takes_them_by_name(self, engine: Engine) -> None:
        steps = [step("select", "k", "n"), step("unionByName", "{nodes.floats}")]
        assert shown(engine, *steps) == [
            ("a", 1.0), ("a", 1.0), ("a", 1.5), ("b", None), ("e", 1.0), (None, 3.0), (None, None),
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("function", "expected"),
        [
            ("intersect", [("a", 1)]),
            ("intersectAll", [("a", 1)]),
            ("subtract", [("b", None), (None, 3), (None, None)]),
            ("exceptAll", [("a", 1), ("b", None), (None, 3), (None, None)]),
        ],
    )
    def test_sets_and_bags(self, engine: Engine, function: str, expected: list[Any]) -> None:
        other = {"nodes.one": {"q": ["a", "z"], "r": [1, 1]}}
        steps = [step("select", "k", "n"), step(function, "{nodes.one}")]
        assert sorted_rows(engine, DATA, *steps, frames=other) == expected

    def test_nan_and_zero_are_one_value_each(self, engine: Engine) -> None:
        data = {"x": [NAN, NAN, 0.0, -0.0, None, None]}
        assert shown(engine, step("distinct"), data=data) == [(0.0,), (None,), ("NaN",)]
        grouped = [step("groupBy", "x"), step("count"), step("select", "count")]
        assert shown(engine, *grouped, data=data) == [(2,), (2,), (2,)]


class TestGroups:
    def test_numeric_keys_are_summed_too(self, engine: Engine) -> None:
        steps = [step("groupBy", "k", "n"), step("max")]
        found = types(engine, DATA, *steps)
        assert list(found) == ["k", "n", "max(n)", "max(x)"]

    @pytest.mark.parametrize(
        ("aggregated", "expected"),
        [
            (step("count"), [("a", 2), ("b", 1), (None, 2)]),
            (step("sum", "n"), [("a", 2), ("b", None), (None, 3)]),
            (step("agg", {"n": "count"}), [("a", 2), ("b", 0), (None, 1)]),
            (step("agg", {"x": "max"}), [("a", 1.5), ("b", "NaN"), (None, 0.0)]),
            (step("agg", "F.count('*').alias('c')"), [("a", 2), ("b", 1), (None, 2)]),
            (step("agg", ["F.min('s')"]), [("a", ""), ("b", "y"), (None, "z")]),
        ],
    )
    def test_null_is_a_key(
        self, engine: Engine, aggregated: dict[str, Any], expected: list[Any]
    ) -> None:
        assert shown(engine, step("groupBy", "k"), aggregated) == expected

    @pytest.mark.parametrize(
        ("aggregated", "expected"),
        [
            ([step("groupBy"), step("count")], (0,)),
            ([step("agg", "F.sum('n')", "F.max('x')", "F.collect_list('s')")], (None, None, [])),
            ([step("agg", "F.count('n')", "F.listagg('s')")], (0, None)),
        ],
    )
    def test_no_rows_are_still_one_group_where_nothing_groups(
        self, engine: Engine, aggregated: list[Any], expected: tuple[Any, ...]
    ) -> None:
        assert rows(engine, DATA, step("filter", "n > 99"), *aggregated) == [expected]

    def test_no_rows_are_no_groups(self, engine: Engine) -> None:
        steps = [step("filter", "n > 99"), step("groupBy", "k"), step("count")]
        assert rows(engine, DATA, *steps) == []


class TestOrder:
    @pytest.mark.parametrize(
        ("ordered", "expected"),
        [
            (step("orderBy", "x"), [None, -2.0, 0.0, 1.5, "NaN"]),
            (step("orderBy", "x", ascending=False), ["NaN", 1.5, 0.0, -2.0, None]),
            (step("orderBy", "F.col('x').asc_nulls_last()"), [-2.0, 0.0, 1.5, "NaN", None]),
            (step("orderBy", "F.desc_nulls_first('x')"), [None, "NaN", 1.5, 0.0, -2.0]),
            (step("orderBy", "F.col('x') * -1"), [None, 1.5, 0.0, -2.0, "NaN"]),
            (step("sort", "n", "x", ascending=[False, True]), [None, -2.0, 1.5, 0.0, "NaN"]),
            (step("sort", ["n", "x"], ascending=[0, 0]), [None, 1.5, -2.0, "NaN", 0.0]),
        ],
    )
    def test_null_is_the_least_and_nan_the_greatest(
        self, engine: Engine, ordered: dict[str, Any], expected: list[Any]
    ) -> None:
        found = rows(engine, DATA, ordered, step("select", "x"))
        assert ["NaN" if row[0] != row[0] else row[0] for row in found] == expected

    def test_texts_go_by_code_point(self, engine: Engine) -> None:
        data = {"s": ["b", "B", "ä", "", None, "a"]}
        found = [row[0] for row in rows(engine, data, step("orderBy", "s"))]
        assert found == [None, "", "B", "a", "b", "ä"]

    def test_each_key_has_its_direction(self, engine: Engine) -> None:
        with pytest.raises(TransformError):
            rows(engine, DATA, step("orderBy", "n", "x", ascending=[True]))


class TestShape:
    @pytest.mark.parametrize(
        ("shaped", "expected"),
        [
            (step("melt", ["k"], ["n", "m"], "name", "value"),
             [("a", "m", 3), ("a", "n", 1), ("b", "m", 4), ("b", "n", None)]),
            (step("melt", ids="k", values=["n"], variableColumnName="v", valueColumnName="w"),
             [("a", "n", 1), ("b", "n", None)]),
            (step("melt", ["k"], None, "v", "w"),
             [("a", "m", 3), ("a", "n", 1), ("b", "m", 4), ("b", "n", None)]),
        ],
    )  # fmt: skip
    def test_columns_become_rows(
        self, engine: Engine, shaped: dict[str, Any], expected: list[Any]
    ) -> None:
        assert (
            shown(engine, shaped, data={"k": ["a", "b"], "n": [1, None], "m": [3, 4]}) == expected
        )

    def test_limits_below_and_beyond_the_rows(self, engine: Engine) -> None:
        assert rows(engine, DATA, step("limit", 0)) == []
        assert len(rows(engine, DATA, step("limit", 99))) == 5
        assert rows(engine, DATA, step("offset", 5)) == []
        assert types(engine, DATA, step("limit", 0)) == types(engine, DATA)

    def test_renaming_what_is_not_there_does_nothing(self, engine: Engine) -> None:
        for renamed in (
            step("withColumnRenamed", "nope", "z"),
            step("withColumnsRenamed", {"nope": "z"}),
            step("drop", "nope"),
        ):
            assert types(engine, DATA, renamed) == types(engine, DATA)

    def test_every_column_of_a_step_sees_the_frame_before_it(self, engine: Engine) -> None:
        """`withColumns` adds at once: the new `n` is not what `m` reads."""
        added = step("withColumns", {"n": "F.col('n') + 1", "m": "F.col('n') * 10"})
        found = rows(engine, {"n": [1]}, added)
        assert found == [(2, 10)]
