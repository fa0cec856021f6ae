"""One line of the journal, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.cli.render import clean, timestamp

if TYPE_CHECKING:
    from datetime import tzinfo

    from orchestrator.store.journal import JournalLine

_INSTANTS = ("_at", "until")
_PAST = 1e9  # numbers from here on are instants, smaller ones are not


def journal_line(line: JournalLine, zone: tzinfo) -> str:
    """`2026-11-22 18:27:51 UTC-3  join  "Retail Braga"  outcome=joined n=4`."""
    parts = [timestamp(line.at, zone), clean(line.kind)]
    if line.group is not None:
        parts.append(f'"{clean(line.group)}"')
    elif line.instance is not None:
        parts.append(clean(line.instance))
    said = " ".join(f"{clean(key)}={value_text(key, value, zone)}" for key, value in line.data.items())
    parts.append(said)
    if line.kind.startswith("act."):
        parts.append(f"by {clean(line.actor)}")
    return "  ".join(part for part in parts if part)


def value_text(key: str, value: Any, zone: tzinfo) -> str:
    """What stands behind `key=`; instants as a time, counts without those of nothing."""
    if isinstance(value, float) and value > _PAST and key.endswith(_INSTANTS):
        return f'"{timestamp(value, zone)}"'
    if isinstance(value, dict):
        value = ", ".join(f"{name} {item}" for name, item in value.items() if item)
    text = clean(value)
    return f'"{text}"' if " " in text or not text else text
