"""The simulated gateway's webhooks, over real HTTP: shapes, signatures, and what goes wrong."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.simulator import deeds
from orchestrator.simulator.faults import Target, Webhooks
from orchestrator.simulator.model import Naming
from orchestrator.simulator.truth import About, Copy
from tests.integration.simulator_talk import JID, talk
from tests.integration.webhook_receiver import HEADER, heard, join_many, quiet, receiver, until

if TYPE_CHECKING:
    from orchestrator.simulator.truth import Delivery
    from tests.integration.simulator_talk import Talk

SECRET = "between us"
PHONE, LID = "15550002@c.us", "188002@lid"
JOIN_ONLY = ("group.v2.join",)


def do(wawp: Talk, **given: Any) -> None:
    deeds.do_unchecked(wawp.network, given, "test")


def copies(wawp: Talk, copy: Copy) -> list[Delivery]:
    return [one for one in wawp.running.webhooks.deliveries if one.copy is copy and not one.lost]


async def test_a_join_is_told_in_wawps_shape() -> None:
    async with heard(Webhooks(shape="wawp", own_id="phone")) as (wawp, here):
        await wawp.join()
        await quiet(wawp)
        whole = {got.name: got.body for got in here.got}
    assert whole.keys() == {"group.v2.join", "group.v2.participants", "group.join"}
    told = whole["group.v2.join"]
    assert told["payload"] == {"chatId": JID, "participants": {"0": PHONE}}
    assert told["me"] == {"id": PHONE, "lid": LID, "pushName": "backup"}
    assert told["id"].startswith("evt_01")
    assert (told["session"], told["engine"]) == ("default", "WEBJS")
    at = wawp.running.log.happenings[0].at
    assert told["timestamp"] == pytest.approx(at * 1000, abs=100)
    assert whole["group.v2.participants"]["payload"]["action"] == "join"


@pytest.mark.parametrize("shape", ["wawp", "waha"])
async def test_a_session_that_has_a_name_is_told_by_it(shape: str) -> None:
    async with heard(Webhooks(shape=shape)) as (wawp, here):
        wawp.network.account("backup").session_name = "wawp-84729105"
        await wawp.join()
        await quiet(wawp)
        assert {got.body["session"] for got in here.got} == {"wawp-84729105"}


async def test_a_join_is_told_in_wahas_shape_as_ours() -> None:
    async with heard(Webhooks(shape="waha", own_id="both")) as (wawp, here):
        await wawp.join()
        await quiet(wawp)
        joined, repeated = here.named("group.v2.join")[0], here.named("group.v2.participants")[0]
        engines = {got.body["environment"]["engine"] for got in here.got}
    us = {"id": LID, "pn": PHONE, "role": "participant"}
    assert (joined["group"]["id"], joined["group"]["subject"]) == (JID, "Support")
    assert joined["group"]["participants"] == [us]
    assert (repeated["type"], repeated["group"], repeated["participants"]) == ("join", {"id": JID}, [us])
    assert engines <= {"GOWS", "NOWEB", "WEBJS"}


@pytest.mark.parametrize("shape", ["wawp", "waha"])
async def test_leaving_and_being_removed_are_told(shape: str) -> None:
    async with heard(Webhooks(shape=shape, own_id="phone")) as (wawp, here):
        await wawp.join()
        await wawp.post(f"/v2/groups/{JID}/leave")
        await wawp.join()
        do(wawp, do="remove", group=JID, account="backup")
        await quiet(wawp)
        left, changes = here.named("group.v2.leave"), here.named("group.v2.participants")
    if shape == "wawp":
        assert left == [{"chatId": JID, "participants": {"0": PHONE}}] * 2
        assert sorted(change["action"] for change in changes) == ["join", "join", "leave", "remove"]
    else:
        assert [one["group"] for one in left] == [{"id": JID}] * 2
        assert sorted(change["type"] for change in changes) == ["join", "join", "leave", "leave"]
        assert {p["role"] for c in changes if c["type"] == "leave" for p in c["participants"]} == {"left"}


async def test_our_own_id_comes_in_the_form_that_is_wanted() -> None:
    seen = {}
    for form in ("phone", "lid", "both", "alternate"):
        knobs = Webhooks(shape="wawp", own_id=form, sends=JOIN_ONLY)
        async with heard(knobs) as (wawp, here):
            join_many(wawp, 4)
            await quiet(wawp)
            seen[form] = {tuple(one["participants"].values()) for one in here.named("group.v2.join")}
    assert seen == {
        "phone": {(PHONE,)},
        "lid": {(LID,)},
        "both": {(LID, PHONE)},
        "alternate": {(PHONE,), (LID,)},
    }


async def test_mixed_tells_in_both_shapes() -> None:
    async with heard(Webhooks(shape="mixed", sends=JOIN_ONLY)) as (wawp, here):
        join_many(wawp, 20)
        await quiet(wawp)
        assert {"chatId" in payload for payload in here.named("group.v2.join")} == {True, False}


@pytest.mark.parametrize(("algorithm", "digits"), [("sha256", 64), ("sha512", 128)])
async def test_bodies_are_signed(algorithm: str, digits: int) -> None:
    async with heard(Webhooks(secret=SECRET, algorithm=algorithm)) as (wawp, here):
        await wawp.join()
        await quiet(wawp)
        assert here.got
        assert all(here.right(got) and len(got.headers[HEADER]) == digits for got in here.got)
        assert {got.headers["X-Webhook-Hmac-Algorithm"] for got in here.got} == {algorithm}


def test_the_signature_is_that_of_the_published_example() -> None:
    body = b'{"event":"message","session":"default","engine":"WEBJS"}'
    assert Webhooks(secret="my-secret-key").signature(body).startswith("208f8a55dde9e05519e898b10b89bf0d")


async def test_what_is_forged_or_unsigned_comes_besides_the_truth() -> None:
    knobs = Webhooks(secret=SECRET, forged=1, unsigned=1, sends=JOIN_ONLY)
    async with heard(knobs) as (wawp, here):
        await wawp.join()
        await quiet(wawp)
        assert [here.right(got) for got in here.got].count(True) == 1
        assert sum(HEADER not in got.headers for got in here.got) == 1
        assert len({got.body["id"] for got in here.got}) == 1
        assert len(here.got) == 3
        assert wawp.running.webhooks.forgeries_accepted() == []
        assert [one.tries[0].status for one in copies(wawp, Copy.FORGED)] == [401]


async def test_who_accepts_a_forgery_is_found_out() -> None:
    async with heard(Webhooks(secret=SECRET, forged=1, sends=JOIN_ONLY)) as (wawp, here):
        here.secret = ""
        await wawp.join()
        await quiet(wawp)
        assert [one.copy for one in wawp.running.webhooks.forgeries_accepted()] == [Copy.FORGED]


async def test_lost_events_never_come_but_their_forgeries_do() -> None:
    async with heard(Webhooks(secret=SECRET, lost=1, doubled=1, forged=1, sends=JOIN_ONLY)) as (wawp, here):
        await wawp.join()
        await quiet(wawp)
        assert [here.right(got) for got in here.got] == [False]
        assert [(one.copy, one.lost) for one in wawp.running.webhooks.deliveries] == [
            (Copy.FIRST, True),
            (Copy.FORGED, False),
        ]
        assert wawp.running.webhooks.told("backup", JID) == []


async def test_a_third_lost_and_a_third_doubled_out_of_order() -> None:
    knobs = Webhooks(lost=1 / 3, doubled=1 / 3, delay=(0, 300), sends=JOIN_ONLY)
    async with heard(knobs, speed=1000) as (wawp, here):
        join_many(wawp, 150)
        await quiet(wawp)
        log = wawp.running.webhooks
        lost = sum(one.lost for one in log.deliveries)
        doubled = len(copies(wawp, Copy.DOUBLE))
        arrived = [got.body["id"] for got in here.got]
    assert 30 < lost < 70
    assert 20 < doubled < 50
    assert len(arrived) == 150 - lost + doubled
    assert len(set(arrived)) == 150 - lost
    sent = [one.event_id for one in log.deliveries if not one.lost]
    assert arrived != sent
    a_busy_machine = 1000.0  # one real second
    assert all(one.tries[0].at - one.at < 300 + a_busy_machine for one in log.deliveries if one.tries)


async def test_an_old_event_is_replayed_with_its_id_much_later() -> None:
    knobs = Webhooks(replayed=1, replay_after=(120, 240), sends=JOIN_ONLY)
    async with heard(knobs, speed=2000) as (wawp, here):
        await wawp.join()
        await quiet(wawp)
        (first,), (replay,) = copies(wawp, Copy.FIRST), copies(wawp, Copy.REPLAY)
        assert here.got[0].raw == here.got[1].raw
    assert replay.tries[0].at - replay.at >= 120
    assert replay.event_id == first.event_id


async def test_every_error_is_tried_again_a_few_times() -> None:
    async with heard(Webhooks(sends=JOIN_ONLY, tries=3, retry_delay=2), speed=200) as (wawp, here):
        here.statuses = [401, 503]
        await wawp.join()
        await quiet(wawp)
        (one,) = wawp.running.webhooks.deliveries
        assert [tried.status for tried in one.tries] == [401, 503, 200]
        assert one.tries[1].at - one.tries[0].at >= 2
        assert one.accepted_at == one.tries[2].at
        here.statuses = [500] * 3
        await wawp.post(f"/v2/groups/{JID}/leave")
        await wawp.join()
        await quiet(wawp)
        assert [tried.status for tried in wawp.running.webhooks.deliveries[-1].tries] == [500] * 3
        assert wawp.running.webhooks.deliveries[-1].accepted_at is None


async def test_a_receiver_that_is_gone_is_noted_as_no_answer() -> None:
    knobs = Webhooks(sends=JOIN_ONLY, tries=1)
    async with heard(knobs) as (wawp, _):
        knobs.targets = (Target("http://127.0.0.1:1/hooks"),)
        await wawp.join()
        await quiet(wawp)
        (tried,) = wawp.running.webhooks.deliveries[0].tries
        assert (tried.status, tried.error) == (0, "ClientConnectorError")


async def test_nothing_off_loopback_is_posted_to() -> None:
    async with talk(speed=100) as wawp:
        away = {"url": "http://192.0.2.1/hooks", "events": ["group.v2.join"]}
        assert (await wawp.post("/v2/session/webhook", webhooks=[away])).status == 200
        await wawp.join()
        await quiet(wawp)
        (one,) = wawp.running.webhooks.deliveries
        assert {(tried.status, tried.error) for tried in one.tries} == {(0, "not on loopback")}


async def test_the_webhooks_that_the_account_has_set_are_served_as_they_are_set() -> None:
    async with receiver() as here, talk(speed=50) as wawp:
        only = {"url": f"{here.url}/a", "events": ["group.v2.join"]}
        off = {"url": f"{here.url}/b", "events": ["*"], "is_active": False}
        await wawp.post("/v2/session/webhook", webhooks=[only, off])
        await wawp.join()
        await quiet(wawp)
        assert [(got.path, got.name) for got in here.got] == [("/hooks/backup/a", "group.v2.join")]


async def test_an_event_may_come_before_the_joins_own_answer() -> None:
    async with heard(Webhooks(sends=JOIN_ONLY), latency=(0.4, 0.4)) as (wawp, here):
        joining = asyncio.create_task(wawp.join())
        await until(lambda: here.got)
        assert not joining.done()
        assert (await joining).status == 200


async def test_an_approval_that_comes_due_is_told_though_nobody_asks() -> None:
    async with heard(Webhooks(sends=JOIN_ONLY), speed=600) as (wawp, here):
        wawp.group.approval, wawp.group.approve_after = True, 60.0
        await wawp.join()
        requests = len(wawp.running.log.requests)
        assert here.got == []
        await until(lambda: here.got)
        assert len(wawp.running.log.requests) == requests
        (happening,) = (one for one in wawp.running.log.happenings if one.effect == "approved")
        (asked,) = (one for one in wawp.running.log.happenings if one.effect == "requested")
        assert 60 <= happening.at - asked.at < 160


async def test_a_session_that_is_down_hears_only_of_itself() -> None:
    async with heard(Webhooks(shape="waha")) as (wawp, here):
        await wawp.join()
        do(wawp, do="log_out", account="backup")
        do(wawp, do="remove", group=JID, account="backup")
        await quiet(wawp)
        (status,) = here.named("session.status")
        assert (status["status"], len(status["statuses"])) == ("SCAN_QR_CODE", 1)
        assert here.named("group.v2.leave") == []


@pytest.mark.parametrize("shape", ["wawp", "waha"])
async def test_strangers_who_come_and_go_are_told_as_strangers(shape: str) -> None:
    async with heard(Webhooks(shape=shape)) as (wawp, here):
        await wawp.join()
        await quiet(wawp)
        here.got.clear()
        do(wawp, do="stranger_joins", group=JID, phone="15559999")
        wawp.group.naming = Naming.LID_ONLY
        do(wawp, do="stranger_leaves", group=JID)
        do(wawp, do="stranger_leaves", group=JID)
        await quiet(wawp)
        names = {got.name for got in here.got}
        told = json.dumps([got.body["payload"] for got in here.got])
        abouts = {one.about for one in wawp.running.webhooks.deliveries[3:]}
    assert abouts == {About.STRANGER}
    assert "15559999@c.us" in told
    assert "88800000000" in told  # a member without a face, by LID
    assert "15550002" not in told
    assert ("group.v2.join" in names) == ("group.v2.leave" in names) == (shape == "wawp")
    assert "group.v2.participants" in names
