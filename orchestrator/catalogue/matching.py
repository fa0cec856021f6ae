"""Which stored group a row is about: by JID, else by code, else by name. Two that disagree are an error."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterator, MutableSequence, Sequence
from dataclasses import dataclass, field

from orchestrator.catalogue.table_reading import ImportRow
from orchestrator.domain.group_fields import name_key, quoted
from orchestrator.domain.invites import InviteCode
from orchestrator.store import codes, groups
from orchestrator.store.codes import KnownCode
from orchestrator.store.engine import AsyncConnection
from orchestrator.store.groups import GroupName
from orchestrator.store.secrets import CodeCipher

_SLUG = re.compile(r"[a-z0-9-]+")
_KEPT_SHORT = (
    "row {}: of the invite code in {}, only the last four characters are kept;"
    " a code is stored, encrypted, from the column code"
)


@dataclass(slots=True)
class Catalogue:
    """The stored groups that some rows may be about, by all that identifies them."""

    names: dict[int, str] = field(default_factory=dict)
    jids: dict[int, str | None] = field(default_factory=dict)
    by_slug: dict[str, int] = field(default_factory=dict)
    by_jid: dict[str, int] = field(default_factory=dict)
    by_name: dict[str, tuple[int, ...]] = field(default_factory=dict)
    by_code: dict[str, int] = field(default_factory=dict)  # by fingerprint
    retired: dict[str, KnownCode] = field(default_factory=dict)

    def add(self, group: GroupName) -> None:
        self.names[group.id] = group.name
        self.jids[group.id] = group.jid
        self.by_slug[group.slug] = group.id
        self.by_name[group.name_key] = (*self.by_name.get(group.name_key, ()), group.id)
        if group.jid is not None:
            self.by_jid[group.jid] = group.id


@dataclass(slots=True)
class Matcher:
    """Finds the groups that were stored before the import, for some rows at a time.

    The hashes of their names' keys stand in memory, sorted, with the groups' places in `ids` beside them: a
    group that this import renames is still found by its old name in a later part. `ids` is in order; later
    groups are of this import.
    """

    connection: AsyncConnection
    cipher: CodeCipher
    codes_of_table: Sequence[int]
    ids: Sequence[int]
    name_hashes: Sequence[int]
    name_places: Sequence[int]
    taken: MutableSequence[int]  # by place of the group: the row that is about it, or 0

    async def match(self, rows: Sequence[ImportRow], warnings: list[str]) -> Catalogue:
        """Say in each row which group it is about; what stands against a row is added to its problems."""
        for row in rows:
            if row.code is not None:
                row.fingerprint = self.cipher.fingerprint(row.code.reveal())
        await self._hide_codes(rows, warnings)
        catalogue = await self._catalogue(rows)
        for row in rows:
            row.group_id = _match(row, catalogue, warnings)
            if row.group_id is None:
                _check_new(row, warnings)
                continue
            place = bisect_left(self.ids, row.group_id)
            first = self.taken[place]
            if first and row.problems is None:
                row.object_to(f"same group as row {first}")
            self.taken[place] = first or row.number
        return catalogue

    async def _hide_codes(self, rows: Sequence[ImportRow], warnings: list[str]) -> None:
        words = {word for row in rows for word in row.words_like_codes()}
        prints = {self.cipher.fingerprint(word): word for word in words}
        stored = await codes.which(self.connection, prints) if prints else ()
        ours = {prints[known] for known in stored} | {word for word in words if self._in_table(word)}
        for row in rows:
            cells = row.hide_codes(ours)
            warnings += [_KEPT_SHORT.format(row.number, cell) for cell in cells]

    def _in_table(self, word: str) -> bool:
        wanted = hash(InviteCode(word))
        place = bisect_left(self.codes_of_table, wanted)
        return place < len(self.codes_of_table) and self.codes_of_table[place] == wanted

    async def _catalogue(self, rows: Sequence[ImportRow]) -> Catalogue:
        found = Catalogue()
        if not self.ids:
            return found
        newest = self.ids[-1]
        prints = [row.fingerprint for row in rows if row.fingerprint is not None]
        by_code, retired = await codes.known(self.connection, prints)
        found.by_code = {known: group for known, group in by_code.items() if group <= newest}
        found.retired = {known: code for known, code in retired.items() if code.group_id <= newest}
        ids = {*found.by_code.values(), *(group for row in rows for group in self._ids_named(row))}
        jids = [row.jid for row in rows if row.jid is not None]
        slugs = [row.name for row in rows if _SLUG.fullmatch(row.name)]
        for group in await groups.identified(self.connection, ids=ids, jids=jids, slugs=slugs):
            if group.id <= newest:
                found.add(group)
        return found

    def _ids_named(self, row: ImportRow) -> Iterator[int]:
        wanted = hash(name_key(row.name)) if row.name else None
        place = bisect_left(self.name_hashes, wanted) if wanted is not None else len(self.name_hashes)
        while place < len(self.name_hashes) and self.name_hashes[place] == wanted:
            yield self.ids[self.name_places[place]]
            place += 1


async def load_matcher(
    connection: AsyncConnection, cipher: CodeCipher, codes_of_table: Sequence[int]
) -> Matcher:
    """`codes_of_table`: sorted hashes of the table's own codes."""
    hashes, ids = array("q"), array("q")
    async for part in groups.names(connection):
        hashes.extend(hash(group.name_key) for group in part)
        ids.extend(group.id for group in part)
    places = array("I", sorted(range(len(ids)), key=hashes.__getitem__))
    name_hashes = array("q", map(hashes.__getitem__, places))
    taken = array("I", bytes(places.itemsize * len(ids)))
    return Matcher(connection, cipher, codes_of_table, ids, name_hashes, places, taken)


