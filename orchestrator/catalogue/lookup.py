"""Which group a person means: the one resolver, for every command that takes a group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.catalogue.words import nearest, quoted
from orchestrator.domain.commands import Operation
from orchestrator.domain.errors import NotFoundError, UsageError
from orchestrator.domain.group_fields import clean, name_key, slug
from orchestrator.store import groups

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.store.engine import AsyncConnection
    from orchestrator.store.groups import GroupName, StoredGroup

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
