"""Joining: reserve a slot, wait for its moment, send once, record what came back.

The order is the promise. The slot and the move to `joining` are committed before anything leaves; the send
happens inside the slot's life, by a boot-time timer read around the database's clock; whatever comes back, or
does not, is recorded before anything else follows. A join is never repeated here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from orchestrator.account import lease, pauses
from orchestrator.account.apply_reaction import apply_reaction, first_greeting
from orchestrator.account.context import Context, Writing
from orchestrator.account.gateway_calls import write_with_retry
from orchestrator.account.looking import start_lookups_after_crash
from orchestrator.account.probing import entered_as_namesake, is_fresh
from orchestrator.account.recovery_settings import ConfirmMethod, stretched
from orchestrator.domain.answer_reactions import JOIN_REACTIONS, Action, Reaction
from orchestrator.domain.memberships import CURED_BY_CODE, Greeting, MembershipEvidence, Reason, Status
from orchestrator.domain.outcomes import GatewayAnswer, JoinReceipt, Outcome
from orchestrator.domain.pacing import NextSlot, PacingPolicy, Wait
from orchestrator.domain.probe_judgement import code_verdict
from orchestrator.store import memberships, slots
from orchestrator.store.memberships import Membership, Work
from orchestrator.store.slots import Slot

UNSENT = JoinReceipt(GatewayAnswer(Outcome.TRANSIENT, "the slot was dropped before it was sent", sent=False))


@dataclass(slots=True)
class Ticket:
    """One slot in hand. Boot-time instants bound its use without comparing two machines' clocks."""

    slot: Slot
    not_before: float  # boot time: the plan, counted from just after the database's clock was read
    not_after: float  # boot time: the end of its life, counted from just before that
    sent_boottime: float | None = None
    sent_at: float | None = None  # on the database's clock, as well as it can be known
    ended_at: float | None = None  # on the database's clock, no earlier than the answer came
    receipt: JoinReceipt = field(default=UNSENT)
    dropped: bool = False  # by the last look: nothing left, and the group is not to blame


