"""The `laktory.` functions with nulls, ties, keys of other names, and arguments in every form."""

from __future__ import annotations

import math
from typing import Any

import pytest

from laktory_dagster.engines.base import Engine
from laktory_dagster.errors import TransformError
from tests.engines.transforming import column, rows, sorted_rows, step, types

NAN = math.nan
TRADES: dict[str, list[Any]] = {
    "n": [1, 2, 3, None],
    "k": [None, "k2", "k3", "k4"],
    "t": [1.0, 5.0, 2.0, 4.0],
}
OTHER = {"nodes.o": {"n": [1, 1, 2, None], "z": ["b", "a", "c", "d"], "k": ["x", "x", "y", "z"]}}


class TestSmartJoin:
    def joined(self, engine: Engine, **options: Any) -> list[Any]:
        found = step("laktory.smart_join", "{nodes.o}", **options)
        return sorted_rows(engine, TRADES, found, frames=OTHER)

    def test_left_rows_come_once_and_null_meets_nothing(self, engine: Engine) -> None:
        """Of the two rows of 1 the least by `z` joins."""
        assert self.joined(engine, on="n") == [
            (1, None, 1.0, "a", "x"), (2, "k2", 5.0, "c", "y"), (3, "k3", 2.0, None, None),
            (None, "k4", 4.0, None, None),
        ]  # fmt: skip

    def test_coalesce_fills_what_the_left_lacks(self, engine: Engine) -> None:
        assert self.joined(engine, on=["n"], coalesce=True) == [
            (1, "x", 1.0, "a"), (2, "k2", 5.0, "c"), (3, "k3", 2.0, None), (None, "k4", 4.0, None),
        ]  # fmt: skip

    def test_an_outer_join_keeps_keyless_rows_of_both(self, engine: Engine) -> None:
        found = self.joined(engine, on="n", how="full", coalesce=True)
        assert (None, "k4", 4.0, None) in found
        assert (None, "z", None, "d") in found
        assert len(found) == 5

    def test_a_right_join_by_a_name_that_the_other_frame_uses_otherwise(
        self, engine: Engine
    ) -> None:
        """The other's own `k` is not its key: it is named as a column of the other."""
        options = {"left_on": "k", "other_on": "z", "how": "right"}
        found = step("laktory.smart_join", "{nodes.o}", **options)
        names = list(types(engine, TRADES, found, frames=OTHER))
        assert set(names) == {"n", "k", "t", "n_right", "k_right"}
        picked = sorted_rows(engine, TRADES, found, step("select", "k", "k_right"), frames=OTHER)
        assert picked == [("a", "x"), ("b", "x"), ("c", "y"), ("d", "z")]

    def test_semi_and_anti_add_no_columns(self, engine: Engine) -> None:
        assert self.joined(engine, on="n", how="semi") == [(1, None, 1.0), (2, "k2", 5.0)]
        assert self.joined(engine, on="n", how="left_anti") == [(3, "k3", 2.0), (None, "k4", 4.0)]

    def test_keys_of_one_name_may_be_given_by_one_side(self, engine: Engine) -> None:
        assert self.joined(engine, left_on="n") == self.joined(engine, on="n")

    def test_watermarks_change_nothing(self, engine: Engine) -> None:
        marks = {"column": "t", "threshold": "1 hour"}
        plain = self.joined(engine, on="n")
        assert self.joined(engine, on="n", left_watermark=marks, other_watermark=marks) == plain


class TestGroupbyAndAgg:
    @pytest.mark.parametrize(
        ("options", "names", "expected"),
        [
            ({"groupby_columns": "g", "agg_expressions": {"name": "c", "expr": "F.count('*')"}},
             ["g", "c"], [("a", 2), (None, 1)]),
            ({"groupby_columns": ["g"], "agg_expressions": ["F.sum('v')"]},
             ["g", "sum(v)"], [("a", 3), (None, None)]),
            ({"groupby_columns": ["g"], "agg_expressions": [{"expr": "F.max('v')"}]},
             ["g", "max(v)"], [("a", 2), (None, None)]),
            ({"agg_expressions": [{"name": "m", "sql_expr": "max(v)"}, {"name": "c", "expr": "count(v)"}]},
             ["m", "c"], [(2, 2)]),
            ({"groupby_columns": ["F.upper('g').alias('u')"], "agg_expressions": [{"name": "v", "expr": "F.min('v')"}]},
             ["u", "v"], [("A", 1), (None, None)]),
        ],
    )  # fmt: skip
    def test_forms_of_the_arguments(
        self, engine: Engine, options: dict[str, Any], names: list[str], expected: list[Any]
    ) -> None:
        data = {"g": ["a", "a", None], "v": [1, 2, None]}
        grouped = step("laktory.groupby_and_agg", **options)
        assert list(types(engine, data, grouped)) == names
        assert sorted_rows(engine, data, grouped) == expected


