"""Accepting what a link opens now: shown first, stored on a word, never another group silently."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import delete

from orchestrator.catalogue.lookup import show_group
from orchestrator.domain.errors import (
    CredentialsError,
    InputRejectedError,
    TemporaryError,
    UsageError,
)
from orchestrator.domain.memberships import Reason, Status
from orchestrator.operations.accepting import Accepted, Asking, Proposal, accept, propose
from orchestrator.simulator.faults import Trouble
from orchestrator.simulator.truth import Kind
from orchestrator.store.tables import invite_codes
from tests.support.by_hand import (
    BACKUP,
    account,
    let_in,
    lines,
    membership,
    network_group,
    put,
    set_group,
    set_instance,
    trouble,
)
from tests.support.stage import Stage, brisk, set_stage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from orchestrator.store.groups import StoredGroup

ANA = "ana@box"
OTHER = "120363999999999999@g.us"


@pytest.fixture
async def stage(database_url: str) -> AsyncIterator[Stage]:
    async with set_stage(database_url, groups=3) as prepared:
        await set_instance(prepared, own_phone=account(prepared).phone)
        yield prepared


async def ask(stage: Stage, *, other_group: bool = False, group: str = "group-1") -> Proposal:
    gateway = stage.gateway()
    asking = Asking(gateway, BACKUP, brisk(), stage.clock, lambda code: code.ciphertext.decode(), ANA)
    try:
        return await propose(stage.database, asking, group, other_group=other_group)
    finally:
        await gateway.close()


async def take(stage: Stage, proposal: Proposal) -> Accepted:
    return await accept(stage.database, proposal, instance=BACKUP, actor=ANA)


async def stored(stage: Stage, group_id: int = 1) -> StoredGroup:
    return (await show_group(stage.database, f"group-{group_id}")).group


async def rename(stage: Stage, **expected: str | None) -> None:
    """What the organisation believes; it knows no JID unless one is given."""
    await set_group(stage, 1, **{"jid": None, "subject": "Old Name", "owner": None} | expected)


async def test_a_renamed_group_is_shown_accepted_and_joined(stage: Stage) -> None:
    await rename(stage)
    await stage.recover(brisk())
    assert (await membership(stage, 1)).reason is Reason.IDENTITY_MISMATCH

    proposal = await ask(stage)
    assert (await stored(stage)).subject == "Old Name", "nothing is stored by looking"
    done = await take(stage, proposal)
    await stage.recover(brisk())

    opened = network_group(stage, 1)
    assert (proposal.before.subject, proposal.after.subject) == ("Old Name", opened.subject)
    assert (done.changed, done.requeued) == (True, 1)
    assert ((await stored(stage)).jid, (await stored(stage)).subject) == (opened.jid, opened.subject)
    assert (await membership(stage, 1)).status is Status.ACTIVE
    said = (await lines(stage, "act.accept"))[0]
    assert said["was"] == {"subject": "Old Name"}
    assert said["now"]["jid"] == opened.jid


async def test_an_owner_who_is_none_of_ours_is_accepted_by_the_jid(stage: Stage) -> None:
    await rename(stage, subject=network_group(stage, 1).subject, owner="5511987654321")
    await put(stage, 1, Status.BLOCKED, Reason.NOT_ON_ALLOW_LIST)

    await take(stage, await ask(stage))
    await stage.recover(brisk())

    assert (await membership(stage, 1)).status is Status.ACTIVE


async def test_what_is_expected_already_needs_no_word_and_goes_back_in_line(stage: Stage) -> None:
    await put(stage, 1, Status.BLOCKED, Reason.IDENTITY_MISMATCH, detail="of another day")

    proposal = await ask(stage)
    done = await take(stage, proposal)

    assert proposal.before == proposal.after
    assert (done.changed, done.requeued) == (True, 1)
    assert (await take(stage, proposal)).changed is False


async def test_another_group_is_refused_and_shown_loudly(stage: Stage) -> None:
    await rename(stage, jid=OTHER)

    with pytest.raises(InputRejectedError, match="opens ANOTHER GROUP") as refusal:
        await ask(stage)

    assert network_group(stage, 1).jid in refusal.value.message
    assert "store the right code: rejoin groups set-code group-1" in refusal.value.hint
    assert (await stored(stage)).jid == OTHER


async def test_a_community_in_the_place_of_its_announcement_group_is_told_as_such(stage: Stage) -> None:
    await rename(stage, jid=OTHER)
    network_group(stage, 1).is_parent, stage.world.faults.engine = True, "noweb"

    await stage.recover(brisk())
    with pytest.raises(InputRejectedError, match="opens A COMMUNITY") as refusal:
        await ask(stage)

    assert "that is a community" in str((await membership(stage, 1)).detail)
    assert "announcement group" in refusal.value.hint


async def test_a_group_that_was_made_anew_needs_the_flag(stage: Stage) -> None:
    await rename(stage, jid=OTHER)
    await put(stage, 1, Status.BLOCKED, Reason.IDENTITY_MISMATCH)

    proposal = await ask(stage, other_group=True)
    await take(stage, proposal)
    await stage.recover(brisk())

    assert proposal.other_group
    assert (await stored(stage)).jid == network_group(stage, 1).jid
    assert (await membership(stage, 1)).status is Status.ACTIVE


async def test_the_jid_of_another_entry_is_refused(stage: Stage) -> None:
    await rename(stage)
    await set_group(stage, 2, jid=network_group(stage, 1).jid)

    with pytest.raises(InputRejectedError, match="of your list"):
        await ask(stage)


async def test_where_the_account_is_in_the_old_group_it_leaves_first(stage: Stage) -> None:
    jid = let_in(stage, 2)
    await rename(stage, jid=OTHER)
    await put(stage, 1, Status.ACTIVE, jid=jid)

    with pytest.raises(InputRejectedError, match="is in ") as refusal:
        await ask(stage, other_group=True)
    assert "rejoin leave group-1" in refusal.value.hint


async def test_what_changed_while_a_person_thought_is_not_overwritten(stage: Stage) -> None:
    await rename(stage)
    proposal = await ask(stage)
    await set_group(stage, 1, subject="Corrected Meanwhile")

    with pytest.raises(TemporaryError, match="was changed meanwhile"):
        await take(stage, proposal)
    assert (await stored(stage)).subject == "Corrected Meanwhile"


@pytest.mark.parametrize(
    ("what", "error"),
    [
        (Trouble.UNAUTHORIZED, CredentialsError),
        (Trouble.GARBAGE, TemporaryError),
    ],
)
async def test_a_probe_that_fails_changes_nothing(
    stage: Stage, what: Trouble, error: type[Exception]
) -> None:
    await rename(stage)
    trouble(stage, what, Kind.PROBE)

    with pytest.raises(error):
        await ask(stage)
    assert (await stored(stage)).subject == "Old Name"
    assert [line["accept"] for line in await lines(stage, "probe")] == [True]


async def test_a_dead_link_needs_a_new_code(stage: Stage) -> None:
    stage.world.network.reset_code(network_group(stage, 1))

    with pytest.raises(InputRejectedError, match="opens no group now") as refusal:
        await ask(stage)
    assert refusal.value.hint == "rejoin groups set-code group-1"


async def test_a_group_without_a_code_has_nothing_to_open(stage: Stage) -> None:
    async with stage.database.write() as connection:
        await connection.execute(delete(invite_codes).where(invite_codes.c.group_id == 1))

    with pytest.raises(UsageError, match="no invite code is stored"):
        await ask(stage)
