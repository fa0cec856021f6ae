"""How a gateway's webhooks behave, as data: where they go, what they look like and what goes wrong with them.

Sources: https://api.wawp.net/en/docs/group.v2.join and its siblings; WAHA's events, how-to/events and
WebhookSender.ts (retries on every error, constant delay, sends that overtake each other).
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.simulator.model import Account

NAMES = (
    "session.status",
    "group.v2.join",
    "group.v2.participants",
    "group.v2.leave",
    "group.v2.update",
    "group.join",
    "group.leave",
)
"""What can be told; the last two are WAHA's older words, which it calls deprecated."""


@dataclass(frozen=True, slots=True)
class Target:
    """One address that events are posted to."""

    url: str
    account: str | None = None  # whose events; None: everybody's
    events: tuple[str, ...] = ("*",)
    secret: str = field(default="", repr=False)  # its own: `hmac`, as it was set at the gateway

    def wants(self, name: str) -> bool:
        return "*" in self.events or name in self.events


@dataclass(slots=True)
class Webhooks:
    """Shares lie between 0 and 1, one draw per event and address. Spans in simulated seconds."""

    shape: str = "mixed"  # wawp, waha, mixed
    own_id: str = "alternate"  # how an event names its own account: phone, lid, both, alternate
    sends: tuple[str, ...] = NAMES  # what the gateway tells at all
    secret: str = ""  # empty: nothing is signed
    algorithm: str = "sha512"  # sha256, sha512
    header: str = "X-Webhook-Hmac"
    signature_form: str = "digest"  # X-Wawp-Signature of a webhook with an `hmac`: digest, plain
    lost: float = 0.0  # never sent, neither are its copies below; forged ones are
    doubled: float = 0.0  # sent twice, each with a delay of its own
    delay: tuple[float, float] = (0.0, 0.0)  # evenly between the two, so that events overtake each other
    replayed: float = 0.0  # sent once more, much later
    replay_after: tuple[float, float] = (120.0, 900.0)
    forged: float = 0.0  # one more copy with a wrong signature
    unsigned: float = 0.0  # one more copy without any
    strangers: float = 0.0  # with an event of ours, another member comes or goes in some group of ours
    unknown: float = 0.0  # with an event of ours, one tells that we joined a group that is nobody's
    tries: int = 3  # of each delivery, on every error
    retry_delay: float = 2.0  # simulated seconds
    targets: tuple[Target, ...] = ()

    def targets_of(self, account: Account) -> Iterator[Target]:
        """Where that account's events go: what was set at the gateway, and what the scenario gives."""
        for given in account.webhooks:
            events = given.get("events")
            names = tuple(map(str, events)) if isinstance(events, list) and events else ("*",)
            if str(given.get("is_active", True)).lower() not in ("0", "false"):
                yield Target(str(given.get("url")), account.name, names, str(given.get("hmac") or ""))
        yield from (target for target in self.targets if target.account in (None, account.name))

    def signature(self, body: bytes, secret: str | None = None) -> str:
        """HMAC of the body in hex, with another secret if one is given."""
        key = (self.secret if secret is None else secret).encode()
        return hmac.new(key, body, getattr(hashlib, self.algorithm)).hexdigest()

    def signed(self, body: bytes, own: str, *, wrong: bool = False) -> dict[str, str]:
        """The headers that sign a body. `own`: the webhook's secret, else everybody's signs, as WAHA does.

        Wawp's: "a secret string" (https://api.wawp.net/en/docs/v2/webhook/set), or the HMAC-SHA256 of its
        Python client (wawp_sdk/resources/webhooks.py).
        """
        if own:
            secret = f"not {own}" if wrong else own
            digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
            return {"X-Wawp-Signature": secret if self.signature_form == "plain" else digest}
        if not self.secret:
            return {}
        signature = self.signature(body, f"not {self.secret}" if wrong else None)
        return {"X-Webhook-Hmac-Algorithm": self.algorithm, self.header: signature}

    def as_json(self) -> dict[str, Any]:
        """Everything but the secret."""
        shown = asdict(self)
        for target in shown["targets"]:
            del target["secret"]
        return {key: value for key, value in shown.items() if key != "secret"}
