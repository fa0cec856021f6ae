"""An instance as the store keeps it: the lease, the pauses, and what the gateway last said."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from orchestrator.domain.pacing import HALF_PACE

if TYPE_CHECKING:
    from orchestrator.domain.identity import OwnIds


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
    history_epoch: int = 0
    clock_steps: int = 0
    revision: int = 0
    daemon_fence: int | None = None

    @property
    def own(self) -> OwnIds:
        """The number behind it, as far as it was ever told."""
        from orchestrator.domain.identity import OwnIds  # noqa: PLC0415 - for who looks

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
    database_id: str  # what lasts, and behind an @ what changes with a restart of its machine
    tolerance: float = 1.0  # seconds by which the two clocks may seem to part
    under_way: float = 0.0  # seconds that a join may be under way: its slot's life and its time-out

    @property
    def lasting_id(self) -> str:
        return self.database_id.partition("@")[0]


class Continuity(StrEnum):
    """How far the log of slots can be trusted from one reading to the next."""

    WHOLE = "whole"
    CLOCK = "clock"  # every join is in the log, but the instants in it cannot be compared
    HISTORY = "history"  # joins may have been sent that are not in the log


def continuity(before: ClockPair | None, after: ClockPair) -> Continuity:
    """How far the log of slots can be trusted across the two readings.

    Another database may know less. Another machine, or a clock of the database that did not move with the
    boot-time timer, only blurs when slots were used: after a step ahead they look older than they are, after
    a step back they lie ahead.
    """
    if before is None:  # never driven before: it is known since the database was made
        return Continuity.WHOLE
    if before.lasting_id != after.lasting_id:
        return Continuity.HISTORY
    if before.boot_id != after.boot_id:  # a device's number may change from boot to boot
        return Continuity.CLOCK
    if before.database_id != after.database_id:
        return Continuity.HISTORY
    return Continuity.WHOLE if abs(_drift(before, after)) <= after.tolerance else Continuity.CLOCK


def is_continuous(before: ClockPair | None, after: ClockPair) -> bool:
    """Whether the log of slots can be trusted as it stands."""
    return continuity(before, after) is Continuity.WHOLE


def after_gap(record: InstanceRecord, pair: ClockPair, found: Continuity) -> dict[str, Any]:
    """What a row must hold so that nothing is joined too soon. Empty where nothing is in doubt.

    Every join is known since `known_since`. One that this database does not know may still be under way, so
    that moment lies ahead then, and stays as far ahead when a clock steps meanwhile. A new `history_epoch`
    asks for a look at each group before it is joined.
    """
    if found is Continuity.WHOLE:
        return {}
    if found is Continuity.CLOCK:
        stepped = record.seen_boot_id == pair.boot_id
        return {
            "known_since": pair.database_now + _still_ahead(record, pair),
            "clock_steps": record.clock_steps + stepped,
        }
    return {
        "known_since": pair.database_now + pair.under_way,
        "history_epoch": record.history_epoch + 1,
    }


def _still_ahead(record: InstanceRecord, pair: ClockPair) -> float:
    """How far the row's `known_since` lies ahead of the last reading, less the time since then."""
    if record.seen_at is None or record.seen_boottime is None:
        return 0.0
    passed = pair.boottime - record.seen_boottime if record.seen_boot_id == pair.boot_id else 0.0
    return min(max(0.0, record.known_since - record.seen_at - passed), pair.under_way)


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
