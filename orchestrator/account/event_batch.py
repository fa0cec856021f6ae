"""One transaction of events: those of one account in their order, and what they prove."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from orchestrator.account.arriving import arrival
from orchestrator.account.context import Context, Writing
from orchestrator.account.follow_ups import FollowUp
from orchestrator.account.recording import Heard, session_event
from orchestrator.account.recovery_settings import ConfirmMethod
from orchestrator.domain.event_rules import (
    DEPARTED,
    OPEN_JOIN,
    About,
    EventAction,
    EventResult,
    MembershipFacts,
    about,
    by_somebody_else,
    decide,
)
from orchestrator.domain.instances import InstanceRecord
from orchestrator.domain.memberships import MembershipEvidence, Status
from orchestrator.domain.outcomes import GatewayEvent, ReadEvent
from orchestrator.store import events, instances, memberships
from orchestrator.store.events import StoredEvent
from orchestrator.store.memberships import Work

_ABOUT_US = frozenset({About.ENTERED, About.GONE})


class EventBatch:
    """Processes one batch. Used once."""

    def __init__(self, context: Context, read_event: ReadEvent, *, gateway_id: str = "") -> None:
        self._context = context
        self._gateway_id = gateway_id
        self._read_event = read_event
        self._works: dict[str, Work] = {}
        self._gone_at: dict[int, float] = {}
        self._follow_ups: dict[int, FollowUp] = {}

    async def process(self, found: Sequence[StoredEvent]) -> list[FollowUp]:
        """Carry out what the events say; returns those that need a look, group by group."""
        parsed = [(stored, self._read_event(stored.body)) for stored in found]
        async with self._context.writing() as writing:
            classified = [(stored, event, self._whom(event, writing.instance)) for stored, event in parsed]
            await self._prepare(writing, classified)
            for stored, event, whom in classified:
                result = EventResult.IGNORED
                if event is not None:
                    result = await self._process_one(writing, stored, event, whom)
                if result is not EventResult.LOOKING:
                    await _finish(writing, stored, result, self._works.get(_jid(event)))
        return list(self._follow_ups.values())

    def _whom(self, event: GatewayEvent | None, instance: InstanceRecord) -> About:
        if event is None:
            return About.NOBODY
        return about(event, instance.own, gateway_id=self._gateway_id, session_name=instance.session_name)

    async def _prepare(
        self, writing: Writing, classified: Sequence[tuple[StoredEvent, GatewayEvent | None, About]]
    ) -> None:
        """Read what the events speak of: few queries, however many there are."""
        connection, number = writing.connection, self._context.instance_id
        jids = {_jid(event) for _, event, whom in classified if whom in _ABOUT_US} - {""}
        if jids:
            self._works = await memberships.by_jids(connection, number, jids)
        unsettled = {w.membership.group_id for w in self._works.values() if w.membership.status in OPEN_JOIN}
        self._gone_at = await events.departures(connection, number, unsettled, DEPARTED)

    async def _process_one(
        self, writing: Writing, stored: StoredEvent, event: GatewayEvent, whom: About
    ) -> EventResult:
        match whom:
            case About.SESSION:
                return await self._session(writing, stored, event)
            case About.ENTERED | About.GONE:
                return self._about_us(writing, stored, event, whom)
            case About.OTHERS:
                return EventResult.NOT_US
            case _:
                return EventResult.IGNORED

    async def _session(self, writing: Writing, stored: StoredEvent, event: GatewayEvent) -> EventResult:
        if event.state is None:
            return EventResult.IGNORED
        instance = await instances.lock(writing.connection, writing.instance.id)  # as the last event left it
        at = stored.received_at if event.sent_at is None else event.sent_at
        heard = Heard(at, event.state, event.word)
        taken = await session_event(
            writing.connection, instance, heard, now=writing.now, actor=self._context.actor
        )
        return EventResult.SESSION if taken else EventResult.STALE

    def _about_us(
        self, writing: Writing, stored: StoredEvent, event: GatewayEvent, whom: About
    ) -> EventResult:
        jid = _jid(event)
        work = self._works.get(jid)
        if work is None:  # a community took us along, say
            return EventResult.UNKNOWN_GROUP
        by_lookup = self._context.settings.confirm is ConfirmMethod.LOOKUP
        then = decide(event, whom, self._facts(work), received_at=stored.received_at, by_lookup=by_lookup)
        if then.act is EventAction.CONFIRM:
            self._confirm(writing, work, jid, event)
        elif then.act is EventAction.LOOK:
            self._follow_up(work, jid, stored, event, whom=whom)
        return then.result

    def _facts(self, work: Work) -> MembershipFacts:
        old = work.membership
        return MembershipFacts(
            old.status,
            old.status_since,
            old.jid,
            work.expected_jid,
            requested_at=old.requested_at,
            confirmed_at=old.confirmed_at,
            gone_at=self._gone_at.get(old.group_id),
        )

    def _confirm(self, writing: Writing, work: Work, jid: str, event: GatewayEvent) -> None:
        """Our own join, told by the gateway: with JID and evidence, perhaps before the join's own answer."""
        changes: dict[str, Any] = arrival(writing, work.membership, MembershipEvidence.EVENT)
        new = writing.move(work.membership, Status.ACTIVE, jid=jid, **changes)
        writing.note(
            "heard",
            work,
            event=event.name,
            was=work.membership.status.value,
            jid=jid,
            evidence=MembershipEvidence.EVENT.value,
            status=new.status.value,
        )
        self._works[jid] = replace(work, membership=new)

    def _follow_up(
        self, work: Work, jid: str, stored: StoredEvent, event: GatewayEvent, *, whom: About
    ) -> None:
        before = self._follow_ups.get(work.membership.id)
        self._follow_ups[work.membership.id] = FollowUp(
            work,
            jid,
            whom,
            removed=by_somebody_else(event) or (before is not None and before.removed),
            received_at=stored.received_at,
            ids=(stored.id,) if before is None else (*before.ids, stored.id),
        )


def _jid(event: GatewayEvent | None) -> str:
    return "" if event is None or event.jid is None else event.jid


async def _finish(writing: Writing, stored: StoredEvent, result: EventResult, work: Work | None) -> None:
    group_id = None if work is None else work.membership.group_id
    await events.finish(
        writing.connection, stored.id, result=result.value, now=writing.now, group_id=group_id
    )
