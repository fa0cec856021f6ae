from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone
from typing import Any

import pytest

from orchestrator.cli.output import Look
from orchestrator.cli.render_groups import explanation_text
from orchestrator.cli.render_status import headline, status_text
from orchestrator.cli.status import _history_row
from orchestrator.domain.commands import Command, Operation
from orchestrator.domain.eta import Eta, EtaReason, PutOff
from orchestrator.domain.hints import account_hint
from orchestrator.domain.loss_judgement import LossState
from orchestrator.domain.memberships import Bucket, Reason, Status
from orchestrator.status.accounts_and_daemon import NOBODY
from orchestrator.status.views import NO_DAEMON, Phase
from orchestrator.store.events import EventTotals
from orchestrator.store.outbox import OutboxTotals
from tests.unit.status_samples import (
    DAEMON,
    EXPLANATION,
    INSTANCE,
    LOSS,
    NEEDS_YOU,
    NOW,
    OUTBOX,
    PAST,
    PAUSE,
    PRIMARY,
    RECOVERY,
    RUNNER,
    VIEW,
)

LOOK = Look(zone=timezone(timedelta(hours=-3)))
RUNNING = VIEW._replace(
    instances=(PRIMARY, INSTANCE._replace(pause=None)), outbox=OUTBOX._replace(parked=0, pending=0)
)
NOTHING = VIEW._replace(
    recovery=None,
    counts=dict.fromkeys(Status, 0),
    buckets=dict.fromkeys(Bucket, 0),
    needs_you=(),
    waiting=(),
    instances=(),
    last=None,
    schedule=(),
    daemon=NO_DAEMON,
    runner=NOBODY,
    losses=(),
    events=EventTotals(),
    outbox=OutboxTotals(),
    others=(),
)


def test_the_answer_comes_first_with_the_eta_as_clock_time_and_offset() -> None:
    first, second, *_ = status_text(RUNNING, LOOK).splitlines()

    back = "Recovering onto backup-2: 61 of 112 groups of sales-main are back."
    assert first == f"{back} Done about 05:14 (UTC-3), in 14 min."
    assert second == "3 groups need you."


def test_then_why_and_then_the_parts() -> None:
    text = status_text(RUNNING, LOOK)

    assert "active 61   working 2   waiting 46   needs you 3   skipped 0" in text
    assert "4.0/min; next join in 9 s (spacing between joins); most in 60 s: 4 of 5" in text
    assert 'backup-2  working (gateway: "WORKING") since 04:00, checked 4 s ago' in text
    assert (
        "  Daemon      running on box, process 4711, heartbeat 1 s ago, takes webhooks at 127.0.0.1:8080"
        in text
    )
    assert "  Webhooks    87 in the last day, last 20 s ago; 1 not processed yet" in text
    assert "Runner" not in text
    assert "store a new code: rejoin groups set-code suppliers-north" in text
    assert "and 2 more: rejoin groups list --bucket needs_you" in text
    assert "12 groups deferred until 05:31: the gateway failed" in text
    assert 'Last: 04:59:51 join sent to "Retail Braga" (1203@g.us, 214 members), now active' in text
    assert (
        "Next scheduled recover: 2027-01-16 02:00 (UTC-3), 2027-01-16T05:00:00Z; last 02:00: nothing to do"
    ) in text


def test_daemons_that_share_a_database_are_shown_with_their_accounts() -> None:
    names = ("sales-main", *(f"backup-{n}" for n in range(40)))
    other = DAEMON._replace(host="hall", pid=12, leads=False, troubles=(), accounts=names)
    none_yet = other._replace(pid=13, accounts=())

    text = status_text(RUNNING._replace(daemons=(DAEMON, other, none_yet)), LOOK)

    assert "Runner" not in text
    lines = " ".join(text.split())
    assert "works for backup-2; it decides losses, keeps the schedule and tells people" in lines
    assert "running on hall, process 12," in lines
    assert "works for sales-main, backup-0, " in lines
    assert " more Daemon running on hall, process 13," in lines
    assert "works for no account yet" in lines
    assert lines.count("decides losses") == 1


def test_foreign_text_is_stripped_of_control_characters() -> None:
    for text in (status_text(VIEW, LOOK), explanation_text(EXPLANATION, LOOK)):
        assert "\x1b" not in text
        assert "\r" not in text
    ours = NEEDS_YOU._replace(row=NEEDS_YOU.row._replace(reason=Reason.IDENTITY_MISMATCH))
    assert "gone really" in status_text(VIEW._replace(needs_you=(ours,)), LOOK)


