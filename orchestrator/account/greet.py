"""Greeting on arrival: once, gently, never where only admins may write; its failure changes no membership."""

from __future__ import annotations

from typing import Any

from orchestrator.account.context import Context
from orchestrator.account.gateway_calls import Gap, call_with_retry, write_with_retry
from orchestrator.account.looking import PAUSE_REASONS, REST, pause_for
from orchestrator.domain.memberships import Greeting
from orchestrator.domain.outcomes import GatewayAnswer, Outcome
from orchestrator.greeting_template import fill_in
from orchestrator.store import due_work, memberships
from orchestrator.store.memberships import Work


def render(template: str, *, instance: str, work: Work) -> str:
    """Fill in a greeting. Foreign text (the subject) is data here, never a template.

    Raises jinja2.TemplateError for a template that cannot be filled in, ValueError for one that comes out
    empty or longer than WhatsApp takes.
    """
    return fill_in(
        template,
        instance=instance,
        group=work.name,
        subject=work.membership.seen_subject or work.name,
        members=work.membership.seen_members,
    )


class Greeter:
    """Greets the groups that have just been entered."""

    name = "greeting"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._gap = Gap(context.clock, context.settings.greeting_gap, context.rng)
        self._rest = Gap(context.clock, REST, context.rng)  # from trouble that no pause tells of
        self._unsure = False  # a greeting may have been marked or sent, and that is not recorded

    async def step(self) -> float | None:
        """Greet one group. Returns seconds until the next step, None: when something changes."""
        if self._context.stopping:
            return None
        if self._unsure:
            await give_up_on_unsure(self._context)
            self._unsure = False
        wait = max(self._gap.remaining(), self._rest.remaining())
        if wait > 0:
            return wait
        work = await self._next()
        if work is None:
            return 1.0 if self._context.agenda.stale else None
        await self._greet(work)
        return max(self._gap.remaining(), self._rest.remaining())

    async def _next(self) -> Work | None:
        context, agenda = self._context, await self._context.look_ahead()
        if not agenda.greets or agenda.instance.paused(agenda.now):
            return None
        async with context.database.read() as connection:
            works = await due_work.greetings(connection, context.instance_id, Greeting.PENDING, limit=1)
        if not works:
            agenda.doubt()
        return works[0] if works else None

    async def _greet(self, work: Work) -> None:
        policy = self._context.settings.greeting
        if not policy.enabled:
            await self._record(work, Greeting.SKIPPED, why="greetings are switched off")
            return
        if await self._not_now(work):
            return
        try:
            text = render(
                policy.template(work.membership.seen_members),
                instance=self._context.instance_name,
                work=work,
            )
        except Exception as error:  # noqa: BLE001 - a template can raise whatever Python can
            await self._record(work, Greeting.FAILED, why=f"the template cannot be used: {error}")
            return
        await self._send(work, text)

    async def _not_now(self, work: Work) -> bool:
        """Where only admins may write there is no greeting; trouble with the account puts it off."""
        announce, jid, context = work.membership.announce, work.membership.jid, self._context
        if announce is None and jid is not None:
            answer = await call_with_retry(
                lambda: context.gateway.group(jid), context.settings.retry, context.clock
            )
            if answer.answer.outcome in PAUSE_REASONS:
                if context.fence is None:
                    self._rest.taken()
                return await self._record(work, Greeting.PENDING, answer=answer.answer)
            # A gateway that tells nothing leaves it to WhatsApp, which refuses such a message.
            announce = answer.group is not None and bool(answer.group.announce)
        if announce or jid is None:
            await self._record(work, Greeting.SKIPPED, why="only admins may write here")
            return True
        return False

    async def _send(self, work: Work, text: str) -> None:
        """Marked before it leaves: a greeting that may have been sent is never sent again."""
        self._unsure = True
        if await self._record(work, Greeting.SENDING):
            await self._send_marked(work, text)
        self._unsure = False

    async def _send_marked(self, work: Work, text: str) -> None:
        self._context.points.reach("greeting.marked")
        self._gap.taken()
        sent = await self._context.gateway.send_text(str(work.membership.jid), text)
        self._context.points.reach("greeting.answered")
        surely_not_sent = sent.answer.outcome is Outcome.GATEWAY_LIMITED and sent.answer.certain
        if surely_not_sent:  # its turn comes again
            if self._context.fence is None:
                self._rest.taken()
            await self._record_sent(work, Greeting.PENDING, sent.answer)
            return
        good = sent.answer.outcome is Outcome.OK
        why = None if good else sent.answer.text
        await self._record_sent(work, Greeting.SENT if good else Greeting.FAILED, sent.answer, why=why)
        self._context.points.reach("greeting.recorded")

    async def _record_sent(
        self, work: Work, greeting: Greeting, answer: GatewayAnswer, *, why: str | None = None
    ) -> None:
        """Nobody asks for this answer a second time: the database may be away for a while."""
        await write_with_retry(
            lambda: self._record(work, greeting, why=why, answer=answer, left=True), self._context.clock
        )

    async def _record(
        self,
        work: Work,
        greeting: Greeting,
        *,
        why: str | None = None,
        answer: GatewayAnswer | None = None,
        left: bool = False,
    ) -> bool:
        """Write how the greeting stands; False if the membership moved on in the meantime.

        Before it `left`, also if another process took the greeting up: two may greet for one instance.
        """
        async with self._context.writing() as writing:
            current = await memberships.by_ids(writing.connection, [work.membership.id])
            old = current[0].membership
            if old.status is not work.membership.status:
                return False
            if not left and old.greeting is not Greeting.PENDING:
                return False
            if not left and self._context.fence is None and writing.instance.driven(writing.now):
                return False  # whoever drives it greets, with a gap of its own
            changes: dict[str, Any] = {"greeting": greeting, "detail": old.detail}
            if greeting is Greeting.SENT:
                changes["greeted_at"] = writing.now
            writing.move(old, old.status, old.reason, **changes)
            if answer is not None:
                await pause_for(writing, answer, about=work)
            writing.note("greeting", work, greeting=greeting.value, why=why)
        return True


async def give_up_on_unsure(context: Context) -> None:
    """Greetings that a dead process may or may not have sent count as sent: nobody is greeted twice."""
    async with context.database.read() as connection:
        unsure = await due_work.greetings(connection, context.instance_id, Greeting.SENDING, limit=1000)
    if not unsure:
        return
    async with context.writing() as writing:
        if context.fence is None and writing.instance.driven(writing.now):
            return
        for work in unsure:
            old = work.membership
            writing.move(old, old.status, old.reason, detail=old.detail, greeting=Greeting.FAILED)
            writing.note("greeting", work, greeting="failed", why="cut off while it was being sent")
