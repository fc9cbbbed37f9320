"""A schedule that `validate` lets through is one that Dagster takes."""

from __future__ import annotations

from dagster._utils.schedules import is_valid_cron_schedule
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from laktory_dagster.plan.schedule import cron_problem

MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]


def field(least: int, greatest: int, words: list[str]) -> st.SearchStrategy[str]:
    """Return texts of a field: numbers a little beyond its limits, words, ranges, steps, lists."""
    number = st.integers(least, greatest).map(str)
    value = st.one_of(number, st.sampled_from(words)) if words else number
    first = st.one_of(value, st.just("*"), st.builds("{}-{}".format, value, value))
    part = st.one_of(first, st.builds("{}/{}".format, first, st.integers(1, greatest + 40)))
    return st.lists(part, min_size=1, max_size=3).map(",".join)


@given(
    st.tuples(
        field(0, 59, []),
        field(0, 23, []),
        field(1, 31, []),
        field(1, 12, MONTHS),
        field(0, 7, DAYS),
    )
)
@settings(max_examples=150, deadline=None)
def test_dagster_takes_every_schedule_that_is_valid(fields: tuple[str, ...]) -> None:
    cron = " ".join(fields)
    assume(cron_problem(cron) is None)

    assert is_valid_cron_schedule(cron)
