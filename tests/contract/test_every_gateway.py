"""One suite for every adapter and dialect: the same situation leads to the same outcome for the worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.account.installing import HookAddress, install
from orchestrator.domain.errors import ConfigurationError
from orchestrator.domain.outcomes import InstanceState, Outcome
from orchestrator.gateways.vendors import VENDORS
from orchestrator.simulator.faults import Rule, Trouble, When
from orchestrator.simulator.model import AccountState, Naming
from orchestrator.simulator.refusals import IqError
from orchestrator.simulator.truth import Effect, Kind
from tests.contract.dialects import CODE, DIALECTS, JID, ME, MY_LID, OWNER, TOKEN, Dialect, spoken, support

if TYPE_CHECKING:
    from orchestrator.gateways.base import Gateway

WRONG = "rejoin:tok_000000000000wrong"
every_dialect = pytest.mark.parametrize("dialect", DIALECTS, ids=str)


def always() -> bool:
    return True


async def joined(gateway: Gateway, code: str = CODE) -> Any:
    return await gateway.join(code, last_look=always)


@every_dialect
async def test_a_group_is_probed_joined_seen_greeted_and_left(dialect: Dialect) -> None:
    async with spoken(dialect) as (gateway, running):
        probe = await gateway.probe(CODE)
        assert running.log.effects(Effect.JOINED) == {}
        receipt = await joined(gateway)
        seen = await gateway.group(JID)
        people = await gateway.participants(JID)
        groups = await gateway.groups()
        sent = await gateway.send_text(JID, "Hello {all} of you")
        left = await gateway.leave(JID)

        assert running.log.effects(Effect.JOINED) == {JID: 1}
        assert running.log.effects(Effect.LEFT) == {JID: 1}
        assert [text for _, _, text in running.network.group(JID).messages] == ["Hello {all} of you"]
    preview = probe.preview
    assert preview is not None
    assert (preview.jid, preview.subject, preview.members) == (JID, "Support 4", 202)
    assert "owner" in dialect.lacks or (preview.owner or "").startswith(OWNER)
    approval = None if "approval" in dialect.lacks else False
    assert (preview.announce, preview.approval, preview.description) == (False, approval, "Questions")
    assert (receipt.answer.outcome, receipt.jid) == (Outcome.JOINED, JID)
    assert seen.group is not None
    assert (seen.group.jid, seen.group.subject, seen.group.members) == (JID, "Support 4", 203)
    assert any(person.phone == ME for person in people.participants)
    assert OWNER in {person.phone for person in people.participants if person.admin}
    assert [group.jid for group in groups.groups] == [JID]
    assert any(person.phone == ME for person in groups.groups[0].participants or ())
    assert sent.answer.outcome is left.outcome is Outcome.OK
    assert sent.message_id


@every_dialect
@pytest.mark.parametrize("naming", [Naming.LID, Naming.LID_ONLY])
async def test_our_own_lid_is_found_among_the_members(dialect: Dialect, naming: Naming) -> None:
    async with spoken(dialect, support(naming=naming)) as (gateway, _):
        await joined(gateway)
        people = await gateway.participants(JID)
        session = await gateway.session()
    assert any(person.lid == MY_LID for person in people.participants)
    assert session.lid == (None if "lid" in dialect.lacks else MY_LID)
    assert not any(person.phone == MY_LID or person.lid == ME for person in people.participants)


@every_dialect
async def test_the_session_tells_its_state_and_who_it_is(dialect: Dialect) -> None:
    async with spoken(dialect) as (gateway, running):
        account = running.network.account("backup")
        session = await gateway.session()
        assert (session.state, session.phone) == (InstanceState.WORKING, ME)
        assert session.restricted_until is None
        account.restricted_until = running.network.now() + 3600.0
        restricted = await gateway.session()
        until = None if "restriction" in dialect.lacks else pytest.approx(account.restricted_until, abs=1.0)
        assert restricted.restricted_until == until
        account.restricted_until = 0.0
        for state, told in dialect.states.items():
            running.network.set_state(account, state)
            assert (await gateway.session()).state is told


WHATSAPP = {
    400: (Outcome.BAD_REQUEST, Outcome.BAD_REQUEST),
    401: (Outcome.REMOVED, Outcome.REMOVED),
    403: (Outcome.FORBIDDEN, Outcome.FORBIDDEN),
    404: (Outcome.GROUP_GONE, Outcome.GROUP_GONE),
    405: (Outcome.REMOVED, Outcome.REMOVED),
    406: (Outcome.CODE_INVALID, Outcome.CODE_INVALID),
    410: (Outcome.CODE_REVOKED, Outcome.CODE_REVOKED),
    412: (Outcome.GROUP_FULL, Outcome.GROUP_FULL),
    416: (Outcome.GROUP_LOCKED, Outcome.GROUP_LOCKED),
    419: (Outcome.GROUP_FULL, Outcome.GROUP_FULL),
    423: (Outcome.GROUP_LOCKED, Outcome.GROUP_LOCKED),
    426: (Outcome.NEEDS_UPGRADE, Outcome.NEEDS_UPGRADE),
    429: (Outcome.JOIN_LIMITED, Outcome.THROTTLED),
    436: (Outcome.GROWTH_LOCKED, Outcome.GROWTH_LOCKED),
    463: (Outcome.RESTRICTED, Outcome.RESTRICTED),
    500: (Outcome.UNKNOWN, Outcome.TRANSIENT),
    503: (Outcome.UNKNOWN, Outcome.TRANSIENT),
}
"""What WhatsApp's number means to a join and to a probe (gateways/whatsapp_answers.py)."""
WITHOUT_TEXT = {412, 416}
"""No source tells WhatsApp's words for these."""


