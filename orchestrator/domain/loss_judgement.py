"""Whether an account is lost. A state lies both ways (working after a log-out, starting every half hour when
healthy), so that nothing is decided by one kind of evidence, nor at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from orchestrator.domain.loss_evidence import CALLS, SOURCES, Kind, LossEvidence, add

NOT_WORKING_AT_ALL = 2400.0
"""Seconds, at the least, for which starting says nothing: healthy sessions do that every half hour."""
SLOWER_WITH_AGE = 6.0  # a suspicion this many times older has calls this much further apart


class LossState(StrEnum):
    """Where a case stands. Stored in losses.state."""

    SUSPECTED = "suspected"
    LOST = "lost"
    DISMISSED = "dismissed"  # a false alarm
    RETURNED = "returned"  # after it had been lost


@dataclass(frozen=True, slots=True)
class Debounce:
    """How patient the watcher is, in seconds."""

    every: float  # between two polls of one account
    lost_after: float

    @property
    def long_after(self) -> float:
        """So long without ever working, and even a session that only ever starts is lost."""
        return max(3 * self.lost_after, NOT_WORKING_AT_ALL)

    @property
    def call_every(self) -> float:
        """Between two calls that check on a session which says that it works."""
        return max(10 * self.every, 600.0)

    @property
    def poll_when_suspected(self) -> float:
        return min(self.every, max(self.every / 4, 5.0))


@dataclass(frozen=True, slots=True)
class Case:
    """A suspicion, or the loss that it became."""

    standing: LossState
    since: float
    evidence: tuple[LossEvidence, ...]

    @property
    def suspected(self) -> bool:
        return self.standing is LossState.SUSPECTED

    def with_reading(self, new: LossEvidence) -> Case:
        return replace(self, evidence=add(self.evidence, new))


def judge(case: Case, debounce: Debounce) -> LossState:
    """What the evidence makes of an open case, at the moment of its last reading."""
    now = max(one.at for one in case.evidence)
    if case.standing is LossState.LOST:
        return LossState.RETURNED if _returned(case, debounce, now) else LossState.LOST
    if _is_false_alarm(case, debounce, now):
        return LossState.DISMISSED
    return LossState.LOST if _is_lost(case, debounce, now) else LossState.SUSPECTED


def accusing(case: Case) -> frozenset[Kind]:
    """The kinds whose last word is that the account is gone.

    While the state says that it works, calls from before it said so count for nothing.
    """
    works_since = _works_since(case.evidence)
    kinds = set()
    for kind in Kind:
        last = _last_telling(case.evidence, kind)
        if last is None or not last.gone:
            continue
        if kind not in CALLS or works_since is None or last.at >= works_since:
            kinds.add(kind)
    return frozenset(kinds)


def _is_lost(case: Case, debounce: Debounce, now: float) -> bool:
    telling = [one for one in case.evidence if one.gone is not None]
    view = _view(case.evidence)
    if not telling or not telling[-1].gone or view is None or _a_call_works(case.evidence):
        return False
    kinds, old = accusing(case), now - telling[-1].at
    if view.weak:  # the state that never comes right is the other kind of evidence
        long = now - _not_working_since(case) >= debounce.long_after
        fresh = now - view.at <= debounce.every and old <= debounce.lost_after
        return long and fresh and bool(kinds & CALLS)
    if len(kinds) < 2 or old > debounce.every:  # it must still say so
        return False
    if view.gone:
        return now - _not_working_since(case) >= debounce.lost_after
    # It says that it works, and nothing does.
    works_since = _works_since(case.evidence) or case.since
    return bool(kinds & CALLS) and now - max(case.since, works_since) >= debounce.lost_after


def _is_false_alarm(case: Case, debounce: Debounce, now: float) -> bool:
    """A state that works and a call that does, both after the last word against it.

    Where no call can be made, or none says anything: nothing more against it for as long as a loss takes.
    """
    after = _after_the_last_accusation(case.evidence)
    works = [one for one in after if not one.gone and one.gone is not None and one.kind not in CALLS]
    view = _view(case.evidence)
    if not works or view is None or view.gone is not False:
        return False
    if any(one.gone is False and one.kind in CALLS for one in after):
        return True
    return not accusing(case) & CALLS and now - works[0].at >= debounce.lost_after


def _returned(case: Case, debounce: Debounce, now: float) -> bool:
    """Working calls `lost_after` apart while the state says that it works, and nothing against it since."""
    after = _after_the_last_accusation(case.evidence)
    works_since = _works_since(case.evidence)
    if works_since is None or not after:
        return False
    calls = [one.at for one in after if one.gone is False and one.kind in CALLS and one.at >= works_since]
    if calls and max(calls) - min(calls) >= debounce.lost_after:
        return True
    return not accusing(case) & CALLS and now - works_since >= debounce.long_after


def _after_the_last_accusation(evidence: tuple[LossEvidence, ...]) -> tuple[LossEvidence, ...]:
    last = max((place for place, one in enumerate(evidence) if one.gone), default=-1)
    return evidence[last + 1 :]


def _last_telling(evidence: tuple[LossEvidence, ...], kind: Kind) -> LossEvidence | None:
    return next((one for one in reversed(evidence) if one.kind is kind and one.gone is not None), None)


def _a_call_works(evidence: tuple[LossEvidence, ...]) -> bool:
    last = [_last_telling(evidence, kind) for kind in CALLS]
    return any(one is not None and one.gone is False for one in last)


def _states(evidence: tuple[LossEvidence, ...]) -> list[LossEvidence]:
    """What was said of the session's state, polled or told, without what says nothing."""
    return [one for one in evidence if one.kind not in CALLS and (one.gone is not None or one.weak)]


