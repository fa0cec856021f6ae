"""What a matched row changes: compared with the store, and written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orchestrator.domain.groups import unique_slug
from orchestrator.services.catalog.words import quoted
from orchestrator.store import codes, groups, memberships
from orchestrator.store.codes import NewCode
from orchestrator.store.journal import Entry, append

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from orchestrator.services.catalog.matching import Catalogue, Match
    from orchestrator.store.codes import KnownCode
    from orchestrator.store.groups import StoredGroup
    from orchestrator.store.secrets import CodeCipher

_COLUMNS = ("name", "jid", "subject", "owner", "priority", "notes")
IDENTITY = frozenset({"name", "jid", "subject", "owner"})  # what verification looks at


@dataclass(slots=True)
class Changes:
    """One batch of rows, sorted by what is to be done."""

    new: list[Match] = field(default_factory=list)
    columns: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    labels: dict[int, tuple[str, ...]] = field(default_factory=dict)
    instances: dict[int, tuple[str, ...]] = field(default_factory=dict)
    codes: list[tuple[int, Match]] = field(default_factory=list)
    again: list[KnownCode] = field(default_factory=list)  # retired codes of groups that have no other
    warnings: list[str] = field(default_factory=list)

    @property
    def touched(self) -> set[int]:
        return {
            *(group_id for group_id, _ in self.columns),
            *self.labels,
            *self.instances,
            *(group_id for group_id, _ in self.codes),
            *(code.group_id for code in self.again),
        }


async def compare(connection: AsyncConnection, matches: Sequence[Match], catalogue: Catalogue) -> Changes:
    """Only cells that are filled and differ count."""
    found = Changes(new=[match for match in matches if match.group_id is None])
    ids = [match.group_id for match in matches if match.group_id is not None]
    stored = await groups.by_ids(connection, ids)
    labels = await groups.labels(connection, ids)
    instances = await groups.instances(connection, ids)
    for match in matches:
        if match.group_id is None:
            continue
        row, group_id = match.row, match.group_id
        if columns := _columns(match, stored[group_id]):
            found.columns.append((group_id, columns))
        if row.labels is not None and row.labels != labels.get(group_id, ()):
            found.labels[group_id] = row.labels
        if row.instances is not None and row.instances != instances.get(group_id, ()):
            found.instances[group_id] = row.instances
        _code(found, match, group_id, catalogue)
    return found


def _columns(match: Match, stored: StoredGroup) -> dict[str, Any]:
    filled = {name: getattr(match.row, name) for name in _COLUMNS}
    return {
        name: value
        for name, value in filled.items()
        if value is not None and value != "" and value != getattr(stored, name)
    }


def _code(found: Changes, match: Match, group_id: int, catalogue: Catalogue) -> None:
    if match.row.code is None or (match.known is not None and match.known.current):
        return
    if match.known is None:
        found.codes.append((group_id, match))
    elif group_id in catalogue.with_code:
        # An older table must not bring back what was replaced since; `set-code` can.
        name = quoted(catalogue.names[group_id])
        found.warnings.append(
            f"row {match.row.number}: this code of {name} was replaced since; kept the newer"
        )
    else:
        found.again.append(match.known)


@dataclass(slots=True)
class Writer:
    """Writes batches of changes in one transaction."""

    connection: AsyncConnection
    cipher: CodeCipher
    catalogue: Catalogue
    now: float
    actor: str
    slug_numbers: dict[str, int] = field(default_factory=dict)

    async def write(self, changes: Changes) -> None:
        await self._add(changes.new)
        await groups.change(self.connection, changes.columns, now=self.now)
        await groups.set_labels(self.connection, changes.labels)
        await groups.set_instances(self.connection, changes.instances)
        new_codes = [self._seal(group_id, match) for group_id, match in changes.codes]
        await codes.add_current(self.connection, new_codes, source="import", now=self.now)
        await codes.make_current(self.connection, changes.again, now=self.now)
        await self._requeue(changes)
        await append(self.connection, self.now, self._entries(changes))

    async def _add(self, new: Sequence[Match]) -> None:
        slugs = [unique_slug(match.row.name, self.catalogue.by_slug, self.slug_numbers) for match in new]
        rows = [self._row(match, slug) for match, slug in zip(new, slugs, strict=True)]
        ids = await groups.add(self.connection, rows, now=self.now)
        added = [(ids[slug], match) for match, slug in zip(new, slugs, strict=True)]
        labels = {group_id: match.row.labels or () for group_id, match in added}
        instances = {group_id: match.row.instances or () for group_id, match in added}
        sealed = [self._seal(group_id, match) for group_id, match in added if match.row.code is not None]
        await groups.set_labels(self.connection, labels, fresh=True)
        await groups.set_instances(self.connection, instances, fresh=True)
        await codes.add_current(self.connection, sealed, source="import", now=self.now, fresh=True)

    def _row(self, match: Match, slug: str) -> dict[str, Any]:
        row = match.row
        columns = {name: getattr(row, name) for name in _COLUMNS}
        return columns | {"slug": slug, "priority": row.priority or 0}

    def _seal(self, group_id: int, match: Match) -> NewCode:
        code, fingerprint = match.row.code, match.fingerprint
        if code is None or fingerprint is None:
            raise AssertionError  # only rows with a code come here
        sealed = self.cipher.encrypt(code.reveal())
        return NewCode(group_id, sealed, self.cipher.key_id, fingerprint, code.last4)

    async def _requeue(self, changes: Changes) -> None:
        """Groups that were blocked for what has changed go back in line."""
        cured = {group_id for group_id, _ in changes.codes} | {code.group_id for code in changes.again}
        known = {group_id for group_id, columns in changes.columns if IDENTITY & columns.keys()}
        await memberships.requeue_after_new_code(self.connection, group_ids=cured, now=self.now)
        await memberships.requeue_after_new_identity(self.connection, group_ids=known, now=self.now)

    def _entries(self, changes: Changes) -> list[Entry]:
        said: dict[int, dict[str, Any]] = {group_id: {} for group_id in sorted(changes.touched)}
        for group_id, columns in changes.columns:
            said[group_id]["changed"] = sorted(columns)
        for group_id in changes.labels:
            said[group_id].setdefault("changed", []).append("labels")
        for group_id in changes.instances:
            said[group_id].setdefault("changed", []).append("instances")
        for group_id, match in changes.codes:
            last4 = match.row.code.last4 if match.row.code is not None else None
            said[group_id] |= {"code_last4": last4, "code_fingerprint": match.fingerprint}
        for code in changes.again:
            said[code.group_id]["code_again"] = True
        return [Entry("group.changed", self.actor, data, group_id=g) for g, data in said.items()]
