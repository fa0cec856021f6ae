"""Whatever reads foreign text takes time in proportion to it: every regular expression, and every reader.

Processor time of this thread, and the least of several runs: a busy machine only ever adds to it. What is
little is good at once; else what counts is the ratio of four times the text: 4 for what is linear, 16 for
what is not.
"""

from __future__ import annotations

import re
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from orchestrator.catalogue import sheets, table_reading
from orchestrator.cli import formatting, layout
from orchestrator.domain import group_fields
from orchestrator.domain.errors import UsageError
from orchestrator.domain.group_fields import quoted
from orchestrator.domain.invites import parse_invite
from orchestrator.domain.outcomes import GroupPreview
from orchestrator.domain.redaction import hide_codes
from orchestrator.domain.verification import Expected, verify
from orchestrator.redact import one_line, scrub
from tests.support.defaults import allowing
from tests.support.expressions import Used, all_patterns, bad_texts, made_at_run_time

if TYPE_CHECKING:
    from collections.abc import Callable

SHORT, LONG = 2_000, 8_000  # characters
MOST = 9.0  # the ratio of both
LITTLE = 0.004  # seconds for the long text: nothing quadratic gets there
PATTERN_LITTLE = 0.0003  # seconds of one pattern for the short text: nothing quadratic gets there
PARTS = 4
TRIES = 5
MOST_TRIES = 50  # of what seems slow: on a busy machine few runs have their caches to themselves


HOSTILE = (
    '."', ".\"'", "> .", "\u0301\u0327", "a\u0345\u0301\u0327\u0334", "\u202e", "\u200b", "\ufdfa", "\x1b[",
    "=", "'=", ";", "a ", "%", "chat.whatsapp.com/", "%25", "%2525", "?code=", "A0b1C2d3E4f5G6h7I8j9K0",
)  # fmt: skip
READERS: dict[str, Callable[[str], object]] = {
    "invite": parse_invite,
    "name": lambda text: group_fields.parse_text(text, group_fields.NAME_LONGEST),
    "name key": group_fields.name_key,
    "notes": group_fields.parse_notes,
    "jid": group_fields.parse_jid,
    "owner": group_fields.parse_owner,
    "priority": group_fields.parse_priority,
    "labels": group_fields.parse_list,
    "slug": group_fields.slug,
    "row": lambda text: table_reading.parse_row(1, {"name": text, "code": text, "labels": text}),
    "quoted": quoted,
    "defused": lambda text: sheets.undefuse(sheets.defuse(text)),
    "verified": lambda text: verify(allowing(), Expected(subject="x"), GroupPreview("1@g.us", text)),
    "codes": hide_codes,
    "scrubbed": scrub,
    "one line": one_line,
    "terminal, wrapped": lambda text: layout.lay_out(formatting.clean(text), width=80, config="c.toml"),
}


@pytest.mark.parametrize("name", READERS)
def test_everything_that_reads_foreign_text_is_linear(name: str) -> None:
    def read(text: str) -> None:
        with suppress(UsageError, ValueError):
            READERS[name](text)

    slow = [
        one
        for one in HOSTILE
        if _seconds(read, long := one * (LONG // len(one))) > LITTLE
        and _ratio(read, one * (SHORT // len(one)), long) > MOST
    ]

    assert slow == []


def joined(text: str) -> None:
    so_far = ""
    for sign in text:
        so_far = sign + so_far


def searched(text: str) -> None:
    for at in range(0, len(text), 40):
        text.count("a", at)


@pytest.mark.parametrize("read", [joined, searched])
def test_a_quadratic_loop_is_caught(read: Callable[[str], None]) -> None:
    text = "ab" * (5 * LONG)

    assert _ratio(read, text[: 10 * SHORT], text) > MOST


@pytest.mark.parametrize("part", range(PARTS))
def test_every_pattern_is_linear(part: int) -> None:
    found = [f"{used.where}: {told}" for used in all_patterns()[part::PARTS] if (told := trouble(used))]

    assert found == []


def test_the_patterns_are_all_found() -> None:
    """Whoever makes a pattern in a function, not from a literal, adds it here, with a reason."""
    found = {used.where.rpartition(".")[2] for used in all_patterns()}

    assert {"_NAMED", "_TEXTS", "WORDING", "_SECRET_NAMES", "_ADDRESS", "_AT_BEGINNING"} <= found
    assert made_at_run_time() == [
        "orchestrator.cli.layout:compile",  # the names of our own commands
        "orchestrator.gateways.answers:compile",  # found in the tables of rules
        "orchestrator.gateways.whatsapp_answers:compile",  # the same
        "orchestrator.redact:compile",  # our own short secrets, escaped
    ]


@pytest.mark.parametrize(
    ("pattern", "method"),
    [
        (r"\beyJ[\w-]+\.[\w-]+", "search"),
        (r"\s*\(at end\)$", "search"),
        (r"[^\s@]+@[^\s@]+", "sub"),
        (r"(?:name|token)[=:]?\w+;", "search"),
        (r'"(?:\\.|[^"\\])*"', "search"),
        (r"\[[^\]]*\]", "sub"),
        (r"[0-9]+(?:\.[0-9]+)*[0-9]*x", "fullmatch"),
        (r"\w*[a-z]+\d", "match"),
        (r"web\.whatsapp\.com/accept\?(?:[^\s&]*&)*?code=", "finditer"),
        (r"[^,;\t]*[^\x00-\x7f][^,;\t]*", "search"),
    ],
)
def test_a_quadratic_pattern_is_caught(pattern: str, method: str) -> None:
    assert trouble(Used("here", re.compile(pattern), frozenset({method})))


def trouble(used: Used) -> str | None:
    """What is told of the first text that is bad enough."""
    for short, long in zip(bad_texts(used.pattern, SHORT), bad_texts(used.pattern, LONG), strict=True):
        for method in sorted(used.methods):
            apply = _applied(used.pattern, method)
            if _seconds(apply, short) < PATTERN_LITTLE:
                continue
            ratio = _ratio(apply, short, long)
            if ratio > MOST:
                return f"{method} takes {ratio:.0f} times for 4 times {short[:40]!r}: {used.pattern.pattern}"
    return None


def _applied(pattern: re.Pattern[str], method: str) -> Callable[[str], object]:
    if method in {"sub", "subn"}:
        return lambda text: pattern.sub("", text)
    if method == "finditer":
        return lambda text: list(pattern.finditer(text))
    chosen: Callable[[str], object] = getattr(pattern, method)
    return chosen


def _ratio(act: Callable[[str], object], short: str, long: str) -> float:
    """Of the long text's least time to the short one's. What is good at once is not tried again.

    What takes a second for the short text alone is cubic or worse: infinite.
    """
    if _seconds(act, short) > 1:
        return float("inf")
    little = min(_seconds(act, short) for _ in range(4 * TRIES))
    much = float("inf")
    for _ in range(MOST_TRIES):
        much = min(much, _seconds(act, long))
        if much < MOST * little:
            break
    return much / little


def _seconds(act: Callable[[str], object], text: str) -> float:
    began = time.thread_time()
    act(text)
    return max(1e-9, time.thread_time() - began)
