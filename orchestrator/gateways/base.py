"""The gateway port: what every vendor's adapter offers, and what a vendor is to the program. No method of an
adapter raises for what a gateway answers; the outcome says it. `asyncio.CancelledError` passes through.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, cast

from orchestrator.clock import Clock
from orchestrator.domain.outcomes import (
    CodeAnswer,
    GatewayAnswer,
    GroupAnswer,
    GroupListAnswer,
    JoinReceipt,
    LimitsAnswer,
    ParticipantsAnswer,
    ProbeAnswer,
    ReadEvent,
    SendAnswer,
    SessionAnswer,
    WebhooksAnswer,
    WebhookTarget,
)
from orchestrator.domain.redaction import hide_codes, may_be_codes


@dataclass(frozen=True, slots=True)
class Form:
    """One way to ask a gateway about the group behind a code, where its vendor documents several.

    `settings`: the keys that choose it in the instance's table `section`. What refuses a form for its
    credentials, its route or the way it writes the code refuses every form that has the same.
    `gateway` speaks in this form and in no other.
    """

    section: str
    settings: Mapping[str, str]
    credentials: str
    route: str
    code: str
    gateway: Callable[[], Gateway]


@dataclass(frozen=True, slots=True)
class Remark:
    """Something about one gateway that its user should know before a recovery needs it.

    `hint`: what could be done about it; where there is one, it is a warning.
    """

    name: str
    sentence: str
    hint: str = ""


LastLook = Callable[[], bool]
"""Asked after connecting and before the first byte of a join leaves; False drops the request unsent."""


class Gateway(Protocol):
    """One instance at one gateway. All codes are bare invite codes, all JIDs end in `@g.us`."""

    async def session(self) -> SessionAnswer:
        """State of the session and the account's own ids."""

    async def limits(self) -> LimitsAnswer:
        """The gateway's own limits for calls about groups. Whatever is asked about groups keeps to them."""

    async def probe(self, code: str) -> ProbeAnswer:
        """Show the group behind a code without joining (GET)."""

    async def join(self, code: str, *, last_look: LastLook) -> JoinReceipt:
        """Enter the group behind a code. Sent at most once: never retried, never redirected.

        A request that `last_look` dropped answers TRANSIENT with `sent=False`. Any failure after the
        first byte could have left answers UNKNOWN with `sent=True`.
        """

    async def groups(self) -> GroupListAnswer:
        """The groups this account is in, with participants where the gateway gives them."""

    async def group(self, jid: str) -> GroupAnswer:
        """One group in full."""

    async def participants(self, jid: str) -> ParticipantsAnswer:
        """The members of one group."""

    async def leave(self, jid: str) -> GatewayAnswer:
        """Leave a group."""

    async def invite_code(self, jid: str) -> CodeAnswer:
        """The group's current invite code (needs the right to see it)."""

    async def revoke_code(self, jid: str) -> CodeAnswer:
        """Revoke the current code; the answer carries the new one where the gateway gives it."""

    async def send_text(self, jid: str, text: str) -> SendAnswer:
        """Send one message. Sent at most once."""

    async def webhooks(self) -> WebhooksAnswer:
        """The webhooks that are set."""

    async def set_webhooks(self, webhooks: tuple[WebhookTarget, ...]) -> GatewayAnswer:
        """Replace the webhooks (the caller merges: gateways overwrite the list)."""

    async def remarks(self) -> tuple[Remark, ...]:
        """What is special with this gateway and its engine, asked with GETs."""

    async def close(self) -> None:
        """Give up connections."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the gateway of one account is, who asks there, and how that vendor is configured.

    `account`: how the gateway names the account. `options`: the instance's own table for its vendor. The
    time-outs are seconds of the clock.
    """

    base_url: str = field(repr=False)
    account: str
    token: str = field(repr=False)
    options: Mapping[str, Any]
    connect_timeout: float
    timeout: float
    join_timeout: float
    clock: Clock


def _split(body: Any) -> list[dict[str, Any]]:
    """An object is one event, an array its objects."""
    return [one for one in (body if isinstance(body, list) else [body]) if isinstance(one, dict)]


@dataclass(frozen=True, slots=True)
class Vendor:
    """One kind of gateway: how it is spoken to, how its webhooks are read, and what else it can do.

    `events`: the names of the events that it is asked to send; none where it cannot be asked.
    `signature_headers`: those in which it signs its webhooks. `forms`: every documented way to speak to it,
    the configured one first; none where there is only one. `hooks_by_hand`: how to have events sent to a URL
    without a call of ours, in a sentence; empty where there is no such way. `split`: the events in one body,
    each as `read_event` takes it.
    """

    open: Callable[[Endpoint], Gateway]
    read_event: ReadEvent
    events: tuple[str, ...] = ()
    signature_headers: tuple[str, ...] = ()
    forms: Callable[[Endpoint], Iterable[Form]] = field(default=lambda _endpoint: ())
    hooks_by_hand: Callable[[str], str] = field(default=lambda _url: "")
    split: Callable[[Any], list[dict[str, Any]]] = field(default=_split)


def without_own_codes(gateway: Gateway, ours: Callable[[set[str]], Awaitable[set[str]]]) -> Gateway:
    """`ours`: which of some words are codes of ours; asked only when a text has a word that may be one."""
    return cast("Gateway", _WithoutOwnCodes(gateway, ours))


@dataclass(frozen=True, slots=True)
class _WithoutOwnCodes:
    gateway: Gateway
    ours: Callable[[set[str]], Awaitable[set[str]]]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.gateway, name)

    async def probe(self, code: str) -> ProbeAnswer:
        probed = await self.gateway.probe(code)
        preview = probed.preview
        if preview is None:
            return probed
        texts = {name: getattr(preview, name) or "" for name in ("subject", "description", "owner")}
        words = set().union(*map(may_be_codes, texts.values()))
        if not words:
            return probed
        ours = {code} & words | await self.ours(words)
        hidden: dict[str, Any] = {name: hide_codes(text, ours=ours) for name, text in texts.items() if text}
        return replace(probed, preview=replace(preview, **hidden))