def test_a_pause_says_why_until_when_and_whose_move() -> None:
    text = status_text(VIEW, LOOK)

    assert (
        "backup-2 is paused until 06:00: WhatsApp limits how many groups this account may join now"
        "; it goes on by itself then" in text
    )


def test_a_gateways_own_words_stand_in_explain_and_not_on_the_main_screen() -> None:
    raw = "(HTTP 500) info query returned status 410: gone | wawp_upstream_error"
    needy = NEEDS_YOU._replace(row=NEEDS_YOU.row._replace(detail=raw))
    paused = INSTANCE._replace(pause=PAUSE._replace(text=raw))

    text = status_text(VIEW._replace(needs_you=(needy,), instances=(PRIMARY, paused)), LOOK)

    assert "info query" not in text
    assert "the invite code was revoked" in text
    assert raw in explanation_text(replace(EXPLANATION, row=replace(EXPLANATION.row, detail=raw)), LOOK)
    waits = replace(EXPLANATION, row=replace(EXPLANATION.row, detail=None), hint=PAUSE.hint)
    assert raw in explanation_text(replace(waits, pause=PAUSE._replace(text=raw)), LOOK)


@pytest.mark.parametrize(("ago", "said"), [(60, False), (151, True)])
def test_a_gateway_that_does_not_answer_is_said(ago: float, said: bool) -> None:
    silent = INSTANCE._replace(pause=None, checked_at=NOW - ago)

    text = status_text(RUNNING._replace(instances=(PRIMARY, silent)), LOOK)

    assert ("The gateway of backup-2 has not answered since 04:57." in text) is said


def test_a_pause_because_the_gateway_is_down_says_so() -> None:
    hint = account_hint(Reason.GATEWAY_ERROR, NOW + 60, "backup-2")
    pause = PAUSE._replace(reason="gateway_error", hint=hint, text="could not connect")

    text = status_text(RUNNING._replace(instances=(PRIMARY, INSTANCE._replace(pause=pause))), LOOK)

    assert "backup-2 is paused until 06:00: the gateway does not answer; it goes on by itself then" in text


def test_a_persons_own_words_are_shown() -> None:
    skipped = NEEDS_YOU.row._replace(reason=Reason.OPERATOR, detail="closed in May")

    text = status_text(VIEW._replace(needs_you=(NEEDS_YOU._replace(row=skipped),)), LOOK)

    assert "closed in May" in text


@pytest.mark.parametrize(
    ("put_off", "said"),
    [
        ([(Reason.GROUP_FULL, 1, 20_000)], "111 by 05:14; 1 full group again at 10:33 (UTC-3)."),
        ([(Reason.GROUP_LOCKED, 2, 7_200)], "111 by 05:14; 2 locked groups again at 07:00 (UTC-3)."),
        (
            [(Reason.GROUP_FULL, 1, 20_000), (Reason.GATEWAY_ERROR, 3, 3_600)],
            "111 by 05:14; 1 full group again at 10:33; 3 others again at 06:00 (UTC-3).",
        ),
    ],
)
def test_a_group_that_is_put_off_for_long_does_not_hide_when_the_others_are_back(
    put_off: list[tuple[Reason, int, float]], said: str
) -> None:
    later = tuple(PutOff(reason, count, NOW + wait, NOW + wait) for reason, count, wait in put_off)
    eta = Eta(NOW + 20_000, EtaReason.LATER, most=111, most_at=NOW + 840, put_off=later)

    text = headline(RUNNING._replace(eta=eta), LOOK)

    assert text.endswith(f"groups of sales-main are back. {said}")
    assert " h " not in text


def test_with_nothing_but_a_full_group_left_its_time_is_said() -> None:
    later = (PutOff(Reason.GROUP_FULL, 1, NOW + 20_000, NOW + 30_000),)

    text = headline(RUNNING._replace(eta=Eta(NOW + 30_000, EtaReason.LATER, put_off=later)), LOOK)

    assert text.endswith("are back. 1 full group again from 10:33 (UTC-3).")


def test_a_pause_without_end_names_the_command() -> None:
    stays = PAUSE._replace(
        reason="operator", until=None, hint=account_hint(Reason.OPERATOR, None, "backup-2"), text=None
    )
    view = VIEW._replace(
        instances=(INSTANCE._replace(pause=stays),), eta=Eta(None, EtaReason.PAUSED), needs_you=()
    )

    text = status_text(view, LOOK)

    assert "Paused until a person resumes it." in text
    assert "backup-2 is paused until a person resumes: a person paused it; resume when it may" in text
    assert "go on: rejoin resume" in text


