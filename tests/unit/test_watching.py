"""When an account counts as lost: on what evidence, and after how long."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.loss_evidence import CALLS, Kind, LossEvidence, add, by_call, by_poll, by_state
from orchestrator.domain.loss_judgement import (
    Case,
    Debounce,
    LossState,
    NextCheck,
    NoSuspicion,
    accusing,
    judge,
    next_check,
    next_check_unsuspected,
    notice,
)
from orchestrator.domain.outcomes import GatewayAnswer, InstanceState, Outcome, SessionAnswer

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
EVERY, LOST_AFTER = 60.0, 600.0
DEBOUNCE = Debounce(EVERY, LOST_AFTER)
WORKING, STARTING = InstanceState.WORKING, InstanceState.STARTING
LOGGED_OUT = InstanceState.NEEDS_LOGIN
DOWN, GOOD, TIMEOUT = Outcome.SESSION_DOWN, Outcome.OK, Outcome.TRANSIENT


@dataclass
class World:
    """An account's truth as functions of time, and a watcher in pure form who polls and calls."""

    state: Callable[[float], InstanceState | Outcome]
    call: Callable[[float], Outcome]
    no_suspicion: NoSuspicion = field(default_factory=NoSuspicion)
    case: Case | None = None
    called_at: float = 0.0
    calls: list[tuple[float, Kind]] = field(default_factory=list)
    history: list[tuple[float, LossState]] = field(default_factory=list)
    now: float = 0.0

    def watch(self, until: float) -> World:
        while self.now < until:
            self.now += DEBOUNCE.poll_when_suspected if self._suspected else EVERY
            self._poll()
        return self

    def hear(self, state: InstanceState) -> None:
        self._take(by_state(state, state.value, self.now))

    @property
    def _suspected(self) -> bool:
        return self.case is not None and self.case.suspected

    def _poll(self) -> None:
        self._take(by_poll(_answer(self.state(self.now)), self.now))
        due = self._next_check()
        if due is not None and (self.now - self.called_at >= due.gap):
            self.called_at = self.now
            self.calls.append((self.now, due.kind))
            answer = GatewayAnswer(self.call(self.now))
            self._take(by_call(due.kind, answer, self.now, empty=False))
        if self.case is None:
            return
        standing = judge(self.case, DEBOUNCE)
        if standing is not self.case.standing:
            self.history.append((self.now, standing))
            over = standing in (LossState.DISMISSED, LossState.RETURNED)
            self.case = None if over else Case(standing, self.case.since, self.case.evidence)

    def _next_check(self) -> NextCheck | None:
        if self.case is not None:
            return next_check(self.case, DEBOUNCE, self.now)
        state = by_poll(_answer(self.state(self.now)), self.now)
        return next_check_unsuspected(self.no_suspicion, state, DEBOUNCE)

    def _take(self, new: LossEvidence) -> None:
        if self.case is not None:
            self.case = self.case.with_reading(new)
            return
        self.no_suspicion, self.case = notice(self.no_suspicion, new, DEBOUNCE)
        if self.case is not None:
            self.history.append((self.now, LossState.SUSPECTED))

    def first(self, standing: LossState) -> float | None:
        return next((at for at, one in self.history if one is standing), None)


def _answer(said: InstanceState | Outcome) -> SessionAnswer:
    if isinstance(said, Outcome):
        return SessionAnswer(GatewayAnswer(said, "no answer"))
    return SessionAnswer(GatewayAnswer(GOOD), said, said.value.upper())


def from_then_on(at: float, before: T, after: T) -> Callable[[float], T]:
    return lambda now: after if now >= at else before


def test_an_account_that_is_logged_out_is_lost_after_the_debounce_and_not_before() -> None:
    world = World(from_then_on(1000.0, WORKING, LOGGED_OUT), from_then_on(1000.0, GOOD, DOWN)).watch(3000.0)
    suspected, lost = world.first(LossState.SUSPECTED), world.first(LossState.LOST)
    assert suspected is not None
    assert lost is not None
    assert 1000.0 <= suspected <= 1000.0 + EVERY
    assert suspected + LOST_AFTER <= lost <= suspected + LOST_AFTER + EVERY
    assert world.case is not None
    assert accusing(world.case) == {Kind.STATE, Kind.MEMBERS}


def test_a_state_that_says_working_after_a_log_out_is_seen_through_by_two_kinds_of_calls() -> None:
    world = World(lambda _now: WORKING, from_then_on(1000.0, GOOD, DOWN)).watch(5000.0)
    lost = world.first(LossState.LOST)
    assert lost is not None
    assert lost <= 1000.0 + DEBOUNCE.call_every + 2 * LOST_AFTER
    assert {kind for _at, kind in world.calls} == {Kind.MEMBERS, Kind.LIST}
    assert world.case is not None
    assert accusing(world.case) == CALLS


def test_half_an_hour_of_starting_flaps_decides_nothing() -> None:
    flaps = lambda now: STARTING if now % 300.0 < 240.0 else WORKING  # noqa: E731 - the shape of the flaps
    down_with_it = lambda now: DOWN if now % 300.0 < 240.0 else GOOD  # noqa: E731
    world = World(flaps, down_with_it).watch(1800.0)
    assert world.first(LossState.LOST) is None


