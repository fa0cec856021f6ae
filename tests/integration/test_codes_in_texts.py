"""Invite codes in subjects, names and sentences: reduced where they enter, and in what is stored already."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError

from orchestrator.domain.memberships import Reason
from orchestrator.domain.outcomes import (
    GatewayAnswer,
    GroupPreview,
    Outcome,
    ProbeAnswer,
    SeenGroup,
    SessionAnswer,
)
from orchestrator.domain.verification import Expected, verify
from orchestrator.gateways.base import without_own_codes
from orchestrator.operations.acting import said
from orchestrator.store import schema
from orchestrator.store.engine import Database
from orchestrator.store.tables import groups, invite_codes, journal
from tests.support.catalogue import opened
from tests.support.defaults import allowing

if TYPE_CHECKING:
    from pathlib import Path

CODE = "BobOM8UXL8EDR3dXoKozql"
OTHER = "K2jd83HhsYw01LmPq7TzXc"
ODD = "testcode-of-ours-00001"  # nothing tells it from a word, but that it is stored
LINKS = (
    f"come https://chat.whatsapp.com/{CODE}?mode=gi_t now",
    f"chat.whatsapp.com/invite/{CODE}",
    f"CHAT.WHATSAPP.COM%2F{CODE}",
    f"https:\\/\\/chat.whatsapp.com\\/{CODE}",
    f"whatsapp://chat?code={CODE}",
    f"bare {CODE}, bare",
    f"chat.whatsapp.com/\u200b{CODE[:8]}\u200b{CODE[8:]}",
    "chat.whatsapp.com/" + "".join(chr(ord(c) + 0xFEE0) for c in CODE),
)


@pytest.mark.parametrize("text_", LINKS)
def test_no_answer_of_a_gateway_holds_a_code(text_: str) -> None:
    answer = GatewayAnswer(Outcome.OK, text=text_)
    preview = GroupPreview("1@g.us", text_, text_, text_)
    group = SeenGroup("1@g.us", text_, text_)
    session = SessionAnswer(answer, word=text_, name=text_)
    verdict = verify(allowing(), Expected("2@g.us", text_), preview)

    for shown in (answer, preview, group, session, verdict.sentence):
        assert CODE not in repr(shown)
        assert CODE[:12] not in repr(shown)
    assert "…ozql" in verdict.sentence


def test_names_that_people_give_stay_as_they_are() -> None:
    names = (
        "Volleyball-Damen-2-Liga",
        "SalesTeamNorthEast2024",
        "Sales ❤️ \u200d Nord",
        "internal-server-error",
    )

    assert [GroupPreview("1@g.us", name).subject for name in names] == list(names)


@pytest.mark.parametrize(
    ("expected", "seen", "reason"),
    [
        (f"Sales chat.whatsapp.com/{CODE}", f"sales  chat.whatsapp.com/{CODE}", None),
        ("Sales chat.whatsapp.com/…ozql", f"Sales chat.whatsapp.com/{CODE}", None),
        (f"Sales {CODE}", f"Sales {CODE}", None),
        (f"Sales chat.whatsapp.com/{CODE}", f"Sales chat.whatsapp.com/{OTHER}", Reason.IDENTITY_MISMATCH),
        (f"Sales chat.whatsapp.com/{CODE}", f"Support chat.whatsapp.com/{CODE}", Reason.IDENTITY_MISMATCH),
        ("Volleyball-Damen-2-Liga", "Basketball-Damen-2-Liga", Reason.IDENTITY_MISMATCH),
    ],
)
def test_a_subject_with_a_link_is_compared_alike_on_both_sides(
    expected: str, seen: str, reason: Reason | None
) -> None:
    verdict = verify(allowing(), Expected(subject=expected), GroupPreview("1@g.us", seen))

    assert verdict.reason is reason


@pytest.mark.parametrize("because", LINKS)
def test_the_reason_that_a_person_gives_holds_no_code(because: str) -> None:
    assert CODE[:12] not in (said(because) or "")
    assert said("a spare one") == "a spare one"


class Previewing:
    """A gateway that shows one subject."""

    def __init__(self, subject: str) -> None:
        self.subject = subject

    async def probe(self, code: str) -> ProbeAnswer:
        assert code
        return ProbeAnswer(GatewayAnswer(Outcome.OK), GroupPreview("1@g.us", self.subject))


async def test_a_code_of_ours_is_known_however_it_looks() -> None:
    asked: list[set[str]] = []

    async def ours(words: set[str]) -> set[str]:
        asked.append(words)
        return {ODD} & words

    for subject, shown in [
        (f"Sales {ODD}!", "Sales …0001!"),
        ("Volleyball-Damen-2-Liga", "Volleyball-Damen-2-Liga"),
        ("Sales", "Sales"),
    ]:
        gateway: Any = without_own_codes(Previewing(subject), ours)  # type: ignore[arg-type]
        preview = (await gateway.probe("x")).preview
        assert preview.subject == shown
    assert asked == [{ODD}, {"Volleyball-Damen-2-Liga"}]


async def test_an_import_keeps_codes_in_the_column_code_only_and_says_so(
    database_url: str, tmp_path: Path
) -> None:
    table = (
        "name,code,subject,notes,labels\n"
        f"Sales {ODD},{ODD},Sales chat.whatsapp.com/{CODE},"
        f"see https://chat.whatsapp.com/{OTHER} there,{CODE};x\n"
    )
    async with opened(database_url, tmp_path) as catalogue:
        report = await catalogue.take(table)
        again = await catalogue.take(table)
        stored = repr(await catalogue.everything())

    for code in (CODE, OTHER, ODD):
        assert code not in stored
    assert "Sales …0001" in stored
    assert [one.partition(" only the")[0] for one in report.warnings if "last four" in one] == [
        f"row 2: of the invite code in {cell}," for cell in ("name", "subject", "notes", "labels")
    ]
    assert again.unchanged == 1


async def test_a_refused_cell_is_quoted_without_its_code(sqlite_url: str, tmp_path: Path) -> None:
    async with opened(sqlite_url, tmp_path) as catalogue:
        problems = await catalogue.refused(
            f"name,code,jid,owner,priority\nA,{OTHER},https://chat.whatsapp.com/{CODE},{CODE},{CODE}\n"
        )

    assert len(problems) == 3
    assert not any(CODE[:12] in one for one in problems)


async def test_what_is_stored_already_is_cleaned_and_the_journal_stays_locked(
    empty_database_url: str,
) -> None:
    database = Database(empty_database_url)
    try:
        await schema.upgrade(database, "0004")
        async with database.write() as connection:
            number = (
                await connection.execute(
                    insert(groups)
                    .values(slug="a", name=f"A {ODD}", subject=LINKS[0], created_at=1.0, updated_at=1.0)
                    .returning(groups.c.id)
                )
            ).scalar_one()
            await connection.execute(
                insert(invite_codes).values(
                    group_id=number, ciphertext=b"x", key_id="k", fingerprint="f", last4=ODD[-4:],
                    current=True, source="import", created_at=1.0,
                )
            )  # fmt: skip
            for line in (*LINKS, f"x {ODD}", "nothing"):
                data = json.dumps({"detail": line, "more": [{line: line}]})
                await connection.execute(insert(journal).values(at=1.0, kind="probe", actor="a", data=data))
        await schema.upgrade(database)
        async with database.read() as connection:
            lines = list((await connection.execute(select(journal.c.data).order_by(journal.c.id))).scalars())
            name, subject = (await connection.execute(select(groups.c.name, groups.c.subject))).one()
        with pytest.raises(DBAPIError, match="append-only"):
            async with database.write() as connection:
                await connection.execute(text("UPDATE journal SET kind = 'x'"))
    finally:
        await database.close()

    assert (name, subject) == ("A …0001", "come https://chat.whatsapp.com/…ozql?mode=gi_t now")
    for line in lines:
        found = json.loads(line)
        assert CODE not in repr(found)
        assert CODE[8:] not in repr(found)
        assert ODD not in repr(found)
    assert json.loads(lines[-2])["detail"] == "x …0001"
    assert lines[-1] == json.dumps({"detail": "nothing", "more": [{"nothing": "nothing"}]})
