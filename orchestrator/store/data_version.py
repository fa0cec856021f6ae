"""Whether anybody wrote to a SQLite file since the last question, asked on a kept connection."""

from __future__ import annotations

import sqlite3

import aiosqlite

from orchestrator.store.opened_file import existing
from orchestrator.store.sqlite_driver import opened


class DataVersion:
    """`PRAGMA data_version`: one number, from memory that all processes at this file share."""

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._connection: aiosqlite.Connection | None = None

    async def version(self) -> int | None:
        """None when it cannot be told: whoever asks then looks for himself."""
        if not self._path:
            return None
        try:
            if self._connection is None:
                self._connection = await opened(aiosqlite.connect(existing(self._path), uri=True))
            rows = await self._connection.execute_fetchall("PRAGMA data_version")
        except (sqlite3.Error, ValueError, OSError):
            await self.close()
            return None
        return next((int(row[0]) for row in rows), None)

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()
