"""Comparing what is stored of one account with what its gateway shows: one list, then single looks.

The list proves presence only. What is active and not in it, or in it without us among the members, is looked
at singly and gently; so is what the list shows without members, or shows although it was left or skipped. An
empty list leads to looks, and to nothing else.
"""

from __future__ import annotations

from typing import Any

from orchestrator.account.context import Context, Writing
from orchestrator.account.gateway_calls import Gap
from orchestrator.account.looking import PAUSE_REASONS, REST, Look, Looker, apply_look, pause_for, stands_in
from orchestrator.account.session_state import recorded, told_by, works
from orchestrator.domain.event_rules import is_the_group
from orchestrator.domain.identity import OwnIds, Told, compare
from orchestrator.domain.memberships import Greeting, MembershipEvidence, Reason, Status
from orchestrator.domain.outcomes import GatewayAnswer, InstanceState, Outcome, SeenGroup
from orchestrator.domain.sightings import SETTLE, Sighting, sight
from orchestrator.store import due_work, journal, memberships
from orchestrator.store.memberships import Membership, Work

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
        async with context.writing(many=True) as writing:
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


_UNGREETED = frozenset({Greeting.PENDING, Greeting.SENDING})
_WHY = {Outcome.REMOVED: Reason.REMOVED_BY_ADMIN, Outcome.GROUP_GONE: Reason.GROUP_GONE}


async def may_ask(context: Context, *, beside_a_recovery: bool = True) -> bool:
    """Whether a question makes sense now; the watcher asks for the session's state."""
    async with context.database.read() as connection:
        instance, now = await context.observe(connection)
    if instance.driven(now) and not beside_a_recovery:
        return False
    works = instance.state in (None, InstanceState.WORKING.value, InstanceState.UNKNOWN.value)
    return works and not instance.paused(now)


async def know_ourselves(context: Context) -> bool:
    """Take our own ids from the instance's row, or ask for them once. Without them no look shows anything."""
    async with context.database.read() as connection:
        instance, _now = await context.observe(connection)
    context.own = instance.own
    known = context.own != OwnIds() and instance.state is not None  # None: linked anew, and not read since
    return known or await session_works(context)


async def session_works(context: Context) -> bool:
    """Ask for the session's state; record it. False also if it is another account's by now."""
    before = context.own
    answer = await context.gateway.session()
    async with recorded(context, answer) as (_writing, seen):
        context.own = seen.record.own
    return works(answer) and compare(before, told_by(answer)) is not Told.ANOTHER


async def proven(context: Context, look: Look) -> bool:
    """Whether an absence is one: somebody outside is refused, but so is a session that is broken."""
    return look.answer.outcome is Outcome.OK or await session_works(context)


async def look_later(context: Context) -> None:
    """The look that was just cut off is made after a while: one group that hangs keeps back no other."""
    async with context.writing() as writing:
        if writing.instance.driven(writing.now):
            return
        for status in (Status.CONFIRMING, Status.AWAITING_APPROVAL):
            due = await due_work.due(writing.connection, context.instance_id, status, writing.now, limit=1)
            for work in due:
                old, at = work.membership, writing.now + REST
                writing.move(old, old.status, old.reason, detail=old.detail, next_attempt_at=at)
                return


def apply_presence(writing: Writing, work: Work, jid: str, look: Look) -> Membership:
    """We are in: active, with evidence."""
    new = apply_look(writing, work.membership, jid, Sighting.IN, look.evidence)
    writing.note(
        "look",
        work,
        seen=Sighting.IN.value,
        was=work.membership.status.value,
        jid=jid,
        evidence=look.evidence.value,
        status=new.status.value,
    )
    return new


async def apply_absence(writing: Writing, work: Work, look: Look, *, removed: bool = False) -> Membership:
    """We are in no more: left, and a person's, unless a person wanted it so."""
    old = work.membership
    asked = await journal.asked_to_leave(
        writing.connection, writing.context.instance_id, old.group_id, old.confirmed_at
    )
    reason = Reason.REMOVED_BY_ADMIN if removed else _WHY.get(look.answer.outcome)
    changes: dict[str, Any] = {"detail": look.answer.text or None}
    if old.greeting in _UNGREETED:
        changes["greeting"] = Greeting.SKIPPED
    new = writing.move(old, Status.LEFT, Reason.OPERATOR if asked else reason, **changes)
    writing.note(
        "look",
        work,
        seen=Sighting.ABSENT.value,
        was=old.status.value,
        outcome=look.answer.outcome.value,
        jid=old.jid,
        status=new.status.value,
        reason=new.reason.value if new.reason else None,
    )
    return new
