"""Layer steps: the time column, source columns dropped, one row per key, the stamp."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laktory_dagster.engines.base import Engine
from laktory_dagster.engines.registry import open_engine
from laktory_dagster.errors import TransformError
from tests.engines.transforming import MOMENT, layered, values_of

NAN = float("nan")


def layer(engine: Engine, data: Any, **options: Any) -> list[dict[str, Any]]:
    return values_of(engine, layered(engine, data, **options))


class TestSteps:
    data = {"raw": ["x", "y"], "at": ["2024-01-02T03:04:05Z", "soon"], "k": [1, 2]}  # noqa: RUF012

    def test_nothing_asked_changes_nothing(self, engine: Engine) -> None:
        assert layer(engine, self.data) == [
            {"raw": "x", "at": "2024-01-02T03:04:05Z", "k": 1},
            {"raw": "y", "at": "soon", "k": 2},
        ]

    def test_the_time_column_is_read_before_its_source_is_dropped(self, engine: Engine) -> None:
        found = layer(engine, self.data, time_expression="at", drop_columns=("at", "raw", "gone"))
        assert found == [
            {"k": 1, "_tstamp": datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)},
            {"k": 2, "_tstamp": None},
        ]

    @pytest.mark.parametrize(
        ("expression", "values", "expected"),
        [
            ("t", [date(2024, 1, 2)], datetime(2024, 1, 2, tzinfo=UTC)),
            ("t", [1_704_153_600], datetime(2024, 1, 2, tzinfo=UTC)),
            ("t.at", [{"at": "2024-01-02"}], datetime(2024, 1, 2, tzinfo=UTC)),
            ("to_timestamp(t, 'dd/MM/yyyy')", ["02/01/2024"], datetime(2024, 1, 2, tzinfo=UTC)),
            ("F.to_timestamp('t')", ["2024-01-02"], datetime(2024, 1, 2, tzinfo=UTC)),
        ],
    )
    def test_time_expressions(
        self, engine: Engine, expression: str, values: list[Any], expected: datetime
    ) -> None:
        found = layer(engine, {"t": values}, time_expression=expression)
        assert [row["_tstamp"] for row in found] == [expected]

    def test_the_stamp_is_the_logical_time_in_utc_and_last(self, engine: Engine) -> None:
        frame = layered(engine, {"k": [1, 2]}, stamp="_silver_at")
        assert values_of(engine, frame) == [
            {"k": 1, "_silver_at": MOMENT},
            {"k": 2, "_silver_at": MOMENT},
        ]
        assert engine.columns(frame)[-1].type == "timestamp[us, UTC]"

    def test_a_stamp_of_another_zone_is_the_same_moment(self, engine: Engine) -> None:
        from zoneinfo import ZoneInfo

        local = MOMENT.astimezone(ZoneInfo("America/New_York"))
        assert layer(engine, {"k": [1]}, stamp="_gold_at", timestamp=local)[0]["_gold_at"] == MOMENT

    def test_the_reference_drops_last_and_stamps_before_dedupe(self, engine: Engine) -> None:
        data = {"a": [1, 1, 2], "b": ["x", "y", "z"]}
        options = {"dedupe": True, "drop_columns": ("b",), "stamp": "_silver_at"}
        documented = layer(engine, data, **options)
        assert sorted(row["a"] for row in documented) == [1, 2]
        reference = layer(engine, data, **options, reference_order=True)
        assert sorted(row["a"] for row in reference) == [1, 1, 2]
        assert list(reference[0]) == ["a", "_silver_at"]

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"time_expression": "att"}, r"time column `_tstamp`: there is no column `att`"),
            (
                {"dedupe": True, "dedupe_subset": ("q",)},
                "dropping duplicates: there is no column `q`",
            ),
            ({"time_expression": "raw +"}, "time column `_tstamp`"),
        ],
    )
    def test_errors_say_which_step(
        self, engine: Engine, options: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(TransformError, match=message):
            layer(engine, self.data, **options)


class TestDedupe:
    def one_per_key(self, engine: Engine, data: dict[str, list[Any]], **options: Any) -> list[Any]:
        found = layer(engine, data, dedupe=True, **options)
        return sorted((tuple(row.values()) for row in found), key=str)

    def test_whole_rows(self, engine: Engine) -> None:
        data = {"a": [1, 1, None, None], "b": ["x", "x", None, None]}
        assert self.one_per_key(engine, data) == [(1, "x"), (None, None)]

    def test_when_rows_came_does_not_make_them_differ(self, engine: Engine) -> None:
        early, late = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC)
        data = {"a": [1, 1, 2], "_bronze_at": [late, early, late]}
        assert self.one_per_key(engine, data) == [(1, early), (2, late)]
        more = {**data, "_silver_at": [early, late, late]}
        assert self.one_per_key(engine, more) == [(1, early, late), (2, late, late)]

    def test_the_latest_row_of_a_key_wins(self, engine: Engine) -> None:
        data = {"k": [1, 1, 1, 2], "t": [3, 5, None, None], "v": ["a", "b", "c", "d"]}
        found = self.one_per_key(engine, data, dedupe_subset=("k",), dedupe_order="t")
        assert found == [(1, 5, "b"), (2, None, "d")]

    def test_then_the_least_by_the_rest_nulls_last(self, engine: Engine) -> None:
        data = {"k": [1, 1, 1], "x": [None, 2.0, 2.0], "y": ["a", "c", "b"]}
        assert self.one_per_key(engine, data, dedupe_subset=("k",)) == [(1, 2.0, "b")]

    def test_nulls_and_nans_are_keys_like_others(self, engine: Engine) -> None:
        data = {"k": [NAN, NAN, None, None, 1.0], "v": [2, 1, 4, 3, 5]}
        found = self.one_per_key(engine, data, dedupe_subset=("k",))
        assert [row[1] for row in found] == [5, 3, 1]

    def test_nested_keys_and_values(self, engine: Engine) -> None:
        data = {
            "k": [[1, 2], [1, 2], None],
            "s": [{"a": 2, "b": [1]}, {"a": 1, "b": [9]}, {"a": None, "b": None}],
            "v": ["x", "y", "z"],
        }
        found = layer(engine, data, dedupe=True, dedupe_subset=("k",))
        assert sorted(row["v"] for row in found) == ["y", "z"]

    def test_any_keeps_one_of_each(self, engine: Engine) -> None:
        data = {"k": [1, 1, 2], "v": [1, 2, 3]}
        found = self.one_per_key(engine, data, dedupe_subset=("k",), keep="any")
        assert [row[0] for row in found] == [1, 2]

    def test_columns_keep_their_order(self, engine: Engine) -> None:
        data = {"v": [1], "k": [2], "w": [3]}
        assert list(layer(engine, data, dedupe=True, dedupe_subset=("k",))[0]) == ["v", "k", "w"]

    def test_no_rows(self, engine: Engine) -> None:
        data: dict[str, list[Any]] = {"k": [], "v": []}
        assert layer(engine, data, dedupe=True, dedupe_subset=("k",)) == []


ROWS = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(0, 3)),
        st.one_of(st.none(), st.integers(0, 2)),
        st.one_of(st.none(), st.sampled_from(["", "a", "b"])),
        st.one_of(st.none(), st.floats(-1, 1, allow_nan=False)),
    ),
    min_size=1,
    max_size=30,
)


@settings(max_examples=80, deadline=None)
@given(ROWS, st.booleans(), st.integers())
def test_the_order_of_rows_never_matters_and_duckdb_agrees(
    given_rows: list[tuple[Any, ...]], has_time: bool, seed: int
) -> None:
    engine = open_engine("polars")
    shuffled = list(given_rows)
    random.Random(seed).shuffle(shuffled)
    options = {"dedupe_subset": ("k",), "dedupe_order": "t" if has_time else None}
    found = []
    for order in (given_rows, shuffled):
        data = {name: [row[i] for row in order] for i, name in enumerate("ktvx")}
        kinds = {"k": "BIGINT", "t": "BIGINT", "v": "VARCHAR", "x": "DOUBLE"}
        frame = _typed(engine, data, kinds)
        kept = values_of(engine, layered(engine, frame, dedupe=True, **options))
        found.append(sorted((tuple(row.values()) for row in kept), key=str))
    assert found[0] == found[1]
    assert found[0] == sorted(_by_duckdb(given_rows, has_time=has_time), key=str)


def _typed(engine: Engine, data: dict[str, list[Any]], kinds: dict[str, str]) -> Any:
    from tests.engines.transforming import chained

    columns = [{"name": n, "type": kind, "sql_expr": n} for n, kind in kinds.items()]
    return chained(engine, data, {"with_columns": columns})


def _by_duckdb(given_rows: list[tuple[Any, ...]], *, has_time: bool) -> list[tuple[Any, ...]]:
    connection = duckdb.connect()
    connection.execute("CREATE TABLE r (k BIGINT, t BIGINT, v VARCHAR, x DOUBLE)")
    connection.executemany("INSERT INTO r VALUES (?, ?, ?, ?)", given_rows)
    direction = "DESC" if has_time else "ASC"
    order = f"t {direction} NULLS LAST, v NULLS LAST, x NULLS LAST"
    query = f"FROM r SELECT * QUALIFY row_number() OVER (PARTITION BY k ORDER BY {order}) = 1"
    return connection.execute(query).fetchall()
