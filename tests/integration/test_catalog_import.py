from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from orchestrator.catalogue.changes import set_code
from orchestrator.catalogue.lookup import show_group
from orchestrator.domain.invites import parse_invite
from orchestrator.store.tables import groups
from tests.support.catalogue import CODES, JIDS, opened

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_table_becomes_groups_with_sealed_codes(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as catalogue:
        report = await catalogue.take(
            "name,code,jid,subject,owner,instances,labels,priority,notes\n"
            f"Suppliers North,https://chat.whatsapp.com/{CODES[0]},{JIDS[0]},Suppliers,+55 11 91234-5678,"
            "sales-main,vip;north,7,call Ana\n"
            f"Others,{CODES[1]},,,,,,,\n"
        )
        details = await show_group(catalogue.database, "suppliers-north")

        assert report.sentence == "2 rows: 2 new, 0 updated, 0 unchanged."
        assert report.written
        group = details.group
        assert (group.name, group.jid, group.subject) == ("Suppliers North", JIDS[0], "Suppliers")
        assert (group.owner, group.priority, group.notes) == ("5511912345678", 7, "call Ana")
        assert (details.labels, details.instances) == (("north", "vip"), ("sales-main",))
        assert [(code.last4, code.current, code.source) for code in details.codes] == [
            ("ozql", True, "import")
        ]
        assert await catalogue.code_of("suppliers-north") == CODES[0]
        everything = str(await catalogue.everything())
        assert CODES[0] not in everything
        assert CODES[1] not in everything


async def test_the_same_table_again_changes_nothing(database_url: str, tmp_path: Path) -> None:
    text = f"name,code,jid,labels,instances,priority\nA,{CODES[0]},{JIDS[0]},x|y,i1;i2,3\nB,{CODES[1]},,,,\n"
    async with opened(database_url, tmp_path) as catalogue:
        await catalogue.take(text)
        before = await catalogue.everything()
        report = await catalogue.take(text)
        after = await catalogue.everything()

    assert report.sentence == "2 rows: 0 new, 0 updated, 2 unchanged."
    assert (before["groups"], before["invite_codes"]) == (after["groups"], after["invite_codes"])
    assert [row.kind for row in after["journal"]] == ["act.import", "act.import"]


async def test_empty_cells_leave_what_is_stored(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as catalogue:
        await catalogue.take(f"name,code,jid,subject,labels,priority\nA,{CODES[0]},{JIDS[0]},S,x,3\n")
        report = await catalogue.take(f"name,code,jid,subject,labels,priority\n,,{JIDS[0]},,,\n")
        details = await show_group(catalogue.database, "a")

    assert report.unchanged == 1
    assert (details.group.subject, details.labels, details.group.priority) == ("S", ("x",), 3)


@pytest.mark.parametrize(
    "row",
    [f"New name,{CODES[1]},{JIDS[0]}", f"New name,{CODES[0]},", f"A,{CODES[1]},", f"a,{CODES[1]},{JIDS[0]}"],
    ids=["by jid", "by code", "by name", "by name in another case, and jid"],
)
async def test_a_row_finds_its_group(database_url: str, tmp_path: Path, row: str) -> None:
    async with opened(database_url, tmp_path) as catalogue:
        await catalogue.take(f"name,code,jid\nA,{CODES[0]},{JIDS[0]}\n")
        report = await catalogue.take(f"name,code,jid\n{row}\n")

        assert report.sentence == "1 row: 0 new, 1 updated, 0 unchanged."
        assert await catalogue.count() == 1


async def test_a_slug_in_the_place_of_the_name_finds_the_group_and_does_not_rename_it(
    database_url: str, tmp_path: Path
) -> None:
    async with opened(database_url, tmp_path) as catalogue:
        await catalogue.take(f"name,code\nSuppliers North,{CODES[0]}\n")
        report = await catalogue.take(f"name,code\nsuppliers-north,{CODES[1]}\n")

        assert report.updated == 1
        assert (await show_group(catalogue.database, "suppliers-north")).group.name == "Suppliers North"


async def test_a_jid_is_given_to_the_group_of_that_name(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as catalogue:
        await catalogue.take(f"name,code\nA,{CODES[0]}\n")
        report = await catalogue.take(f"name,code,jid\nA,,{JIDS[0]}\n")

        assert report.updated == 1
        assert (await show_group(catalogue.database, JIDS[0])).group.slug == "a"


async def test_a_new_code_becomes_current_and_the_old_one_is_kept(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as catalogue:
        await catalogue.take(f"name,code\nA,{CODES[0]}\n")
        await catalogue.take(f"name,code\nA,{CODES[1]}\n")
        details = await show_group(catalogue.database, "a")

        assert await catalogue.code_of("a") == CODES[1]
        assert [code.current for code in details.codes] == [True, False]
        assert details.codes[1].retired_at is not None


async def test_an_older_table_does_not_bring_back_a_replaced_code(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as catalogue:
        await catalogue.take(f"name,code\nA,{CODES[0]}\n")
        await set_code(catalogue.database, catalogue.ring, "a", parse_invite(CODES[1]), actor="test")
        report = await catalogue.take(f"name,code\nA,{CODES[0]}\n")

        assert report.sentence == "1 row: 0 new, 0 updated, 1 unchanged."
        assert report.warnings == ('row 2: this code of "A" was replaced since; kept the newer',)
        assert await catalogue.code_of("a") == CODES[1]


async def test_what_contradicts_the_store_is_refused_all_at_once_and_nothing_is_written(
    database_url: str, tmp_path: Path
) -> None:
    async with opened(database_url, tmp_path) as catalogue:
        await catalogue.take(
            f"name,code,jid\nA,{CODES[0]},{JIDS[0]}\nB,{CODES[1]},{JIDS[1]}\nC,{CODES[2]},\n"
            f"Twin,{CODES[3]},{JIDS[3]}\nTwin,{CODES[4]},{JIDS[4]}\n"
        )
        problems = await catalogue.refused(
            "name,code,jid\n"
            f"A,{CODES[1]},{JIDS[0]}\n"
            f"C,,{JIDS[1]}\n"
            f"C,{CODES[0]},\n"
            f"X,{CODES[2]},{JIDS[1]}\n"
            f"Z,{CODES[3]},{JIDS[9]}\n"
            f"twin,{CODES[9]},\n"
            f"Fine,{CODES[8]},\n"
            "Nothing,,\n"
            f",{CODES[7]},{JIDS[7]}\n"
        )

    assert problems == (
        'row 2: jid belongs to "A", but the code is already stored for "B"',
        'row 3: jid belongs to "B", but the name to "C"',
        "row 4: same name as row 3; give the jid of both",
        'row 4: code belongs to "A", but the name to "C"',
        "row 5: same jid as row 3",
        'row 5: jid belongs to "B", but the code is already stored for "C"',
        f'row 6: code is already stored for "Twin", whose jid is {JIDS[3]}, not {JIDS[9]}',
        "row 7: name belongs to 2 stored groups; give the jid",
        "row 10: name is empty",
    )


async def test_two_rows_about_one_stored_group_are_refused(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as catalogue:
        await catalogue.take(f"name,code,jid\nA,{CODES[0]},{JIDS[0]}\n")
        problems = await catalogue.refused(f"name,code,jid\nX,,{JIDS[0]}\nA,{CODES[1]},\n")

    assert problems == ("row 3: same group as row 2",)


async def test_another_jid_is_another_group_even_of_the_same_name(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as catalogue:
        await catalogue.take(f"name,code,jid\nA,{CODES[0]},{JIDS[0]}\n")
        report = await catalogue.take(f"name,code,jid\nA,{CODES[1]},{JIDS[1]}\n")

        assert (report.new, len(report.warnings)) == (1, 1)
        assert (await show_group(catalogue.database, JIDS[1])).group.slug == "a-2"


@pytest.mark.parametrize("jid", ["", JIDS[0]])
async def test_a_group_without_a_link_is_stored_and_waits_for_one(
    database_url: str, tmp_path: Path, jid: str
) -> None:
    async with opened(database_url, tmp_path) as catalogue:
        report = await catalogue.take(f"name,code,jid\nA,,{jid}\n")

        said = "row 2: no invite link; the group is stored and waits for one (code_missing)"
        assert report.warnings == (said,)
        assert (await show_group(catalogue.database, "a")).current_code is None


async def test_a_dry_run_says_the_same_and_writes_nothing(database_url: str, tmp_path: Path) -> None:
    text = f"name,code\nA,{CODES[1]}\nB,{CODES[0]}\nNew,{CODES[2]}\nBad,x\n"
    async with opened(database_url, tmp_path) as catalogue:
        await catalogue.take(f"name,code\nA,{CODES[0]}\nB,{CODES[3]}\n")
        before = await catalogue.everything()
        report = await catalogue.take(text, dry_run=True)

        assert (
            report.sentence
            == "4 rows: 1 new, 1 updated, 0 unchanged, 2 rejected. Nothing written (--dry-run)."
        )
        assert len(report.problems) == 2
        assert await catalogue.everything() == before
        assert await catalogue.refused(text) == report.problems


async def test_an_empty_database_can_be_asked_with_a_dry_run(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as catalogue:
        report = await catalogue.take(f"name,code\nA,{CODES[0]}\n", dry_run=True)

        assert (report.new, await catalogue.count()) == (1, 0)


async def test_slugs_stay_unique_over_imports(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as catalogue:
        await catalogue.take(f"name,code\nTeam A!,{CODES[0]}\nTeam A?,{CODES[1]}\n供,{CODES[2]}\n")
        await catalogue.take(f"name,code\nTeam A#,{CODES[3]}\n应,{CODES[4]}\n")
        async with catalogue.database.read() as connection:
            slugs = (await connection.execute(select(groups.c.slug).order_by(groups.c.id))).scalars().all()

    assert slugs == ["team-a", "team-a-2", "group", "team-a-3", "group-2"]


@pytest.mark.parametrize(
    ("reason", "row", "freed"),
    [
        ("code_revoked", f"A,{CODES[1]},,", True),
        ("code_invalid", f"A,{CODES[1]},,", True),
        ("group_gone", f"A,{CODES[1]},,", True),
        ("identity_mismatch", f"A,{CODES[1]},,", True),
        ("not_on_allow_list", f"A,{CODES[1]},,", True),
        ("duplicate_group", f"A,{CODES[1]},,", True),
        ("removed_by_admin", f"A,{CODES[1]},,", False),
        ("code_revoked", f"A,{CODES[0]},,9", False),
        ("identity_mismatch", f"A,,{JIDS[0]},", True),
        ("not_on_allow_list", f"A,,{JIDS[0]},", True),
        ("code_revoked", f"A,,{JIDS[0]},", False),
    ],
)
async def test_what_was_missing_puts_a_blocked_group_back_in_line(
    database_url: str, tmp_path: Path, reason: str, row: str, freed: bool
) -> None:
    async with opened(database_url, tmp_path) as catalogue:
        await catalogue.take(f"name,code\nA,{CODES[0]}\n")
        membership = await catalogue.membership("a", reason)
        await catalogue.take(f"name,code,jid,priority\n{row}\n")
        status, left, attempts, _ = await catalogue.status(membership)

    assert (status, left) == (("pending", None) if freed else ("blocked", reason))
    assert attempts == (0 if freed else 3)


async def test_a_new_priority_moves_the_group_in_its_line(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as catalogue:
        await catalogue.take(f"name,code\nA,{CODES[0]}\n")
        membership = await catalogue.membership("a", "group_full")
        await catalogue.take("name,code,priority,notes\nA,,9,note\n")

        assert (await catalogue.status(membership))[3] == 9


async def test_the_journal_says_who_imported_what_and_what_changed(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, tmp_path) as catalogue:
        await catalogue.take(f"name,code\nA,{CODES[0]}\n")
        await catalogue.take(f"name,code,labels,subject\nA,{CODES[1]},x,S\n")
        rows = (await catalogue.everything())["journal"]

    assert [(row.kind, row.actor) for row in rows] == [
        ("act.import", "test"), ("group.changed", "test"), ("act.import", "test"),
    ]  # fmt: skip
    assert json.loads(rows[0].data) == {
        "source": "groups.csv",
        "rows": 1,
        "new": 1,
        "updated": 0,
        "unchanged": 0,
    }
    changed = json.loads(rows[1].data)
    assert changed["changed"] == ["subject", "labels"]
    assert changed["code_last4"] == CODES[1][-4:]


async def test_many_rows_in_several_batches(database_url: str, tmp_path: Path) -> None:
    lines = "".join(f"Group {n},{n:022d},{n}@g.us,a;b{n % 7},i1\n" for n in range(1, 2501))
    text = f"name,code,jid,labels,instances\n{lines}"
    async with opened(database_url, tmp_path) as catalogue:
        first = await catalogue.take(text)
        second = await catalogue.take(text.replace(";b3,", ";c3,"))
        details = await show_group(catalogue.database, "2467@g.us")

    assert (first.new, first.rows) == (2500, 2500)
    assert (second.updated, second.unchanged) == (357, 2143)
    assert (details.group.name, details.labels) == ("Group 2467", ("a", "c3"))
