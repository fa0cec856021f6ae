"""The simulated WhatsApp network keeps WhatsApp's own rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.simulator.model import Account, AccountState, Group
from orchestrator.simulator.network import Network
from orchestrator.simulator.refusals import IqError, SessionDownError
from orchestrator.simulator.truth import Effect

if TYPE_CHECKING:
    from orchestrator.simulator.model import Event

CODE = "A1b2C3d4E5f6G7h8I9j0Kl"
OLD = "Z1b2C3d4E5f6G7h8I9j0Kl"
JID = "120363000000000001@g.us"


class Hand:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.at = 1_000.0

    def now(self) -> float:
        return self.at


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def network(hand: Hand) -> Network:
    network = Network(now=hand.now)
    network.add_account(Account("backup", "210", "token-b", phone="15550002", lid="188002"))
    network.add_account(Account("admin", "211", "token-a", phone="15550001"))
    network.add_group(group())
    return network


@pytest.fixture
def backup(network: Network) -> Account:
    return network.account("backup")


def group(jid: str = JID, code: str = CODE) -> Group:
    return Group(jid, "Support", strangers=10, inside={"admin": True}, codes={code: True})


def refused(network: Network, account: Account, code: str = CODE) -> int:
    with pytest.raises(IqError) as error:
        network.join(account, code)
    return error.value.code


def test_a_probe_shows_the_group_and_changes_nothing(network: Network, backup: Account) -> None:
    assert network.probe(backup, CODE).jid == JID
    assert network.groups_of(backup) == []
    assert network.log.happenings == []


def test_a_join_enters_once_and_answers_conflict_ever_after(network: Network, backup: Account) -> None:
    assert network.join(backup, CODE)[1] is Effect.JOINED
    assert refused(network, backup) == 409
    assert network.group(JID).size == 12
    assert network.log.effects(Effect.JOINED, "backup") == {JID: 1}
    assert network.log.double_effects() == []


def test_codes_are_malformed_unknown_or_revoked(network: Network, backup: Account) -> None:
    network.group(JID).codes = {OLD: False, CODE: True}
    network._codes[OLD] = network.group(JID)
    for code, iq in (("short", 400), ("x" * 22, 406), (OLD, 410)):
        with pytest.raises(IqError) as error:
            network.probe(backup, code)
        assert error.value.code == iq
        assert refused(network, backup, code) == iq


@pytest.mark.parametrize(
    ("field", "value", "iq"),
    [
        ("closed", True, 404),
        ("suspended", True, 416),
        ("locked", True, 423),
        ("growth_locked_until", 2_000.0, 436),
        ("full", True, 419),
        ("max_size", 11, 419),
        ("needs_upgrade", True, 426),
        ("removed", {"backup"}, 401),
    ],
)
def test_a_door_that_is_shut_has_its_number(
    network: Network, backup: Account, field: str, value: object, iq: int
) -> None:
    setattr(network.group(JID), field, value)
    assert refused(network, backup) == iq
    assert network.log.happenings == []


def test_a_full_group_still_shows_itself_and_a_removed_account_sees_nothing(
    network: Network, backup: Account
) -> None:
    network.group(JID).full = True
    assert network.probe(backup, CODE).is_full
    network.remove(backup, network.group(JID))
    with pytest.raises(IqError, match="401: not-authorized"):
        network.probe(backup, CODE)


def test_an_approval_group_takes_a_request_and_an_admin_lets_in_later(
    network: Network, backup: Account, hand: Hand
) -> None:
    network.group(JID).approval = True
    network.group(JID).approve_after = 300.0
    assert network.join(backup, CODE)[1] is Effect.REQUESTED
    assert refused(network, backup) == 304
    hand.at += 299
    assert network.groups_of(backup) == []
    hand.at += 1
    assert [g.jid for g in network.groups_of(backup)] == [JID]
    assert network.log.effects(Effect.APPROVED) == {JID: 1}


def test_a_rejected_request_may_be_made_again(network: Network, backup: Account) -> None:
    network.group(JID).approval = True
    network.join(backup, CODE)
    assert network.reject(backup, network.group(JID))
    assert not network.approve(backup, network.group(JID))
    assert network.join(backup, CODE)[1] is Effect.REQUESTED


def test_joining_a_community_child_takes_the_account_along(network: Network, backup: Account) -> None:
    parent, news = "120363000000000008@g.us", "120363000000000009@g.us"
    network.add_group(Group(parent, "Community", is_parent=True))
    network.add_group(Group(news, "News", parent=parent, is_announcement_child=True))
    network.group(JID).parent = parent
    network.join(backup, CODE)
    assert {g.jid for g in network.groups_of(backup)} == {JID, parent, news}
    assert network.log.effects(Effect.SIDE_JOINED) == {parent: 1, news: 1}


def test_an_account_thrown_out_of_the_community_cannot_enter_its_child(
    network: Network, backup: Account
) -> None:
    parent = network.add_group(Group("120363000000000008@g.us", "Community", is_parent=True))
    network.group(JID).parent = parent.jid
    network.remove(backup, parent)
    assert refused(network, backup) == 405
    network.add_member(backup, parent)
    parent.full = True
    assert network.join(backup, CODE)[1] is Effect.JOINED


def test_a_full_community_keeps_its_children_shut(network: Network, backup: Account) -> None:
    parent = network.add_group(Group("120363000000000008@g.us", "Community", is_parent=True, full=True))
    network.group(JID).parent = parent.jid
    assert refused(network, backup) == 412


def test_the_join_budget_ends_in_429_and_is_whole_again_after_the_pause(
    network: Network, backup: Account, hand: Hand
) -> None:
    backup.join_budget, backup.join_pause = 1, 600.0
    second = network.add_group(group("120363000000000002@g.us", OLD))
    network.join(backup, CODE)
    assert refused(network, backup, OLD) == 429
    hand.at += 599
    assert refused(network, backup, OLD) == 429
    hand.at += 1
    assert network.join(backup, OLD)[0] is second


def test_a_restricted_account_joins_nothing_until_the_end_of_it(
    network: Network, backup: Account, hand: Hand
) -> None:
    backup.restricted_until = hand.at + 60
    assert refused(network, backup) == 463
    hand.at += 60
    assert network.join(backup, CODE)[1] is Effect.JOINED


def test_an_account_is_banned_after_so_many_joins_and_can_do_nothing_then(
    network: Network, backup: Account
) -> None:
    backup.ban_after = 1
    network.join(backup, CODE)
    assert backup.banned
    with pytest.raises(SessionDownError, match="FAILED"):
        network.groups_of(backup)


@pytest.mark.parametrize("state", [s for s in AccountState if s is not AccountState.WORKING])
def test_an_account_that_is_not_working_is_asked_nothing(
    network: Network, backup: Account, state: AccountState
) -> None:
    network.set_state(backup, state)
    with pytest.raises(SessionDownError, match=state):
        network.join(backup, CODE)
    assert network.log.happenings == []


def test_only_members_see_a_group_and_only_admins_its_code(network: Network, backup: Account) -> None:
    admin = network.account("admin")
    with pytest.raises(IqError, match="403"):
        network.metadata(backup, JID)
    with pytest.raises(IqError, match="404"):
        network.metadata(backup, "120363999999999999@g.us")
    network.join(backup, CODE)
    with pytest.raises(IqError, match="401"):
        network.invite_code(backup, JID)
    assert network.invite_code(admin, JID) == CODE
    fresh = network.revoke_code(admin, JID)
    assert fresh != CODE
    assert network.probe(backup, fresh).jid == JID
    with pytest.raises(IqError, match="410"):
        network.probe(backup, CODE)


def test_only_admins_write_in_an_announcement_group(network: Network, backup: Account) -> None:
    network.join(backup, CODE)
    network.send(backup, JID, "hello")
    network.group(JID).announce = True
    with pytest.raises(IqError, match="403"):
        network.send(backup, JID, "hello again")
    network.send(network.account("admin"), JID, "news")
    assert [text for _, _, text in network.group(JID).messages] == ["hello", "news"]


def test_who_left_may_come_back_and_that_is_no_double_join(network: Network, backup: Account) -> None:
    network.join(backup, CODE)
    network.leave(backup, JID)
    assert network.groups_of(backup) == []
    network.join(backup, CODE)
    assert network.log.double_effects() == []


def test_subscribers_hear_what_a_gateway_would_tell(network: Network, backup: Account) -> None:
    heard: list[Event] = []
    network.subscribers.append(heard.append)
    network.join(backup, CODE)
    network.rename(network.group(JID), "Helpdesk")
    network.set_state(backup, AccountState.SCAN_QR_CODE)
    kinds = [(event.kind, event.account) for event in heard]
    expected = [("group.join", "backup"), ("group.update", "admin"), ("group.update", "backup")]
    assert kinds == [*expected, ("session.status", "backup")]


def test_groups_codes_and_instances_are_unique(network: Network) -> None:
    with pytest.raises(ValueError, match="twice"):
        network.add_group(group(code=OLD))
    with pytest.raises(ValueError, match="already leads"):
        network.add_group(group("120363000000000002@g.us"))
    with pytest.raises(ValueError, match="twice"):
        network.add_account(Account("other", "210", "t"))
