"""The steps of a layer in their order, on an engine whose frames are lists of what was done."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from laktory_dagster.engines.base import LayerRequest
from laktory_dagster.engines.layers import LayerSteps
from laktory_dagster.errors import ExpressionError, TransformError

COLUMNS = ["id", "v", "_bronze_at", "_silver_at"]
Done = list[Any]


class TypesDifferError(Exception):
    """What this engine raises."""


def drop(frame: Done, columns: Sequence[str]) -> Done:
    if "broken" in columns:
        raise TypesDifferError("no such column")
    if "unknown" in columns:
        raise ExpressionError("not known", hint="look")
    if "bug" in columns:
        raise KeyError("bug")
    return [*frame, ("drop", *columns)]


STEPS = LayerSteps(
    add_time=lambda frame, text, _: [*frame, ("time", text)],
    drop=drop,
    dedupe=lambda frame, subset, order, keep: [*frame, ("dedupe", tuple(subset), order, keep)],
    add_stamp=lambda frame, name, _: [*frame, ("stamp", name)],
    columns=lambda frame: next((list(done[1:]) for done in frame if done[0] == "of"), COLUMNS),
    errors=(TypesDifferError,),
    explained=lambda error, columns: TransformError(f"{error} among {len(columns)}", hint="mend"),
)


def after(*frame: Any, **options: Any) -> Done:
    plain: dict[str, Any] = {
        "time_expression": None,
        "drop_columns": (),
        "dedupe": False,
        "dedupe_subset": (),
        "dedupe_order": None,
        "keep": "first",
        "stamp": None,
        "timestamp": datetime(2024, 5, 1, tzinfo=UTC),
        "dialect": "spark",
    }
    found: Done = STEPS.apply(list(frame), LayerRequest(**{**plain, **options}))
    return found


EVERYTHING: dict[str, Any] = {
    "time_expression": "at",
    "drop_columns": ("raw",),
    "dedupe": True,
    "dedupe_subset": ("id",),
    "stamp": "_silver_at",
}


def test_nothing_is_done_where_nothing_is_asked() -> None:
    assert after() == []


def test_time_drop_dedupe_and_stamp_come_in_this_order() -> None:
    dedupe = ("dedupe", ("id",), None, "first")
    time, gone, stamp = ("time", "at"), ("drop", "raw"), ("stamp", "_silver_at")
    assert after(**EVERYTHING) == [time, gone, dedupe, stamp]


def test_the_reference_stamps_before_it_drops() -> None:
    done = [step[0] for step in after(**EVERYTHING, reference_order=True)]
    assert done == ["time", "stamp", "dedupe", "drop"]


@pytest.mark.parametrize(
    ("frame", "subset", "compared"),
    [
        ([], (), ("id", "v")),
        ([], ("id",), ("id",)),
        ([("of", "_bronze_at", "id")], (), ("id",)),
        ([("of", "_bronze_at", "_gold_at")], (), ("_bronze_at", "_gold_at")),
    ],
)
def test_whole_rows_are_compared_without_the_times_when_they_came(
    frame: Done, subset: tuple[str, ...], compared: tuple[str, ...]
) -> None:
    asked = {"dedupe": True, "dedupe_subset": subset, "dedupe_order": "at", "keep": "any"}
    assert after(*frame, **asked)[-1] == ("dedupe", compared, "at", "any")


@pytest.mark.parametrize(
    ("column", "message"), [("broken", "no such column among 4"), ("unknown", "not known")]
)
def test_an_error_says_in_which_step_it_was(column: str, message: str) -> None:
    with pytest.raises(TransformError, match=f"dropping source columns: {message}") as raised:
        after(drop_columns=(column,))
    assert raised.value.hint == "mend"


def test_an_error_that_is_no_one_s_stays_what_it_is() -> None:
    with pytest.raises(KeyError, match="bug"):
        after(drop_columns=("bug",))