@pytest.mark.parametrize(
    ("phase", "sentence"),
    [
        (Phase.STOPPING, "Stopping the recovery onto backup-2: 61 of 112 groups of sales-main are back."),
        (
            Phase.INTERRUPTED,
            "The recovery onto backup-2 was interrupted: 61 of 112 groups of sales-main are back. rejoin",
        ),
        (
            Phase.STOPPED,
            "The recovery onto backup-2 was stopped at 05:00: 61 of 112 groups of sales-main are back.",
        ),
        (
            Phase.FINISHED,
            "The recovery onto backup-2 ended at 05:00: 61 of 112 groups of sales-main are back.",
        ),
    ],
)
def test_the_headline_says_how_the_recovery_stands(phase: Phase, sentence: str) -> None:
    finished_at = NOW if phase in (Phase.STOPPED, Phase.FINISHED) else None
    view = VIEW._replace(recovery=RECOVERY._replace(phase=phase, finished_at=finished_at))

    assert headline(view, LOOK).startswith(sentence)


def test_a_run_that_came_to_its_limit_was_not_interrupted() -> None:
    ended = RECOVERY._replace(phase=Phase.INTERRUPTED, cut_short="after 10 joins (--limit)")

    said = headline(VIEW._replace(recovery=ended), LOOK)

    assert said.startswith(
        "The run onto backup-2 ended after 10 joins (--limit): 61 of 112 groups of sales-main are back."
    )
    assert said.endswith("rejoin run --from sales-main continues it.")


def test_a_recovery_of_the_daemons_that_was_interrupted_is_gone_on_with_by_a_daemon() -> None:
    interrupted = RECOVERY._replace(phase=Phase.INTERRUPTED, driver="daemon")

    assert headline(VIEW._replace(recovery=interrupted), LOOK).endswith("rejoin daemon continues it.")


def test_when_all_are_back_it_says_so() -> None:
    counts = dict.fromkeys(Status, 0) | {Status.ACTIVE: 40}

    assert (
        headline(VIEW._replace(counts=counts), LOOK)
        == "All 40 groups of sales-main are in place on backup-2."
    )


def test_with_nothing_recovered_it_says_what_to_do_next() -> None:
    empty = NOTHING._replace(catalogue=VIEW.catalogue._replace(groups=0, with_code=0))

    assert status_text(NOTHING, LOOK) == (
        "Nothing recovered yet. 112 groups are stored, 2 of them without an invite code. Next: rejoin plan"
    )
    assert status_text(empty, LOOK).endswith("Next: rejoin groups import FILE")


def test_the_bar_has_one_length_whatever_the_numbers() -> None:
    for done in range(113):
        buckets = dict.fromkeys(Bucket, 0) | {Bucket.DONE: done, Bucket.WAITING: 112 - done}
        counts = dict.fromkeys(Status, 0) | {Status.ACTIVE: done, Status.PENDING: 112 - done}
        text = status_text(RUNNING._replace(buckets=buckets, counts=counts), LOOK)
        bar = next(line for line in text.splitlines() if "   active " in line).split()[0]
        assert len(bar) == 34


def test_on_a_narrow_terminal_no_command_is_cut() -> None:
    text = status_text(RUNNING, replace(LOOK, width=40))

    assert "rejoin groups set-code suppliers-north" in text
    assert "…" not in text


def test_an_explanation_compares_what_is_expected_with_what_was_seen() -> None:
    text = explanation_text(EXPLANATION, LOOK)

    assert text.splitlines()[0] == "VIP Lisbon on backup-2: blocked (identity_mismatch) since 04:59."
    assert 'Expected    1203@g.us, "VIP Lisbon", owner 351900000000' in text
    assert 'Seen        "Crypto Deals", 12 members' in text
    assert "else store the right code: rejoin accept vip-lisbon" in text
    assert "04:59:10  call.probe        VIP Lisbon  iq=410" in text


def test_what_an_ended_recovery_left_waiting_names_the_next_run() -> None:
    ended = RECOVERY._replace(phase=Phase.FINISHED, finished_at=NOW)
    buckets = dict(VIEW.buckets) | {Bucket.WAITING: 0, Bucket.WORKING: 0}
    done = VIEW._replace(recovery=ended, buckets=buckets)

    assert headline(VIEW._replace(recovery=ended), LOOK).endswith(
        "48 more wait for the next run: rejoin run --from sales-main"
    )
    assert headline(done, LOOK).endswith("61 of 112 groups of sales-main are back.")


