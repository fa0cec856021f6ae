from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone

import pytest

from orchestrator.cli.render_explain import explanation_text
from orchestrator.cli.render_status import Look, headline, status_text
from orchestrator.domain.hints import account_hint
from orchestrator.domain.memberships import Bucket, Reason, Status
from orchestrator.services.status.views import Eta, EtaReason, Phase
from tests.unit.status_samples import EXPLANATION, INSTANCE, NOW, PAUSE, RECOVERY, VIEW

LOOK = Look(zone=timezone(timedelta(hours=-3)))
RUNNING = replace(VIEW, instances=(replace(INSTANCE, pause=None),))


def test_the_answer_comes_first_with_the_eta_as_clock_time_and_offset() -> None:
    first, second, *_ = status_text(RUNNING, LOOK).splitlines()

    assert (
        first == "Recovering onto backup-2: 61 of 112 groups are back. Done about 05:14 (UTC-3), in 14 min."
    )
    assert second == "3 groups need you."


def test_then_why_and_then_the_parts() -> None:
    text = status_text(RUNNING, LOOK)

    assert "active 61   working 2   waiting 46   needs you 3   skipped 0" in text
    assert "4.0/min; next join in 9 s (spacing between joins); most in 60 s: 4 of 5" in text
    assert 'backup-2  working (gateway: "WORKING") since 04:00, checked 4 s ago' in text
    assert "running on box, process 4711, heartbeat 2 s ago" in text
    assert "store a new code: rejoin groups set-code suppliers-north" in text
    assert "and 2 more: rejoin groups list --bucket needs_you" in text
    assert "12 groups deferred until 05:31: the gateway failed" in text
    assert 'Last: 04:59:51 join sent to "Retail Braga" (1203@g.us, 214 members), now active' in text
    assert (
        "Next scheduled recover: 2027-01-16 02:00 (UTC-3), 2027-01-16T05:00:00Z; last 02:00: nothing to do"
    ) in text


def test_foreign_text_is_stripped_of_control_characters() -> None:
    for text in (status_text(VIEW, LOOK), explanation_text(EXPLANATION, LOOK)):
        assert "\x1b" not in text
        assert "\r" not in text
    assert "gone really" in status_text(VIEW, LOOK)


def test_a_pause_says_why_until_when_and_whose_move() -> None:
    text = status_text(VIEW, LOOK)

    assert (
        "backup-2 is paused until 06:00: WhatsApp limits how many groups this account may join now"
        ' ("rate-overlimit"); it goes on by itself then' in text
    )


def test_a_pause_without_end_names_the_command() -> None:
    stays = replace(PAUSE, reason="operator", until=None, hint=account_hint(Reason.OPERATOR, None), text=None)
    view = replace(
        VIEW, instances=(replace(INSTANCE, pause=stays),), eta=Eta(None, EtaReason.PAUSED), needs_you=()
    )

    text = status_text(view, LOOK)

    assert "Paused until a person resumes it." in text
    assert "backup-2 is paused until a person resumes: a person paused it; resume when it may" in text
    assert "go on: rejoin resume" in text


@pytest.mark.parametrize(
    ("phase", "sentence"),
    [
        (Phase.STOPPING, "Stopping the recovery onto backup-2: 61 of 112 groups are back."),
        (
            Phase.INTERRUPTED,
            "The recovery onto backup-2 was interrupted: 61 of 112 groups are back. rejoin run",
        ),
        (Phase.STOPPED, "The recovery onto backup-2 was stopped at 05:00: 61 of 112 groups are back."),
        (Phase.FINISHED, "The recovery onto backup-2 ended at 05:00: 61 of 112 groups are back."),
    ],
)
def test_the_headline_says_how_the_recovery_stands(phase: Phase, sentence: str) -> None:
    finished_at = NOW if phase in (Phase.STOPPED, Phase.FINISHED) else None
    view = replace(VIEW, recovery=replace(RECOVERY, phase=phase, finished_at=finished_at))

    assert headline(view, LOOK).startswith(sentence)


