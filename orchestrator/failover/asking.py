"""Asking a gateway about one account: its state, and now and then a call that needs the session."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

from orchestrator.account.accounts import Account
from orchestrator.domain.loss_evidence import OUT_OF_REACH, Kind, LossEvidence, by_call, by_poll
from orchestrator.domain.loss_judgement import (
    Case,
    NextCheck,
    NoSuspicion,
    next_check,
    next_check_unsuspected,
    notice,
)
from orchestrator.domain.outcomes import GatewayAnswer, SessionAnswer
from orchestrator.failover.watch_settings import Watch
from orchestrator.store import memberships
from orchestrator.store.engine import DatabaseGoneError

KNOWN_GROUPS = 5
"""Of so many groups one is asked about; the next one where an answer told nothing."""


@dataclass(slots=True)
class Track:
    """What the watcher remembers of one account between two steps. Boot times."""

    account: Account
    due: float
    called_at: float
    spread: float = 0.0  # its place in an interval, 0 to 1
    no_suspicion: NoSuspicion = field(default_factory=NoSuspicion)
    case: Case | None = None
    told_nothing: int = 0  # calls


@dataclass(frozen=True, slots=True)
class Asked:
    """What one account's gateway answered."""

    track: Track
    session: SessionAnswer
    readings: tuple[LossEvidence, ...]  # the state first

    @property
    def peace(self) -> float:
        """Seconds for which the gateway wants to be left in peace."""
        return self.session.answer.retry_after or 0.0

    @property
    def out_of_reach(self) -> bool:
        return all(one.says == OUT_OF_REACH for one in self.readings)


async def ask(watch: Watch, track: Track, shift: float) -> Asked:
    """The state, then the call that is due by it. `shift` makes the database's time of a boot time."""
    session = await track.account.gateway.session()
    state = by_poll(session, watch.clock.boottime() + shift)
    due = _due(watch, track, state)
    if due is None or state.says == OUT_OF_REACH:
        return Asked(track, session, (state,))
    track.called_at = watch.clock.boottime()
    kind, answer, empty = await _call(watch, track, due)
    call = by_call(kind, answer, watch.clock.boottime() + shift, empty=empty)
    track.told_nothing = track.told_nothing + 1 if call.gone is None else 0
    return Asked(track, session, (state, call))


def _due(watch: Watch, track: Track, state: LossEvidence) -> NextCheck | None:
    debounce = watch.settings.debounce
    if track.case is not None:
        found = next_check(track.case.with_reading(state), debounce, state.at)
    else:
        no_suspicion, opened = notice(track.no_suspicion, state, debounce)
        found = (
            next_check_unsuspected(no_suspicion, state, debounce)
            if opened is None
            else next_check(opened, debounce, state.at)
        )
        if opened is not None:
            return found  # the second kind of evidence is asked for at once
    if found is None or watch.clock.boottime() - track.called_at < found.gap:
        return None
    return found


async def _call(watch: Watch, track: Track, check: NextCheck) -> tuple[Kind, GatewayAnswer, bool]:
    account = track.account
    jids = await _known_jids(watch, account)
    turn = track.told_nothing % (len(jids) + 1)
    if check.kind is Kind.MEMBERS and turn < len(jids):
        members = await account.gateway.participants(jids[turn])
        return Kind.MEMBERS, members.answer, not members.participants
    groups = await account.gateway.groups()
    return Kind.LIST, groups.answer, not groups.groups


async def _known_jids(watch: Watch, account: Account) -> list[str]:
    """None while the database is away: whoever records the answer says so."""
    with suppress(DatabaseGoneError):
        async with watch.database.read() as connection:
            return await memberships.known_jids(connection, account.id, account.name, limit=KNOWN_GROUPS)
    return []
