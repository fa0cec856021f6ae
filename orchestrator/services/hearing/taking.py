"""One transaction of hearing: the events of one account in their order, and what they prove."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from orchestrator.domain.hearing import (
    DEPARTED,
    OPEN_JOIN,
    About,
    Act,
    Result,
    Standing,
    about,
    by_somebody_else,
    meaning,
)
from orchestrator.domain.memberships import Evidence, Status
from orchestrator.services.hearing.tips import Hint
from orchestrator.services.recover.arriving import arrival
from orchestrator.services.recover.settings import ConfirmMethod
from orchestrator.services.watch.recording import Heard, session_event
from orchestrator.store import events, instances, whereabouts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.domain.events import HeardEvent, ReadEvent
    from orchestrator.domain.instances import InstanceRecord
    from orchestrator.services.recover.context import Context, Writing
    from orchestrator.store.events import StoredEvent
    from orchestrator.store.memberships import Work

_ABOUT_US = frozenset({About.ENTERED, About.GONE})


class Taking:
    """Takes one batch. Used once."""

    def __init__(self, context: Context, read_event: ReadEvent, *, gateway_id: str = "") -> None:
        self._context = context
        self._gateway_id = gateway_id
        self._read_event = read_event
        self._works: dict[str, Work] = {}
        self._gone_at: dict[int, float] = {}
        self._hints: dict[int, Hint] = {}

    async def take(self, found: Sequence[StoredEvent]) -> list[Hint]:
        """Carry out what the events say; returns those that need a look, group by group."""
        heard = [(event, self._read_event(event.body)) for event in found]
        async with self._context.writing() as writing:
            said = [(event, told, self._whom(told, writing.instance)) for event, told in heard]
            await self._prepare(writing, said)
            for event, told, whom in said:
                result = Result.IGNORED
                if told is not None:
                    result = await self._take_one(writing, event, told, whom)
                if result is not Result.LOOKING:
                    await _finish(writing, event, result, self._works.get(_jid(told)))
        return list(self._hints.values())

    def _whom(self, told: HeardEvent | None, instance: InstanceRecord) -> About:
        if told is None:
            return About.NOBODY
        return about(told, instance.own, gateway_id=self._gateway_id, session_name=instance.session_name)

    async def _prepare(
        self, writing: Writing, said: Sequence[tuple[StoredEvent, HeardEvent | None, About]]
    ) -> None:
        """Read what the events speak of: few queries, however many there are."""
        connection, number = writing.connection, self._context.instance_id
        jids = {_jid(told) for _event, told, whom in said if whom in _ABOUT_US} - {""}
        if jids:
            self._works = await whereabouts.by_jids(connection, number, jids)
        unsettled = {w.membership.group_id for w in self._works.values() if w.membership.status in OPEN_JOIN}
        self._gone_at = await whereabouts.departures(connection, number, unsettled, DEPARTED)

    async def _take_one(self, writing: Writing, event: StoredEvent, told: HeardEvent, whom: About) -> Result:
        match whom:
            case About.SESSION:
                return await self._session(writing, event, told)
            case About.ENTERED | About.GONE:
                return self._about_us(writing, event, told, whom)
            case About.OTHERS:
                return Result.NOT_US
            case _:
                return Result.IGNORED

    async def _session(self, writing: Writing, event: StoredEvent, told: HeardEvent) -> Result:
        if told.state is None:
            return Result.IGNORED
        instance = await instances.lock(writing.connection, writing.instance.id)  # as the last event left it
        at = event.received_at if told.sent_at is None else told.sent_at
        heard = Heard(at, told.state, told.word)
        taken = await session_event(
            writing.connection, instance, heard, now=writing.now, actor=self._context.actor
        )
        return Result.SESSION if taken else Result.STALE

    def _about_us(self, writing: Writing, event: StoredEvent, told: HeardEvent, whom: About) -> Result:
        jid = _jid(told)
        work = self._works.get(jid)
        if work is None:  # a community took us along, say
            return Result.UNKNOWN_GROUP
        by_lookup = self._context.settings.confirm is ConfirmMethod.LOOKUP
        then = meaning(told, whom, self._standing(work), received_at=event.received_at, by_lookup=by_lookup)
        if then.act is Act.CONFIRM:
            self._confirm(writing, work, jid, told)
        elif then.act is Act.LOOK:
            self._hint(work, jid, event, told, whom=whom)
        return then.result

    def _standing(self, work: Work) -> Standing:
        old = work.membership
        return Standing(
            old.status,
            old.status_since,
            old.jid,
            work.expected_jid,
            requested_at=old.requested_at,
            confirmed_at=old.confirmed_at,
            gone_at=self._gone_at.get(old.group_id),
        )

    def _confirm(self, writing: Writing, work: Work, jid: str, told: HeardEvent) -> None:
        """Our own join, told by the gateway: with JID and evidence, perhaps before the join's own answer."""
        changes: dict[str, Any] = arrival(writing, work.membership, Evidence.EVENT)
        new = writing.move(work.membership, Status.ACTIVE, jid=jid, **changes)
        writing.note(
            "heard",
            work,
            event=told.name,
            was=work.membership.status.value,
            jid=jid,
            evidence=Evidence.EVENT.value,
            status=new.status.value,
        )
        self._works[jid] = replace(work, membership=new)

    def _hint(self, work: Work, jid: str, event: StoredEvent, told: HeardEvent, *, whom: About) -> None:
        before = self._hints.get(work.membership.id)
        self._hints[work.membership.id] = Hint(
            work,
            jid,
            whom,
            removed=by_somebody_else(told) or (before is not None and before.removed),
            received_at=event.received_at,
            ids=(event.id,) if before is None else (*before.ids, event.id),
        )


def _jid(told: HeardEvent | None) -> str:
    return "" if told is None or told.jid is None else told.jid


async def _finish(writing: Writing, event: StoredEvent, result: Result, work: Work | None) -> None:
    group_id = None if work is None else work.membership.group_id
    await events.finish(writing.connection, event.id, result=result.value, now=writing.now, group_id=group_id)
