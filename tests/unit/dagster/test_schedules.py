"""Schedules of pipelines: when they tick, in which time zone, and which runs they ask for.

Times of ticks are worked out by hand from the calendar of Berlin, whose clocks go forward on the
30th of March 2025 at 2:00 and back on the 26th of October at 3:00.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._utils.schedules import schedule_execution_time_iterator

from laktory_dagster import build_definitions
from laktory_dagster.errors import DeclarationError
from tests.unit.dagster.test_runs import materialized, write

PIPELINE = """
name: {name}
schedule: {schedule}
nodes:
  - {{name: a, source: {{data: [{{x: 1}}]}}, sink: {{table_name: {name}}}}}
  - {{name: b, source: {{node_name: a}}}}
"""


def loaded(folder: Path, schedule: str, name: str = "p") -> dg.Definitions:
    return build_definitions(write(folder, PIPELINE.format(name=name, schedule=schedule)))


def declared(folder: Path, schedule: str) -> dg.ScheduleDefinition:
    found = loaded(folder, schedule).resolve_schedule_def("p_schedule")
    assert isinstance(found, dg.ScheduleDefinition)
    return found


def ticks(schedule: dg.ScheduleDefinition, after: datetime, count: int) -> list[str]:
    """Return the next ticks in UTC."""
    found = schedule_execution_time_iterator(
        after.timestamp(), schedule.cron_schedule, schedule.execution_timezone, ascending=True
    )
    return [tick.astimezone(UTC).strftime("%m-%d %H:%M") for tick in islice(found, count)]


def test_six_in_berlin_is_another_hour_of_utc_in_summer(tmp_path: Path) -> None:
    schedule = declared(tmp_path, '{cron: "0 6 * * *", timezone: Europe/Berlin}')

    found = ticks(schedule, datetime(2025, 3, 29, 0, 0, tzinfo=ZoneInfo("Europe/Berlin")), 3)

    assert found == ["03-29 05:00", "03-30 04:00", "03-31 04:00"]


def test_without_a_time_zone_it_is_utc(tmp_path: Path) -> None:
    schedule = declared(tmp_path, '{cron: "0 6 * * *"}')

    found = ticks(schedule, datetime(2025, 3, 29, tzinfo=UTC), 3)

    assert found == ["03-29 06:00", "03-30 06:00", "03-31 06:00"]


def test_an_hour_that_the_clocks_repeat_ticks_once(tmp_path: Path) -> None:
    schedule = declared(tmp_path, '{cron: "30 2 * * *", timezone: Europe/Berlin}')

    found = ticks(schedule, datetime(2025, 10, 25, tzinfo=ZoneInfo("Europe/Berlin")), 3)

    assert [tick[:5] for tick in found] == ["10-25", "10-26", "10-27"]


def test_a_tick_asks_for_one_run_of_the_pipelines_job(tmp_path: Path) -> None:
    definitions = loaded(tmp_path, '{cron: "0 6 * * *", timezone: Europe/Berlin}')
    schedule = definitions.resolve_schedule_def("p_schedule")
    assert isinstance(schedule, dg.ScheduleDefinition)
    moment = datetime(2025, 3, 30, 4, 0, tzinfo=UTC)
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(instance, moment)
        data = schedule.evaluate_tick(context)

    assert data.run_requests is not None
    (request,) = data.run_requests
    assert request.tags["dagster/schedule_name"] == "p_schedule"
    job = definitions.resolve_job_def(schedule.job_name)
    assert materialized(job.execute_in_process(run_config=request.run_config)) == ["p/a", "p/b"]


@pytest.mark.parametrize(
    "cron", ["* * * * *", "*/5 0-6 * * 1-5", "0 0 1 1 *", "0 6 * * MON", "15,45 * * * *"]
)
def test_what_cron_allows_dagster_takes(tmp_path: Path, cron: str) -> None:
    schedule = declared(tmp_path, f'{{cron: "{cron}"}}')

    assert schedule.cron_schedule == cron
    assert len(ticks(schedule, datetime(2025, 1, 1, tzinfo=UTC), 2)) == 2


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ('{cron: "0 6 * *"}', "five fields"),
        ('{cron: "61 6 * * *"}', "five fields"),
        ('{cron: "0 25 * * *"}', "five fields"),
        ('{cron: "every day"}', "five fields"),
        ('{cron: "0 6 * * *", timezone: Mars/Base}', "no time zone `Mars/Base`"),
        ('{cron: "0 6 * * *", timezone: "../etc"}', "no time zone"),
        ("{timezone: UTC}", "cron"),
    ],
)
def test_what_it_does_not_is_an_error_of_the_file(tmp_path: Path, schedule: str, said: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        loaded(tmp_path, schedule)

    assert said in str(caught.value)
    assert "pipeline.yaml:3" in str(caught.value)


def test_schedules_of_several_pipelines_start_their_own_jobs(tmp_path: Path) -> None:
    for name in ("a", "b-c"):
        text = PIPELINE.format(name=name, schedule='{cron: "0 6 * * *"}')
        write(tmp_path / name, text.replace("table_name: b-c", "table_name: bc"))

    definitions = build_definitions(tmp_path)

    jobs = {s.name: s.job_name for s in definitions.schedules or () if hasattr(s, "job_name")}
    assert jobs == {"a_schedule": "a", "b_c_schedule": "b_c"}
