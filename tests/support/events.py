"""What a gateway tells, put straight into the database, and parts of the daemon driven by hand."""

from __future__ import annotations

from contextlib import asynccontextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from orchestrator.account.accounts import Account, Share
from orchestrator.account.event_processor import EventProcessor
from orchestrator.account.read_lane import ReadLanes
from orchestrator.account.reconciler import Reconciler
from orchestrator.gateways.wawp.event_reading import read_event
from orchestrator.store import events, instances
from orchestrator.store.events import Received
from orchestrator.store.tables import events as table
from tests.support.worlds import ACCOUNT, named

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orchestrator.account.recovery_settings import RecoverySettings
    from orchestrator.domain.outcomes import ReadEvent
    from orchestrator.tasks import Part
    from tests.support.stage import Stage

ME = {"id": "15550100002@c.us", "lid": "900000000000002@lid", "pushName": "backup"}
QUIET = 20.0  # seconds without anything to do
FOR_EVER = 1e6  # seconds
_numbers = count(1)


def waha(event: str, jid: str, at: float, **more: Any) -> dict[str, Any]:
    """In WAHA's shape, where a join or leave means the account itself."""
    return _envelope(event, at, {"timestamp": int(at * 1000), "group": {"id": jid}}) | more


def wawp(event: str, jid: str, at: float, *who: str, **more: Any) -> dict[str, Any]:
    """In Wawp's shape, which names those to whom it happened."""
    members = {str(n): one for n, one in enumerate(who)}
    return _envelope(event, at, {"chatId": jid, "participants": members}) | more


def status(word: str, at: float) -> dict[str, Any]:
    return _envelope("session.status", at, {"name": "default", "status": word})


def _envelope(event: str, at: float, payload: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"evt_{next(_numbers)}",
        "timestamp": int(at * 1000),
        "session": "default",
        "event": event,
        "me": ME,
        "payload": payload,
    }


async def tell(stage: Stage, *bodies: dict[str, Any]) -> None:
    """As the receiver of webhooks leaves them."""
    async with stage.database.write() as connection:
        instance = await instances.get(connection, ACCOUNT)
        now = await stage.database.now(connection)
        for body in bodies:
            received = Received(
                instance.id, str(body["id"]), str(body["event"]), body, body["timestamp"] / 1000
            )
            await events.receive(connection, now, [received])


async def results(stage: Stage) -> list[str | None]:
    """What became of each event, in order; None while it is open."""
    async with stage.database.read() as connection:
        rows = (await connection.execute(select(table).order_by(table.c.id))).all()
    return [row.result if row.state == "done" else None for row in rows]


def jid(stage: Stage, subject: str) -> str:
    return named(stage, subject).jid


@asynccontextmanager
async def _lanes(
    stage: Stage, settings: RecoverySettings, share: Share | None, reader: ReadEvent = read_event
) -> AsyncIterator[ReadLanes]:
    share = share or Share()
    context = await stage.context(settings, fence=None, share=share)
    gateway_id = stage.world.network.account(ACCOUNT).instance_id
    account = Account(context.instance_id, ACCOUNT, "backup", context.gateway, reader, gateway_id)
    try:
        yield ReadLanes(stage.database, stage.clock, {account.id: account}, lambda _account: context, share)
    finally:
        await context.gateway.close()


@asynccontextmanager
async def processing(
    stage: Stage,
    settings: RecoverySettings,
    reader: ReadEvent = read_event,
    share: Share | None = None,
) -> AsyncIterator[EventProcessor]:
    async with _lanes(stage, settings, share, reader) as lanes:
        processor = EventProcessor(lanes)
        processor.patience = FOR_EVER  # a step is over when its looks are
        yield processor
        await processor.close()


@asynccontextmanager
async def reconciling(
    stage: Stage, settings: RecoverySettings, *, every: float = 6 * 3600.0, share: Share | None = None
) -> AsyncIterator[Reconciler]:
    async with _lanes(stage, settings, share) as lanes:
        reconciler = Reconciler(lanes, every=every)
        reconciler.patience = FOR_EVER
        yield reconciler
        await reconciler.close()


async def drive(stage: Stage, part: Part, *, seconds: float) -> None:
    """Step by step, as the supervisor does: for so many simulated seconds, and until nothing is due soon.

    The last step begins when that time is over, however long the machine took for one before it.
    """
    end = stage.clock.boottime() + seconds
    while True:
        over = stage.clock.boottime() >= end
        wait = await part.step()
        if over and wait >= QUIET:
            return
        left = end - stage.clock.boottime()
        await stage.clock.sleep(min(wait, max(0.0, left)) if wait >= QUIET else wait)


async def process_all(stage: Stage, processor: EventProcessor, *, seconds: float = 400.0) -> None:
    """Until no event is open."""
    end = stage.clock.boottime() + seconds
    while None in await results(stage):
        assert stage.clock.boottime() < end, "events stay open"
        await stage.clock.sleep(await processor.step())
