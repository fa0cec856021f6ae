"""The webhooks in the configuration of a WAHA session (its page on events), read and written back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from orchestrator.domain.outcomes import WebhookTarget
from orchestrator.gateways.event_bodies import read_event

__all__ = [
    "SIGNATURE_HEADERS",
    "SUBSCRIBED",
    "hooks_by_hand",
    "read_event",
    "secrets",
    "webhooks",
    "with_webhooks",
]

SUBSCRIBED = ("group.v2.join", "group.v2.leave", "group.v2.participants", "session.status")
"""What a session is asked to send: exactly what is used."""

SIGNATURE_HEADERS = ("X-Webhook-Hmac",)
"""Hex HMAC-SHA512 of the raw body."""

_SHORTEST = 6
"""Characters: a shorter text is no secret, and would blot out half of an error."""


def hooks_by_hand(url: str) -> str:
    """By the environment of the whole server (WAHA's page on events)."""
    events = ",".join(SUBSCRIBED)
    lines = f"WHATSAPP_HOOK_URL={url} WHATSAPP_HOOK_EVENTS={events} WHATSAPP_HOOK_HMAC_KEY=(webhooks.secret)"
    return f"start WAHA with {lines}"


def webhooks(body: Any) -> tuple[WebhookTarget, ...] | None:
    """None if there is no configuration in it."""
    config = _config(body)
    if config is None:
        return None
    given = config.get("webhooks")
    return tuple(_target(one) for one in given if isinstance(one, dict)) if isinstance(given, list) else ()


def with_webhooks(body: Any, wanted: Sequence[WebhookTarget]) -> dict[str, Any] | None:
    """The session's configuration with these webhooks, and with all else that was in it."""
    config = _config(body)
    return None if config is None else {**config, "webhooks": [_written(one) for one in wanted]}


def secrets(config: Any) -> frozenset[str]:
    """Every text in a configuration that an error must not repeat: URLs, keys, proxies, headers."""
    return frozenset(text for text in _texts(config) if len(text) >= _SHORTEST)


def _config(body: Any) -> dict[str, Any] | None:
    """A session without a configuration shows none, or null."""
    if not isinstance(body, dict) or "status" not in body:
        return None
    config = body.get("config") or {}
    return config if isinstance(config, dict) else None


def _target(item: dict[str, Any]) -> WebhookTarget:
    url, events, hmac = item.get("url"), item.get("events"), item.get("hmac")
    key = hmac.get("key") if isinstance(hmac, dict) else None
    return WebhookTarget(
        url=url if isinstance(url, str) else "",
        events=tuple(one for one in events if isinstance(one, str)) if isinstance(events, list) else (),
        secret=key if isinstance(key, str) and key else None,
        raw=item,
    )


def _written(target: WebhookTarget) -> dict[str, Any]:
    """One of somebody else's goes back exactly as it came."""
    if isinstance(target.raw, dict) and target == _target(target.raw):
        return target.raw
    kept: dict[str, Any] = target.raw if isinstance(target.raw, dict) else {}
    fields = {**kept, "url": target.url, "events": list(target.events)}
    return fields if target.secret is None else {**fields, "hmac": {"key": target.secret}}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            if name not in ("events", "policy"):
                yield from _texts(inner)
