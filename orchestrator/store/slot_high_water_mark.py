"""The high-water mark of slots: a small file beside a SQLite database, by which a restored copy is noticed.

A database file that is put back from a copy has forgotten its latest slots, and nothing inside it can tell.
The file names the last slot of one instance, written after its reservation is committed and before
anything is sent. A database that does not hold that very slot was rolled back, or is another one. The file
also holds the moment at which it was made: a copy of it was changed later than it says, as no copying program
can set st_ctime (https://man7.org/linux/man-pages/man7/inode.7.html). PostgreSQL needs no such file: a
restored table has another object id.
"""

from __future__ import annotations

import os
from glob import escape
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import select

from orchestrator.domain.instances import InstanceRecord
from orchestrator.store import meta
from orchestrator.store.engine import AsyncConnection, Database, database_identity
from orchestrator.store.tables import slots

_SECOND = 1_000_000_000
_UNREADABLE = 1 << 62


class Mark(NamedTuple):
    """The last slot: its number and, since files tell it, its `send_at`. `copied`: in a copy of the file."""

    n: int
    send_at: float | None = None
    copied: bool = False


class SlotHighWaterMark:
    """The last slot of one instance. Without a path it remembers nothing."""

    def __init__(self, path: Path | None, instance_id: int = 0) -> None:
        self._path = path
        self._instance_id = instance_id
        self._last: Mark | None = None  # that this process saw or wrote
        self.trouble = ""  # why it could not be written the last time

    @classmethod
    def of(cls, database: Database, instance_id: int) -> SlotHighWaterMark:
        found = database.engine.url.database
        if database.dialect != "sqlite" or not found:
            return cls(None)
        return cls(Path(f"{found}.{instance_id}.slots"), instance_id)

    def read(self) -> int | None:
        """The number; None where there is no mark."""
        mark = self.mark()
        return None if mark is None else mark.n

    def write(self, n: int, send_at: float) -> bool:
        """Replace the mark. Not synced: after a power cut the boot is another one, and that is noticed.

        False where it cannot be written, on a full disk for one: then nothing may be sent with that slot.
        """
        self._last = Mark(n, send_at)
        if self._path is None:
            return True
        fresh = self._path.with_suffix(".slots.new")
        try:
            with fresh.open("w") as file:
                made = os.fstat(file.fileno()).st_mtime_ns  # on the file system's own clock, as st_ctime is
                file.write(f"{n} {send_at!r} {made}\n")
            os.replace(fresh, self._path)  # noqa: PTH105 - the same, and plainer beside its reason
        except OSError as error:
            self.trouble = f"{self._path}: {error.strerror or error}"
            return False
        self.trouble = ""
        return True

    def begin(self, *, doubted: bool = False) -> None:
        """Before the first slot: a copy of the whole folder is then known by the copy of this file.

        `doubted`: another mark in the folder is of another database. Whoever drives first waits and looks.
        """
        mark = self.mark()
        if self._path is not None and (mark is None or (doubted and mark.n == 0)):
            self.write(_UNREADABLE if doubted else 0, 0.0)

    def leave(self) -> None:
        """For whoever opens the file that stands in place of ours: what was sent, as far as we know."""
        if self._last is not None and self._last.n:
            self.write(self._last.n, self._last.send_at or 0.0)

    def unwritable(self) -> str:
        """Why it could not be written now; empty if it could. Makes no mark."""
        if self._path is None:
            return ""
        fresh = self._path.with_suffix(".slots.new")
        try:
            with fresh.open("a"):
                pass
            fresh.unlink()
        except OSError as error:
            return f"{self._path}: {error.strerror or error}"
        return ""

    async def contradicted(self, connection: AsyncConnection) -> bool:
        """Whether slots may be hidden from this database: it does not hold the one that was reserved last."""
        if self._path is None:
            return False
        mark, stored = self.mark(), await self._stored(connection)
        self._last = stored
        if mark is None:
            return stored.n > 0
        if mark.copied or mark.n > stored.n:
            return True
        if mark.n == 0 or mark.send_at is None:
            return False
        return await _send_at(connection, self._instance_id, mark.n) != mark.send_at

    def accept(self) -> bool:
        """From now on the database is right: its own last slot stands in the file. False: not writable."""
        return self._last is None or self.write(self._last.n, self._last.send_at or 0.0)

    def mark(self) -> Mark | None:
        """A file that cannot be read names a slot that no database holds."""
        if self._path is None:
            return None
        try:
            n, *more = self._path.read_text().split()
            if not more:  # of an older version
                return Mark(int(n))
            changed, made = self._path.stat().st_ctime_ns, int(more[1])
            return Mark(int(n), float(more[0]), copied=abs(changed - made) > _SECOND)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, IndexError):
            return Mark(_UNREADABLE)

    async def _stored(self, connection: AsyncConnection) -> Mark:
        mine = slots.c.instance_id == self._instance_id
        query = select(slots.c.n, slots.c.send_at).where(mine).order_by(slots.c.n.desc()).limit(1)
        row = (await connection.execute(query)).one_or_none()
        return Mark(0) if row is None else Mark(int(row.n), float(row.send_at))


async def _send_at(connection: AsyncConnection, instance_id: int, n: int) -> float | None:
    """When that slot was to be sent; None where the database does not hold it."""
    query = select(slots.c.send_at).where(slots.c.instance_id == instance_id, slots.c.n == n)
    found: float | None = await connection.scalar(query)
    return found


async def is_foreign(database: Database) -> bool:
    """Whether a mark beside the database names a slot that the database does not hold.

    It is then another database than the one in which that slot was reserved, and its rows have ids of their
    own: the mark of an account may stand under another one's number.
    """
    path = database.engine.url.database
    if database.dialect != "sqlite" or not path:
        return False
    marks = _marks_beside(Path(path))  # before the rows: a mark never names more than is committed
    async with database.read() as connection:
        for instance_id, mark in marks.items():
            at = await _send_at(connection, instance_id, mark.n)
            if at is None or mark.send_at not in (None, at):
                return True
    return False


def _marks_beside(path: Path) -> dict[int, Mark]:
    """What the marks tell that name a slot, by the number in their names."""
    found: dict[int, Mark] = {}
    for file in path.parent.glob(f"{escape(path.name)}.*.slots"):
        number = file.name[len(path.name) + 1 : -len(".slots")]
        mark = (
            SlotHighWaterMark(file).mark()
            if number.isascii() and number.isdecimal() and len(number) < 10
            else None
        )
        if mark is not None and mark.n > 0:
            found[int(number)] = mark
    return found


async def in_doubt(
    database: Database, connection: AsyncConnection, record: InstanceRecord | None, *, driven: bool = False
) -> bool:
    """Whether it may know fewer of an instance's joins than were sent: a restored copy, or another database.

    `record`: None for an instance that it does not know yet. The mark of one that is `driven` just now is
    not asked: it may tell of a slot that is younger than this connection's view.
    """
    here = await database_identity(database, connection)
    seen = await meta.get(connection, meta.IDENTITY) if record is None else record.seen_database
    if seen is not None and seen.partition("@")[0] != here.partition("@")[0]:
        return True
    if record is None or driven:
        return False
    return await SlotHighWaterMark.of(database, record.id).contradicted(connection)
