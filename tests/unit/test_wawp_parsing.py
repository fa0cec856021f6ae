"""Groups, people, sessions and webhooks in every shape that Wawp may hand on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orchestrator.domain.outcomes import InstanceState, Participant, WebhookTarget
from orchestrator.gateways.wawp import reading
from orchestrator.gateways.wawp.reading import GROUPS
from orchestrator.gateways.whatsapp_bodies import restricted_until

JID = "120363041234567890@g.us"
OTHER = "120363041234567891@g.us"


def test_a_previews_list_is_never_counted() -> None:
    shown = {"id": JID, "subject": "s", "participants": [{"id": "1@lid"}, {"id": "2@lid"}]}

    without = GROUPS.preview(shown)
    given = GROUPS.preview({**shown, "size": 231})

    assert without is not None
    assert without.members is None
    assert given is not None
    assert given.members == 231


@pytest.mark.parametrize(
    "body",
    [
        {"id": JID, "subject": "Support 4"},
        {"id": {"server": "g.us", "user": JID[:-5], "_serialized": JID}, "subject": "Support 4"},
        {"JID": JID, "Name": "Support 4"},
        {"groupInfo": {"id": {"_serialized": JID}, "subject": "Support 4"}},
        {"data": {"group": {"id": JID, "name": "Support 4"}}},
        {"result": True, "data": {"id": JID, "subject": "Support 4"}},
        {"id": {"_serialized": JID}, "name": "Support 4", "groupMetadata": {"id": {"_serialized": JID}}},
    ],
)
def test_a_preview_is_found_in_every_wrapper(body: dict[str, Any]) -> None:
    preview = GROUPS.preview(body)

    assert preview is not None
    assert (preview.jid, preview.subject) == (JID, "Support 4")


@pytest.mark.parametrize(
    "body",
    [
        {"id": "x@g.us", "subject": "Support 4"},
        {"id": "1@c.us", "subject": "s"},
        {"id": 5, "subject": "s"},
        {},
        None,
    ],
)
def test_a_preview_with_an_id_that_is_no_group_is_no_preview(body: object) -> None:
    assert GROUPS.preview(body) is None


def test_a_preview_by_subject_alone_has_no_jid() -> None:
    preview = GROUPS.preview({"subject": "Support 4", "size": 3})

    assert preview is not None
    assert preview.jid is None


@pytest.mark.parametrize("key", ["joinApprovalMode", "IsJoinApprovalRequired", "membershipApprovalMode"])
def test_approval_is_read_from_every_name_and_only_from_a_boolean(key: str) -> None:
    for value, expected in [(True, True), (False, False), ("yes", None), (1, None)]:
        preview = GROUPS.preview({"id": JID, key: value})
        assert preview is not None
        assert preview.approval is expected


def test_the_owners_phone_is_preferred_to_his_lid() -> None:
    preview = GROUPS.preview({"JID": JID, "OwnerJID": "2222@lid", "OwnerPN": "1555@s.whatsapp.net"})

    assert preview is not None
    assert preview.owner == "1555@s.whatsapp.net"


def test_text_that_no_database_keeps_is_made_harmless() -> None:
    preview = GROUPS.preview({"id": JID, "subject": "a\x00b\ud800c", "desc": "x" * 10_000})

    assert preview is not None
    assert preview.subject == "ab?c"
    assert len(preview.description or "") == 4096


@pytest.mark.parametrize(
    "wrap",
    [
        lambda groups: groups,
        lambda groups: {"groups": groups},
        lambda groups: {"data": groups},
        lambda groups: {"data": {"groups": groups}},
        lambda groups: {group["id"]: group for group in groups},
        lambda groups: {"data": {group["id"]: {"subject": group["subject"]} for group in groups}},
        lambda groups: [*groups, None, "x", {"id": "1@c.us"}, {"subject": "no id"}, groups[0]],
    ],
)
def test_lists_are_read_as_array_or_object_and_in_wrappers(wrap: Any) -> None:
    groups = GROUPS.seen_groups(wrap([{"id": JID, "subject": "a"}, {"id": OTHER, "subject": "b"}]))

    assert groups is not None
    assert [(group.jid, group.subject) for group in groups] == [(JID, "a"), (OTHER, "b")]
    assert all(group.participants is None for group in groups)


@pytest.mark.parametrize("body", [None, 1, "x", {"status": "WORKING"}, {"foo": {}}])
def test_what_is_no_list_is_not_an_empty_list(body: object) -> None:
    assert GROUPS.seen_groups(body) is None


@pytest.mark.parametrize("body", [[], {}, {"groups": []}, {"data": {}}])
def test_an_empty_list_is_empty(body: object) -> None:
    assert GROUPS.seen_groups(body) == ()


ANNA = Participant(phone="15550001111", lid="2222", admin=True)


@pytest.mark.parametrize(
    "item",
    [
        {"id": "2222@lid", "pn": "15550001111@c.us", "role": "admin"},
        {"id": "2222@lid", "phoneNumber": "15550001111@s.whatsapp.net", "admin": "superadmin"},
        {"id": "15550001111:3@s.whatsapp.net", "lid": "2222@lid", "admin": True},
        {"id": {"_serialized": "15550001111@c.us"}, "lid": "2222@lid", "isAdmin": True},
        {
            "JID": "2222@lid",
            "PhoneNumber": "15550001111@s.whatsapp.net",
            "LID": "2222@lid",
            "IsSuperAdmin": True,
        },
    ],
)
@pytest.mark.parametrize(
    "wrap",
    [
        lambda i: [i],
        lambda i: {"0": i},
        lambda i: {"participants": [i]},
        lambda i: {"data": {"participants": {"0": i}}},
    ],
)
def test_members_are_read_in_every_shape(item: dict[str, Any], wrap: Any) -> None:
    assert GROUPS.participants(wrap(item)) == (ANNA,)


def test_members_may_be_bare_ids_and_those_who_left_are_left_out() -> None:
    body = {"0": "11111111111@c.us", "1": {"id": "3@lid", "role": "left"}, "2": {"id": "4@lid"}, "3": 5}

    assert GROUPS.participants(body) == (Participant(phone="11111111111"), Participant(lid="4"))


@pytest.mark.parametrize("body", [None, 5, "x", {"message": "x"}])
def test_what_is_no_list_of_members_is_not_an_empty_one(body: object) -> None:
    assert GROUPS.participants(body) is None


NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("lock", "until"),
    [
        ({"isActive": True, "timeEnforcementEnds": 1_800_003_600}, 1_800_003_600.0),
        ({"isActive": True, "timeEnforcementEnds": 1_800_003_600_000}, 1_800_003_600.0),
        ({"isActive": True, "timeEnforcementEnds": None}, NOW + 86400),
        ({"isActive": True}, NOW + 86400),
        ({"isActive": True, "timeEnforcementEnds": float("inf")}, NOW + 86400),
        ({"isActive": False, "timeEnforcementEnds": 1_800_003_600}, None),
        (None, None),
        ("x", None),
    ],
)
def test_a_restriction_ends_when_it_says_or_a_day_later(lock: object, until: float | None) -> None:
    assert restricted_until(lock, now=NOW) == until


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("WORKING", InstanceState.WORKING),
        ("working", InstanceState.WORKING),
        ("PASSKEY_REQUIRED", InstanceState.NEEDS_LOGIN),
        ("FAILED", InstanceState.LOST),
        ("\x1b[2JDANCING", InstanceState.UNKNOWN),
    ],
)
def test_status_words_become_ours_and_unknown_ones_stay_unknown(word: str, state: InstanceState) -> None:
    session = reading.session({"status": word, "me": {"id": "15550001111:2@s.whatsapp.net"}}, now=NOW)

    assert session is not None
    assert (session.state, session.phone) == (state, "15550001111")
    assert "\x1b" not in session.word


@pytest.mark.parametrize("body", [None, [], {}, {"status": 200}, {"status": ""}, {"me": {}}])
def test_a_session_without_a_status_is_not_readable(body: object) -> None:
    assert reading.session(body, now=NOW) is None


@pytest.mark.parametrize(
    "body",
    [
        {"id": "true_1@g.us_ABC"},
        {"id": {"_serialized": "true_1@g.us_ABC", "fromMe": True}},
        {"key": {"id": "true_1@g.us_ABC"}, "message": {"id": 5}},
        {"_data": {"id": {"_serialized": "true_1@g.us_ABC"}}},
        {"result": True, "message_id": "true_1@g.us_ABC"},
        {"data": {"id": "true_1@g.us_ABC"}},
    ],
)
def test_message_ids(body: dict[str, Any]) -> None:
    assert reading.message_id(body) == "true_1@g.us_ABC"


@pytest.mark.parametrize(
    "text", ["", "short", "subscription_required", "https://wa.me/15550001111", "x" * 23]
)
def test_what_is_no_invite_code_is_not_taken_for_one(text: str) -> None:
    assert reading.invite_code(text) is None
    assert reading.invite_code({"code": text}) is None


def test_webhooks_are_read_where_they_stand() -> None:
    hook = {"url": "https://example.org/h?secret=1", "events": ["group.v2.join", 5], "is_active": False}
    expected = (WebhookTarget("https://example.org/h?secret=1", ("group.v2.join",), active=False),)

    for body in (
        {"webhooks": [hook, {}, None]},
        {"data": {"webhooks": [hook]}},
        {"config": {"webhooks": {"0": hook}}},
    ):
        assert reading.webhooks(body) == expected
    assert reading.webhooks({"systemConfig": {}}) is None
    assert "secret" not in repr(expected)


@pytest.mark.parametrize("off", [0, "0", False, "false", "False", 0.0])
@pytest.mark.parametrize("key", ["is_active", "active"])
def test_a_webhook_that_is_switched_off_is_read_so(key: str, off: object) -> None:
    read = reading.webhooks({"webhooks": [{"url": "https://a.example", key: off}, {"url": "b", key: 1}]})

    assert [hook.active for hook in read or ()] == [False, True]


@pytest.mark.parametrize(
    "theirs",
    [
        {
            "url": "https://crm.example",
            "events": ["*"],
            "is_active": 0,
            "hmac": "theirs",
            "retries": {"delay": 2},
        },
        {
            "url": "https://crm.example",
            "events": "message",
            "active": "false",
            "name": "CRM",
            "x": [None, 1.5],
        },
        {"webhook_url": "https://crm.example", "on": True},
        {"url": "https://crm.example", "hmac": {"key": "theirs"}, "customHeaders": [{"name": "a"}]},
        "https://crm.example",
    ],
)
def test_what_is_written_back_of_somebody_elses_is_what_was_read(theirs: object) -> None:
    read = reading.webhooks({"webhooks": {"0": theirs}})

    assert [reading.webhook_fields(hook) for hook in read or ()] == [theirs]
    assert "theirs" not in repr(read)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda hooks: {"data": hooks},
        lambda hooks: dict(enumerate_as_text(hooks)),
        lambda hooks: {"status": "success", **dict(enumerate_as_text(hooks))},
        lambda hooks: {"data": dict(enumerate_as_text(hooks))},
        lambda hooks: {"data": {"webhooks": dict(enumerate_as_text(hooks))}},
    ],
)
def test_webhooks_are_a_list_also_with_index_keys(wrap: Any) -> None:
    theirs = {"url": "https://a.example", "events": {"0": "message", "1": "call"}, "is_active": 0}

    read = reading.webhooks(wrap([theirs, {"url": "https://b.example"}])) or ()

    assert [(one.url, one.events, one.active) for one in read] == [
        ("https://a.example", ("message", "call"), False),
        ("https://b.example", (), True),
    ]
    assert reading.webhook_fields(read[0]) == theirs


def enumerate_as_text(hooks: list[Any]) -> list[tuple[str, Any]]:
    return [(str(at), hook) for at, hook in enumerate(hooks)]


def test_a_single_webhook_is_one_and_not_a_list_of_its_fields() -> None:
    (read,) = reading.webhooks({"webhooks": {"url": "https://a.example", "events": ["message"]}}) or ()

    assert (read.url, read.events) == ("https://a.example", ("message",))


def test_our_own_is_changed_and_keeps_what_we_do_not_know() -> None:
    (read,) = (
        reading.webhooks([{"url": "https://a.example", "is_active": 0, "retries": {"attempts": 5}}]) or ()
    )

    assert reading.webhook_fields(replace(read, active=True, events=("message",), secret="ours")) == {
        "url": "https://a.example", "is_active": True, "retries": {"attempts": 5}, "events": ["message"],
        "hmac": "ours",
    }  # fmt: skip


@pytest.mark.parametrize(
    "said",
    [
        {"isCommunity": True, "linkedParent": OTHER},
        {"IsParent": True, "LinkedParentJID": OTHER},
        {"isParentGroup": True, "linkedParent": {"_serialized": OTHER}},
    ],
)
def test_a_community_and_the_community_of_a_group_are_read_from_every_engine(said: dict[str, Any]) -> None:
    preview = GROUPS.preview({"id": JID, "subject": "Acme", **said})

    assert preview is not None
    assert (preview.community, preview.parent) == (True, OTHER)


@pytest.mark.parametrize("said", [{"linkedParent": ""}, {"LinkedParentJID": "nonsense"}, {}])
def test_a_group_of_no_community_has_none(said: dict[str, Any]) -> None:
    preview = GROUPS.preview({"id": JID, **said})

    assert preview is not None
    assert (preview.community, preview.parent) == (None, None)


ME = {"id": "15550001111@c.us", "lid": "222@lid"}
WHOLE = {"name": "wawp-84729105", "status": "WORKING", "me": ME}


@pytest.mark.parametrize(
    "body",
    [
        WHOLE,
        {"status": "success", "data": WHOLE},
        {"status": "ok", "result": WHOLE},
        {"status": True, "session": WHOLE},
        {"success": True, "data": {"session": WHOLE}},
        [WHOLE],
        {"0": WHOLE},
        {"status": "WORKING", "session_name": "wawp-84729105", "data": {"me": ME}},
    ],
)
def test_a_session_is_found_inside_whatever_speaks_of_the_call(body: Any) -> None:
    session = reading.session(body, now=NOW)

    assert session is not None
    assert (session.state, session.word) == (InstanceState.WORKING, "WORKING")
    assert (session.phone, session.lid, session.name) == ("15550001111", "222", "wawp-84729105")


def test_a_call_that_failed_is_no_session_that_failed() -> None:
    assert reading.session({"status": "failed", "message": "try again"}, now=NOW) is None
    failed = reading.session({"name": "wawp-1", "status": "FAILED", "message": "x"}, now=NOW)
    assert failed is not None
    assert failed.state is InstanceState.LOST


@pytest.mark.parametrize(
    "body", [{"webhooks": None}, {"data": {"webhooks": {}}}, {"response": {"webhooks": []}}]
)
def test_no_webhooks_are_a_list_of_none(body: Any) -> None:
    assert reading.webhooks(body) == ()
