"""The `laktory.` functions of frames and of columns."""

from __future__ import annotations

import re
from typing import Any

import pytest

from laktory_dagster.engines.base import Engine
from laktory_dagster.errors import TransformError
from laktory_dagster.expressions.portable import LAKTORY
from tests.engines.transforming import MOMENT, column, rows, sorted_rows, step, types

PRICES: dict[str, list[Any]] = {
    "symbol": ["A", "A", "B", "C"],
    "close": [1.0, 3.0, 5.0, 7.0],
    "name": ["own", None, None, "own"],
}
META = {
    "nodes.meta": {"symbol": ["B", "A", "A"], "name": ["b", "a2", "a1"], "rank": [1, 2, 3]},
    "nodes.codes": {"code": ["A"], "country": ["CA"]},
}


UNORDERED = pytest.mark.lacks("spark", "needs an order|OVER clause")


class TestGroupbyAndAgg:
    def test_expressions_of_every_language(self, engine: Engine) -> None:
        aggregates = [
            {"name": "n", "expr": "F.count('*')"},
            {"name": "low", "expr": "pl.col('close').min()"},
            {"name": "high", "expr": "nw.col('close').max()"},
            {"name": "total", "expr": "sum(close)"},
            {"name": "mean", "sql_expr": "avg(close)"},
        ]
        found = step(
            "laktory.groupby_and_agg", groupby_columns=["symbol"], agg_expressions=aggregates
        )
        assert list(types(engine, PRICES, found)) == ["symbol", "n", "low", "high", "total", "mean"]
        assert sorted_rows(engine, PRICES, found) == [
            ("A", 2, 1.0, 3.0, 4.0, 2.0),
            ("B", 1, 5.0, 5.0, 5.0, 5.0),
            ("C", 1, 7.0, 7.0, 7.0, 7.0),
        ]

    def test_without_keys_all_rows_are_one_group(self, engine: Engine) -> None:
        only = step("laktory.groupby_and_agg", agg_expressions=[{"name": "n", "expr": "pl.len()"}])
        assert rows(engine, PRICES, only) == [(4,)]

    def test_computed_keys(self, engine: Engine) -> None:
        found = step(
            "laktory.groupby_and_agg",
            groupby_columns=["pl.col('close') > 4"],
            agg_expressions=[{"name": "n", "expr": "F.count('*')"}],
        )
        assert sorted_rows(engine, PRICES, found) == [(False, 2), (True, 2)]

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"agg_expressions": [{"name": "n"}]}, "needs an expression"),
            ({"groupby_window": "1 hour"}, "runs on Spark only|is not text"),
            ({"groupby_columns": ["nope"], "agg_expressions": []}, "there is no column `nope`"),
        ],
    )
    def test_errors(self, engine: Engine, options: dict[str, Any], message: str) -> None:
        with pytest.raises(TransformError, match=message):
            rows(engine, PRICES, step("laktory.groupby_and_agg", **options))


class TestSmartJoin:
    def test_left_rows_never_multiply(self, engine: Engine) -> None:
        joined = step("laktory.smart_join", other="{nodes.meta}", on=["symbol"])
        # Of the two rows of A the least by the remaining columns stays: ("a1", 3).
        assert sorted_rows(engine, PRICES, joined, frames=META) == [
            ("A", 1.0, "own", "a1", 3),
            ("A", 3.0, None, "a1", 3),
            ("B", 5.0, None, "b", 1),
            ("C", 7.0, "own", None, None),
        ]

    def test_left_columns_keep_their_places(self, engine: Engine) -> None:
        data = {"close": [1.0], "symbol": ["A"]}
        joined = step("laktory.smart_join", "{nodes.meta}", on="symbol")
        assert list(types(engine, data, joined, frames=META)) == ["close", "symbol", "name", "rank"]

    def test_coalesce_fills_columns_that_both_have(self, engine: Engine) -> None:
        joined = step("laktory.smart_join", "{nodes.meta}", on=["symbol"], coalesce=True)
        found = sorted_rows(engine, PRICES, joined, step("select", "symbol", "name"), frames=META)
        assert found == [("A", "a1"), ("A", "own"), ("B", "b"), ("C", "own")]

    def test_keys_of_two_names(self, engine: Engine) -> None:
        joined = step(
            "laktory.smart_join", "{nodes.codes}", left_on="symbol", other_on="code", how="inner"
        )
        assert list(types(engine, PRICES, joined, frames=META)) == [
            "symbol", "close", "name", "country",
        ]  # fmt: skip
        assert len(rows(engine, PRICES, joined, frames=META)) == 2

    @pytest.mark.parametrize(
        ("how", "symbols"),
        [
            ("inner", ["A", "A", "B"]),
            ("outer", ["A", "A", "B", "C"]),
            ("right", ["A", "A", "B"]),
            ("left_anti", ["C"]),
            ("semi", ["A", "A", "B"]),
        ],
    )
    def test_kinds(self, engine: Engine, how: str, symbols: list[str]) -> None:
        joined = step("laktory.smart_join", "{nodes.meta}", on="symbol", how=how)
        found = rows(engine, PRICES, joined, step("select", "symbol"), frames=META)
        assert sorted(row[0] for row in found) == symbols

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({}, "needs its keys"),
            ({"left_on": ["symbol"], "other_on": ["symbol", "name"]}, "needs its keys"),
            ({"on": ["symbl"]}, "there is no column `symbl`"),
            ({"on": ["close"]}, "there is no column `close`"),
            ({"on": ["symbol"], "on_expression": "a > b"}, "Spark only|two streams"),
            ({"on": ["symbol"], "how": "inward"}, "no kind of join"),
        ],
    )
    def test_errors(self, engine: Engine, options: dict[str, Any], message: str) -> None:
        with pytest.raises(TransformError, match=message):
            rows(engine, PRICES, step("laktory.smart_join", "{nodes.meta}", **options), frames=META)


