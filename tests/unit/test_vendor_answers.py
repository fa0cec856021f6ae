"""What Evolution and GOWA say by themselves, and answers that nobody expects: no failure is a success."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.domain.outcomes import Outcome
from orchestrator.gateways.answers import Hidden
from orchestrator.gateways.evolution import adapter as evolution
from orchestrator.gateways.evolution.own_errors import WORDING as EVOLUTION
from orchestrator.gateways.gowa import adapter as gowa
from orchestrator.gateways.gowa.own_errors import WORDING as GOWA
from orchestrator.gateways.http import HttpResult
from orchestrator.gateways.whatsapp_answers import Call
from tests.support import mutations

if TYPE_CHECKING:
    from orchestrator.gateways.answers import Wording
    from orchestrator.gateways.http_gateway import Readers

O = Outcome  # noqa: E741 - the columns below


def evo(status: int, *message: Any) -> tuple[int, Any]:
    return status, {"status": status, "error": "Error", "response": {"message": list(message)}}


def own(status: int, code: str, message: str) -> tuple[int, Any]:
    return status, {"code": code, "message": message}


RECORDED: list[tuple[Wording, tuple[int, Any], Outcome, Outcome]] = [
    # what it means to a join, to a read
    (
        EVOLUTION,
        (401, {"status": 401, "error": "Unauthorized", "response": {"message": "Unauthorized"}}),
        O.BAD_CREDENTIALS,
        O.BAD_CREDENTIALS,
    ),
    (EVOLUTION, evo(404, 'The "x" instance does not exist'), O.BAD_CREDENTIALS, O.BAD_CREDENTIALS),
    (EVOLUTION, evo(404, "Accept invite error", "Error: gone"), O.CODE_REVOKED, O.CODE_REVOKED),
    (EVOLUTION, evo(404, "Accept invite error", "Error: conflict"), O.ALREADY_MEMBER, O.ALREADY_MEMBER),
    (EVOLUTION, evo(404, "Accept invite error", "Error: rate-overlimit"), O.JOIN_LIMITED, O.THROTTLED),
    (
        EVOLUTION,
        evo(404, "Accept invite error", "Error: account_reachout_restricted"),
        O.RESTRICTED,
        O.RESTRICTED,
    ),
    (EVOLUTION, evo(404, "Accept invite error", "Error: Connection Closed"), O.UNKNOWN, O.SESSION_DOWN),
    (
        EVOLUTION,
        evo(404, "Accept invite error", "TypeError: Cannot read properties of undefined"),
        O.UNKNOWN,
        O.TRANSIENT,
    ),
    (EVOLUTION, evo(404, "No invite info", "BobOM8UXL8EDR3dXoKozql"), O.UNKNOWN, O.TRANSIENT),
    (EVOLUTION, evo(404, "No participants", "Error: forbidden"), O.FORBIDDEN, O.FORBIDDEN),
    (
        EVOLUTION,
        evo(400, {"property": "inviteCode", "message": "inviteCode does not match pattern ^"}),
        O.BAD_REQUEST,
        O.BAD_REQUEST,
    ),
    (EVOLUTION, evo(400, ['requires property "number"']), O.BAD_REQUEST, O.BAD_REQUEST),
    (EVOLUTION, evo(404, "Cannot GET /group/x"), O.NOT_SUPPORTED, O.NOT_SUPPORTED),
    (
        EVOLUTION,
        (500, {"status": 500, "response": {"message": "rate-overlimit"}}),
        O.JOIN_LIMITED,
        O.THROTTLED,
    ),
    (EVOLUTION, (200, {"error": True, "message": "[object Object]"}), O.UNKNOWN, O.TRANSIENT),
    (GOWA, own(401, "AUTHENTICATION_ERROR", "you are not logged in"), O.SESSION_DOWN, O.SESSION_DOWN),
    (
        GOWA,
        own(500, "INVALID_WA_CLI", "your WhatsApp CLI is invalid or empty"),
        O.SESSION_DOWN,
        O.SESSION_DOWN,
    ),
    (GOWA, own(404, "DEVICE_NOT_FOUND", "device not found"), O.BAD_CREDENTIALS, O.BAD_CREDENTIALS),
    (GOWA, own(400, "DEVICE_ID_REQUIRED", "device_id is required"), O.BAD_CREDENTIALS, O.BAD_CREDENTIALS),
    (GOWA, own(500, "INTERNAL_SERVER_ERROR", "device x not found"), O.BAD_CREDENTIALS, O.BAD_CREDENTIALS),
    (GOWA, own(429, "WA_REACHOUT_TIMELOCK", "account is restricted"), O.RESTRICTED, O.RESTRICTED),
    (GOWA, own(504, "GATEWAY_TIMEOUT", "context deadline exceeded"), O.UNKNOWN, O.TRANSIENT),
    (GOWA, own(500, "INTERNAL_SERVER_ERROR", "info query timed out"), O.UNKNOWN, O.TRANSIENT),
    (
        GOWA,
        own(500, "INTERNAL_SERVER_ERROR", "that group invite link has been revoked"),
        O.CODE_REVOKED,
        O.CODE_REVOKED,
    ),
    (
        GOWA,
        own(500, "INTERNAL_SERVER_ERROR", "info query returned status 419: resource-limit"),
        O.GROUP_FULL,
        O.GROUP_FULL,
    ),
    (
        GOWA,
        own(500, "INTERNAL_SERVER_ERROR", "you're not participating in that group"),
        O.UNKNOWN,
        O.FORBIDDEN,
    ),
    (GOWA, own(400, "VALIDATION_ERROR", "link: cannot be blank."), O.NOT_SUPPORTED, O.NOT_SUPPORTED),
]
TEXTS = [(401, b"Unauthorized", O.BAD_CREDENTIALS), (404, b"Cannot GET /x", O.NOT_SUPPORTED)]


@pytest.mark.parametrize(("wording", "answer", "join", "read"), RECORDED)
def test_what_they_answer_is_read_right(
    wording: Wording, answer: tuple[int, Any], join: Outcome, read: Outcome
) -> None:
    result = HttpResult(answer[0], json.dumps(answer[1]).encode())
    for call, outcome in ((Call.JOIN, join), (Call.READ, read)):
        found = wording.refusal(call, result, now=0.0, hidden=Hidden())
        assert found is not None
        assert found.outcome is outcome, (call, found)


@pytest.mark.parametrize(("status", "body", "outcome"), TEXTS)
def test_gowas_framework_answers_in_plain_text(status: int, body: bytes, outcome: Outcome) -> None:
    found = GOWA.refusal(Call.READ, HttpResult(status, body), now=0.0, hidden=Hidden())
    assert found is not None
    assert found.outcome is outcome


JID = "120363041234567890@g.us"
GOOD: dict[str, list[Any]] = {
    "evolution": [
        {"accepted": True, "groupJid": JID},
        [{"id": JID, "subject": "Support 4", "size": 3, "participants": [{"id": "1@lid"}]}],
        {"participants": [{"id": "1@lid", "phoneNumber": "15550100002@s.whatsapp.net", "admin": "admin"}]},
        {"instance": {"instanceName": "x", "state": "open"}},
        {"key": {"remoteJid": JID, "id": "3EB0"}, "status": "PENDING"},
        {"url": "https://x.example", "enabled": True, "events": [], "headers": {"X-Rejoin-Secret": "s"}},
    ],
    "gowa": [
        {"code": "SUCCESS", "results": {"group_id": JID, "name": "Support 4", "participant_count": 3}},
        {
            "code": "SUCCESS",
            "results": {"data": [{"JID": JID, "Name": "x", "Participants": [{"JID": "1@lid"}]}]},
        },
        {
            "code": "SUCCESS",
            "results": {"is_connected": True, "is_logged_in": True, "jid": "15550100002@s.whatsapp.net"},
        },
        {
            "code": "SUCCESS",
            "results": {
                "webhook_url": "https://x.example",
                "webhook_secret": "secret",
                "webhook_events": "a,b",
            },
        },
        {"code": "SUCCESS", "results": {"message_id": "3EB0"}},
    ],
}
VENDORS: dict[str, tuple[Wording, Readers, Any, Any]] = {
    "evolution": (EVOLUTION, evolution.EvolutionGateway.readers, evolution.session, evolution.webhooks),
    "gowa": (GOWA, gowa.GowaGateway.readers, gowa.session, gowa.webhooks),
}


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("seed", range(4))
def test_mutated_answers_raise_nothing_and_make_no_success_of_a_failure(vendor: str, seed: int) -> None:
    wording, readers, session, webhooks = VENDORS[vendor]
    groups = readers.groups
    bodies = [answer[1] for one, answer, _, _ in RECORDED if one is wording] + GOOD[vendor]
    every = (
        *(groups.preview, groups.receipt, groups.seen_group, groups.seen_groups, groups.participants),
        *(readers.message_id, readers.invite_code, webhooks),
        lambda body: session(body, now=0.0, answer=None),
    )
    for body, result in mutations.answers(bodies, random.Random(seed), 500):
        mutations.assert_no_failure_is_a_success(wording, result)
        mutations.read_all(body, every)
