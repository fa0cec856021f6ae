"""Looking: the evidence that we are in, and the only way out of an unknown outcome."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.account import apply_reaction, pauses
from orchestrator.account.apply_reaction import arrival
from orchestrator.account.context import Context, Writing
from orchestrator.account.gateway_calls import Gap, call_with_retry
from orchestrator.domain.answer_reactions import CURED_BY_A_WORKING_SESSION, MOST_ACCUSATIONS
from orchestrator.domain.memberships import MembershipEvidence, Reason, Status
from orchestrator.domain.outcomes import GatewayAnswer, Outcome, ParticipantsAnswer, SeenGroup
from orchestrator.domain.sightings import LookCase, NextStep, Sighting, after_look, approval_wait, sight
from orchestrator.store import due_work, memberships
from orchestrator.store.memberships import Membership, Work

LIST_WORTH = 4
"""So many groups due for a look at once are looked up by one list instead."""

_LOOKED_AT = (Status.CONFIRMING, Status.AWAITING_APPROVAL)
READ = "read"  # the kind of all calls but probes and joins, where the gateway limits them
REST = 600.0  # seconds to the next look at an account in trouble that no recovery drives

_OF_THE_GROUP = (None, Reason.OUTCOME_UNKNOWN, Reason.APPROVAL_PENDING)
"""Any other reason of a look is the account's trouble that a join was answered with."""

_LEFT_TO_THE_LIST = frozenset({Outcome.OK, Outcome.NOT_SUPPORTED})
"""Answers to such a look that say nothing either way, and promise no more of the next: the list may."""

_NOT_INSIDE = frozenset({Outcome.FORBIDDEN, Outcome.GROUP_GONE, Outcome.REMOVED})
"""Answers to a look at the members that WhatsApp gives to those who are not in the group."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at a group's members showed; `evidence` is what it would be where we were seen."""

    seen: Sighting
    evidence: MembershipEvidence
    answer: GatewayAnswer


