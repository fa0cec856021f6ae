"""One group in full, or all in short: identity, codes, labels, instances. Codes stay sealed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.catalogue.lookup import resolve
from orchestrator.store import codes, groups
from orchestrator.store.bulk import CHUNK, chunks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orchestrator.store.codes import SealedCode
    from orchestrator.store.engine import AsyncConnection, Database
    from orchestrator.store.groups import GroupName, StoredGroup


@dataclass(frozen=True, slots=True)
class CodeFacts:
    """What may be said of a stored code. Instants in seconds since 1970, the age in seconds."""

    fingerprint: str
    last4: str
    current: bool
    source: str
    created_at: float
    age: float
    retired_at: float | None
    verdict: str | None
    checked_at: float | None


@dataclass(frozen=True, slots=True)
class GroupDetails:
    """A group with everything that the catalogue holds of it; the current code first."""

    group: StoredGroup
    codes: tuple[CodeFacts, ...]
    labels: tuple[str, ...]
    instances: tuple[str, ...]

    @property
    def current_code(self) -> CodeFacts | None:
        return self.codes[0] if self.codes and self.codes[0].current else None


async def show_group(database: Database, reference: str) -> GroupDetails:
    """By slug, JID or name. Raise NotFoundError with what may be meant."""
    async with database.read() as connection:
        group = await resolve(connection, reference)
        now = await database.now(connection)
        stored = await codes.of_group(connection, group.id)
        labels = await groups.labels(connection, [group.id])
        instances = await groups.instances(connection, [group.id])
    facts = tuple(_facts(code, now) for code in stored)
    return GroupDetails(group, facts, labels.get(group.id, ()), instances.get(group.id, ()))


async def in_parts(connection: AsyncConnection, now: float) -> AsyncIterator[list[GroupDetails]]:
    """Every group, some at a time."""
    everyone: list[GroupName] = [group async for part in groups.names(connection) for group in part]
    for part in chunks(everyone, CHUNK):
        ids = [group.id for group in part]
        stored = await groups.by_ids(connection, ids)
        current = await codes.current(connection, ids)
        labels = await groups.labels(connection, ids)
        instances = await groups.instances(connection, ids)
        yield [
            GroupDetails(
                stored[i],
                (_facts(current[i], now),) if i in current else (),
                labels.get(i, ()),
                instances.get(i, ()),
            )
            for i in ids
        ]


def _facts(code: SealedCode, now: float) -> CodeFacts:
    return CodeFacts(
        fingerprint=code.fingerprint,
        last4=code.last4,
        current=code.current,
        source=code.source,
        created_at=code.created_at,
        age=max(0.0, now - code.created_at),
        retired_at=code.retired_at,
        verdict=code.verdict,
        checked_at=code.checked_at,
    )
