"""Webhooks from the gateways: whether they would be taken, and whether each gateway sends them here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.doctor.finding import ok, skipped, warning
from orchestrator.domain.commands import Command, Operation
from orchestrator.domain.errors import ConfigurationError
from orchestrator.domain.outcomes import Outcome

if TYPE_CHECKING:
    from orchestrator.account.installing import HookAddress
    from orchestrator.doctor.doctor_context import ExaminedAccount
    from orchestrator.doctor.finding import Finding
    from orchestrator.domain.outcomes import WebhooksAnswer, WebhookTarget

NAME = "webhook"
_SECRET = "set webhooks.secret_file, webhooks.path_secret_file or both"  # noqa: S105 - says where one goes


@dataclass(frozen=True, slots=True)
class Hooks:
    """How webhooks are configured. `addresses`: where each instance's should go, if that is known."""

    public_url: str = ""
    has_secret: bool = False
    addresses: tuple[HookAddress, ...] = ()

    def address(self, instance: str) -> HookAddress | None:
        if not self.has_secret:
            return None
        return next((one for one in self.addresses if one.instance == instance), None)


def configured(hooks: Hooks) -> Finding:
    if hooks.has_secret:
        where = f" at {hooks.public_url}" if hooks.public_url else "; webhooks.public_url is not set"
        return ok("webhooks", f"taken{where}")
    if hooks.public_url:
        return warning("webhooks", "webhooks.public_url is set, but no secret: none is taken", _SECRET)
    return ok("webhooks", "none are taken: no secret is set. Polling finds the same, later")


async def at_gateway(hooks: Hooks, account: ExaminedAccount, *, works: bool) -> list[Finding]:
    """Whether this instance's gateway sends to us. `works`: its session does."""
    address = hooks.address(account.name)
    if address is None:
        return []
    if not works:
        return [skipped(NAME, "the session does not work", instance=account.name)]
    try:
        gateway = account.gateway()
    except ConfigurationError:
        return []  # told already
    return [_judge(await gateway.webhooks(), address)]


def _judge(found: WebhooksAnswer, address: HookAddress) -> Finding:
    name = address.instance
    install = str(Command(Operation.INSTALL_HOOKS, instance=name))
    if found.answer.outcome is Outcome.NOT_SUPPORTED:
        return skipped(NAME, "the gateway has no call to ask for it", instance=name)
    if found.answer.outcome is not Outcome.OK:
        said = found.answer.text or found.answer.outcome.value
        return warning(NAME, f"it is not known whether it is set: {said}", instance=name)
    ours = [target for target in found.webhooks if address.is_ours(target)]
    trouble = _trouble(ours, address)
    if trouble is not None:
        return warning(NAME, trouble, install, instance=name)
    return ok(NAME, f"set to {address.shown}", instance=name)


def _signs_otherwise(target: WebhookTarget, address: HookAddress) -> bool:
    """A gateway that shows no secret, or a masked one, is not judged."""
    return target.secret not in (None, address.signing_secret) and "***" not in (target.secret or "")


def _trouble(ours: list[WebhookTarget], address: HookAddress) -> str | None:
    if not ours:
        return "the gateway does not send to us; polling finds the same, later"
    right = [target for target in ours if target.url == address.url]
    if not right:
        return "the gateway sends with another secret in the path: refused"
    if not any(target.active for target in right):
        return "set, but switched off at the gateway"
    if address.signing_secret and all(_signs_otherwise(target, address) for target in right):
        return "the gateway signs with another secret than webhooks.secret: refused"
    heard = {event for target in right for event in target.events}
    missing = [] if "*" in heard else [event for event in address.events if event not in heard]
    return f"set, but without {', '.join(missing)}" if missing else None
