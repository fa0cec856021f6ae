"""Names and subjects are compared as people see them, whatever the database is: found, listed, told apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from orchestrator.catalogue.lookup import resolve
from orchestrator.operations import retry_skip
from orchestrator.status.group_status import find_group, list_memberships
from orchestrator.status.past import read_journal
from orchestrator.store import groups, schema
from orchestrator.store.engine import Database
from orchestrator.store.group_rows import Filters
from tests.support.catalogue import CODES, JIDS, Catalogue, opened
from tests.support.defaults import explain

if TYPE_CHECKING:
    from pathlib import Path

NAMES = {
    "köln": "Köln Nord",
    "strasse": "Große Straße",
    "odd": "İstanbul ılık",
    "nfd": "Cafe\u0301 Su\u0301l",
    "emoji": "\u2764\ufe0f Team \U0001f468\u200d\U0001f469\u200d\U0001f467",
    "arabic": "\u200fفريق الشمال",
    "greek": "ΠΕΛΆΤΕΣ ΝΌΤΙΟΣ",
    "percent": "100%_a\\b",
}
TYPED = [
    ("KÖLN NORD", "köln"),
    ("köln  nord", "köln"),
    ("KO\u0308LN nord", "köln"),
    ("GROSSE STRASSE", "strasse"),
    ("große straße", "strasse"),
    ("İstanbul ılık", "odd"),
    ("CAFÉ SÚL", "nfd"),
    ("\u2764 team \U0001f468\u200d\U0001f469\u200d\U0001f467", "emoji"),
    ("فريق الشمال", "arabic"),
    ("πελάτες νότιος", "greek"),
    ("100%_A\\B", "percent"),
]
TABLE = "name,code,labels\n" + "".join(
    f"{name},{code},\n" for name, code in zip(NAMES.values(), CODES, strict=False)
)


async def named(catalogue: Catalogue, word: str) -> str:
    async with catalogue.database.read() as connection:
        return (await resolve(connection, word)).name


async def listed(database: Database, search: str) -> list[str]:
    return [row.group async for row in list_memberships(database, Filters(search=search))]


@pytest.mark.parametrize(("typed", "which"), TYPED)
async def test_a_group_is_found_by_its_name_as_people_see_it(
    database_url: str, tmp_path: Path, typed: str, which: str
) -> None:
    async with opened(database_url, tmp_path) as catalogue:
        await catalogue.take(TABLE)

        assert await named(catalogue, typed) == NAMES[which]
        assert await listed(catalogue.database, typed) == [NAMES[which]]


@pytest.mark.parametrize(
    ("typed", "which"),
    [
        ("KÖLN", ["köln"]),
        ("ö", ["köln"]),
        ("STRASSE", ["strasse"]),
        ("فريق", ["arabic"]),
        ("ΝΌΤ", ["greek"]),
        ("%", ["percent"]),
        ("_A", ["percent"]),
        ("\\", ["percent"]),
        ("team", ["emoji"]),
        ("İ", ["odd"]),
        ("NORTH", []),
    ],
)
async def test_a_part_of_a_name_finds_it_on_both_databases(
    database_url: str, tmp_path: Path, typed: str, which: list[str]
) -> None:
    async with opened(database_url, tmp_path) as catalogue:
        await catalogue.take(TABLE)

        assert await listed(catalogue.database, typed) == [NAMES[one] for one in which]


async def test_every_command_means_the_same_group(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as catalogue:
        await catalogue.take(TABLE)
        await catalogue.membership("KÖLN nord", "code_revoked")
        for word in ("KÖLN NORD", "KOLN-NORD", " koln-nord\u200b"):
            assert (await explain(catalogue.database, word)).row.slug == "koln-nord"
            async with catalogue.database.read() as connection:
                assert {row.slug for row in await find_group(connection, word)} == {"koln-nord"}
            done = await retry_skip.skip(catalogue.database, "b", [word], actor="test")
            assert [one.slug for one in done.groups] == ["koln-nord"]
            assert await read_journal(catalogue.database, group=word)


async def test_an_import_that_renames_a_group_is_found_by_the_new_name_alone(
    database_url: str, tmp_path: Path
) -> None:
    async with opened(database_url, tmp_path) as catalogue:
        await catalogue.take(f"name,code,jid,subject\nKöln Nord,{CODES[0]},{JIDS[0]},Größe\n")
        renamed = await catalogue.take(f"name,code,jid,subject\nMÜNCHEN Süd,,{JIDS[0]},Ähre\n")
        again = await catalogue.take("name,code,priority\nmünchen SÜD,,7\n")

        assert (renamed.updated, again.updated, again.new) == (1, 1, 0)
        assert await named(catalogue, "münchen süd") == "münchen SÜD"
        assert await listed(catalogue.database, "köln") == []
        assert await listed(catalogue.database, "GRÖSSE") == []
        assert await listed(catalogue.database, "ÄHRE") == ["münchen SÜD"]
        assert await stale_keys(catalogue.database) == []


async def stale_keys(database: Database) -> list[tuple[object, ...]]:
    """Groups whose stored keys are not those of their texts."""
    async with database.read() as connection:
        rows = (
            await connection.execute(text("SELECT name, subject, name_key, subject_key FROM groups"))
        ).all()
    return [
        tuple(row)
        for row in rows
        if groups.keys_of({"name": row[0], "subject": row[1]}) != {"name_key": row[2], "subject_key": row[3]}
    ]


async def test_the_doctor_sees_that_two_groups_expect_the_same(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as catalogue:
        await catalogue.take(
            f"name,code,subject\nA,{CODES[0]},Große Müller\nB,{CODES[1]},GROSSE MÜLLER\n"
            f"GROSSE MU\u0308LLER,{CODES[2]},\nC,{CODES[3]},Grosse Muller\n"
        )
        async with catalogue.database.read() as connection:
            found = await groups.alike(connection)

    assert (found.count, found.slugs) == (3, ("a", "b", "grosse-muller"))


async def test_the_keys_of_stored_groups_are_filled_by_the_migration(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    insertion = text(
        "INSERT INTO groups (slug, name, subject, created_at, updated_at)"
        " VALUES (:slug, :name, :subject, 1, 1)"
    )
    try:
        await schema.upgrade(database, "0005")
        async with database.write() as connection:
            rows = [
                {"slug": f"g{n}", "name": f"{name} {n}", "subject": name if n % 2 else None}
                for n, name in enumerate([*NAMES.values()] * 300)
            ]
            await connection.execute(insertion, rows)
        await schema.upgrade(database)

        assert await stale_keys(database) == []
        async with database.read() as connection:
            assert (await resolve(connection, "KÖLN NORD 0")).slug == "g0"
    finally:
        await database.close()
