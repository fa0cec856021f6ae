"""A webhook in Wawp's shape or WAHA's becomes the same words, and nothing that comes in makes it raise."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.identity import group_jid
from orchestrator.domain.outcomes import EventKind, GatewayEvent, InstanceState, MemberChange, Participant
from orchestrator.gateways.wawp.event_reading import SUBSCRIBED, read_event
from tests.unit.test_wawp_properties import values

JID = "120363041234567890@g.us"
OWN = Participant(phone="15550100002", lid="900000000000002")


def envelope(event: str, payload: Any, **more: Any) -> dict[str, Any]:
    whole = {"id": "evt_01", "timestamp": 1741249702485, "session": "default", "engine": "WEBJS"}
    me = {"id": "15550100002@c.us", "lid": "900000000000002:3@lid", "pushName": "Backup"}
    return {**whole, "event": event, "me": me, "payload": payload, **more}


def read(event: str, payload: Any, **more: Any) -> GatewayEvent:
    found = read_event(envelope(event, payload, **more))
    assert found is not None
    return found


@pytest.mark.parametrize("name", ["group.v2.join", "group.join"])
def test_in_wahas_shape_a_join_means_us(name: str) -> None:
    group = {"id": JID, "subject": "S", "participants": [{"id": "77777@lid", "role": "participant"}]}
    found = read(name, {"timestamp": 1741249702, "group": group, "_data": {}})

    assert (found.kind, found.jid, found.ours, found.members) == (EventKind.JOINED, JID, True, ())
    assert (found.id, found.sent_at, found.me) == ("evt_01", 1741249702.0, OWN)


@pytest.mark.parametrize(
    "people",
    [
        {"0": "15550100009@c.us"},
        ["15550100009@s.whatsapp.net"],
        {"15550100009@c.us": {"id": "15550100009@c.us"}},
        [
            {
                "id": {"server": "c.us", "user": "15550100009", "_serialized": "15550100009@c.us"},
                "role": "left",
            }
        ],
        [{"user": "15550100009", "server": "c.us"}],
        {"id": "15550100009@c.us"},
        "15550100009@c.us",
    ],
)
def test_in_wawps_shape_a_join_means_whom_it_names(people: Any) -> None:
    found = read("group.v2.join", {"chatId": JID, "participants": people})

    assert (found.kind, found.jid, found.ours) == (EventKind.JOINED, JID, False)
    assert found.members == (Participant(phone="15550100009"),)
    assert found.sent_at == 1741249702.485


def test_one_member_may_be_named_by_both_of_his_ids() -> None:
    found = read("group.v2.join", {"chatId": JID, "participants": {"0": "900@lid", "1": "15550100009@c.us"}})

    assert found.members == (Participant(lid="900"), Participant(phone="15550100009"))


def test_a_join_that_names_nobody_and_has_no_group_object_is_nobodys() -> None:
    found = read("group.v2.join", {"chatId": JID})

    assert (found.kind, found.ours, found.members) == (EventKind.JOINED, False, ())


def test_a_join_in_both_shapes_at_once_is_taken_for_the_careful_one() -> None:
    found = read("group.v2.join", {"group": {"id": JID}, "participants": ["15550100009@c.us"]})

    assert (found.ours, found.members) == (False, (Participant(phone="15550100009"),))


def test_leaving_and_being_removed_are_told_apart_where_it_is_said() -> None:
    waha = read("group.v2.leave", {"timestamp": 1741249702000, "group": {"id": JID}, "_data": {}})
    wawp = read("group.v2.leave", {"chatId": JID, "participants": {"0": "15550100002@c.us"}})
    kicked = read(
        "group.v2.leave", {"chatId": JID, "action": "remove", "participants": ["900000000000002@lid"]}
    )

    assert (waha.kind, waha.jid, waha.ours) == (EventKind.LEFT, JID, True)
    assert (wawp.kind, wawp.ours, wawp.members) == (
        EventKind.LEFT,
        False,
        (Participant(phone="15550100002"),),
    )
    assert (kicked.kind, kicked.members) == (EventKind.REMOVED, (Participant(lid="900000000000002"),))


@pytest.mark.parametrize(
    ("payload", "change"),
    [
        ({"type": "join", "group": {"id": JID}}, MemberChange.JOIN),
        ({"type": "leave", "group": {"id": JID}}, MemberChange.LEAVE),
        ({"action": "remove", "chatId": JID}, MemberChange.REMOVE),
        ({"action": "promote", "chatId": JID}, MemberChange.OTHER),
        ({"chatId": JID}, MemberChange.OTHER),
    ],
)
def test_a_change_of_members_says_how(payload: dict[str, Any], change: MemberChange) -> None:
    found = read(
        "group.v2.participants", {**payload, "participants": [{"id": "77777@lid", "pn": "66666@c.us"}]}
    )

    assert (found.kind, found.jid, found.ours, found.change) == (EventKind.MEMBERS, JID, False, change)
    assert found.members == (Participant(phone="66666", lid="77777"),)


def test_a_sessions_state_is_told_in_both_words() -> None:
    found = read("session.status", {"name": "default", "status": "SCAN_QR_CODE"})
    older = read_event({"instance_id": "200", "status": "WORKING", "qr": None, "ts": 1741249702})
    strange = read("session.status", {"status": "HOVERING\x1b[31m"})

    assert (found.kind, found.state, found.word) == (
        EventKind.SESSION,
        InstanceState.NEEDS_LOGIN,
        "SCAN_QR_CODE",
    )
    assert older is not None
    assert (older.name, older.state, older.sent_at) == ("session.status", InstanceState.WORKING, 1741249702.0)
    assert (strange.state, strange.word) == (InstanceState.UNKNOWN, "HOVERING[31m")


@pytest.mark.parametrize(
    ("more", "session"),
    [
        ({"session": "default"}, None),
        ({"session": "wawp-200"}, "wawp-200"),
        ({"session": "default", "instance_id": "200"}, "200"),
        ({"instance_id": 200}, "200"),
        ({"session": "\N{HORIZONTAL ELLIPSIS}ozql"}, None),
        ({"session": ["200"]}, None),
    ],
)
def test_the_account_that_an_event_names_is_read(more: dict[str, Any], session: str | None) -> None:
    assert read("session.status", {"status": "FAILED"}, **more).session == session


def test_what_is_not_used_is_other_and_what_is_no_event_is_none() -> None:
    assert read("message", {"body": "hello"}).kind is EventKind.OTHER
    assert read_event({}) is None
    assert read_event({"event": 5, "payload": {}}) is None


@pytest.mark.parametrize("value", [0, -1, True, "soon", float("inf"), 1e300, None, [], "9" * 40])
def test_a_time_that_is_none_gives_way_to_the_envelopes(value: Any) -> None:
    assert read("group.v2.leave", {"timestamp": value, "group": {"id": JID}}).sent_at == 1741249702.485


@pytest.mark.parametrize("value", ["a b", "x" * 101, "\x00", "", 7, {"a": 1}, None])
def test_an_id_that_is_no_key_is_none(value: Any) -> None:
    assert read("group.v2.join", {"chatId": JID}, id=value).id is None


def test_what_is_asked_for_is_what_is_used() -> None:
    assert all(read(name, {}).kind is not EventKind.OTHER for name in SUBSCRIBED)


def nested(levels: int) -> dict[str, Any]:
    whole: dict[str, Any] = {}
    for _ in range(levels):
        whole = {"data": whole, "participants": whole, "group": whole}
    return whole


@given(
    st.sampled_from([*SUBSCRIBED, "group.join", "group.leave", "message", ""]),
    values,
    st.dictionaries(st.sampled_from(["id", "timestamp", "me", "ts", "status", "event", "payload"]), values),
)
def test_it_never_raises_and_never_makes_a_jid_up(name: str, payload: Any, more: dict[str, Any]) -> None:
    found = read_event({**envelope(name, payload), **more})

    assert found is None or found.jid is None or found.jid == group_jid(found.jid)
    assert found is None or found.sent_at is None or 0 < found.sent_at < 1e12
    assert found is None or not (found.ours and found.members)


def test_nesting_without_an_end_is_read_as_far_as_it_matters() -> None:
    deep = nested(50_000)

    assert read("group.v2.join", deep, me=deep).members == ()
    assert read("group.v2.participants", {"chatId": JID, "participants": deep}).jid == JID
