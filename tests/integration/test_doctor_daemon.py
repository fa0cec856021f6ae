"""What the doctor says of the daemon, of losses, and of webhooks here and at the gateway."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import pytest
from sqlalchemy import insert, update

import orchestrator
from orchestrator.account.installing import HookAddress
from orchestrator.doctor import daemon_checks
from orchestrator.doctor.findings import ExaminedAccount, Hooks, State
from orchestrator.domain.outcomes import GatewayAnswer, Outcome, WebhooksAnswer, WebhookTarget
from orchestrator.gateways.vendors import VENDORS
from orchestrator.store import schema
from orchestrator.store.engine import Database
from orchestrator.store.tables import daemon, losses
from tests.integration.status_rows import HOLDER, Rows
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orchestrator.doctor.findings import DoctorContext, Finding
    from orchestrator.gateways.base import Gateway

SECRET = "open-sesame"
SIGNING = "key-between-us-0123"
EVENTS = ("group.v2.join", "session.status")
ADDRESS = HookAddress("https://rejoin.example.org", "backup-1", SECRET, SIGNING, EVENTS)
HOOKS = Hooks("https://rejoin.example.org", has_secret=True, addresses=(ADDRESS,))
OURS = WebhookTarget(ADDRESS.url, EVENTS)


@dataclass
class Watched:
    """What the doctor asks about the daemon."""

    database: Database
    listen: str = ""

    async def daemon(self) -> list[Finding]:
        return await daemon_checks.daemon(cast("DoctorContext", self))

    async def lost(self) -> list[Finding]:
        return await daemon_checks.lost(cast("DoctorContext", self))

    async def lives(self, **values: Any) -> float:
        """Returns the database's clock."""
        async with self.database.write() as connection:
            now = await self.database.now(connection)
            usual = {"holder": HOLDER, "heartbeat_at": now - 2, "until": now + 60}
            usual["version"] = orchestrator.__version__
            await connection.execute(update(daemon).values(**usual | values))
        return now


@pytest.fixture
async def context(sqlite_url: str) -> AsyncIterator[Watched]:
    database = Database(sqlite_url)
    await schema.upgrade(database)
    yield Watched(database)
    await database.close()


async def test_a_daemon_that_never_ran_is_no_worry_and_one_that_is_gone_is(context: Watched) -> None:
    (never,) = await context.daemon()
    await context.lives()
    (living,) = await context.daemon()
    await context.lives(holder=None, until=None, heartbeat_at=1_790_000_000.0)
    (gone,) = await context.daemon()

    assert never.state is State.OK
    assert (living.state, living.sentence[:27]) == (State.OK, "running on box, process 471")
    assert (gone.state, gone.hint) == (State.WARNING, "rejoin daemon")
    assert gone.sentence.startswith("not running since 2026-09-21T")


async def test_what_fails_in_the_daemon_another_version_and_a_clock_that_went_back_are_told(
    context: Watched,
) -> None:
    troubles = json.dumps([{"part": "watching", "since": 1_790_000_000.0, "text": "boom"}])
    now = await context.lives(version="0.0.1", troubles=troubles)
    life, trouble, version = await context.daemon()
    await context.lives(heartbeat_at=now + 500)
    ahead, *_ = await context.daemon()

    assert life.state is State.OK
    assert trouble.sentence.startswith("watching fails since 2026-09-21T")
    assert trouble.sentence.endswith(": boom")
    assert version.sentence == f"it is version 0.0.1, this is {orchestrator.__version__}"
    assert (ahead.state, "ahead of the database's clock" in ahead.sentence) == (State.WARNING, True)


async def test_a_port_that_another_program_holds_is_told_unless_it_is_the_daemon(context: Watched) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", free_port()))
        other.listen()
        context.listen = f"127.0.0.1:{other.getsockname()[1]}"
        _, taken = await context.daemon()
        await context.lives(listen=context.listen)
        _, ours = await context.daemon()
        await context.lives(holder=None, until=None, heartbeat_at=None)
    _, free = await context.daemon()

    assert (taken.state, "another program" in taken.sentence) == (State.WARNING, True)
    assert (ours.state, ours.sentence) == (State.OK, f"the daemon listens at {context.listen}")
    assert (free.state, free.sentence) == (State.OK, f"{context.listen} is free")


