"""When cron expressions are due: time zones, the skipped and the doubled hour."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from pydantic import TypeAdapter, ValidationError

from orchestrator.config.values import Cron
from orchestrator.domain.times import CronTimes
from orchestrator.status.schedule_view import Entry, entries_of, local, upcoming

BERLIN = ZoneInfo("Europe/Berlin")
SAO_PAULO = ZoneInfo("America/Sao_Paulo")
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


def at(text: str) -> float:
    """An instant from its UTC wall time."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def shown(instants: list[float]) -> list[str]:
    return [datetime.fromtimestamp(one, UTC).strftime("%m-%d %H:%M") for one in instants]


def runs(expression: str, zone: ZoneInfo, start: str, count: int) -> list[str]:
    return shown(list(islice(CronTimes(expression, zone).after(at(start)), count)))


def test_a_daily_entry_follows_the_wall_clock_of_its_zone_across_both_changes() -> None:
    assert runs("0 6 * * *", BERLIN, "2026-03-28 00:00", 2) == ["03-28 05:00", "03-29 04:00"]
    assert runs("0 6 * * *", BERLIN, "2026-10-24 00:00", 2) == ["10-24 04:00", "10-25 05:00"]


def test_three_hours_behind_utc_is_three_hours_later_in_utc() -> None:
    assert runs("30 6 * * 1-5", SAO_PAULO, "2026-11-20 12:00", 2) == ["11-23 09:30", "11-24 09:30"]
    assert runs("0 22 * * *", ZoneInfo("Etc/GMT+3"), "2026-11-22 00:00", 1) == ["11-22 01:00"]


def test_a_time_in_the_skipped_hour_is_due_when_the_hour_after_it_begins() -> None:
    assert runs("30 2 * * *", BERLIN, "2026-03-28 12:00", 2) == ["03-29 01:00", "03-30 00:30"]


def test_a_time_in_the_doubled_hour_is_due_once_at_its_first_passing() -> None:
    assert runs("30 2 * * *", BERLIN, "2026-10-24 12:00", 2) == ["10-25 00:30", "10-26 01:30"]


@pytest.mark.parametrize("start", ["2026-10-25 00:31", "2026-10-25 01:05", "2026-10-25 01:31"])
def test_a_look_from_within_the_doubled_hour_never_leads_back(start: str) -> None:
    assert runs("30 2 * * *", BERLIN, start, 1) == ["10-26 01:30"]


def test_an_entry_with_a_star_follows_the_time_that_passes() -> None:
    hourly = runs("0 * * * *", BERLIN, "2026-10-24 23:30", 4)
    quarters = runs("*/30 * * * *", BERLIN, "2026-03-29 00:10", 4)

    assert hourly == ["10-25 00:00", "10-25 01:00", "10-25 02:00", "10-25 03:00"]
    assert quarters == ["03-29 00:30", "03-29 01:00", "03-29 01:30", "03-29 02:00"]


@pytest.mark.parametrize("zone", [ZoneInfo("UTC"), BERLIN, SAO_PAULO, ZoneInfo("Australia/Lord_Howe")])
@pytest.mark.parametrize("expression", ["30 2 * * *", "*/20 * * * *", "15 1,2,3 * * 0", "0 */6 1 * *"])
def test_going_on_from_any_instant_leads_to_the_same_runs_as_going_through(
    zone: ZoneInfo, expression: str
) -> None:
    times = CronTimes(expression, zone)
    for day in ("2026-03-28 20:00", "2026-10-24 20:00", "2026-04-04 10:00", "2026-10-03 10:00"):
        through = [one for one in islice(times.after(at(day)), 80) if one < at(day) + DAY]
        for step in range(0, 24 * 60, 10):
            here = at(day) + step * MINUTE + 0.25
            following = [one for one in through if one > here]
            if following:
                assert times.next(here) == following[0]


def test_the_instant_itself_is_over_and_a_moment_before_it_is_not() -> None:
    times, six = CronTimes("0 6 * * *", ZoneInfo("UTC")), at("2026-11-23 06:00")

    assert times.next(six - 0.001) == six
    assert times.next(six) == six + DAY
    assert times.latest(six - 1, six) == six
    assert times.latest(six, six + HOUR) is None
    assert times.latest(six - 3 * DAY, six + HOUR) == six


def test_the_local_time_says_its_offset_and_zone() -> None:
    assert local(at("2026-07-01 04:30"), BERLIN) == "Wed 2026-07-01 06:30 +02:00 Europe/Berlin"
    assert local(at("2026-07-01 04:30"), SAO_PAULO) == "Wed 2026-07-01 01:30 -03:00 America/Sao_Paulo"


def test_only_what_this_version_does_is_an_entry() -> None:
    zone = ZoneInfo("UTC")

    assert entries_of({"audit": "0 6 * * *", "recover": ""}, zone) == ()
    (entry,) = entries_of({"audit": "0 6 * * *", "recover": "0 5 * * *"}, zone)

    assert entry == Entry("recover", CronTimes("0 5 * * *", zone))
    assert shown(upcoming(entry, at("2026-11-22 12:00"), 2)) == ["11-23 05:00", "11-24 05:00"]


cron = TypeAdapter(Cron)


@pytest.mark.parametrize("good", ["0 6 * * *", "*/5 8-18 * * MON-FRI", "0 0 L * *", "0 9 * * 1#1", "", "  "])
def test_what_the_scheduler_takes_the_configuration_takes(good: str) -> None:
    assert cron.validate_python(f" {good} ") == good.strip()


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("61 * * * *", "bad minute"),
        ("0 24 * * *", "bad hour"),
        ("0 0 31 2 *", "bad day-of-month"),
        ("0 0 * * 9", "bad day-of-week"),
        ("0 0 * 13 *", "bad month"),
        ("*/0 * * * *", "bad minute"),
        ("0 0 0 * * *", "five fields"),
        ("@daily", "five fields"),
        (f"{'9' * 5000} 0 * * *", "five fields"),
    ],
)
def test_what_never_comes_due_or_means_nothing_is_refused(bad: str, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        cron.validate_python(bad)
