"""Every trouble that the simulator can play, seen once by a real client; the truth log knows the effect."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from orchestrator.simulator.faults import Rule, Trouble, When
from orchestrator.simulator.model import Group
from orchestrator.simulator.truth import Effect, Kind
from tests.integration.simulator_talk import CODE, JID, talk

if TYPE_CHECKING:
    from tests.integration.simulator_talk import Talk

JOIN = frozenset({Kind.JOIN})


def play(wawp: Talk, trouble: Trouble, **how: Any) -> None:
    how = {"kinds": JOIN, "times": 1, **how}
    wawp.running.faults.rules.append(Rule(trouble, **how))


def inside(wawp: Talk) -> bool:
    return "backup" in wawp.group.inside


@pytest.mark.parametrize(("effect", "joined"), [(None, False), (When.NEVER, False), (When.DONE, True)])
async def test_a_cut_connection_hides_whether_the_join_happened(effect: When | None, joined: bool) -> None:
    async with talk() as wawp:
        play(wawp, Trouble.CUT, effect=effect)
        with pytest.raises(aiohttp.ClientError):
            await wawp.join()
        assert inside(wawp) is joined
        request = wawp.running.log.joins()[0]
        assert (request.trouble, request.status) == ("cut", 0)
        assert request.effect is (Effect.JOINED if joined else Effect.NONE)
        assert (await wawp.probe()).status == 200


async def test_an_effect_can_come_after_the_connection_is_gone() -> None:
    async with talk(speed=100) as wawp:
        play(wawp, Trouble.CUT, effect=When.LATER, seconds=30)
        with pytest.raises(aiohttp.ClientError):
            await wawp.join()
        assert (await wawp.get("/v2/groups")).body == []
        await wawp.network.sleep(31)
        assert [g["id"] for g in (await wawp.get("/v2/groups")).body] == [JID]
        assert wawp.running.log.joins()[0].effect is Effect.JOINED


@pytest.mark.parametrize(("effect", "joined"), [(When.NEVER, False), (When.DONE, True)])
async def test_a_call_can_hang_until_the_client_gives_up(effect: When, joined: bool) -> None:
    async with talk(patience=0.2) as wawp:
        play(wawp, Trouble.HANG, effect=effect)
        with pytest.raises(TimeoutError):
            await wawp.join()
        assert inside(wawp) is joined


async def test_a_call_goes_on_although_its_client_went_away() -> None:
    async with talk(patience=0.1, latency=(0.6, 0.6)) as wawp:
        with pytest.raises(TimeoutError):
            await wawp.join()
        assert not inside(wawp)
        await asyncio.gather(*wawp.running._server.tasks)
        assert inside(wawp)


async def test_a_slow_answer_is_still_the_right_one() -> None:
    async with talk(speed=100) as wawp:
        play(wawp, Trouble.SLOW, seconds=10)
        start = wawp.network.now()
        assert (await wawp.join()).body["id"] == JID
        assert wawp.network.now() - start >= 10


async def test_a_truncated_body_comes_after_the_effect() -> None:
    async with talk() as wawp:
        play(wawp, Trouble.TRUNCATED)
        with pytest.raises(aiohttp.ClientPayloadError):
            await wawp.join()
        assert inside(wawp)


async def test_garbage_is_ok_by_status_alone() -> None:
    async with talk() as wawp:
        play(wawp, Trouble.GARBAGE)
        with pytest.raises(UnicodeDecodeError):
            await wawp.join()
        assert wawp.running.log.joins()[0].status == 200
        assert inside(wawp)


async def test_an_error_page_in_html() -> None:
    async with talk() as wawp:
        play(wawp, Trouble.HTML, status=502)
        answer = await wawp.join()
        assert (answer.status, answer.body[:9]) == (502, b"<!DOCTYPE")
        assert not inside(wawp)


async def test_a_500_may_hide_a_join_that_happened() -> None:
    async with talk() as wawp:
        play(wawp, Trouble.HTTP, status=500, effect=When.DONE)
        assert (await wawp.join()).body["status"] == 500
        assert inside(wawp)


async def test_200_with_an_error_in_its_body() -> None:
    async with talk() as wawp:
        play(wawp, Trouble.ERROR_BODY)
        answer = await wawp.join()
        assert (answer.status, answer.body["code"]) == (200, "wawp_upstream_error")
        assert not inside(wawp)


@pytest.mark.parametrize(
    ("trouble", "status", "needle"),
    [
        (Trouble.SESSION, 404, "invalid_session"),
        (Trouble.UNAUTHORIZED, 401, "Invalid access_token"),
        (Trouble.SUBSCRIPTION, 403, "subscription_required"),
        (Trouble.PLAN_LIMIT, 429, "Too many requests"),
    ],
)
async def test_the_gateways_own_refusals(trouble: Trouble, status: int, needle: str) -> None:
    async with talk() as wawp:
        play(wawp, trouble, seconds=30)
        answer = await wawp.join()
        assert answer.status == status
        assert needle in str(answer.body)
        assert answer.headers.get("Retry-After") == ("30" if status == 429 else None)
        assert not inside(wawp)
        assert (await wawp.join()).status == 200


async def test_a_throttled_probe_in_a_dialect_of_its_own() -> None:
    async with talk() as wawp:
        play(wawp, Trouble.IQ, kinds=frozenset({Kind.PROBE}), iq=429, dialect="ok_code")
        assert (await wawp.probe()).body["message"] == "rate-overlimit"
        assert wawp.running.log.of(Kind.PROBE)[0].iq == 429
        assert (await wawp.probe()).body["id"] == JID


async def test_receipts_lie_about_their_id() -> None:
    async with talk() as wawp:
        play(wawp, Trouble.NO_ID)
        assert (await wawp.join()).body == {}
        assert inside(wawp)
        wawp.network.leave(wawp.account, JID)
        wawp.group.approval = True
        play(wawp, Trouble.ID_THOUGH_PENDING)
        assert (await wawp.join()).body == {"id": JID}
        assert not inside(wawp)


async def test_an_empty_receipt_may_mean_that_whatsapp_never_answered() -> None:
    async with talk() as wawp:
        play(wawp, Trouble.NO_ID, effect=When.NEVER)
        assert (await wawp.join()).body == {}
        assert not inside(wawp)


async def test_one_member_may_get_another_answer_than_the_next() -> None:
    async with talk() as wawp:
        await wawp.join()
        play(wawp, Trouble.RECEIPT_THOUGH_MEMBER)
        assert (await wawp.join()).body["id"] == JID
        assert "conflict" in (await wawp.join()).body["message"]
    async with talk(already_member="receipt") as wawp:
        await wawp.join()
        play(wawp, Trouble.CONFLICT)
        assert "conflict" in (await wawp.join()).body["message"]


@pytest.mark.parametrize("engine", ["plain", "gows", "webjs"])
async def test_lists_lie_in_every_way(engine: str) -> None:
    names = [Trouble.LIST_EMPTY, Trouble.LIST_NO_NAMES, Trouble.LIST_MISSING, Trouble.LIST_STALE]
    async with talk(engine=engine) as wawp:
        wawp.network.add_group(Group("120363000000000002@g.us", "Two", inside={"backup": False}))
        wawp.network.add_group(Group("120363000000000003@g.us", "Three"))
        await wawp.join()
        for trouble in [*names, Trouble.LIST_OBJECT, Trouble.LIST_BARE]:
            play(wawp, trouble, kinds=frozenset({Kind.LIST}))
        empty, nameless, missing, stale, keyed, bare = [(await wawp.get("/v2/groups")).body for _ in range(6)]
        assert empty == []
        assert [g.get("subject", g.get("Name")) for g in nameless] == ["", ""]
        assert (len(missing), len(stale)) == (1, 3)
        assert list(keyed) == [JID, "120363000000000002@g.us"]
        assert not any("articipants" in group for group in bare)
        honest = (await wawp.get("/v2/groups")).body
        assert [g.get("subject", g.get("Name")) for g in honest] == ["Support", "Two"]


async def test_a_rule_for_one_group_or_account_leaves_the_others_alone() -> None:
    async with talk() as wawp:
        play(wawp, Trouble.CUT, group="120363000000000002@g.us", times=None)
        play(wawp, Trouble.CUT, account="admin", times=None)
        assert (await wawp.join()).status == 200
        keys = {"instance_id": "211", "access_token": "token-a"}
        with pytest.raises(aiohttp.ClientError):
            await wawp.post("/v2/groups/join", keys=keys, code=CODE)


async def test_latency_passes_in_simulated_time() -> None:
    async with talk(speed=100, latency=(5.0, 8.0), seed=3) as wawp:
        before = wawp.network.now()
        await wawp.probe()
        assert wawp.network.now() - before >= 5.0
        assert [round(wawp.running.faults.delay(), 3) for _ in range(2)] != [5.0, 5.0]


@pytest.mark.parametrize(
    ("patience", "trouble", "spoiled"),
    [(30.0, Trouble.SLOW, False), (0.2, Trouble.SLOW, True), (30.0, Trouble.TRUNCATED, True)],
    ids=["late but heard", "too late to be heard", "not readable"],
)
async def test_the_log_knows_whether_a_refusal_got_through(
    patience: float, trouble: Trouble, spoiled: bool
) -> None:
    """What a repeated join is judged by: after a refusal that was heard, nothing is unknown."""
    async with talk(patience=patience) as wawp:
        wawp.group.full = True
        play(wawp, trouble, seconds=0.5)
        answered = asyncio.Event()
        wawp.running.log.watchers.append(lambda _request: answered.set())
        with suppress(TimeoutError, aiohttp.ClientError):
            await wawp.join()
        join = wawp.running.log.joins()[0]
        await answered.wait()
        await asyncio.sleep(0)  # it is written, or not, in the same turn of the loop

        assert (join.effect, join.iq) == (Effect.NONE, 419)
        assert join.spoiled is spoiled
        assert join.refused is not spoiled