class TestWindowFilter:
    data = {"g": ["a", "a", "a", None, None], "t": [1, None, 3, 2, 2], "v": [5, 6, 7, 9, 8]}  # noqa: RUF012

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ({"partition_by": "g", "order_by": ["t"]}, [("a", None, 6), (None, 2, 8)]),
            ({"partition_by": ["g"], "order_by": "F.col('t').desc()"}, [("a", 3, 7), (None, 2, 8)]),
            ({"partition_by": ["g"], "order_by": "F.asc_nulls_last('t')"}, [("a", 1, 5), (None, 2, 8)]),
            ({"partition_by": ["g"], "order_by": [{"sql_expression": "t", "desc": True}]}, [("a", 3, 7), (None, 2, 8)]),
            ({"partition_by": ["g"], "order_by": [{"sql_expression": "v % 2", "desc": False}, {"sql_expression": "v"}]},
             [("a", None, 6), (None, 2, 8)]),
            ({"partition_by": ["g"], "order_by": ["v"], "rows_to_keep": 2},
             [("a", 1, 5), ("a", None, 6), (None, 2, 8), (None, 2, 9)]),
        ],
    )  # fmt: skip
    def test_the_first_rows_of_each_group(
        self, engine: Engine, options: dict[str, Any], expected: list[Any]
    ) -> None:
        """Null is a group too; of equal rows the least by the other columns is first."""
        assert sorted_rows(engine, self.data, step("laktory.window_filter", **options)) == expected

    @pytest.mark.parametrize(
        ("order", "numbers"), [(["v"], [0, 0]), ([{"sql_expression": "v"}], [1, 1])]
    )
    def test_numbers_begin_as_the_schema_of_the_order_says(
        self, engine: Engine, order: list[Any], numbers: list[int]
    ) -> None:
        kept = step(
            "laktory.window_filter", partition_by=["g"], order_by=order,
            drop_row_index=False, row_index_name="place",
        )  # fmt: skip
        assert list(types(engine, self.data, kept))[-1] == "place"
        assert [row[-1] for row in rows(engine, self.data, kept)] == numbers

    def test_more_rows_than_there_are(self, engine: Engine) -> None:
        kept = step("laktory.window_filter", partition_by="g", order_by=["v"], rows_to_keep=99)
        assert len(rows(engine, self.data, kept)) == 5

    def test_no_rows(self, engine: Engine) -> None:
        kept = step("laktory.window_filter", partition_by="g", order_by=["v"], rows_to_keep=0)
        assert rows(engine, self.data, kept) == []


# fmt: off
COLUMNS: list[tuple[str, list[Any]]] = [
    ("F.laktory.compare('x', 'y')", [True, None, None, False]),
    ("F.laktory.compare('x', 'y', operator='>=', default=False)", [True, False, False, True]),
    ("F.laktory.compare('x', operator='<')", [False, None, True, False]),
    ("F.laktory.compare('x', 'y', where=F.col('y') > 1, default=True)", [True, True, True, True]),
    ("F.laktory.compare('x', 'y', where='ok', operator='!=')", [False, None, None, None]),
    ("F.laktory.roundp('x', p=0.5)", [1.0, None, -2.5, 4.0]),
    ("F.laktory.roundp('i', p=10)", [10, 20, -10, None]),
    ("F.laktory.roundp('x', p='y')", [1.0, None, None, 4.0]),
    ("F.laktory.roundp('i', p=0.1)", [5.0, 15.0, -5.0, None]),
    ("F.laktory.roundp('x')", [1.0, None, -3.0, 4.0]),
    ("F.laktory.string_split('s', '.', 1)", ["b", None, None, ""]),
    ("F.laktory.string_split('s', '.', 0)", ["a", "a", None, ""]),
    ("F.laktory.string_split('s', '|', 0)", ["a.b", "a", None, "."]),
    ("F.laktory.convert_units('x', 'degC', 'degF')", [33.8, None, 27.5, 39.2]),
    ("F.laktory.convert_units('x', input_unit='ft', output_unit='m')", [0.3048, None, -0.762, 1.2192]),
    ("F.laktory.convert_units('i', 'm', 'm')", [5.0, 15.0, -5.0, None]),
    ("F.laktory.convert_units('i', 'km/h', 'm/s') * 18", [25.0, 75.0, -25.0, None]),
]
# fmt: on


@pytest.mark.parametrize(("expression", "expected"), COLUMNS)
def test_columns_with_nulls(engine: Engine, expression: str, expected: list[Any]) -> None:
    data = {
        "x": [1.0, None, -2.5, 4.0],
        "y": [1.0, 2.0, None, 1.0],
        "s": ["a.b", "a", None, "."],
        "i": [5, 15, -5, None],
        "ok": [True, True, True, False],
    }
    found = column(engine, data, expression)
    assert found == [pytest.approx(v) if isinstance(v, float) else v for v in expected]


@pytest.mark.parametrize(
    ("function", "options", "message"),
    [
        ("laktory.window_filter", {}, "needs the argument `partition_by`"),
        ("laktory.window_filter", {"partition_by": "nope", "order_by": ["n"]}, "no column `nope`"),
        ("laktory.with_row_index", {"order_by": ["nope"]}, "no column `nope`"),
        ("laktory.groupby_and_agg", {"group_by": ["n"]}, "no argument `group_by`"),
        ("laktory.smart_join", {"other": "{nodes.o}", "on": "n", "how": "lft"}, "no kind of join"),
        ("laktory.union", {"other": "{nodes.nope}"}, r"`\{nodes.nope\}` is not there"),
        ("laktory.has_column", {"col": "n.x"}, r"no column `n\.x`"),
    ],
)
def test_wrong_arguments_are_named(
    engine: Engine, function: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(TransformError, match=message) as caught:
        rows(engine, TRADES, step(function, **options), frames=OTHER)
    assert f"step 1 ({function})" in str(caught.value)
