"""What changes the stored groups and codes: the matched rows of an import, and a new code for one group."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.catalogue.lookup import resolve
from orchestrator.catalogue.matching import Catalogue
from orchestrator.catalogue.table_reading import ImportRow
from orchestrator.domain.errors import InputRejectedError
from orchestrator.domain.group_fields import quoted, unique_slug
from orchestrator.domain.invites import InviteCode
from orchestrator.store import codes, groups, unit_of_work
from orchestrator.store.codes import KnownCode, NewCode
from orchestrator.store.engine import AsyncConnection, Database
from orchestrator.store.groups import StoredGroup
from orchestrator.store.journal import Entry, append
from orchestrator.store.keyring import KeyRing
from orchestrator.store.secrets import CodeCipher, cipher_for_writing

_COLUMNS = ("name", "jid", "subject", "owner", "priority", "notes")
IDENTITY = frozenset({"name", "jid", "subject", "owner"})  # what verification looks at


@dataclass(slots=True)
class Changes:
    """One batch of rows, sorted by what is to be done."""

    new: list[ImportRow] = field(default_factory=list)
    columns: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    labels: dict[int, tuple[str, ...]] = field(default_factory=dict)
    instances: dict[int, tuple[str, ...]] = field(default_factory=dict)
    codes: list[tuple[int, ImportRow]] = field(default_factory=list)
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


async def compare(connection: AsyncConnection, rows: Sequence[ImportRow], catalogue: Catalogue) -> Changes:
    """Only cells that are filled and differ count."""
    found = Changes(new=[row for row in rows if row.group_id is None])
    ids = [row.group_id for row in rows if row.group_id is not None]
    if not ids:
        return found
    stored = await groups.by_ids(connection, ids)
    labels = await groups.labels(connection, ids)
    instances = await groups.instances(connection, ids)
    with_code = await codes.groups_with_current(connection, ids)
    for row in rows:
        if (group_id := row.group_id) is None:
            continue
        if columns := _columns(row, stored[group_id]):
            found.columns.append((group_id, columns))
        if row.labels is not None and row.labels != labels.get(group_id, ()):
            found.labels[group_id] = row.labels
        if row.instances is not None and row.instances != instances.get(group_id, ()):
            found.instances[group_id] = row.instances
        _code(found, row, catalogue, group_id, has_code=group_id in with_code)
    return found


def _columns(row: ImportRow, stored: StoredGroup) -> dict[str, Any]:
    filled = {name: getattr(row, name) for name in _COLUMNS}
    return {
        name: value
        for name, value in filled.items()
        if value is not None and value != "" and value != getattr(stored, name)
    }


def _code(found: Changes, row: ImportRow, catalogue: Catalogue, group_id: int, *, has_code: bool) -> None:
    if row.fingerprint is None:
        return
    retired = catalogue.retired.get(row.fingerprint)
    if row.fingerprint not in catalogue.by_code:
        found.codes.append((group_id, row))
    elif retired is not None and has_code:
        # An older table must not bring back what was replaced since; `set-code` can.
        name = quoted(catalogue.names[group_id])
        found.warnings.append(f"row {row.number}: this code of {name} was replaced since; kept the newer")
    elif retired is not None:
        found.again.append(retired)


@dataclass(slots=True)
class Writer:
    """Writes batches of changes in one transaction."""

    connection: AsyncConnection
    cipher: CodeCipher
    now: float
    actor: str
    slug_numbers: dict[str, int] = field(default_factory=dict)
    with_new_code: set[int] = field(default_factory=set)
    with_new_identity: set[int] = field(default_factory=set)
    priorities: dict[int, int] = field(default_factory=dict)

    async def write(self, changes: Changes) -> None:
        await self._add(changes.new)
        await groups.change(self.connection, changes.columns, now=self.now)
        await groups.set_labels(self.connection, changes.labels)
        await groups.set_instances(self.connection, changes.instances)
        new_codes = [self._seal(group_id, row) for group_id, row in changes.codes]
        await codes.add_current(self.connection, new_codes, source="import", now=self.now)
        await codes.make_current(self.connection, changes.again, now=self.now)
        self._remember(changes)
        await append(self.connection, self.now, self._entries(changes))

    async def finish(self) -> None:
        """What follows for the memberships, once everything else is written: no worker waits for more than
        this, and nobody waits in a circle. Groups that were blocked for what has changed go back in line.
        """
        concerned = self.with_new_code | self.with_new_identity | self.priorities.keys()
        await unit_of_work.lock_instances_of(self.connection, concerned)
        await groups.move_in_line(self.connection, self.priorities)
        for reopen, group_ids in (
            (unit_of_work.reopen_after_new_code, self.with_new_code),
            (unit_of_work.reopen_after_new_identity, self.with_new_identity),
        ):
            await reopen(self.connection, group_ids=group_ids, actor=self.actor, now=self.now)

    async def _add(self, new: Sequence[ImportRow]) -> None:
        by_slug = await self._with_slugs(new)
        ids = await groups.add(
            self.connection, [_columns_of_new(row, slug) for slug, row in by_slug.items()], now=self.now
        )
        added = [(ids[slug], row) for slug, row in by_slug.items()]
        labels = {group_id: row.labels or () for group_id, row in added}
        instances = {group_id: row.instances or () for group_id, row in added}
        sealed = [self._seal(group_id, row) for group_id, row in added if row.code is not None]
        await groups.set_labels(self.connection, labels, fresh=True)
        await groups.set_instances(self.connection, instances, fresh=True)
        await codes.add_current(self.connection, sealed, source="import", now=self.now, fresh=True)

    async def _with_slugs(self, new: Sequence[ImportRow]) -> dict[str, ImportRow]:
        """A slug for each that no group has, found in as many rounds as names are numbered further."""
        taken: set[str] = set()
        while True:
            numbers, known = ChainMap({}, self.slug_numbers), set(taken)
            found: dict[str, ImportRow] = {}
            for row in new:
                slug = unique_slug(row.name, known, numbers)
                known.add(slug)
                found[slug] = row
            stored = await groups.which_slugs(self.connection, found)
            if not stored:
                self.slug_numbers |= numbers.maps[0]
                return found
            taken |= stored

    def _seal(self, group_id: int, row: ImportRow) -> NewCode:
        if row.code is None or row.fingerprint is None:
            raise AssertionError  # only rows with a code come here
        sealed = self.cipher.encrypt(row.code.reveal())
        return NewCode(group_id, sealed, self.cipher.key_id, row.fingerprint, row.code.last4)

    def _remember(self, changes: Changes) -> None:
        self.with_new_code |= {group_id for group_id, _ in changes.codes}
        self.with_new_code |= {code.group_id for code in changes.again}
        for group_id, columns in changes.columns:
            if IDENTITY & columns.keys():
                self.with_new_identity.add(group_id)
            if "priority" in columns:
                self.priorities[group_id] = columns["priority"]

    def _entries(self, changes: Changes) -> list[Entry]:
        said: dict[int, dict[str, Any]] = {group_id: {} for group_id in sorted(changes.touched)}
        for group_id, columns in changes.columns:
            said[group_id]["changed"] = sorted(columns)
        for group_id in changes.labels:
            said[group_id].setdefault("changed", []).append("labels")
        for group_id in changes.instances:
            said[group_id].setdefault("changed", []).append("instances")
        for group_id, row in changes.codes:
            last4 = row.code.last4 if row.code is not None else None
            said[group_id] |= {"code_last4": last4, "code_fingerprint": row.fingerprint}
        for code in changes.again:
            said[code.group_id]["code_again"] = True
        return [Entry("group.changed", self.actor, data, group_id=g) for g, data in said.items()]


def _columns_of_new(row: ImportRow, slug: str) -> dict[str, Any]:
    columns = {name: getattr(row, name) for name in _COLUMNS}
    return columns | {"slug": slug, "priority": row.priority or 0}


@dataclass(frozen=True, slots=True)
class CodeSet:
    """What setting a code did. `requeued`: memberships that had waited for one and are in line again."""

    group: StoredGroup
    last4: str
    fingerprint: str
    changed: bool
    requeued: int = 0
    warning: str = ""


async def set_code(
    database: Database, ring: KeyRing, reference: str, code: InviteCode, *, actor: str
) -> CodeSet:
    """Make it the group's current code; the earlier one is kept, retired. An earlier one may come back so.

    Raise NotFoundError, or InputRejectedError if another group has the code.
    """
    async with database.write() as connection:
        await groups.lock(connection)
        group = await resolve(connection, reference)
        cipher = await cipher_for_writing(connection, ring)
        now = await database.now(connection)
        fingerprint = cipher.fingerprint(code.reveal())
        changed = await _store(connection, cipher, group, code, now=now)
        requeued = 0
        if changed:
            requeued = await unit_of_work.reopen_after_new_code(
                connection, group_ids=[group.id], actor=actor, now=now
            )
            data = {"code_last4": code.last4, "code_fingerprint": fingerprint}
            await append(connection, now, [Entry("act.set_code", actor, data, group_id=group.id)])
    warning = "" if code.usual else "the code has an unusual form; used as it is"
    return CodeSet(group, code.last4, fingerprint, changed, requeued, warning)


async def _store(
    connection: AsyncConnection, cipher: CodeCipher, group: StoredGroup, code: InviteCode, *, now: float
) -> bool:
    plain = code.reveal()
    fingerprint = cipher.fingerprint(plain)
    known = await codes.find(connection, fingerprint)
    if known is None:
        new = NewCode(group.id, cipher.encrypt(plain), cipher.key_id, fingerprint, code.last4)
        await codes.add_current(connection, [new], source="set-code", now=now)
        return True
    if known.group_id != group.id:
        other = (await groups.by_ids(connection, [known.group_id]))[known.group_id]
        raise InputRejectedError(
            f"this code is already stored for {quoted(other.name)}",
            hint=f"check which group the link opens; the other group is {other.slug}",
        )
    if known.current:
        return False
    await codes.make_current(connection, [KnownCode(known.id, group.id)], now=now)
    return True
