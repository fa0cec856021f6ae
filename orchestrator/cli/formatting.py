"""One place for what is read on a terminal or by a script: harmless text, times, durations, counts, JSON.

No colour library and nothing heavy here: every command pays for this import.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

from orchestrator.domain.recoveries import scope_text

DASH = "-"

# What moves a cursor, hides text or turns its direction; unicodedata calls them control, format, surrogate,
# private use or separator of lines. The joiners inside emoji and Indic words are among them, but harmless.
_HARMFUL = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
_NEW_SIGNS = range(0x10000, 0xE0000)  # emoji and letters that are newer than the interpreter's table
_NEW_EMOJI = range(0x1F000, 0x20000)
_JOINERS = "\u200c\u200d"
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def clean(foreign: object) -> str:
    """Text that came from a gateway, a group or a file: one line, without control or direction characters."""
    text = str(foreign)
    if not (text.isascii() and text.isprintable()):
        kept = (c for c in text if c.isspace() or c in _JOINERS or not _is_harmful(c))
        text = "".join(kept)
    return " ".join(text.split())


def _is_harmful(sign: str) -> bool:
    category = unicodedata.category(sign)
    return category in _HARMFUL or (category == "Cn" and ord(sign) not in _NEW_SIGNS)


def columns(text: str) -> int:
    """How many terminal columns a clean text takes, whatever its colours."""
    if "\x1b" in text:
        text = _COLOURS.sub("", text)
    return len(text) if text.isascii() else sum(map(_sign_columns, text))


def pad(text: str, width: int) -> str:
    return text + " " * max(0, width - columns(text))


def _sign_columns(sign: str) -> int:
    category = unicodedata.category(sign)
    if category in ("Mn", "Me", "Cf"):
        return 0
    if category == "Cn" and ord(sign) in _NEW_EMOJI:
        return 2
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1


def rfc3339(instant: float | None) -> str | None:
    """Seconds since 1970 as `2026-11-22T21:42:00Z`; fractions of a second only where there are any."""
    if instant is None:
        return None
    moment = datetime.fromtimestamp(round(instant, 3), UTC)
    spec = "milliseconds" if moment.microsecond else "seconds"
    return moment.isoformat(timespec=spec).replace("+00:00", "Z")


def offset(instant: float, zone: tzinfo) -> str:
    """`UTC`, `UTC-3`, `UTC+5:30`."""
    away = datetime.fromtimestamp(instant, zone).utcoffset()
    minutes = round(away.total_seconds() / 60) if away else 0
    if not minutes:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'-' if minutes < 0 else '+'}{hours}" + (f":{rest:02d}" if rest else "")


def clock(instant: float, zone: tzinfo, *, now: float, seconds: bool = False) -> str:
    """The time on a wall in that zone; with its date when that is not today's."""
    moment = datetime.fromtimestamp(instant, zone)
    time = moment.strftime("%H:%M:%S" if seconds else "%H:%M")
    today = datetime.fromtimestamp(now, zone).date()
    return time if moment.date() == today else f"{moment.date().isoformat()} {time}"


def clock_with_offset(instant: float, zone: tzinfo, *, now: float) -> str:
    """`18:42 (UTC-3)`."""
    return f"{clock(instant, zone, now=now)} ({offset(instant, zone)})"


def timestamp(instant: float, zone: tzinfo) -> str:
    """Date, time to the second and offset: `2026-11-22 18:42:10 UTC-3`."""
    moment = datetime.fromtimestamp(instant, zone)
    return f"{moment.strftime('%Y-%m-%d %H:%M:%S')} {offset(instant, zone)}"


def duration(seconds: float) -> str:
    """For people, two units at most: `9 s`, `14 min`, `2 h 5 min`, `3 d 4 h`."""
    whole = max(0, round(seconds))
    if whole < 90:
        return f"{whole} s"
    minutes = round(whole / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return _two(minutes, 60, "h", "min")
    return _two(round(minutes / 60), 24, "d", "h")


def _two(total: int, size: int, big: str, small: str) -> str:
    whole, rest = divmod(total, size)
    return f"{whole} {big} {rest} {small}" if rest else f"{whole} {big}"


def plural(count: int, one: str, many: str = "") -> str:
    """`1 group`, `3 groups`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def scope_of_groups(from_name: str | None, labels: Sequence[str], *, chosen: bool = False) -> str:
    """What follows "groups", fit for a terminal: ` of sales-main labelled vip`; nothing for all groups."""
    name = None if from_name is None else clean(from_name)
    return scope_text(name, [clean(label) for label in labels], chosen=chosen)


def as_json(value: Any, *, indent: int | None = 2) -> str:
    """Keys in the order given. JSON escapes control characters; we escape C1 and direction characters."""
    return _escape_harmful(json.dumps(value, ensure_ascii=False, indent=indent))


def _escape_harmful(text: str) -> str:
    if text.isascii() and "\x7f" not in text:
        return text
    return "".join(_escaped(c) if _harmful_in_json(c) else c for c in text)


def _harmful_in_json(sign: str) -> bool:
    return ord(sign) > 0x7E and sign not in _JOINERS and _is_harmful(sign)


def _escaped(sign: str) -> str:
    if ord(sign) < 0x10000:
        return f"\\u{ord(sign):04x}"
    pair = sign.encode("utf-16-be").hex()
    return f"\\u{pair[:4]}\\u{pair[4:]}"
