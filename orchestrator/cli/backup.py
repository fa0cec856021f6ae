"""Copying a SQLite database that is in use, by SQLite's own online backup."""

from __future__ import annotations

import os
import secrets
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from orchestrator.domain.errors import ConfigurationError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

_STEP = 1000  # pages; writers get their turn between two steps


def copy_sqlite(source: Path, target: Path) -> None:
    """`target` is there, whole, checked and synced, or not at all."""
    if target.exists():
        raise UsageError(f"{target} is there already; it is not overwritten.")
    if not source.exists():
        raise ConfigurationError(f"{source}: there is no database", hint="run: rejoin init")
    partial = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
    try:
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        _copy(source, partial)
        _sync(partial)
        os.link(partial, target)  # unlike a rename, this fails if the name was taken meanwhile
        _sync(target.parent)
    finally:
        partial.unlink(missing_ok=True)


def _copy(source: Path, partial: Path) -> None:
    with (
        closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=30)) as old,
        closing(sqlite3.connect(partial)) as new,
    ):
        old.backup(new, pages=_STEP)
        # A single file: a copy in WAL mode would bring its companions.
        new.execute("PRAGMA journal_mode=DELETE")
        verdict = new.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if verdict != "ok":
        raise ConfigurationError(f"{source}: the database is damaged: {verdict}", hint="restore a backup")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
