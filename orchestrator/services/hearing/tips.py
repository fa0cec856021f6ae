"""Tips: one look at the members of a group that an event spoke of, and what the look decides."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.domain.hearing import About, Result, Tip, after_tip, is_the_group
from orchestrator.domain.looking import SETTLE, Sighting
from orchestrator.domain.memberships import Status
from orchestrator.services.recover.looking import brake
from orchestrator.services.tend.presence import apply_absence, apply_presence, proven
from orchestrator.store import events, memberships

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.services.recover.context import Context, Writing
    from orchestrator.services.recover.looking import Look, Looker
    from orchestrator.store.memberships import Work

SOONEST = 30.0  # seconds to another look at one group
LATEST = 900.0
LONGEST_LOOK = 20.0
REAL_LONGEST_LOOK = 2.0  # real seconds; more only in accelerated time
GIVE_UP = 24 * 3600.0  # the comparison with the gateway's list finds what is still wrong then


@dataclass(frozen=True, slots=True)
class Hint:
    """Open events about one group, all in want of a look; the newest decides how the look is taken."""

    work: Work
    jid: str
    whom: About
    removed: bool  # one of them said that somebody took us out
    received_at: float  # of the newest
    ids: tuple[int, ...]


def again_at(hint: Hint, now: float) -> float:
    """When to look next: after as long a time as it has waited already."""
    return now + min(LATEST, max(SOONEST, now - hint.received_at))


async def look(context: Context, looker: Looker, hint: Hint) -> None:
    """Make the look, and write down what it decides together with the end of the events."""
    seen = await _glance(context, looker, hint.jid)
    if seen is None or (seen.seen is Sighting.ABSENT and not await proven(context, seen)):
        await postpone(context, [hint])
        return
    async with context.writing() as writing:
        await brake(writing, seen.answer)
        current = await memberships.by_ids(writing.connection, [hint.work.membership.id])
        await _decide(writing, current[0], hint, seen)


async def _glance(context: Context, looker: Looker, jid: str) -> Look | None:
    """None if it takes too long: events of other accounts wait meanwhile."""
    longest = max(context.clock.real(LONGEST_LOOK), REAL_LONGEST_LOOK)
    try:
        async with asyncio.timeout(longest):
            return await looker.glance(jid, not_before=context.clock.boottime())
    except TimeoutError:
        return None


async def _decide(writing: Writing, work: Work, hint: Hint, look: Look) -> None:
    tip = Tip(hint.whom, look.seen, age=writing.now - hint.received_at)
    target, result = after_tip(work.membership.status, tip)
    if target is Status.ACTIVE:
        result = await _enter(writing, work, hint, look)
    elif target is Status.LEFT:
        await apply_absence(writing, work, look, removed=hint.removed)
    if result is not Result.LOOKING:
        await _finish(writing, hint, result)
    elif writing.now - hint.received_at > GIVE_UP:
        await _finish(writing, hint, Result.FAILED)
    else:
        await _wait(writing, hint, _next(hint, tip, writing.now))


def _next(hint: Hint, tip: Tip, now: float) -> float:
    """A look that came too early for what the gateway shows is made once more, when that has settled."""
    settled = hint.received_at + SETTLE
    return settled if tip.seen is not Sighting.INCONCLUSIVE and settled > now else again_at(hint, now)


async def _enter(writing: Writing, work: Work, hint: Hint, look: Look) -> Result:
    old = work.membership
    holders = await memberships.holders_of(writing.connection, writing.context.instance_id, [hint.jid])
    known = is_the_group(hint.jid, expected=work.expected_jid, known=old.jid, reason=old.reason)
    if not known or holders.get(hint.jid, old.id) != old.id:
        return Result.UNKNOWN_GROUP
    apply_presence(writing, work, hint.jid, look)
    return Result.SEEN_IN


async def _finish(writing: Writing, hint: Hint, result: Result) -> None:
    group_id = hint.work.membership.group_id
    for event_id in hint.ids:
        await events.finish(
            writing.connection, event_id, result=result.value, now=writing.now, group_id=group_id
        )


async def _wait(writing: Writing, hint: Hint, until: float) -> None:
    for event_id in hint.ids:
        await events.wait(writing.connection, event_id, until=until, result=Result.LOOKING.value)


async def postpone(context: Context, hints: Sequence[Hint]) -> None:
    """No look can be made now, such as while the session is down."""
    async with context.writing() as writing:
        for hint in hints:
            if writing.now - hint.received_at > GIVE_UP:
                await _finish(writing, hint, Result.FAILED)
            else:
                await _wait(writing, hint, again_at(hint, writing.now))


async def queue(context: Context, hints: Sequence[Hint]) -> None:
    """One at a time: the others get their turn when the gap between two looks allows."""
    if not hints:
        return
    async with context.writing() as writing:
        for place, hint in enumerate(hints, 1):
            at = writing.now + place * context.settings.look_gap * 4 / 3
            await _wait(writing, hint, at)
