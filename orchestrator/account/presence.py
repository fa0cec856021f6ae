"""What a look proves outside of a recovery: a membership that became active, or was lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.account.looking import REST, apply_look
from orchestrator.account.session_state import recorded, told_by, works
from orchestrator.domain.identity import OwnIds, Told, compare
from orchestrator.domain.memberships import Greeting, Reason, Status
from orchestrator.domain.outcomes import InstanceState, Outcome
from orchestrator.domain.sightings import Sighting
from orchestrator.store import due_work, journal

if TYPE_CHECKING:
    from orchestrator.account.context import Context, Writing
    from orchestrator.account.looking import Look
    from orchestrator.store.memberships import Membership, Work

_UNGREETED = frozenset({Greeting.PENDING, Greeting.SENDING})
_WHY = {Outcome.REMOVED: Reason.REMOVED_BY_ADMIN, Outcome.GROUP_GONE: Reason.GROUP_GONE}


async def may_ask(context: Context) -> bool:
    """Whether a question makes sense now; the watcher asks for the session's state."""
    async with context.database.read() as connection:
        instance, now = await context.observe(connection)
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
