"""Forgetting the codes keeps everything else, and an import puts the waiting groups back in line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from orchestrator.domain.memberships import Reason, Status
from orchestrator.operations.code_keys import forget_codes
from orchestrator.store.tables import invite_codes, journal, memberships, slots
from tests.support.by_hand import lines, membership, now, put
from tests.support.catalogue import CODES, opened
from tests.support.stage import set_stage

if TYPE_CHECKING:
    from pathlib import Path

MOVED = [
    (Status.PENDING, None),
    (Status.READY, None),
    (Status.DEFERRED, Reason.GROUP_FULL),
    (Status.BLOCKED, Reason.CODE_INVALID),
    (Status.BLOCKED, Reason.CODE_REVOKED),
    (Status.BLOCKED, Reason.CODE_MISSING),
]
KEPT = [
    (Status.JOINING, None),
    (Status.CONFIRMING, None),
    (Status.AWAITING_APPROVAL, Reason.APPROVAL_PENDING),
    (Status.ACTIVE, None),
    (Status.LEFT, Reason.REMOVED_BY_ADMIN),
    (Status.SKIPPED, None),
    (Status.BLOCKED, Reason.IDENTITY_MISMATCH),
    (Status.BLOCKED, Reason.OUTCOME_UNKNOWN),
]


async def test_what_still_needs_its_code_is_code_missing_and_all_else_stays(
    database_url: str, tmp_path: Path
) -> None:
    async with set_stage(database_url, groups=len(MOVED) + len(KEPT)) as stage:
        for number, (status, reason) in enumerate([*MOVED, *KEPT], start=1):
            due = await now(stage) + 600 if status is Status.DEFERRED else None
            await put(stage, number, status, reason, next_attempt_at=due)

        done = await forget_codes(stage.database, tmp_path / "rejoin.key", actor="ana@box")

        found = [await membership(stage, number) for number in range(1, len(MOVED) + len(KEPT) + 1)]
        assert [(one.status, one.reason) for one in found] == [
            *[(Status.BLOCKED, Reason.CODE_MISSING)] * len(MOVED),
            *KEPT,
        ]
        assert done.codes == len(found)
        assert done.memberships == len(MOVED) - 1
        told = await lines(stage, "act.forget_codes")
        assert told == [{"codes": done.codes, "memberships": len(MOVED) - 1, "key": done.key_id}]
        async with stage.database.read() as connection:
            for query in (
                select(func.count()).select_from(invite_codes),
                select(func.count(memberships.c.code_id)),
                select(func.count(slots.c.code_id)),
            ):
                assert await connection.scalar(query) == 0


@pytest.mark.parametrize("loss", ["gone", "damaged", "of another"])
async def test_after_it_the_same_codes_are_imported_and_the_groups_are_in_line(
    database_url: str, loss: str, tmp_path: Path
) -> None:
    async with opened(database_url, tmp_path) as catalogue:
        table = f"name,code\nA,{CODES[0]}\nB,{CODES[1]}\n"
        await catalogue.take(table)
        waiting = await catalogue.membership("a", "code_revoked")
        path = catalogue.ring.path
        match loss:
            case "gone":
                path.unlink()
            case "damaged":
                path.write_bytes(b"")
            case _:
                other = type(catalogue.ring).create(path.with_name("other.key"))
                other.path.replace(path)
        async with catalogue.database.read() as connection:
            before = list(await connection.scalars(select(journal.c.id)))

        done = await forget_codes(catalogue.database, path, actor="test")

        catalogue.ring.reload()
        assert (done.codes, catalogue.ring.newest, done.aside is not None) == (
            2,
            done.key_id,
            loss == "damaged",
        )
        assert path.stat().st_mode & 0o777 == 0o600
        await catalogue.take(table)
        assert await catalogue.code_of("b") == CODES[1]
        assert (await catalogue.status(waiting))[0] == "pending"
        async with catalogue.database.read() as connection:
            after = list(await connection.scalars(select(journal.c.id)))
        assert after[: len(before)] == before
