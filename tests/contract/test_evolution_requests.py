"""Every request of the adapter is valid by Evolution's routes and schemas; its joining GET is sent once."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.domain.outcomes import InstanceState, Outcome, WebhookTarget
from tests.contract.wawp_peer import CODE, JID, Seen, always, http
from tests.support.asked import CALLS, OURS, asked
from tests.support.published import facts_of, problems

FACTS = facts_of("evolution")
TOKEN = "k3y-0f-evolution-77"
OPEN = {"instance": {"instanceName": "default", "state": "open"}}
ASKS = {"session": ["session", "instances"]}


@pytest.mark.parametrize("name", CALLS)
async def test_every_request_is_as_published(name: str) -> None:
    async with asked("evolution", OPEN, token=TOKEN) as (gateway, peer):
        await CALLS[name](gateway)
    operations = ASKS.get(name, [name])
    assert len(peer.seen) == len(operations)
    for operation, seen in zip(operations, peer.seen, strict=True):
        assert problems(FACTS, operation, seen) == []
        assert seen.headers["apikey"] == TOKEN
        assert TOKEN not in f"{seen.path} {seen.query} {seen.body}"


@pytest.mark.parametrize("answer", [b"", None, http(302, {}, Location="/group/acceptInviteCode/default")])
async def test_the_get_that_joins_is_never_repeated(answer: bytes | None) -> None:
    """Cut, and cut after another request was answered on the same connection; redirected."""

    def cut(seen: Seen) -> bytes:
        return http(200, OPEN) if "connectionState" in seen.path else answer or b""

    async with asked("evolution", cut, token=TOKEN) as (gateway, peer):
        await gateway.session()
        receipt = await gateway.join(CODE, last_look=always)
    assert sum("acceptInviteCode" in seen.path for seen in peer.seen) == 1
    assert receipt.answer.outcome in (Outcome.UNKNOWN, Outcome.NOT_SUPPORTED)


async def test_a_probe_never_takes_the_path_that_joins() -> None:
    async with asked(
        "evolution",
        lambda _seen: http(404, {"status": 404, "response": {"message": ["No invite info", CODE]}}),
        token=TOKEN,
    ) as (gateway, peer):
        for _ in range(3):
            await gateway.probe(CODE)
    assert not any("accept" in seen.path.lower() for seen in peer.seen)


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        ("open", Outcome.TRANSIENT),
        ("close", Outcome.SESSION_DOWN),
        ("connecting", Outcome.SESSION_DOWN),
        (None, Outcome.SESSION_DOWN),
    ],
)
async def test_a_failed_probe_speaks_of_the_session_where_that_is_down(
    state: str | None, outcome: Outcome
) -> None:
    """Trap 6: the gateway's words are the same."""
    instance = {"instanceName": "default"} | ({"state": state} if state else {})

    def answer(seen: Seen) -> bytes:
        if "connectionState" in seen.path:
            return http(200, {"instance": instance})
        said = {"message": ["No invite info", CODE]}
        return http(404, {"status": 404, "error": "Not Found", "response": said})

    async with asked("evolution", answer, token=TOKEN) as (gateway, _):
        probed = await gateway.probe(CODE)
    assert probed.answer.outcome is outcome
    assert CODE not in probed.answer.text


async def test_the_own_number_is_believed_only_while_the_instance_is_open() -> None:
    rows = [{"name": "default", "ownerJid": "15550100002@s.whatsapp.net", "token": "t0ken-0f-the-instance"}]

    def answer(seen: Seen, state: str = "open") -> bytes:
        fetch = "fetchInstances" in seen.path
        return http(200, rows if fetch else {"instance": {"instanceName": "default", "state": state}})

    async with asked("evolution", answer, token=TOKEN) as (gateway, _):
        session = await gateway.session()
    assert (session.state, session.phone) == (InstanceState.WORKING, "15550100002")
    assert "t0ken" not in repr(session)
    async with asked("evolution", lambda seen: answer(seen, "close"), token=TOKEN) as (gateway, peer):
        session = await gateway.session()
    assert (session.state, session.phone) == (InstanceState.DISCONNECTED, None)
    assert len(peer.seen) == 2