@every_dialect
@pytest.mark.parametrize("number", WHATSAPP)
async def test_what_whatsapp_refuses_means_the_same_through_every_gateway(
    dialect: Dialect, number: int
) -> None:
    """An engine that tells nothing leaves a join unknown, which is looked up, and a probe to another try."""
    told = dialect.tells == "all" or (dialect.tells == "texts" and number not in WITHOUT_TEXT)
    join, probe = WHATSAPP[number] if told else (Outcome.UNKNOWN, Outcome.TRANSIENT)
    probe = Outcome.TRANSIENT if "probes" in dialect.lacks else probe
    faults = dialect.faults(rules=[Rule(Trouble.IQ, kinds=frozenset({Kind.PROBE, Kind.JOIN}), iq=number)])
    async with spoken(dialect, faults=faults) as (gateway, running):
        assert (await gateway.probe(CODE)).answer.outcome is probe
        assert (await joined(gateway)).answer.outcome is join
        assert running.log.effects(Effect.JOINED) == {}


@every_dialect
async def test_a_member_is_never_taken_for_one_who_has_just_come(dialect: Dialect) -> None:
    async with spoken(dialect, support(inside={"backup": False})) as (gateway, _):
        receipt = await joined(gateway)
    told = Outcome.UNKNOWN if dialect.tells == "nothing" else Outcome.ALREADY_MEMBER
    assert receipt.answer.outcome is told


@every_dialect
async def test_a_request_that_waits_for_an_admin_is_no_membership(dialect: Dialect) -> None:
    """Trap 1 to 3: an id does not prove it, none does not disprove it, and an error may be a request."""
    group = support(approval=True)
    async with spoken(dialect, group) as (gateway, running):
        probe = await gateway.probe(CODE)
        first = await joined(gateway)
        assert running.log.effects(Effect.REQUESTED) == {JID: 1}
        again = await joined(gateway)
        looked = await gateway.participants(JID)
    assert probe.preview is not None
    assert probe.preview.approval is (None if "approval" in dialect.lacks else True)
    by_engine = {"noweb": Outcome.ACCEPTED, "gows": Outcome.JOINED, "webjs": Outcome.SUBMITTED}
    assert first.answer.outcome is by_engine[dialect.engine]
    assert again.answer.outcome is (
        Outcome.UNKNOWN if dialect.tells == "nothing" else Outcome.APPROVAL_PENDING
    )
    assert not any(person.phone == ME for person in looked.participants)


