"""The adapter against the simulated network: what is true there is what the adapter says."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.account.installing import HookAddress, install
from orchestrator.domain.outcomes import GatewayLimits, InstanceState, Outcome, Participant, WebhookTarget
from orchestrator.gateways.calls import Timeouts
from orchestrator.gateways.wawp import WawpRoutes, reading
from orchestrator.gateways.wawp.event_reading import SUBSCRIBED
from orchestrator.simulator.error_wordings import DIALECTS
from orchestrator.simulator.faults import Faults, Rule, Trouble, When
from orchestrator.simulator.model import Account, AccountState, Group, Member, Naming
from orchestrator.simulator.network import Network
from orchestrator.simulator.server import serve
from orchestrator.simulator.truth import Effect, Kind
from tests.contract.wawp_peer import CODE, JID, TOKEN, against, always, http, wawp
from tests.support.defaults import routes
from tests.support.fake_gateway import HandTime

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orchestrator.gateways.wawp import WawpGateway
    from orchestrator.simulator.server import Running
    from tests.contract.wawp_peer import Seen

ENGINES = ["plain", "noweb", "gows", "webjs", "webjs_wrapped"]
OWNER = "15550001111"
ME = "201012345678"
MY_LID = "90000000000001"


def network_with(group: Group, **more: Any) -> Network:
    network = Network(**more)
    network.add_account(Account("backup", "210987654321", TOKEN, phone=ME, lid=MY_LID))
    network.add_group(group)
    return network


def support(**changes: object) -> Group:
    members = [
        Member("15550002222", "80000000000002"),
        Member(OWNER, "80000000000001", admin=True, owner=True),
    ]
    group = Group(
        JID, "Support 4", "Questions", owner=OWNER, strangers=200, members=members, codes={CODE: True}
    )
    for name, value in changes.items():
        setattr(group, name, value)
    return group


@asynccontextmanager
async def simulated(
    group: Group | None = None,
    faults: Faults | None = None,
    *,
    options: WawpRoutes | None = None,
    timeouts: Timeouts | None = None,
) -> AsyncIterator[tuple[WawpGateway, Running, Account]]:
    network = network_with(group or support())
    async with (
        serve(network, faults) as running,
        wawp(running.base_url, options=options, timeouts=timeouts) as gateway,
    ):
        yield gateway, running, network.account("backup")


@pytest.mark.parametrize("engine", ENGINES)
async def test_probe_join_and_look_in_the_shape_of_each_engine(engine: str) -> None:
    async with simulated(faults=Faults(engine=engine)) as (gateway, running, _):
        probe = await gateway.probe(CODE)
        receipt = await gateway.join(CODE, last_look=always)
        seen = await gateway.group(JID)
        people = await gateway.participants(JID)
        groups = await gateway.groups()

        assert running.log.effects(Effect.JOINED) == {JID: 1}
    preview = probe.preview
    assert preview is not None
    assert (preview.jid, preview.subject, preview.members) == (JID, "Support 4", 202)
    assert (preview.owner or "").startswith(OWNER)
    assert preview.announce is False
    assert preview.approval is False
    assert (receipt.answer.outcome, receipt.jid) == (Outcome.JOINED, JID)
    assert seen.group is not None
    assert (seen.group.subject, seen.group.members) == ("Support 4", 203)
    assert seen.group.participants == people.participants
    assert any(person.phone == ME for person in people.participants)
    assert Participant(phone=OWNER, admin=True).phone in {p.phone for p in people.participants if p.admin}
    assert groups.groups == (seen.group,)


@pytest.mark.parametrize("engine", ["plain", "noweb", "gows", "webjs"])
@pytest.mark.parametrize("naming", [Naming.LID, Naming.LID_ONLY])
async def test_our_own_lid_is_found_in_groups_that_name_members_by_lid(engine: str, naming: Naming) -> None:
    async with simulated(support(naming=naming), Faults(engine=engine)) as (gateway, _, _account):
        await gateway.join(CODE, last_look=always)
        people = await gateway.participants(JID)

    assert any(person.lid == MY_LID for person in people.participants)
    assert not any(person.phone == MY_LID or person.lid == ME for person in people.participants)


@pytest.mark.parametrize("auth", ["body", "header"])
@pytest.mark.parametrize("paths", ["one", "two"])
@pytest.mark.parametrize("parameter", ["code", "url"])
async def test_every_form_of_credentials_paths_and_parameter(auth: str, paths: str, parameter: str) -> None:
    options = routes(auth="header" if auth == "header" else "body", code_parameter=parameter)
    faults = Faults(paths=paths, code_param=parameter)
    async with simulated(faults=faults, options=options) as (gateway, running, _):
        probes = [await gateway.probe(CODE) for _ in range(2)]
        receipt = await gateway.join(CODE, last_look=always)

        assert running.log.joins_without_probe() == []
        assert len(running.log.joins()) == 1
    assert {probe.answer.outcome for probe in probes} == {Outcome.OK}
    assert receipt.jid == JID


@pytest.mark.parametrize("shape", ["slug", "object"])
@pytest.mark.parametrize("allowed", [2, 7, 60])
async def test_no_minute_has_more_group_calls_than_the_gateway_allows(allowed: int, shape: str) -> None:
    clock = HandTime()
    network = network_with(support(), now=clock.now)
    faults = Faults(group_req_per_minute=allowed, rate_limit_shape=shape)
    options = routes(keeps_limits=True)
    async with (
        serve(network, faults) as running,
        wawp(running.base_url, options=options, clock=clock) as gateway,
    ):
        joined = await gateway.join(CODE, last_look=always)
        outcomes = set()
        for _turn in range(allowed):
            outcomes.add((await gateway.probe(CODE)).answer.outcome)
            outcomes.add((await gateway.participants(JID)).answer.outcome)
            outcomes.add((await gateway.groups()).answer.outcome)
        told = await gateway.limits()

        worst = running.log.worst_minute_of_group_calls("backup")
        assert [r for r in running.log.requests if r.status == 429] == []
    assert max(1, allowed - 4) <= worst <= allowed
    assert (joined.jid, outcomes) == (JID, {Outcome.OK})
    assert told.limits == GatewayLimits(allowed, 2000, "standard_policy")


async def test_limits_that_cannot_be_read_hold_up_fewer_and_fewer_calls() -> None:
    clock = HandTime()
    network = network_with(support(), now=clock.now)
    faults = Faults(rules=[Rule(Trouble.HTTP, kinds=frozenset({Kind.RATE_LIMIT}), status=503)])
    options = routes(keeps_limits=True)
    async with (
        serve(network, faults) as running,
        wawp(running.base_url, options=options, clock=clock) as gateway,
    ):
        for _minute in range(60):
            await gateway.probe(CODE)
            await clock.sleep(60)

        kinds = [request.kind for request in running.log.requests]
    assert kinds.count(Kind.PROBE) == 60
    assert 3 <= kinds.count(Kind.RATE_LIMIT) <= 7


async def test_a_gateway_without_limits_is_asked_as_before() -> None:
    async with simulated(options=routes(keeps_limits=True)) as (gateway, running, _):
        for _turn in range(3):
            await gateway.probe(CODE)
        told = await gateway.limits()

        kinds = [request.kind for request in running.log.requests]
    assert told.limits is None
    assert kinds.count(Kind.PROBE) == 3
    assert len(kinds) == 5  # its limits: before the first, and when they were asked for


@pytest.mark.parametrize("auth", ["body", "query", "header", "bearer"])
@pytest.mark.parametrize("place", ["body", "query"])
@pytest.mark.parametrize("form", ["code", "link"])
async def test_a_gateway_that_takes_one_form_only_takes_it_and_no_other(
    auth: Any, place: Any, form: Any
) -> None:
    faults = Faults(auth=auth, code_in=place, code_form=form)
    right = routes(auth=auth, code_in=place, code_form=form)
    others = {
        "auth": replace(right, auth="bearer" if auth == "query" else "query"),
        "place": replace(right, code_in="query" if place == "body" else "body"),
        "form": replace(right, code_form="link" if form == "code" else "code"),
    }
    async with simulated(faults=faults, options=right) as (gateway, running, _):
        refused = {}
        for name, options in others.items():
            async with wawp(running.base_url, options=options) as wrong:
                refused[name] = (await wrong.join(CODE, last_look=always)).answer.outcome
        session = await gateway.session()
        probe = await gateway.probe(CODE)
        receipt = await gateway.join(CODE, last_look=always)

        assert running.log.effects(Effect.JOINED) == {JID: 1}
    assert (session.answer.outcome, probe.answer.outcome, receipt.jid) == (Outcome.OK, Outcome.OK, JID)
    assert refused["auth"] is Outcome.BAD_CREDENTIALS
    assert refused["place"] is Outcome.NOT_SUPPORTED
    assert refused["form"] in (Outcome.NOT_SUPPORTED, Outcome.CODE_INVALID, Outcome.BAD_REQUEST)


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"inside": {"backup": False}}, Outcome.ALREADY_MEMBER),
        ({"pending": {"backup": 1.0}}, Outcome.APPROVAL_PENDING),
        ({"codes": {CODE: False}}, Outcome.CODE_REVOKED),
        ({"codes": {"A" * 22: True}}, Outcome.CODE_INVALID),
        ({"closed": True}, Outcome.GROUP_GONE),
        ({"removed": {"backup"}}, Outcome.REMOVED),
        ({"full": True}, Outcome.GROUP_FULL),
        ({"locked": True}, Outcome.GROUP_LOCKED),
        ({"growth_locked_until": 9e9}, Outcome.GROWTH_LOCKED),
        ({"needs_upgrade": True}, Outcome.NEEDS_UPGRADE),
    ],
    ids=lambda value: value.value if isinstance(value, Outcome) else next(iter(value)),
)
async def test_what_whatsapp_refuses_in_every_dialect(
    dialect: str, changes: dict[str, object], outcome: Outcome
) -> None:
    async with simulated(support(**changes), Faults(dialect=dialect)) as (gateway, running, _):
        receipt = await gateway.join(CODE, last_look=always)

        assert len(running.log.joins()) == 1
    assert (receipt.answer.outcome, receipt.jid) == (outcome, None)


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
async def test_limits_and_restrictions_of_the_account_in_every_dialect(dialect: str) -> None:
    async with simulated(faults=Faults(dialect=dialect)) as (gateway, _, account):
        account.join_budget = 0
        limited = await gateway.join(CODE, last_look=always)
        account.restricted_until = 9e9
        restricted = await gateway.join(CODE, last_look=always)
        session = await gateway.session()

    assert limited.answer.outcome is Outcome.JOIN_LIMITED
    assert restricted.answer.outcome is Outcome.RESTRICTED
    assert session.restricted_until == 9e9


@pytest.mark.parametrize("receipt", ["empty", "with_id", "error"])
async def test_a_request_to_be_let_in_is_never_said_to_have_failed(receipt: str) -> None:
    faults = Faults(pending_receipt=receipt)
    async with simulated(support(approval=True), faults) as (gateway, running, _):
        probe = await gateway.probe(CODE)
        answer = await gateway.join(CODE, last_look=always)

        assert running.log.effects(Effect.REQUESTED) == {JID: 1}
    assert probe.preview is not None
    assert probe.preview.approval is True
    assert answer.answer.outcome in {Outcome.ACCEPTED, Outcome.JOINED, Outcome.SUBMITTED}


@pytest.mark.parametrize(
    ("rule", "outcome"),
    [
        (Rule(Trouble.CUT, effect=When.DONE), Outcome.UNKNOWN),
        (Rule(Trouble.CUT), Outcome.UNKNOWN),
        (Rule(Trouble.HANG, effect=When.DONE), Outcome.UNKNOWN),
        (Rule(Trouble.TRUNCATED), Outcome.UNKNOWN),
        (Rule(Trouble.GARBAGE), Outcome.UNKNOWN),
        (Rule(Trouble.HTTP, status=500, effect=When.DONE), Outcome.UNKNOWN),
        (Rule(Trouble.HTTP, status=503), Outcome.UNKNOWN),
        (Rule(Trouble.HTML, status=502, effect=When.DONE), Outcome.UNKNOWN),
        (Rule(Trouble.HTML, status=200), Outcome.UNKNOWN),
        (Rule(Trouble.ERROR_BODY), Outcome.UNKNOWN),
        (Rule(Trouble.IQ, iq=500, effect=When.DONE), Outcome.UNKNOWN),
        (Rule(Trouble.NO_ID), Outcome.ACCEPTED),
        (Rule(Trouble.SESSION), Outcome.SESSION_DOWN),
        (Rule(Trouble.UNAUTHORIZED), Outcome.BAD_CREDENTIALS),
        (Rule(Trouble.PLAN_LIMIT), Outcome.GATEWAY_LIMITED),
        (Rule(Trouble.SUBSCRIPTION), Outcome.PLAN_LIMIT),
    ],
    ids=lambda value: (
        value.value if isinstance(value, Outcome) else f"{value.trouble}-{value.when}-{value.status}"
    ),
)
async def test_spoiled_answers_to_a_join(rule: Rule, outcome: Outcome) -> None:
    faults = Faults(rules=[rule])
    timeouts = Timeouts(connect=2.0, read=2.0, join=0.3)
    async with simulated(faults=faults, timeouts=timeouts) as (gateway, running, _):
        receipt = await gateway.join(CODE, last_look=always)

        assert len(running.log.joins()) == 1
        if running.log.effects(Effect.JOINED):
            assert outcome in {Outcome.UNKNOWN, Outcome.ACCEPTED}
    assert (receipt.answer.outcome, receipt.answer.sent) == (outcome, True)


async def test_the_gateways_own_429_tells_how_long() -> None:
    faults = Faults(rules=[Rule(Trouble.PLAN_LIMIT, seconds=90)])
    async with simulated(faults=faults) as (gateway, _, _account):
        receipt = await gateway.join(CODE, last_look=always)

    assert receipt.answer.retry_after == 90.0


async def test_a_dropped_join_is_not_in_the_truth_log() -> None:
    async with simulated() as (gateway, running, _):
        receipt = await gateway.join(CODE, last_look=lambda: False)

        assert running.log.requests == []
    assert receipt.answer.sent is False


@pytest.mark.parametrize("trouble", [Trouble.LIST_OBJECT, Trouble.LIST_BARE, Trouble.LIST_NO_NAMES])
@pytest.mark.parametrize("engine", ENGINES)
async def test_lists_in_every_shape(trouble: Trouble, engine: str) -> None:
    faults = Faults(engine=engine, rules=[Rule(trouble)])
    async with simulated(support(inside={"backup": True}), faults) as (gateway, _, _account):
        groups = await gateway.groups()

    assert [group.jid for group in groups.groups] == [JID]
    assert (groups.groups[0].participants is None) == (trouble is Trouble.LIST_BARE)
    assert groups.groups[0].subject == (None if trouble is Trouble.LIST_NO_NAMES else "Support 4")
    assert groups.groups[0].members == 203


async def test_a_group_that_we_are_not_in_is_forbidden_and_one_that_is_not_there_gone() -> None:
    async with simulated() as (gateway, _, _account):
        outside = await gateway.group(JID)
        nowhere = await gateway.participants("120363000000000000@g.us")

    assert (outside.answer.outcome, outside.group) == (Outcome.FORBIDDEN, None)
    assert nowhere.answer.outcome is Outcome.GROUP_GONE


@pytest.mark.parametrize(
    ("word", "state"),
    [
        (AccountState.WORKING, InstanceState.WORKING),
        (AccountState.STARTING, InstanceState.STARTING),
        (AccountState.SCAN_QR_CODE, InstanceState.NEEDS_LOGIN),
        (AccountState.STOPPED, InstanceState.DISCONNECTED),
        (AccountState.FAILED, InstanceState.LOST),
    ],
)
@pytest.mark.parametrize("methods", ["both", "get", "post"])
async def test_session_states_and_own_ids(word: AccountState, state: InstanceState, methods: str) -> None:
    async with simulated(faults=Faults(session_info=methods)) as (gateway, _, account):
        account.state = word
        session = await gateway.session()
        again = await gateway.session()

    assert session == again
    assert (session.answer.outcome, session.state, session.word) == (Outcome.OK, state, word.value)
    if word is AccountState.WORKING:
        assert (session.phone, session.lid) == (ME, MY_LID)


async def test_a_session_that_is_down_fails_probe_and_join_alike() -> None:
    async with simulated() as (gateway, running, account):
        account.state = AccountState.SCAN_QR_CODE
        probe = await gateway.probe(CODE)
        receipt = await gateway.join(CODE, last_look=always)

        assert len(running.log.of(Kind.JOIN)) == 1
    assert probe.answer.outcome is receipt.answer.outcome is Outcome.SESSION_DOWN


@pytest.mark.parametrize("shape", ["object", "text", "url"])
async def test_invite_codes_are_read_and_revoked_by_admins_only(shape: str) -> None:
    async with simulated(support(inside={"backup": True}), Faults(code_shape=shape)) as (
        gateway,
        running,
        me,
    ):
        code = await gateway.invite_code(JID)
        fresh = await gateway.revoke_code(JID)
        running.network.group(JID).inside[me.name] = False
        refused = await gateway.invite_code(JID)

        assert fresh.code == running.network.group(JID).current_code
    assert code.code == CODE
    assert refused.answer.outcome is Outcome.FORBIDDEN


async def test_greeting_leaving_and_webhooks() -> None:
    hooks = (WebhookTarget("https://example.org/hook", ("group.v2.join", "session.status")),)
    async with simulated() as (gateway, running, me):
        await gateway.join(CODE, last_look=always)
        sent = await gateway.send_text(JID, "Hello, room")
        left = await gateway.leave(JID)
        kept = await gateway.set_webhooks(hooks)
        read = await gateway.webhooks()

        group = running.network.group(JID)
        assert [text for _, _, text in group.messages] == ["Hello, room"]
        assert me.name not in group.inside
    assert sent.answer.outcome is left.outcome is kept.outcome is Outcome.OK
    assert sent.message_id
    assert read.webhooks == hooks


THEIRS: dict[str, object] = {
    "url": "https://crm.example.org/in?key=s3cret-of-theirs", "events": ["message"], "is_active": 0,
    "hmac": "hmac-of-theirs", "retries": {"delay": 2, "attempts": 15}, "name": "CRM", "x": {"a": [1, None]},
}  # fmt: skip


async def test_our_webhook_is_set_beside_somebody_elses_which_stays_as_it_was() -> None:
    address = HookAddress("https://rejoin.example.org", "backup", "path-secret", "signing-secret", SUBSCRIBED)
    async with simulated() as (gateway, running, me):
        me.webhooks = [dict(THEIRS)]
        first = await install(gateway, address)
        second = await install(gateway, address)

        assert (first.changed, first.signed, second.changed) == (True, True, False)
        assert len(running.log.of(Kind.SET_WEBHOOKS)) == 1
        theirs, ours = me.webhooks
    assert json.dumps(theirs) == json.dumps(THEIRS)
    assert (ours["url"], ours["hmac"], ours["is_active"]) == (address.url, "signing-secret", True)


@pytest.mark.parametrize("status", [200, 400, 500])
async def test_an_error_about_webhooks_repeats_no_secret_of_anybodys(status: int) -> None:
    hooks = reading.webhooks({"webhooks": [THEIRS]}) or ()
    ours = WebhookTarget("https://rejoin.example.org/hooks/b/path-secret", ("a",), secret="signing-secret")

    def echo(seen: Seen) -> bytes:
        return http(status, {"status": 422, "message": f"refused: {json.dumps(seen.body)}"})

    async with against(echo) as (gateway, _):
        answer = await gateway.set_webhooks((*hooks, ours))

    assert answer.outcome is not Outcome.OK
    assert "refused" in answer.text
    for secret in ("s3cret-of-theirs", "hmac-of-theirs", "path-secret", "signing-secret", TOKEN):
        assert secret not in answer.text


async def test_writing_where_only_admins_may_is_forbidden() -> None:
    async with simulated(support(announce=True)) as (gateway, _, _account):
        probe = await gateway.probe(CODE)
        await gateway.join(CODE, last_look=always)
        sent = await gateway.send_text(JID, "Hello")

    assert probe.preview is not None
    assert probe.preview.announce is True
    assert sent.answer.outcome is Outcome.FORBIDDEN


async def test_a_plan_without_webhooks_says_so() -> None:
    async with simulated(faults=Faults(plan="free")) as (gateway, _, _account):
        read = await gateway.webhooks()
        kept = await gateway.set_webhooks(())

    assert read.answer.outcome is kept.outcome is Outcome.PLAN_LIMIT


async def test_wrong_credentials_are_told_from_an_unknown_instance() -> None:
    async with serve(network_with(support())) as running:
        async with wawp(running.base_url, access_token="wrong") as gateway:
            wrong = await gateway.session()
        async with wawp(running.base_url, instance_id="999") as gateway:
            unknown = await gateway.session()

    assert wrong.answer.outcome is Outcome.BAD_CREDENTIALS
    assert (unknown.answer.outcome, unknown.state) == (Outcome.SESSION_DOWN, InstanceState.NEEDS_LOGIN)