async def test_another_instances_number_is_not_taken_for_ours() -> None:
    """Where the server does not filter."""
    rows = [
        {"name": "other", "ownerJid": "15559999999@s.whatsapp.net"},
        {"name": "default", "ownerJid": "15550100002@s.whatsapp.net"},
    ]
    for shown, phone in ((rows, "15550100002"), (rows[:1], None), ([], None), ({}, None)):

        def answer(seen: Seen, shown: object = shown) -> bytes:
            return http(200, shown if "fetchInstances" in seen.path else OPEN)

        async with asked("evolution", answer, token=TOKEN) as (gateway, _):
            assert (await gateway.session()).phone == phone


async def test_a_webhook_without_an_address_is_none() -> None:
    async with asked("evolution", {"id": "x", "url": "", "enabled": False}, token=TOKEN) as (gateway, _):
        found = await gateway.webhooks()
    assert (found.answer.outcome, found.webhooks) == (Outcome.OK, ())


@pytest.mark.parametrize(
    ("reason", "state"),
    [
        (401, InstanceState.LOST),
        (403, InstanceState.LOST),
        (428, InstanceState.DISCONNECTED),
        (None, InstanceState.DISCONNECTED),
        ([401], InstanceState.DISCONNECTED),
    ],
)
async def test_the_reason_of_a_close_says_whether_it_comes_back(reason: object, state: InstanceState) -> None:
    rows = [{"name": "default", "ownerJid": "15550100002@s.whatsapp.net", "disconnectionReasonCode": reason}]

    def answer(seen: Seen) -> bytes:
        fetch = "fetchInstances" in seen.path
        return http(200, rows if fetch else {"instance": {"instanceName": "default", "state": "close"}})

    async with asked("evolution", answer, token=TOKEN) as (gateway, _):
        assert (await gateway.session()).state is state


async def test_our_webhook_carries_the_secret_in_a_header_and_keeps_the_others() -> None:
    row: dict[str, Any] = {
        "id": "x", "url": OURS.url, "headers": {"X-Team": "sales"}, "enabled": False,
        "events": ["GROUPS_UPSERT"], "webhookByEvents": True, "webhookBase64": True,
    }  # fmt: skip
    async with asked("evolution", row, token=TOKEN) as (gateway, peer):
        (present,) = (await gateway.webhooks()).webhooks
        assert (present.active, present.secret) == (False, None)
        wanted = WebhookTarget(OURS.url, ("GROUPS_UPSERT",), secret=OURS.secret, raw=present.raw)
        await gateway.set_webhooks((wanted,))
    assert peer.seen[-1].body["webhook"] == {
        "enabled": True,
        "url": OURS.url,
        "headers": {"X-Team": "sales", "X-Rejoin-Secret": OURS.secret},
        "events": ["GROUPS_UPSERT"],
        "byEvents": False,
        "base64": True,
    }


async def test_none_set_is_no_error_and_two_are_not_sent() -> None:
    async with asked("evolution", lambda _seen: http(200, b"null"), token=TOKEN) as (gateway, peer):
        found = await gateway.webhooks()
        refused = await gateway.set_webhooks((WebhookTarget("https://crm.example"), OURS))
    assert (found.answer.outcome, found.webhooks) == (Outcome.OK, ())
    assert (refused.outcome, refused.sent) == (Outcome.NOT_SUPPORTED, False)
    assert len(peer.seen) == 1


async def test_no_secret_is_repeated_in_an_error() -> None:
    echo = f"{TOKEN} {CODE} {OURS.url} {OURS.secret} {JID}"
    async with asked(
        "evolution", lambda _seen: http(500, {"status": 500, "response": {"message": echo}}), token=TOKEN
    ) as (gateway, _):
        texts = [
            (await gateway.join(CODE, last_look=always)).answer.text,
            (await gateway.set_webhooks((OURS,))).text,
        ]
    assert not any(TOKEN in text for text in texts)
    assert CODE not in texts[0]
    assert OURS.url not in texts[1]
    assert str(OURS.secret) not in texts[1]
