"""Our webhook stands at the gateway once, beside the others, and its secret is never shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from orchestrator.domain.errors import ConfigurationError, CredentialsError, RejoinError, TemporaryError
from orchestrator.domain.outcomes import GatewayAnswer, Outcome, WebhooksAnswer, WebhookTarget
from orchestrator.services.installing import HookAddress, install, merged

EVENTS = ("group.v2.join", "session.status")
ADDRESS = HookAddress("https://rejoin.example.org/in/", "backup-1", "s3cret/+")
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
    calls: list[tuple[WebhookTarget, ...]] = field(default_factory=list)

    async def webhooks(self) -> WebhooksAnswer:
        return WebhooksAnswer(GatewayAnswer(self.reading, text="says so"), self.hooks)

    async def set_webhooks(self, webhooks: tuple[WebhookTarget, ...]) -> GatewayAnswer:
        self.calls.append(webhooks)
        self.hooks = () if self.forgets else webhooks
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
    assert merged(present, ADDRESS, EVENTS) == wanted
    assert merged(wanted, ADDRESS, EVENTS) == wanted


async def setting(gate: Gate, **more: Any) -> Any:
    return await install(cast("Any", gate), ADDRESS, EVENTS, **more)


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
