"""Every request of the adapter is valid by GOWA's own published description; secrets stand in headers."""

from __future__ import annotations

from base64 import b64encode

import pytest

from orchestrator.domain.outcomes import InstanceState, Outcome, WebhookTarget
from tests.contract.wawp_peer import CODE, JID, http
from tests.support.asked import ACCOUNT, CALLS, OURS, asked
from tests.support.published import facts_of, problems

FACTS = facts_of("gowa")
TOKEN = "rejoin:p4ssw0rd-of-9"
BASIC = b64encode(TOKEN.encode()).decode()
GOOD = {"code": "SUCCESS", "message": "", "results": {"is_connected": True, "is_logged_in": True, "jid": ""}}


@pytest.mark.parametrize("name", CALLS)
async def test_every_request_is_as_published(name: str) -> None:
    async with asked("gowa", GOOD, token=TOKEN) as (gateway, peer):
        await CALLS[name](gateway)
    (seen,) = peer.seen
    found = problems(FACTS, name, seen)
    if name == "revoke_code":  # a boolean, in the one way in which a query can write it
        assert seen.query["reset"] == "true"
        found = [one for one in found if not one.startswith("query reset")]
    assert found == []
    assert seen.headers["authorization"] == f"Basic {BASIC}"
    assert seen.headers["x-device-id"] == ACCOUNT
    assert "p4ssw0rd" not in f"{seen.path} {seen.query} {seen.body}"


async def test_a_server_without_a_password_is_sent_none() -> None:
    async with asked("gowa", GOOD, token="") as (gateway, peer):
        assert (await gateway.session()).state is InstanceState.WORKING
    assert "authorization" not in peer.seen[0].headers


@pytest.mark.parametrize("token", ["onlyapassword", ":p4ssw0rd"])
async def test_a_token_that_is_no_user_and_password_is_refused_and_not_repeated(token: str) -> None:
    with pytest.raises(ValueError, match="must be user:password") as refused:
        async with asked("gowa", GOOD, token=token):
            pass
    assert token not in str(refused.value)


async def test_no_form_of_the_password_and_no_code_is_repeated_in_an_error() -> None:
    echo = f"{TOKEN} {BASIC} p4ssw0rd-of-9 {CODE} {OURS.url} {OURS.secret}"
    async with asked(
        "gowa", lambda _seen: http(500, {"code": "INTERNAL_SERVER_ERROR", "message": echo}), token=TOKEN
    ) as (gateway, _):
        texts = [
            (await gateway.probe(CODE)).answer.text,
            (await gateway.set_webhooks((OURS,))).text,
        ]
    for secret in (TOKEN, BASIC, "p4ssw0rd-of-9"):
        assert not any(secret in text for text in texts)
    assert CODE not in texts[0]
    assert OURS.url not in texts[1]
    assert str(OURS.secret) not in texts[1]


async def test_somebody_elses_webhook_is_never_replaced_by_two() -> None:
    other = WebhookTarget("https://crm.example/in", ("*",))
    async with asked("gowa", GOOD, token=TOKEN) as (gateway, peer):
        answer = await gateway.set_webhooks((other, OURS))
    assert (answer.outcome, answer.sent) == (Outcome.NOT_SUPPORTED, False)
    assert peer.seen == []


@pytest.mark.parametrize(
    ("results", "state"),
    [
        ({"is_connected": True, "is_logged_in": True}, InstanceState.WORKING),
        ({"is_connected": True, "is_logged_in": False}, InstanceState.NEEDS_LOGIN),
        ({"is_connected": False, "is_logged_in": False}, InstanceState.DISCONNECTED),
        ({"is_connected": False, "is_logged_in": True}, InstanceState.DISCONNECTED),
    ],
)
async def test_a_device_works_only_when_it_is_connected_and_logged_in(
    results: dict[str, bool], state: InstanceState
) -> None:
    jid = {"jid": "15550100002@s.whatsapp.net"}
    async with asked("gowa", {"code": "SUCCESS", "results": results | jid}, token=TOKEN) as (gateway, _):
        session = await gateway.session()
    assert (session.state, session.phone) == (state, "15550100002")


@pytest.mark.parametrize(("secret", "warns"), [("secret", True), ("", True), ("a long one of ours", False)])
async def test_the_default_secret_is_warned_of(secret: str, *, warns: bool) -> None:
    hook = {"webhook_url": "https://x.example", "webhook_secret": secret, "webhook_events": ""}
    async with asked("gowa", {"code": "SUCCESS", "results": hook}, token=TOKEN) as (gateway, _):
        remarks = await gateway.remarks()
    assert any(one.hint and "forge" in one.sentence for one in remarks) is warns
    assert "secret" not in secret or secret not in [one.hint for one in remarks]


async def test_nobodys_groups_are_an_empty_list() -> None:
    async with asked("gowa", {"code": "SUCCESS", "results": {"data": None}}, token=TOKEN) as (gateway, _):
        found = await gateway.groups()
    assert (found.answer.outcome, found.groups) == (Outcome.OK, ())
    async with asked("gowa", {"code": "SUCCESS"}, token=TOKEN) as (gateway, _):
        assert (await gateway.groups()).answer.outcome is not Outcome.OK
        assert (await gateway.group(JID)).answer.outcome is not Outcome.OK
