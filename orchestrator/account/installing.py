"""Setting our webhook at a gateway beside those that are there: gateways overwrite the whole list."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from orchestrator.domain.commands import Operation
from orchestrator.domain.errors import (
    ConfigurationError,
    CredentialsError,
    RejoinError,
    TemporaryError,
)
from orchestrator.domain.outcomes import GatewayAnswer, Outcome, WebhookTarget
from orchestrator.gateways.base import Gateway

MASK = "…"
_MASKED = re.compile(r"[*•●]{3,}|…|\.{3}$")  # what others mask secrets with
_INSTEAD = re.compile(r"(?:[<\[(] *)?(?:x{4,}|hidden|masked|redacted|filtered)(?: *[>\])])?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class HookAddress:
    """Where one instance's webhooks go, what they are signed with, and which events its gateway is to send.

    Only `shown` may be printed.
    """

    public_url: str
    instance: str
    path_secret: str = field(default="", repr=False)
    signing_secret: str = field(default="", repr=False)
    events: tuple[str, ...] = ()
    by_hand: str = ""  # how to set it without a call, if there is a way

    @property
    def stem(self) -> str:
        return f"{self.public_url.rstrip('/')}/hooks/{quote(self.instance, safe='')}"

    @property
    def url(self) -> str:
        return f"{self.stem}/{quote(self.path_secret, safe='')}" if self.path_secret else self.stem

    @property
    def shown(self) -> str:
        return f"{self.stem}/{MASK}" if self.path_secret else self.stem

    def is_ours(self, target: WebhookTarget) -> bool:
        """Also with another secret than today's."""
        rest = target.url.removeprefix(self.stem)
        return rest != target.url and (not rest or rest[0] in "/?")


@dataclass(frozen=True, slots=True)
class Installed:
    """What was done, or with `dry_run` would be."""

    instance: str
    address: HookAddress
    changed: bool
    events: tuple[str, ...]
    kept: int  # webhooks of others
    signed: bool | None = None  # the gateway shows our signing secret; None: there is none, or a dry run


async def install(gateway: Gateway, address: HookAddress, *, dry_run: bool = False) -> Installed:
    """Idempotent. Raises CredentialsError, ConfigurationError and TemporaryError."""
    present = await _present(gateway, address)
    wanted = merged(present, address)
    kept = sum(not address.is_ours(target) for target in present)
    told = next(target.events for target in wanted if target.url == address.url)
    done = Installed(address.instance, address, wanted != present, told, kept)
    if dry_run:
        return done
    shown = await _replaced(gateway, address, present, wanted) if done.changed else present
    ours = next(target for target in shown if target.url == address.url)
    return replace(done, signed=ours.secret == address.signing_secret if address.signing_secret else None)


async def _replaced(
    gateway: Gateway,
    address: HookAddress,
    present: tuple[WebhookTarget, ...],
    wanted: tuple[WebhookTarget, ...],
) -> tuple[WebhookTarget, ...]:
    """What the gateway shows after it was given `wanted`, every webhook of which must be there."""
    others = [target for target in present if not address.is_ours(target)]
    if any(_is_masked(target.raw) for target in others):
        raise ConfigurationError(
            f"{address.instance}: the gateway hides a secret of another webhook, which would get lost",
            hint=f"set {address.shown} by hand, on the gateway's own pages",
        )
    _raise_if_not_ok(await gateway.set_webhooks(wanted), address)
    shown = await _present(gateway, address)
    if missing := {target.url for target in wanted} - {target.url for target in shown}:
        which = "the webhook" if address.url in missing else "all webhooks of others"
        raise TemporaryError(f"{address.instance}: the gateway took {which}, but does not show it")
    switched = {target.url for target in others if not target.active} & {
        target.url for target in shown if target.active
    }
    if switched:
        raise TemporaryError(
            f"{address.instance}: the gateway switched on {len(switched)} of the webhooks of others",
            hint="switch it off again on the gateway's own pages",
        )
    return shown


def _is_masked(value: Any) -> bool:
    """Whether a mask stands there for a value: written back, it would be the value from then on."""
    if isinstance(value, dict | list):
        return any(_is_masked(inner) for inner in (value.values() if isinstance(value, dict) else value))
    return isinstance(value, str) and bool(_MASKED.search(value) or _INSTEAD.fullmatch(value))


def merged(present: tuple[WebhookTarget, ...], address: HookAddress) -> tuple[WebhookTarget, ...]:
    """Those that are there, with ours once: in its place, and with the events that it has already."""
    ours = [target for target in present if address.is_ours(target)]
    heard = dict.fromkeys(name for target in ours for name in target.events)
    told = tuple(heard if "*" in heard else heard | dict.fromkeys(address.events))
    if not ours:
        return (*present, WebhookTarget(address.url, told, secret=address.signing_secret or None))
    kept = next((target for target in ours if target.url == address.url), ours[0])
    secret = address.signing_secret or kept.secret
    wanted = replace(kept, url=address.url, events=told, active=True, secret=secret)
    first = next(at for at, target in enumerate(present) if address.is_ours(target))
    others = [target for target in present if not address.is_ours(target)]
    return (*others[:first], wanted, *others[first:])


async def _present(gateway: Gateway, address: HookAddress) -> tuple[WebhookTarget, ...]:
    found = await gateway.webhooks()
    _raise_if_not_ok(found.answer, address)
    return found.webhooks


def _raise_if_not_ok(answer: GatewayAnswer, address: HookAddress) -> None:
    if answer.outcome is not Outcome.OK:
        raise _trouble(answer, address.instance)


def _trouble(answer: GatewayAnswer, instance: str) -> RejoinError:
    what = answer.text or answer.outcome.value
    match answer.outcome:
        case Outcome.BAD_CREDENTIALS:
            return CredentialsError(
                f"{instance}: the gateway refused the token or the instance_id: {what}",
                hint=str(Operation.DOCTOR),
            )
        case Outcome.PLAN_LIMIT:
            return CredentialsError(f"{instance}: the gateway's plan does not allow it: {what}")
        case Outcome.NOT_SUPPORTED:
            hint = "set the webhook by hand, on the gateway's own pages"
            return ConfigurationError(f"{instance}: the gateway has no call for webhooks: {what}", hint=hint)
        case _:
            return TemporaryError(
                f"{instance}: the gateway did not do it: {what}", hint=str(Operation.DOCTOR)
            )