def test_half_an_hour_of_nothing_but_starting_decides_nothing_either() -> None:
    world = World(from_then_on(600.0, WORKING, STARTING), from_then_on(600.0, GOOD, DOWN)).watch(2400.0)
    assert world.first(LossState.LOST) is None


def test_an_account_that_never_comes_to_work_and_whose_calls_fail_is_lost_in_the_end() -> None:
    world = World(from_then_on(600.0, WORKING, STARTING), from_then_on(600.0, GOOD, DOWN)).watch(7200.0)
    lost = world.first(LossState.LOST)
    assert lost is not None
    assert lost >= 600.0 + DEBOUNCE.long_after


def test_starting_while_calls_work_is_nothing_at_all() -> None:
    assert World(lambda _now: STARTING, lambda _now: GOOD).watch(20_000.0).history == []


@pytest.mark.parametrize("trouble", [Outcome.TRANSIENT, Outcome.THROTTLED, Outcome.PLAN_LIMIT])
def test_a_gateway_that_is_away_says_nothing_of_the_account(trouble: Outcome) -> None:
    assert World(lambda _now: trouble, lambda _now: trouble).watch(20_000.0).history == []


def test_a_gateway_that_goes_away_in_the_middle_decides_nothing_until_it_is_back() -> None:
    def state(now: float) -> InstanceState | Outcome:
        if now < 600.0:
            return WORKING
        return TIMEOUT if 700.0 <= now < 4000.0 else LOGGED_OUT

    world = World(state, lambda _now: TIMEOUT).watch(6000.0)
    assert world.first(LossState.LOST) is None
    world.call = lambda _now: DOWN
    assert world.watch(8000.0).first(LossState.LOST) is not None


def test_the_token_refused_by_state_and_call_is_a_loss() -> None:
    refused = Outcome.BAD_CREDENTIALS
    world = World(from_then_on(600.0, WORKING, refused), from_then_on(600.0, GOOD, refused)).watch(2000.0)
    assert world.first(LossState.LOST) is not None


def test_one_bad_reading_is_dismissed_by_a_state_and_a_call_that_work() -> None:
    world = World(lambda now: LOGGED_OUT if now == 600.0 else WORKING, lambda _now: GOOD).watch(1200.0)
    assert [standing for _at, standing in world.history] == [LossState.SUSPECTED, LossState.DISMISSED]


def test_working_alone_does_not_dismiss_what_calls_say() -> None:
    world = World(from_then_on(600.0, WORKING, LOGGED_OUT), from_then_on(600.0, GOOD, DOWN)).watch(700.0)
    world.state = lambda _now: WORKING
    world.watch(700.0 + LOST_AFTER)
    assert world.first(LossState.DISMISSED) is None
    assert world.case is not None


def test_a_state_told_and_a_state_asked_for_are_two_kinds() -> None:
    world = World(from_then_on(600.0, WORKING, LOGGED_OUT), lambda _now: TIMEOUT)
    world.watch(600.0)
    world.hear(LOGGED_OUT)
    world.watch(2000.0)
    assert world.first(LossState.LOST) is not None
    assert world.case is not None
    assert accusing(world.case) == {Kind.STATE, Kind.EVENT}


def test_a_state_alone_never_decides_however_often_it_says_so() -> None:
    world = World(from_then_on(600.0, WORKING, LOGGED_OUT), lambda _now: TIMEOUT).watch(50_000.0)
    assert world.first(LossState.LOST) is None
    assert world.case is not None


def test_a_call_that_works_contradicts_a_state_that_says_gone() -> None:
    world = World(from_then_on(600.0, WORKING, LOGGED_OUT), lambda _now: GOOD).watch(5000.0)
    assert world.first(LossState.LOST) is None


def test_a_call_that_works_contradicts_even_two_readings_of_the_state() -> None:
    world = World(from_then_on(600.0, WORKING, LOGGED_OUT), lambda _now: GOOD).watch(600.0)
    world.hear(LOGGED_OUT)
    assert world.watch(5000.0).first(LossState.LOST) is None


def test_a_session_that_returns_in_the_moment_of_decision_is_not_lost_by_old_calls() -> None:
    world = World(from_then_on(600.0, WORKING, LOGGED_OUT), from_then_on(600.0, GOOD, DOWN))
    world.watch(600.0 + LOST_AFTER - EVERY)
    world.state, world.call = lambda _now: WORKING, lambda _now: GOOD
    world.watch(6000.0)
    assert [standing for _at, standing in world.history] == [LossState.SUSPECTED, LossState.DISMISSED]


def test_a_lost_account_returns_after_it_worked_long_enough() -> None:
    world = World(from_then_on(600.0, WORKING, LOGGED_OUT), from_then_on(600.0, GOOD, DOWN)).watch(2000.0)
    assert world.first(LossState.LOST) is not None
    world.state, world.call = lambda _now: WORKING, lambda _now: GOOD
    world.watch(6000.0)
    returned = world.first(LossState.RETURNED)
    assert returned is not None
    assert returned >= 2000.0 + LOST_AFTER


