"""When the next join may be sent. Pure arithmetic over the log of slots; the store runs it under a row lock.

Theory of operation. A slot is a permission to send one join, planned for `send_at` on the database's clock.
Its holder sends inside [send_at, send_at + life] or not at all, so the gateway receives that join at some
moment between `send_at` and the slot's **end**: the moment it finished (was answered or given up), or, while
nobody recorded one, send_at + life + time-out. A new slot's `send_at` is chosen so that at most `limit - 1`
other slots have an end later than send_at - window.

Why no window of 60 s can then hold six: take six receipts and, among them, the slot that was reserved last,
with plan t. When it was reserved, at most four others had an end after t - 60. So one of the other five had
ended, and was received, no later than t - 60; the last one is received no sooner than t. They are 60 s or
more apart. Delays on the way only move a receipt inside its slot's interval, which the argument allows.

The clock may step. Whoever keeps the log notices a step of more than a second and passes a hold of one full
window. After a step back, slots may be planned for moments that lie ahead; no clock that runs on could have
given them, so they tell nothing and are left out, and the hold is longer by the life and the time-out of
those that may still be under way. Ends that lie ahead are drawn in to now.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

HALF_PACE = 0.5
HALF_PACE_FOR = 24 * 3600.0  # seconds at half pace after a pause for trouble that WhatsApp made
HALF_PACE_AFTER_OUTAGE = 3600.0  # seconds at half pace after the session itself was gone
WINDOW = 60.0  # seconds; the vendor's advice: 2 to 5 joins a minute for 100+ groups
LIMIT = 5  # joins the gateway may receive in any window
MIN_SPACING = 12.0  # seconds between two sends
STEP_NOTICED = 1.0  # seconds; a larger step of the clock is noticed by whoever keeps the log


class Wait(StrEnum):
    """Why the next join does not leave now."""

    NOTHING = "nothing"
    SPACING = "spacing"
    WINDOW = "window"
    HOLD = "hold"
    DAILY_LIMIT = "daily_limit"


@dataclass(frozen=True, slots=True)
class PacingPolicy:
    """How joins are spread. All durations in seconds."""

    joins_per_minute: float
    jitter: float
    daily_limit: int  # 0: none
    timeout: float  # the join request is given up after so long
    window: float = WINDOW
    limit: int = LIMIT
    min_spacing: float = MIN_SPACING
    life: float = 10.0  # a slot not used so long after its time is dropped
    lead: float = 1.0  # a slot is reserved so long before its time, to keep the database out of the way

    def slowed(self, factor: float) -> PacingPolicy:
        """The same policy at a fraction of its pace."""
        return replace(self, joins_per_minute=self.joins_per_minute * factor)

    @property
    def spacing(self) -> float:
        """Mean seconds between two sends."""
        return max(60.0 / self.joins_per_minute, self.min_spacing)

    def gap(self, dice: float) -> float:
        """Seconds from one send to the next for a throw of the dice in [0, 1), spread evenly about the mean.

        Never below the minimum: at 5 a minute there is no room for jitter, and the gap is 12 s.
        """
        spread = min(self.jitter * self.spacing, self.spacing - self.min_spacing)
        return self.spacing + (2.0 * dice - 1.0) * spread


@dataclass(frozen=True, slots=True)
class SlotRecord:
    """What pacing needs to know of a slot. `dice` chose the gap that follows it."""

    send_at: float
    finished_at: float | None
    dice: float


@dataclass(frozen=True, slots=True)
class NextSlot:
    """The earliest instant for the next join, and what keeps it from being sooner."""

    at: float
    wait: Wait


def end_of(slot: SlotRecord, policy: PacingPolicy, now: float) -> float:
    """The last instant at which the gateway may receive this slot's join."""
    if slot.finished_at is not None:
        return min(slot.finished_at, now)
    return min(slot.send_at, now + policy.lead) + policy.life + policy.timeout


def next_slot(
    policy: PacingPolicy,
    now: float,
    recent: Sequence[SlotRecord],
    *,
    hold_until: float = 0.0,
    day_full_until: float = 0.0,
) -> NextSlot:
    """Choose the next slot's time. `recent` holds the latest slots, newest first, enough to fill a window."""
    best = NextSlot(now, Wait.NOTHING)
    told = [slot for slot in recent if slot.send_at <= now + policy.lead + STEP_NOTICED]
    still_under_way = policy.life + policy.timeout if len(told) < len(recent) else 0.0
    for candidate in (
        NextSlot(_after_spacing(policy, now, told), Wait.SPACING),
        NextSlot(_after_window(policy, now, told), Wait.WINDOW),
        NextSlot(hold_until + still_under_way, Wait.HOLD),
        NextSlot(day_full_until, Wait.DAILY_LIMIT),
    ):
        if candidate.at > best.at:
            best = candidate
    return best


def _after_spacing(policy: PacingPolicy, now: float, recent: Sequence[SlotRecord]) -> float:
    if not recent:
        return 0.0
    last = recent[0]
    return min(last.send_at, now + policy.lead) + policy.gap(last.dice)


def _after_window(policy: PacingPolicy, now: float, recent: Sequence[SlotRecord]) -> float:
    if len(recent) < policy.limit:
        return 0.0
    ends = heapq.nlargest(policy.limit, (end_of(slot, policy, now) for slot in recent))
    return ends[-1] + policy.window


def worst_window(instants: Iterable[float], window: float = WINDOW) -> int:
    """The largest number of instants inside any half-open window, for checking the log independently."""
    ordered = sorted(instants)
    worst = start = 0
    for index, instant in enumerate(ordered):
        while instant - ordered[start] >= window:
            start += 1
        worst = max(worst, index - start + 1)
    return worst