def test_a_pause_is_told_where_there_was_no_recovery_yet() -> None:
    refused = PAUSE._replace(reason="credentials_refused", until=None)
    refused = refused._replace(hint=account_hint(Reason.CREDENTIALS_REFUSED, None, "backup-2"))
    view = VIEW._replace(recovery=None, instances=(INSTANCE._replace(part=None, pause=refused),))

    assert "backup-2 is paused until a person resumes: the gateway refuses the access token" in status_text(
        view, LOOK
    )


def test_the_journal_below_an_explanation_shows_times_as_times() -> None:
    line = replace(EXPLANATION.lines[0], data={"n": 7, "send_at": NOW, "until": NOW + 60})

    text = explanation_text(replace(EXPLANATION, lines=(line,)), LOOK)

    assert 'n=7 send_at="2027-01-15 05:00:00 UTC-3" until="2027-01-15 05:01:00 UTC-3"' in text


def test_the_lost_account_says_since_when_and_how_that_was_decided() -> None:
    text = status_text(VIEW, LOOK)

    assert (
        '  From        sales-main  lost 04:40, gateway: "SCAN_QR_CODE"; decided 04:50 after 10 min by 2'
        " kinds of evidence: the session's state, asked for; a look at its list"
    ) in text
    assert "sales-main is lost" not in text


def test_a_loss_without_a_recovery_says_what_follows() -> None:
    told = LOSS._replace(action="notify", recovery=None, to=None)
    view = NOTHING._replace(losses=(told,))
    held_up = told._replace(detail="no backup is healthy")
    backup = told._replace(instance="backup-2")

    assert (
        status_text(view, LOOK)
        .splitlines()[1]
        .startswith("sales-main is lost since 04:40; decided 04:50 after ")
    )
    assert "Its groups wait for you: rejoin run --from sales-main" in status_text(view, LOOK)
    assert "Nothing followed yet: no backup is healthy." in status_text(
        view._replace(losses=(held_up,)), LOOK
    )
    assert "Recovery 7 onto backup-2 followed." in status_text(view._replace(losses=(LOSS,)), LOOK)
    assert "Link it again at the gateway." in status_text(
        view._replace(losses=(backup,), instances=(INSTANCE,)), LOOK
    )


def test_a_suspected_account_is_told_with_the_last_word_against_it() -> None:
    suspected = LOSS._replace(state=LossState.SUSPECTED, decided_at=None, decided_by=None, recovery=None)

    text = status_text(VIEW._replace(losses=(suspected,)), LOOK)

    assert (
        "sales-main may be lost: suspected since 04:40, not decided yet; last against it: session down."
        in text
    )
    assert 'From        sales-main  needs_login (gateway: "SCAN_QR_CODE") since 04:40' in text


def test_an_account_that_came_back_says_for_how_long_it_was_lost() -> None:
    back = LOSS._replace(state=LossState.RETURNED, ended_at=NOW - 60)
    working = PRIMARY._replace(state="working", state_word=None)

    text = status_text(VIEW._replace(losses=(back,), instances=(working, INSTANCE)), LOOK)

    assert "sales-main  working since 04:40, checked 30 s ago; was lost 04:40 to 04:59" in text


def test_before_the_first_recovery_the_accounts_and_the_daemon_are_there() -> None:
    accounts = (INSTANCE._replace(part=None, pause=None), PRIMARY._replace(part=None))

    lines = status_text(NOTHING._replace(instances=accounts, daemon=DAEMON), LOOK).splitlines()

    assert lines[2].startswith('  Primary     sales-main  needs_login (gateway: "SCAN_QR_CODE")')
    assert lines[3].startswith('  Backup      backup-2  working (gateway: "WORKING")')
    assert lines[4].startswith("  Daemon      running on box, process 4711")
    lost = status_text(NOTHING._replace(instances=accounts, losses=(LOSS,)), LOOK)
    assert lost.count("decided 04:50") == 1
    assert '\n  Primary     sales-main  lost 04:40, gateway: "SCAN_QR_CODE"\n' in lost
    many = tuple(accounts[0]._replace(name=f"backup-{number}") for number in range(40))
    assert "and 28 more: rejoin status --json" in status_text(NOTHING._replace(instances=many), LOOK)