class Joiner:
    """Turns ready memberships into joins, one slot at a time."""

    name = "joining"

    def __init__(self, context: Context) -> None:
        self._context = context
        self.tasks: asyncio.TaskGroup | None = None  # where sends run; None: inside the step
        self._base = stretched(context.settings.policy, context.clock.real(1.0))
        self._under_way: set[int] = set()  # memberships whose joins have a ticket
        self._lost_count = False  # a reservation may have been committed, and nobody holds its tickets
        self._last_send = float("-inf")

    @property
    def idle(self) -> bool:
        return not self._under_way

    async def step(self) -> float | None:
        """Reserve and send what may leave now. Returns seconds until the next step, None: on change."""
        context = self._context
        if self._lost_count:
            await start_lookups_after_crash(context, but=self._under_way)
            self._lost_count = False
        if not self._may_begin():
            return None
        wait = await self._seconds_to_next()
        if wait is None or wait > 0:
            return wait
        self._lost_count = True
        tickets = await self._reserve()
        self._lost_count = False
        if not tickets:
            context.agenda.doubt()
            return 1.0
        self._under_way |= _ids(tickets)
        if context.joins_left is not None:  # counted before they leave: several may be under way at once
            context.joins_left -= len(tickets)
        if self.tasks is None:
            await self._send_all(tickets)
        else:
            self.tasks.create_task(self._send_all(tickets), name=f"join {tickets[0].slot.n}")
        return 0.0

    def _may_begin(self) -> bool:
        context = self._context
        if context.stopping or context.joins_left == 0:
            return False
        return len(self._under_way) < min(self._policy().limit, 4 * context.settings.width + 1)

    def _policy(self, factor: float = 1.0) -> PacingPolicy:
        return self._base.slowed(factor)

    async def _seconds_to_next(self) -> float | None:
        """How long until a reservation is worth its transaction; None while there is nothing to join."""
        context, agenda = self._context, await self._context.look_ahead()
        if agenda.instance.paused(agenda.now):
            return None
        if agenda.instance.identified_fence != context.fence:
            context.wake("monitor")  # it asks the session who it is
            return None
        if not agenda.count(Status.READY):
            return None
        policy = self._policy(agenda.instance.pace_factor(agenda.now))
        upcoming = await agenda.next_slot(policy)
        return max(0.0, upcoming.at - policy.lead - agenda.now)

    async def _reserve(self) -> list[Ticket]:
        context = self._context
        async with context.writing() as writing:
            now, instance = writing.now, writing.instance
            if instance.paused(now) or context.stopping or not await lease.clocks_agree(writing):
                return []
            if instance.identified_fence != context.fence:  # nobody said yet under this lease who it is
                return []
            forgotten = await context.high_water_mark.contradicted(writing.connection)
            if forgotten:
                await lease.doubt(writing)
                reserved = slots.Reserved((), NextSlot(now, Wait.HOLD))
            else:
                works = await self._joinable(writing)
                policy = self._policy(instance.pace_factor(now))
                reserved = await slots.reserve(writing, policy, works=works, draw=context.rng.random)
            writing.slots_changed = bool(reserved.slots)
            for slot in reserved.slots:
                writing.note("slot", slot.work, n=slot.n, send_at=slot.send_at, code=_last4(slot.work))
        before, after = writing.boottimes
        if not await self._witnessed(reserved.slots, accept=forgotten):
            before = float("-inf")  # their lives are over: they are given up, and nothing leaves
        context.points.reach("slot.reserved")
        if forgotten:  # what it holds of joins under way is of another time: they are looked up
            await start_lookups_after_crash(context)
            context.wake()  # and what is in line now may have had its turn before
        life = self._policy().life
        return [
            Ticket(
                slot,
                not_before=after + (slot.send_at - now),
                not_after=before + (slot.send_at - now) + life,
            )
            for slot in reserved.slots
        ]

    async def _witnessed(self, taken: Sequence[Slot], *, accept: bool) -> bool:
        """Let the file beside the database name the last slot. Where it cannot, the account pauses."""
        context = self._context
        good = not accept or context.high_water_mark.accept()
        if taken:
            good = context.high_water_mark.write(taken[-1].n, taken[-1].send_at)
        if not good:
            said = GatewayAnswer(Outcome.TRANSIENT, f"cannot be written: {context.high_water_mark.trouble}")
            async with context.writing() as writing:
                await pauses.back_off(writing, Reason.SLOTS_FILE_UNWRITABLE, said)
        return good

    async def _joinable(self, writing: Writing) -> list[Work]:
        """Ready ones, freshly verified, and with the very code that was probed."""
        context = self._context
        limit = context.settings.width
        if context.joins_left is not None:
            limit = min(limit, context.joins_left)
        works = await context.in_line(writing.connection, Status.READY, limit=limit)
        entered = await entered_as_namesake(writing, works)
        good = []
        for work in works:
            if entered.get(work.membership.id, 0.0) > (work.membership.requested_at or 0.0):
                writing.move(work.membership, Status.PENDING)
                continue
            fresh = is_fresh(work.membership.verified_at, writing.now, context.settings.freshness)
            fresh = fresh and work.membership.history_epoch == writing.instance.history_epoch
            if fresh and work.code is not None and work.code.id == work.membership.code_id:
                good.append(work)
            else:
                writing.move(work.membership, Status.PENDING)
                writing.note("verification.stale", work)
        return good

    async def _send_all(self, tickets: Sequence[Ticket]) -> None:
        try:
            await asyncio.gather(*(self._send(ticket) for ticket in tickets))
            self._context.points.reach("join.answered")
            await write_with_retry(lambda: self._record(tickets), self._context.clock)
            self._context.points.reach("join.recorded")
        finally:
            self._under_way -= _ids(tickets)
            self._context.wake(self.name, "probing")

    async def _send(self, ticket: Ticket) -> None:
        context = self._context
        spacing = context.settings.policy.min_spacing
        start = max(ticket.not_before, self._last_send + spacing)
        await context.clock.sleep(start - context.clock.boottime())
        code = ticket.slot.work.code
        if code is None or not self._usable(ticket):
            return
        revealed = context.reveal(code)
        receipt = await context.gateway.join(revealed, last_look=lambda: self._last_look(ticket))
        ticket.receipt = UNSENT if ticket.dropped else receipt
        since_plan = context.clock.boottime() - (ticket.not_after - self._policy().life)
        ticket.ended_at = (
            ticket.slot.send_at + since_plan
        )  # counted from before the clock was read: never early

    def _usable(self, ticket: Ticket) -> bool:
        now = self._context.clock.boottime()
        return ticket.not_before <= now <= ticket.not_after and not self._context.stopping

    def _last_look(self, ticket: Ticket) -> bool:
        """Asked when the connection stands, before the first byte.

        A slot whose life is over is dropped, and one that stands in a database that nobody else sees.
        """
        self._context.points.reach("join.connected")
        if not self._usable(ticket) or not self._context.database.in_place():
            ticket.dropped = True
            return False
        now = self._context.clock.boottime()
        ticket.sent_boottime = self._last_send = now
        ticket.sent_at = ticket.slot.send_at + (now - ticket.not_before)
        return True

    async def _record(self, tickets: Sequence[Ticket]) -> None:
        async with self._context.writing() as writing:
            for ticket in tickets:
                await settle(writing, ticket)
        if self._context.joins_left is not None:
            self._context.joins_left += sum(ticket.sent_at is None for ticket in tickets)


