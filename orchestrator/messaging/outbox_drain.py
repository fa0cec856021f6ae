"""Drains the outbox of a configuration without any receiver."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.messaging import routing
from orchestrator.messaging.deliverer import IDLE, NOT_CONFIGURED
from orchestrator.store import outbox

if TYPE_CHECKING:
    from orchestrator.messaging.routing import Routes
    from orchestrator.store.engine import Database

NAME = "outbox"


@dataclass(slots=True)
class OutboxDrain:
    """The part that drains an outbox which has no receiver."""

    database: Database
    routes: Routes  # to nowhere
    name: str = NAME
    _parked_strangers: bool = False

    async def step(self) -> float:
        if not self._parked_strangers:
            async with self.database.write() as connection:
                await outbox.park_others(connection, (), NOT_CONFIGURED)
            self._parked_strangers = True
        while await routing.fan_out(self.database, self.routes):
            pass
        return IDLE
