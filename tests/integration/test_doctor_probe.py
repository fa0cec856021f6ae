"""How a gateway wants to be asked is found with a few GETs, and nothing is ever joined."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.config import Settings, WawpOptions
from orchestrator.doctor import account_checks
from orchestrator.doctor.findings import Cause, ExaminedAccount, State
from orchestrator.doctor.probe_forms import LONGEST_WAIT, MOST, Settled, settle
from orchestrator.domain.errors import CredentialsError, RejoinError, TemporaryError
from orchestrator.gateways.base import Endpoint, Form, Gateway
from orchestrator.gateways.wawp import forms
from orchestrator.simulator.faults import Faults, Rule, Trouble
from orchestrator.simulator.model import AccountState
from orchestrator.simulator.server import serve
from orchestrator.simulator.truth import Kind
from tests.contract.test_wawp_simulator import network_with, support
from tests.contract.wawp_peer import CODE, INSTANCE, TOKEN, Peer, Seen, http, listening
from tests.support.fake_gateway import HandTime

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orchestrator.clock import Clock
    from orchestrator.simulator.server import Running

GAP = 3.0
CONFIGURED = {"auth": "body", "probe_path": "/v2/groups/join", "code_parameter": "code", "code_form": "code"}


def endpoint(base_url: str, options: dict[str, str], token: str, clock: Clock) -> Endpoint:
    whole = WawpOptions.model_validate(options).model_dump()
    return Endpoint(
        base_url, INSTANCE, token, whole, connect_timeout=5.0, timeout=10.0, join_timeout=10.0, clock=clock
    )


class Gateways:
    """Opens gateways in any form, and closes them all."""

    def __init__(self, base_url: str, clock: HandTime, token: str = TOKEN) -> None:
        self._base_url, self._clock, self._token = base_url, clock, token
        self._opened: list[Gateway] = []

    def forms(self, **configured: str) -> list[Form]:
        found = forms(endpoint(self._base_url, {**CONFIGURED, **configured}, self._token, self._clock))
        return [replace(one, gateway=partial(self._open, one)) for one in found]

    def _open(self, form: Form) -> Gateway:
        self._opened.append(form.gateway())
        return self._opened[-1]

    async def close(self) -> None:
        for one in self._opened:
            await one.close()


@asynccontextmanager
async def gateways(
    faults: Faults | None = None, *, token: str = TOKEN, **group: Any
) -> AsyncIterator[tuple[Gateways, HandTime, Running]]:
    clock = HandTime()
    async with serve(network_with(support(**group)), faults) as running:
        made = Gateways(running.base_url, clock, token)
        try:
            yield made, clock, running
        finally:
            await made.close()


async def found(made: Gateways, clock: HandTime, code: str = CODE, **configured: str) -> Settled:
    return await settle(made.forms(**configured), code, clock=clock, gap=GAP, tell=lambda _: None)


@pytest.mark.parametrize(
    ("faults", "lines", "gets"),
    [
        (Faults(), (), 1),
        (Faults(auth="header"), ('auth = "header"',), 2),
        (Faults(auth="bearer"), ('auth = "header"',), 2),  # which sends a bearer token too
        (Faults(auth="query"), ('auth = "query"',), 1),
        (Faults(paths="two"), ('probe_path = "/v2/groups/join-info"',), 2),
        (Faults(code_param="url", code_form="link"), ('code_parameter = "url"', 'code_form = "link"'), 2),
        (Faults(code_form="link"), ('code_form = "link"',), 3),
        (Faults(code_param="url", code_form="code"), ('code_parameter = "url"',), 4),
        (
            Faults(auth="header", paths="two", code_param="url", code_form="link"),
            (
                'auth = "header"', 'probe_path = "/v2/groups/join-info"', 'code_parameter = "url"',
                'code_form = "link"',
            ),
            4,
        ),
    ],
)  # fmt: skip
async def test_the_first_form_that_works_is_found_with_few_gets(
    faults: Faults, lines: tuple[str, ...], gets: int
) -> None:
    async with gateways(faults) as (made, clock, running):
        settled = await found(made, clock)

        asked = [request.kind for request in running.log.requests]
        assert Kind.JOIN not in asked
        assert running.log.happenings == []
    assert settled.error is None
    assert settled.preview is not None
    assert settled.lines == (("[instances.wawp]", *lines) if lines else ())
    assert len([one for one in settled.tried if one.call == "probe"]) == gets
    assert [one.refused for one in settled.tried if one.call == "probe"] == [True] * (gets - 1) + [False]
    assert not settled.tried[-1].refused
    assert all(one.answer.text for one in settled.tried if one.refused)


async def test_a_form_that_is_configured_is_tried_first_and_kept() -> None:
    faults = Faults(auth="bearer", paths="two", code_param="url", code_form="link")
    right = {
        "auth": "bearer",
        "probe_path": "/v2/groups/join-info",
        "code_parameter": "url",
        "code_form": "link",
    }
    async with gateways(faults) as (made, clock, _):
        settled = await found(made, clock, **right)

    assert (len(settled.tried), settled.lines) == (2, ())


async def test_between_two_questions_there_is_a_gap() -> None:
    seen: list[float] = []
    async with gateways(Faults(auth="header", paths="two")) as (made, clock, running):
        running.log.watchers.append(lambda _: seen.append(clock.boottime()))
        await found(made, clock)

    assert len(seen) == 4
    assert all(later - sooner >= GAP for sooner, later in pairwise(seen))


@pytest.mark.parametrize(
    "answer", [http(200, {}), http(500, {"message": "boom"}), http(400, {"message": "no"})]
)
async def test_only_gets_reach_a_gateway_that_understands_nothing_and_not_many(answer: bytes) -> None:
    peer = Peer(lambda _: answer)
    async with listening(peer) as url:
        made, clock = Gateways(url, HandTime()), HandTime()
        settled = await found(made, clock)
        await made.close()

    assert {seen.method for seen in peer.seen} == {"GET"}
    assert len(peer.seen) <= MOST
    assert type(settled.error) is RejoinError
    assert settled.form is None


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 405, 409, 429, 500, 503])
@pytest.mark.parametrize("body", [{}, {"message": "no"}, {"status": False}, b"<html>", b""])
async def test_nothing_is_ever_posted_to_the_path_of_the_join(status: int, body: object) -> None:
    peer = Peer(lambda _: http(status, body))
    async with listening(peer) as url:
        clock = HandTime()
        made = Gateways(url, clock)
        await found(made, clock)
        await made.close()

    assert [seen.path for seen in peer.seen if seen.method != "GET"] in ([], ["/v2/session/info"])


@pytest.mark.parametrize(
    ("faults", "state", "error", "words"),
    [
        (Faults(), AccountState.FAILED, RejoinError, "not connected"),
        (Faults(rules=[Rule(Trouble.CUT)]), AccountState.WORKING, TemporaryError, "does not answer"),
        (
            Faults(rules=[Rule(Trouble.PLAN_LIMIT, seconds=LONGEST_WAIT + 1)]),
            AccountState.WORKING, TemporaryError, "fewer calls",
        ),
        (Faults(rules=[Rule(Trouble.SUBSCRIPTION)]), AccountState.WORKING, CredentialsError, "plan"),
        (Faults(rules=[Rule(Trouble.UNAUTHORIZED)]), AccountState.WORKING, CredentialsError, "every form"),
    ],
)  # fmt: skip
async def test_trouble_that_no_form_mends_ends_it_and_is_told(
    faults: Faults, state: AccountState, error: type[RejoinError], words: str
) -> None:
    async with gateways(faults) as (made, clock, running):
        running.network.account("backup").state = state
        settled = await found(made, clock)

    assert type(settled.error) is error
    assert words in str(settled.error)
    assert settled.lines == ()


async def test_a_gateway_that_asks_for_a_little_patience_gets_it() -> None:
    faults = Faults(rules=[Rule(Trouble.PLAN_LIMIT, seconds=20, times=1)])
    async with gateways(faults) as (made, clock, _):
        began = clock.boottime()
        settled = await found(made, clock)

    assert settled.error is None
    assert clock.boottime() - began >= 20


@pytest.mark.parametrize("changes", [{"codes": {CODE: False}}, {"closed": True}])
async def test_a_dead_code_settles_nothing_and_that_is_said(changes: dict[str, Any]) -> None:
    async with gateways(**changes) as (made, clock, _):
        settled = await found(made, clock)

    assert settled.error is not None
    assert "this code cannot settle it" in settled.error.message
    assert settled.form is None


async def test_whatsapps_own_word_on_the_group_proves_the_form() -> None:
    async with gateways(Faults(auth="header"), removed={"backup"}) as (made, clock, _):
        settled = await found(made, clock)

    assert settled.changes == {"auth": "header"}
    assert "WhatsApp said of this group" in settled.note


async def test_no_secret_is_in_what_is_told() -> None:
    def echo(seen: Seen) -> bytes:
        return http(400, {"message": f"bad request: {seen.query} {seen.headers}"})

    peer = Peer(echo)
    async with listening(peer) as url:
        clock = HandTime()
        made = Gateways(url, clock)
        settled = await found(made, clock)
        await made.close()

    assert CODE not in repr(settled)
    assert TOKEN not in repr(settled)


@pytest.mark.parametrize(
    ("auth", "line"),
    [("header", 'auth = "header"'), ("bearer", 'auth = "header"'), ("query", 'auth = "query"')],
)
async def test_the_doctor_suggests_the_form_of_credentials_that_is_accepted(auth: str, line: str) -> None:
    async with gateways(Faults(auth=auth)) as (made, _, running):
        account = ExaminedAccount("backup", "backup", made.forms()[0].gateway, forms=made.forms)
        first, *_ = await account_checks.online(account)

        assert {request.kind for request in running.log.requests} == {Kind.SESSION}
    assert (first.state, first.cause) == (State.FAILED, Cause.CREDENTIALS)
    assert f"accepts it with {line}" in first.sentence
    assert first.hint == f"set {line} in [instances.wawp] of backup"


async def test_the_doctor_suggests_nothing_for_a_token_that_is_wrong() -> None:
    async with gateways(token="wrong") as (made, _, _running):
        account = ExaminedAccount("backup", "backup", made.forms()[0].gateway, forms=made.forms)
        first, *_ = await account_checks.online(account)

    assert first.hint == "put a valid access token into its token file"


def test_every_form_can_be_configured() -> None:
    for form in forms(endpoint("http://127.0.0.1", CONFIGURED, TOKEN, HandTime())):
        one = form.settings
        instance = {
            "name": "b", "role": "backup", "base_url": "http://127.0.0.1", "instance_id": "1",
            "access_token": TOKEN, "wawp": one,
        }  # fmt: skip
        assert Settings.model_validate({"instances": [instance]}).instances[0].wawp.auth == one["auth"]
