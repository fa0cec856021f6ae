"""A gateway of one vendor against a peer that answers everything alike, to see what it asks."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from orchestrator.clock import SystemClock
from orchestrator.domain.outcomes import WebhookTarget
from orchestrator.gateways.base import Endpoint
from orchestrator.gateways.vendors import VENDORS
from tests.contract.wawp_peer import CODE, JID, Peer, Seen, always, http, listening

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from orchestrator.gateways.base import Gateway

ACCOUNT = "default"
OURS = WebhookTarget("https://rejoin.example/hooks/b/path-secret", ("*",), secret="a secret of ours")
CALLS: dict[str, Callable[[Gateway], Awaitable[Any]]] = {
    "session": lambda gateway: gateway.session(),
    "probe": lambda gateway: gateway.probe(CODE),
    "join": lambda gateway: gateway.join(CODE, last_look=always),
    "groups": lambda gateway: gateway.groups(),
    "group": lambda gateway: gateway.group(JID),
    "participants": lambda gateway: gateway.participants(JID),
    "leave": lambda gateway: gateway.leave(JID),
    "invite_code": lambda gateway: gateway.invite_code(JID),
    "revoke_code": lambda gateway: gateway.revoke_code(JID),
    "send_text": lambda gateway: gateway.send_text(JID, "Hello"),
    "webhooks": lambda gateway: gateway.webhooks(),
    "set_webhooks": lambda gateway: gateway.set_webhooks((OURS,)),
}


@asynccontextmanager
async def asked(
    vendor: str, answer: Callable[[Seen], bytes] | object, *, token: str
) -> AsyncIterator[tuple[Gateway, Peer]]:
    """`answer`: the body of each answer, or what makes it."""
    peer = Peer(answer if callable(answer) else lambda _seen: http(200, answer))
    async with listening(peer) as url:
        made = Endpoint(url, ACCOUNT, token, {}, 5.0, 5.0, 5.0, clock=SystemClock())
        gateway = VENDORS[vendor].open(made)
        try:
            yield gateway, peer
        finally:
            await gateway.close()