SPOILED = [Trouble.CUT, Trouble.GARBAGE, Trouble.TRUNCATED, Trouble.HTML, Trouble.HTTP]


@every_dialect
@pytest.mark.parametrize("trouble", SPOILED)
@pytest.mark.parametrize("effect", [When.DONE, When.NEVER])
async def test_an_answer_that_is_lost_leaves_a_join_unknown(
    dialect: Dialect, trouble: Trouble, effect: When
) -> None:
    rule = Rule(trouble, kinds=frozenset({Kind.JOIN}), effect=effect, status=502)
    async with spoken(dialect, faults=dialect.faults(rules=[rule])) as (gateway, running):
        receipt = await joined(gateway)
        assert len(running.log.joins()) == 1
    assert (receipt.answer.outcome, receipt.answer.sent) == (Outcome.UNKNOWN, True)


@every_dialect
async def test_a_join_that_hangs_is_unknown_and_sent_once(dialect: Dialect) -> None:
    rule = Rule(Trouble.HANG, kinds=frozenset({Kind.JOIN}), effect=When.DONE, seconds=30.0)
    async with spoken(dialect, faults=dialect.faults(rules=[rule]), join_timeout=0.3) as (gateway, running):
        receipt = await joined(gateway)
        assert len(running.log.joins()) == 1
    assert receipt.answer.outcome is Outcome.UNKNOWN


@every_dialect
async def test_a_join_that_the_last_look_drops_is_never_sent(dialect: Dialect) -> None:
    async with spoken(dialect) as (gateway, running):
        receipt = await gateway.join(CODE, last_look=lambda: False)
        assert running.log.joins() == []
    assert (receipt.answer.outcome, receipt.answer.sent) == (Outcome.TRANSIENT, False)


@every_dialect
async def test_a_session_that_is_down_and_credentials_that_are_wrong_are_told_apart(dialect: Dialect) -> None:
    async with spoken(dialect) as (gateway, running):
        running.network.set_state(running.network.account("backup"), AccountState.SCAN_QR_CODE)
        for answer in (
            (await gateway.probe(CODE)).answer,
            (await gateway.groups()).answer,
        ):
            assert answer.outcome is Outcome.SESSION_DOWN, answer
        # Where its words are those of a connection that was just lost, the join may have been on its way.
        down = Outcome.UNKNOWN if "why down" in dialect.lacks else Outcome.SESSION_DOWN
        assert (await joined(gateway)).answer.outcome is down
    async with spoken(dialect, token=WRONG) as (gateway, running):
        for answer in (
            (await gateway.session()).answer,
            (await gateway.probe(CODE)).answer,
            (await joined(gateway)).answer,
        ):
            assert answer.outcome is Outcome.BAD_CREDENTIALS
            assert WRONG not in answer.text
        assert running.log.effects(Effect.JOINED) == {}


@every_dialect
async def test_the_gateways_own_limit_is_not_whatsapps(dialect: Dialect) -> None:
    faults = dialect.faults(rules=[Rule(Trouble.PLAN_LIMIT, seconds=3.0)])
    async with spoken(dialect, faults=faults) as (gateway, _):
        receipt = await joined(gateway)
    assert (receipt.answer.outcome, receipt.answer.retry_after) == (Outcome.GATEWAY_LIMITED, 3.0)


