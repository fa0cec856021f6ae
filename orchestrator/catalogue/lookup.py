"""Which group a person means: the one resolver, for every command that takes a group; one group in full."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.domain.commands import Operation
from orchestrator.domain.errors import NotFoundError, UsageError
from orchestrator.domain.group_fields import clean, name_key, quoted, slug
from orchestrator.domain.suggestions import nearest
from orchestrator.store import codes, groups
from orchestrator.store.codes import SealedCode
from orchestrator.store.engine import Database
from orchestrator.store.groups import GroupName, StoredGroup

if TYPE_CHECKING:
    from orchestrator.store.engine import AsyncConnection

_LISTED = 10  # groups of one name that are named
_AROUND = 50  # groups on either side that may be meant when none is called so


async def resolve(connection: AsyncConnection, reference: str) -> StoredGroup:
    """By slug, JID or name as people see it, along an index each. An exact slug or JID wins over a name.

    Raises NotFoundError with what may be meant, and UsageError where several groups have the name.
    """
    wanted = clean(reference)
    key = name_key(wanted)
    if (exact := await groups.by_slug_or_jid(connection, wanted)) is not None:
        return exact
    count, named = await groups.by_name(connection, key, limit=_LISTED)
    if count > 1:
        listed = ", ".join(group.slug for group in named) + (", …" if count > len(named) else "")
        raise UsageError(f"{count} groups are called {quoted(wanted)}", hint=f"say which: {listed}")
    found = named[0] if named else await groups.by_slug_or_jid(connection, key)
    if found is not None:
        return found
    near = _near(wanted, await groups.around(connection, key, slug(wanted), limit=_AROUND))
    raise NotFoundError(
        f"no group is called {quoted(wanted)}{near}", hint=f"{Operation.LIST_GROUPS} --search finds groups"
    )


def _near(wanted: str, candidates: Iterable[GroupName]) -> str:
    """A slug, because it is what can be typed, of the group whose slug or name is the nearest."""
    slugs = {word: group.slug for group in candidates for word in (group.name_key, group.slug)}
    found = nearest(name_key(wanted), slugs) or nearest(slug(wanted), slugs)
    return "" if found is None else f". Did you mean {slugs[found]}?"


@dataclass(frozen=True, slots=True)
class GroupDetails:
    """A group with everything that the catalogue holds of it; the current code first, sealed."""

    group: StoredGroup
    codes: tuple[SealedCode, ...]
    labels: tuple[str, ...]
    instances: tuple[str, ...]
    now: float

    @property
    def current_code(self) -> SealedCode | None:
        return self.codes[0] if self.codes and self.codes[0].current else None


async def show_group(database: Database, reference: str) -> GroupDetails:
    """By slug, JID or name. Raise NotFoundError with what may be meant."""
    async with database.read() as connection:
        group = await resolve(connection, reference)
        now = await database.now(connection)
        stored = await codes.of_group(connection, group.id)
        labels = await groups.labels(connection, [group.id])
        instances = await groups.instances(connection, [group.id])
    return GroupDetails(group, tuple(stored), labels.get(group.id, ()), instances.get(group.id, ()), now)
