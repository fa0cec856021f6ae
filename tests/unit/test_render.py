"""Terminal and JSON output: foreign text made harmless, times, durations, tables."""

from __future__ import annotations

import io
import json
import re
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orchestrator.cli import formatting
from orchestrator.cli.output import Output, colors_allowed

SAO_PAULO = ZoneInfo("America/Sao_Paulo")
KOLKATA = ZoneInfo("Asia/Kolkata")
NOON = 1_795_348_800.0  # 2026-11-22T12:00:00Z
HARM = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029\ud800-\udfff]")


@pytest.mark.parametrize(
    ("foreign", "shown"),
    [
        ("Retail Braga", "Retail Braga"),
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("\x1b]8;;http://evil\x07link\x1b]8;;\x07", "]8;;http://evillink]8;;"),
        ("abc\u202edcba", "abcdcba"),
        ("line\none\ttab\rback", "line one tab back"),
        ("c1\x9b31m", "c131m"),
        ("\u2066isolated\u2069", "isolated"),
        (
            "family \U0001f468\u200d\U0001f469\u200d\U0001f467",
            "family \U0001f468\u200d\U0001f469\u200d\U0001f467",
        ),
        ("नमस्ते क्\u200dष", "नमस्ते क्\u200dष"),
        ("مرحبا", "مرحبا"),
        ("an emoji of 2025: \U0001faef", "an emoji of 2025: \U0001faef"),
        ("unassigned: \u2065\U000e0fff", "unassigned:"),
        ("", ""),
    ],
)
def test_foreign_text_keeps_its_letters_and_loses_its_controls(foreign: str, shown: str) -> None:
    assert formatting.clean(foreign) == shown


@given(st.text())
def test_no_foreign_text_can_do_harm(foreign: str) -> None:
    assert not HARM.search(formatting.clean(foreign))
    assert formatting.clean(formatting.clean(foreign)) == formatting.clean(foreign)


@given(st.text())
@example("\x7f\x9b\u202e")
def test_json_carries_every_text_whole_and_harmless(foreign: str) -> None:
    text = formatting.as_json({"subject": foreign}, indent=None)

    assert json.loads(text) == {"subject": foreign}
    assert not HARM.search(text)


def test_json_keeps_the_order_and_its_letters() -> None:
    assert formatting.as_json({"b": "São", "a": []}, indent=None) == '{"b": "São", "a": []}'


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 s"),
        (8.6, "9 s"),
        (89, "89 s"),
        (90, "2 min"),
        (14 * 60, "14 min"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
        (47 * 3600, "47 h"),
        (76 * 3600, "3 d 4 h"),
        (-5, "0 s"),
    ],
)
def test_durations_are_said_in_two_units_at_most(seconds: float, shown: str) -> None:
    assert formatting.duration(seconds) == shown


def test_clock_times_carry_the_offset_and_the_date_only_when_it_is_another() -> None:
    assert formatting.clock_with_offset(NOON, SAO_PAULO, now=NOON) == "09:00 (UTC-3)"
    assert formatting.clock_with_offset(NOON, KOLKATA, now=NOON) == "17:30 (UTC+5:30)"
    assert formatting.clock(NOON + 86400, SAO_PAULO, now=NOON) == "2026-11-23 09:00"
    assert formatting.clock(NOON, ZoneInfo("UTC"), now=NOON, seconds=True) == "12:00:00"
    assert formatting.timestamp(NOON, SAO_PAULO) == "2026-11-22 09:00:00 UTC-3"


def test_instants_are_rfc_3339_in_utc() -> None:
    assert formatting.rfc3339(NOON) == "2026-11-22T12:00:00Z"
    assert formatting.rfc3339(NOON + 0.25) == "2026-11-22T12:00:00.250Z"
    assert formatting.rfc3339(None) is None


def test_counts_agree_with_their_nouns() -> None:
    assert [formatting.plural(n, "group") for n in (0, 1, 2, 1200)] == [
        "0 groups",
        "1 group",
        "2 groups",
        "1,200 groups",
    ]
    assert formatting.plural(2, "primary", "primaries") == "2 primaries"


def test_talk_goes_to_stderr_and_is_silent_when_quiet() -> None:
    stdout, stderr = io.StringIO(), io.StringIO()
    loud, quiet = Output(stdout=stdout, stderr=stderr), Output(quiet=True, stdout=stdout, stderr=stderr)

    loud.say("talk")
    quiet.say("whisper")
    quiet.warn("careful")
    quiet.answer("answer")

    assert stdout.getvalue() == "answer\n"
    assert stderr.getvalue() == "talk\nwarning: careful\n"


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_colour_can_be_refused(environ: dict[str, str]) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    assert colors_allowed(Terminal(), {})
    assert colors_allowed(Terminal(), {"NO_COLOR": ""})
    assert not colors_allowed(Terminal(), environ)
    assert not colors_allowed(io.StringIO(), {})