@every_dialect
async def test_lists_that_lie_are_read_for_what_they_hold(dialect: Dialect) -> None:
    """Trap 10: an empty list, and groups without names."""
    lists = frozenset({Kind.LIST})
    lies = (Trouble.LIST_EMPTY, Trouble.LIST_NO_NAMES)
    rules = [Rule(lie, kinds=lists, times=1) for lie in lies]
    async with spoken(dialect, support(inside={"backup": False}), dialect.faults(rules=rules)) as (
        gateway,
        _,
    ):
        empty, nameless = await gateway.groups(), await gateway.groups()
    assert (empty.answer.outcome, empty.groups) == (Outcome.OK, ())
    assert [(group.jid, group.subject) for group in nameless.groups] == [(JID, None)]


@every_dialect
async def test_an_admin_reads_and_resets_the_code(dialect: Dialect) -> None:
    async with spoken(dialect, support(inside={"backup": True})) as (gateway, running):
        shown = await gateway.invite_code(JID)
        reset = await gateway.revoke_code(JID)
        assert shown.code == CODE
        assert reset.code in (running.network.group(JID).current_code, None)
        assert running.network.group(JID).current_code != CODE
    assert CODE not in repr(shown)


@every_dialect
async def test_our_webhook_is_set_beside_those_of_others(dialect: Dialect) -> None:
    """What a gateway keeps beside the webhooks stays as it is."""
    address = HookAddress(
        "https://rejoin.example",
        "backup",
        "path-secret-0001",
        "signing-secret-01",
        VENDORS[dialect.vendor].events,
    )
    if "many webhooks" in dialect.lacks:
        await the_only_webhook_is_ours_or_stays(dialect, address)
        return
    async with spoken(dialect) as (gateway, running):
        account = running.network.account("backup")
        account.webhooks = [{"url": "https://crm.example/in", "events": ["message"], "customHeaders": []}]
        account.settings = {"proxy": {"server": "proxy.example:3128"}, "metadata": {"team": "sales"}}
        kept = (list(account.webhooks), dict(account.settings))
        done = await install(gateway, address)
        again = await install(gateway, address)
        assert (done.changed, again.changed, done.kept) == (True, False, 1)
        assert account.webhooks[:1] == kept[0]
        assert account.settings == kept[1]
        assert [one["url"] for one in account.webhooks] == ["https://crm.example/in", address.url]


async def the_only_webhook_is_ours_or_stays(dialect: Dialect, address: HookAddress) -> None:
    async with spoken(dialect) as (gateway, running):
        account = running.network.account("backup")
        assert [(await install(gateway, address)).changed for _ in range(2)] == [True, False]
        assert [one["url"] for one in account.webhooks] == [address.url]
        account.webhooks = [{"url": "https://crm.example/in", "hmac": "theirs", "events": ["message"]}]
        kept = list(account.webhooks)
        with pytest.raises(ConfigurationError, match="another one is set"):
            await install(gateway, address)
        assert account.webhooks == kept


@every_dialect
async def test_no_secret_and_no_code_stands_in_what_is_told_of_an_error(dialect: Dialect) -> None:
    echo = f"cannot join {CODE} with {TOKEN}"
    faults = dialect.faults(rules=[Rule(Trouble.HTTP, status=500, text=echo)])
    async with spoken(dialect, faults=faults) as (gateway, _):
        for answer in ((await gateway.probe(CODE)).answer, (await joined(gateway)).answer):
            assert "cannot join" in answer.text
            assert CODE not in answer.text
            assert TOKEN not in answer.text


@every_dialect
async def test_what_is_no_code_and_no_group_is_not_sent(dialect: Dialect) -> None:
    async with spoken(dialect) as (gateway, running):
        assert (await gateway.probe("not a code/../x")).answer.sent is False
        assert (await joined(gateway, "{account}")).answer.sent is False
        assert (await gateway.leave("120363@s.whatsapp.net")).sent is False
        assert running.log.requests == []


def test_every_vendor_has_a_dialect() -> None:
    assert {dialect.vendor for dialect in DIALECTS} == set(VENDORS)


def test_the_numbers_are_those_that_the_simulator_knows() -> None:
    assert {number for number in WHATSAPP if not IqError(number).text} == set()
