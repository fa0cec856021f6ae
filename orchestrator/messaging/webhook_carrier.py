"""Outgoing webhooks as in Standard Webhooks (github.com/standard-webhooks/standard-webhooks, spec 1.0.0)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from orchestrator.messaging.carriers import Answer, retry_after
from orchestrator.messaging.http_session import Call, Reply, exchange

if TYPE_CHECKING:
    import aiohttp

    from orchestrator.clock import Clock
    from orchestrator.messaging.carriers import Parcel

_PREFIX = "whsec_"
_GONE = 410


class Webhook:
    """One receiver over HTTP. Without a secret its messages are not signed."""

    def __init__(
        self, name: str, url: str, *, secret: str, session: aiohttp.ClientSession, clock: Clock
    ) -> None:
        self.name = name
        self._url = url
        self._key = key_of(secret)
        self._session = session
        self._clock = clock

    async def deliver(self, parcel: Parcel) -> Answer:
        now = self._clock.now()
        body = body_of(parcel)
        headers = {
            "Content-Type": "application/json",
            "webhook-id": parcel.uid,
            "webhook-timestamp": str(int(now)),
        }
        if self._key:
            headers["webhook-signature"] = signature(self._key, parcel.uid, int(now), body)
        return _judge(await exchange(self._session, Call("POST", self._url, body, headers), self._clock), now)


def key_of(secret: str) -> bytes:
    """`whsec_` and base64, as the specification serialises keys; any other text is the key itself."""
    if secret.startswith(_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except binascii.Error:
            return secret.encode()
    return secret.encode()


def signature(key: bytes, uid: str, timestamp: int, body: bytes) -> str:
    signed = hmac.new(key, f"{uid}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(signed).decode()}"


def body_of(parcel: Parcel) -> bytes:
    """The payload: the same bytes for the same message at every attempt."""
    at = datetime.fromtimestamp(round(parcel.at, 3), UTC).isoformat(timespec="milliseconds")
    whole = {"type": parcel.kind, "timestamp": at.replace("+00:00", "Z"), "data": parcel.data}
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _judge(reply: Reply, now: float) -> Answer:
    if reply.ok:
        return Answer(ok=True, text=reply.text)
    if reply.status == _GONE:
        return Answer(ok=False, text="answered 410: it wants no more messages", final=True)
    if 300 <= reply.status < 400:
        return Answer(ok=False, text=f"{reply.text}: a redirect, which is not followed")
    return Answer(ok=False, text=reply.text, retry_after=retry_after(reply.retry_after, now))
