"""Probing and verifying, just ahead of the joins."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from orchestrator.domain.allowlist import Expected, verify
from orchestrator.domain.endings import PROBE_ENDINGS, Act, Ending
from orchestrator.domain.errors import ConfigurationError
from orchestrator.domain.looking import SETTLE
from orchestrator.domain.memberships import Reason, Status
from orchestrator.domain.outcomes import GatewayAnswer, Outcome, ProbeAnswer
from orchestrator.redact import scrub
from orchestrator.services.recover import brakes
from orchestrator.services.recover.endings import carry_out
from orchestrator.services.recover.gap import Gap
from orchestrator.services.recover.retrying import backoff, read
from orchestrator.store import memberships, sessions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.domain.outcomes import GroupPreview
    from orchestrator.services.recover.context import Context, Writing
    from orchestrator.store.memberships import Membership, Work

FAILURES_IN_A_ROW = 3
"""So many probes of different groups lost on the way: it is the gateway, not the groups."""


class Prober:
    """Keeps a few verified groups ready, so that a slot never waits for a probe."""

    name = "probing"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._gap = Gap(context.clock, context.settings.probe_gap, context.dice)
        self._entered: dict[int, float] = {}

    async def step(self) -> float | None:
        """Probe what is next in line. Returns seconds until the next step, None: when something changes."""
        if self._context.stopping:
            return None
        wait = self._gap.remaining()
        if wait > 0:
            return wait
        works = await self._next_in_line()
        if not works:
            return None
        asked = [work for work in works if work.code is not None]
        answers = await asyncio.gather(*(self._probe(work) for work in asked))
        self._context.points.reach("probe.answered")
        await self._record(works, dict(zip((work.membership.id for work in asked), answers, strict=True)))
        self._context.points.reach("probe.recorded")
        return self._gap.remaining()

    async def _next_in_line(self) -> list[Work]:
        context, settings = self._context, self._context.settings
        wanted = settings.ahead * settings.width
        async with context.database.read() as connection:
            instance, now = await context.observe(connection)
            if instance.paused(now):
                return []
            ready = await context.in_line(connection, Status.READY, limit=wanted)
            room = min(wanted - len(ready), settings.width)
            if context.joins_left is not None:
                room = min(room, context.joins_left - len(ready))
            if room <= 0:
                return []
            return await context.in_line(connection, Status.PENDING, limit=room)

    async def _probe(self, work: Work) -> ProbeAnswer:
        context, code = self._context, work.code
        if code is None:  # sorted out before
            return ProbeAnswer(GatewayAnswer(Outcome.CODE_INVALID, sent=False))
        try:
            revealed = context.reveal(code)
        except ConfigurationError as error:  # this code's bytes; a wrong key file ends the run before
            return ProbeAnswer(GatewayAnswer(Outcome.CODE_INVALID, error.message, sent=False))
        self._gap.taken()
        return await read(lambda: context.gateway.probe(revealed), context.settings.retry, context.clock)

    async def _record(self, works: Sequence[Work], answers: dict[int, ProbeAnswer]) -> None:
        async with self._context.writing() as writing:
            jids = [
                answer.preview.jid for answer in answers.values() if answer.preview and answer.preview.jid
            ]
            holders = await memberships.holders_of(writing.connection, self._context.instance_id, jids)
            ids = [work.membership.id for work in works]
            current = {work.membership.id: work for work in await memberships.by_ids(writing.connection, ids)}
            self._entered = await entered_as_namesake(writing, works)
            for work in works:
                if _asks_otherwise(work, current[work.membership.id]):
                    continue  # a new code or expectation came meanwhile: it stays in line, and is asked anew
                probed = answers.get(work.membership.id)
                if probed is None:
                    new = writing.move(work.membership, Status.BLOCKED, Reason.CODE_MISSING)
                else:
                    new = await self._judge(writing, work, probed, holders)
                _note(writing, work, new, probed)

    async def _judge(
        self, writing: Writing, work: Work, probed: ProbeAnswer, holders: dict[str, int]
    ) -> Membership:
        answer, preview = probed.answer, probed.preview
        if answer.outcome is not Outcome.GATEWAY_LIMITED:
            self._context.limits.pop(Status.PENDING.value, None)
        if answer.outcome is Outcome.OK and preview is not None:
            self._context.reads_failed = self._context.calms = 0
            self._context.accused_by.clear()
            return self._verify(writing, work, preview, holders)
        ending = PROBE_ENDINGS.get(answer.outcome, Ending(Act.RETRY, Reason.PROBE_FAILED))
        if ending.act is Act.RETRY and answer.retry_after is None:
            self._context.reads_failed += 1
            if self._context.reads_failed >= FAILURES_IN_A_ROW:
                await brakes.calm_down(writing, Reason.GATEWAY_ERROR, answer)
                return writing.move(work.membership, Status.PENDING)
        if ending.act is Act.LOOK:
            asked = answer.outcome is Outcome.APPROVAL_PENDING
            return self._member_already(writing, work, holders, asked=asked)
        return await carry_out(writing, work.membership, ending, answer)

    def _member_already(
        self, writing: Writing, work: Work, holders: dict[str, int], *, asked: bool
    ) -> Membership:
        """The gateway says that we are in, or have asked to be let in: look, if we know where.

        Each time that the look finds otherwise is an attempt that failed.
        """
        old, jid = work.membership, work.membership.jid or work.expected_jid
        retry = self._context.settings.retry
        if jid is None:
            return writing.move(old, Status.BLOCKED, Reason.PROBE_FAILED, detail="no JID is known to look at")
        if holders.setdefault(jid, old.id) != old.id:
            return self._duplicate(writing, old, jid)
        if old.attempts >= retry.attempts:
            detail = "the gateway says that the account is in, and does not show it among the members"
            return writing.move(old, Status.BLOCKED, Reason.ATTEMPTS_EXHAUSTED, detail=detail)
        return writing.move(
            old,
            Status.CONFIRMING,
            Reason.APPROVAL_PENDING if asked else None,
            next_attempt_at=writing.now + (backoff(retry, old.attempts) if old.attempts else 0.0),
            jid=jid,
            attempts=old.attempts + 1,
        )

    def _duplicate(self, writing: Writing, old: Membership, jid: str, **seen: Any) -> Membership:
        detail = f"another of your groups is {jid} already"
        return writing.move(old, Status.BLOCKED, Reason.DUPLICATE_GROUP, detail=detail, **seen)

    def _look_first(self, writing: Writing, old: Membership) -> dict[str, Any] | None:
        """For a group that this very number may be in, or may have asked to join, without a join of ours:
        another entry did it as this number, or the number was another one in between and is back.
        """
        at = self._entered.get(old.id)
        if at is not None and at > (old.requested_at or 0.0):
            return {"next_attempt_at": writing.now, "requested_at": at}
        looked = at is not None and at == old.requested_at
        if not looked and _before_change(writing, old):
            settled = (writing.instance.identity_changed_at or 0.0) + SETTLE
            return {"next_attempt_at": max(writing.now, settled), "requested_at": at}
        return None

    def _verify(
        self, writing: Writing, work: Work, preview: GroupPreview, holders: dict[str, int]
    ) -> Membership:
        expected = Expected(work.expected_jid, work.expected_subject, work.expected_owner)
        verdict = verify(self._context.settings.allow, expected, preview)
        seen: dict[str, Any] = {
            "seen_subject": preview.subject,
            "seen_owner": preview.owner,
            "seen_members": preview.members,
            "announce": preview.announce,
            "approval": preview.approval,
            "verified_at": writing.now,
        }
        old = work.membership
        if not verdict.allowed:
            seen["joined_at"] = None  # an earlier join's: nobody shall take this for one that led elsewhere
            said = scrub(verdict.sentence)
            return writing.move(old, Status.BLOCKED, verdict.reason, detail=said, **seen)
        jid = str(preview.jid)
        if holders.setdefault(jid, old.id) != old.id:
            return self._duplicate(writing, old, jid, **seen)
        seen |= {"jid": jid, "code_id": work.code.id if work.code else None}
        unseen = old.history_epoch != writing.instance.history_epoch  # a join of it may have been forgotten
        if unseen or jid in self._context.listed:  # or we are in, says the list: look first
            return writing.move(
                old, Status.CONFIRMING, next_attempt_at=writing.now, requested_at=None, **seen
            )
        look = self._look_first(writing, old)
        if look is not None:
            return writing.move(old, Status.CONFIRMING, joined_at=None, confirmed_at=None, **look, **seen)
        return writing.move(old, Status.READY, joined_at=None, **seen)


async def entered_as_namesake(writing: Writing, works: Sequence[Work]) -> dict[int, float]:
    """By membership: when another instance, as this very number, last asked to join or was found in."""
    others = writing.context.namesakes
    if not others or not works:
        return {}
    groups = {work.membership.group_id: work.membership for work in works}
    found = await sessions.entered_by(writing.connection, others, groups)
    return {groups[group].id: at for group, at in found.items()}


def _before_change(writing: Writing, old: Membership) -> bool:
    """Whether what is stored of an earlier join is the join of the number before this one."""
    changed_at = writing.instance.identity_changed_at
    earlier = [at for at in (old.requested_at, old.confirmed_at) if at is not None]
    return changed_at is not None and bool(earlier) and max(earlier) <= changed_at


def _asks_otherwise(asked: Work, current: Work) -> bool:
    """Whether the answer is about a code, or is judged by an expectation, that has been replaced since."""
    then, now = (
        (work.code and work.code.id, work.expected_jid, work.expected_subject, work.expected_owner)
        for work in (asked, current)
    )
    return then != now


def _note(writing: Writing, work: Work, new: Membership, probed: ProbeAnswer | None) -> None:
    answer = probed.answer if probed else None
    writing.note(
        "probe",
        work,
        code=work.code.last4 if work.code else None,
        outcome=answer.outcome.value if answer else None,
        http=answer.http_status if answer else None,
        iq=answer.iq_code if answer else None,
        status=new.status.value,
        reason=new.reason.value if new.reason else None,
        detail=new.detail,
    )


async def send_back_stale(context: Context, ready: Sequence[Work], now: float) -> None:
    """Verified groups that were not joined soon enough are probed again before anything else."""
    stale = [work for work in ready if not is_fresh(work.membership, now, context.settings.freshness)]
    if not stale:
        return
    async with context.writing() as writing:
        for work in stale:
            writing.move(work.membership, Status.PENDING)
            writing.note("verification.stale", work)


def is_fresh(membership: Membership, now: float, freshness: float) -> bool:
    """Whether the verification is recent; one from the future (a clock that stepped back) is not."""
    verified = membership.verified_at
    return verified is not None and now - freshness <= verified <= now + 1.0
