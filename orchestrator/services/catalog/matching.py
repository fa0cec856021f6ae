"""Which stored group a row is about: by JID, else by code, else by name. Two that disagree are an error."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.domain.groups import name_key
from orchestrator.services.catalog.words import quoted
from orchestrator.store import codes, groups

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from orchestrator.services.catalog.rows import ImportRow
    from orchestrator.store.codes import KnownCode
    from orchestrator.store.groups import GroupName
    from orchestrator.store.secrets import CodeCipher


_KEPT_SHORT = (
    "row {}: of the invite code in {}, only the last four characters are kept;"
    " a code is stored, encrypted, from the column code"
)


@dataclass(slots=True)
class Catalogue:
    """The identities of every stored group, for finding them without a query each."""

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
        key = name_key(group.name)
        self.by_name[key] = (*self.by_name.get(key, ()), group.id)
        if group.jid is not None:
            self.by_jid[group.jid] = group.id


async def load_catalogue(connection: AsyncConnection) -> Catalogue:
    found = Catalogue()
    async for part in groups.names(connection):
        for group in part:
            found.add(group)
    found.by_code, found.retired = await codes.known(connection)
    return found


def match_rows(
    rows: Sequence[ImportRow], catalogue: Catalogue, cipher: CodeCipher, warnings: list[str]
) -> None:
    """Say in each row which group it is about. What stands against a row is added to its problems."""
    targets: dict[int, int] = {}
    for row in rows:
        if row.code is not None:
            row.fingerprint = cipher.fingerprint(row.code.reveal())
    ours = {row.fingerprint for row in rows} | catalogue.by_code.keys()
    for row in rows:
        cells = row.hide_codes(lambda word: cipher.fingerprint(word) in ours)
        warnings += [_KEPT_SHORT.format(row.number, cell) for cell in cells]
        row.group_id = _match(row, catalogue, warnings)
        if row.group_id is None:
            _check_new(row, warnings)
            continue
        first = targets.setdefault(row.group_id, row.number)
        if first != row.number and row.problems is None:
            row.object_to(f"same group as row {first}")


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
