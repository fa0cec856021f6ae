"""What Evolution and GOWA tell by themselves, and bodies that nobody expects: read, and never raised for."""

from __future__ import annotations

import random
from typing import Any

import pytest

from orchestrator.domain.event_rules import About, about
from orchestrator.domain.identity import OwnIds
from orchestrator.domain.outcomes import EventKind, InstanceState, MemberChange, Participant
from orchestrator.gateways.evolution.event_reading import read_event as evolution
from orchestrator.gateways.evolution.event_reading import split
from orchestrator.gateways.gowa.event_reading import read_event as gowa
from tests.support.mutations import mutated

JID = "120363041234567890@g.us"
US = OwnIds(phone="15550100002")
OWN = "15550100002@s.whatsapp.net"


def of_gowa(name: str, **payload: Any) -> dict[str, Any]:
    return {
        "event": name, "device_id": OWN, "session_id": "backup", "timestamp": "2026-08-22T10:30:00+07:00",
        "payload": {"chat_id": JID, **payload},
    }  # fmt: skip


def of_evolution(name: str, data: Any) -> dict[str, Any]:
    return {"event": name, "instance": "backup", "data": data, "sender": OWN, "apikey": "k"}


def test_gowa_tells_of_a_join_of_our_own() -> None:
    event = gowa(of_gowa("group.joined", type="join", jids=[OWN], reason="invite", group_name="Support 4"))
    assert event is not None
    assert (event.kind, event.jid, event.ours, event.session) == (EventKind.JOINED, JID, True, "backup")
    assert event.sent_at == 1787369400.0
    assert event.me == Participant(phone="15550100002")
    assert about(event, US, gateway_id="backup") is About.ENTERED
    assert about(event, OwnIds(phone="15559999999"), gateway_id="backup") is About.STRANGER


@pytest.mark.parametrize(
    ("kind", "jids", "whom"),
    [
        ("leave", [OWN], About.GONE),
        ("join", [OWN], About.ENTERED),
        ("leave", ["15558888888@s.whatsapp.net"], About.OTHERS),
        ("promote", [OWN], About.OTHERS),
        ("leave", [], About.OTHERS),
    ],
)
def test_gowa_tells_of_members(kind: str, jids: list[str], whom: About) -> None:
    event = gowa(of_gowa("group.participants", type=kind, jids=jids))
    assert event is not None
    assert event.kind is EventKind.MEMBERS
    assert about(event, US, gateway_id="backup") is whom


def test_evolution_tells_of_a_join_of_our_own_group_by_group() -> None:
    groups = [{"id": JID, "subject": "Support 4"}, {"id": "120363041234567891@g.us"}, "no group"]
    bodies = split(of_evolution("groups.upsert", groups))
    assert [body["data"]["id"] for body in bodies] == [JID, "120363041234567891@g.us"]
    assert all("apikey" not in body for body in bodies)
    event = evolution(bodies[0])
    assert event is not None
    assert (event.kind, event.jid, event.ours, event.sent_at) == (EventKind.JOINED, JID, True, None)
    assert about(event, US, gateway_id="backup") is About.ENTERED


@pytest.mark.parametrize(
    "people",
    [
        [OWN],
        [{"id": OWN, "admin": None}],
        [{"id": "2222@lid", "phoneNumber": OWN, "admin": None}],
    ],
)
@pytest.mark.parametrize(
    ("action", "change", "whom"),
    [("add", MemberChange.JOIN, About.ENTERED), ("remove", MemberChange.REMOVE, About.GONE)],
)
def test_evolution_names_members_by_texts_or_objects(
    people: list[Any], action: str, change: MemberChange, whom: About
) -> None:
    data = {"id": JID, "participants": people, "action": action}
    event = evolution(of_evolution("group-participants.update", data))
    assert event is not None
    assert (event.kind, event.change) == (EventKind.MEMBERS, change)
    assert about(event, US, gateway_id="backup") is whom


@pytest.mark.parametrize(
    ("name", "data", "state"),
    [
        (
            "connection.update",
            {"instance": "backup", "state": "open", "statusReason": 200},
            InstanceState.WORKING,
        ),
        ("connection.update", {"state": "connecting", "statusReason": 200}, InstanceState.STARTING),
        ("connection.update", {"state": "close", "statusReason": 401}, InstanceState.LOST),
        ("connection.update", {"state": "close", "statusReason": 428}, InstanceState.DISCONNECTED),
        ("connection.update", {"state": "refused", "statusReason": 428}, InstanceState.UNKNOWN),
        ("status.instance", {"status": "closed", "disconnectionReasonCode": 403}, InstanceState.LOST),
        ("logout.instance", None, InstanceState.LOST),
    ],
)
def test_evolution_tells_of_its_session(name: str, data: Any, state: InstanceState) -> None:
    event = evolution(of_evolution(name, data))
    assert event is not None
    assert (event.kind, event.state, event.jid) == (EventKind.SESSION, state, None)


BODIES: list[Any] = [
    of_gowa("group.joined", type="join", jids=[OWN]),
    of_gowa("group.participants", type="leave", jids=[OWN, "x"]),
    of_evolution("groups.upsert", [{"id": JID}]),
    of_evolution("group-participants.update", {"id": JID, "participants": [OWN], "action": "add"}),
    of_evolution("connection.update", {"state": "close", "statusReason": 401}),
]


@pytest.mark.parametrize("seed", range(4))
def test_bodies_that_nobody_expects_raise_nothing(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(1000):
        body = mutated(rng.choice(BODIES), rng)
        for one in split(body):
            evolution(one)
        if isinstance(body, dict):
            gowa(body)
            evolution(body)
