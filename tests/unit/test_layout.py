"""No screen cuts a command or a reason, whatever its width; a small one holds what matters most."""

from __future__ import annotations

import io
import os
import re
from dataclasses import replace
from datetime import UTC, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.account.plan_result import Decision, Line, Plan
from orchestrator.cli import formatting, layout
from orchestrator.cli.output import Look, Output
from orchestrator.cli.plan import plan_rows
from orchestrator.cli.render_groups import explanation_text
from orchestrator.cli.render_status import status_text
from orchestrator.cli.status import _HEADERS, _history_row, journal_line
from orchestrator.domain.hints import account_hint, group_hint
from orchestrator.domain.memberships import Bucket, Reason, Status
from orchestrator.status.views import NeedsYouView
from orchestrator.store.recoveries import Scope
from tests.unit.status_samples import EXPLANATION, NEEDS_YOU, NOW, PAST, PAUSE, VIEW

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.domain.hints import Hint
    from orchestrator.status.views import StatusView

WIDTHS = range(60, 201)
ZONE = timezone(timedelta(hours=-3))
CONFIG = "/home/ana/the organisation/rejoin.toml"
HINTS = {
    reason: group_hint(Status.BLOCKED, reason, f"a-group-with-a-rather-long-name-{reason}", to="backup-2")
    for reason in Reason
}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def needy(count: int) -> StatusView:
    """As many groups as there are that need a person, with every reason among them."""
    kinds = list(HINTS.items())
    shown = [kinds[n % len(kinds)] for n in range(min(count, 50))]
    rows = tuple(
        NeedsYouView(
            NEEDS_YOU.row._replace(
                group=f"A Group With a Rather Long Name {n}", reason=reason, slug=f"g-{n}"
            ),
            hint,
        )
        for n, (reason, hint) in enumerate(shown)
    )
    buckets, counts = {**VIEW.buckets, Bucket.NEEDS_YOU: count}, {**VIEW.counts, Status.BLOCKED: count}
    return VIEW._replace(needs_you=rows, buckets=buckets, counts=counts)


def joined(text: str) -> str:
    """The lines of a wrapped text, put together again."""
    return " ".join(text.split())


def judge(text: str, hints: list[Hint], width: int) -> None:
    """Every reason and every command is there; a command is one line, which alone may be wider."""
    together = joined(text)
    for hint in hints:
        assert hint.sentence in together
        assert hint.move in together
        if hint.command is not None:
            command = str(hint.command).replace("rejoin ", f"rejoin -c '{CONFIG}' ", 1)
            assert any(command in line for line in text.splitlines()), command
    for line in text.splitlines():
        assert formatting.columns(line) <= width or line.lstrip().startswith("rejoin -c "), line


@pytest.mark.parametrize("width", WIDTHS)
def test_the_status_cuts_nothing(width: int) -> None:
    view = needy(len(HINTS))

    text = status_text(view, Look(ZONE, width=width, config=CONFIG))

    judge(text, [one.hint for one in view.needs_you], width)
    assert "WhatsApp limits how many groups this account may join now" in joined(text)
    assert 'Last: 04:59:51 join sent to "Retail Braga" (1203@g.us, 214 members), now active' in joined(text)
    assert "12 groups deferred until 05:31: the gateway failed" in joined(text)


@pytest.mark.parametrize("width", WIDTHS)
def test_explain_cuts_nothing(width: int) -> None:
    for reason, hint in HINTS.items():
        one = replace(EXPLANATION, hint=hint, row=replace(EXPLANATION.row, reason=reason))
        text = explanation_text(one, Look(ZONE, width=width, config=CONFIG))
        judge(text, [hint], width)
        assert f"({reason.value})" in joined(text)
        assert "call.probe" in text


def plan() -> Plan:
    lines = tuple(
        Line(n, f"g-{n}", f"A Group With a Rather Long Name {n}", Decision.BLOCKED, hint.sentence, reason)
        for n, (reason, hint) in enumerate(HINTS.items())
    )
    scope = Scope("sales-main")
    return Plan("backup-2", scope, NOW, 9, 4.0, NOW, NOW + 900, None, None, lines)


def screens(width: int) -> Iterator[tuple[str, list[str]]]:
    """Tables: their text at that width, and what must be found in it."""
    rows = plan_rows(plan(), UTC)
    yield table(rows, "", "GROUP", "WHY", width=width, lead=2), [cell for row in rows for cell in row]
    groups = [
        [
            f"A Group With a Rather Long Name {n}",
            f"g-{n}",
            "backup-2",
            "blocked",
            r.value,
            "-",
            "...aB3d",
            "vip",
        ]
        for n, r in enumerate(Reason)
    ]
    names = ("GROUP", "SHORT NAME", "INSTANCE", "STATUS", "REASON", "NEXT", "CODE", "LABELS")
    yield table(groups, *names, width=width, lead=2), [r.value for r in Reason]
    past = [_history_row(PAST, UTC)]
    found = [cell for cell in past[0] if cell != "-"]
    yield table(past, "ID", "STATE", "OUTCOME", *_HEADERS, width=width, lead=3), found


