"""Values that become columns, columns that become rows, and lists that become rows, as on Spark."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from laktory_dagster.engines.base import Engine
from laktory_dagster.engines.registry import open_engine
from laktory_dagster.errors import TransformError
from tests.engines.comparing import plain_rows
from tests.engines.together import rows_together
from tests.engines.transforming import chained, rows, sorted_rows, step, types

SALES: dict[str, list[Any]] = {
    "shop": ["a", "a", "b", "b", None, "a"],
    "kind": ["pen", "ink", "pen", None, "ink", "pen"],
    "amount": [1, 2, 3, 4, 5, 6],
    "price": [1.5, None, 2.0, 0.5, 4.0, 2.5],
    "paid": [True, False, True, True, None, True],
}


class TestPivot:
    def pivoted(self, engine: Engine, *steps: Any) -> tuple[list[str], list[Any]]:
        frame = chained(engine, SALES, *steps)
        names = [column.name for column in engine.columns(frame)]
        found = [tuple(row.values()) for row in engine.head(frame, 99)]
        return names, sorted(found, key=str)

    def test_all_values_in_order_null_first(self, engine: Engine) -> None:
        steps = [step("groupBy", "shop"), step("pivot", "kind"), step("sum", "amount")]
        assert self.pivoted(engine, *steps) == (
            ["shop", "null", "ink", "pen"],
            [("a", None, 2, 7), ("b", 4, None, 3), (None, None, 5, None)],
        )

    def test_named_values_in_their_order(self, engine: Engine) -> None:
        """One that never stands there is a column of nulls, those that are not named are left out."""
        wanted = ["pen", "cap", "ink"]
        steps = [step("groupBy", "shop"), step("pivot", "kind", wanted), step("sum", "amount")]
        assert self.pivoted(engine, *steps) == (
            ["shop", "pen", "cap", "ink"],
            [("a", 7, None, 2), ("b", 3, None, None), (None, None, None, 5)],
        )

    def test_several_aggregates_are_named_by_value_and_alias(self, engine: Engine) -> None:
        steps = [
            step("groupBy", "shop"), step("pivot", "kind", ["pen"]),
            step("agg", "F.max('amount').alias('most')", "F.avg('price')"),
        ]  # fmt: skip
        assert self.pivoted(engine, *steps) == (
            ["shop", "pen_most", "pen_avg(price)"],
            [("a", 6, 2.0), ("b", 3, 2.0), (None, None, None)],
        )

    def test_without_keys_there_is_one_row(self, engine: Engine) -> None:
        steps = [step("groupBy"), step("pivot", "paid"), step("agg", "F.sum('amount')")]
        assert self.pivoted(engine, *steps) == (["null", "false", "true"], [(5, 2, 14)])

    @pytest.mark.parametrize(
        ("values", "names"),
        [
            ([1, 6], ["1", "6"]),
            ([6, 1], ["6", "1"]),
            (None, ["1", "2", "3", "4", "5", "6"]),
        ],
    )
    def test_names_of_numbers(self, engine: Engine, values: Any, names: list[str]) -> None:
        steps = [step("groupBy"), step("pivot", "amount", values), step("max", "price")]
        assert self.pivoted(engine, *steps)[0] == names

    def test_counts_of_values_that_a_group_has_not_are_null(self, engine: Engine) -> None:
        steps = [step("groupBy", "shop"), step("pivot", "kind", ["pen"]), step("count")]
        assert self.pivoted(engine, *steps)[1] == [("a", 2), ("b", 1), (None, None)]

    def test_values_of_days(self, engine: Engine) -> None:
        data = {"d": [date(2024, 1, 2), date(2024, 1, 1)], "n": [1, 2]}
        steps = [step("groupBy"), step("pivot", "d"), step("sum", "n")]
        assert list(types(engine, data, *steps)) == ["2024-01-01", "2024-01-02"]

    def test_the_columns_keep_the_types_of_the_aggregates(self, engine: Engine) -> None:
        steps = [step("groupBy", "shop"), step("pivot", "kind", ["pen"]), step("sum", "price")]
        assert types(engine, SALES, *steps) == {"shop": "string", "pen": "float64"}

    def test_a_chain_goes_on_with_the_new_columns(self, engine: Engine) -> None:
        steps = [
            step("groupBy", "shop"), step("pivot", "kind", ["pen", "ink"]), step("sum", "amount"),
            step("withColumn", "both", "F.coalesce('pen', F.lit(0)) + F.coalesce('ink', F.lit(0))"),
            step("select", "shop", "both"),
        ]  # fmt: skip
        assert sorted_rows(engine, SALES, *steps) == [("a", 9), ("b", 3), (None, 5)]

    def test_of_no_rows_there_are_the_named_columns(self, engine: Engine) -> None:
        steps = [
            step("filter", "amount > 99"), step("groupBy", "shop"),
            step("pivot", "kind", ["pen"]), step("sum", "amount"),
        ]  # fmt: skip
        assert self.pivoted(engine, *steps) == (["shop", "pen"], [])

    @pytest.mark.parametrize(
        ("steps", "message"),
        [
            ([step("groupBy", "shop"), step("pivot", "kind", ["pen"])], "rows are in groups"),
            ([step("groupBy", "shop"), step("pivot", "nope"), step("count")], "nope"),
            ([step("groupBy", "shop"), step("pivot", "kind", ["a"]), step("pivot", "paid", [True])],
             r"step 3 \(pivot\)"),
        ],
    )  # fmt: skip
    def test_what_cannot_be_is_one_message(
        self, engine: Engine, steps: list[Any], message: str
    ) -> None:
        with pytest.raises(TransformError, match=message):
            chained(engine, SALES, *steps)


class TestUnpivot:
    data: dict[str, list[Any]] = {"k": ["a", "b"], "n": [1, None], "x": [0.5, 2.0]}  # noqa: RUF012
    whole = [("a", "n", 1.0), ("a", "x", 0.5), ("b", "n", None), ("b", "x", 2.0)]  # noqa: RUF012

    def test_a_row_for_each_column(self, engine: Engine) -> None:
        names = {"variableColumnName": "what", "valueColumnName": "amount"}
        forms = [
            step("unpivot", ["k"], ["n", "x"], "what", "amount"),
            step("unpivot", "k", ["n", "x"], "what", "amount"),
            step("unpivot", ids=["k"], values=["n", "x"], **names),
            step("unpivot", ["k"], None, "what", "amount"),
            step("melt", ["k"], ["n", "x"], "what", "amount"),
        ]
        for form in forms:
            assert types(engine, self.data, form) == {
                "k": "string", "what": "string", "amount": "float64",
            }  # fmt: skip
        frames = {number: chained(engine, self.data, form) for number, form in enumerate(forms)}
        wanted = plain_rows(self.whole, ordered=False)
        assert rows_together(engine, frames) == dict.fromkeys(frames, wanted)

    def test_several_keys_and_one_column(self, engine: Engine) -> None:
        given = step("unpivot", ["k", "x"], ["n"], "what", "amount")
        assert sorted_rows(engine, self.data, given) == [("a", 0.5, "n", 1), ("b", 2.0, "n", None)]


def test_polars_own_unpivot_is_taken_by_its_own_arguments() -> None:
    given = step("unpivot", ["n"], index="k", variable_name="what", value_name="amount")
    found = rows(open_engine("polars"), {"k": ["a"], "n": [1]}, given)
    assert found == [("a", "n", 1)]


@pytest.mark.parametrize(("text", "filled"), [("12", 12), (" 7 ", 7), ("x", None)])
def test_a_text_for_a_column_of_numbers_is_the_number_that_it_spells(
    text: str, filled: Any
) -> None:
    """As on Spark; over Connect Spark leaves such a column as it is."""
    found = rows(open_engine("polars"), {"n": [None, 2]}, step("fillna", {"n": text}))
    assert found == [(filled,), (2,)]


class TestExplodeOuter:
    data: dict[str, list[Any]] = {"id": [1, 2, 3], "l": [["x", None], [], None]}  # noqa: RUF012
    whole = [(1, "x"), (1, None), (2, None), (3, None)]  # noqa: RUF012

    def test_empty_and_null_lists_keep_their_row(self, engine: Engine) -> None:
        column = {"name": "v", "type": "string", "expr": "F.explode_outer('l')"}
        forms = [
            step("select", "id", "F.explode_outer('l').alias('v')"),
            step("select", "id", v="F.explode_outer('l')"),
            step("withColumn", "v", "F.explode_outer('l')"),
            step("withColumns", {"v": "F.explode_outer('l')"}),
            {"with_column": column},
        ]
        taken = step("select", "id", "v")
        frames = {n: chained(engine, self.data, form, taken) for n, form in enumerate(forms)}
        wanted = plain_rows(self.whole, ordered=False)
        assert rows_together(engine, frames) == dict.fromkeys(frames, wanted)

    def test_its_own_name_is_col(self, engine: Engine) -> None:
        found = types(engine, self.data, step("select", "id", "F.explode_outer('l')"))
        assert found == {"id": "int64", "col": "string"}

    def test_beside_it_explode_leaves_no_row(self, engine: Engine) -> None:
        steps = [step("select", "id", "F.explode('l').alias('v')")]
        assert sorted_rows(engine, self.data, *steps) == self.whole[:2]


# What is said of one column by name is cast to it; what is said of all skips other types.
# fmt: off
MISSING: list[tuple[dict[str, Any], list[Any]]] = [
    (step("na.fill", 0), [("a", 0, 1.5), (None, 2, 0.0)]),
    (step("na.fill", "?"), [("a", None, 1.5), ("?", 2, None)]),
    (step("na.fill", 7.9), [("a", 7, 1.5), (None, 2, 7.9)]),
    (step("fillna", {"n": 7.9, "k": 5}), [("a", 7, 1.5), ("5", 2, None)]),
    (step("fillna", 5, "n"), [("a", 5, 1.5), (None, 2, None)]),
    (step("fillna", 5, ["n", "k"]), [("a", 5, 1.5), (None, 2, None)]),
    (step("na.drop"), []),
    (step("na.drop", "all"), [("a", None, 1.5), (None, 2, None)]),
    (step("na.drop", thresh=2), [("a", None, 1.5)]),
    (step("na.drop", subset="k"), [("a", None, 1.5)]),
    (step("na.replace", "a", "A", "k"), [("A", None, 1.5), (None, 2, None)]),
    (step("na.replace", {"a": None}), [(None, None, 1.5), (None, 2, None)]),
    (step("na.replace", [1.5, 2], [3.5, 4]), [("a", None, 3.5), (None, 4, None)]),
]
# fmt: on


def test_missing_values(engine: Engine) -> None:
    data = {"k": ["a", None], "n": [None, 2], "x": [1.5, None]}
    frames = {number: chained(engine, data, given) for number, (given, _) in enumerate(MISSING)}
    found = rows_together(engine, frames)
    for number, (given, expected) in enumerate(MISSING):
        assert found[number] == plain_rows(expected, ordered=False), given
