from __future__ import annotations

import shlex

import pytest

from orchestrator.domain.hints import Mover, account_hint, explain_reason, group_hint
from orchestrator.domain.memberships import REASON_REQUIRED, Bucket, Reason, Status, bucket

COMMANDS = {"accept", "diagnostics", "groups", "retry", "skip", "explain", "resume", "doctor"}


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("status", sorted(REASON_REQUIRED))
def test_every_reason_has_a_sentence_a_mover_and_a_move(status: Status, reason: Reason) -> None:
    hint = group_hint(status, reason, "team-porto")

    assert hint.sentence
    assert hint.sentence[0].islower() or hint.sentence.startswith("WhatsApp")
    assert hint.move
    assert not hint.sentence.endswith(".")


@pytest.mark.parametrize("status", Status)
def test_every_status_has_a_hint_without_a_reason(status: Status) -> None:
    assert group_hint(status, None, "team-porto").sentence


@pytest.mark.parametrize("reason", Reason)
def test_who_blocks_is_never_rejoin_itself(reason: Reason) -> None:
    assert group_hint(Status.BLOCKED, reason, "x").mover is not Mover.REJOIN


@pytest.mark.parametrize("reason", Reason)
def test_a_blocked_group_has_a_command_except_when_only_an_admin_can_move(reason: Reason) -> None:
    hint = group_hint(Status.BLOCKED, reason, "x")

    if hint.command is None:
        assert reason is Reason.APPROVAL_PENDING
    else:
        words = shlex.split(str(hint.command))
        assert words[0] == "rejoin"
        assert words[1] in COMMANDS


def test_what_waits_moves_by_itself() -> None:
    for status in Status:
        if bucket(status) in (Bucket.WAITING, Bucket.WORKING):
            assert group_hint(status, None, "x").mover is Mover.REJOIN


def test_the_slug_is_quoted_for_a_shell() -> None:
    hint = group_hint(Status.BLOCKED, Reason.CODE_REVOKED, "a; rm -rf {slug}")

    assert hint.command is not None
    assert shlex.split(str(hint.command)) == ["rejoin", "groups", "set-code", "a; rm -rf {slug}"]


def test_left_by_an_admin_and_left_by_a_person_are_told_apart() -> None:
    by_admin = group_hint(Status.LEFT, Reason.REMOVED_BY_ADMIN, "x")
    by_person = group_hint(Status.LEFT, Reason.OPERATOR, "x")

    assert by_admin.mover is Mover.GROUP_ADMIN
    assert by_person.mover is Mover.YOU
    assert by_admin.sentence != by_person.sentence


def test_a_group_that_is_gone_for_no_known_reason_is_a_persons_and_not_told_as_left_on_purpose() -> None:
    unknown = group_hint(Status.LEFT, None, "x")

    assert bucket(Status.LEFT, None) is Bucket.NEEDS_YOU
    assert unknown.mover is Mover.YOU
    assert str(unknown.command) == "rejoin retry x"
    assert unknown.sentence != group_hint(Status.LEFT, Reason.OPERATOR, "x").sentence


@pytest.mark.parametrize("reason", [None, *Reason])
def test_a_pause_with_an_end_passes_by_itself_and_one_without_names_a_command(reason: Reason | None) -> None:
    ends, stays = account_hint(reason, 1.0, "backup-2"), account_hint(reason, None, "backup-2")

    assert (ends.mover, ends.command) == (Mover.REJOIN, None)
    assert stays.mover is not Mover.REJOIN
    assert str(stays.command) in {
        "rejoin resume --to backup-2",
        "rejoin doctor --to backup-2",
        "rejoin doctor",
    }


def test_no_reason_reads_as_waiting_for_ones_turn() -> None:
    assert explain_reason(None) == "waits for its turn"


def test_another_group_than_the_one_with_the_expected_jid_is_never_advised_to_be_accepted() -> None:
    """`accept` refuses it; a group that is known by its name alone may have a new one."""
    renamed = group_hint(Status.BLOCKED, Reason.IDENTITY_MISMATCH, "x", to="b")
    another = group_hint(Status.BLOCKED, Reason.IDENTITY_MISMATCH, "x", to="b", jid="1203@g.us")

    assert str(renamed.command) == "rejoin accept x --to b"
    assert str(another.command) == "rejoin groups set-code x"
    assert "--other-group" in another.move
