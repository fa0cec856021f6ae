"""Whatever reads foreign text takes time in proportion to it, also where no regular expression is at work."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from orchestrator.cli import render
from orchestrator.domain import groups
from orchestrator.domain.allowlist import AllowList, Expected, verify
from orchestrator.domain.errors import UsageError
from orchestrator.domain.invites import parse_invite
from orchestrator.domain.outcomes import GroupPreview
from orchestrator.domain.redaction import hide_codes
from orchestrator.gateways.redact import one_line, scrub
from orchestrator.services.catalog import rows, words

if TYPE_CHECKING:
    from collections.abc import Callable

SHORT, LONG = 10_000, 100_000  # characters
INSTANT = 0.1  # s of the processor: what is quadratic takes seconds for the long text
RATIO = 40  # linear: 10; quadratic: 100


def seconds(act: Callable[[], object]) -> float:
    """Of this thread's own time: at once where it is little, else the best of three."""
    first = _once(act)
    return first if first < INSTANT / 10 else min(first, _once(act), _once(act))


def _once(act: Callable[[], object]) -> float:
    began = time.thread_time()
    act()
    return time.thread_time() - began


def is_linear(act: Callable[[str], object], short: str, long: str) -> bool:
    if seconds(lambda: act(short)) > INSTANT:  # too much by itself: no need to wait for the long one
        return False
    if _once(lambda: act(long)) <= INSTANT:
        return True
    return seconds(lambda: act(long)) <= max(INSTANT, RATIO * seconds(lambda: act(short)))


HOSTILE = (
    '."', ".\"'", "> .", "\u0301\u0327", "a\u0345\u0301\u0327\u0334", "\u202e", "\u200b", "\ufdfa", "\x1b[",
    "=", "'=", ";", "a ", "%", "chat.whatsapp.com/", "%25", "%2525", "?code=", "A0b1C2d3E4f5G6h7I8j9K0",
)  # fmt: skip
READERS: dict[str, Callable[[str], object]] = {
    "invite": parse_invite,
    "name": lambda text: groups.parse_text(text, groups.NAME_LONGEST),
    "name key": groups.name_key,
    "notes": groups.parse_notes,
    "jid": groups.parse_jid,
    "owner": groups.parse_owner,
    "priority": groups.parse_priority,
    "labels": groups.parse_list,
    "slug": groups.slug,
    "row": lambda text: rows.parse_row(1, {"name": text, "code": text, "labels": text}),
    "quoted": words.quoted,
    "defused": lambda text: rows.undefuse(rows.defuse(text)),
    "verified": lambda text: verify(AllowList(), Expected(subject="x"), GroupPreview("1@g.us", text)),
    "codes": hide_codes,
    "scrubbed": scrub,
    "one line": one_line,
    "terminal": lambda text: render.shorten(render.clean(text), 80),
    "terminal, lines": render.clean_lines,
}


@pytest.mark.parametrize("name", READERS)
def test_everything_that_reads_foreign_text_is_linear(name: str) -> None:
    def read(text: str) -> None:
        with suppress(UsageError, ValueError):
            READERS[name](text)

    slow = [
        one for one in HOSTILE if not is_linear(read, one * (SHORT // len(one)), one * (LONG // len(one)))
    ]

    assert not slow
