"""A migrated database whose clock stands still until the test moves it, and its outbox."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from orchestrator.messaging.deliverer import Deliverer
from orchestrator.messaging.routing import Routes
from orchestrator.store import instances, outbox, schema
from orchestrator.store.engine import Database
from orchestrator.store.outbox import Message
from orchestrator.store.tables import deliveries, messages
from tests.support.clock import ManualClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orchestrator.messaging.routing import Receiver

HOOK = "hook:crm"


class HastyClock(ManualClock):
    """By hand, but the event loop's time-outs are a hundred times shorter."""

    def real(self, seconds: float) -> float:
        return seconds / 100


@dataclass(slots=True)
class ByHand:
    """The database's clock, set by the same hand."""

    clock: ManualClock

    def sql(self, dialect: str) -> str:
        exact = repr(self.clock.now())
        return f"{exact}::double precision" if dialect == "postgresql" else exact


@dataclass(slots=True)
class Office:
    """One test's outbox."""

    database: Database
    clock: ManualClock
    routes: Routes = field(default_factory=lambda: Routes("needs_you", hooks=(HOOK,)))

    async def write(
        self, *subjects: str, kind: str = "group.active", recovery_id: int | None = None, **data: Any
    ) -> None:
        """One message for each subject, in that order."""
        planned = [
            Message(kind, subject, {"n": n, **data}, recovery_id=recovery_id)
            for n, subject in enumerate(subjects)
        ]
        async with self.database.write() as connection:
            await outbox.append(connection, self.clock.now(), planned)

    def deliverer(self, receiver: Receiver) -> Deliverer:
        return Deliverer(self.database, self.clock, receiver, self.routes)

    async def rows(self, sink: str = HOOK) -> list[tuple[str, int, str | None]]:
        """(state, attempts, error) of every delivery, in the order of the messages."""
        d = deliveries.c
        query = select(d.state, d.attempts, d.error).where(d.sink == sink).order_by(d.message_id)
        async with self.database.read() as connection:
            return [(row[0], row[1], row[2]) for row in (await connection.execute(query)).all()]

    async def told(self) -> list[str]:
        """The kinds of all messages, in order."""
        async with self.database.read() as connection:
            query = select(messages.c.kind).order_by(messages.c.id)
            return list((await connection.execute(query)).scalars())


@asynccontextmanager
async def post_office(url: str, *, clock: ManualClock | None = None) -> AsyncIterator[Office]:
    clock = clock or ManualClock()
    database = Database(url)
    try:
        await schema.upgrade(database)
        database.clock = ByHand(clock)
        async with database.write() as connection:
            configured = [instances.Configured("backup-1", "backup", "wawp", "sim#200")]
            await instances.sync(connection, configured, clock.now())
        yield Office(database, clock)
    finally:
        await database.close()
