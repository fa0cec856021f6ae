from __future__ import annotations

import pytest

from orchestrator.domain.eta import DAY, Course, EtaReason, Remaining, estimate

START = 1_000.0
COURSE = Course(start=START, spacing=15.0, slow_spacing=30.0)


@pytest.mark.parametrize(("line", "end"), [(1, START), (2, START + 15), (101, START + 1500)])
def test_joins_go_out_at_the_spacing_from_the_next_slot_on(line: int, end: float) -> None:
    found = estimate(COURSE, Remaining(line=line))

    assert (found.at, found.reason) == (end, EtaReason.PACE)


def test_at_half_pace_the_gaps_are_double_until_it_is_over() -> None:
    course = Course(start=START, spacing=15.0, slow_spacing=30.0, slow_until=START + 60)

    assert estimate(course, Remaining(line=5)).at == START + 2 * 30 + 2 * 15


def test_a_group_put_off_for_long_decides() -> None:
    found = estimate(COURSE, Remaining(line=3, later=((START + 5000, 2),)))

    assert (found.at, found.reason) == (START + 5000 + 15, EtaReason.LATER)


def test_a_group_put_off_for_a_moment_stands_behind_the_line() -> None:
    found = estimate(COURSE, Remaining(line=100, later=((START + 5, 1),)))

    assert (found.at, found.reason) == (START + 100 * 15, EtaReason.PACE)


def test_groups_due_at_different_times_queue_up() -> None:
    later = ((START + 100, 10), (START + 120, 1))

    assert estimate(COURSE, Remaining(later=later)).at == START + 100 + 10 * 15


def test_a_look_that_is_due_later_than_the_last_join_decides() -> None:
    found = estimate(COURSE, Remaining(line=1, looks_until=START + 400))

    assert (found.at, found.reason) == (START + 400, EtaReason.LATER)


def test_a_daily_limit_moves_the_rest_to_the_next_days() -> None:
    course = Course(start=START, spacing=15.0, slow_spacing=30.0, daily_limit=50, left_today=20)

    found = estimate(course, Remaining(line=80))

    assert found.reason is EtaReason.DAILY_LIMIT
    assert found.at == START + 2 * DAY + 9 * 15  # 20 today, 50 tomorrow, 10 the day after


def test_a_daily_limit_that_is_not_reached_changes_nothing() -> None:
    course = Course(start=START, spacing=15.0, slow_spacing=30.0, daily_limit=50, left_today=50)

    assert estimate(course, Remaining(line=50)).reason is EtaReason.PACE
