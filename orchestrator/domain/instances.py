"""An instance as the store keeps it: the lease, the brakes, and what the gateway last said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from orchestrator.domain.looking import OwnIds

HALF_PACE = 0.5
HALF_PACE_FOR = 24 * 3600.0  # seconds at half pace after a pause for trouble


@dataclass(frozen=True, slots=True)
class InstanceRecord:
    """One row. Instants are seconds since 1970."""

    id: int
    name: str
    role: str
    gateway: str
    account: str
    known_since: float
    fence: int = 0
    lease_holder: str | None = None
    lease_until: float | None = None
    seen_at: float | None = None
    seen_boottime: float | None = None
    seen_boot_id: str | None = None
    seen_database: str | None = None
    pause_reason: str | None = None
    pause_text: str | None = None
    pause_by: str | None = None
    paused_at: float | None = None
    paused_until: float | None = None
    strikes: int = 0
    slow_until: float | None = None
    state: str | None = None
    state_word: str | None = None
    state_since: float | None = None
    state_checked_at: float | None = None
    own_phone: str | None = None
    own_lid: str | None = None
    session_name: str | None = None
    identified_fence: int | None = None
    identity_changed_at: float | None = None
    configured: bool = True

    @property
    def own(self) -> OwnIds:
        """The number behind it, as far as it was ever told."""
        return OwnIds(self.own_phone, self.own_lid)

    def paused(self, now: float) -> bool:
        """Whether no join may be sent now. A pause without an end lasts until a person resumes."""
        if self.pause_reason is None:
            return False
        return self.paused_until is None or self.paused_until > now

    def driven(self, now: float) -> bool:
        """Whether a recovery drives it."""
        return self.lease_holder is not None and self.lease_until is not None and self.lease_until > now

    def pace_factor(self, now: float) -> float:
        """1, or a half for a day after trouble with the account."""
        return HALF_PACE if self.slow_until is not None and self.slow_until > now else 1.0


@dataclass(frozen=True, slots=True)
class ClockPair:
    """One reading of both clocks and of what they belong to, to prove continuity across restarts."""

    database_now: float
    boottime: float
    boot_id: str
    database_id: str
    tolerance: float = 1.0  # seconds by which the two clocks may seem to part


def is_continuous(before: ClockPair | None, after: ClockPair) -> bool:
    """Whether the log of slots can be trusted across the two readings.

    Not so if the machine or the database is another one, or if the database's clock did not move with the
    boot-time timer: after a step ahead slots look older than they are, after a step back they lie ahead.
    """
    if before is None:  # never driven before: it is known since the database was made
        return True
    if before.boot_id != after.boot_id or before.database_id != after.database_id:
        return False
    return abs(_drift(before, after)) <= after.tolerance


def _drift(before: ClockPair, after: ClockPair) -> float:
    return (after.database_now - before.database_now) - (after.boottime - before.boottime)


def session_change(
    record: InstanceRecord, state: str, word: str, now: float
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """What a session's state changes in the row, and the journal line `session` where it is another one."""
    values: dict[str, Any] = {"state": state, "state_word": word or None}
    if record.state == state:
        return values, None
    return values | {"state_since": now}, {"state": state, "word": word, "was": record.state}
