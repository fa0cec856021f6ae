"""Comparing what is stored of one account with what its gateway shows: one list, then single looks.

The list proves presence only. What is active and not in it, or in it without us among the members, is looked
at singly and gently; so is what the list shows without members, or shows although it was left or skipped. An
empty list leads to looks, and to nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.account.gap import Gap
from orchestrator.account.looking import PAUSE_REASONS, REST, Look, pause_for, stands_in
from orchestrator.account.presence import (
    apply_absence,
    apply_presence,
    know_ourselves,
    proven,
    session_works,
)
from orchestrator.domain.event_rules import is_the_group
from orchestrator.domain.memberships import MembershipEvidence, Status
from orchestrator.domain.outcomes import GatewayAnswer, Outcome
from orchestrator.domain.sightings import SETTLE, Sighting, sight
from orchestrator.store import due_work, memberships

if TYPE_CHECKING:
    from orchestrator.account.context import Context, Writing
    from orchestrator.account.looking import Looker
    from orchestrator.domain.outcomes import SeenGroup
    from orchestrator.store.memberships import Work

MOST_LOOKS = 100  # single looks after one list; the rest is looked at after a later one
LOOK_GAP = 5.0  # seconds, at the least, between two of them
PAGE = 500
SETTLED = frozenset({Status.ACTIVE, Status.JOINING, Status.READY})
"""Statuses that a list changes nothing about: in already, or about to be joined."""

_DISMISSED = frozenset({Status.LEFT, Status.SKIPPED})


class Comparer:
    """The comparison of one account, step by step: it lasts as long as a gentle pace needs."""

    def __init__(self, context: Context, looker: Looker) -> None:
        self._context = context
        self._looker = looker
        self._gap = Gap(context.clock, max(LOOK_GAP, context.settings.look_gap), context.rng)
        self._rest = Gap(context.clock, REST, context.rng)
        self._doubtful: list[tuple[int, str]] = []  # membership's id and JID

    @property
    def under_way(self) -> bool:
        return bool(self._doubtful)

    async def step(self) -> float:
        """Make the list, or one look. Returns seconds until the next step makes sense."""
        wait = max(self._gap.remaining(), self._rest.remaining())
        if wait > 0:
            return wait
        if self._doubtful:
            await self._look()
        else:
            await self._list()
        return max(self._gap.remaining(), self._rest.remaining())

    async def _list(self) -> None:
        context = self._context
        self._gap.taken()
        if not await know_ourselves(context) or not await session_works(context):
            self._rest.taken()
            return
        answer = await self._looker.refresh_list()
        if answer.outcome is not Outcome.OK:
            self._rest.taken()
            async with context.writing() as writing:
                await pause_for(writing, answer)
            return
        await self._compare()

    async def _compare(self) -> None:
        context, doubtful = self._context, list[tuple[int, str]]()
        async with context.writing() as writing:
            known = await memberships.by_jids(writing.connection, context.instance_id, context.listed)
            for jid, work in known.items():
                doubtful += _by_list(writing, work, context.listed[jid])
            doubtful += await self._missing(writing)
            await due_work.compared(writing.connection, context.instance_id, writing.now)
        context.rng.shuffle(doubtful)
        self._doubtful = doubtful[:MOST_LOOKS]
        context.points.reach("list.recorded")

    async def _missing(self, writing: Writing) -> list[tuple[int, str]]:
        """What is active, and not seen in the list as it should be."""
        found = await memberships.active_jids(writing.connection, self._context.instance_id)
        listed = self._context.listed
        return [(number, jid) for number, jid in found if not _is_shown(self._context, listed.get(jid))]

    async def _look(self) -> None:
        context = self._context
        number, jid = self._doubtful.pop()  # forgotten if this is cut off: it keeps back no others
        self._gap.taken()
        begun = context.clock.boottime()
        look = await self._looker.look_up(jid, not_before=begun - context.settings.list_gap)
        if look.answer.outcome in PAUSE_REASONS:
            self._doubtful.append((number, jid))
            self._rest.taken()
            async with context.writing() as writing:
                await pause_for(writing, look.answer)
            return
        if look.seen is Sighting.INCONCLUSIVE:
            return
        if look.seen is Sighting.ABSENT and not await proven(context, look):
            self._rest.taken()
            return
        async with context.writing() as writing:
            current = await memberships.by_ids(writing.connection, [number])
            await _by_look(writing, current[0], jid, look)


def _is_shown(context: Context, group: SeenGroup | None) -> bool:
    if group is None:
        return False
    return group.participants is None or sight(context.own, group.participants) is not Sighting.ABSENT


def _by_list(writing: Writing, work: Work, group: SeenGroup) -> list[tuple[int, str]]:
    """Where the list shows us in a group that is not active: active, or a look at it."""
    old = work.membership
    if old.status in SETTLED or not _is_ours(work, group.jid):
        return []
    if old.status in _DISMISSED:  # perhaps a list from before
        return [(old.id, group.jid)]
    if stands_in(writing.context, group):
        seen = Look(Sighting.IN, MembershipEvidence.PARTICIPANT, GatewayAnswer(Outcome.OK))
        apply_presence(writing, work, group.jid, seen)
        return []
    return [(old.id, group.jid)] if group.participants is None else []


def _is_ours(work: Work, jid: str) -> bool:
    old = work.membership
    return is_the_group(jid, expected=work.expected_jid, known=old.jid, reason=old.reason)


async def _by_look(writing: Writing, work: Work, jid: str, look: Look) -> None:
    """What one look decides about a membership as it stands now."""
    old = work.membership
    if look.seen is Sighting.ABSENT and old.status is Status.ACTIVE and old.jid == jid:
        if writing.now - (old.confirmed_at or 0.0) >= SETTLE:  # an event may be ahead of what is shown
            await apply_absence(writing, work, look)
    elif look.seen is Sighting.IN and old.status not in SETTLED and _is_ours(work, jid):
        holders = await memberships.holders_of(writing.connection, old.instance_id, [jid])
        if holders.get(jid, old.id) == old.id:
            apply_presence(writing, work, jid, look)