def test_a_daemon_that_is_gone_says_since_when_and_a_run_beside_it_is_shown() -> None:
    gone = RUNNING._replace(daemon=NO_DAEMON._replace(heartbeat_at=NOW - 1200), daemons=())
    beside = RUNNING._replace(runner=RUNNER._replace(pid=12))
    stopping = RUNNING._replace(daemons=(DAEMON._replace(stopping=True),))

    assert "  Daemon      not running since 04:40" in status_text(gone, LOOK)
    assert "  Runner      running on box, process 4711, heartbeat 2 s ago" in status_text(gone, LOOK)
    assert "Runner" not in status_text(gone._replace(runner=NOBODY), LOOK)
    assert "  Runner      running on box, process 12, heartbeat 2 s ago" in status_text(beside, LOOK)
    assert "  Daemon      stopping on box, process 4711" in status_text(stopping, LOOK)


def test_the_daemons_troubles_have_lines_of_their_own() -> None:
    text = status_text(VIEW, LOOK)

    assert "  Trouble     outbox hook:crm since 04:55: connection [31mrefused" in text


def test_messages_that_were_given_up_name_the_command_and_late_ones_their_receiver() -> None:
    text = status_text(VIEW, replace(LOOK, width=60))
    fresh = VIEW._replace(outbox=OUTBOX._replace(parked=0, oldest_pending_at=NOW - 10))

    assert "2 messages were given up: rejoin outbox list" in text
    assert "  Outbox      3 messages wait since 04:53 for hook:crm" in text
    assert "Outbox" not in status_text(fresh, LOOK)
    assert "given up" not in status_text(fresh, LOOK)


def test_other_open_recoveries_are_named_with_the_command_that_shows_them() -> None:
    many = VIEW._replace(others=VIEW.others * 8)

    assert "Recovery 6 onto backup-1 is running: rejoin status 6" in status_text(VIEW, LOOK)
    assert "and 3 more: rejoin history" in status_text(many, LOOK)


def test_the_history_says_which_recovery_one_goes_on_with() -> None:
    first = replace(PAST, row=PAST.row._replace(follows_id=None))

    assert _history_row(PAST, LOOK.zone)[0] == "7 (goes on with 6)"
    assert _history_row(first, LOOK.zone)[0] == "7"


def test_a_recovery_is_not_everything() -> None:
    one = RECOVERY._replace(phase=Phase.FINISHED, finished_at=NOW, never_tried=1, beyond=2)

    lines = status_text(VIEW._replace(recovery=one), LOOK).splitlines()

    assert lines[1] == "1 group was never tried: rejoin run --from sales-main"
    assert lines[2] == "2 groups outside its scope are in no recovery."


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"phase": Phase.INTERRUPTED}, "were never tried: rejoin run --from sales-main"),
        ({"phase": Phase.RUNNING}, "were never tried; when this is over: rejoin run --from sales-main"),
        (
            {"phase": Phase.INTERRUPTED, "chosen": True},
            "were never tried, and this recovery takes up no others.",
        ),
        ({"phase": Phase.FINISHED, "chosen": True}, "were never tried: rejoin run --from sales-main"),
    ],
)
def test_what_is_advised_for_groups_never_tried_would_try_them(changes: dict[str, Any], said: str) -> None:
    one = RECOVERY._replace(never_tried=2, driver="person", **changes)

    assert f"2 groups {said}" in status_text(VIEW._replace(recovery=one), LOOK).splitlines()


def test_what_other_recoveries_left_is_told() -> None:
    one = RECOVERY._replace(phase=Phase.FINISHED, finished_at=NOW, left_behind=1)

    said = (
        "1 group is not in place on backup-2 and not in this recovery: rejoin groups list --instance backup-2"
    )
    assert said in status_text(VIEW._replace(recovery=one), LOOK).splitlines()


def test_labels_and_chosen_groups_stand_in_the_headline() -> None:
    labelled = RECOVERY._replace(from_name=None, labels=("vip", "no\x1brth"))
    plan = Command(Operation.PLAN, from_name="sales-main")
    chosen = RECOVERY._replace(phase=Phase.STOPPED, chosen=True, command=plan)

    assert "61 of 112 groups labelled vip or north are back" in headline(
        VIEW._replace(recovery=labelled), LOOK
    )
    said = headline(VIEW._replace(recovery=chosen), LOOK)
    assert (
        "61 of 112 groups of sales-main (chosen ones) are back. rejoin plan --from sales-main shows" in said
    )


def test_the_history_shows_labels_and_whether_groups_were_chosen() -> None:
    one = replace(PAST, labels=("north", "vip"), row=PAST.row._replace(fixed=True))

    assert _history_row(one, LOOK.zone)[4:6] == ["sales-main", "north, vip"]
    assert _history_row(one, LOOK.zone)[8] == "61 of 112 chosen"
