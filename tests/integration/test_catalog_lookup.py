from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from orchestrator.catalogue.changes import set_code
from orchestrator.catalogue.lookup import resolve, show_group
from orchestrator.domain.errors import InputRejectedError, NotFoundError, UsageError
from orchestrator.domain.invites import parse_invite
from orchestrator.store.tables import journal
from tests.support.catalogue import CODES, JIDS, Catalogue, opened

if TYPE_CHECKING:
    from pathlib import Path

TABLE = (
    "name,code,jid,instances,labels\n"
    f"Suppliers North,{CODES[0]},{JIDS[0]},sales-main,vip;north\n"
    f"Ação,{CODES[1]},{JIDS[1]},sales-2,vip\n"
    f"Twin,{CODES[2]},{JIDS[2]},,\n"
    f"Twin,,{JIDS[3]},,\n"
)


async def found(catalogue: Catalogue, reference: str) -> str:
    async with catalogue.database.read() as connection:
        return (await resolve(connection, reference)).slug


@pytest.mark.parametrize(
    ("reference", "slug"),
    [
        ("suppliers-north", "suppliers-north"),
        ("SUPPLIERS-NORTH", "suppliers-north"),
        (JIDS[0], "suppliers-north"),
        (" suppliers  NORTH ", "suppliers-north"),
        ("AÇÃO", "acao"),
        ("twin-2", "twin-2"),
    ],
)
async def test_a_group_is_found(database_url: str, tmp_path: Path, reference: str, slug: str) -> None:
    async with opened(database_url, tmp_path) as catalogue:
        await catalogue.take(TABLE)

        assert await found(catalogue, reference) == slug


async def test_what_is_not_there_is_said_with_what_may_be_meant(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as catalogue:
        await catalogue.take(TABLE)
        with pytest.raises(NotFoundError) as refusal:
            await found(catalogue, "suppliers-nort")
        assert refusal.value.message == ('no group is called "suppliers-nort". Did you mean suppliers-north?')
        with pytest.raises(NotFoundError, match="Did you mean acao"):
            await found(catalogue, "Acao!")
        with pytest.raises(NotFoundError, match=r'^no group is called "zzz"$'):
            await found(catalogue, "zzz")


async def test_a_name_that_several_have_asks_which(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as catalogue:
        await catalogue.take(TABLE)
        with pytest.raises(UsageError, match='2 groups are called "TWIN"') as refusal:
            await found(catalogue, "TWIN")

    assert refusal.value.hint == "say which: twin, twin-2"


async def test_nothing_that_is_shown_holds_a_code(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as catalogue:
        await catalogue.take(TABLE)
        shown = str([await show_group(catalogue.database, slug) for slug in ("acao", "twin")])

    assert not [code for code in CODES if code in shown]


async def test_a_new_code_is_set_kept_over_the_old_and_noted(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as catalogue:
        await catalogue.take(TABLE)
        membership = await catalogue.membership("acao", "code_revoked")
        done = await set_code(catalogue.database, catalogue.ring, "Ação", parse_invite(CODES[5]), actor="ana")
        details = await show_group(catalogue.database, "acao")

        assert (done.changed, done.requeued, done.last4, done.warning) == (True, 1, CODES[5][-4:], "")
        assert await catalogue.code_of("acao") == CODES[5]
        assert [(code.source, code.current) for code in details.codes] == [
            ("set-code", True),
            ("import", False),
        ]
        assert (await catalogue.status(membership))[0] == "pending"
        async with catalogue.database.read() as connection:
            last = (await connection.execute(select(journal).order_by(journal.c.id.desc()).limit(1))).one()
        assert (last.kind, last.actor, last.group_id) == ("act.set_code", "ana", details.group.id)
        assert CODES[5] not in last.data


async def test_setting_the_same_code_again_changes_nothing(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as catalogue:
        await catalogue.take(TABLE)
        done = await set_code(catalogue.database, catalogue.ring, "acao", parse_invite(CODES[1]), actor="ana")

        assert not done.changed


async def test_an_earlier_code_comes_back_when_it_is_set(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as catalogue:
        await catalogue.take(TABLE)
        for code in (CODES[5], CODES[1]):
            await set_code(catalogue.database, catalogue.ring, "acao", parse_invite(code), actor="ana")
        details = await show_group(catalogue.database, "acao")

        assert await catalogue.code_of("acao") == CODES[1]
        assert [code.current for code in details.codes] == [True, False]


async def test_a_code_of_another_group_is_refused(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as catalogue:
        await catalogue.take(TABLE)
        with pytest.raises(InputRejectedError, match='already stored for "Suppliers North"'):
            await set_code(catalogue.database, catalogue.ring, "acao", parse_invite(CODES[0]), actor="ana")

        assert await catalogue.code_of("acao") == CODES[1]