async def settle(writing: Writing, ticket: Ticket) -> Membership:
    """Record what one join brought: the end of its slot, the JID, and where the membership goes."""
    receipt, work = ticket.receipt, ticket.slot.work
    answer = receipt.answer
    sent_at = ticket.sent_at if answer.sent else None
    if sent_at is not None and answer.outcome is not Outcome.GATEWAY_LIMITED:
        writing.context.limits.pop(Status.JOINING.value, None)
    if answer.outcome in (Outcome.JOINED, Outcome.ACCEPTED):
        writing.context.accused_by.clear()
    writing.finishes.append(slots.Finish(ticket.slot.id, sent_at, answer.outcome.value, ticket.ended_at))
    reaction = _reaction(receipt, sent=sent_at is not None, approval=work.membership.approval)
    current = (await memberships.by_ids(writing.connection, [work.membership.id]))[0]
    if reaction.reason in CURED_BY_CODE and _has_another_code(work, current):
        reaction = Reaction(Action.GIVE_BACK)  # it is probed with the new one before anything else
    new = await _settle_as(writing, work, receipt, reaction)
    if current.membership.status is not Status.JOINING:
        new = _settled_before(writing, current.membership, receipt, reaction)
    writing.learn(work.code, code_verdict(new.status, new.reason))
    writing.note(
        "join",
        work,
        n=ticket.slot.n,
        outcome=answer.outcome.value,
        http=answer.http_status,
        iq=answer.iq_code,
        jid=receipt.jid,
        sent=sent_at is not None,
        status=new.status.value,
        reason=new.reason.value if new.reason else None,
        detail=new.detail,
    )
    return new


def _settled_before(
    writing: Writing, old: Membership, receipt: JoinReceipt, reaction: Reaction
) -> Membership:
    """An event was heard before this answer, and moved the membership: it stays where it is.

    What the answer says of the account counts all the same. If it says that this join did not bring us in,
    somebody else did, and nobody is greeted.
    """
    writing.moves.pop()  # the answer's own
    if old.status is not Status.ACTIVE or old.evidence is not MembershipEvidence.EVENT:
        return old
    if may_have_entered(receipt, reaction) or old.unknowns:
        return old
    changes: dict[str, Any] = {"joined_at": None}
    if old.greeting is Greeting.PENDING:
        changes["greeting"] = Greeting.NONE
    return writing.move(old, old.status, old.reason, detail=old.detail, **changes)


