"""A gateway whose previews hold none of our own invite codes, also those that stand there as a bare word."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, cast

from orchestrator.domain.outcomes import ProbeAnswer
from orchestrator.domain.redaction import hide_codes, may_be_codes
from orchestrator.gateways.base import Gateway


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
