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
    from orchestrator.store.secrets import CodeCipher


@dataclass(slots=True)
class Catalogue:
    """The identities of every stored group, for finding them without a query each."""

    names: dict[int, str] = field(default_factory=dict)
    jids: dict[int, str | None] = field(default_factory=dict)
    by_slug: dict[str, int] = field(default_factory=dict)
    by_jid: dict[str, int] = field(default_factory=dict)
    by_name: dict[str, list[int]] = field(default_factory=dict)
    by_code: dict[str, KnownCode] = field(default_factory=dict)
    with_code: set[int] = field(default_factory=set)  # groups that have a current one


@dataclass(slots=True)
class Match:
    """A row and the group it is about; None: a new one."""

    row: ImportRow
    group_id: int | None
    fingerprint: str | None
    known: KnownCode | None  # where its code is stored already


async def load_catalogue(connection: AsyncConnection) -> Catalogue:
    found = Catalogue()
    async for group in groups.names(connection):
        found.names[group.id] = group.name
        found.jids[group.id] = group.jid
        found.by_slug[group.slug] = group.id
        found.by_name.setdefault(name_key(group.name), []).append(group.id)
        if group.jid is not None:
            found.by_jid[group.jid] = group.id
    found.by_code = await codes.known(connection)
    found.with_code = {code.group_id for code in found.by_code.values() if code.current}
    return found


def match_rows(
    rows: Sequence[ImportRow], catalogue: Catalogue, cipher: CodeCipher, warnings: list[str]
) -> list[Match]:
    """One match a row. What stands against a row is added to its problems."""
    targets: dict[int, int] = {}
    matches = []
    for row in rows:
        match = _match(row, catalogue, cipher, warnings)
        first = targets.setdefault(match.group_id, row.number) if match.group_id is not None else row.number
        if first != row.number and row.problems is None:
            row.object_to(f"same group as row {first}")
        if match.group_id is None:
            _check_new(row, warnings)
        matches.append(match)
    return matches


def _match(row: ImportRow, catalogue: Catalogue, cipher: CodeCipher, warnings: list[str]) -> Match:
    fingerprint = cipher.fingerprint(row.code.reveal()) if row.code is not None else None
    known = catalogue.by_code.get(fingerprint) if fingerprint is not None else None
    named = _named(row, catalogue)
    if row.jid is not None and (owner := catalogue.by_jid.get(row.jid)) is not None:
        _agree(row, catalogue, owner, "jid", known=known, named=named)
        return Match(row, owner, fingerprint, known)
    if known is not None:
        _same_jid(row, catalogue, known.group_id)
        _agree(row, catalogue, known.group_id, "code", known=known, named=named)
        return Match(row, known.group_id, fingerprint, known)
    return Match(row, _by_name(row, catalogue, named, warnings), fingerprint, None)


def _named(row: ImportRow, catalogue: Catalogue) -> list[int]:
    """The groups of that name. A slug in the name's place names its group, and renames nothing."""
    if not row.name:
        return []
    named = catalogue.by_name.get(name_key(row.name))
    if named is None and (group_id := catalogue.by_slug.get(row.name)) is not None:
        row.name = ""
        return [group_id]
    return named or []


def _agree(
    row: ImportRow, catalogue: Catalogue, group_id: int, by: str, *, known: KnownCode | None, named: list[int]
) -> None:
    """Code and name may not point to another group than the one found."""
    found = quoted(catalogue.names[group_id])
    if known is not None and known.group_id != group_id:
        other = quoted(catalogue.names[known.group_id])
        row.object_to(f"{by} belongs to {found}, but the code is already stored for {other}")
    elif named and group_id not in named:
        other = quoted(catalogue.names[named[0]])
        row.object_to(f"{by} belongs to {found}, but the name to {other}")


def _same_jid(row: ImportRow, catalogue: Catalogue, group_id: int) -> None:
    stored = catalogue.jids[group_id]
    if row.jid is not None and stored is not None:
        name = quoted(catalogue.names[group_id])
        row.object_to(f"code is already stored for {name}, whose jid is {stored}, not {row.jid}")


def _by_name(row: ImportRow, catalogue: Catalogue, named: list[int], warnings: list[str]) -> int | None:
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
    if row.code is None and row.jid is None:
        row.object_to("code is empty")
    elif row.code is None:
        warnings.append(f"row {row.number}: no code; the group cannot be joined until it has one")
