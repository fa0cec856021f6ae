"""Setting our webhook at a gateway beside those that are there: gateways overwrite the whole list."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

from orchestrator.domain.errors import ConfigurationError, CredentialsError, RejoinError, TemporaryError
from orchestrator.domain.outcomes import Outcome, WebhookTarget

if TYPE_CHECKING:
    from orchestrator.domain.outcomes import GatewayAnswer
    from orchestrator.gateways.base import Gateway

MASK = "…"


@dataclass(frozen=True, slots=True)
class HookAddress:
    """Where one instance's webhooks go. Only `shown` may be printed."""

    public_url: str
    instance: str
    path_secret: str = field(default="", repr=False)

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


async def install(
    gateway: Gateway, address: HookAddress, events: tuple[str, ...], *, dry_run: bool = False
) -> Installed:
    """Idempotent. Raises CredentialsError, ConfigurationError and TemporaryError."""
    present = await _present(gateway, address)
    wanted = merged(present, address, events)
    kept = sum(not address.is_ours(target) for target in present)
    told = next(target.events for target in wanted if target.url == address.url)
    done = Installed(address.instance, address, wanted != present, told, kept)
    if done.changed and not dry_run:
        _raise_if_not_ok(await gateway.set_webhooks(wanted), address)
        if address.url not in {target.url for target in await _present(gateway, address)}:
            raise TemporaryError(f"{address.instance}: the gateway took the webhook, but does not show it")
    return done


def merged(
    present: tuple[WebhookTarget, ...], address: HookAddress, events: tuple[str, ...]
) -> tuple[WebhookTarget, ...]:
    """Those that are there, with ours once: in its place, and with the events that it has already."""
    ours = [target for target in present if address.is_ours(target)]
    heard = dict.fromkeys(name for target in ours for name in target.events)
    wanted = WebhookTarget(address.url, tuple(heard if "*" in heard else heard | dict.fromkeys(events)))
    if not ours:
        return (*present, wanted)
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
            return CredentialsError(f"{instance}: the gateway refused the token", hint="rejoin doctor")
        case Outcome.PLAN_LIMIT:
            return CredentialsError(f"{instance}: the gateway's plan does not allow it: {what}")
        case Outcome.NOT_SUPPORTED:
            hint = "set the webhook by hand, on the gateway's own pages"
            return ConfigurationError(f"{instance}: the gateway has no call for webhooks: {what}", hint=hint)
        case _:
            return TemporaryError(f"{instance}: the gateway did not do it: {what}", hint="rejoin doctor")
