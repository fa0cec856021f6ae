"""Follow-ups: one look at the members of a group that an event spoke of, and what the look decides."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.account.comparing import apply_absence, apply_presence, proven
from orchestrator.account.context import Context, Writing
from orchestrator.account.looking import Look, Looker, pause_for
from orchestrator.domain.event_rules import About, EventResult, FollowUpLook, after_follow_up, is_the_group
from orchestrator.domain.memberships import Status
from orchestrator.domain.sightings import SETTLE, Sighting
from orchestrator.store import events, memberships
from orchestrator.store.memberships import Work

SOONEST = 30.0  # seconds to another look at one group
LATEST = 900.0
LONGEST_LOOK = 20.0
REAL_LONGEST_LOOK = 2.0  # real seconds; more only in accelerated time
GIVE_UP = 24 * 3600.0  # the comparison with the gateway's list finds what is still wrong then


@dataclass(frozen=True, slots=True)
class FollowUp:
    """Open events about one group, all in want of a look; the newest decides how the look is taken."""

    work: Work
    jid: str
    whom: About
    removed: bool  # one of them said that somebody took us out
    received_at: float  # of the newest
    ids: tuple[int, ...]


def again_at(follow_up: FollowUp, now: float) -> float:
    """When to look next: after as long a time as it has waited already."""
    return now + min(LATEST, max(SOONEST, now - follow_up.received_at))


async def look(context: Context, looker: Looker, follow_up: FollowUp) -> None:
    """Make the look, and write down what it decides together with the end of the events."""
    seen = await _look_up(context, looker, follow_up.jid)
    if seen is None or (seen.seen is Sighting.ABSENT and not await proven(context, seen)):
        await postpone(context, [follow_up])
        return
    async with context.writing() as writing:
        await pause_for(writing, seen.answer)
        current = await memberships.by_ids(writing.connection, [follow_up.work.membership.id])
        await _decide(writing, current[0], follow_up, seen)


async def _look_up(context: Context, looker: Looker, jid: str) -> Look | None:
    """None if it takes too long: events of other accounts wait meanwhile."""
    longest = max(context.clock.real(LONGEST_LOOK), REAL_LONGEST_LOOK)
    try:
        async with asyncio.timeout(longest):
            return await looker.look_up(jid, not_before=context.clock.boottime())
    except TimeoutError:
        return None


async def _decide(writing: Writing, work: Work, follow_up: FollowUp, look: Look) -> None:
    shown = FollowUpLook(follow_up.whom, look.seen, age=writing.now - follow_up.received_at)
    target, result = after_follow_up(work.membership.status, shown)
    if target is Status.ACTIVE:
        result = await _enter(writing, work, follow_up, look)
    elif target is Status.LEFT:
        await apply_absence(writing, work, look, removed=follow_up.removed)
    if result is not EventResult.LOOKING:
        await _finish(writing, follow_up, result)
    elif writing.now - follow_up.received_at > GIVE_UP:
        await _finish(writing, follow_up, EventResult.FAILED)
    else:
        await _wait(writing, follow_up, _next(follow_up, shown, writing.now))


def _next(follow_up: FollowUp, shown: FollowUpLook, now: float) -> float:
    """A look that came too early for what the gateway shows is made once more, when that has settled."""
    settled = follow_up.received_at + SETTLE
    return settled if shown.seen is not Sighting.INCONCLUSIVE and settled > now else again_at(follow_up, now)


async def _enter(writing: Writing, work: Work, follow_up: FollowUp, look: Look) -> EventResult:
    old = work.membership
    holders = await memberships.holders_of(writing.connection, writing.context.instance_id, [follow_up.jid])
    known = is_the_group(follow_up.jid, expected=work.expected_jid, known=old.jid, reason=old.reason)
    if not known or holders.get(follow_up.jid, old.id) != old.id:
        return EventResult.UNKNOWN_GROUP
    apply_presence(writing, work, follow_up.jid, look)
    return EventResult.SEEN_IN


async def _finish(writing: Writing, follow_up: FollowUp, result: EventResult) -> None:
    group_id = follow_up.work.membership.group_id
    for event_id in follow_up.ids:
        await events.finish(
            writing.connection, event_id, result=result.value, now=writing.now, group_id=group_id
        )


async def _wait(writing: Writing, follow_up: FollowUp, until: float) -> None:
    for event_id in follow_up.ids:
        await events.wait(writing.connection, event_id, until=until, result=EventResult.LOOKING.value)


async def postpone(context: Context, follow_ups: Sequence[FollowUp]) -> None:
    """No look can be made now, such as while the session is down."""
    async with context.writing() as writing:
        for follow_up in follow_ups:
            if writing.now - follow_up.received_at > GIVE_UP:
                await _finish(writing, follow_up, EventResult.FAILED)
            else:
                await _wait(writing, follow_up, again_at(follow_up, writing.now))


async def queue(context: Context, follow_ups: Sequence[FollowUp], *, first_begins: bool = False) -> None:
    """One at a time: the others get their turn when the gap between two looks allows.

    `first_begins`: the look at the first one is being made; its events wait for that, unless it is lost.
    """
    async with context.writing() as writing:
        for place, follow_up in enumerate(follow_ups, 0 if first_begins else 1):
            wait = place * context.settings.look_gap * 4 / 3 if place else SOONEST
            await _wait(writing, follow_up, writing.now + wait)