def may_have_entered(receipt: JoinReceipt, reaction: Reaction) -> bool:
    """Whether it may be this join that brought us in; not so if we were in before it."""
    waits_for_proof = reaction.action in (Action.LOOK, Action.AWAIT_APPROVAL) or not receipt.answer.certain
    return waits_for_proof and receipt.answer.outcome is not Outcome.ALREADY_MEMBER


def _has_another_code(work: Work, current: Work) -> bool:
    """Whether somebody set a new code while the join was under way."""
    return current.code is not None and work.code is not None and current.code.id != work.code.id


def _reaction(receipt: JoinReceipt, *, sent: bool, approval: bool | None) -> Reaction:
    """`approval`: what the probe said of it. An answer that the gateway could not read tells the rest."""
    outcome = receipt.answer.outcome
    if outcome is Outcome.SUBMITTED and sent and approval is not False:
        action = Action.AWAIT_APPROVAL if approval else Action.LOOK
        return Reaction(action, Reason.APPROVAL_PENDING)
    if not sent and receipt is UNSENT:
        return Reaction(Action.GIVE_BACK)
    if outcome is Outcome.UNKNOWN and not sent:
        return JOIN_REACTIONS[Outcome.TRANSIENT]
    if outcome is Outcome.TRANSIENT and sent:
        return JOIN_REACTIONS[Outcome.UNKNOWN]  # whatever left may have taken effect
    reaction = JOIN_REACTIONS[outcome]
    if reaction.action is Action.ONCE_MORE and not receipt.answer.certain:
        return JOIN_REACTIONS[Outcome.UNKNOWN]
    return reaction


async def _settle_as(writing: Writing, work: Work, receipt: JoinReceipt, reaction: Reaction) -> Membership:
    old = work.membership
    if reaction.action is not Action.LOOK:
        return await apply_reaction(writing, old, reaction, receipt.answer)
    if receipt.jid and old.jid and receipt.jid != old.jid:
        return await _foreign(writing, work, receipt.jid)
    if _receipt_proves(writing, receipt):
        return _active_by_receipt(writing, old, receipt)
    new = await apply_reaction(writing, old, reaction, receipt.answer)
    if reaction.reason is Reason.OUTCOME_UNKNOWN:
        return new
    joined_at = writing.now if may_have_entered(receipt, reaction) else None
    return _amend(writing, new, joined_at=joined_at, jid=receipt.jid or old.jid)


async def _foreign(writing: Writing, work: Work, jid: str) -> Membership:
    """The code led elsewhere between probe and join. The JID is kept, and a person decides."""
    holders = await memberships.holders_of(writing.connection, writing.context.instance_id, [jid])
    detail = f"verified {work.membership.jid}, but the gateway says that it joined {jid}"
    kept: dict[str, Any] = {"detail": detail, "joined_at": writing.now}
    if jid not in holders:
        kept["jid"] = jid
    return writing.move(work.membership, Status.BLOCKED, Reason.IDENTITY_MISMATCH, **kept)


def _receipt_proves(writing: Writing, receipt: JoinReceipt) -> bool:
    by_receipt = writing.context.settings.confirm is ConfirmMethod.RECEIPT
    return by_receipt and receipt.jid is not None and receipt.answer.outcome is Outcome.JOINED


def _active_by_receipt(writing: Writing, old: Membership, receipt: JoinReceipt) -> Membership:
    return writing.move(
        old,
        Status.ACTIVE,
        jid=receipt.jid,
        joined_at=writing.now,
        confirmed_at=writing.now,
        evidence=MembershipEvidence.RECEIPT,
        greeting=first_greeting(writing),
    )


def _amend(writing: Writing, new: Membership, **changes: Any) -> Membership:
    """Add facts to the move that was planned last."""
    amended = replace(new, **changes)
    planned = writing.moves.pop()
    writing.moves.append(memberships.Move(planned.old, amended))
    return amended


def _ids(tickets: Sequence[Ticket]) -> set[int]:
    return {ticket.slot.work.membership.id for ticket in tickets}


def _last4(work: Work) -> str | None:
    return work.code.last4 if work.code else None
