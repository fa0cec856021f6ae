"""Our webhook stands at the gateway once, beside the others, and its secret is never shown."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from orchestrator.account.installing import HookAddress, install, merged
from orchestrator.domain.errors import ConfigurationError, CredentialsError, RejoinError, TemporaryError
from orchestrator.domain.outcomes import GatewayAnswer, Outcome, WebhooksAnswer, WebhookTarget

EVENTS = ("group.v2.join", "session.status")
ADDRESS = HookAddress("https://rejoin.example.org/in/", "backup-1", "s3cret/+", events=EVENTS)
OURS = "https://rejoin.example.org/in/hooks/backup-1/s3cret%2F%2B"
CRM = WebhookTarget("https://crm.example.org/hooks/backup-1/x", ("message",), active=False)
NEIGHBOUR = WebhookTarget("https://rejoin.example.org/in/hooks/backup-10/x", ("message",))


@dataclass
class Gate:
    """A gateway that keeps webhooks, or answers something else."""

    hooks: tuple[WebhookTarget, ...] = ()
    reading: Outcome = Outcome.OK
    setting: Outcome = Outcome.OK
    forgets: bool = False
    hides: bool = False  # secrets
    loses: str = ""  # the webhook with this URL
    wakes: bool = False  # switches on whatever is written
    calls: list[tuple[WebhookTarget, ...]] = field(default_factory=list)

    async def webhooks(self) -> WebhooksAnswer:
        shown = tuple(replace(one, secret=None if self.hides else one.secret) for one in self.hooks)
        return WebhooksAnswer(GatewayAnswer(self.reading, text="says so"), shown)

    async def set_webhooks(self, webhooks: tuple[WebhookTarget, ...]) -> GatewayAnswer:
        self.calls.append(webhooks)
        self.hooks = () if self.forgets else tuple(one for one in webhooks if one.url != self.loses)
        if self.wakes:
            self.hooks = tuple(replace(one, active=True) for one in self.hooks)
        return GatewayAnswer(self.setting)


def test_the_address_names_the_instance_and_shows_no_secret() -> None:
    assert ADDRESS.url == OURS
    assert ADDRESS.shown == "https://rejoin.example.org/in/hooks/backup-1/…"
    assert HookAddress("https://a.example", "b").url == HookAddress("https://a.example", "b").shown
    assert "s3cret" not in repr(ADDRESS)


@pytest.mark.parametrize(
    ("present", "wanted"),
    [
        ((), (WebhookTarget(OURS, EVENTS),)),
        ((CRM, NEIGHBOUR), (CRM, NEIGHBOUR, WebhookTarget(OURS, EVENTS))),
        ((WebhookTarget(OURS, EVENTS), CRM), (WebhookTarget(OURS, EVENTS), CRM)),
        ((WebhookTarget(OURS, EVENTS, active=False),), (WebhookTarget(OURS, EVENTS),)),
        (
            (CRM, WebhookTarget(ADDRESS.stem, ("a",)), NEIGHBOUR),
            (CRM, WebhookTarget(OURS, ("a", *EVENTS)), NEIGHBOUR),
        ),
        (
            (WebhookTarget(f"{ADDRESS.stem}/old", ("*",)), WebhookTarget(OURS, ("*",))),
            (WebhookTarget(OURS, ("*",)),),
        ),
    ],
)
def test_others_stay_and_ours_stands_there_once(
    present: tuple[WebhookTarget, ...], wanted: tuple[WebhookTarget, ...]
) -> None:
    assert merged(present, ADDRESS) == wanted
    assert merged(wanted, ADDRESS) == wanted


SIGNED = replace(ADDRESS, signing_secret="key-between-us-0123")
MINE = {"url": OURS, "events": list(EVENTS), "is_active": 1, "retries": {"attempts": 5}}


@pytest.mark.parametrize(
    ("present", "signs"),
    [
        ((), "key-between-us-0123"),
        ((WebhookTarget(OURS, EVENTS),), "key-between-us-0123"),
        ((WebhookTarget(OURS, EVENTS, secret="old"),), "key-between-us-0123"),
    ],
)
async def test_our_webhook_carries_its_signing_secret(present: tuple[WebhookTarget, ...], signs: str) -> None:
    gate = Gate(present)
    first = await install(cast("Any", gate), SIGNED)
    second = await install(cast("Any", gate), SIGNED)

    assert [hook.secret for hook in gate.hooks] == [signs]
    assert (first.changed, first.signed, second.changed, second.signed) == (True, True, False, True)
    assert signs not in repr((SIGNED, first, gate))


async def test_without_a_signing_secret_the_one_at_the_gateway_stays() -> None:
    gate = Gate((WebhookTarget(OURS, EVENTS, secret="old", raw=MINE),))
    done = await setting(gate)

    assert (done.changed, done.signed, gate.calls) == (False, None, [])


async def test_what_the_gateway_keeps_of_our_webhook_goes_back_with_it() -> None:
    gate = Gate((WebhookTarget(f"{ADDRESS.stem}/old", EVENTS), WebhookTarget(OURS, ("a",), raw=MINE)))
    await setting(gate)

    assert [hook.raw for hook in gate.hooks] == [MINE]


@pytest.mark.parametrize(
    "mask",
    [
        "******",
        "abcd****wxyz",
        {"key": "••••••"},
        "abcd…",
        "abcd...",
        "xxxxxxxx",
        "[hidden]",
        "REDACTED",
        "<masked>",
    ],
)
async def test_a_webhook_whose_secret_is_hidden_is_not_overwritten(mask: object) -> None:
    gate = Gate((replace(CRM, raw={"url": CRM.url, "hmac": mask}),))

    with pytest.raises(ConfigurationError, match="hides a secret of another webhook"):
        await setting(gate)
    assert gate.calls == []


async def test_a_gateway_that_loses_the_webhook_of_another_is_told() -> None:
    gate = Gate((CRM,), loses=CRM.url)

    with pytest.raises(TemporaryError, match="all webhooks of others, but does not show"):
        await setting(gate)


async def test_a_gateway_that_switches_on_the_webhook_of_another_is_told() -> None:
    gate = Gate((CRM,), wakes=True)

    with pytest.raises(TemporaryError, match="switched on 1 of the webhooks of others"):
        await setting(gate)


async def test_a_gateway_that_hides_secrets_is_told_apart() -> None:
    gate = Gate(hides=True)

    assert (await install(cast("Any", gate), SIGNED)).signed is False


async def setting(gate: Gate, **more: Any) -> Any:
    return await install(cast("Any", gate), ADDRESS, **more)


async def test_installing_twice_asks_the_gateway_to_change_once() -> None:
    gate = Gate((CRM,))
    first, second = await setting(gate), await setting(gate)

    assert (first.changed, second.changed, first.kept, second.kept) == (True, False, 1, 1)
    assert gate.calls == [(CRM, WebhookTarget(OURS, EVENTS))]


async def test_a_dry_run_changes_nothing() -> None:
    gate = Gate((CRM,))

    assert (await setting(gate, dry_run=True)).changed
    assert gate.calls == []


@pytest.mark.parametrize(
    ("gate", "error"),
    [
        (Gate(reading=Outcome.BAD_CREDENTIALS), CredentialsError),
        (Gate(reading=Outcome.PLAN_LIMIT), CredentialsError),
        (Gate(reading=Outcome.NOT_SUPPORTED), ConfigurationError),
        (Gate(reading=Outcome.TRANSIENT), TemporaryError),
        (Gate(setting=Outcome.UNKNOWN), TemporaryError),
        (Gate(forgets=True), TemporaryError),
    ],
)
async def test_what_the_gateway_refuses_is_said(gate: Gate, error: type[RejoinError]) -> None:
    with pytest.raises(error, match="backup-1: "):
        await setting(gate)
    assert gate.reading is Outcome.OK or gate.calls == []
