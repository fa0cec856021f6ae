from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from orchestrator.catalogue.lookup import show_group
from orchestrator.operations import code_keys as rekeying
from orchestrator.operations.code_keys import rekey
from orchestrator.store.secrets import KeyRing, UndecryptableCodeError, active_key
from orchestrator.store.tables import invite_codes, journal
from tests.support.catalogue import CODES, Catalogue, opened
from tests.support.command import PATIENCE

if TYPE_CHECKING:
    from orchestrator.store.engine import Database

_CHILD = """
import asyncio, os, signal, sys
from pathlib import Path
from orchestrator.operations import code_keys as rekey
from orchestrator.store import codes, keyring
from orchestrator.store.engine import Database
from orchestrator.store.secrets import KeyRing

def kill(*_args, **_named):
    os.kill(os.getpid(), signal.SIGKILL)

async def main(url, key_file, point):
    ring = KeyRing.load(Path(key_file))
    if point == "before the new key is in place":
        keyring._sync_directory, Path.replace = kill, kill
    elif point == "after the new key is in place":
        keyring._sync_directory = kill
    elif point == "half of the codes are done":
        real = codes.reseal
        async def reseal(connection, rows):
            await real(connection, rows[: len(rows) // 2])
            kill()
        codes.reseal = reseal
    elif point == "before the commit":
        rekey.append = kill
    elif point == "after the commit":
        rekey.drop_unused_keys = kill
    elif point == "the old key is about to go":
        KeyRing.drop = kill
    await rekey.rekey(Database(url), ring, actor="child")

asyncio.run(main(*sys.argv[1:]))
"""


async def filled(catalogue: Catalogue) -> None:
    lines = "".join(f"G{number},{code}\n" for number, code in enumerate(CODES))
    await catalogue.take(f"name,code\n{lines}")
    await catalogue.take(f"name,code\nG0,{'z' * 22}\n")  # an older code is kept, and must be kept readable


async def all_readable(catalogue: Catalogue) -> None:
    """With the key file as it lies on disk, every code is the right one and is found by its fingerprint."""
    catalogue.ring = KeyRing.load(catalogue.ring.path)
    assert [await catalogue.code_of(f"g{number}") for number in range(1, 10)] == CODES[1:]
    assert await catalogue.code_of("g0") == "z" * 22
    report = await catalogue.take(
        "name,code\n" + "".join(f"G{n},{CODES[n]}\n" for n in range(10)), dry_run=True
    )
    assert (report.unchanged, len(report.warnings)) == (10, 1)


async def test_every_code_gets_the_new_key_and_the_old_one_is_dropped(
    database_url: str, tmp_path: Path
) -> None:
    async with opened(database_url, tmp_path) as catalogue:
        await filled(catalogue)
        old = catalogue.ring.newest
        before = await show_group(catalogue.database, "g1")
        done = await rekey(catalogue.database, catalogue.ring, actor="test")
        after = await show_group(catalogue.database, "g1")

        assert (done.codes, done.dropped) == (11, (old,))
        assert KeyRing.load(catalogue.ring.path).ids == (done.key_id,)
        assert await _keys(catalogue.database) == (done.key_id, {done.key_id})
        assert before.codes[0].fingerprint != after.codes[0].fingerprint
        await all_readable(catalogue)
        async with catalogue.database.read() as connection:
            kinds = (await connection.execute(select(journal.c.kind))).scalars().all()
        assert kinds[-1] == "act.rekey"


async def test_the_old_key_may_be_kept_for_earlier_backups(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as catalogue:
        await filled(catalogue)
        old = catalogue.ring.newest
        done = await rekey(catalogue.database, catalogue.ring, actor="test", keep_old=True)

        assert KeyRing.load(catalogue.ring.path).ids == (old, done.key_id)


async def test_an_empty_catalogue_gets_a_new_key_as_well(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as catalogue:
        done = await rekey(catalogue.database, catalogue.ring, actor="test")

        assert (done.codes, await _keys(catalogue.database)) == (0, (done.key_id, set()))


@pytest.mark.parametrize(
    "point",
    [
        "before the new key is in place",
        "after the new key is in place",
        "half of the codes are done",
        "before the commit",
        "after the commit",
        "the old key is about to go",
    ],
)
async def test_killed_at_any_point_nothing_is_lost_and_the_next_call_finishes(
    database_url: str, tmp_path: Path, point: str
) -> None:
    async with opened(database_url, tmp_path) as catalogue:
        await filled(catalogue)
        path = catalogue.ring.path
        killed = _run_child(database_url, path, point)

        assert killed.returncode == -9, killed.stderr
        await all_readable(catalogue)

        done = await rekey(catalogue.database, catalogue.ring, actor="test")
        assert done.codes == 11
        assert KeyRing.load(path).ids == (done.key_id,)
        await all_readable(catalogue)


async def test_a_code_that_cannot_be_read_stops_the_rekey_and_no_key_is_dropped(
    database_url: str, tmp_path: Path
) -> None:
    async with opened(database_url, tmp_path) as catalogue:
        await filled(catalogue)
        old = catalogue.ring.newest
        async with catalogue.database.write() as connection:
            last = (
                invite_codes.c.fingerprint
                == (await show_group(catalogue.database, "g5")).codes[0].fingerprint
            )
            await connection.execute(invite_codes.update().where(last).values(ciphertext=b"\x01" + bytes(50)))
        with pytest.raises(UndecryptableCodeError):
            await rekey(catalogue.database, catalogue.ring, actor="test")

        assert old in KeyRing.load(catalogue.ring.path).ids
        assert (await _keys(catalogue.database))[0] == old


async def test_a_process_that_read_the_key_file_before_still_reads_codes_after(
    database_url: str, tmp_path: Path
) -> None:
    async with opened(database_url, tmp_path) as catalogue:
        await filled(catalogue)
        await rekey(catalogue.database, KeyRing.load(catalogue.ring.path), actor="test")

        assert await catalogue.code_of("g3") == CODES[3]
        assert (await catalogue.take(f"name,code\nG3,{CODES[3]}\n")).unchanged == 1


async def test_a_new_key_that_an_interrupted_call_left_is_used(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(sqlite_url, tmp_path) as catalogue:
        await filled(catalogue)
        with monkeypatch.context() as patch:
            patch.setattr(rekeying, "append", _fail)
            with pytest.raises(RuntimeError):
                await rekey(catalogue.database, catalogue.ring, actor="test")
        left = catalogue.ring.newest
        done = await rekey(catalogue.database, catalogue.ring, actor="test")

        assert done.key_id == left


async def _fail(*_: Any) -> None:
    raise RuntimeError("power cut")


async def _keys(database: Database) -> tuple[str | None, set[str]]:
    async with database.read() as connection:
        used = (await connection.execute(select(invite_codes.c.key_id))).scalars().all()
        return await active_key(connection), set(used)


def _run_child(url: str, path: Path, point: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _CHILD, url, str(path), point],
        capture_output=True, text=True, check=False, cwd=Path(rekeying.__file__).parents[2], timeout=PATIENCE,
    )  # fmt: skip