class Looker:
    """Takes memberships in `confirming` and `awaiting_approval` whose time for a look has come."""

    name = "looking"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._gap = Gap(context.clock, context.settings.look_gap, context.rng)
        self._listed_well_at = float("-inf")  # boot time of the last list that came

    async def step(self) -> float | None:
        """Make one look. Returns seconds until the next step, None: when something changes."""
        if self._context.stopping:
            return None
        wait = self._gap.remaining()
        if wait > 0:
            return wait
        works, next_due = await self._due()
        if not works:
            return next_due
        self._gap.taken()
        if len(works) >= LIST_WORTH and self._may_list():
            await self.look_by_list(works)
        else:
            await self._look_at(works[0])
        return self._gap.remaining()

    async def _due(self) -> tuple[list[Work], float | None]:
        context, found = self._context, list[memberships.Work]()
        agenda = await context.look_ahead()
        now = agenda.now
        if agenda.instance.paused(now):
            return [], None
        dues = [(status, agenda.next_due((status,))) for status in _LOOKED_AT]
        due = [status for status, at in dues if at is not None and at <= now]
        if due:
            async with context.database.read() as connection:
                for status in due:
                    found += await due_work.due(connection, context.instance_id, status, now, limit=50)
            if found:
                return found, None
            agenda.doubt()
        next_due = min((at for _status, at in dues if at is not None), default=None)
        return [], None if next_due is None else max(0.05, next_due - now)

    def _may_list(self) -> bool:
        listed_at = self._context.listed_at
        elapsed = float("inf") if listed_at is None else self._context.clock.boottime() - listed_at
        return elapsed >= self._context.settings.list_gap

    async def _look_at(self, work: Work) -> None:
        """Look for ourselves among the members of one group."""
        jid = work.membership.jid or work.expected_jid
        if jid is None:
            await self._without_jid(work)
            return
        look = await self.look_up(jid)
        await self._record(work, jid, look.seen, evidence=look.evidence, answer=look.answer)

    async def look_up(self, jid: str, *, not_before: float = float("-inf")) -> Look:
        """Look for ourselves among the members of a group; nothing is written.

        A list of groups counts, where one is needed, if it was made no earlier than `not_before` (boot time).
        """
        context = self._context
        answer = await call_with_retry(
            lambda: context.gateway.participants(jid), context.settings.retry, context.clock
        )
        context.points.reach("look.answered")
        seen = _sighting(context, answer)
        unclear = seen is Sighting.INCONCLUSIVE and answer.answer.outcome in _LEFT_TO_THE_LIST
        if unclear and await self._is_listed(jid, not_before):
            return Look(Sighting.IN, MembershipEvidence.LISTED, answer.answer)
        return Look(seen, MembershipEvidence.PARTICIPANT, answer.answer)

    async def _without_jid(self, work: Work) -> None:
        """Neither the probe nor the receipt named it: nothing to look at, so a person must."""
        async with self._context.writing() as writing:
            writing.move(work.membership, Status.BLOCKED, Reason.OUTCOME_UNKNOWN, detail="no JID is known")
            writing.note("look", work, status=Status.BLOCKED.value, reason=Reason.OUTCOME_UNKNOWN.value)

    async def _is_listed(self, jid: str, not_before: float) -> bool:
        """Members are not shown, or cannot be compared (LIDs, say): has the account's list the group?"""
        if self._may_list():
            await self.refresh_list()
        context = self._context
        oldest = max(not_before, context.clock.boottime() - context.settings.list_gap)
        return self._listed_well_at >= oldest and jid in context.listed

    async def _record(
        self, work: Work, jid: str, seen: Sighting, *, evidence: MembershipEvidence, answer: GatewayAnswer
    ) -> None:
        async with self._context.writing() as writing:
            if not await self._pause(writing, work, answer):
                new = apply_look(writing, work.membership, jid, seen, evidence, said=answer.text)
                _note(writing, work, new, seen, answer=answer)
        if seen is Sighting.ABSENT:
            self._context.listed.pop(jid, None)
        self._context.points.reach("look.recorded")

    async def _pause(self, writing: Writing, work: Work, answer: GatewayAnswer) -> bool:
        """Trouble with the account or the gateway is no sighting: pause, and look again later."""
        if answer.outcome not in PAUSE_REASONS:
            self._context.limits.pop(READ, None)
            self._context.accused_by.clear()
            return False
        if self._is_contradicted(work, answer):
            return False
        await pause_for(writing, answer, about=work)
        old, wait = work.membership, REST if self._context.fence is None else 60.0
        if answer.outcome is Outcome.GATEWAY_LIMITED:
            wait = answer.retry_after or wait
        writing.move(old, old.status, old.reason, detail=old.detail, next_attempt_at=writing.now + wait)
        _note(writing, work, old, Sighting.INCONCLUSIVE, answer=answer)
        return True

    def _is_contradicted(self, work: Work, answer: GatewayAnswer) -> bool:
        """The session works after all, however often this group's answers deny it: they show nothing."""
        if self._context.fence is None or PAUSE_REASONS[answer.outcome] not in CURED_BY_A_WORKING_SESSION:
            return False
        accusers, number = self._context.accusers, work.membership.id
        accusers[number] += 1
        return accusers[number] > MOST_ACCUSATIONS

    async def refresh_list(self) -> GatewayAnswer:
        """Ask for the account's own groups. A list that came is remembered; an empty one proves nothing."""
        context = self._context
        context.listed_at = context.clock.boottime()
        answer = await call_with_retry(context.gateway.groups, context.settings.retry, context.clock)
        context.points.reach("list.answered")
        if answer.answer.outcome is Outcome.OK:
            context.listed = {group.jid: group for group in answer.groups}
            self._listed_well_at = context.listed_at
        return answer.answer

    async def look_by_list(self, works: Sequence[Work]) -> None:
        """One list instead of many looks. It proves presence only; the rest is looked at one by one."""
        answer = await self.refresh_list()
        async with self._context.writing() as writing:
            if answer.outcome is Outcome.GATEWAY_LIMITED:
                await pause_for(writing, answer)
            for work in works:
                group = _listed(self._context.listed, work)
                if group is not None and stands_in(self._context, group):
                    new = apply_look(
                        writing, work.membership, group.jid, Sighting.IN, MembershipEvidence.PARTICIPANT
                    )
                    _note(writing, work, new, Sighting.IN, answer=answer)
        self._context.points.reach("list.recorded")


PAUSE_REASONS = {
    Outcome.THROTTLED: Reason.RATE_LIMITED,
    Outcome.GATEWAY_LIMITED: Reason.GATEWAY_LIMIT,
    Outcome.SESSION_DOWN: Reason.INSTANCE_UNAVAILABLE,
    Outcome.BAD_CREDENTIALS: Reason.CREDENTIALS_REFUSED,
    Outcome.RESTRICTED: Reason.RESTRICTED,
    Outcome.PLAN_LIMIT: Reason.PLAN_LIMIT,
}


async def pause_for(writing: Writing, answer: GatewayAnswer, *, about: Work | None = None) -> None:
    """Stop the account if the answer to a read, or to a greeting, demands it. `about`: whose answer it was.

    Where no recovery drives it, only a restriction does: nothing is joined, and who asks waits by himself.
    """
    reason = PAUSE_REASONS.get(answer.outcome)
    if reason is None or (writing.context.fence is None and answer.outcome is not Outcome.RESTRICTED):
        return
    if answer.outcome is Outcome.GATEWAY_LIMITED:
        await pauses.wait_out_limit(writing, answer, kind=READ)
    elif answer.outcome is Outcome.THROTTLED:
        await pauses.back_off(writing, reason, answer)
    elif about is not None and reason in CURED_BY_A_WORKING_SESSION:
        await pauses.suspect(writing, about.membership.id, reason, answer)
    else:
        await pauses.pause_account(writing, reason, answer)


