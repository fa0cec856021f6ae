"""Groups, people and times in the shapes of WhatsApp's engines, whichever gateway shows them."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.domain.identity import UserId
from orchestrator.domain.outcomes import GroupPreview, MemberChange, Outcome, Participant, SeenGroup
from orchestrator.gateways.whatsapp_bodies import (
    ENGINES,
    GroupNames,
    GroupReader,
    affected,
    instant,
    member_change,
    own_ids,
)

JID, PARENT = "120363041234567890@g.us", "120363041234567899@g.us"
READER = GroupReader(ENGINES)
# As go-whatsapp-web-multidevice names a group (its `docs/openapi.yaml`), inside its envelope.
GOWA = GroupReader(
    GroupNames(
        jid=("group_id",),
        subject=("name",),
        description=("description", "topic"),
        size=("participant_count",),
        announce=("is_announce",),
        wrappers=("results",),
        lists=("results", "data"),
    )
)
NOWEB: dict[str, Any] = {
    "id": JID, "addressingMode": "lid", "subject": "Support 4", "size": 231, "desc": "Help",
    "owner": "15550001@s.whatsapp.net", "linkedParent": PARENT, "restrict": False, "announce": True,
    "isCommunity": False, "joinApprovalMode": True, "participants": [{"id": "1@lid", "admin": "superadmin"}],
}  # fmt: skip
GOWS: dict[str, Any] = {
    "JID": JID, "OwnerJID": "9@lid", "OwnerPN": "15550001@s.whatsapp.net", "Name": "Support 4",
    "Topic": "Help", "IsAnnounce": True, "IsParent": False, "LinkedParentJID": PARENT,
    "IsJoinApprovalRequired": True, "ParticipantCount": 231,
    "Participants": [{"JID": "1@lid", "IsSuperAdmin": True}],
}  # fmt: skip
WEBJS: dict[str, Any] = {
    "groupInfo": {
        "id": {"server": "g.us", "user": JID[:-5], "_serialized": JID}, "subject": "Support 4", "size": 231,
        "owner": {"_serialized": "15550001@s.whatsapp.net"}, "desc": "Help", "announce": True,
        "isParentGroup": False, "parentGroup": PARENT, "membershipApprovalMode": True,
        "participants": [{"id": {"_serialized": "1@lid"}, "isSuperAdmin": True}],
    }
}  # fmt: skip


@pytest.mark.parametrize("shown", [NOWEB, GOWS, WEBJS], ids=["NOWEB", "GOWS", "WEBJS"])
def test_the_three_engines_show_the_same_group(shown: dict[str, Any]) -> None:
    owner = "15550001@s.whatsapp.net"
    assert READER.preview(shown) == GroupPreview(
        JID, "Support 4", "Help", owner, 231, announce=True, approval=True, community=False, parent=PARENT
    )
    inside = (Participant(lid="1", admin=True),)
    assert READER.seen_group(shown) == SeenGroup(
        JID, "Support 4", owner, 231, announce=True, participants=inside
    )


def test_a_vendor_reads_its_own_names_and_its_own_envelope() -> None:
    shown = {
        "group_id": JID,
        "name": "Support 4",
        "topic": "Help",
        "participant_count": 3,
        "is_announce": False,
    }
    body = {"status": 200, "code": "SUCCESS", "results": shown}

    assert GOWA.preview(body) == GroupPreview(JID, "Support 4", "Help", members=3, announce=False)
    assert GOWA.receipt({"code": "SUCCESS", "results": {"group_id": JID}}) == (Outcome.JOINED, JID)
    groups = GOWA.seen_groups({"code": "SUCCESS", "results": {"data": [shown]}})
    assert groups == (SeenGroup(JID, "Support 4", members=3, announce=False),)
    assert READER.preview(body) is None
    assert READER.receipt({"results": {"group_id": JID}}) is None


def test_a_receipt_that_names_no_group_is_accepted_only_where_it_says_so() -> None:
    """Baileys gives no JID where an admin must approve, and where WhatsApp did not answer."""
    assert READER.receipt({}) == (Outcome.ACCEPTED, None)
    assert READER.receipt({"id": ""}) == (Outcome.ACCEPTED, None)
    assert READER.receipt({"accepted": True}) is None
    evolution = GroupReader(GroupNames(jid=("groupJid",), accepted=("accepted",)))
    assert evolution.receipt({"accepted": True}) == (Outcome.ACCEPTED, None)
    assert evolution.receipt({"accepted": True, "groupJid": JID}) == (Outcome.JOINED, JID)
    assert evolution.receipt({"accepted": True, "groupJid": "1@c.us"}) is None


def test_who_left_is_no_member_but_is_somebody_to_whom_it_happened() -> None:
    people = [{"id": "1@lid", "role": "left"}, {"id": "15550001111@c.us", "role": "admin"}]
    assert READER.participants(people) == (Participant(phone="15550001111", admin=True),)
    assert [one.lid or one.phone for one in affected(people)] == ["1", "15550001111"]
    assert affected({"0": "1@lid", "1": "2@lid"}) == (Participant(lid="1"), Participant(lid="2"))
    assert affected("1@lid") == (Participant(lid="1"),)
    assert affected(None) == ()


@pytest.mark.parametrize(
    ("words", "change"),
    [
        (["add"], MemberChange.JOIN),
        ([None, "Remove"], MemberChange.REMOVE),
        (["leave"], MemberChange.LEAVE),
        (["promote", 5], None),
    ],
)
def test_the_word_for_a_change_of_members(words: list[Any], change: MemberChange | None) -> None:
    assert member_change(words) is change


def test_times_are_seconds_or_milliseconds_and_never_before_1970() -> None:
    assert instant(1741249702) == instant(1741249702000) == instant("1741249702000") == 1741249702
    assert instant(0) is instant(-5) is instant("x") is instant(True) is instant(None) is None


def test_our_own_ids_are_told_apart_whatever_their_server() -> None:
    assert own_ids({"id": "15550001111:7@s.whatsapp.net", "lid": "9@lid"}) == UserId("15550001111", "9")
    assert own_ids({"jid": "9:2@lid"}) == UserId(None, "9")
    assert own_ids(["9@lid"]) == UserId()