def test_when_all_are_back_it_says_so() -> None:
    counts = dict.fromkeys(Status, 0) | {Status.ACTIVE: 40}

    assert headline(replace(VIEW, counts=counts), LOOK) == "All 40 groups are in place on backup-2."


def test_with_nothing_recovered_it_says_what_to_do_next() -> None:
    zero = dict.fromkeys(Bucket, 0)
    nothing = replace(
        VIEW,
        recovery=None,
        counts=dict.fromkeys(Status, 0),
        buckets=zero,
        needs_you=(),
        waiting=(),
        instances=(),
        last=None,
        schedule=(),
    )
    empty = replace(nothing, catalogue=replace(VIEW.catalogue, groups=0, with_code=0))

    assert status_text(nothing, LOOK) == (
        "Nothing recovered yet. 112 groups are stored, 2 of them without an invite code. Next: rejoin plan"
    )
    assert status_text(empty, LOOK).endswith("Next: rejoin groups import FILE")


def test_the_bar_has_one_length_whatever_the_numbers() -> None:
    for done in range(113):
        buckets = dict.fromkeys(Bucket, 0) | {Bucket.DONE: done, Bucket.WAITING: 112 - done}
        counts = dict.fromkeys(Status, 0) | {Status.ACTIVE: done, Status.PENDING: 112 - done}
        text = status_text(replace(RUNNING, buckets=buckets, counts=counts), LOOK)
        bar = next(line for line in text.splitlines() if "   active " in line).split()[0]
        assert len(bar) == 34


def test_on_a_narrow_terminal_no_command_is_cut() -> None:
    text = status_text(RUNNING, replace(LOOK, width=40))

    assert "rejoin groups set-code suppliers-north" in text
    assert any(line.endswith("…") for line in text.splitlines())


def test_an_explanation_compares_what_is_expected_with_what_was_seen() -> None:
    text = explanation_text(EXPLANATION, LOOK)

    assert text.splitlines()[0] == "VIP Lisbon on backup-2: blocked (identity_mismatch) since 04:59."
    assert 'Expected    1203@g.us, "VIP Lisbon", owner 351900000000' in text
    assert 'Seen        "Crypto Deals", 12 members' in text
    assert "yours: check the link and store the right code: rejoin groups set-code vip-lisbon" in text
    assert "04:59:10  call.probe        VIP Lisbon  iq=410" in text


def test_what_an_ended_recovery_left_waiting_names_the_next_run() -> None:
    ended = replace(RECOVERY, phase=Phase.FINISHED, finished_at=NOW)
    buckets = dict(VIEW.buckets) | {Bucket.WAITING: 0, Bucket.WORKING: 0}
    done = replace(VIEW, recovery=ended, buckets=buckets)

    assert headline(replace(VIEW, recovery=ended), LOOK).endswith("48 more wait for the next rejoin run.")
    assert headline(done, LOOK).endswith("61 of 112 groups are back.")


def test_a_pause_is_told_where_there_was_no_recovery_yet() -> None:
    refused = replace(PAUSE, reason="credentials_refused", until=None)
    refused = replace(refused, hint=account_hint(Reason.CREDENTIALS_REFUSED, None))
    view = replace(VIEW, recovery=None, instances=(replace(INSTANCE, part=None, pause=refused),))

    assert "backup-2 is paused until a person resumes: the gateway refuses the access token" in status_text(
        view, LOOK
    )


def test_the_journal_below_an_explanation_shows_times_as_times() -> None:
    line = replace(EXPLANATION.lines[0], data={"n": 7, "send_at": NOW, "until": NOW + 60})

    text = explanation_text(replace(EXPLANATION, lines=(line,)), LOOK)

    assert 'n=7 send_at="2027-01-15 05:00:00 UTC-3" until="2027-01-15 05:01:00 UTC-3"' in text
