"""What WAHA says by itself, and answers that nobody expects: an error of ours at most, never a success."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from orchestrator.domain.outcomes import Outcome
from orchestrator.gateways.answers import Hidden
from orchestrator.gateways.http import HttpResult
from orchestrator.gateways.waha.adapter import WahaGateway
from orchestrator.gateways.waha.own_errors import WORDING
from orchestrator.gateways.waha.remarks import capping_remarks, engine_remarks
from orchestrator.gateways.waha.webhook_bodies import webhooks, with_webhooks
from orchestrator.gateways.whatsapp_answers import Call
from tests.support import mutations

O = Outcome  # noqa: E741 - the columns below


def thrown(exception: dict[str, Any], engine: str = "NOWEB") -> dict[str, Any]:
    return {
        "statusCode": 500, "timestamp": "2026-07-01T12:00:00.000Z", "exception": exception,
        "request": {"path": "/api/default/groups/join", "method": "POST", "body": {"code": "x"}, "query": {}},
        "version": {"version": "2026.7.1", "engine": engine, "tier": "PLUS", "browser": None},
    }  # fmt: skip


BOOM = {"isBoom": True, "isServer": True, "output": {}, "name": "Error", "stack": "Error: x\\n at y"}
NOT_AS_EXPECTED = {
    "error": "Session status is not as expected. Try again later or restart the session",
    "session": "default", "status": "SCAN_QR_CODE", "expected": ["WORKING"],
}  # fmt: skip
RECORDED: list[tuple[int, dict[str, Any], Outcome, Outcome]] = [
    # status, body, what it means to a join, to a read
    (401, {"message": "Unauthorized", "statusCode": 401}, O.BAD_CREDENTIALS, O.BAD_CREDENTIALS),
    (403, {"message": "Forbidden", "statusCode": 403}, O.BAD_CREDENTIALS, O.BAD_CREDENTIALS),
    (422, NOT_AS_EXPECTED, O.SESSION_DOWN, O.SESSION_DOWN),
    (422, {"error": 'Session "x" does not exist', "session": "x"}, O.BAD_CREDENTIALS, O.BAD_CREDENTIALS),
    (
        404,
        {"message": "We didn't find a session with name 'x'.\\nPlease start it first", "statusCode": 404},
        O.BAD_CREDENTIALS,
        O.BAD_CREDENTIALS,
    ),
    (
        404,
        {"message": "Session not found", "error": "Not Found", "statusCode": 404},
        O.BAD_CREDENTIALS,
        O.BAD_CREDENTIALS,
    ),
    (
        422,
        {"message": "The feature is available only in Plus version for 'NOWEB' engine", "statusCode": 422},
        O.PLAN_LIMIT,
        O.PLAN_LIMIT,
    ),
    (
        501,
        {"message": "The method is not implemented by 'WPP' engine. Check the docs", "statusCode": 501},
        O.NOT_SUPPORTED,
        O.NOT_SUPPORTED,
    ),
    (
        404,
        {"message": "Cannot GET /api/default/timelock", "error": "Not Found", "statusCode": 404},
        O.NOT_SUPPORTED,
        O.NOT_SUPPORTED,
    ),
    (500, thrown({"message": "gone", "data": 410, **BOOM}), O.CODE_REVOKED, O.CODE_REVOKED),
    (500, thrown({"message": "bad-request", "data": 400, **BOOM}), O.BAD_REQUEST, O.BAD_REQUEST),
    (500, thrown({"message": "rate-overlimit", "data": 429, **BOOM}), O.JOIN_LIMITED, O.THROTTLED),
    (500, thrown({"message": "Connection Closed", "data": 428, **BOOM}), O.UNKNOWN, O.SESSION_DOWN),
    (
        500,
        thrown({"message": "Invalid group metadata response: missing <group> node", **BOOM}),
        O.UNKNOWN,
        O.TRANSIENT,
    ),
    (
        500,
        thrown(
            {
                "code": 2,
                "details": "that group invite link has been revoked",
                "message": "2 UNKNOWN: that group invite link has been revoked",
            },
            "GOWS",
        ),
        O.CODE_REVOKED,
        O.CODE_REVOKED,
    ),
    (500, thrown({"code": 2, "details": "info query timed out"}, "GOWS"), O.UNKNOWN, O.TRANSIENT),
    (
        500,
        thrown({"code": 2, "details": "server returned error 463"}, "GOWS"),
        O.RESTRICTED,
        O.RESTRICTED,
    ),
    (500, thrown({"message": "b", "name": "Error"}, "WEBJS"), O.UNKNOWN, O.TRANSIENT),
    (
        500,
        thrown({"message": "b", "name": "UnexpectedJoinGroupViaInviteResponse"}, "WEBJS"),
        O.SUBMITTED,
        O.TRANSIENT,
    ),
    (
        500,
        thrown({"message": "Cannot read properties of undefined (reading 'joinGroupViaInvite')"}, "WEBJS"),
        O.NOT_SUPPORTED,
        O.NOT_SUPPORTED,
    ),
    (
        500,
        thrown({"message": "Cannot read properties of undefined (reading 'id')"}, "WEBJS"),
        O.UNKNOWN,
        O.TRANSIENT,
    ),
    (
        500,
        thrown({"message": "Group with id '120363041234567890@g.us' not found", "name": "Error"}),
        O.UNKNOWN,
        O.TRANSIENT,  # of the store, which may be late: no proof of absence
    ),
    (502, {"message": "Bad Gateway"}, O.UNKNOWN, O.TRANSIENT),
]
GOOD: list[Any] = [
    {"id": "120363041234567890@g.us"},
    {"JID": "120363041234567890@g.us", "Name": "Support 4", "ParticipantCount": 231, "Participants": []},
    {"120363041234567890@g.us": {"id": "120363041234567890@g.us", "subject": "Support 4"}},
    [{"id": "2222@lid", "pn": "15550100002@c.us", "role": "admin"}],
    {"name": "default", "status": "WORKING", "me": {"id": "15550100002@c.us"}, "config": {"webhooks": []}},
    {"key": {"remoteJid": "120363041234567890@g.us", "id": "3EB0"}, "status": "PENDING"},
    {"enforcementType": "DEFAULT", "isActive": True, "timeEnforcementEnds": 1790003600},
    {"cappingStatus": "FIRST_WARNING", "totalQuota": 1000, "usedQuota": 640},
]


@pytest.mark.parametrize(("status", "body", "join", "read"), RECORDED)
def test_what_waha_answers_is_read_right(
    status: int, body: dict[str, Any], join: Outcome, read: Outcome
) -> None:
    result = HttpResult(status, json.dumps(body).encode())
    for call, outcome in ((Call.JOIN, join), (Call.READ, read)):
        answer = WORDING.refusal(call, result, now=0.0, hidden=Hidden())
        assert answer is not None
        assert answer.outcome is outcome, (call, answer)


BODIES = [body for _, body, _, _ in RECORDED] + GOOD


@pytest.mark.parametrize("seed", range(4))
def test_mutated_answers_raise_nothing_and_make_no_success_of_a_failure(seed: int) -> None:
    groups = WahaGateway.readers.groups
    readers = (
        *(groups.preview, groups.receipt, groups.seen_group, groups.seen_groups, groups.participants),
        *(WahaGateway.readers.message_id, WahaGateway.readers.invite_code),
        *(engine_remarks, capping_remarks, lambda body: with_webhooks(body, webhooks(body) or ())),
    )
    for body, result in mutations.answers(BODIES, random.Random(seed), 500):
        mutations.assert_no_failure_is_a_success(WORDING, result)
        mutations.read_all(body, readers)