class TestWindows:
    data = {"g": ["a", "a", "a", "b"], "t": [1, 3, 2, None], "v": [10, 20, 30, 40]}  # noqa: RUF012

    def test_window_filter_keeps_the_first_rows(self, engine: Engine) -> None:
        latest = step(
            "laktory.window_filter",
            partition_by=["g"],
            order_by=[{"sql_expression": "t", "desc": True}],
        )
        assert sorted_rows(engine, self.data, latest) == [("a", 3, 20), ("b", None, 40)]
        two = step(
            "laktory.window_filter", partition_by="g", order_by=["t"], rows_to_keep=2,
            drop_row_index=False, row_index_name="place",
        )  # fmt: skip
        assert sorted_rows(engine, self.data, two) == [
            ("a", 1, 10, 0), ("a", 2, 30, 1), ("b", None, 40, 0),
        ]  # fmt: skip

    def test_ties_are_broken_the_same_way_every_time(self, engine: Engine) -> None:
        kept = step("laktory.window_filter", partition_by="g", order_by=["t"])
        for order in ([2, 1, 3], [3, 2, 1], [1, 3, 2]):
            data = {"g": ["a"] * 3, "t": [0] * 3, "v": order}
            assert rows(engine, data, kept) == [("a", 0, 1)]

    def test_with_row_index(self, engine: Engine) -> None:
        plain = step("laktory.with_row_index", offset=5)
        assert [row[-1] for row in rows(engine, self.data, plain)] == [5, 6, 7, 8]
        in_groups = step(
            "laktory.with_row_index", name="i", partition_by="g",
            order_by=[{"sql_expr": "v % 20", "desc": True}],
        )  # fmt: skip
        assert sorted_rows(engine, self.data, in_groups) == [
            ("a", 1, 10, 0), ("a", 2, 30, 1), ("a", 3, 20, 2), ("b", None, 40, 0),
        ]  # fmt: skip

    def test_an_order_must_name_something(self, engine: Engine) -> None:
        odd = step("laktory.window_filter", partition_by="g", order_by=[{"desc": True}])
        with pytest.raises(TransformError, match="names no column"):
            rows(engine, self.data, odd)


class TestLooking:
    data = {"a": [1], "l": [[{"b": {"c": "x"}}]], "s": [{"d": 1.0}]}  # noqa: RUF012

    def test_flat_schema_and_signature(self, engine: Engine) -> None:
        found = rows(engine, self.data, step("laktory.schema_flat"))
        assert [row[0] for row in found] == ["a", "l", "l[*].b", "l[*].b.c", "s", "s.d"]
        assert rows(engine, {"a": [1], "t": ["x"]}, step("laktory.signature")) == [
            ("a", "int64"),
            ("t", "string"),
        ]

    @pytest.mark.parametrize("name", ["a", "s.d", "l[*].b.c"])
    def test_has_column_lets_the_frame_through(self, engine: Engine, name: str) -> None:
        assert len(rows(engine, self.data, step("laktory.has_column", name))) == 1

    def test_has_column_stops_where_there_is_none(self, engine: Engine) -> None:
        with pytest.raises(TransformError, match=r"there is no column `s\.e`"):
            rows(engine, self.data, step("laktory.has_column", "s.e"))

    @pytest.mark.parametrize("name", ["display", "show_string", "watermark"])
    def test_what_only_shows_changes_nothing(self, engine: Engine, name: str) -> None:
        assert rows(engine, {"a": [1]}, step(f"laktory.{name}", 5, n=1)) == [(1,)]

    def test_union_by_name(self, engine: Engine) -> None:
        other = {"nodes.o": {"b": ["x"], "a": [2.5]}}
        found = rows(engine, {"a": [1]}, step("laktory.union", "{nodes.o}"), frames=other)
        assert found == [(1.0, None), (2.5, "x")]


def test_every_frame_function_is_there(engine: Engine) -> None:
    from laktory_dagster.engines.polars.namespace import FRAME_FUNCTIONS

    assert set(FRAME_FUNCTIONS) == set(LAKTORY)