def _sighting(context: Context, answer: ParticipantsAnswer) -> Sighting:
    if answer.answer.outcome is Outcome.OK:
        return sight(context.own, answer.participants)
    return Sighting.ABSENT if answer.answer.outcome in _NOT_INSIDE else Sighting.INCONCLUSIVE


def _listed(listed: Mapping[str, SeenGroup], work: Work) -> SeenGroup | None:
    return listed.get(work.membership.jid or work.expected_jid or "")


def stands_in(context: Context, group: SeenGroup) -> bool:
    return group.participants is not None and sight(context.own, group.participants) is Sighting.IN


def apply_look(
    writing: Writing,
    old: Membership,
    jid: str,
    seen: Sighting,
    evidence: MembershipEvidence,
    *,
    said: str = "",
) -> Membership:
    """Move a membership as a look demands. The JID is written together with the evidence.

    `said`: what the look was answered, where that was no list of members.
    """
    if old.status is Status.AWAITING_APPROVAL and seen is not Sighting.IN:
        wait = approval_wait(old.looks)
        return writing.move(
            old,
            Status.AWAITING_APPROVAL,
            Reason.APPROVAL_PENDING,
            detail=old.detail,
            next_attempt_at=writing.now + wait,
            looks=old.looks + 1,
        )
    then = after_look(_case(old, writing.now), seen)
    return _follow(writing, old, jid, then, evidence=evidence, said=said)


def _case(old: Membership, now: float) -> LookCase:
    return LookCase(
        since_request=None if old.requested_at is None else now - old.requested_at,
        looks=old.looks,
        unknown=old.reason is Reason.OUTCOME_UNKNOWN,
        unknowns=old.unknowns,
        approval=old.approval,
        receipt_jid=old.joined_at is not None and old.jid is not None,
        asked=old.reason is Reason.APPROVAL_PENDING,
        refused=None if old.reason in _OF_THE_GROUP else old.reason,
    )


def _follow(
    writing: Writing, old: Membership, jid: str, then: NextStep, *, evidence: MembershipEvidence, said: str
) -> Membership:
    changes: dict[str, Any] = {"unknowns": then.unknowns, "jid": jid}
    if then.failed:
        return apply_reaction.retry(
            writing, old, then.reason, _told(old, "the account is not in the group", ""), **changes
        )
    if then.given_back:
        told = _told(old, "the account is not in the group", "")
        return apply_reaction.given_back(writing, old, then.reason, detail=told, **changes)
    if then.status is Status.ACTIVE:
        changes |= arrival(writing, old, evidence)
    elif then.status is Status.CONFIRMING:
        changes["looks"] = old.looks + 1
    if then.status is not Status.CONFIRMING:  # seen, or looked at for as long as it makes sense
        changes["history_epoch"] = writing.instance.history_epoch
    if then.wait is not None:
        changes["next_attempt_at"] = writing.now + then.wait
    if then.status in (Status.CONFIRMING, Status.AWAITING_APPROVAL):
        changes["detail"] = old.detail
    elif then.status is Status.BLOCKED:
        changes["detail"] = _told(old, "no look could tell whether the account is in the group", said)
    return writing.move(old, then.status, then.reason, **changes)


def _told(old: Membership, found: str, said: str) -> str:
    """What the looks at a join found, after what the join was answered, and before what the last look was."""
    answered = f" ({old.detail})" if old.detail else ""
    return f"a join was sent{answered}; {found}" + (f", the last one was answered: {said}" if said else "")


def _note(writing: Writing, work: Work, new: Membership, seen: Sighting, *, answer: GatewayAnswer) -> None:
    writing.note(
        "look",
        work,
        seen=seen.value,
        outcome=answer.outcome.value,
        http=answer.http_status,
        iq=answer.iq_code,
        jid=new.jid,
        evidence=new.evidence.value if new.evidence else None,
        status=new.status.value,
        reason=new.reason.value if new.reason else None,
    )


async def start_lookups_after_crash(context: Context, *, but: Collection[int] = ()) -> int:
    """Joins that were left in `joining`, by a process that died or by a step that failed: their outcome is
    unknown, so they are looked up. `but`: memberships whose joins are under way.

    Without a lease of our own: unless somebody took it meanwhile, who does this himself.
    """
    async with context.database.read() as connection:
        found = await due_work.in_line(connection, context.instance_id, Status.JOINING, limit=1000)
    left = [work for work in found if work.membership.id not in but]
    if not left:
        return 0
    async with context.writing() as writing:
        if context.fence is None and writing.instance.driven(writing.now):
            return 0
        for work in left:
            old = work.membership
            writing.move(
                old,
                Status.CONFIRMING,
                Reason.OUTCOME_UNKNOWN,
                detail="this join was cut off while it was under way",
                next_attempt_at=writing.now,
                unknowns=old.unknowns + 1,
            )
            writing.note("join.cut_off", work)
    return len(left)
