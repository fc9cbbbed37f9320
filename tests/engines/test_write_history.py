"""MERGE with history (SCD type 2): every version of a row, as reading one by one gives them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from laktory_dagster.engines.base import Engine, Target
from laktory_dagster.errors import MergeKeyError, WriteError
from laktory_dagster.models import MergeOptions
from tests.engines.writing import Desk, in_order

Change = tuple[Any, ...]


@pytest.fixture
def desk(engine: Engine, tmp_path: Path) -> Desk:
    return Desk(engine, tmp_path)


def history(desk: Desk, **options: Any) -> Target:
    evolution = options.pop("schema_evolution", None)
    given = {"primary_keys": ["id"], "order_by": "at", "scd_type": 2, **options}
    merge = MergeOptions(**given)
    return desk.target(
        "t", mode="MERGE", merge=merge, primary_keys=merge.primary_keys, schema_evolution=evolution
    )


def changes(*rows: Change, columns: str = "id v at") -> pl.DataFrame:
    types = {"id": pl.Int64, "v": pl.String, "at": pl.Int64}
    names = columns.split()
    overrides = {name: kind for name, kind in types.items() if name in names}
    return pl.DataFrame(list(rows), schema=names, orient="row", schema_overrides=overrides)


def test_a_change_closes_the_version_before(desk: Desk) -> None:
    target = history(desk)
    desk.put(changes((1, "a", 1), (2, "x", 1)), target, run="r1")
    desk.put(changes((1, "b", 4)), target, run="r2")
    assert desk.rows(target) == [(1, "a", 1, 1, 4), (1, "b", 4, 4, None), (2, "x", 1, 1, None)]


def test_changes_of_one_batch_come_in_their_order(desk: Desk) -> None:
    target = history(desk)
    desk.put(changes((1, "c", 9), (1, "a", 1), (1, "b", 4)), target)
    assert desk.rows(target) == [(1, "a", 1, 1, 4), (1, "b", 4, 4, 9), (1, "c", 9, 9, None)]


def test_what_changes_nothing_makes_no_version(desk: Desk) -> None:
    target = history(desk)
    desk.put(changes((1, "a", 1), (1, "a", 2)), target, run="r1")
    version = DeltaTable(str(desk.folder / "t")).version()
    for run in ("r2", "r3"):
        desk.put(changes((1, "a", 1), (1, "a", 5)), target, run=run)
    assert desk.rows(target) == [(1, "a", 1, 1, None)]
    assert DeltaTable(str(desk.folder / "t")).version() == version


def test_what_is_outdated_is_ignored(desk: Desk) -> None:
    target = history(desk)
    desk.put(changes((1, "a", 5)), target, run="r1")
    desk.put(changes((1, "late", 4), (2, "x", 1)), target, run="r2")
    assert desk.rows(target) == [(1, "a", 5, 5, None), (2, "x", 1, 1, None)]


def test_a_change_of_the_same_moment_takes_the_place(desk: Desk) -> None:
    target = history(desk)
    desk.put(changes((1, "a", 5)), target, run="r1")
    desk.put(changes((1, "A", 5)), target, run="r2")
    assert desk.rows(target) == [(1, "A", 5, 5, None)]


def test_a_delete_closes_and_a_row_may_come_back(desk: Desk) -> None:
    target = history(desk, delete_where="v = 'gone'")
    desk.put(changes((1, "a", 1), (2, "gone", 1)), target, run="r1")
    desk.put(changes((1, "gone", 3), (9, "gone", 3)), target, run="r2")
    assert desk.rows(target) == [(1, "a", 1, 1, 3)]
    desk.put(changes((1, "late", 2), (1, "back", 7)), target, run="r3")
    assert desk.rows(target) == [(1, "a", 1, 1, 3), (1, "back", 7, 7, None)]


def test_null_updates_keep_what_the_row_had(desk: Desk) -> None:
    target = history(desk, ignore_null_updates=True, delete_where="v = 'gone'")
    first = changes((1, "a", 1, 10), columns="id v at n")
    desk.put(first, target, run="r1")
    desk.put(changes((1, None, 2, 20), (1, "b", 3, None), columns="id v at n"), target, run="r2")
    assert desk.rows(target) == [
        (1, "a", 1, 10, 1, 2),
        (1, "a", 2, 20, 2, 3),
        (1, "b", 3, 20, 3, None),
    ]


def test_the_columns_of_the_history_have_the_names_that_are_given(desk: Desk) -> None:
    target = history(desk, start_at_column_name="since", end_at_column_name="until")
    desk.put(changes((1, "a", 1)), target)
    table = DeltaTable(str(desk.folder / "t")).to_pyarrow_table()
    assert table.column_names == ["id", "v", "at", "since", "until"]
    assert table.schema.field("until").type == table.schema.field("at").type


def test_columns_that_are_left_out_make_no_version(desk: Desk) -> None:
    target = history(desk, exclude_columns=["v", "at"])
    frame = changes((1, "a", 1, 5), (1, "b", 2, 5), (1, "c", 3, 6), columns="id v at n")
    desk.put(frame, target)
    assert desk.rows(target) == [(1, 5, 1, 3), (1, 6, 3, None)]


def test_null_can_be_a_key(desk: Desk) -> None:
    target = history(desk, null_equals_null=True)
    desk.put(changes((None, "a", 1)), target, run="r1")
    desk.put(changes((None, "b", 2)), target, run="r2")
    assert desk.rows(target) == [(None, "a", 1, 1, 2), (None, "b", 2, 2, None)]


def test_a_new_column_is_added(desk: Desk) -> None:
    target = history(desk, schema_evolution="add")
    desk.put(changes((1, "a", 1)), target, run="r1")
    desk.put(changes((1, "a", 2, 7), columns="id v at n"), target, run="r2")
    table = pl.DataFrame(DeltaTable(str(desk.folder / "t")).to_pyarrow_table())
    found = table.select("id", "v", "at", "__start_at", "__end_at", "n").rows()
    assert sorted(found) == [(1, "a", 1, 1, 2, None), (1, "a", 2, 2, None, 7)]


@pytest.mark.parametrize(
    ("rows", "options", "error", "text"),
    [
        (changes((1, "a", None)), {}, MergeKeyError, "1 rows with a null in `at`"),
        (changes((None, "a", 1)), {}, MergeKeyError, "null in the merge key"),
        (changes((1, "a", 1)), {"order_by": None}, WriteError, "order_by"),
        (changes((1, "a", 1)), {"end_at_column_name": "v"}, WriteError, "a column `v`"),
        (changes((1, "a", 1)), {"order_by": "when"}, WriteError, "`when`"),
    ],
)
def test_what_is_refused(
    desk: Desk, rows: pl.DataFrame, options: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        desk.put(rows, history(desk, **options))
    assert desk.files() == []


def sequential(batches: list[list[Change]], *, keep_null: bool) -> list[Change]:
    """Return the versions as somebody notes them down who reads the changes one by one."""
    versions: dict[int, list[list[Any]]] = {}
    newest: dict[int, int] = {}
    for batch in batches:
        for key, value, at in sorted(batch, key=lambda change: change[2]):
            if at < newest.get(key, at):
                continue
            known = versions.setdefault(key, [])
            opened = known[-1] if known and known[-1][2] is None else None
            if value == "D":
                if opened is not None:
                    opened[2] = newest[key] = at
                continue
            keeps = value is None and keep_null and opened is not None
            new = opened[0] if keeps and opened is not None else value
            if opened is not None and opened[0] == new:
                continue
            if opened is not None and opened[1] == at:
                opened[0] = new
                continue
            if opened is not None:
                opened[2] = at
            known.append([new, at, None])
            newest[key] = at
    return [
        (key, value, start, end) for key, found in versions.items() for value, start, end in found
    ]


# Many keys in few batches: keys do not meet, and a commit costs the same for one as for many.
BATCHES = st.lists(
    st.lists(
        st.tuples(st.integers(0, 12), st.sampled_from(["a", "b", "D", None]), st.integers(0, 9)),
        min_size=15,
        max_size=50,
        unique_by=lambda change: (change[0], change[2]),
    ),
    min_size=1,
    max_size=3,
)


@pytest.mark.parametrize("keep_null", [False, True])
@given(batches=BATCHES)
@settings(
    max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_histories_are_those_of_reading_one_by_one(
    engine: Engine,
    tmp_path_factory: pytest.TempPathFactory,
    keep_null: bool,
    batches: list[list[Change]],
) -> None:
    desk = Desk(engine, tmp_path_factory.mktemp("history"))
    target = history(
        desk, delete_where="v = 'D'", ignore_null_updates=keep_null, exclude_columns=["at"]
    )
    for number, batch in enumerate(batches):
        # Another run of the same rows is no change; the same run is not even tried.
        for run in (f"r{number}", f"r{number}", f"again-{number}"):
            desk.put(changes(*batch), target, run=run)
    expected = sequential(batches, keep_null=keep_null)
    assert desk.rows(target) == in_order(expected)
