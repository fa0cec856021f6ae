"""The pace, shown for histories that Hypothesis makes up: never a sixth receipt within sixty seconds."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.domain.pacing import (
    LIMIT,
    MIN_SPACING,
    STEP_NOTICED,
    WINDOW,
    NextSlot,
    PacingPolicy,
    SlotRecord,
    Wait,
    end_of,
    next_slot,
    worst_window,
)
from tests.support.defaults import pacing

START = 1_800_000_000.0
rates = st.floats(2.0, 5.0)
shares = st.floats(0.0, 1.0)


@dataclass(frozen=True)
class Fate:
    """What happens to one join. All fields are shares of what is allowed, or seconds."""

    idle: float  # seconds that pass before the next join is wanted
    early: float  # how much of the lead is used
    held_up: float  # of the slot's life, before it is sent
    on_the_way: float  # of the time until it finished, before the gateway received it
    took: float  # of the time-out, until it finished
    crashed: bool  # nobody ever recorded how it ended
    dice: float
    step: float = 0.0  # seconds by which the database's clock is set before this join


NEVER = st.just(0.0)


def fates(*, steps: st.SearchStrategy[float] = NEVER) -> st.SearchStrategy[list[Fate]]:
    fate = st.builds(
        Fate,
        idle=st.one_of(st.just(0.0), st.floats(0.0, 200.0)),
        early=shares,
        held_up=st.one_of(st.just(0.0), st.just(1.0), shares),
        on_the_way=st.one_of(st.just(0.0), st.just(1.0), shares),
        took=st.one_of(st.just(0.0), st.just(1.0), shares),
        crashed=st.booleans(),
        dice=st.floats(0.0, 1.0, exclude_max=True),
        step=steps,
    )
    return st.lists(fate, min_size=6, max_size=24)


@dataclass
class Line:
    """One instance's joins: the database's log of slots, and the truth behind it."""

    policy: PacingPolicy
    true: float = START  # time that nobody can set
    offset: float = 0.0  # the database's clock is `true + offset`
    hold_until: float = 0.0
    log: list[tuple[float, float, float, float]] = field(default_factory=list)  # plan, end, dice, recorded
    planned: list[float] = field(default_factory=list)  # true times of the plans
    received: list[float] = field(default_factory=list)

    @property
    def now(self) -> float:
        return self.true + self.offset

    def set_clock(self, by: float) -> None:
        """A step; one of more than a second is noticed, and holds a full window, as the lease does."""
        self.offset += by
        if by > 0 or by < -STEP_NOTICED:
            self.hold_until = self.now + WINDOW

    def records(self) -> list[SlotRecord]:
        """What stands in the log now: an end that lies ahead has not been recorded yet."""
        return [
            SlotRecord(send_at, end if recorded <= self.true else None, dice)
            for send_at, end, dice, recorded in reversed(self.log)
        ]

    def next(self) -> NextSlot:
        return next_slot(self.policy, self.now, self.records(), hold_until=self.hold_until)

    def join(self, fate: Fate) -> None:
        self.true += fate.idle
        for _ in range(100_000):
            chosen = self.next()
            if chosen.at <= self.now + self.policy.lead * fate.early:
                break
            self.true += max(1e-6, min(chosen.at - self.now - self.policy.lead * fate.early, 15.0))
        else:  # pragma: no cover - a starved line is a failed test
            pytest.fail("the next slot never comes")
        plan = self.true + (chosen.at - self.now)
        sent = plan + fate.held_up * self.policy.life
        ended = min(sent + fate.took * self.policy.timeout, plan + self.policy.life + self.policy.timeout)
        self.planned.append(plan)
        self.received.append(sent + fate.on_the_way * (ended - sent))
        recorded = float("inf") if fate.crashed else ended
        self.log.append((chosen.at, chosen.at + (ended - plan), fate.dice, recorded))


def play(policy: PacingPolicy, story: list[Fate]) -> Line:
    line = Line(policy)
    for fate in story:
        if fate.step:
            line.set_clock(fate.step)
        line.join(fate)
    return line


@settings(max_examples=200)
@given(rates, shares, fates())
def test_no_window_ever_holds_a_sixth_receipt_whatever_is_late_lost_or_crashed(
    rate: float, jitter: float, story: list[Fate]
) -> None:
    line = play(pacing(rate, jitter), story)
    assert worst_window(line.received, WINDOW - 1e-3) <= LIMIT


@settings(max_examples=60)
@given(rates, shares, fates())
def test_two_plans_are_never_closer_than_twelve_seconds(
    rate: float, jitter: float, story: list[Fate]
) -> None:
    line = play(pacing(rate, jitter), story)
    gaps = [later - sooner for sooner, later in zip(line.planned, line.planned[1:], strict=False)]
    assert min(gaps) >= MIN_SPACING - 1e-3


@settings(max_examples=80)
@given(rates, fates(steps=st.one_of(st.just(0.0), st.floats(-90.0, 0.0))))
def test_a_clock_that_steps_back_never_lets_a_sixth_receipt_through(rate: float, story: list[Fate]) -> None:
    line = play(pacing(rate), story)
    assert worst_window(line.received, WINDOW - 1e-3) <= LIMIT


@settings(max_examples=80)
@given(rates, fates(steps=st.one_of(st.just(0.0), st.floats(0.0, 100_000.0))))
def test_a_clock_that_steps_forward_costs_a_window_and_never_lets_a_sixth_join_leave(
    rate: float, story: list[Fate]
) -> None:
    line = play(pacing(rate, life=0.0, timeout=0.0), story)
    assert worst_window(line.received, WINDOW - 1e-3) <= LIMIT


def test_a_clock_that_steps_back_by_an_hour_does_not_stop_the_joins_for_an_hour() -> None:
    prompt = Fate(0.0, 1.0, 0.0, 0.0, 0.005, False, 0.5)
    line = play(pacing(5.0), [prompt] * 6)
    line.true += 2.0
    line.set_clock(-3600.0)
    before = line.true
    line.join(prompt)
    assert line.planned[-1] - before <= WINDOW + 110.0 + 1.0


@given(rates, st.lists(st.floats(0.0, 1.0, exclude_max=True), max_size=8), st.floats(-1e5, 1e5))
def test_however_far_ahead_the_log_is_the_next_slot_is_never_in_the_past_nor_sooner_than_its_spacing(
    rate: float, dice: list[float], ahead: float
) -> None:
    policy = pacing(rate)
    recent = [SlotRecord(START + ahead - 12.0 * n, None, throw) for n, throw in enumerate(dice)]
    chosen = next_slot(policy, START, recent)
    assert chosen.at >= START
    if recent and recent[0].send_at <= START + policy.lead:
        assert chosen.at >= recent[0].send_at + policy.gap(recent[0].dice)


@given(rates, shares, st.integers(0, 2**32))
def test_the_mean_rate_is_the_configured_one(rate: float, jitter: float, seed: int) -> None:
    policy, dice = pacing(rate, jitter), random.Random(seed)
    gaps = [policy.gap(dice.random()) for _ in range(4000)]
    assert sum(gaps) / len(gaps) == pytest.approx(60.0 / rate, rel=0.02)
    assert min(gaps) >= MIN_SPACING - 1e-9
    assert max(gaps) - min(gaps) <= 2 * jitter * policy.spacing + 1e-9


@given(shares, st.floats(0.0, 1.0, exclude_max=True))
def test_at_five_a_minute_there_is_no_room_for_jitter(jitter: float, dice: float) -> None:
    assert pacing(5.0, jitter).gap(dice) == pytest.approx(12.0)


def test_a_rate_above_five_is_still_twelve_seconds_apart() -> None:
    assert pacing(50.0).spacing == MIN_SPACING


@given(rates)
def test_half_pace_doubles_the_spacing(rate: float) -> None:
    policy = pacing(rate)
    assert policy.slowed(0.5).spacing == pytest.approx(2 * policy.spacing)


def test_prompt_answers_cost_the_pace_nothing() -> None:
    line = play(pacing(5.0), [Fate(0.0, 1.0, 0.0, 0.0, 0.005, False, 0.5)] * 50)
    assert line.planned[-1] - line.planned[0] == pytest.approx(49 * 12.0, rel=0.01)


def test_an_unfinished_slot_ends_when_its_life_and_the_time_out_have_passed() -> None:
    policy = pacing()
    assert end_of(SlotRecord(START, None, 0.5), policy, START + 500) == START + 110.0
    assert end_of(SlotRecord(START, START + 3, 0.5), policy, START + 500) == START + 3


def test_what_keeps_the_next_join_is_named() -> None:
    policy = pacing(5.0)
    recent = [SlotRecord(START - 12.0 * n, None, 0.5) for n in range(5)]
    assert next_slot(policy, START, []) == NextSlot(START, Wait.NOTHING)
    assert next_slot(policy, START + 1, recent[:1]) == NextSlot(START + 12, Wait.SPACING)
    assert next_slot(policy, START + 13, recent).wait is Wait.WINDOW
    assert next_slot(policy, START, [], hold_until=START + 60) == NextSlot(START + 60, Wait.HOLD)
    full = next_slot(policy, START, recent, day_full_until=START + 86_400)
    assert full == NextSlot(START + 86_400, Wait.DAILY_LIMIT)


def test_the_worst_window_is_half_open() -> None:
    assert worst_window([0, 12, 24, 36, 48, 60]) == 5
    assert worst_window([0, 12, 24, 36, 48, 59.9]) == 6
    assert worst_window([]) == 0
    assert worst_window([5.0, 5.0, 5.0]) == 3
