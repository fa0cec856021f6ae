"""A migrated database with a key ring, and short words for tests of the catalogue."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, insert, select

from orchestrator.catalogue.importing import import_groups
from orchestrator.catalogue.lookup import show_group
from orchestrator.catalogue.source import ReadOptions, Source
from orchestrator.catalogue.table_reading import read_table
from orchestrator.domain.errors import InputRejectedError
from orchestrator.store import codes, schema
from orchestrator.store.engine import Database
from orchestrator.store.secrets import KeyRing, cipher_for_reading
from orchestrator.store.tables import groups, instances, invite_codes, journal, memberships

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from orchestrator.catalogue.importing import ImportReport
    from orchestrator.catalogue.table_reading import ImportRow

CODES = [f"{letter}obOM8UXL8EDR3dXoKozql" for letter in "ABCDEFGHIJ"]
JIDS = [f"12036302524612548{number}@g.us" for number in range(10)]


@dataclass(frozen=True)
class Rows:
    """Everything that a table says."""

    rows: list[ImportRow]
    warnings: list[str]


def rows_of(source: Source, options: ReadOptions) -> Rows:
    table = read_table(source, options)
    return Rows(list(table.rows()), table.warnings)


class Catalogue:
    """A migrated database with a key ring, and the short words of these tests."""

    def __init__(self, database: Database, ring: KeyRing) -> None:
        self.database = database
        self.ring = ring

    async def take(self, text: str, *, dry_run: bool = False) -> ImportReport:
        source = Source("groups.csv", text.encode())
        return await import_groups(self.database, self.ring, source, actor="test", dry_run=dry_run)

    async def refused(self, text: str) -> tuple[str, ...]:
        before = await self.everything()
        with pytest.raises(InputRejectedError) as refusal:
            await self.take(text)
        assert await self.everything() == before
        return refusal.value.problems

    async def code_of(self, reference: str) -> str | None:
        details = await show_group(self.database, reference)
        async with self.database.read() as connection:
            cipher = await cipher_for_reading(connection, self.ring)
            current = (await codes.current(connection, [details.group.id])).get(details.group.id)
        return None if current is None else cipher.decrypt(current.ciphertext, current.key_id)

    async def everything(self) -> dict[str, Any]:
        tables = (groups, invite_codes, journal)
        async with self.database.read() as connection:
            return {
                table.name: (await connection.execute(select(table).order_by(table.c.id))).all()
                for table in tables
            }

    async def count(self) -> int:
        async with self.database.read() as connection:
            return int((await connection.execute(select(func.count()).select_from(groups))).scalar_one())

    async def membership(self, reference: str, reason: str) -> int:
        """A membership of the group that is blocked for that reason; its id."""
        group = (await show_group(self.database, reference)).group
        async with self.database.write() as connection:
            instance = (await connection.execute(select(instances.c.id))).scalar_one_or_none()
            if instance is None:
                row = {"name": "b", "role": "backup", "gateway": "wawp", "account": "x", "known_since": 0.0}
                added = await connection.execute(insert(instances).values(row).returning(instances.c.id))
                instance = added.scalar_one()
            values = {"instance_id": instance, "group_id": group.id, "status": "blocked", "reason": reason}
            new = insert(memberships).values(values | {"status_since": 1.0, "attempts": 3})
            return int((await connection.execute(new.returning(memberships.c.id))).scalar_one())

    async def status(self, membership_id: int) -> tuple[Any, ...]:
        m = memberships.c
        async with self.database.read() as connection:
            query = select(m.status, m.reason, m.attempts, m.priority).where(m.id == membership_id)
            return tuple((await connection.execute(query)).one())


@asynccontextmanager
async def opened(url: str, tmp_path: Path) -> AsyncIterator[Catalogue]:
    database = Database(url)
    try:
        await schema.upgrade(database)
        yield Catalogue(database, KeyRing.create(tmp_path / "rejoin.key"))
    finally:
        await database.close()