async def test_accounts_that_are_suspected_or_lost_are_named(context: Watched) -> None:
    (none,) = await context.lost()
    rows = Rows(context.database)
    for name, state in (("sales-main", "lost"), ("backup-1", "suspected"), ("backup-2", "dismissed")):
        number = await rows.instance(name)
        async with context.database.write() as connection:
            values = {"instance_id": number, "state": state, "suspected_at": 0.0, "detail": None}
            if state == "lost":
                values["detail"] = "no backup is healthy"
            await connection.execute(insert(losses).values(**values))

    found = {one.instance: one for one in await context.lost()}

    assert none.state is State.OK
    assert {name: one.state for name, one in found.items()} == {
        "sales-main": State.WARNING,
        "backup-1": State.WARNING,
    }
    assert found["sales-main"].sentence == "lost since 1970-01-01T00:00:00Z; no backup is healthy"


@pytest.mark.parametrize(
    ("given", "state", "words"),
    [
        (Hooks(), State.OK, "none are taken"),
        (Hooks("https://rejoin.example.org"), State.WARNING, "but no secret"),
        (Hooks(has_secret=True), State.OK, "public_url is not set"),
        (HOOKS, State.OK, "taken at https://rejoin.example.org"),
    ],
)
def test_webhooks_that_would_all_be_refused_are_a_warning(given: Hooks, state: State, words: str) -> None:
    found = daemon_checks.configured(given)

    assert (found.state, words in found.sentence) == (state, True)


def answering(*targets: WebhookTarget, outcome: Outcome = Outcome.OK) -> ExaminedAccount:
    class Asked:
        async def webhooks(self) -> WebhooksAnswer:
            return WebhooksAnswer(GatewayAnswer(outcome, "its words"), targets)

    return ExaminedAccount("backup-1", "backup", lambda: cast("Gateway", Asked()))


STRANGE = WebhookTarget("https://other.example.org/x", ("*",))
OTHER_SECRET = replace(OURS, url=f"{ADDRESS.stem}/another")


@pytest.mark.parametrize(
    ("account", "state", "words"),
    [
        (answering(STRANGE, OURS), State.OK, "set to https://rejoin.example.org/hooks/backup-1/…"),
        (answering(replace(OURS, events=("*",))), State.OK, "set to"),
        (answering(STRANGE), State.WARNING, "does not send to us"),
        (answering(OTHER_SECRET), State.WARNING, "another secret"),
        (answering(replace(OURS, active=False)), State.WARNING, "switched off"),
        (answering(replace(OURS, events=EVENTS[:1])), State.WARNING, "without session.status"),
        (answering(replace(OURS, secret="old-0123456789ab")), State.WARNING, "signs with another secret"),
        (answering(replace(OURS, secret=SIGNING)), State.OK, "set to"),
        (answering(replace(OURS, secret="********")), State.OK, "set to"),
        (answering(outcome=Outcome.TRANSIENT), State.WARNING, "not known whether it is set: its words"),
        (answering(outcome=Outcome.NOT_SUPPORTED), State.SKIPPED, "no call"),
    ],
)
async def test_each_gateway_is_asked_whether_it_sends_here_and_no_secret_is_shown(
    account: ExaminedAccount, state: State, words: str
) -> None:
    (found,) = await daemon_checks.at_gateway(HOOKS, account, works=True)

    assert (found.state, words in found.sentence) == (state, True)
    assert not any(secret in f"{found}" for secret in (SECRET, SIGNING, "old-0123456789ab"))


async def test_a_gateway_is_not_asked_without_configuration_or_a_working_session() -> None:
    def never() -> Gateway:
        pytest.fail("it was asked")

    account = ExaminedAccount("backup-1", "backup", never)

    assert await daemon_checks.at_gateway(Hooks(), account, works=True) == []
    assert await daemon_checks.at_gateway(replace(HOOKS, has_secret=False), account, works=True) == []
    (skipped,) = await daemon_checks.at_gateway(HOOKS, account, works=False)
    assert skipped.state is State.SKIPPED


async def test_a_webhook_that_can_be_set_without_a_call_is_told_as_well_and_shows_no_secret() -> None:
    by_hand = VENDORS["waha"].hooks_by_hand(f"{ADDRESS.stem}/PATH_SECRET")
    hooks = replace(HOOKS, addresses=(replace(ADDRESS, by_hand=by_hand),))

    (found,) = await daemon_checks.at_gateway(hooks, answering(STRANGE), works=True)

    assert "rejoin hooks install --instance backup-1; or start WAHA with WHATSAPP_HOOK_URL=" in found.hint
    assert f"{ADDRESS.stem}/PATH_SECRET " in found.hint
    assert not any(secret in f"{found}" for secret in (SECRET, SIGNING))
