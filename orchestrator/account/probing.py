"""Probing and verifying, just ahead of the joins."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from orchestrator.account.apply_reaction import stop_account, tries_of
from orchestrator.account.context import Context, Writing
from orchestrator.account.gateway_calls import Gap, call_with_retry
from orchestrator.domain.errors import ConfigurationError
from orchestrator.domain.memberships import Status
from orchestrator.domain.outcomes import GatewayAnswer, Outcome, ProbeAnswer
from orchestrator.domain.probe_judgement import (
    ProbedAccount,
    ProbedGroup,
    ProbeJudgement,
    ProbeRules,
    judge_probe,
)
from orchestrator.domain.verification import Expected
from orchestrator.redact import scrub
from orchestrator.store import memberships
from orchestrator.store.memberships import Membership, Work

MOST_PASSED_OVER = 200
"""Groups whose probes were lost that let others go first; of more than that, the first in line are asked."""


class Prober:
    """Keeps a few verified groups ready, so that a slot never waits for a probe."""

    name = "probing"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._gap = Gap(context.clock, context.settings.probe_gap, context.rng)

    async def step(self) -> float | None:
        """Probe what is next in line. Returns seconds until the next step, None: when something changes."""
        if self._context.stopping:
            return None
        wait = self._gap.remaining()
        if wait > 0:
            return wait
        works = await self._next_in_line()
        if not works:
            return 1.0 if self._context.agenda.stale else None
        asked = [work for work in works if work.code is not None]
        answers = await asyncio.gather(*(self._probe(work) for work in asked))
        self._context.points.reach("probe.answered")
        await self._record(works, dict(zip((work.membership.id for work in asked), answers, strict=True)))
        self._context.points.reach("probe.recorded")
        return self._gap.remaining()

    async def _next_in_line(self) -> list[Work]:
        context, settings = self._context, self._context.settings
        agenda = await context.look_ahead()
        ready = agenda.count(Status.READY)
        room = min(settings.ahead * settings.width - ready, settings.width)
        if context.joins_left is not None:
            room = min(room, context.joins_left - ready)
        if room <= 0 or not agenda.count(Status.PENDING) or agenda.instance.paused(agenda.now):
            return []
        lost = {number: turn for turn, number in enumerate(context.lost_with)}
        async with context.database.read() as connection:
            limit = room + min(len(lost), MOST_PASSED_OVER)
            found = await context.in_line(connection, Status.PENDING, limit=limit)
        if not found:
            agenda.doubt()
        # A group whose probe was lost lets the others go first: they show whether it is the gateway.
        return sorted(found, key=lambda work: lost.get(work.membership.id, -1))[:room]

    async def _probe(self, work: Work) -> ProbeAnswer:
        context, code = self._context, work.code
        if code is None:  # sorted out before
            return ProbeAnswer(GatewayAnswer(Outcome.CODE_INVALID, sent=False))
        try:
            revealed = context.reveal(code)
        except ConfigurationError as error:  # this code's bytes; a wrong key file ends the run before
            return ProbeAnswer(GatewayAnswer(Outcome.CODE_INVALID, error.message, sent=False))
        self._gap.taken()
        return await call_with_retry(
            lambda: context.gateway.probe(revealed), context.settings.retry, context.clock
        )

    async def _record(self, works: Sequence[Work], answers: dict[int, ProbeAnswer]) -> None:
        context = self._context
        async with context.writing() as writing:
            jids = _jids(works, answers)
            holders = await memberships.holders_of(writing.connection, context.instance_id, jids)
            ids = [work.membership.id for work in works]
            current = {work.membership.id: work for work in await memberships.by_ids(writing.connection, ids)}
            entered = await entered_as_namesake(writing, works)
            for work in works:
                if _asks_otherwise(work, current[work.membership.id]):
                    continue  # a new code or expectation came meanwhile: it stays in line, and is asked anew
                probed = answers.get(work.membership.id)
                judged = judge_probe(
                    probed, _group(writing, work, entered), _account(writing, holders), _rules(context)
                )
                if judged.jid is not None:
                    holders[judged.jid] = work.membership.id
                new = await _apply_judgement(writing, work, probed, judged)
                _note(writing, work, new, probed)


def _jids(works: Sequence[Work], answers: dict[int, ProbeAnswer]) -> set[str]:
    """Every JID that one of the groups may turn out to have."""
    found = {answer.preview.jid for answer in answers.values() if answer.preview}
    for work in works:
        found |= {work.expected_jid, work.membership.jid}
    return {jid for jid in found if jid is not None}


def _group(writing: Writing, work: Work, entered: dict[int, float]) -> ProbedGroup:
    old = work.membership
    return ProbedGroup(
        id=old.id,
        expected=Expected(work.expected_jid, work.expected_subject, work.expected_owner),
        tries=tries_of(writing, old),
        code_id=work.code.id if work.code else None,
        jid=old.jid,
        requested_at=old.requested_at,
        confirmed_at=old.confirmed_at,
        entered_at=entered.get(old.id),
        history_epoch=old.history_epoch,
    )


def _account(writing: Writing, holders: dict[str, int]) -> ProbedAccount:
    return ProbedAccount(
        now=writing.now,
        holders=holders,
        listed=writing.context.listed,
        identity_changed_at=writing.instance.identity_changed_at,
        history_epoch=writing.instance.history_epoch,
        lost=writing.context.reads_failed,
    )


def _rules(context: Context) -> ProbeRules:
    return ProbeRules(context.settings.allow, context.settings.retry, scrub)


async def _apply_judgement(
    writing: Writing, work: Work, probed: ProbeAnswer | None, judged: ProbeJudgement
) -> Membership:
    """Turn a judgement into the membership's move, and into what follows for the account and the code."""
    context, old = writing.context, work.membership
    if judged.lost > context.reads_failed:
        context.lost_with.pop(old.id, None)
        context.lost_with[old.id] = None
    elif not judged.lost:
        context.lost_with.clear()
    context.reads_failed = judged.lost
    if probed is not None and probed.answer.outcome is not Outcome.GATEWAY_LIMITED:
        context.limits.pop(Status.PENDING.value, None)
    if judged.seen is not None:
        context.back_offs = 0
        context.accused_by.clear()
    if probed is not None and judged.account is not None:
        await stop_account(writing, old, judged.account, probed.answer)
    writing.learn(work.code, judged.code_verdict)
    at = None if judged.wait is None else writing.now + judged.wait
    return writing.move(
        old, judged.status, judged.reason, detail=judged.detail, next_attempt_at=at, **judged.changes
    )