def table(rows: list[list[str]], *headers: str, width: int, lead: int) -> str:
    return layout.table(rows, headers=list(headers), width=width, lead=lead)


@pytest.mark.parametrize("width", WIDTHS)
def test_tables_cut_nothing(width: int) -> None:
    for text, cells in screens(width):
        together = joined(text)
        for cell in cells:
            assert cell in together
        assert all(formatting.columns(line) <= width for line in text.splitlines())


@pytest.mark.parametrize("count", [0, 1, 3, 50, 5000])
@pytest.mark.parametrize("width", [60, 80, 132])
def test_the_headline_and_the_last_join_fit_a_small_terminal(count: int, width: int) -> None:
    look = Look(ZONE, width=width, height=24)

    text = status_text(needy(count), look)

    assert layout.rows(text, width) < 24
    assert text.startswith("Recovering onto backup-2: 61 of ")
    assert "Last: 04:59:51 join sent to" in joined(text)
    if count > 1:
        assert f"{count:,} groups need you." in text
        assert "rejoin groups list --bucket needs_you" in joined(text)


@pytest.mark.parametrize("width", [60, 80])
def test_what_holds_the_account_stands_on_a_small_terminal_before_single_groups(width: int) -> None:
    """It is what `Next:` is about; and what is left out whole is no "more"."""
    refused = PAUSE._replace(reason="credentials_refused", until=None)
    refused = refused._replace(hint=account_hint(Reason.CREDENTIALS_REFUSED, None, "backup-2"))
    view = needy(50)
    view = view._replace(instances=tuple(one._replace(pause=refused) for one in view.instances))

    text = status_text(view, Look(ZONE, width=width, height=24))

    assert "refuses the access token" in joined(text)
    assert "rejoin groups list --bucket needs_you" in joined(text)
    assert not re.search("(NEEDS YOU|WAITING LONGER THAN PLANNED)\n  and ", text)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_log_cuts_nothing(width: int) -> None:
    raw = "(HTTP 500) info query returned status 410: gone | wawp_upstream_error"
    line = replace(EXPLANATION.lines[0], data={"status": "blocked", "reason": "code_revoked", "detail": raw})

    text = layout.lay_out(journal_line(line, UTC), width=width)

    assert joined(text) == journal_line(line, UTC).replace("  ", " ")
    assert all(formatting.columns(one) <= width for one in text.splitlines())


def test_counts_in_the_log_are_wrapped_between_words_and_name_nothing_that_is_not() -> None:
    counts = {"pending": 0, "active": 8, "awaiting_approval": 3, "blocked": 1}
    line = replace(EXPLANATION.lines[0], data={"end": "needs_you", "counts": counts})

    text = layout.lay_out(journal_line(line, UTC), width=60)

    assert 'counts="active 8, awaiting_approval 3, blocked 1"' in joined(text)
    assert all(formatting.columns(one) <= 60 for one in text.splitlines())


def test_a_high_terminal_shows_all() -> None:
    low, high = (status_text(needy(9), Look(ZONE, width=80, height=h)) for h in (24, 200))

    assert high == status_text(needy(9), Look(ZONE, width=80))
    assert low.count("\n") < high.count("\n")


def test_what_a_hint_adds_to_a_command_is_wrapped_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The configuration's file is put in on the way out, and makes lines longer."""
    monkeypatch.setattr("shutil.get_terminal_size", lambda *_: os.terminal_size((60, 24)))
    out = Output(stdout=Terminal(), stderr=Terminal(), config="x.toml")

    out.answer("Nothing recovered yet, no groups stored. Next: rejoin groups import FILE")
    out.warn("none of the 112 groups that are stored has an invite code: rejoin groups import FILE")

    for stream in (out.stdout, out.stderr):
        assert isinstance(stream, Terminal)
        assert "rejoin -c x.toml groups import" in stream.getvalue()
        assert all(formatting.columns(line) <= 60 for line in stream.getvalue().splitlines())


@given(st.text(alphabet="ab \u65e5\u00e9", max_size=300), st.integers(20, 200))
def test_wrapped_text_is_the_same_text(text: str, width: int) -> None:
    plain = formatting.clean(text)

    laid = layout.lay_out(plain, width=width)

    assert joined(laid) == plain
    words = plain.split()
    assert all(formatting.columns(line) <= width or line.strip() in words for line in laid.splitlines())


def test_tables_line_up_by_what_a_terminal_shows() -> None:
    text = layout.table([["日本", "a"], ["abcde", "b"], ["e\u0301", "c"]], headers=["NAME", "X"], width=None)

    assert text.splitlines() == ["NAME   X", "日本   a", "abcde  b", "e\u0301      c"]


def test_tables_are_wrapped_to_a_terminal_and_whole_in_a_pipe() -> None:
    rows = [["name", "x " * 100]]

    narrow = layout.table(rows, headers=["A", "B"], width=60)
    assert all(formatting.columns(line) <= 60 for line in narrow.splitlines())
    assert narrow.count("x") == 100
    assert "x " * 99 in layout.table(rows, headers=["A", "B"], width=None)