def test_a_lost_account_whose_state_alone_says_working_does_not_return() -> None:
    world = World(from_then_on(600.0, WORKING, LOGGED_OUT), from_then_on(600.0, GOOD, DOWN)).watch(2000.0)
    world.state = lambda _now: WORKING
    assert world.watch(20_000.0).first(LossState.RETURNED) is None


def test_calls_on_the_side_are_few() -> None:
    healthy = World(lambda _now: WORKING, lambda _now: GOOD).watch(86_400.0)
    assert len(healthy.calls) <= 86_400.0 / 600.0
    stubborn = World(from_then_on(600.0, WORKING, LOGGED_OUT), lambda _now: TIMEOUT).watch(86_400.0)
    assert len(stubborn.calls) <= 86_400.0 / 500.0
    liar = World(lambda _now: WORKING, lambda _now: DOWN).watch(5000.0)
    lists = [at for at, kind in liar.calls if kind is Kind.LIST]
    assert all(later - earlier >= LOST_AFTER / 3 for earlier, later in pairwise(lists))


# --- whatever happens ---------------------------------------------------------------------------------------

READINGS = st.one_of(
    st.builds(
        lambda s: ("state", by_poll(_answer(s), 0.0)),
        st.sampled_from([WORKING, STARTING, LOGGED_OUT, TIMEOUT]),
    ),
    st.builds(lambda s: ("event", by_state(s, "", 0.0)), st.sampled_from([WORKING, STARTING, LOGGED_OUT])),
    st.builds(
        lambda k, o: ("call", by_call(k, GatewayAnswer(o), 0.0, empty=False)),
        st.sampled_from(sorted(CALLS)),
        st.sampled_from([GOOD, DOWN, TIMEOUT]),
    ),
)
Story = list[tuple[float, tuple[str, LossEvidence]]]
STORIES = st.lists(st.tuples(st.floats(1.0, 900.0), READINGS), max_size=120)


def now_or_weak(seen: list[LossEvidence], last: LossEvidence) -> bool:
    """What says nothing may come last, if what was said shortly before is still against the account."""
    fresh = [one for one in seen if last.at - one.at <= EVERY and (one.gone is not None or one.weak)]
    return bool(fresh) and (fresh[-1].gone is True or fresh[-1].weak)


def told(story: Story) -> list[LossEvidence]:
    now, found = 0.0, []
    for gap, (_what, reading) in story:
        now += gap
        found.append(LossEvidence(now, reading.kind, reading.gone, reading.says, reading.text))
    return found


@given(STORIES)
def test_no_loss_without_two_kinds_and_the_debounce_whatever_is_read(story: Story) -> None:
    no_suspicion, case = NoSuspicion(), None
    seen: list[LossEvidence] = []
    for reading in told(story):
        seen.append(reading)
        if case is None:
            no_suspicion, case = notice(no_suspicion, reading, DEBOUNCE)
            continue
        case = case.with_reading(reading)
        if judge(case, DEBOUNCE) is LossState.LOST:
            against = [one for one in seen if one.at >= case.since and (one.gone or one.weak)]
            assert len({one.kind for one in against}) >= 2
            assert reading.gone or now_or_weak(seen, reading)
            assert reading.at - case.since >= LOST_AFTER
            working_calls = [one.at for one in seen if one.kind in CALLS and one.gone is False]
            accusing_calls = [one.at for one in seen if one.gone]
            assert not working_calls or max(working_calls) < max(accusing_calls)
            return
        if judge(case, DEBOUNCE) is LossState.DISMISSED:
            no_suspicion, case = NoSuspicion(), None


@given(STORIES)
def test_what_is_kept_decides_no_sooner_than_everything_would(story: Story) -> None:
    readings = told(story)
    kept: tuple[LossEvidence, ...] = ()
    for reading in readings:
        kept = add(kept, reading)
    assert len(kept) <= 6 + 4 * 7
    assert kept[-1:] == tuple(readings[-1:])
    if readings:
        whole = Case(LossState.SUSPECTED, readings[0].at, tuple(readings))
        short = Case(LossState.SUSPECTED, readings[0].at, kept)
        if judge(short, DEBOUNCE) is LossState.LOST:
            assert judge(whole, DEBOUNCE) is LossState.LOST


@given(st.lists(st.tuples(st.integers(1, 25), st.booleans()), min_size=1, max_size=60))
def test_flaps_that_work_in_between_start_nothing(flaps: list[tuple[int, bool]]) -> None:
    """Each flap: so many minutes of starting (under half an hour), then two minutes in which all works."""
    spans: list[tuple[float, bool]] = []
    now = 60.0
    for minutes, _other in flaps:
        spans.append((now, False))
        now += minutes * 60.0
        spans.append((now, True))
        now += 120.0

    def works(at: float) -> bool:
        return next((good for begin, good in reversed(spans) if begin <= at), True)

    state = lambda at: WORKING if works(at) else STARTING  # noqa: E731
    world = World(state, lambda at: GOOD if works(at) else DOWN).watch(now)
    assert world.first(LossState.LOST) is None
