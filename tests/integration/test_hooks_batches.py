"""Several events in one delivery: all are on disk before it is answered, each once, none with a key in it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.web.webhook_intake import MOST_EVENTS, Refusal
from tests.support.hooks import PATH, TOKEN, instance, joined, receiver, request, settings

if TYPE_CHECKING:
    from orchestrator.config import Settings

OTHER = "t0ken-that-nobody-configured"
UPSERT: dict[str, Any] = {
    "event": "groups.upsert",
    "instance": "201",
    "data": [{"id": f"12036304123456789{n}@g.us", "subject": f"Group {n}"} for n in range(3)],
    "sender": "15550100002@s.whatsapp.net",
    "apikey": OTHER,
}


def at_evolution() -> Settings:
    return settings(instance("backup-2", "evolution", "201"), secret="")


def post(body: object, name: str = "backup-1") -> bytes:
    return request(json.dumps(body).encode(), path=f"/hooks/{name}/{PATH}")


async def test_an_array_is_as_many_events(sqlite_url: str) -> None:
    async with receiver(sqlite_url) as found:
        assert (await found.ask(post([joined(1), joined(2), {"event": "message"}]))).status == 200
        assert [row.key for row in await found.stored()] == ["evt_00000001", "evt_00000002"]
        assert (await found.ask(post([joined(1), joined(2)]))).status == 200
        assert [row.times for row in await found.stored()] == [2, 2]


async def test_each_group_that_evolution_tells_of_is_an_event_and_its_key_is_not_kept(
    sqlite_url: str,
) -> None:
    async with receiver(sqlite_url, at_evolution()) as found:
        for times in (1, 2):
            assert (await found.ask(post(UPSERT, "backup-2"))).status == 200
            kept = [(row.kind, row.times) for row in await found.stored()]
            assert kept == [("groups.upsert", times)] * 3
        bodies = [json.loads(row.body) for row in await found.stored()]
    assert sorted(body["data"]["id"] for body in bodies) == [group["id"] for group in UPSERT["data"]]
    assert OTHER not in repr(bodies)
    assert TOKEN not in repr(bodies)


@pytest.mark.parametrize("body", [[], [1, "x", None], 7, "text", None, [[joined()]]])
async def test_what_holds_no_event_is_no_json_object(sqlite_url: str, body: object) -> None:
    async with receiver(sqlite_url) as found:
        assert (await found.ask(post(body))).status == 400
        assert await found.stored() == []


async def test_too_many_at_once_are_refused_before_any_is_read(sqlite_url: str) -> None:
    async with receiver(sqlite_url) as found:
        many = [joined(n) for n in range(MOST_EVENTS + 1)]
        assert (await found.ask(post(many))).status == 413
        assert await found.stored() == []
        assert found.server.hooks.refusals.total[Refusal.TOO_LARGE] == 1
        assert (await found.ask(post(many[:-1]))).status == 200
        assert len(await found.stored()) == MOST_EVENTS


async def test_what_comes_back_from_the_store_is_read_as_what_came_in(sqlite_url: str) -> None:
    async with receiver(sqlite_url, at_evolution()) as found:
        await found.ask(post(UPSERT, "backup-2"))
        read_event = found.server.hooks.senders["backup-2"].read_event
        events = [read_event(json.loads(row.body)) for row in await found.stored()]
    assert {event.jid for event in events if event} == {group["id"] for group in UPSERT["data"]}
    assert all(event is not None and event.ours for event in events)
