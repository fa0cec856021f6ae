"""A small file beside a SQLite database that remembers the last slot, so that a restored copy is noticed.

A database file that is put back from a copy has forgotten its latest slots, and nothing inside it can tell.
The file holds one number for each instance, written after a reservation is committed and before anything is
sent. A database that knows fewer slots than its witness was rolled back. PostgreSQL needs no such file: a
restored table has another object id.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.store.engine import Database


class Witness:
    """The last slot's number of one instance. Without a path it remembers nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    @classmethod
    def of(cls, database: Database, instance_id: int) -> Witness:
        found = database.engine.url.database
        if database.dialect != "sqlite" or not found:
            return cls(None)
        return cls(Path(f"{found}.{instance_id}.slots"))

    def read(self) -> int | None:
        """The number; None where there is no witness. A file that cannot be read counts as rolled back."""
        if self._path is None:
            return None
        try:
            return int(self._path.read_text())
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            return 1 << 62

    def write(self, n: int) -> bool:
        """Replace the number. Not synced: after a power cut the boot is another one, and that is noticed.

        False where it cannot be written, on a full disk for one: then nothing may be sent with that slot.
        """
        if self._path is None:
            return True
        fresh = self._path.with_suffix(".slots.new")
        try:
            fresh.write_text(str(n))
            os.replace(fresh, self._path)  # noqa: PTH105 - the same, and plainer beside its reason
        except OSError:
            return False
        return True

    def contradicts(self, last_n: int) -> bool:
        """Whether the database knows less than was sent."""
        seen = self.read()
        if seen is None:
            return self._path is not None and last_n > 0
        return seen > last_n
