"""Which group a person means."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from orchestrator.domain.errors import NotFoundError, UsageError
from orchestrator.domain.groups import clean, name_key
from orchestrator.services.catalog.words import did_you_mean, quoted
from orchestrator.store import groups

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.ext.asyncio import AsyncConnection

    from orchestrator.store.groups import GroupName, StoredGroup

_COMPARED = 50  # names that are compared closely when nothing fits


async def resolve(connection: AsyncConnection, reference: str) -> StoredGroup:
    """By slug, JID, or name regardless of case. Raise NotFoundError, or UsageError if several have it."""
    wanted = clean(reference)
    found = await groups.by_slug_or_jid(connection, wanted)
    if found is not None:
        return found
    key = name_key(wanted)
    everyone = [group async for part in groups.names(connection) for group in part]
    named = [group for group in everyone if name_key(group.name) == key]
    if len(named) > 1:
        raise UsageError(
            f"{len(named)} groups are called {quoted(wanted)}", hint=f"say which: {_slugs(named)}"
        )
    named = named or [group for group in everyone if wanted.lower() in (group.slug, group.jid)]
    if not named:
        raise NotFoundError(
            f"there is no group {quoted(wanted)}.{_near(key, everyone)}",
            hint="rejoin groups list --search finds groups",
        )
    return (await groups.by_ids(connection, [named[0].id]))[named[0].id]


def _slugs(named: Iterable[GroupName]) -> str:
    slugs = [group.slug for group in named]
    return ", ".join(slugs[:10]) + (", …" if len(slugs) > 10 else "")


def _near(key: str, everyone: Iterable[GroupName]) -> str:
    """Comparing closely is slow: only those that share the most pairs of letters are."""
    pairs = _pairs(key)
    words = {word for group in everyone for word in (group.slug, name_key(group.name))}
    likely = heapq.nlargest(_COMPARED, words, key=lambda word: len(pairs & _pairs(word)) / (1 + len(word)))
    return did_you_mean(key, likely)


def _pairs(word: str) -> set[str]:
    return {word[place : place + 2] for place in range(len(word) - 1)}
