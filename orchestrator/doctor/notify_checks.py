"""Whether those who are to be told can be: without sending anything (`rejoin notify test` does that)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.doctor.finding import failed, ok, warning
from orchestrator.domain.commands import Operation
from orchestrator.messaging import apprise_people as people
from orchestrator.store import outbox as outbox_store

if TYPE_CHECKING:
    from orchestrator.doctor.finding import Finding
    from orchestrator.store.engine import Database


@dataclass(frozen=True, slots=True)
class Told:
    """Who is configured to be told. `urls` are Apprise's, and secret; `unsigned`: hooks without a secret."""

    urls: tuple[str, ...] = field(default=(), repr=False)
    hooks: tuple[str, ...] = ()
    unsigned: tuple[str, ...] = ()


def receivers(told: Told) -> list[Finding]:
    if not (told.urls or told.hooks):
        return [ok("notify", "nobody is to be told")]
    if told.urls and not people.is_installed():
        return [failed("notify", people.MISSING, people.HOW_TO_GET_IT)]
    found = [
        failed("notify", f"Apprise does not understand notify.urls.{index}", "see Apprise's list of services")
        for index, url in enumerate(told.urls)
        if not people.understood(url)
    ]
    if told.unsigned:
        names = ", ".join(told.unsigned)
        found.append(
            warning("notify", f"without a secret, messages to {names} are not signed", "set its secret_file")
        )
    count = len(told.urls) + len(told.hooks)
    return found or [ok("notify", f"{count} to be told; {Operation.TEST_NOTIFY} tries them")]


async def outbox(database: Database) -> list[Finding]:
    """What did not get through."""
    async with database.read() as connection:
        totals = await outbox_store.totals(connection)
    if totals.parked:
        hint = f"{Operation.LIST_PARKED} shows them and why"
        return [warning("outbox", f"given up: {totals.parked} of the messages", hint)]
    return [ok("outbox", f"waiting to be delivered: {totals.pending}")]