async def entered_as_namesake(writing: Writing, works: Sequence[Work]) -> dict[int, float]:
    """By membership: when another instance, as this very number, last asked to join or was found in."""
    others = writing.context.namesakes
    if not others or not works:
        return {}
    groups = {work.membership.group_id: work.membership for work in works}
    found = await memberships.entered_by(writing.connection, others, groups)
    return {groups[group].id: at for group, at in found.items()}


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


async def send_back_stale(context: Context) -> None:
    """Verified groups that were not joined soon enough are probed again before anything else."""
    agenda = await context.look_ahead()
    oldest = agenda.now - context.settings.freshness
    stale = [item.id for item in agenda.items(Status.READY) if (item.verified_at or 0.0) < oldest]
    if not stale:
        return
    async with context.writing() as writing:
        for work in await memberships.by_ids(writing.connection, stale):
            old = work.membership
            if old.status is Status.READY and not is_fresh(
                old.verified_at, writing.now, context.settings.freshness
            ):
                writing.move(old, Status.PENDING)
                writing.note("verification.stale", work)


def is_fresh(verified_at: float | None, now: float, freshness: float) -> bool:
    """Whether the verification is recent; one from the future (a clock that stepped back) is not."""
    return verified_at is not None and now - freshness <= verified_at <= now + 1.0
