"""A flood of webhooks fills no disk, and nobody loses an event without being told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select, update

from orchestrator.account.event_inbox import EVERY, EventQuota
from orchestrator.daemon.supervisor import Supervisor
from orchestrator.store.events import ROW_BYTES, key_of, stored_bytes
from orchestrator.store.tables import events, journal
from orchestrator.web.webhook_intake import LARGEST_STORED, Refusal
from tests.support.clock import ManualClock
from tests.support.hooks import good, joined, receiver, request

if TYPE_CHECKING:
    from tests.support.hooks import Receiver

MOST = 100_000


def small(found: Receiver) -> EventQuota:
    """From now on the server has little room."""
    quota = found.server.inbox.quota = EventQuota(found.database, MOST)
    return quota


async def processed(found: Receiver) -> None:
    async with found.database.write() as connection:
        await connection.execute(update(events).values(state="done"))


async def used(found: Receiver) -> int:
    async with found.database.read() as connection:
        return await stored_bytes(connection)


def flood(number: int) -> bytes:
    return good(number, padding=["x" * 40] * 90)  # about 4,000 bytes


async def test_what_was_processed_goes_before_its_time_and_this_is_told(database_url: str) -> None:
    async with receiver(database_url) as found:
        quota = small(found)
        assert await quota.step() == EVERY
        for number in range(20):
            assert (await found.ask(flood(number))).status == 200
        await processed(found)
        assert quota.notice() is None

        await quota.step()

        assert await used(found) <= 0.75 * MOST
        assert (await found.ask(flood(99))).status == 200
        keys = [row.key for row in await found.stored()]
        assert keys[-2:] == ["evt_00000019", "evt_00000099"]
        notice = quota.notice()
        assert notice is not None
        gone = 21 - len(keys)
        assert f"{gone} processed ones were deleted before retention.events" in notice[1]
        async with found.database.read() as connection:
            told = await connection.scalars(select(journal.c.data).where(journal.c.kind == "events.dropped"))
            assert sum(json.loads(data)["events"] for data in told) == gone
        supervisor = Supervisor(ManualClock(), [quota])
        assert [(one.part, one.text) for one in supervisor.troubles()] == [(quota.name, notice[1])]
        assert supervisor.failing() == []


async def test_what_waits_is_never_deleted_and_new_ones_are_refused_until_there_is_room(
    database_url: str,
) -> None:
    async with receiver(database_url) as found:
        quota = small(found)
        await quota.step()
        statuses = [(await found.ask(flood(number))).status for number in range(40)]
        taken = statuses.count(200)

        assert statuses == [200] * taken + [503] * (40 - taken)
        assert await used(found) <= MOST
        assert found.server.hooks.refusals.total[Refusal.BUSY] == 40 - taken
        await quota.step()
        assert await found.count() == taken
        notice = quota.notice()
        assert notice is not None
        assert "new ones are refused until there is room" in notice[1]

        await processed(found)
        await quota.step()
        assert (await found.ask(flood(99))).status == 200
        assert "deleted before" in (quota.notice() or (0, ""))[1]


async def test_one_that_is_too_large_is_refused_and_counted(database_url: str) -> None:
    async with receiver(database_url) as found:
        body = json.dumps(joined(1, padding="x" * LARGEST_STORED)).encode()
        assert (await found.ask(request(body))).status == 413
        assert (await found.ask(good(2, padding="x" * (LARGEST_STORED - 1000)))).status == 200
        assert found.server.hooks.refusals.total[Refusal.TOO_LARGE] == 1
        async with found.database.read() as connection:
            assert await connection.scalar(select(func.max(func.length(events.c.body)))) < LARGEST_STORED
        assert await used(found) > ROW_BYTES


async def test_what_an_event_takes_is_what_is_stored_of_it_in_every_script(database_url: str) -> None:
    def told(number: int, letters: int) -> bytes:
        event = joined(number, padding=["é" * 40] * (letters // 40))
        return request(json.dumps(event, ensure_ascii=False).encode())

    async with receiver(database_url) as found:
        assert (await found.ask(told(1, LARGEST_STORED // 3))).status == 413
        quota = small(found)
        await quota.step()
        statuses = [(await found.ask(told(number, 2_000))).status for number in range(2, 30)]

        assert statuses[0] == 200
        assert statuses[-1] == 503
        assert await used(found) <= MOST


async def test_an_id_that_no_index_takes_is_no_reason_to_refuse(database_url: str) -> None:
    ids: list[Any] = ["x" * 100_000, "a\x00b", "\ud800", "x" * 201]
    async with receiver(database_url) as found:
        for number, own in enumerate(ids):
            event = joined(number) | {"id": own}
            for _ in range(2):
                assert (await found.ask(request(json.dumps(event).encode()))).status == 200
        assert await found.count() == len(ids)


def test_a_usual_id_is_the_key() -> None:
    assert key_of("evt_1", {}) == "evt_1"
    assert key_of("x" * 201, {}).startswith("sha256:")