# fmt: off
COLUMNS: list[tuple[str, list[Any]]] = [
    ("F.laktory.compare('x', 'y', operator='>=')", [False, True, None]),
    ("F.laktory.compare('x', 'y', operator='<', default=False)", [True, False, False]),
    ("pl.col('x').laktory.compare(pl.col('y'), where=pl.col('w'), operator='!=', default=False)", [True, False, False]),
    ("pl.Expr.laktory.compare(pl.col('x'), 2)", [False, True, None]),
    ("F.laktory.roundp('p', p=0.2)", [0.2, 1.0, None]),
    ("pl.col('p').laktory.roundp(5)", [0.0, 0.0, None]),
    ("nw.col('p').laktory.roundp(p=0.1)", [0.3, 0.9, None]),
    ("F.laktory.string_split('s', '-', 1)", ["b", None, None]),
    ("nw.col('s').laktory.string_split('-', 0)", ["a", "solo", None]),
    ("F.laktory.convert_units('x', 'km', 'm')", [1000.0, 2000.0, None]),
    ("pl.col('x').laktory.convert_units('degC', 'degF')", [33.8, 35.6, None]),
    ("nw.col('x').laktory.convert_units(input_unit='ft', output_unit='in')", [12.0, 24.0, None]),
    ("F.laktory.current_timestamp()", [MOMENT] * 3), ("nw.laktory.current_timestamp()", [MOMENT] * 3),
    pytest.param("pl.Expr.laktory.row_number()", [1, 2, 3], marks=UNORDERED),
    pytest.param("pl.Expr.laktory.row_number().over('w')", [1, 1, 1], marks=UNORDERED),
    ("nw.laktory.sql_expr('x + 1')", [2.0, 3.0, None]), ("pl.Expr.laktory.sql_expr('x + 1')", [2.0, 3.0, None]),
]
# fmt: on


@pytest.mark.parametrize(("expression", "expected"), COLUMNS)
def test_column_functions(engine: Engine, expression: str, expected: list[Any]) -> None:
    data = {
        "x": [1.0, 2.0, None],
        "y": [2.0, 1.0, 1.0],
        "w": [True, False, None],
        "p": [0.27, 0.94, None],
        "s": ["a-b-c", "solo", None],
    }
    found = column(engine, data, expression)
    for value, wanted in zip(found, expected, strict=True):
        assert value == (pytest.approx(wanted) if isinstance(wanted, float) else wanted), found


def test_identifiers_are_of_their_own(engine: Engine) -> None:
    for expression in ("F.laktory.uuid()", "pl.Expr.laktory.uuid()"):
        found = column(engine, {"n": list(range(50))}, expression)
        assert len(set(found)) == 50
        assert all(
            re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-.{4}-.{12}", v) for v in found
        )


# fmt: off
UNITS = [
    ("m", "ft", 1 / 0.3048), ("mi", "km", 1.609344), ("nmi", "m", 1852.0), ("inch", "cm", 2.54), ("lb", "kg", 0.45359237),
    ("oz", "g", 28.349523125), ("h", "s", 3600.0), ("day", "hour", 24.0), ("km/h", "m/s", 1 / 3.6), ("knots", "km/h", 1.852),
    ("psi", "kPa", 6.894757293168361), ("atm", "bar", 1.01325), ("kWh", "MJ", 3.6), ("cal", "J", 4.184), ("gal", "L", 3.785411784),
    ("m3", "L", 1000.0), ("hp", "kW", 0.7456998715822702), ("ha", "acre", 2.4710538146716534), ("K", "degC", -272.15),
    ("degC", "K", 274.15), ("degF", "degC", (1 - 32) * 5 / 9), ("degR", "K", 5 / 9), ("deg", "rad", 0.017453292519943295),
    ("GB", "MB", 1000.0), ("GiB", "MiB", 1024.0), ("percent", "fraction", 0.01), ("rpm", "Hz", 1 / 60), ("lbf", "N", 4.4482216152605),
]
# fmt: on


@pytest.mark.parametrize(("source", "target", "expected"), UNITS)
def test_units(engine: Engine, source: str, target: str, expected: float) -> None:
    there = f"F.laktory.convert_units('x', '{source}', '{target}')"
    (found,) = column(engine, {"x": [1.0]}, there)
    assert found == pytest.approx(expected, rel=1e-12)
    back = f"F.laktory.convert_units('x', '{target}', '{source}')"
    assert column(engine, {"x": [found]}, back) == [pytest.approx(1.0, rel=1e-9)]


@pytest.mark.parametrize(
    ("expression", "message", "hint"),
    [
        ("F.laktory.convert_units('x', 'metr', 'ft')", "no unit `metr`", "did you mean `metre"),
        ("F.laktory.convert_units('x', 'm', 'kg')", "`m` measures length, `kg` measures mass", ""),
        ("F.laktory.compare('x', 1, operator='=<')", "`=<` is no operator", ""),
    ],
)
def test_errors_of_column_functions(
    engine: Engine, expression: str, message: str, hint: str
) -> None:
    with pytest.raises(TransformError, match=message) as caught:
        column(engine, {"x": [1.0]}, expression)
    assert hint in (caught.value.hint or "")
