"""Stored events in their order: confirmed joins, looks that follow up, and the state of sessions.

The events of one account are taken in one transaction behind its row's lock, together with what follows from
them, so that each is carried out once. It joins nothing and needs no lease: a recovery may run all the while.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from orchestrator.account import follow_ups, read_lane
from orchestrator.account.apply_reaction import arrival
from orchestrator.account.comparing import know_ourselves, may_ask
from orchestrator.account.context import Context, Writing
from orchestrator.account.follow_ups import FollowUp
from orchestrator.account.read_lane import ReadLane, ReadLanes
from orchestrator.account.recovery_settings import ConfirmMethod
from orchestrator.account.session_state import Heard, session_event
from orchestrator.domain.errors import DatabaseReplacedError, HandedOverError
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
from orchestrator.store.engine import DatabaseGoneError
from orchestrator.store.events import StoredEvent
from orchestrator.store.memberships import Work
from orchestrator.tasks import Turns, results, side_by_side

AT_A_TIME = 500  # events in one step
ACCOUNTS_AT_ONCE = 8  # whose events are taken side by side
LONGEST_WAIT = 60.0  # seconds: news wake it earlier
LONGEST = 25.0  # seconds for all that is asked for one follow-up
REAL_LONGEST = 3.0

_log = logging.getLogger(__name__)


class EventProcessor:
    """A part of the daemon: processes what the gateways told."""

    name = "events"
    patience = read_lane.PATIENCE

    def __init__(self, lanes: ReadLanes) -> None:
        self._lanes = lanes
        self._share = lanes.share
        self._database = lanes.database
        self._clock = lanes.clock
        self._turns: Turns[None] = Turns()

    async def step(self) -> float:
        """Take all open events, and begin at most one look for each account.

        A look that hangs holds up neither events nor the looks of other accounts.
        """
        if not self._share.is_known(self._clock.boottime()):
            return LONGEST_WAIT
        async with self._database.read() as connection:
            now = await self._database.now(connection)
            found = await events.open_events(connection, now, limit=AT_A_TIME, but_of=self._share.others)
        by_account: dict[int, list[StoredEvent]] = {}
        for event in found:
            by_account.setdefault(event.instance_id, []).append(event)
        await side_by_side(
            by_account.items(), lambda item: self._process_own(*item), at_once=ACCOUNTS_AT_ONCE
        )
        more = len(found) == AT_A_TIME
        results(await self._turns.ended(0.0 if more else self.patience))
        return 0.0 if more else await self._until_next()

    async def close(self) -> None:
        """Give up the looks under way: their events wait on disk."""
        await self._turns.close()

    async def _until_next(self) -> float:
        async with self._database.read() as connection:
            now = await self._database.now(connection)
            due = await events.next_try(connection, but_of=self._share.others)
        longest = read_lane.UNDER_WAY if self._turns.under_way else LONGEST_WAIT
        return longest if due is None else min(longest, max(0.05, due - now))

    async def _process_own(self, instance_id: int, found: Sequence[StoredEvent]) -> None:
        """Where another daemon works for the account by now, they are that one's."""
        try:
            await self._process(instance_id, found)
        except HandedOverError:
            self._lanes.forget(instance_id)

    async def _process(self, instance_id: int, found: Sequence[StoredEvent]) -> None:
        """The events at once; one look that they need is begun, the others have their turn later."""
        if not self._share.has(instance_id, self._clock.boottime()):
            return
        if instance_id not in self._lanes.accounts:
            await self._ignore(instance_id, found)
            return
        lane = self._lanes.of(instance_id)
        needed = await self._process_batch(lane, found)
        if not needed:
            return
        busy = instance_id in self._turns.under_way or lane.follow_up_gap.remaining() > 0
        await follow_ups.queue(lane.context, needed, first_begins=not busy)
        if not busy:
            self._turns.begin(instance_id, self._follow_up(instance_id, needed[0]))

    async def _ignore(self, instance_id: int, found: Sequence[StoredEvent]) -> None:
        """Unless a daemon with another configuration knows the account, which is just beginning perhaps."""
        async with self._database.read() as connection:
            records = await instances.read_many(connection, [instance_id])
        if not records[instance_id].configured:
            await self._finish(found, EventResult.IGNORED)

    async def _process_batch(self, lane: ReadLane, found: Sequence[StoredEvent]) -> list[FollowUp]:
        """All in one transaction; if one of them cannot be taken, one by one: it shall hold up no other."""
        try:
            account = lane.account
            batch = EventBatch(lane.context, account.read_event, gateway_id=account.gateway_id)
            return await batch.process(found)
        except (DatabaseGoneError, DatabaseReplacedError, HandedOverError):
            raise
        except Exception:  # noqa: BLE001 - the edge of the loop: whatever one event brings about ends with it
            _log.exception("events %s cannot be taken", [event.id for event in found])
        if len(found) == 1:
            await self._finish(found, EventResult.FAILED)
            return []
        return [one for event in found for one in await self._process_batch(lane, [event])]

    async def _follow_up(self, instance_id: int, needed: FollowUp) -> None:
        """A gateway that hangs is asked again after as long a time as the events have waited."""
        try:
            async with self._lanes.turn(instance_id) as lane:
                if lane is not None:
                    await self._look(lane, needed)
        except HandedOverError:
            self._lanes.forget(instance_id)

    async def _look(self, lane: ReadLane, needed: FollowUp) -> None:
        context = lane.context
        with suppress(TimeoutError):
            async with asyncio.timeout(max(REAL_LONGEST, self._clock.real(LONGEST))):
                if await may_ask(context) and await know_ourselves(context):
                    lane.follow_up_gap.taken()
                    await follow_ups.look(context, lane.looker, needed)
                    return
        await follow_ups.postpone(context, [needed])

    async def _finish(self, found: Sequence[StoredEvent], result: EventResult) -> None:
        async with self._database.write() as connection:
            now = await self._database.now(connection)
            for event in found:
                await events.finish(connection, event.id, result=result.value, now=now)


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
        async with self._context.writing() as writing:
            # Another daemon, or a look that was under way, may have ended them in the meantime.
            still = await events.still_open(writing.connection, [stored.id for stored in found])
            found = [stored for stored in found if stored.id in still]
            parsed = [(stored, self._read_event(stored.body)) for stored in found]
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