def _view(evidence: tuple[LossEvidence, ...]) -> LossEvidence | None:
    states = _states(evidence)
    return states[-1] if states else None


def _works_since(evidence: tuple[LossEvidence, ...]) -> float | None:
    """Since when the state says without a break that it works; None if it does not."""
    since = None
    for one in reversed(_states(evidence)):
        if one.gone is not False:
            break
        since = one.at
    return since


def _not_working_since(case: Case) -> float:
    working = [one.at for one in _states(case.evidence) if one.gone is False]
    return max([case.since, *working])


@dataclass(frozen=True, slots=True)
class NoSuspicion:
    """What is remembered of an account that nobody suspects."""

    weak: LossEvidence | None = None  # the first of a row of readings that it does not work just now
    accusations: tuple[LossEvidence, ...] = ()  # calls in a row that said that it is gone


def notice(
    no_suspicion: NoSuspicion, new: LossEvidence, debounce: Debounce
) -> tuple[NoSuspicion, Case | None]:
    """One more reading of an account that nobody suspects; the case, if a suspicion opens by it."""
    return _notice_call(no_suspicion, new, debounce) if new.kind in CALLS else notice_state(no_suspicion, new)


def notice_state(no_suspicion: NoSuspicion, new: LossEvidence) -> tuple[NoSuspicion, Case | None]:
    """The same for a session's state, which one reading is enough of."""
    if new.gone:
        return NoSuspicion(), Case(LossState.SUSPECTED, new.at, (new,))  # earlier calls must say it again
    if new.gone is False:
        return replace(no_suspicion, weak=None), None
    return (replace(no_suspicion, weak=no_suspicion.weak or new) if new.weak else no_suspicion), None


def _notice_call(
    no_suspicion: NoSuspicion, new: LossEvidence, debounce: Debounce
) -> tuple[NoSuspicion, Case | None]:
    if new.gone is False:
        return NoSuspicion(), None
    if new.gone is None:
        return no_suspicion, None
    accusations = (*no_suspicion.accusations, new)
    if no_suspicion.weak is None:
        opens = len(accusations) >= 2
        since = accusations[0].at
    else:
        opens = new.at - no_suspicion.weak.at >= debounce.lost_after
        since = no_suspicion.weak.at
    if not opens:
        return replace(no_suspicion, accusations=accusations[-2:]), None
    first = () if no_suspicion.weak is None else (no_suspicion.weak,)
    return NoSuspicion(), Case(LossState.SUSPECTED, since, first + accusations[-2:])


@dataclass(frozen=True, slots=True)
class NextCheck:
    """The next call to make beside the polls: which, and how many seconds after the last one."""

    kind: Kind
    gap: float


def next_check_unsuspected(
    no_suspicion: NoSuspicion, state: LossEvidence, debounce: Debounce
) -> NextCheck | None:
    """Now and then a call for an account that nobody suspects, if its state makes one worth while."""
    if no_suspicion.accusations:
        return NextCheck(Kind.MEMBERS, max(debounce.lost_after / 6, debounce.poll_when_suspected))
    if state.gone is False:
        return NextCheck(Kind.MEMBERS, debounce.call_every)
    if no_suspicion.weak is not None and state.at - no_suspicion.weak.at >= debounce.lost_after:
        return NextCheck(Kind.MEMBERS, debounce.lost_after / 3)
    return None


def next_check(case: Case, debounce: Debounce, now: float) -> NextCheck | None:
    """The call that the case needs next. Lists are throttled by gateways: only where nothing else will do."""
    view = _view(case.evidence)
    if case.standing is LossState.LOST:
        works = view is not None and view.gone is False
        return NextCheck(Kind.MEMBERS, debounce.lost_after / 3) if works else None
    slower = (now - case.since) / SLOWER_WITH_AGE
    gap = min(max(debounce.lost_after / 6, slower), max(debounce.call_every, debounce.lost_after / 3))
    if view is not None and view.gone is False and Kind.MEMBERS in accusing(case):
        turn = Kind.MEMBERS if Kind.LIST in accusing(case) else Kind.LIST
        return NextCheck(turn, max(gap, debounce.lost_after / 3))
    return NextCheck(Kind.MEMBERS, gap)


def how_decided(case: Case, lasted: float) -> str:
    """Why it counts as lost, in a sentence."""
    kinds = sorted(accusing(case), key=list(Kind).index)
    sources = [SOURCES[kind] for kind in kinds]
    if len(sources) == 1:
        sources.insert(0, "a session that never came to work")
    minutes = max(1, round(lasted / 60))
    return f"after {minutes} min by {len(sources)} kinds of evidence: {'; '.join(sources)}"
