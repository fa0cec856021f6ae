"""The simulator speaks Wawp v2 over real HTTP, as its documentation shows it."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.simulator.model import AccountState, Group, Naming
from orchestrator.simulator.truth import Effect, Kind
from tests.integration.simulator_talk import CODE, JID, KEYS, talk

SECOND = "120363000000000002@g.us"


async def test_one_path_probes_by_get_and_joins_by_post() -> None:
    async with talk() as wawp:
        probe = await wawp.probe()
        assert probe.status == 200
        assert probe.body["id"] == JID
        assert (probe.body["subject"], probe.body["size"]) == ("Support", 4)
        assert list(wawp.group.inside) == ["admin"]
        join = await wawp.join()
        assert (join.status, join.body) == (200, {"id": JID, "subject": "Support", "description": "Help"})
        assert list(wawp.group.inside) == ["admin", "backup"]
        kinds = [(r.kind, r.effect, r.status) for r in wawp.running.log.requests]
        assert kinds == [(Kind.PROBE, Effect.NONE, 200), (Kind.JOIN, Effect.JOINED, 200)]
        assert wawp.running.log.joins_without_probe() == []


async def test_the_two_path_form_has_the_probe_elsewhere() -> None:
    async with talk(paths="two") as wawp:
        assert (await wawp.probe()).status == 405
        assert (await wawp.get("/v2/groups/join-info", code=CODE)).body["id"] == JID
        assert (await wawp.join()).status == 200
    async with talk() as wawp:
        assert (await wawp.get("/v2/groups/join-info", code=CODE)).status == 404


async def test_a_link_is_cut_at_its_last_slash_and_keeps_its_query_string() -> None:
    async with talk() as wawp:
        link = f"https://chat.whatsapp.com/{CODE}"
        assert (await wawp.get("/v2/groups/join", code=link)).body["id"] == JID
        assert (
            "400: bad-request"
            in (await wawp.get("/v2/groups/join", code=f"{link}?mode=ac_t")).body["message"]
        )
        assert (await wawp.get("/v2/groups/join")).status == 400


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({}, {**KEYS, "code": CODE}, 200),
        ({"access-token": "token-b"}, {"instance_id": "210", "code": CODE}, 200),
        ({"Authorization": "Bearer token-b", "X-Instance-ID": "210"}, {"code": CODE}, 200),
        ({}, {"instance_id": "210", "code": CODE}, 401),
        ({}, {**KEYS, "access_token": "wrong", "code": CODE}, 401),
        ({}, {**KEYS, "instance_id": "999", "code": CODE}, 404),
    ],
)
async def test_the_credentials_come_in_the_body_or_in_headers(
    headers: dict[str, str], body: dict[str, str], status: int
) -> None:
    async with talk() as wawp:
        assert (await wawp.raw("POST", "/v2/groups/join", headers=headers, json=body)).status == status
        assert ("backup" in wawp.group.inside) == (status == 200)


async def test_a_form_is_not_read() -> None:
    async with talk() as wawp:
        answer = await wawp.raw("POST", "/v2/groups/join", data={**KEYS, "code": CODE})
        assert (answer.status, answer.body["message"]) == (401, "Missing access_token")


async def test_unknown_paths_and_methods() -> None:
    async with talk() as wawp:
        assert (await wawp.get("/v2/nothing")).status == 404
        assert (await wawp.raw("DELETE", "/v2/groups/join", params=KEYS)).status == 405
        assert (await wawp.raw("DELETE", f"/v2/groups/{JID}", params=KEYS)).status == 405
        assert [r.kind for r in wawp.running.log.requests] == [Kind.OTHER] * 3


@pytest.mark.parametrize(
    ("engine", "name", "size", "approval"),
    [
        ("plain", "subject", "size", "joinApprovalMode"),
        ("noweb", "subject", "size", "joinApprovalMode"),
        ("gows", "Name", "ParticipantCount", "IsJoinApprovalRequired"),
        ("webjs", "subject", "size", "membershipApprovalMode"),
        ("webjs_wrapped", "subject", "size", "membershipApprovalMode"),
    ],
)
async def test_each_engine_shows_a_group_in_its_own_words(
    engine: str, name: str, size: str, approval: str
) -> None:
    async with talk(engine=engine) as wawp:
        wawp.group.approval = True
        shown = (await wawp.probe()).body
        shown = shown["groupInfo"] if engine == "webjs_wrapped" else shown
        assert (shown[name], shown[size], shown[approval]) == ("Support", 4, True)
        jid = shown.get("JID") or shown["id"]
        assert JID in (jid, jid["_serialized"] if isinstance(jid, dict) else "")


@pytest.mark.parametrize(
    ("dialect", "status", "needle"),
    [
        ("status", 500, {"error": "wawp_upstream_error"}),
        ("ok_code", 200, {"code": "wawp_upstream_error"}),
        ("upstream_key", 200, {}),
        ("ok_false", 200, {"result": False}),
        ("noweb", 500, {"statusCode": 500}),
        ("gows", 500, {"statusCode": 500}),
        ("wrapped_noweb", 502, {"error": "wawp_upstream_error"}),
        ("wrapped_gows", 502, {"error": "wawp_upstream_error"}),
    ],
)
async def test_each_dialect_words_a_revoked_code(dialect: str, status: int, needle: dict[str, Any]) -> None:
    async with talk(dialect=dialect) as wawp:
        wawp.group.codes[CODE] = False
        answer = await wawp.join()
        assert answer.status == status
        assert needle.items() <= answer.body.items()
        assert "gone" in str(answer.body) or "has been revoked" in str(answer.body)
        assert wawp.running.log.joins()[0].iq == 410
        assert CODE not in str(answer.body)


async def test_the_engines_own_errors_carry_number_or_sentence() -> None:
    async with talk(dialect="noweb") as wawp:
        wawp.group.full = True
        exception = (await wawp.join()).body["exception"]
        assert (exception["data"], exception["message"]) == (419, "resource-limit")
    async with talk(dialect="gows") as wawp:
        wawp.group.full = True
        exception = (await wawp.join()).body["exception"]
        assert exception["details"] == "info query returned status 419: resource-limit"


@pytest.mark.parametrize(
    ("receipt", "status", "body"), [("empty", 200, {}), ("with_id", 200, {"id": JID}), ("error", 500, None)]
)
async def test_a_filed_request_answers_in_three_ways(receipt: str, status: int, body: object) -> None:
    async with talk(pending_receipt=receipt) as wawp:
        wawp.group.approval = True
        answer = await wawp.join()
        assert answer.status == status
        assert body in (None, answer.body)
        assert list(wawp.group.pending) == ["backup"]
        assert "304" in (await wawp.join()).body["message"]
        assert len(wawp.running.log.needless_joins()) == 1


@pytest.mark.parametrize(("manner", "status"), [("conflict", 500), ("receipt", 200)])
async def test_a_member_that_joins_again_gets_a_conflict_or_a_receipt(manner: str, status: int) -> None:
    async with talk(already_member=manner, join_receipt="id") as wawp:
        assert (await wawp.join()).body == {"id": JID}
        assert (await wawp.join()).status == status
        assert [r.effect for r in wawp.running.log.joins()] == [Effect.JOINED, Effect.ALREADY]


async def test_the_list_shows_only_groups_we_are_in_with_ourselves_in_them() -> None:
    async with talk() as wawp:
        wawp.network.add_group(Group(SECOND, "Other"))
        assert (await wawp.get("/v2/groups")).body == []
        await wawp.join()
        (shown,) = (await wawp.get("/v2/groups")).body
        assert shown["id"] == JID
        assert "15550002@c.us" in [p["id"] for p in shown["participants"]]
        assert "participants" not in (await wawp.get("/v2/groups", exclude="participants")).body[0]
        assert (await wawp.get("/v2/groups", offset="1")).body == []
        assert (await wawp.get("/v2/groups", limit="0")).body == []


async def test_one_group_and_its_members_are_for_members_only() -> None:
    async with talk() as wawp:
        assert "403: forbidden" in (await wawp.get(f"/v2/groups/{JID}")).body["message"]
        await wawp.join()
        assert (await wawp.get(f"/v2/groups/{JID}")).body["subject"] == "Support"
        people = (await wawp.get(f"/v2/groups/{JID.replace('@', '%40')}/participants")).body
        assert len(people) == 5
        assert {"id": "15550001@c.us", "isAdmin": True, "isSuperAdmin": True} in people


@pytest.mark.parametrize("engine", ["plain", "noweb", "gows", "webjs"])
async def test_a_lid_only_group_never_tells_a_phone_number(engine: str) -> None:
    async with talk(engine=engine) as wawp:
        wawp.group.naming = Naming.LID_ONLY
        wawp.group.inside.pop("admin")
        await wawp.join()
        people = (await wawp.get(f"/v2/groups/{JID}/participants")).body
        assert "188002" in str(people[0])
        assert "15550002" not in str(people)


async def test_leaving_and_coming_back() -> None:
    async with talk() as wawp:
        await wawp.join()
        assert (await wawp.post(f"/v2/groups/{JID}/leave")).status == 200
        assert "backup" not in wawp.group.inside
        assert (await wawp.join()).status == 200


@pytest.mark.parametrize("shape", ["object", "text", "url"])
async def test_an_admin_sees_and_revokes_the_invite_code(shape: str) -> None:
    async with talk(code_shape=shape) as wawp:
        admin = {"instance_id": "211", "access_token": "token-a"}
        assert CODE in str((await wawp.get(f"/v2/groups/{JID}/invite-code", keys=admin)).body)
        fresh = (await wawp.post(f"/v2/groups/{JID}/invite-code/revoke", keys=admin)).body
        assert CODE not in str(fresh)
        assert str(wawp.group.current_code) in str(fresh)
        assert "410" in (await wawp.probe()).body["message"]
        await wawp.get(f"/v2/groups/{JID}/invite-code")
        assert wawp.running.log.of(Kind.CODE, "backup")[0].iq == 403


async def test_a_text_needs_membership_and_words() -> None:
    async with talk() as wawp:
        assert (await wawp.post("/v2/send/text", chatId=JID, message="hi")).status == 500
        await wawp.join()
        assert (await wawp.post("/v2/send/text", chatId=JID)).status == 400
        assert (await wawp.post("/v2/send/text", chatId=JID, message="x" * 4097)).status == 400
        one = await wawp.post("/v2/send/text", chatId=JID, message="hi")
        two = await wawp.post("/v2/send/text", chatId=JID, message="hi")
        assert one.body["id"] != two.body["id"]
        assert [text for _, _, text in wawp.group.messages] == ["hi", "hi"]


async def test_the_session_tells_its_state_and_who_we_are() -> None:
    async with talk() as wawp:
        for answer in (await wawp.get("/v2/session/info"), await wawp.post("/v2/session/info")):
            assert answer.body["status"] == "WORKING"
            assert answer.body["me"] == {"id": "15550002@c.us", "pushName": "backup", "lid": "188002@lid"}
        wawp.account.restricted_until = wawp.network.now() + 600
        assert (await wawp.get("/v2/session/info")).body["me"]["reachoutTimelock"]["isActive"] is True
        wawp.network.set_state(wawp.account, AccountState.SCAN_QR_CODE)
        lost = (await wawp.get("/v2/session/info")).body
        assert (lost["status"], lost["me"]) == ("SCAN_QR_CODE", None)
        join = await wawp.join()
        assert (join.status, join.body["code"]) == (404, "invalid_session")
    async with talk(session_info="get", session_lid=False) as wawp:
        assert (await wawp.post("/v2/session/info")).status == 405
        assert "lid" not in (await wawp.get("/v2/session/info")).body["me"]


async def test_a_restart_heals_a_failed_session_but_no_ban() -> None:
    async with talk() as wawp:
        wawp.network.set_state(wawp.account, AccountState.FAILED)
        assert (await wawp.post("/v2/session/restart")).body["status"] == "WORKING"
        wawp.network.ban(wawp.account)
        assert (await wawp.post("/v2/session/restart")).body["status"] == "FAILED"


async def test_webhooks_are_overwritten_as_a_whole_and_cost_a_plan() -> None:
    async with talk() as wawp:
        hook = {"url": "http://127.0.0.1:1/x", "events": ["group.v2.join"], "is_active": True}
        assert (await wawp.post("/v2/session/webhook", webhooks=[hook, hook])).status == 200
        assert (await wawp.post("/v2/session/webhook", webhooks=[hook])).status == 200
        assert (await wawp.get("/v2/session/webhook")).body["webhooks"] == [hook]
        assert (await wawp.post("/v2/session/webhook", webhooks="x")).status == 400
    async with talk(plan="free") as wawp:
        answer = await wawp.get("/v2/session/webhook")
        assert (answer.status, answer.body["code"]) == (403, "subscription_required")