def _match(row: ImportRow, catalogue: Catalogue, warnings: list[str]) -> int | None:
    known = catalogue.by_code.get(row.fingerprint) if row.fingerprint is not None else None
    named = _named(row, catalogue)
    if row.jid is not None and (owner := catalogue.by_jid.get(row.jid)) is not None:
        _agree(row, catalogue, owner, "jid", known=known, named=named)
        return owner
    if known is not None:
        _same_jid(row, catalogue, known)
        _agree(row, catalogue, known, "code", known=known, named=named)
        return known
    return _by_name(row, catalogue, named, warnings)


def _named(row: ImportRow, catalogue: Catalogue) -> tuple[int, ...]:
    """The groups of that name. A slug in the name's place names its group, and renames nothing."""
    if not row.name:
        return ()
    named = catalogue.by_name.get(name_key(row.name))
    if named is None and (group_id := catalogue.by_slug.get(row.name)) is not None:
        row.name = ""
        return (group_id,)
    return named or ()


def _agree(
    row: ImportRow,
    catalogue: Catalogue,
    group_id: int,
    by: str,
    *,
    known: int | None,
    named: tuple[int, ...],
) -> None:
    """Code and name may not point to another group than the one found."""
    if known is not None and known != group_id:
        found, other = quoted(catalogue.names[group_id]), quoted(catalogue.names[known])
        row.object_to(f"{by} belongs to {found}, but the code is already stored for {other}")
    elif named and group_id not in named:
        found, other = quoted(catalogue.names[group_id]), quoted(catalogue.names[named[0]])
        row.object_to(f"{by} belongs to {found}, but the name to {other}")


def _same_jid(row: ImportRow, catalogue: Catalogue, group_id: int) -> None:
    stored = catalogue.jids[group_id]
    if row.jid is not None and stored is not None:
        name = quoted(catalogue.names[group_id])
        row.object_to(f"code is already stored for {name}, whose jid is {stored}, not {row.jid}")


def _by_name(row: ImportRow, catalogue: Catalogue, named: tuple[int, ...], warnings: list[str]) -> int | None:
    """A stored group with another JID is another group, whatever it is called."""
    fitting = [g for g in named if row.jid is None or catalogue.jids[g] is None]
    if len(fitting) > 1:
        row.object_to(f"name belongs to {len(fitting)} stored groups; give the jid")
    if fitting:
        return fitting[0]
    if named:
        warnings.append(f"row {row.number}: a new group; one with the same name and another jid is stored")
    return None


def _check_new(row: ImportRow, warnings: list[str]) -> None:
    if row.problems is not None:
        return
    if not row.name:
        row.object_to("name is empty")
    if row.code is None:
        warnings.append(
            f"row {row.number}: no invite link; the group is stored and waits for one (code_missing)"
        )
